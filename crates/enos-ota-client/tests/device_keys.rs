//! A list of device keys has the limits that the document says, whichever way it is made.

#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;

use enos_ota_client::{DeviceKey, DeviceKeys, DeviceKeysError};

fn keys(texts: &[&str]) -> DeviceKeys {
    DeviceKeys::parse(texts).unwrap()
}

fn chunks(keys: &DeviceKeys, size: usize) -> Vec<DeviceKeys> {
    keys.chunks(NonZeroUsize::new(size).unwrap()).collect()
}

#[test]
fn an_empty_list_is_refused() {
    assert_eq!(DeviceKeys::new([]), Err(DeviceKeysError::Empty));
    assert_eq!(
        DeviceKeysError::Empty.to_string(),
        "there are no device keys; at least 1 is needed"
    );
    assert_eq!(DeviceKeys::MIN_ITEMS, 1);
}

#[test]
fn a_key_twice_is_refused_and_both_places_are_named() {
    let error = DeviceKeys::parse(["a", "b", "c", "b", "a"]).unwrap_err();
    let item: DeviceKey = "b".parse().unwrap();
    assert_eq!(
        error,
        DeviceKeysError::Duplicate {
            item,
            first: 1,
            second: 3
        }
    );
    assert_eq!(
        error.to_string(),
        r#"the device key "b" is there twice, at positions 2 and 4"#
    );
}

#[test]
fn a_text_that_is_no_key_is_named_with_its_place() {
    let error = DeviceKeys::parse(["a", ""]).unwrap_err();
    assert!(
        matches!(&error, DeviceKeysError::Invalid { index: 1, text, .. } if text.is_empty()),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with(r#""" at position 2 is not a valid device key: "#),
        "{text}"
    );
}

#[test]
fn an_error_is_one_line_whatever_is_in_the_key() {
    let error = DeviceKeys::parse(["a\nb", "a\nb"]).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn keys_that_differ_in_case_or_blanks_are_different() {
    assert_eq!(keys(&["a", "A", " a"]).len(), 3);
}

#[test]
fn chunks_keep_the_order_and_leave_nothing_out() {
    let all = keys(&["a", "b", "c", "d", "e"]);
    for size in 1..=6 {
        let parts = chunks(&all, size);
        assert_eq!(parts.len(), 5_usize.div_ceil(size));
        assert!(
            parts
                .iter()
                .all(|part| (1..=size).contains(&part.len()) && !part.is_empty())
        );
        let joined: Vec<_> = parts.iter().flatten().cloned().collect();
        assert_eq!(joined, all.as_slice());
    }
    assert_eq!(chunks(&all, usize::MAX), std::slice::from_ref(&all));
    assert_eq!(all.chunks(NonZeroUsize::MIN).len(), 5);
}

#[test]
fn chunks_of_a_chunk_stay_inside_of_it() {
    let all = keys(&["a", "b", "c", "d", "e"]);
    let middle = &chunks(&all, 2)[1];
    assert_eq!(chunks(middle, 1), [keys(&["c"]), keys(&["d"])]);
}

#[test]
fn chunks_and_clones_share_the_keys() {
    let all = keys(&["a", "b", "c"]);
    let part = &chunks(&all, 2)[1];
    assert!(std::ptr::eq(
        &raw const part.as_slice()[0],
        &raw const all.as_slice()[2]
    ));
    assert!(std::ptr::eq(all.clone().as_slice(), all.as_slice()));
}

#[test]
fn json_goes_both_ways_and_is_checked() {
    let all = keys(&["a", "b"]);
    assert_eq!(serde_json::to_string(&all).unwrap(), r#"["a","b"]"#);
    assert_eq!(serde_json::to_string(&chunks(&all, 1)[1]).unwrap(), r#"["b"]"#);
    assert_eq!(serde_json::from_str::<DeviceKeys>(r#"["a","b"]"#).unwrap(), all);
    for wrong in ["[]", r#"["a","a"]"#, r#"[""]"#, "null"] {
        assert!(serde_json::from_str::<DeviceKeys>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_list_can_be_used_like_a_slice() {
    let all = keys(&["a", "b"]);
    assert_eq!(DeviceKeys::try_from(all.as_ref().to_vec()).unwrap(), all);
    assert_eq!(all.iter().map(|key| key.as_str()).collect::<String>(), "ab");
    assert_eq!((&all).into_iter().count(), all.len());
    assert_eq!(format!("{all:?}"), r#"[DeviceKey("a"), DeviceKey("b")]"#);
}
