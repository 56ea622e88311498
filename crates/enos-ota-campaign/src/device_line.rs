//! A device and its facts as one line, the same in a plan file and in a journal.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::devices::{DeviceId, Devices, PushError, Seen, TaskFacts};

/// The line of a device.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceLine<'a> {
    #[serde(borrow)]
    pub(crate) device_key: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(crate) product_key: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(crate) from_version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(crate) to_version: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub(crate) reason: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<i32>,
    /// In milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) update_time: Option<i64>,
    /// [`TaskFacts::task`], in 16 hex digits: not every reader of JSON keeps a number of 64 bits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex_digits")]
    pub(crate) task: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Seen>,
}

impl<'a> DeviceLine<'a> {
    /// The line of a device of a list.
    pub(crate) fn of(devices: &'a Devices, id: DeviceId) -> Self {
        let facts = devices.facts(id);
        Self {
            device_key: Cow::Borrowed(devices.key(id)),
            product_key: facts.product_key.map(Cow::Borrowed),
            from_version: facts.from_version.map(Cow::Borrowed),
            to_version: facts.to_version.map(Cow::Borrowed),
            reason: facts.reason.map(Cow::Borrowed),
            progress: facts.progress,
            update_time: facts.updated_ms,
            task: facts.task,
            seen: facts.seen,
        }
    }

    pub(crate) fn facts(&self) -> TaskFacts<'_> {
        TaskFacts {
            product_key: self.product_key.as_deref(),
            from_version: self.from_version.as_deref(),
            to_version: self.to_version.as_deref(),
            reason: self.reason.as_deref(),
            progress: self.progress,
            updated_ms: self.update_time,
            task: self.task,
            seen: self.seen,
        }
    }

    /// Adds the device to a list, as [`Devices::push`].
    pub(crate) fn push_to(&self, devices: &mut Devices) -> Result<(DeviceId, bool), PushError> {
        devices.push(&self.device_key, &self.facts())
    }
}

/// SHA-256, in lowercase hex, over the keys in ascending order (by byte), each followed by a line feed.
///
/// `printf '%s\n' KEY... | LC_ALL=C sort | sha256sum` gives the same.
pub(crate) fn sha256_of_keys(devices: &Devices) -> String {
    let mut hash = Sha256::new();
    for id in devices.sorted_ids() {
        hash.update(devices.key(id));
        hash.update(b"\n");
    }
    hex(&hash.finalize())
}

/// Lowercase hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

pub(crate) mod hex_digits {
    use std::borrow::Cow;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde passes this reference")]
    pub(crate) fn serialize<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match number {
            None => serializer.serialize_none(),
            Some(number) => serializer.collect_str(&format_args!("{number:016x}")),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text: Option<Cow<'_, str>> = Option::deserialize(deserializer)?;
        text.map(|text| u64::from_str_radix(&text, 16).map_err(|_| de::Error::custom("`task` is not 16 hex digits")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_leaves_out_what_is_not_known_and_gives_the_device_back() {
        let mut devices = Devices::new();
        let facts = TaskFacts {
            product_key: Some("pump"),
            reason: Some("no \"space\""),
            progress: Some(-4),
            updated_ms: Some(7),
            task: Some(0xab),
            seen: Some(Seen::NotFailed),
            ..TaskFacts::default()
        };
        let (full, _) = devices.push("b", &facts).unwrap();
        let (bare, _) = devices.push("a", &TaskFacts::default()).unwrap();
        let full = serde_json::to_string(&DeviceLine::of(&devices, full)).unwrap();
        let bare = serde_json::to_string(&DeviceLine::of(&devices, bare)).unwrap();
        assert_eq!(
            full,
            r#"{"deviceKey":"b","productKey":"pump","reason":"no \"space\"","progress":-4,"updateTime":7,"task":"00000000000000ab","seen":"notFailed"}"#
        );
        assert_eq!(bare, r#"{"deviceKey":"a"}"#);

        let mut again = Devices::new();
        for line in [&full, &bare] {
            let line: DeviceLine<'_> = serde_json::from_str(line).unwrap();
            assert!(line.push_to(&mut again).unwrap().1);
        }
        assert_eq!(again.facts(again.find("b").unwrap()), facts);
        assert_eq!(again.facts(again.find("a").unwrap()), TaskFacts::default());
    }

    #[test]
    fn the_hash_of_the_keys_does_not_depend_on_their_order() {
        let list = |keys: &[&str]| {
            let mut devices = Devices::new();
            for key in keys {
                devices.push(key, &TaskFacts::default()).unwrap();
            }
            sha256_of_keys(&devices)
        };
        // printf 'a\nb\n' | sha256sum
        assert_eq!(
            list(&["b", "a"]),
            "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"
        );
        assert_eq!(list(&["a", "b"]), list(&["b", "a"]));
        assert_ne!(list(&["ab"]), list(&["a", "b"]));
    }
}
