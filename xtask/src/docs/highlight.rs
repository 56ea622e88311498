//! Colours for code, as the site is built: a scanner for comments, texts, numbers and keywords. The libraries for this weigh more
//! than all the rest of the site's generator, and know grammars that no page here needs.

use super::html::{add, escape};

struct Language {
    comment: &'static str,
    quotes: &'static str,
    keywords: &'static [&'static str],
}

fn language(name: &str) -> Option<Language> {
    let (comment, quotes, keywords): (_, _, &[&str]) = match name {
        "rust" => ("//", "\"", RUST),
        "java" => ("//", "\"", JAVA),
        "python" => ("#", "\"'", PYTHON),
        "sh" => ("#", "\"'", SHELL),
        "toml" | "yaml" | "ini" => ("#", "\"'", &["true", "false", "null"]),
        "json" => ("\u{0}", "\"", &["true", "false", "null"]),
        _ => return None,
    };
    Some(Language {
        comment,
        quotes,
        keywords,
    })
}

const RUST: &[&str] = &[
    "as", "async", "await", "break", "const", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let", "loop",
    "match", "mod", "move", "mut", "pub", "return", "self", "static", "struct", "true", "type", "use", "where",
    "while",
];
const JAVA: &[&str] = &[
    "boolean", "catch", "class", "else", "false", "final", "for", "if", "import", "int", "long", "new", "null",
    "package", "private", "public", "return", "static", "throw", "throws", "true", "try", "var", "void", "while",
];
const PYTHON: &[&str] = &[
    "and", "as", "assert", "def", "elif", "else", "except", "False", "for", "from", "if", "import", "in", "lambda",
    "None", "not", "or", "raise", "return", "True", "try", "while", "with", "yield",
];
const SHELL: &[&str] = &[
    "case", "do", "done", "elif", "else", "esac", "exit", "export", "fi", "for", "if", "in", "then", "while",
];

/// Code as HTML. What is in no known language is only escaped.
pub(super) fn highlight(name: &str, code: &str) -> String {
    if name == "console" {
        return session(code);
    }
    let Some(language) = language(name) else {
        return escape(code);
    };
    let mut out = String::new();
    let mut rest = code;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let (kind, length) = token(&language, rest, first, before);
        let (token, after) = rest.split_at(length);
        if kind.is_empty() {
            out.push_str(&escape(token));
        } else {
            add(
                &mut out,
                format_args!("<span class=\"{kind}\">{}</span>", escape(token)),
            );
        }
        before = token.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    out
}

/// The kind of the token at the beginning of a text, and its length in bytes. It is never 0.
fn token(language: &Language, rest: &str, first: char, before: char) -> (&'static str, usize) {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let until = |end: fn(char) -> bool| rest.find(end).unwrap_or(rest.len());
    if rest.starts_with(language.comment) && (before.is_whitespace() || language.comment == "//") {
        return ("c", until(|character| character == '\n'));
    }
    if language.quotes.contains(first) {
        return ("s", quoted(rest, first));
    }
    // Not the 1 of `v2.1`.
    if first.is_ascii_digit() && before != '.' {
        return (
            "n",
            rest.find(|character| !word(character) && character != '.')
                .unwrap_or(rest.len()),
        );
    }
    if word(first) {
        let length = rest.find(|character| !word(character)).unwrap_or(rest.len());
        let keyword = language.keywords.contains(&&rest[..length]);
        return (if keyword { "k" } else { "" }, length);
    }
    ("", first.len_utf8())
}

/// The length of a text in quotes; three of them open one that ends at three.
fn quoted(rest: &str, quote: char) -> usize {
    let triple = quote.to_string().repeat(3);
    if let Some(inner) = rest.strip_prefix(&triple) {
        return inner.find(&triple).map_or(rest.len(), |at| at + 6);
    }
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A session in a terminal: what is typed stands out, and how the tests write an exit code is said in words.
fn session(text: &str) -> String {
    let lines: Vec<_> = text
        .split('\n')
        .map(|line| match (line.strip_prefix("$ "), line.strip_prefix("? ")) {
            (Some(typed), _) => format!("<span class=\"c\">$ </span><b>{}</b>", escape(typed)),
            (_, Some(code)) if code.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("<span class=\"c\">[exit code {code}]</span>")
            }
            _ => escape(line),
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::highlight;

    #[test]
    fn nothing_of_the_code_is_lost() {
        for (name, code) in [
            ("rust", "let a = \"b\\\"\"; // <c>\n1.5"),
            ("python", "x = r\"\"\"{\"a\"}\"\"\"\n"),
            ("sh", "a=${#b} # c"),
            ("json", "{\"ü\": 1"),
        ] {
            let html = highlight(name, code);
            let mut text = String::new();
            let mut tag = false;
            for character in html.chars() {
                match character {
                    '<' => tag = true,
                    '>' => tag = false,
                    _ if !tag => text.push(character),
                    _ => {}
                }
            }
            let text = text.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
            assert_eq!(text.replace("&amp;", "&"), code, "{name}");
        }
    }

    #[test]
    fn comments_texts_and_keywords_are_told_apart() {
        assert_eq!(
            highlight("rust", "let a = \"b\"; // c"),
            "<span class=\"k\">let</span> a = <span class=\"s\">&quot;b&quot;</span>; <span class=\"c\">// c</span>"
        );
        assert_eq!(
            highlight("console", "$ a\n? 1"),
            "<span class=\"c\">$ </span><b>a</b>\n<span class=\"c\">[exit code 1]</span>"
        );
        assert_eq!(highlight("text", "a < b"), "a &lt; b");
    }
}
