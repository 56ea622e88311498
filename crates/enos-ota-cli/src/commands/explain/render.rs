//! Explanations for people.

use super::entries::{Entry, Kind, NeededPermission};
use crate::layout::labelled;

const LABEL: usize = 14;

pub(super) fn text(entries: &[Entry]) -> String {
    entries.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(entry: &Entry) -> String {
    let mut lines = vec![match entry.kind {
        Kind::ExitCode | Kind::GatewayRefusal => entry.title.clone(),
        _ => format!("{}: {}", entry.code, entry.title),
    }];
    let mut fact = |label: &str, text: &str| {
        if !text.is_empty() {
            lines.push(labelled(&format!("  {label:<LABEL$}"), text));
        }
    };
    fact("Meaning", &entry.meaning);
    fact("What to do", &entry.remedy);
    fact("Reported by", &reported_by(entry));
    fact("In the SDK", entry.name.unwrap_or_default());
    let mut label = "Permission";
    for (versions, permission, operations) in grouped(&entry.permissions) {
        fact(
            label,
            &format!("EnOS {versions}: {permission} ({})", operations.join(", ")),
        );
        label = "";
    }
    lines.push(String::new());
    lines.join("\n")
}

fn reported_by(entry: &Entry) -> String {
    match entry.kind {
        Kind::GatewayCode => "the token service or the gateway".to_owned(),
        Kind::GatewayRefusal => "the gateway, in place of the platform".to_owned(),
        _ => entry.operations.join(", "),
    }
}

/// The operations that need the same permission, together.
fn grouped(permissions: &[NeededPermission]) -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let mut groups: Vec<(_, _, Vec<_>)> = Vec::new();
    for needed in permissions {
        let same = groups
            .iter_mut()
            .find(|(versions, permission, _)| (*versions, *permission) == (needed.versions, needed.permission));
        match same {
            Some((_, _, operations)) => operations.push(needed.operation),
            None => groups.push((needed.versions, needed.permission, vec![needed.operation])),
        }
    }
    groups
}
