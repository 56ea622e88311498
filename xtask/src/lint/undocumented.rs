//! What no page of the platform says is marked as such wherever the document says it.

use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::Findings;
use super::text::{each, locate, statements};
use crate::diagnostic::Diagnostic;
use crate::spec::Document;

/// The facts, as data: whoever learns that a page does not say something adds it there.
const FACTS: &str = include_str!("undocumented.toml");
/// What tells a reader that no page says it.
const MARKS: [&str; 2] = ["inferred", "not documented"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    fact: Vec<Fact>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    name: String,
    pattern: String,
    unless: Option<String>,
    why: String,
}

struct Rule {
    fact: Fact,
    pattern: Regex,
    unless: Option<Regex>,
}

static RULES: LazyLock<Result<Vec<Rule>, String>> = LazyLock::new(|| rules(FACTS));

pub(super) fn lint(document: &Document, findings: &mut Findings) {
    // A test reads the file of facts, so that it cannot be wrong here.
    let Ok(rules) = &*RULES else { return };
    each(&document.root, &mut |node| {
        for statement in statements(node.as_str().unwrap_or_default()) {
            let lowercase = statement.to_lowercase();
            if MARKS.iter().any(|mark| lowercase.contains(mark)) {
                continue;
            }
            for rule in rules {
                let is_excused = rule.unless.as_ref().is_some_and(|unless| unless.is_match(&statement));
                if let Some(found) = rule.pattern.find(&statement).filter(|_| !is_excused) {
                    let at = locate(&document.source, node.at, &statement[found.start()..]);
                    let message = format!("the platform does not document this: {}", rule.fact.why);
                    findings.error(
                        "undocumented",
                        Diagnostic::new(at, message)
                            .expected("a sentence or bullet that says \"Inferred\" or \"Not documented\"")
                            .hint(format!(
                                "it is the fact `{}` of xtask/src/lint/undocumented.toml",
                                rule.fact.name
                            )),
                    );
                }
            }
        }
    });
}

fn rules(text: &str) -> Result<Vec<Rule>, String> {
    let facts: Facts = toml::from_str(text).map_err(|error| error.to_string())?;
    let regex = |pattern: &str| {
        let built = RegexBuilder::new(pattern).case_insensitive(true).build();
        built.map_err(|error| error.to_string())
    };
    let rule = |fact: Fact| {
        Ok(Rule {
            pattern: regex(&fact.pattern)?,
            unless: fact.unless.as_deref().map(regex).transpose()?,
            fact,
        })
    };
    facts.fact.into_iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::{FACTS, rules};

    #[test]
    fn the_file_of_facts_can_be_read() {
        let rules = rules(FACTS).map(|rules| rules.len());
        assert!(rules.as_ref().is_ok_and(|count| *count > 0), "{rules:?}");
    }
}
