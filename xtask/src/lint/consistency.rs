//! Parts of the document that speak of the same thing agree.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use super::Findings;
use crate::check::nulls::admits_null;
use crate::check::shape::{Visit, one_of};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::spec::Document;
use crate::spec::tree::Node;

pub(super) fn lint(document: &Document, visits: &[Visit<'_>], findings: &mut Findings) {
    clashing_codes(document, findings);
    mentioned_codes(document, findings);
    tags(document, findings);
    unused_components(document, findings);
    formats(visits, findings);
    nulls(document, visits, findings);
    urls(visits, findings);
    versions(document, findings);
}

/// A code has the same name, message and category wherever it is listed.
fn clashing_codes(document: &Document, findings: &mut Findings) {
    let mut first: HashMap<i64, &Node> = HashMap::new();
    for operation in document.operations() {
        for code in operation.node.items_of("x-error-codes") {
            let Some(number) = code.get("code").and_then(Node::as_i64) else {
                continue;
            };
            let earlier = *first.entry(number).or_insert(code);
            for key in ["name", "message", "category"] {
                let (Some(one), Some(other)) = (earlier.get(key), code.get(key)) else {
                    continue;
                };
                if one.as_str() != other.as_str() {
                    let message = format!(
                        "the {key} of {number} is `{}` here and `{}` elsewhere",
                        other.as_str().unwrap_or_default(),
                        one.as_str().unwrap_or_default()
                    );
                    let diagnostic = Diagnostic::new(other.at, message);
                    findings.error(
                        "code-clash",
                        diagnostic.hint(format!("the other is on line {}", one.at.line)),
                    );
                }
            }
        }
    }
}

/// A code that the text of an operation speaks of is one that the operation may answer.
fn mentioned_codes(document: &Document, findings: &mut Findings) {
    // The pattern is a constant, and a test compiles it.
    static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(?:24|99)\d{3}\b").ok());
    let Some(pattern) = &*CODE else { return };
    let numbers = |node: Option<&Node>| -> HashSet<i64> {
        let items = node.map(Node::items).unwrap_or_default();
        items.iter().filter_map(|code| code.get("code")?.as_i64()).collect()
    };
    let common = numbers(document.root.get("x-common-error-codes"));
    for operation in document.operations() {
        let own = numbers(operation.node.get("x-error-codes"));
        let Some(text) = operation.node.get("description") else {
            continue;
        };
        for found in pattern.find_iter(text.as_str().unwrap_or_default()) {
            let number = found.as_str();
            let is_listed = number
                .parse()
                .is_ok_and(|number: i64| own.contains(&number) || common.contains(&number));
            if !is_listed {
                let at = super::text::locate(&document.source, text.at, number);
                let message = format!("the text speaks of the code {number}, which is not listed for this operation");
                let known = own.iter().map(i64::to_string).collect::<Vec<_>>();
                findings.error(
                    "code-mention",
                    Diagnostic::new(at, message)
                        .expected("a code of `x-error-codes` or `x-common-error-codes`")
                        .maybe_hint(did_you_mean(number, known.iter().map(String::as_str))),
                );
            }
        }
    }
}

fn tags(document: &Document, findings: &mut Findings) {
    let declared = document.root.items_of("tags");
    let known: Vec<_> = declared.iter().filter_map(|tag| tag.text("name")).collect();
    let mut used = HashSet::new();
    for operation in document.operations() {
        for tag in operation.node.items_of("tags") {
            let Some(name) = tag.as_str() else { continue };
            used.insert(name);
            if !known.contains(&name) {
                findings.error(
                    "tag-undeclared",
                    Diagnostic::new(tag.at, format!("the tag `{name}` is not declared"))
                        .expected("a tag of the list `tags` at the top")
                        .maybe_hint(did_you_mean(name, known.iter().copied())),
                );
            }
        }
    }
    for tag in declared {
        if let Some(name) = tag.get("name")
            && let Some(text) = name.as_str()
            && !used.contains(text)
        {
            findings.warning(
                "tag-unused",
                Diagnostic::new(name.at, format!("no operation has the tag `{text}`")),
            );
        }
    }
}

/// Components that nothing reachable from an operation refers to. The client generator would make types of them.
fn unused_components(document: &Document, findings: &mut Findings) {
    let mut used = HashSet::new();
    for entry in document.root.entries().iter().filter(|entry| entry.key != "components") {
        references(document, &entry.value, &mut used);
    }
    let security = std::iter::once(&document.root)
        .chain(document.operations().map(|operation| operation.node))
        .filter_map(|node| node.get("security"));
    let schemes = security.flat_map(Node::items).flat_map(Node::entries);
    let schemes: HashSet<_> = schemes.map(|scheme| scheme.key.as_str()).collect();
    for section in document.root.entries_of("components") {
        for component in section.value.entries() {
            let is_used = if section.key == "securitySchemes" {
                schemes.contains(component.key.as_str())
            } else {
                used.contains(format!("#/components/{}/{}", section.key, component.key).as_str())
            };
            if !is_used {
                let message = format!("nothing refers to the component `{}`", component.key);
                let diagnostic = Diagnostic::new(component.at, message);
                findings.error("component-unused", diagnostic.hint("remove it, or refer to it"));
            }
        }
    }
}

fn references<'a>(document: &'a Document, node: &'a Node, used: &mut HashSet<&'a str>) {
    if let Some(reference) = node.text("$ref")
        && used.insert(reference)
        && let Some(target) = document.target(reference)
    {
        references(document, target, used);
    }
    for entry in node.entries() {
        references(document, &entry.value, used);
    }
    for item in node.items() {
        references(document, item, used);
    }
}

