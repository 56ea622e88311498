//! How a campaign went over time.

use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{Fate, Outcome};

use super::tally::{Became, Tally};

/// What is followed. Of what became of accepted devices, there are times only for the ends of waves: it is followed only
/// if there are waves, and what was seen since the last one is told at the end.
pub(crate) const FOLLOWED: [Line; 6] = [
    Line::Outcome(Outcome::Accepted),
    Line::Outcome(Outcome::Rejected),
    Line::Outcome(Outcome::Unknown),
    Line::Outcome(Outcome::Skipped),
    Line::Fate(Fate::Succeeded),
    Line::Fate(Fate::FailedAgain),
];

/// How many devices have come so far, of one kind.
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

    /// What stands for it where devices are told by what they have come to.
    pub(crate) fn became(self) -> Became {
        match self {
            Self::Outcome(Outcome::Accepted) => Became::NotSeen,
            Self::Outcome(Outcome::Rejected) => Became::Rejected,
            Self::Outcome(Outcome::Unknown) => Became::Unknown,
            Self::Outcome(Outcome::Skipped) => Became::Skipped,
            Self::Fate(Fate::FailedAgain) => Became::FailedAgain,
            Self::Fate(_) => Became::Succeeded,
        }
    }

    /// Whether it is what searches showed afterwards.
    pub(crate) fn is_seen(self) -> bool {
        matches!(self, Self::Fate(_))
    }

    /// Whether there is something to tell of it over time.
    pub(crate) fn is_followed(self, recovered: &Recovered, tally: &Tally) -> bool {
        self.at_the_end(tally) > 0 && !(self.is_seen() && recovered.waves.is_empty())
    }

    fn at_the_end(self, tally: &Tally) -> usize {
        match self {
            Self::Outcome(outcome) => tally.outcome(outcome),
            Self::Fate(fate) => tally.fate(fate),
        }
    }
}

/// How many devices had come to what, from some time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at_ms: i64,
    /// As [`FOLLOWED`].
    pub(crate) devices: [usize; FOLLOWED.len()],
}

/// From the beginning of a journal to its last entry, in no more than so many points and two.
pub(crate) fn points(recovered: &Recovered, tally: &Tally, most: usize) -> Vec<Point> {
    let (begin, end) = (recovered.begin.at_ms, recovered.last_at_ms);
    let mut events = events(recovered);
    events.sort_by_key(|(at, ..)| *at);

    let most = i64::try_from(most).unwrap_or(i64::MAX).max(1);
    // Each point stands for an equal part of the time.
    let part = (end.saturating_sub(begin) / most).max(1);
    let mut points = vec![Point {
        at_ms: begin,
        ..Point::default()
    }];
    let mut last = 0;
    for (at, line, devices) in events {
        let at = at.clamp(begin, end);
        let number = (at - begin) / part;
        let before = points.last().copied().unwrap_or_default();
        if points.len() == 1 || number != last {
            points.push(before);
            last = number;
        }
        if let Some(point) = points.last_mut() {
            point.at_ms = at;
            let place = FOLLOWED.iter().position(|other| *other == line);
            if let Some(place) = place {
                // A device that a search had settled before its answer came is in both.
                point.devices[place] = (point.devices[place] + devices).min(line.at_the_end(tally));
            }
        }
    }
    let last = Point {
        at_ms: end,
        devices: FOLLOWED.map(|line| line.at_the_end(tally)),
    };
    if points.last().is_some_and(|point| point.at_ms == end) && points.len() > 1 {
        points.pop();
    }
    points.push(last);
    points
}

fn events(recovered: &Recovered) -> Vec<(i64, Line, usize)> {
    use enos_ota_campaign::journal::CallEnd;

    let accepted = recovered.calls.iter().filter_map(|call| {
        let ended = call.ended_ms.filter(|_| call.end == Some(CallEnd::Accepted))?;
        Some((ended, Line::Outcome(Outcome::Accepted), call.devices as usize))
    });
    let settled = recovered
        .settled
        .iter()
        .map(|settled| (settled.at_ms, Line::Outcome(settled.outcome), settled.devices as usize));
    let waves = recovered.waves.iter().flat_map(|wave| {
        [
            (wave.at_ms, Line::Fate(Fate::Succeeded), wave.succeeded),
            (wave.at_ms, Line::Fate(Fate::FailedAgain), wave.failed),
        ]
    });
    accepted.chain(settled).chain(waves).collect()
}

/// The first point, the last one, and some between, so many in all.
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
