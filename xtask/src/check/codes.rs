//! Error codes are listed once, under names that Rust can have.

use crate::diagnostic::Diagnostic;
use crate::spec::Document;
use crate::spec::tree::Node;

pub(super) fn check(document: &Document, errors: &mut Vec<Diagnostic>) {
    let list = |key| document.root.items_of(key);
    let common = list("x-common-error-codes");
    let gateway = list("x-gateway-error-codes");
    duplicates(common, &[], errors);
    duplicates(gateway, &[], errors);
    refusals(list("x-gateway-refusals"), errors);
    names(common, errors);
    names(gateway, errors);
    for operation in document.operations() {
        let own = operation.node.items_of("x-error-codes");
        duplicates(own, common, errors);
        names(own, errors);
    }
}

/// Entries of `own` that repeat an earlier one, or one of `common`.
fn duplicates(own: &[Node], common: &[Node], errors: &mut Vec<Diagnostic>) {
    for (index, entry) in own.iter().enumerate() {
        let others = || own[..index].iter().chain(common);
        for key in ["code", "name"] {
            let Some(value) = entry.get(key) else { continue };
            let json = value.to_json();
            let same = others()
                .filter_map(|other| other.get(key))
                .find(|other| other.to_json() == json);
            if let Some(same) = same {
                let text = value.as_str().map_or_else(|| json.to_string(), str::to_owned);
                errors.push(
                    Diagnostic::new(value.at, format!("the {key} `{text}` is listed twice"))
                        .hint(format!("it is also on line {}", same.at.line)),
                );
            }
        }
    }
}

/// A refusal is known by its HTTP status, which no other has.
fn refusals(list: &[Node], errors: &mut Vec<Diagnostic>) {
    let statuses = list.iter().filter_map(|entry| entry.get("status"));
    let mut seen: Vec<(i64, &Node)> = Vec::new();
    for status in statuses {
        let Some(number) = status.as_i64() else { continue };
        if !(400..=599).contains(&number) {
            let message = format!("{number} is not the HTTP status of a refusal");
            errors.push(Diagnostic::new(status.at, message).expected("a number from 400 to 599"));
        } else if let Some((_, first)) = seen.iter().find(|(other, _)| *other == number) {
            errors.push(
                Diagnostic::new(status.at, format!("the status {number} is listed twice"))
                    .hint(format!("it is also on line {}", first.at.line)),
            );
        }
        seen.push((number, status));
    }
}

fn names(codes: &[Node], errors: &mut Vec<Diagnostic>) {
    for name in codes.iter().filter_map(|code| code.get("name")) {
        let Some(text) = name.as_str() else { continue };
        let is_variant = text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphanumeric())
            && syn::parse_str::<proc_macro2::Ident>(text).is_ok();
        if !is_variant {
            errors.push(
                Diagnostic::new(name.at, format!("`{text}` cannot be the name of an error code"))
                    .expected("a capital letter, then letters and digits, as in `JobNotFound`"),
            );
        } else if text == "Unknown" {
            errors.push(Diagnostic::new(
                name.at,
                "`Unknown` stands for the codes that are not listed",
            ));
        }
    }
}
