//! The values of options: durations, shares and numbers of devices.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use enos_ota_campaign::WaveSize;
use jiff::{Span, SpanRelativeTo};

/// Longer than anybody waits, and short enough to be added to any time.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);
/// The slowest rate that a campaign can keep, in calls per second.
const SLOWEST_RATE: f64 = 0.001;

/// `90s`, `2h`, `1h 30m`, `3d`, or `90` for seconds: a day has 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = || text.parse().ok().map(Duration::from_secs);
    seconds()
        .or_else(|| span(text))
        .filter(|duration| *duration <= LONGEST)
        .ok_or_else(|| "expected a duration of up to 10 years, such as 90 (seconds), 90s, 30m, 2h or 3d".to_owned())
}

/// The limit of a call: from a second to a day.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    duration(text)
        .ok()
        .filter(|timeout| (Duration::from_secs(1)..=Duration::from_hours(24)).contains(timeout))
        .ok_or_else(|| "expected a duration from 1s to 24h, such as 90 (seconds), 90s or 2m".to_owned())
}

/// A duration with a unit.
pub(super) fn span(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// `5`, `5%` or `2.5%`.
///
/// `0.9` may be meant as 0.9 % or as nine tenths. A limit that guards a fleet is not guessed, so it is refused.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let (number, has_sign) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, false),
    };
    let share = number
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "expected a share from 0% to 100%".to_owned())?;
    if !has_sign && is_fraction(number, share) {
        return Err(format!(
            "did you mean {0}%? (a fraction needs a % sign: {number}% or {0}%)",
            percent_of(share),
        ));
    }
    Ok(share)
}

/// Whether a number looks like one from 0 to 1, rather than from 0 to 100.
fn is_fraction(number: &str, share: f64) -> bool {
    (share > 0.0 && share < 1.0) || (number.contains('.') && share <= 1.0)
}

/// `0.07` as `7`, without the noise of a multiplication.
fn percent_of(fraction: f64) -> String {
    let text = format!("{:.6}", fraction * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `50` devices, or `5%` of them.
pub(super) fn wave_size(text: &str) -> Result<WaveSize, String> {
    let expected = || "expected a number of devices such as 50, or a share of them such as 5%".to_owned();
    let size = if text.ends_with('%') {
        percent(text).ok().map(WaveSize::Percent)
    } else if let Ok(devices) = text.parse() {
        Some(WaveSize::Devices(devices))
    } else {
        // It says what a fraction could mean.
        return Err(percent(text).err().unwrap_or_else(expected));
    };
    size.filter(|size| !matches!(size, WaveSize::Devices(0) | WaveSize::Percent(0.0)))
        .ok_or_else(expected)
}

/// The sizes of `--waves`, each greater than the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Steps(pub(crate) Vec<WaveSize>);

/// `1%,10%,50%`. Whether 1% is more than 20 devices depends on the plan; the campaign puts such in order.
pub(super) fn steps(text: &str) -> Result<Steps, String> {
    let parts: Vec<_> = text.split(',').map(str::trim).collect();
    let sizes: Vec<_> = parts
        .iter()
        .map(|part| wave_size(part).map_err(|error| format!("`{part}`: {error}")))
        .collect::<Result<_, _>>()?;
    for (index, pair) in sizes.windows(2).enumerate() {
        let ascends = match (pair[0], pair[1]) {
            (WaveSize::Devices(before), WaveSize::Devices(after)) => before < after,
            (WaveSize::Percent(before), WaveSize::Percent(after)) => before < after,
            (WaveSize::Devices(_), WaveSize::Percent(_)) | (WaveSize::Percent(_), WaveSize::Devices(_)) => true,
        };
        if !ascends {
            return Err(format!(
                "each wave counts the devices of those before it, so the sizes must ascend, and {} follows {}",
                parts[index + 1],
                parts[index]
            ));
        }
    }
    Ok(Steps(sizes))
}

/// `20` calls per second, `300/m`, `1000/h`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit {
        "s" => Some(1.0),
        "m" | "min" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    let (rate, seconds): (f64, f64) = number
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .zip(seconds)
        .ok_or_else(|| "expected calls per second such as 20 or 0.5, or 300/m or 1000/h".to_owned())?;
    let rate = rate / seconds;
    if rate < SLOWEST_RATE {
        return Err("the slowest rate is 0.001 calls per second, which is 3.6/h".to_owned());
    }
    Ok(rate)
}

/// A number of devices or calls, from 1.
pub(super) fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "expected a whole number from 1".to_owned())
}

