//! Times, as people write them.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use super::values::span;

/// A time that an option names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Milliseconds since 1970-01-01 UTC.
    pub(crate) ms: i64,
    /// How it was read, where the text alone does not tell: in local time.
    pub(crate) read_as: Option<String>,
}

/// `2026-03-01`, `2026-03-01 08:00` and `yesterday` in local time, `2026-03-01T06:00:00Z`, or how long ago it was.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    read(text, &Zoned::now())
}

fn read(text: &str, now: &Zoned) -> Result<Moment, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Moment {
            ms: time.as_millisecond(),
            read_as: None,
        });
    }
    if let Some(time) = civil(text, now.date()) {
        return local(time, now.time_zone()).ok_or_else(|| format!("there is no such time: {text}"));
    }
    // Without a unit, a number may be a year as well.
    span(text).map(|ago| before(now, ago)).ok_or_else(|| {
        "expected a time such as 2026-03-01, '2026-03-01 08:00', yesterday or 2026-03-01T06:00:00Z, or how long ago it \
         was, such as 2h or 3d"
            .to_owned()
    })
}

/// A time on the clock of this place. A date is its beginning.
fn civil(text: &str, today: Date) -> Option<DateTime> {
    match text {
        "today" => Some(today.at(0, 0, 0, 0)),
        "yesterday" => Some(today.checked_sub(1.day()).ok()?.at(0, 0, 0, 0)),
        _ => text.parse().ok(),
    }
}

fn local(time: DateTime, zone: &TimeZone) -> Option<Moment> {
    let time = time.to_zoned(zone.clone()).ok()?;
    Some(Moment {
        ms: time.timestamp().as_millisecond(),
        read_as: Some(format!("{} (local time)", time.strftime("%Y-%m-%d %H:%M %Z"))),
    })
}

fn before(now: &Zoned, ago: Duration) -> Moment {
    let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
    Moment {
        ms: now.timestamp().as_millisecond().saturating_sub(ago),
        read_as: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hours east of Greenwich, at 01:30 on the second of March.
    fn now() -> Zoned {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        "2026-03-01T23:30:00Z".parse::<Timestamp>().unwrap().to_zoned(zone)
    }

    #[test]
    fn a_time_without_an_offset_is_local_and_says_so() {
        for (text, utc, read_as) in [
            ("2026-03-01", "2026-02-28T22:00:00Z", "2026-03-01 00:00 +02"),
            ("2026-03-01 08:00", "2026-03-01T06:00:00Z", "2026-03-01 08:00 +02"),
            ("2026-03-01T08:00", "2026-03-01T06:00:00Z", "2026-03-01 08:00 +02"),
            ("today", "2026-03-01T22:00:00Z", "2026-03-02 00:00 +02"),
            ("yesterday", "2026-02-28T22:00:00Z", "2026-03-01 00:00 +02"),
        ] {
            let moment = read(text, &now()).unwrap();
            assert_eq!(moment.ms, utc.parse::<Timestamp>().unwrap().as_millisecond(), "{text}");
            assert_eq!(moment.read_as.unwrap(), format!("{read_as} (local time)"), "{text}");
        }
    }

    #[test]
    fn a_time_with_an_offset_and_a_time_ago_need_no_words() {
        let ms = |text| {
            let moment = read(text, &now()).unwrap();
            assert_eq!(moment.read_as, None);
            moment.ms
        };
        assert_eq!(ms("1970-01-01T00:00:01Z"), 1000);
        assert_eq!(ms("1970-01-01T01:00:01+01:00"), 1000);
        assert_eq!(ms("2h"), now().timestamp().as_millisecond() - 7_200_000);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026", "90", "2026-13-01", "soon"] {
            assert!(read(text, &now()).is_err(), "{text}");
        }
    }
}
