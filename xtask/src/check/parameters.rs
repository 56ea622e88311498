//! Parameters and bodies that the generator can send as the document says.

use super::shape::Visit;
use crate::diagnostic::Diagnostic;

pub(super) fn check(visits: &[Visit<'_>], errors: &mut Vec<Diagnostic>) {
    for visit in visits.iter().filter(|visit| visit.node.get("$ref").is_none()) {
        if visit.kind == "Parameter" {
            parameter(visit, errors);
        } else if visit.kind == "RequestBody" || visit.kind == "Response" {
            content(visit, errors);
        } else if visit.kind == "MediaType"
            && let Some(encoding) = visit.node.entry("encoding")
        {
            errors.push(Diagnostic::new(encoding.at, "`encoding` has no meaning for JSON"));
        }
    }
}

fn parameter(visit: &Visit<'_>, errors: &mut Vec<Diagnostic>) {
    let node = visit.node;
    let place = node.text("in");
    if let Some(explode) = node.get("explode").filter(|explode| explode.to_json() == false) {
        errors.push(
            Diagnostic::new(
                explode.at,
                "`explode: false` would be ignored: the generator repeats the parameter",
            )
            .expected("`explode: true`, or nothing"),
        );
    }
    if let Some(reserved) = node.get("allowReserved").filter(|reserved| reserved.is_true()) {
        errors.push(
            Diagnostic::new(
                reserved.at,
                "`allowReserved` would be ignored: the generator encodes reserved characters",
            )
            .expected("`allowReserved: false`, or nothing"),
        );
    }
    if let Some(content) = node.entry("content") {
        let diagnostic = Diagnostic::new(content.at, "a parameter with `content` cannot be generated");
        errors.push(diagnostic.expected("`schema`"));
    }
    let style = match place {
        Some("query") => "form",
        _ => "simple",
    };
    if let Some(given) = node
        .get("style")
        .filter(|given| given.as_str().is_some_and(|given| given != style))
    {
        errors.push(
            Diagnostic::new(given.at, "this style cannot be generated").expected(format!("`{style}`, or nothing")),
        );
    }
    match (place, node.get("in")) {
        (Some("cookie"), Some(at)) => {
            let diagnostic = Diagnostic::new(at.at, "a cookie parameter cannot be generated");
            errors.push(diagnostic.expected("query, header or path"));
        }
        (Some("path"), _) if !node.says("required") => {
            let at = node.entry("required").map_or(visit.owner, |entry| entry.at);
            errors.push(Diagnostic::new(at, "a path parameter is always required").expected("`required: true`"));
        }
        _ => {}
    }
}

/// A body has one media type, and that is JSON.
fn content(visit: &Visit<'_>, errors: &mut Vec<Diagnostic>) {
    let Some(content) = visit.node.entry("content") else {
        return;
    };
    let types = content.value.entries();
    if types.is_empty() {
        errors.push(Diagnostic::new(content.at, "`content` names no media type").expected("`application/json`"));
    }
    for (index, media_type) in types.iter().enumerate() {
        if index > 0 {
            let message = format!(
                "a second media type, `{}`: the generator can tell only one",
                media_type.key
            );
            errors.push(Diagnostic::new(media_type.at, message).expected("`application/json` alone"));
        } else if media_type.key != "application/json" {
            let message = format!("a body of type `{}` cannot be generated", media_type.key);
            errors.push(Diagnostic::new(media_type.at, message).expected("`application/json`"));
        }
    }
}
