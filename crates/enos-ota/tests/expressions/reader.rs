//! A naive reader of expressions: quotes, names, and the words between them. Fuzzing uses it too.

/// A field and the values that it may have.
pub(crate) type Asked = (String, Vec<String>);

/// Reads `a='x' and b in ('y','z')` as the word that joins the criteria (`and` if there is only one) and the criteria.
pub(crate) fn read(text: &str) -> Option<(String, Vec<Asked>)> {
    let mut criteria = Vec::new();
    let mut joined = None;
    let mut rest = text;
    loop {
        let (criterion, after) = criterion(rest)?;
        criteria.push(criterion);
        if after.is_empty() {
            return Some((joined.unwrap_or("and").to_owned(), criteria));
        }
        let (word, after) = after.strip_prefix(' ')?.split_once(' ')?;
        // What binds closer is not documented, so one expression has only one of the words.
        if !matches!(word, "and" | "or") || joined.is_some_and(|before| before != word) {
            return None;
        }
        joined = Some(word);
        rest = after;
    }
}

fn criterion(text: &str) -> Option<(Asked, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let (name, rest) = text.split_at(end);
    if let Some(rest) = rest.strip_prefix('=') {
        let (value, rest) = quoted(rest)?;
        return Some(((name.to_owned(), vec![value]), rest));
    }
    let mut rest = rest.strip_prefix(" in (")?;
    let mut values = Vec::new();
    loop {
        let (value, after) = quoted(rest)?;
        values.push(value);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Some(((name.to_owned(), values), after.strip_prefix(')')?)),
        }
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let (value, rest) = text.strip_prefix('\'')?.split_once('\'')?;
    Some((value.to_owned(), rest))
}
