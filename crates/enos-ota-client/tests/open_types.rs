//! Texts with known values keep the others, and integers may come in quotes.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::{Debug, Display, Write as _};
use std::hash::Hash;

use enos_ota_client::{Integer, JobStatus, JobType, TaskStatus, UpgradePolicy, UpgradeScopeType};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

trait OpenEnum:
    Clone
    + Debug
    + Display
    + Eq
    + Ord
    + Hash
    + Serialize
    + DeserializeOwned
    + From<String>
    + for<'a> From<&'a str>
    + AsRef<str>
    + std::str::FromStr<Err = std::convert::Infallible>
    + 'static
{
}

impl OpenEnum for JobStatus {}
impl OpenEnum for JobType {}
impl OpenEnum for TaskStatus {}
impl OpenEnum for UpgradePolicy {}
impl OpenEnum for UpgradeScopeType {}

/// Every way from a text to a value and back.
fn comes_back<T: OpenEnum>(text: &str) -> T {
    let value = T::from(text);
    assert_eq!(T::from(text.to_owned()), value);
    assert_eq!(text.parse(), Ok(value.clone()));
    // Once from a text that can be borrowed, once from one with an escape in it, and once from one that is handed over.
    assert_eq!(serde_json::from_value::<T>(json!(text)).unwrap(), value);
    assert_eq!(serde_json::from_str::<T>(&json!(text).to_string()).unwrap(), value);
    let mut escaped = "\"".to_owned();
    for unit in text.encode_utf16() {
        write!(escaped, "\\u{unit:04x}").unwrap();
    }
    escaped.push('"');
    assert_eq!(serde_json::from_str::<T>(&escaped).unwrap(), value);

    assert_eq!(serde_json::to_value(&value).unwrap(), json!(text));
    assert_eq!(value.to_string(), text);
    assert_eq!(value.as_ref(), text);
    value
}

fn known<T: OpenEnum>(name: &str, known: &[T]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/ota-jobs.yaml");
    let document: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let listed = document["components"]["schemas"][name]["x-known-values"]
        .as_array()
        .unwrap();
    let listed: Vec<_> = listed.iter().map(|value| value["value"].as_str().unwrap()).collect();
    assert_eq!(known.iter().map(AsRef::as_ref).collect::<Vec<_>>(), listed);
    for (text, value) in listed.into_iter().zip(known) {
        assert_eq!(comes_back::<T>(text), *value);
        assert!(!format!("{value:?}").contains("Unknown"), "{value:?}");
    }
    for text in [
        "paused",
        "Failed",
        "FAILED",
        " failed",
        "",
        "unknown",
        "Pausé \u{1f980}",
    ] {
        let value = comes_back::<T>(text);
        assert_eq!(format!("{value:?}"), format!("Unknown({text:?})"));
        assert!(!known.contains(&value));
        assert!(known.iter().all(|known| *known < value));
    }
    for other in ["1", "null", "{}", "[\"failed\"]"] {
        assert!(serde_json::from_str::<T>(other).is_err(), "{other}");
    }
}

#[test]
fn a_value_comes_back_as_it_was_whether_it_is_known_or_not() {
    known("JobStatus", JobStatus::KNOWN);
    known("JobType", JobType::KNOWN);
    known("TaskStatus", TaskStatus::KNOWN);
    known("UpgradePolicy", UpgradePolicy::KNOWN);
    known("UpgradeScopeType", UpgradeScopeType::KNOWN);
}

#[test]
fn a_value_is_aligned_like_text() {
    assert_eq!(format!("[{:>10}]", TaskStatus::Failed), "[    failed]");
    assert_eq!(format!("[{:<8}]", TaskStatus::from("new")), "[new     ]");
}

#[test]
fn values_can_be_counted() {
    let mut counts = BTreeMap::new();
    for text in ["failed", "init", "paused", "failed"] {
        *counts.entry(TaskStatus::from(text)).or_insert(0) += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(status, count)| (status.as_str(), *count)).collect();
    assert_eq!(counts, [("init", 1), ("failed", 2), ("paused", 1)]);
}

#[test]
fn an_integer_is_read_from_a_number_and_from_one_in_quotes() {
    for (text, expected) in [
        ("300", 300),
        ("-2", -2),
        ("300.0", 300),
        ("3e2", 300),
        ("-0.0", 0),
        ("\"300\"", 300),
        ("\"-2\"", -2),
        ("\"300.0\"", 300),
        ("9223372036854775807", i64::MAX),
        ("\"9223372036854775807\"", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("-9223372036854775808.0", i64::MIN),
    ] {
        let number: Integer = serde_json::from_str(text).unwrap();
        assert_eq!(number.get(), expected, "{text}");
        assert_eq!(number, expected);
        assert_eq!(serde_json::to_string(&number).unwrap(), expected.to_string());
        assert_eq!(number.to_string(), expected.to_string());
        assert_eq!((Integer::from(expected), i64::from(number)), (number, expected));
    }
}

#[test]
fn what_is_no_whole_number_of_64_bits_is_refused() {
    for text in [
        "300.5",
        "\"300.5\"",
        "9223372036854775808",
        "9223372036854775808.0",
        "1e30",
        "-1e30",
        "\"NaN\"",
        "\"inf\"",
        "\"\"",
        "\"ten\"",
        "null",
        "true",
        "[1]",
    ] {
        let error = serde_json::from_str::<Integer>(text).unwrap_err().to_string();
        assert!(
            error.contains("a whole number of 64 bits, as it is or in quotes"),
            "{text}: {error}"
        );
    }
}
