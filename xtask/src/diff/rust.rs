//! Which difference between the documents each difference between the generated clients comes from.

use super::api::{Difference, Touch, differences};
use super::change::{Change, Impact, Level, Marker, Subject, none};
use super::source::Client;
use crate::diagnostic::Mark;
use crate::generate::names::upper_camel_text;
use crate::spec::Document;

/// More names of the generated code than this are no longer read.
const REASONS: usize = 3;

/// Sets the verdict on Rust for each change. What none of them accounts for becomes a change of its own.
pub(super) fn judge(changes: &mut Vec<Change>, base: &Client, head: &Client) {
    let (orders, others): (Vec<_>, Vec<_>) = differences(&base.api, &head.api)
        .into_iter()
        .partition(|difference| difference.is_order);
    let mut alone: Vec<&Difference> = Vec::new();
    let mut found: Vec<Vec<&Impact>> = vec![Vec::new(); changes.len()];
    for difference in &others {
        let bears = |is: &dyn Fn(&Touch) -> bool| -> Vec<usize> {
            let touched = |index: &usize| changes[*index].touches.iter().any(is);
            (0..changes.len()).filter(touched).collect()
        };
        // Of what a change may bear on, the next of kin counts: the member, its type, or anything of the same owner.
        let mut from = bears(&|touch| difference.is_of(touch));
        if from.is_empty() {
            from = bears(&|touch| difference.speaks_of(touch));
        }
        if from.is_empty() {
            from = bears(&|touch| touch.is_owner(&difference.owner));
        }
        for index in &from {
            found[*index].push(&difference.impact);
        }
        if from.is_empty() {
            alone.push(difference);
        }
    }
    for (change, impacts) in changes.iter_mut().zip(&found) {
        let level = impacts.iter().map(|impact| impact.level).max().unwrap_or(Level::None);
        let gravest = impacts.iter().filter(|impact| impact.level == level);
        if level > change.rust.level {
            let mut whys: Vec<_> = gravest.map(|impact| impact.why.to_string()).collect();
            if let more @ 1.. = whys.len().saturating_sub(REASONS) {
                whys.truncate(REASONS);
                whys.push(format!("and {more} more"));
            }
            let why = whys.join("; ").into();
            change.rust = Impact { level, why };
        }
    }
    changes.extend(in_another_order(&orders, &head.document));
    changes.extend(alone.into_iter().map(|difference| {
        let text = format!("the generated code has changed with `{}`", difference.owner);
        unexplained(&head.document, Subject::Document, Mark::START, text, difference)
    }));
}

/// The document says nothing about an order of required members but by listing them in one.
fn in_another_order(orders: &[Difference], head: &Document) -> Vec<Change> {
    let find = |owner: &str| orders.iter().find(|difference| difference.owner == owner);
    let operations = head.operations().filter_map(|operation| {
        let difference = find(&format!("operations::{}", upper_camel_text(operation.id())))?;
        let at = operation
            .node
            .entry("parameters")
            .map_or(operation.method.at, |entry| entry.at);
        let text = format!("the required parameters of `{}` are in another order", operation.id());
        let subject = Subject::Operation(operation.id().to_owned());
        Some(unexplained(head, subject, at, text, difference))
    });
    let schemas = head.schemas().iter().filter_map(|schema| {
        let difference = find(&format!("types::{}", schema.key))?;
        let at = schema.value.entry("properties").map_or(schema.at, |entry| entry.at);
        let text = format!("the required members of `{}` are in another order", schema.key);
        let subject = Subject::Schema(schema.key.clone());
        Some(unexplained(head, subject, at, text, difference))
    });
    operations.chain(schemas).collect()
}

/// What nothing but the generated code shows.
fn unexplained(head: &Document, subject: Subject, at: Mark, text: String, difference: &Difference) -> Change {
    Change {
        subject,
        marker: Marker::Changed,
        text,
        file: head.source.name.clone(),
        line: at.line,
        rust: difference.impact.clone(),
        wire: none("what is sent has no order, or is the same"),
        touches: Vec::new(),
    }
}
