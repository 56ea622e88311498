//! Counting.

use enos_ota_campaign::{DeviceState, Standing};
use enos_ota_campaign::{Fate, Outcome};

use crate::text::number;

/// What a device has come to. Every device has come to exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Became {
    /// Accepted, and [`Fate::Succeeded`].
    Succeeded,
    /// Accepted, and [`Fate::UnderWay`].
    UnderWay,
    /// Accepted, and [`Fate::NotSeen`].
    NotSeen,
    /// Accepted, and [`Fate::FailedAgain`].
    FailedAgain,
    /// Accepted, and [`Fate::StillFailed`].
    StillFailed,
    /// Accepted, and [`Fate::Gone`].
    Gone,
    /// [`Outcome::Rejected`].
    Rejected,
    /// [`Outcome::Unknown`].
    Unknown,
    /// [`Outcome::Skipped`].
    Skipped,
    /// Open: sent, and the answer was lost or never written down.
    InDoubt,
    /// Open: in a call that was refused for one of its devices, and no search has told yet for which.
    Suspect,
    /// Open: not sent yet.
    Waiting,
}

impl Became {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 12] = [
        Self::Succeeded,
        Self::UnderWay,
        Self::NotSeen,
        Self::FailedAgain,
        Self::StillFailed,
        Self::Gone,
        Self::Rejected,
        Self::Unknown,
        Self::Skipped,
        Self::InDoubt,
        Self::Suspect,
        Self::Waiting,
    ];

    /// Those that somebody has to look after, in the order in which failures are listed: what no retry of the same
    /// journal changes comes first, and what is merely not done yet comes last.
    pub const FAILURES: [Self; 9] = [
        Self::Rejected,
        Self::FailedAgain,
        Self::StillFailed,
        Self::Gone,
        Self::Unknown,
        Self::InDoubt,
        Self::Suspect,
        Self::Skipped,
        Self::Waiting,
    ];

    pub(crate) fn of(standing: Standing) -> Self {
        match (standing.state, standing.fate) {
            (DeviceState::Waiting, _) => Self::Waiting,
            (DeviceState::InDoubt { .. }, _) => Self::InDoubt,
            (DeviceState::Refused { .. }, _) => Self::Suspect,
            (DeviceState::Settled(Outcome::Rejected), _) => Self::Rejected,
            (DeviceState::Settled(Outcome::Skipped), _) => Self::Skipped,
            (DeviceState::Settled(Outcome::Unknown), _) => Self::Unknown,
            (DeviceState::Settled(Outcome::Accepted), fate) => Self::of_fate(fate),
        }
    }

    /// What an accepted device with this fate has come to.
    pub(crate) fn of_fate(fate: Fate) -> Self {
        match fate {
            Fate::Succeeded => Self::Succeeded,
            Fate::UnderWay => Self::UnderWay,
            Fate::NotSeen => Self::NotSeen,
            Fate::FailedAgain => Self::FailedAgain,
            Fate::StillFailed => Self::StillFailed,
            Fate::Gone => Self::Gone,
        }
    }

    /// Whether it is one of [`FAILURES`](Self::FAILURES).
    #[must_use]
    pub fn is_failure(self) -> bool {
        Self::FAILURES.contains(&self)
    }

    /// Whether the device has no outcome yet.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::InDoubt | Self::Suspect | Self::Waiting)
    }

    /// The name of the outcome, or of what is open: as in JSON and CSV.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Rejected => Outcome::Rejected.as_str(),
            Self::Unknown => Outcome::Unknown.as_str(),
            Self::Skipped => Outcome::Skipped.as_str(),
            Self::InDoubt => "inDoubt",
            Self::Suspect => "suspect",
            Self::Waiting => "waiting",
            _ => Outcome::Accepted.as_str(),
        }
    }

    /// For people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::UnderWay => "under way",
            Self::NotSeen => "not seen since",
            Self::FailedAgain => "failed again",
            Self::StillFailed => "still failed",
            Self::Gone => "gone",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::InDoubt => "in doubt",
            Self::Suspect => "suspect",
            Self::Waiting => "waiting",
        }
    }
}

