//! The values of options: durations, times, shares and numbers of devices.

use std::time::Duration;

use enos_ota::{Clock as _, SystemClock};
use enos_ota_campaign::WaveSize;
use jiff::{Span, SpanRelativeTo, Timestamp};

/// `90s`, `2h`, `1h 30m`, `3d`: a day has 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "expected a duration such as 90s, 30m, 2h or 3d".to_owned())
}

/// A time, or how long ago it was, in milliseconds since 1970-01-01 UTC.
pub(super) fn since(text: &str) -> Result<i64, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    duration(text)
        .map(|ago| SystemClock.now_ms() - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX))
        .map_err(|_| {
            "expected a time such as 2026-03-01T06:00:00Z, or how long ago it was, such as 2h or 3d".to_owned()
        })
}

/// `5`, `5%` or `2.5%`.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .trim_end()
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "expected a share from 0% to 100%".to_owned())
}

/// `50` devices, or `5%` of them.
pub(super) fn wave_size(text: &str) -> Result<WaveSize, String> {
    let size = if text.ends_with('%') {
        percent(text).ok().map(WaveSize::Percent)
    } else {
        text.parse().ok().map(WaveSize::Devices)
    };
    size.filter(|size| !matches!(size, WaveSize::Devices(0) | WaveSize::Percent(0.0)))
        .ok_or_else(|| "expected a number of devices such as 50, or a share of them such as 5%".to_owned())
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "expected a number of calls a second such as 20 or 0.5".to_owned())
}

/// A duration as people write it, with two units at the most.
pub(crate) fn duration_in_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let Some(first) = units.iter().position(|(count, _)| *count > 0) else {
        return "0 s".to_owned();
    };
    let words: Vec<_> = units[first..]
        .iter()
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("2h", 7200),
            ("1h 30m", 5400),
            ("3d", 259_200),
            ("1 hour", 3600),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "90", "soon", "-2h", "1 month", "1y"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_may_be_one_or_how_long_ago_it_was() {
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(since("1970-01-01T01:00:01+01:00"), Ok(1000));
        let ago = SystemClock.now_ms() - since("2h").unwrap();
        assert!((7_200_000..7_260_000).contains(&ago), "{ago}");
        for text in ["", "2026-03-01", "2026-03-01T06:00:00", "yesterday"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_and_numbers_are_told_apart_by_the_sign() {
        assert_eq!(
            (percent("5"), percent("2.5%"), percent("100 %")),
            (Ok(5.0), Ok(2.5), Ok(100.0))
        );
        assert_eq!(wave_size("50"), Ok(WaveSize::Devices(50)));
        assert_eq!(wave_size("5%"), Ok(WaveSize::Percent(5.0)));
        for text in ["", "0", "0%", "101%", "-1", "2.5", "NaN%"] {
            assert!(wave_size(text).is_err(), "{text}");
        }
        assert!(percent("101").is_err() && percent("NaN").is_err() && rate("0").is_err() && rate("inf").is_err());
        assert_eq!(rate("0.5"), Ok(0.5));
    }

    #[test]
    fn durations_are_told_in_two_units_at_the_most() {
        for (seconds, words) in [
            (0, "0 s"),
            (26, "26 s"),
            (60, "1 min"),
            (192, "3 min 12 s"),
            (7200, "2 h"),
            (7205, "2 h"),
            (90_061, "1 d 1 h"),
        ] {
            assert_eq!(duration_in_words(Duration::from_secs(seconds)), words);
        }
    }
}
