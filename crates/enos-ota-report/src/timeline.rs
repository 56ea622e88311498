//! How a campaign went over time.

use enos_ota_campaign::journal::{Changed, Recovered};
use enos_ota_campaign::{Fate, Outcome};

use crate::tally::{Became, Tally};

/// What is followed over time.
pub(crate) const FOLLOWED: [Line; 6] = [
    Line::Outcome(Outcome::Accepted),
    Line::Outcome(Outcome::Rejected),
    Line::Outcome(Outcome::Unknown),
    Line::Outcome(Outcome::Skipped),
    Line::Fate(Fate::Succeeded),
    Line::Fate(Fate::FailedAgain),
];

/// Devices with an outcome, or accepted devices with a fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Outcome(Outcome),
    Fate(Fate),
}

impl Line {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Outcome(outcome) => outcome.as_str(),
            Self::Fate(fate) => Became::of_fate(fate).label(),
        }
    }

    /// What has its colour.
    pub(crate) fn became(self) -> Became {
        match self {
            Self::Outcome(Outcome::Accepted) => Became::NotSeen,
            Self::Outcome(Outcome::Rejected) => Became::Rejected,
            Self::Outcome(Outcome::Unknown) => Became::Unknown,
            Self::Outcome(Outcome::Skipped) => Became::Skipped,
            Self::Fate(fate) => Became::of_fate(fate),
        }
    }

    pub(crate) fn at_the_end(self, tally: &Tally) -> usize {
        match self {
            Self::Outcome(outcome) => tally.outcome(outcome),
            Self::Fate(fate) => tally.fate(fate),
        }
    }

    /// What a change adds to the line and takes from it.
    fn sign(self, what: Changed) -> (bool, bool) {
        match (self, what) {
            (Self::Outcome(outcome), Changed::Settled(settled)) => (outcome == settled, false),
            (Self::Fate(fate), Changed::Seen { from, to }) => (fate == to, fate == from),
            (Self::Outcome(_), Changed::Seen { .. }) | (Self::Fate(_), Changed::Settled(_)) => (false, false),
        }
    }
}

/// How many devices stood on each line of [`FOLLOWED`], from some time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at_ms: i64,
    pub(crate) devices: [usize; FOLLOWED.len()],
}

impl Point {
    /// The devices on the line of this place in [`FOLLOWED`].
    pub(crate) fn on(&self, place: usize) -> usize {
        self.devices.get(place).copied().unwrap_or(0)
    }
}

/// From the beginning of a journal to its last event, at most so many points and two.
///
/// Every point is exact: it has all changes until its time. Time never runs backwards here, also where the clock was put
/// back.
pub(crate) fn points(recovered: &Recovered, most: usize) -> Vec<Point> {
    let (begin, end) = (recovered.begin.at_ms, recovered.last_event_ms);
    let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
    // There is one point for each equal part of the time.
    let part = (end.saturating_sub(begin) / most).max(1);
    let first = Point {
        at_ms: begin,
        ..Point::default()
    };
    let mut points = vec![first];
    let (mut now, mut last_part) = (first, None);
    for change in &recovered.changes {
        now.at_ms = now.at_ms.max(change.at_ms);
        let devices = change.devices as usize;
        for (line, count) in FOLLOWED.into_iter().zip(&mut now.devices) {
            let (more, less) = line.sign(change.what);
            *count = count.saturating_add(devices * usize::from(more));
            *count = count.saturating_sub(devices * usize::from(less));
        }
        let this_part = Some(now.at_ms.saturating_sub(begin) / part);
        match points.last_mut() {
            Some(point) if this_part == last_part => *point = now,
            _ => points.push(now),
        }
        last_part = this_part;
    }
    now.at_ms = end;
    match points.last_mut() {
        Some(point) if point.at_ms == end && last_part.is_some() => *point = now,
        _ => points.push(now),
    }
    points
}

/// The last of the points.
pub(crate) fn at_the_end(recovered: &Recovered) -> [usize; FOLLOWED.len()] {
    points(recovered, 1)
        .last()
        .map(|point| point.devices)
        .unwrap_or_default()
}

/// The first point, the last one, and some between: at most so many, and at least two.
pub(crate) fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most.max(2) {
        return points.to_vec();
    }
    let steps = most.max(2) - 1;
    (0..=steps)
        .filter_map(|step| points.get(step * (points.len() - 1) / steps))
        .copied()
        .collect()
}
