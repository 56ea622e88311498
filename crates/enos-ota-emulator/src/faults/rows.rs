//! Spoils rows of a search, and leaves data out.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{OddRows, Oddity};
use crate::answer;

/// Stands in the JSON for what no JSON value can say, until it is written. No text of a fleet will be like it.
const PLACEHOLDER: &str = "\u{f8ff}odd\u{f8ff}";
const HUGE: usize = 9_000_000;

/// The body of an answer with odd rows; the same body if it has none.
pub(crate) fn spoil(body: &Bytes, oddity: Oddity, rows: &OddRows) -> Bytes {
    let Ok(mut envelope) = serde_json::from_slice::<Value>(body) else {
        return body.clone();
    };
    let Some(list) = envelope.get_mut("data").and_then(Value::as_array_mut) else {
        return body.clone();
    };
    for row in list.iter_mut().filter_map(Value::as_object_mut) {
        match rows {
            OddRows::Device(key) if row.get("deviceKey").and_then(Value::as_str) != Some(key) => {}
            OddRows::Device(_) | OddRows::All => spoil_row(row, oddity),
            OddRows::First => {
                spoil_row(row, oddity);
                break;
            }
        }
    }
    let written = answer::json(&envelope);
    match oddity {
        Oddity::LoneSurrogate => replaced(&written, b"\\ud800"),
        Oddity::InvalidUtf8 => replaced(&written, b"\xff"),
        Oddity::FractionalProgress | Oddity::ObjectDesc | Oddity::HugeDesc | Oddity::OtherJob | Oddity::OtherOrg => {
            written
        }
    }
}

fn spoil_row(row: &mut Map<String, Value>, oddity: Oddity) {
    // Jobs have neither reason nor progress.
    let is_task = row.contains_key("deviceKey");
    let (text, number) = if is_task {
        ("desc", "progress")
    } else {
        ("firmwareVersion", "upgradeTimeout")
    };
    let mut set = |member: &str, value: Value| drop(row.insert(member.to_owned(), value));
    let mut of_others = |member: &str, id: &str| {
        set(member, id.into());
        if is_task {
            set("status", "succeeded".into());
            set("progress", 100.into());
            set("desc", "".into());
        }
    };
    match oddity {
        Oddity::OtherJob => of_others("jobId", "ffffffffffffffffffffffff"),
        Oddity::OtherOrg => of_others("orgId", "o00000000000000"),
        Oddity::LoneSurrogate | Oddity::InvalidUtf8 => set(text, PLACEHOLDER.into()),
        Oddity::FractionalProgress => set(number, json!(-1.5)),
        Oddity::ObjectDesc => set(text, json!({ "reason": "no text" })),
        Oddity::HugeDesc => set(text, "x".repeat(HUGE).into()),
    }
}

/// Puts bytes where the placeholders are.
fn replaced(json: &[u8], by: &[u8]) -> Bytes {
    let placeholder = PLACEHOLDER.as_bytes();
    let mut written = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.windows(placeholder.len()).position(|window| window == placeholder) {
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(by);
        rest = &rest[at + placeholder.len()..];
    }
    written.extend_from_slice(rest);
    written.into()
}

/// The body of an answer without `data` and `pagination`.
pub(crate) fn without_data(body: &Bytes) -> Bytes {
    match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(mut envelope) => {
            envelope.remove("data");
            envelope.remove("pagination");
            answer::json(&envelope)
        }
        Err(_) => body.clone(),
    }
}
