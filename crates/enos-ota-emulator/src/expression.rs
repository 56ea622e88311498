//! The expressions of `search` and `searchTask`.
//!
//! Documented are the fields, which operators each takes, that criteria are joined by `and` and `or`, and values in
//! single quotes; the vendor's Java sample uses double quotes too. Assumed are: `and` binds closer than `or`, words are
//! written in small letters, blanks do not matter, and no quote can occur in a value that is quoted with it. Parentheses
//! around criteria are on no page, and are refused like everything else that is not documented.

use std::collections::HashSet;
use std::fmt;

/// What can be searched by: an enum with the fields of one operation.
pub(crate) trait Field: Copy + PartialEq + 'static {
    /// The fields, with the operators that each takes.
    const ALL: &'static [(&'static str, Self, &'static [Operator])];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equals,
    In,
    Like,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equals => "=",
            Self::In => "in",
            Self::Like => "like",
        })
    }
}

/// An expression, as the alternatives that `or` joins, each of the criteria that `and` joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expression<F>(pub(crate) Vec<Vec<Criterion<F>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Criterion<F> {
    pub(crate) field: F,
    pub(crate) test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Is(String),
    In(HashSet<String>),
    /// The text contains this (documented for other searches of the platform as a "fuzzy inquiry").
    Like(Language, String),
}

/// Which text of a name is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// All of them.
    Any,
    /// The default one.
    Default,
    /// That of a locale, or the default one if there is none.
    Locale(&'static str),
}

impl Test {
    /// Whether a text that is not a name passes.
    pub(crate) fn passes(&self, text: &str) -> bool {
        match self {
            Self::Is(value) => value == text,
            Self::In(values) => values.contains(text),
            Self::Like(_, part) => text.contains(part.as_str()),
        }
    }
}

impl<F: Field> Expression<F> {
    /// Whether a field occurs in it.
    pub(crate) fn has(&self, field: F) -> bool {
        self.0.iter().flatten().any(|criterion| criterion.field == field)
    }

    /// Reads an expression. A blank one is met by everything (assumed).
    ///
    /// # Errors
    ///
    /// What is wrong with it, to be put after the word `expression`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens(text);
        let mut token = tokens.next()?;
        if token == Token::End {
            return Ok(Self(vec![Vec::new()]));
        }
        let mut alternatives = vec![Vec::new()];
        loop {
            let criterion = criterion(&token, &mut tokens)?;
            if let Some(last) = alternatives.last_mut() {
                last.push(criterion);
            }
            match tokens.next()? {
                Token::End => return Ok(Self(alternatives)),
                Token::Word("and") => {}
                Token::Word("or") => alternatives.push(Vec::new()),
                other => return Err(format!("has {other} where `and`, `or` or the end was expected")),
            }
            token = tokens.next()?;
        }
    }
}

fn criterion<F: Field>(token: &Token<'_>, tokens: &mut Tokens<'_>) -> Result<Criterion<F>, String> {
    let Token::Word(word) = *token else {
        return Err(format!("has {token} where a field was expected"));
    };
    let (name, suffix) = match word.split_once('.') {
        Some((name, suffix)) => (name, Some(suffix)),
        None => (word, None),
    };
    let Some((_, field, operators)) = F::ALL.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = F::ALL.iter().map(|(name, ..)| *name).collect();
        return Err(format!("has the field `{name}`, expected one of {}", known.join(", ")));
    };
    let language = match suffix {
        None => Language::Any,
        Some(_) if !operators.contains(&Operator::Like) => {
            return Err(format!("has `{word}`, but the field {name} has no languages"));
        }
        // The pages of this operation say `defaultValue`, those of others, and the vendor's samples, `default`.
        Some("default" | "defaultValue") => Language::Default,
        Some("zh_CN") => Language::Locale("zh_CN"),
        Some("en_US") => Language::Locale("en_US"),
        Some(_) => {
            return Err(format!(
                "has `{word}`, expected {name} alone or with .defaultValue, .zh_CN or .en_US"
            ));
        }
    };
    let expected = || {
        let known: Vec<String> = operators.iter().map(Operator::to_string).collect();
        format!("expected {} after {name}", known.join(" or "))
    };
    let operator = match tokens.next()? {
        Token::Equals => Operator::Equals,
        Token::Word("in") => Operator::In,
        Token::Word("like") => Operator::Like,
        other => return Err(format!("has {other}, {}", expected())),
    };
    if !operators.contains(&operator) {
        return Err(format!("has `{operator}`, {}", expected()));
    }
    let test = match operator {
        Operator::Equals => Test::Is(value(tokens)?),
        Operator::Like => Test::Like(language, value(tokens)?),
        Operator::In => Test::In(values(tokens)?),
    };
    Ok(Criterion { field: *field, test })
}

fn value(tokens: &mut Tokens<'_>) -> Result<String, String> {
    match tokens.next()? {
        Token::Text(text) => Ok(text.to_owned()),
        other => Err(format!("has {other} where a value in quotes was expected")),
    }
}

fn values(tokens: &mut Tokens<'_>) -> Result<HashSet<String>, String> {
    match tokens.next()? {
        Token::Open => {}
        other => return Err(format!("has {other} where `(` was expected")),
    }
    let mut values = HashSet::new();
    loop {
        values.insert(value(tokens)?);
        match tokens.next()? {
            Token::Comma => {}
            Token::Close => return Ok(values),
            other => return Err(format!("has {other} where `,` or `)` was expected")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A value, without its quotes.
    Text(&'a str),
    Equals,
    Open,
    Close,
    Comma,
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Text(text) => write!(f, "the value `{text}`"),
            Self::Equals => f.write_str("`=`"),
            Self::Open => f.write_str("`(`"),
            Self::Close => f.write_str("`)`"),
            Self::Comma => f.write_str("`,`"),
            Self::End => f.write_str("its end"),
        }
    }
}

/// What is left of an expression.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Token<'a>, String> {
        let rest = self.0.trim_start();
        let Some(first) = rest.chars().next() else {
            self.0 = rest;
            return Ok(Token::End);
        };
        let (token, length) = match first {
            '=' => (Token::Equals, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '\'' | '"' => {
                let inside = &rest[1..];
                let Some(end) = inside.find(first) else {
                    return Err(format!("has a value without the {first} at its end"));
                };
                (Token::Text(&inside[..end]), end + 2)
            }
            letter if letter.is_ascii_alphabetic() => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (Token::Word(&rest[..end]), end)
            }
            other => return Err(format!("has the character `{other}` where none like it can be")),
        };
        self.0 = &rest[length..];
        Ok(token)
    }
}

#[cfg(test)]
mod tests;