/// How many devices have come to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By the place in [`Became::ALL`].
    became: [usize; Became::ALL.len()],
    /// The devices of unknown outcome that a search showed nevertheless, by [`Became::of_fate`].
    of_unknown: [usize; Fate::ALL.len()],
}

pub(crate) const OPEN: [Became; 3] = [Became::InDoubt, Became::Suspect, Became::Waiting];

impl Tally {
    /// Counts a device.
    pub(crate) fn add(&mut self, standing: Standing) {
        self.became[Became::of(standing) as usize] += 1;
        if standing.state == DeviceState::Settled(Outcome::Unknown) && standing.fate != Fate::NotSeen {
            self.of_unknown[Became::of_fate(standing.fate) as usize] += 1;
        }
    }

    /// All devices.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.became.iter().sum()
    }

    /// Devices with this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Accepted => Fate::ALL.into_iter().map(|fate| self.fate(fate)).sum(),
            Outcome::Rejected => self.became(Became::Rejected),
            Outcome::Skipped => self.became(Became::Skipped),
            Outcome::Unknown => self.became(Became::Unknown),
        }
    }

    /// Devices without an outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        OPEN.into_iter().map(|open| self.became(open)).sum()
    }

    /// Accepted devices with this fate.
    #[must_use]
    pub fn fate(&self, fate: Fate) -> usize {
        self.became(Became::of_fate(fate))
    }

    /// Devices with this fate whose outcome is unknown: the answer was lost, but a search showed them later.
    #[must_use]
    pub fn fate_of_unknown(&self, fate: Fate) -> usize {
        self.of_unknown[Became::of_fate(fate) as usize]
    }

    /// Devices that have come to this.
    #[must_use]
    pub fn became(&self, became: Became) -> usize {
        self.became[became as usize]
    }

    /// Devices that are a failure.
    #[must_use]
    pub fn failures(&self) -> usize {
        Became::FAILURES.into_iter().map(|became| self.became(became)).sum()
    }

    /// Whether searches have looked for the accepted devices afterwards.
    #[must_use]
    pub fn was_watched(&self) -> bool {
        self.fate(Fate::NotSeen) < self.outcome(Outcome::Accepted)
    }

    /// What the devices have come to, in words.
    pub(crate) fn told(&self) -> String {
        let some = Became::ALL.into_iter().filter(|became| self.became(*became) > 0);
        let told: Vec<_> = some
            .map(|became| format!("{} {}", number(self.became(became)), became.label()))
            .collect();
        told.join(", ")
    }

    pub(crate) fn take(&mut self, other: &Self) {
        self.became
            .iter_mut()
            .zip(&other.became)
            .for_each(|(to, more)| *to += more);
        self.of_unknown
            .iter_mut()
            .zip(&other.of_unknown)
            .for_each(|(to, more)| *to += more);
    }
}

#[cfg(test)]
mod tests {
    use enos_ota_campaign::Seen;

    use super::*;

    fn standing(state: DeviceState, fate: Fate) -> Standing<'static> {
        let mut standing = Standing::default();
        (standing.state, standing.fate) = (state, fate);
        standing
    }

    #[test]
    fn every_standing_is_counted_once_and_found_again() {
        let mut states = vec![
            DeviceState::Waiting,
            DeviceState::InDoubt {
                sent_at_ms: 1,
                before: Some(Seen::Failed),
            },
            DeviceState::Refused {
                sent_at_ms: 1,
                before: Some(Seen::Failed),
            },
        ];
        states.extend(Outcome::ALL.map(DeviceState::Settled));
        let mut tally = Tally::default();
        for state in &states {
            for fate in Fate::ALL {
                let before = tally;
                tally.add(standing(*state, fate));
                let became = Became::of(standing(*state, fate));
                for other in Became::ALL {
                    let more = usize::from(other == became);
                    assert_eq!(tally.became(other), before.became(other) + more, "{state:?} {fate:?}");
                }
            }
        }
        assert_eq!(tally.devices(), 7 * 6);
        let sum: usize = Became::ALL.iter().map(|became| tally.became(*became)).sum();
        assert_eq!(sum, tally.devices());
        // Not that nobody has looked.
        assert_eq!(tally.fate_of_unknown(Fate::NotSeen), 0);
        assert_eq!(tally.fate_of_unknown(Fate::Gone), 1);
    }
}
