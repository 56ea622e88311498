//! Columns of numbers.

use enos_ota_campaign::{Fate, Outcome};

use crate::tally::Tally;

/// A column of numbers: its heading, and what it counts.
pub(crate) type Column = (&'static str, fn(&Tally) -> usize);

pub(crate) const COLUMNS: [Column; 11] = [
    ("devices", |tally| tally.devices()),
    ("accepted", |tally| tally.outcome(Outcome::Accepted)),
    ("succeeded", |tally| tally.fate(Fate::Succeeded)),
    ("under way", |tally| tally.fate(Fate::UnderWay)),
    ("failed again", |tally| tally.fate(Fate::FailedAgain)),
    ("still failed", |tally| tally.fate(Fate::StillFailed)),
    ("gone", |tally| tally.fate(Fate::Gone)),
    ("rejected", |tally| tally.outcome(Outcome::Rejected)),
    ("unknown", |tally| tally.outcome(Outcome::Unknown)),
    ("skipped", |tally| tally.outcome(Outcome::Skipped)),
    ("open", Tally::open),
];
