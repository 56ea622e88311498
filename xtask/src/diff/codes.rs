//! Error codes: those of an operation, those that all have in common, and those of the gateway.

use super::change::{Impact, Subject, breaking, minor, none, patch};
use super::compare::{Comparison, ONLY_TEXT, Pair, state};
use super::uses::operations;
use crate::generate::names::upper_camel_text;
use crate::spec::Document;
use crate::spec::tree::Node;

const OWN: &str = "x-error-codes";
const COMMON: &str = "x-common-error-codes";

/// The codes of one operation.
pub(super) fn own(comparison: &mut Comparison<'_>, id: &str, pair: Pair<'_>) {
    let base_common = list(&comparison.base.root, COMMON);
    let head_common = list(&comparison.head.root, COMMON);
    let lists = Lists {
        subject: Subject::Codes(id.to_owned()),
        enums: format!("`{}ErrorCode`", upper_camel_text(id)),
        base: list(pair.base, OWN),
        head: list(pair.head, OWN),
    };
    if lists.base.is_empty() && lists.head.is_empty() && pair.differ(OWN) {
        let text = format!(
            "the list of the codes of `{id}`, which is empty, {}",
            state(pair, OWN, "is written otherwise")
        );
        comparison.key(&lists.subject, pair, OWN, text, patch(ONLY_TEXT), none(ONLY_TEXT));
    }
    lists.compare(
        comparison,
        |code| is_among(code, head_common).then_some("is now common to all operations"),
        |code| is_among(code, base_common).then_some("was common to all operations"),
    );
}

/// The codes that are not of one operation.
pub(super) fn shared(comparison: &mut Comparison<'_>) {
    let (base, head) = (comparison.base, comparison.head);
    let lists = Lists {
        subject: Subject::Codes("all operations".to_owned()),
        enums: "the enum of every operation".to_owned(),
        base: list(&base.root, COMMON),
        head: list(&head.root, COMMON),
    };
    lists.compare(
        comparison,
        |code| is_everywhere(code, head).then_some("is now listed by every operation"),
        |code| is_everywhere(code, base).then_some("was listed by every operation"),
    );
    let lists = Lists {
        subject: Subject::Codes("the gateway".to_owned()),
        enums: "`GatewayErrorCode`".to_owned(),
        base: list(&base.root, "x-gateway-error-codes"),
        head: list(&head.root, "x-gateway-error-codes"),
    };
    lists.compare(comparison, |_| None, |_| None);
    refusals(comparison);
}

/// What the gateway refuses calls with, told apart by the HTTP status.
fn refusals(comparison: &mut Comparison<'_>) {
    const KEY: &str = "x-gateway-refusals";
    let subject = &Subject::Codes("the gateway".to_owned());
    let (base, head) = (&comparison.base.root, &comparison.head.root);
    let (before, after) = (list(base, KEY), list(head, KEY));
    let status = |refusal: &Node| refusal.get("status").and_then(Node::as_i64);
    let what = |refusal: &Node| format!("the gateway's refusal {}", status(refusal).unwrap_or_default());
    let is_in = |list: &[Node], refusal: &Node| list.iter().any(|other| status(other) == status(refusal));
    for refusal in after {
        let Some(base) = before.iter().find(|other| status(other) == status(refusal)) else {
            let rust = minor("`GatewayRefusal::ALL` gains an entry");
            let wire = minor("a client that does not know the status has to take it as an unknown failure");
            comparison.added(subject, refusal.at, format!("{} is new", what(refusal)), rust, wire);
            continue;
        };
        let pair = Pair {
            base,
            head: refusal,
            at: refusal.at,
        };
        let texts = ["message", "text", "body", "description", "remedy"];
        comparison.texts(subject, pair, &texts, &what(refusal));
        comparison.others(subject, pair, &[&texts[..], &["status"]].concat(), &what(refusal));
    }
    for refusal in before.iter().filter(|refusal| !is_in(after, refusal)) {
        let rust = minor("`GatewayRefusal::ALL` loses an entry");
        let wire = minor("a failure that clients know comes no longer");
        comparison.removed(subject, refusal.at, format!("{} is gone", what(refusal)), rust, wire);
    }
    let pair = Pair {
        base,
        head,
        at: head.at,
    };
    if before.is_empty() && after.is_empty() && pair.differ(KEY) {
        let text = format!(
            "the list of the gateway's refusals, which is empty, {}",
            state(pair, KEY, "is written otherwise")
        );
        comparison.key(subject, pair, KEY, text, patch(ONLY_TEXT), none(ONLY_TEXT));
    }
}