/// A file. In other programs `-o json` is the form of the output, and a file of that name is hardly what is meant.
pub(super) fn file_unless_form(text: &str) -> Result<PathBuf, String> {
    if matches!(text, "text" | "table" | "json" | "jsonl" | "csv" | "html") {
        return Err(format!(
            "did you mean --output {text}? To write a file of this name: ./{text}"
        ));
    }
    Ok(PathBuf::from(text))
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
    fn a_duration_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("2h", 7200),
            ("1h 30m", 5400),
            ("3d", 259_200),
            ("1 hour", 3600),
            ("90", 90),
            ("3650d", 315_360_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "soon",
            "-2h",
            "-1",
            "1 month",
            "1y",
            "3651d",
            "18446744073709551615",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(
            (timeout("5s"), timeout("5"), timeout("24h")),
            (
                Ok(Duration::from_secs(5)),
                Ok(Duration::from_secs(5)),
                Ok(Duration::from_hours(24))
            )
        );
        for text in ["0", "999ms", "25h", "never"] {
            assert!(timeout(text).is_err(), "{text}");
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
        assert!(percent("101").is_err() && percent("NaN").is_err());
    }

    #[test]
    fn a_fraction_without_a_sign_is_refused_wherever_a_share_is_expected() {
        for (text, meant) in [
            ("0.9", "90%? (a fraction needs a % sign: 0.9% or 90%)"),
            ("0.05", "5%? (a fraction needs a % sign: 0.05% or 5%)"),
            ("0.07", "7%? (a fraction needs a % sign: 0.07% or 7%)"),
            (".5", "50%? (a fraction needs a % sign: .5% or 50%)"),
            ("1.0", "100%? (a fraction needs a % sign: 1.0% or 100%)"),
        ] {
            assert_eq!(percent(text), Err(format!("did you mean {meant}")));
            assert_eq!(wave_size(text), Err(format!("did you mean {meant}")));
        }
        assert_eq!(
            (percent("0.9%"), percent("0"), percent("1"), percent("1.5")),
            (Ok(0.9), Ok(0.0), Ok(1.0), Ok(1.5))
        );
    }

    #[test]
    fn waves_must_ascend() {
        assert_eq!(
            steps("1%, 10%,50%"),
            Ok(Steps(vec![
                WaveSize::Percent(1.0),
                WaveSize::Percent(10.0),
                WaveSize::Percent(50.0)
            ]))
        );
        assert!(steps("5,1%,50%").is_ok());
        for text in ["50%,10%", "10%,10%", "20,5", "", "1%,,5%", "1%,0.5"] {
            assert!(steps(text).is_err(), "{text}");
        }
        assert!(steps("50%,10%").is_err_and(|error| error.ends_with("10% follows 50%")));
    }

    #[test]
    fn a_rate_is_per_second_unless_it_says_otherwise() {
        for (text, per_second) in [
            ("0.5", 0.5),
            ("10/s", 10.0),
            ("300/m", 5.0),
            ("300/min", 5.0),
            ("7200/h", 2.0),
        ] {
            assert_eq!(rate(text), Ok(per_second), "{text}");
        }
        for text in ["0", "inf", "-1", "", "/m", "5/d", "5/", "5/s/s"] {
            assert!(rate(text).is_err_and(|error| error.starts_with("expected")), "{text}");
        }
        for text in ["0.0009", "3/h", "0.05/m"] {
            assert!(rate(text).is_err_and(|error| error.contains("slowest")), "{text}");
        }
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
