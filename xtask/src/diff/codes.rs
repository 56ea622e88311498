//! Error codes: those of an operation, those that all have in common, and those of the gateway.

use super::api::Touch;
use super::change::{Change, Subject, breaking, minor, none};
use super::compare::{Context, Pair, Scope};
use crate::diagnostic::Mark;
use crate::generate::names::upper_camel_text;
use crate::spec::Document;
use crate::spec::tree::Node;

const OWN: &str = "x-error-codes";
const COMMON: &str = "x-common-error-codes";

/// The codes of one operation.
pub(super) fn own(context: &Context<'_>, id: &str, pair: Pair<'_>) -> Vec<Change> {
    let base_common = context.base.root.items_of(COMMON);
    let head_common = context.head.root.items_of(COMMON);
    let lists = Lists {
        scope: Scope::new(context, Subject::Codes(id.to_owned())),
        enums: format!("{}ErrorCode", upper_camel_text(id)),
        pair,
        key: OWN,
    };
    let mut changes = lists.empty(&format!("the list of the codes of `{id}`"));
    changes.extend(lists.compare(
        |code| is_among(code, head_common).then_some("is now common to all operations"),
        |code| is_among(code, base_common).then_some("was common to all operations"),
    ));
    changes
}

/// The codes that are not of one operation.
pub(super) fn shared(context: &Context<'_>) -> Vec<Change> {
    let (base, head) = (context.base, context.head);
    let pair = Pair {
        base: &base.root,
        head: &head.root,
        at: Mark::START,
    };
    let lists = |of: &str, key| Lists {
        scope: Scope::new(context, Subject::Codes(of.to_owned())),
        enums: if key == COMMON {
            "*ErrorCode"
        } else {
            "GatewayErrorCode"
        }
        .to_owned(),
        pair,
        key,
    };
    let common = lists("all operations", COMMON);
    let mut changes = common.compare(
        |code| is_everywhere(code, head).then_some("is now listed by every operation"),
        |code| is_everywhere(code, base).then_some("was listed by every operation"),
    );
    changes.extend(lists("the gateway", "x-gateway-error-codes").compare(|_| None, |_| None));
    let refusals = lists("the gateway", "x-gateway-refusals");
    changes.extend(self::refusals(&refusals));
    changes.extend(refusals.empty("the list of the gateway's refusals"));
    changes
}

/// What the gateway refuses calls with, told apart by the HTTP status.
fn refusals(lists: &Lists<'_>) -> Vec<Change> {
    let (scope, before, after) = (&lists.scope, lists.base(), lists.head());
    let status = |refusal: &Node| refusal.get("status").and_then(Node::as_i64);
    let what = |refusal: &Node| format!("the gateway's refusal {}", status(refusal).unwrap_or_default());
    let mut changes = Vec::new();
    for refusal in after {
        let Some(base) = before.iter().find(|other| status(other) == status(refusal)) else {
            let wire = minor("a client that does not know the status has to take it as an unknown failure");
            let change = scope.added(refusal.at, format!("{} is new", what(refusal)), wire);
            changes.push(change.rust(minor("`GatewayRefusal::ALL` gains an entry")));
            continue;
        };
        let pair = Pair::item(base, refusal);
        let texts = ["message", "text", "body", "description", "remedy"];
        changes.extend(scope.texts(pair, &texts, &what(refusal)));
        changes.extend(scope.others(pair, &[&texts[..], &["status"]].concat(), &what(refusal)));
    }
    let is_gone = |refusal: &&Node| !after.iter().any(|other| status(other) == status(refusal));
    changes.extend(before.iter().filter(is_gone).map(|refusal| {
        let wire = minor("a failure that clients know comes no longer");
        let change = scope.removed(refusal.at, format!("{} is gone", what(refusal)), wire);
        change.rust(minor("`GatewayRefusal::ALL` loses an entry"))
    }));
    changes
}

/// Whether a list has a code with the same number and name.
fn is_among(code: &Node, list: &[Node]) -> bool {
    let identity = |code: &Node| (number(code), name(code));
    list.iter().any(|other| identity(other) == identity(code))
}

fn is_everywhere(code: &Node, document: &Document) -> bool {
    let mut operations = document.operations();
    operations.all(|operation| is_among(code, operation.node.items_of(OWN)))
}

fn number(code: &Node) -> String {
    code.get("code")
        .map_or_else(String::new, |code| code.to_json().to_string())
}