fn list<'a>(node: &'a Node, key: &str) -> &'a [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

/// Whether a list has a code with the same number and name.
fn is_among(code: &Node, list: &[Node]) -> bool {
    let identity = |code: &Node| (number(code), name(code));
    list.iter().any(|other| identity(other) == identity(code))
}

fn is_everywhere(code: &Node, document: &Document) -> bool {
    operations(document).all(|operation| is_among(code, list(&operation.method.value, OWN)))
}

fn number(code: &Node) -> String {
    code.get("code")
        .map_or_else(String::new, |code| code.to_json().to_string())
}

fn name(code: &Node) -> String {
    code.text("name").unwrap_or_default().to_owned()
}

struct Lists<'a> {
    subject: Subject,
    /// The Rust enum with a variant a code.
    enums: String,
    base: &'a [Node],
    head: &'a [Node],
}

impl Lists<'_> {
    /// `moved_to` and `moved_from` tell of another list that makes up for a code that is gone or new in this one.
    fn compare(
        &self,
        comparison: &mut Comparison<'_>,
        moved_to: impl Fn(&Node) -> Option<&'static str>,
        moved_from: impl Fn(&Node) -> Option<&'static str>,
    ) {
        let Self { subject, enums, .. } = self;
        let mut met = Vec::new();
        for code in self.head {
            let same = self.base.iter().find(|other| number(other) == number(code));
            // Another number for the same name, unless that name's number is still there under another name.
            let same = same.or_else(|| {
                let mut others = self.base.iter();
                others.find(|other| {
                    name(other) == name(code) && !self.head.iter().any(|kept| number(kept) == number(other))
                })
            });
            if let Some(before) = same {
                met.push(before.at);
                self.one(comparison, before, code);
                continue;
            }
            let what = what(code);
            if let Some(from) = moved_from(code) {
                let why = "the enum keeps its variant";
                comparison.added(subject, code.at, format!("{what} {from}"), patch(why), none(ELSEWHERE));
                continue;
            }
            let rust = minor(format!("{enums} gains a variant, and may: it is `#[non_exhaustive]`"));
            let wire = minor("a client that does not know the code has to take it as an unknown failure");
            comparison.added(subject, code.at, format!("{what} is new"), rust, wire);
        }
        for code in self.base.iter().filter(|code| !met.contains(&code.at)) {
            let what = what(code);
            if let Some(to) = moved_to(code) {
                let why = "the enum keeps its variant";
                comparison.removed(subject, code.at, format!("{what} {to}"), patch(why), none(ELSEWHERE));
                continue;
            }
            let rust = breaking(format!("{enums} loses the variant `{}`", name(code)));
            let wire = minor("a failure that clients know comes no longer");
            comparison.removed(subject, code.at, format!("{what} is gone"), rust, wire);
        }
    }

    fn one(&self, comparison: &mut Comparison<'_>, base: &Node, head: &Node) {
        let Self { subject, enums, .. } = self;
        let at = head.entry("code").map_or(head.at, |entry| entry.at);
        let pair = Pair { base, head, at };
        let what = what(head);
        let mut say = |key: &str, text: String, rust: Impact, wire: Impact| {
            comparison.key(subject, pair, key, text, rust, wire);
        };
        if pair.differ("name") {
            let (before, after) = (name(base), name(head));
            let text = format!(
                "the code {} was called `{before}` and is called `{after}`",
                number(head)
            );
            let rust = breaking(format!("{enums} loses the variant `{before}`"));
            say("name", text, rust, none("the number is the same"));
        }
        if pair.differ("code") {
            let text = format!("`{}` was {} and is {}", name(head), number(base), number(head));
            let wire = breaking("clients do not recognize the failure by its new number");
            say("code", text, minor("the variant stands for another number"), wire);
        }
        if pair.differ("category") {
            let category = |node: &Node| node.text("category").unwrap_or("nothing").to_owned();
            let text = format!(
                "{what} was of the category `{}` and is of `{}`",
                category(base),
                category(head)
            );
            let rust = minor("the SDK takes the failure for one of another kind");
            say("category", text, rust, none("the platform does not send it"));
        }
        comparison.texts(subject, pair, &["message", "description", "remedy"], &what);
        let known = ["code", "name", "category", "message", "description", "remedy"];
        comparison.others(subject, pair, &known, &what);
    }
}

const ELSEWHERE: &str = "the platform answers it as before";

fn what(code: &Node) -> String {
    format!("the code {} `{}`", number(code), name(code))
}