/// A format that the generator does not know is passed over, and so is one of another type.
fn formats(visits: &[Visit<'_>], findings: &mut Findings) {
    for visit in visits.iter().filter(|visit| visit.kind == "Schema") {
        let Some(format) = visit.node.get("format") else {
            continue;
        };
        let text = format.as_str().unwrap_or_default();
        let known: &[&str] = match visit.node.text("type") {
            Some("integer") => &["int32", "int64"],
            Some("number") => &["double", "float"],
            // The others would need another crate, and are refused elsewhere.
            Some("string") => &["binary", "byte", "date", "date-time", "password", "uuid"],
            _ => &[],
        };
        if !known.contains(&text) {
            let diagnostic = Diagnostic::new(format.at, format!("the format `{text}` has no meaning for this type"));
            findings.error(
                "format",
                diagnostic
                    .expected(one_of(known))
                    .maybe_hint(did_you_mean(text, known.iter().copied())),
            );
        }
    }
}

/// A member may be null if the text says so, of it or of all members.
fn nulls(document: &Document, visits: &[Visit<'_>], findings: &mut Findings) {
    for visit in visits.iter().filter(|visit| visit.kind == "Schema") {
        let says = |node: &Node| speaks_of_null(node.text("description").unwrap_or_default());
        let all = says(visit.node);
        for property in visit.node.entries_of("properties") {
            if (all || says(&property.value)) && !admits_null(document, &property.value, &["nullable", "x-nullable"]) {
                let message = format!("`{}` may be null by the text, but not by the schema", property.key);
                findings.error(
                    "null",
                    Diagnostic::new(property.at, message).expected("`nullable: true`, or `x-nullable: true`"),
                );
            }
        }
    }
}

fn speaks_of_null(text: &str) -> bool {
    let mut before = "";
    text.split(|character: char| !character.is_alphanumeric()).any(|word| {
        let found = word.eq_ignore_ascii_case("null") && !["never", "not"].contains(&before);
        if !word.is_empty() {
            before = word;
        }
        found
    })
}

/// Links that a reader follows lead somewhere that can be trusted, and can be clicked.
fn urls(visits: &[Visit<'_>], findings: &mut Findings) {
    for visit in visits {
        let key = match visit.kind {
            "ExternalDocumentation" | "Contact" | "License" => "url",
            "Permission" => "source",
            _ => continue,
        };
        let Some(url) = visit.node.get(key) else { continue };
        let text = url.as_str().unwrap_or_default();
        let host = text.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        if !host.is_some_and(|host| host.contains('.') && !text.contains(char::is_whitespace)) {
            let message = format!("`{text}` is no link that a reader can follow");
            findings.error("url", Diagnostic::new(url.at, message).expected("`https://HOST/...`"));
        }
    }
}

/// Versions of the platform are written as it writes them.
fn versions(document: &Document, findings: &mut Findings) {
    for operation in document.operations() {
        if let Some(since) = operation.node.get("x-available-since") {
            version_list(since, &["", ""], findings);
        }
        for permission in operation.node.items_of("x-permissions") {
            if let Some(list) = permission.get("versions") {
                version_list(list, &[", ", " to "], findings);
            }
        }
    }
}

fn version_list(node: &Node, separators: &[&str; 2], findings: &mut Findings) {
    let Some(text) = node.as_str() else { return };
    let is_version = |text: &str| {
        let parts: Vec<_> = text.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| part.parse::<u16>().is_ok())
    };
    let [comma, to] = separators;
    let fits = if comma.is_empty() {
        is_version(text)
    } else {
        text.split(comma).flat_map(|part| part.split(to)).all(is_version)
    };
    if !fits {
        let message = format!("`{text}` is no version of the platform");
        let expected = if comma.is_empty() {
            "three numbers, as in `2.4.0`"
        } else {
            "as in `2.2.0, 2.3.0` or `2.4.0 to 2.4.4`"
        };
        findings.error("version", Diagnostic::new(node.at, message).expected(expected));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_speaks_of_null_if_it_does_not_deny_it() {
        for text in ["Null in the samples.", "May be absent or null: see there", "is `null`"] {
            assert!(super::speaks_of_null(text), "{text}");
        }
        for text in ["", "never null", "It is not null.", "nullable", "an annulled job"] {
            assert!(!super::speaks_of_null(text), "{text}");
        }
    }

    #[test]
    fn the_pattern_is_one() {
        assert!(regex::Regex::new(r"\b(?:24|99)\d{3}\b").is_ok());
    }
}