fn name(code: &Node) -> String {
    code.text("name").unwrap_or_default().to_owned()
}

fn what(code: &Node) -> String {
    format!("the code {} `{}`", number(code), name(code))
}

/// A list in both documents.
struct Lists<'a> {
    scope: Scope<'a>,
    /// The Rust enum with one variant per code, or a pattern for several.
    enums: String,
    /// What holds the list, under this key.
    pair: Pair<'a>,
    key: &'static str,
}

impl<'a> Lists<'a> {
    fn base(&self) -> &'a [Node] {
        self.pair.base.items_of(self.key)
    }

    fn head(&self) -> &'a [Node] {
        self.pair.head.items_of(self.key)
    }

    /// What is said of a list that has nothing in it.
    fn empty(&self, what: &str) -> Vec<Change> {
        let is_empty = self.base().is_empty() && self.head().is_empty();
        let state = self.pair.state(self.key, "is written otherwise");
        let text = format!("{what}, which is empty, {state}");
        let change = (is_empty && self.pair.differ(self.key)).then(|| self.scope.text(self.pair, self.key, text));
        change.into_iter().collect()
    }

    /// `moved_to` and `moved_from` tell of another list that makes up for a code that is gone or new in this one.
    fn compare(
        &self,
        moved_to: impl Fn(&Node) -> Option<&'static str>,
        moved_from: impl Fn(&Node) -> Option<&'static str>,
    ) -> Vec<Change> {
        let elsewhere = || none("the platform answers it as before");
        let (base, head) = (self.base(), self.head());
        let mut changes = Vec::new();
        let mut met = Vec::new();
        for code in head {
            let same = base.iter().find(|other| number(other) == number(code));
            // Another number for the same name, unless that name's number is still there under another name.
            let is_kept = |other: &Node| head.iter().any(|kept| number(kept) == number(other));
            let renumbered = || base.iter().find(|other| name(other) == name(code) && !is_kept(other));
            if let Some(before) = same.or_else(renumbered) {
                met.push(before.at);
                changes.extend(self.one(before, code));
                continue;
            }
            let (state, wire) = match moved_from(code) {
                Some(from) => (from, elsewhere()),
                None => (
                    "is new",
                    minor("a client that does not know the code has to take it as an unknown failure"),
                ),
            };
            let scope = self.scope.touching(self.touches(&[code]));
            changes.push(scope.added(code.at, format!("{} {state}", what(code)), wire));
        }
        let gone = base.iter().filter(|code| !met.contains(&code.at));
        changes.extend(gone.map(|code| {
            let (state, wire) = match moved_to(code) {
                Some(to) => (to, elsewhere()),
                None => ("is gone", minor("a failure that clients know comes no longer")),
            };
            let scope = self.scope.touching(self.touches(&[code]));
            scope.removed(code.at, format!("{} {state}", what(code)), wire)
        }));
        changes
    }

    fn touches(&self, codes: &[&Node]) -> Vec<Touch> {
        codes
            .iter()
            .map(|code| Touch::member(&self.enums, name(code)))
            .collect()
    }

    fn one(&self, base: &Node, head: &Node) -> Vec<Change> {
        let at = head.entry("code").map_or(head.at, |entry| entry.at);
        let pair = Pair { base, head, at };
        let scope = self.scope.touching(self.touches(&[base, head]));
        let what = what(head);
        let mut changes = Vec::new();
        if pair.differ("name") {
            let (was, is) = (name(base), name(head));
            let text = format!("the code {} was called `{was}` and is called `{is}`", number(head));
            changes.push(scope.key(pair, "name", text, none("the number is the same")));
        }
        if pair.differ("code") {
            let text = format!("`{}` was {} and is {}", name(head), number(base), number(head));
            let wire = breaking("clients do not recognize the failure by its new number");
            let rust = minor("the variant stands for another number");
            changes.push(scope.key(pair, "code", text, wire).rust(rust));
        }
        if pair.differ("category") {
            let (was, is) = pair.texts("category", "nothing");
            let text = format!("{what} was of the category `{was}` and is of `{is}`");
            let rust = minor("the SDK takes the failure for one of another kind");
            let wire = none("the platform does not send it");
            changes.push(scope.key(pair, "category", text, wire).rust(rust));
        }
        changes.extend(scope.texts(pair, &["message", "description", "remedy"], &what));
        let known = ["code", "name", "category", "message", "description", "remedy"];
        changes.extend(scope.others(pair, &known, &what));
        changes
    }
}
