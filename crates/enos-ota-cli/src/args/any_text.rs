//! Whatever somebody types where a value is expected becomes that value or a clear error, and never a panic.

use std::time::Duration;

use enos_ota_campaign::WaveSize;
use proptest::prelude::*;

use super::{moment, values};

/// Texts that are nearly values, and any others.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "0", "1", "9", "90", ".", "-", "+", "%", "/", ",", " ", ":", "e", "E9", "NaN", "inf", "infinity", "s", "m", "h", "d",
            "min", "ms", "ns", "P", "PT", "T", "Z", "y", "w", "mo", "hour", "days", "ago", "today", "yesterday", "2026", "-03",
            "-01", "9999-12-31", "-009999-01-01", "T23:59:60", "18446744073709551615", "9223372036854775808", "1e308", "[",
            "Europe/Berlin", "]", "\u{a0}", "\u{221e}", "½", "٣",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// An error that can follow `error: invalid value` on a line.
fn is_clear(error: &str) -> bool {
    !error.is_empty()
        && error.len() < 400
        && (error.contains("expected") || error.contains("mean") || error.contains(' '))
}

fn check<T>(result: Result<T, String>, is_valid: impl FnOnce(&T) -> bool) -> Result<(), TestCaseError> {
    match result {
        Ok(value) => prop_assert!(is_valid(&value)),
        Err(error) => prop_assert!(is_clear(&error), "{}", error),
    }
    Ok(())
}

fn is_wave(size: &WaveSize) -> bool {
    match size {
        WaveSize::Devices(devices) => *devices > 0,
        WaveSize::Percent(percent) => *percent > 0.0 && *percent <= 100.0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn any_text_is_a_value_in_its_bounds_or_a_clear_error(text in texts()) {
        let ten_years = Duration::from_hours(10 * 365 * 24);
        check(values::duration(&text), |duration| *duration <= ten_years)?;
        check(values::timeout(&text), |limit| (Duration::from_secs(1)..=Duration::from_hours(24)).contains(limit))?;
        check(values::percent(&text), |percent| (0.0..=100.0).contains(percent))?;
        check(values::wave_size(&text), is_wave)?;
        check(values::rate(&text), |rate| rate.is_finite() && *rate >= 0.001)?;
        check(values::at_least_one(&text), |_| true)?;
        check(values::file_unless_form(&text), |_| true)?;
        if let Err(error) = values::steps(&text) {
            prop_assert!(!error.is_empty());
        }
        if let Err(error) = moment::moment(&text) {
            prop_assert!(!error.is_empty());
        }
    }

    #[test]
    fn a_duration_is_what_was_written(number in 0..100_000_u64, unit in 0..4_usize) {
        let (name, seconds) = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)][unit];
        let expected = Duration::from_secs(number * seconds);
        let read = values::duration(&format!("{number}{name}"));
        let ten_years = Duration::from_hours(10 * 365 * 24);
        prop_assert_eq!(read.ok(), Some(expected).filter(|duration| *duration <= ten_years));
        prop_assert_eq!(values::duration(&number.to_string()), Ok(Duration::from_secs(number)));
    }

    #[test]
    fn a_share_with_a_sign_is_what_was_written(hundredths in 0..20_000_u32) {
        let text = format!("{}.{:02}%", hundredths / 100, hundredths % 100);
        match values::percent(&text) {
            Ok(share) => prop_assert!((share - f64::from(hundredths) / 100.0).abs() < 1e-9 && hundredths <= 10_000),
            Err(_) => prop_assert!(hundredths > 10_000),
        }
    }

    #[test]
    fn any_duration_can_be_told(seconds in any::<u64>()) {
        prop_assert!(!values::duration_in_words(Duration::from_secs(seconds)).is_empty());
    }
}
