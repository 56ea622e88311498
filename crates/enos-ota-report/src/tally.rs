//! Counting.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use enos_ota_campaign::journal::{Standing, State};
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
            (State::Waiting, _) => Self::Waiting,
            (State::InDoubt { .. }, _) => Self::InDoubt,
            (State::Refused { .. }, _) => Self::Suspect,
            (State::Settled(Outcome::Rejected), _) => Self::Rejected,
            (State::Settled(Outcome::Skipped), _) => Self::Skipped,
            (State::Settled(Outcome::Unknown), _) => Self::Unknown,
            (State::Settled(Outcome::Accepted), fate) => Self::of_fate(fate),
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
///
/// The devices are counted apart from what they have come to, and the fates apart from the outcomes, so that the sums
/// can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    devices: usize,
    outcomes: [usize; Outcome::ALL.len()],
    open: [usize; OPEN.len()],
    /// Of the accepted.
    fates: [usize; Fate::ALL.len()],
    /// Of those whose outcome is unknown, and which a search showed nevertheless.
    fates_of_unknown: [usize; Fate::ALL.len()],
}

pub(crate) const OPEN: [Became; 3] = [Became::InDoubt, Became::Suspect, Became::Waiting];

impl Tally {
    pub(crate) const fn nothing() -> Self {
        Self {
            devices: 0,
            outcomes: [0; Outcome::ALL.len()],
            open: [0; OPEN.len()],
            fates: [0; Fate::ALL.len()],
            fates_of_unknown: [0; Fate::ALL.len()],
        }
    }

    /// Counts a device, and says what it has come to.
    pub(crate) fn add(&mut self, standing: Standing) -> Became {
        let became = Became::of(standing);
        self.devices += 1;
        match standing.state {
            State::Settled(outcome) => self.outcomes[place(&Outcome::ALL, outcome)] += 1,
            _ => self.open[place(&OPEN, became)] += 1,
        }
        match standing.state {
            State::Settled(Outcome::Accepted) => self.fates[place(&Fate::ALL, standing.fate)] += 1,
            State::Settled(Outcome::Unknown) if standing.fate != Fate::NotSeen => {
                self.fates_of_unknown[place(&Fate::ALL, standing.fate)] += 1;
            }
            _ => {}
        }
        became
    }

    /// All devices.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.devices
    }

    /// Devices with this outcome.
    #[must_use]
    pub fn outcome(&self, outcome: Outcome) -> usize {
        self.outcomes[place(&Outcome::ALL, outcome)]
    }

    /// Devices without an outcome.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.iter().sum()
    }

    /// Accepted devices with this fate.
    #[must_use]
    pub fn fate(&self, fate: Fate) -> usize {
        self.fates[place(&Fate::ALL, fate)]
    }

    /// Devices with this fate whose outcome is unknown: the answer was lost, but a search showed them later.
    #[must_use]
    pub fn fate_of_unknown(&self, fate: Fate) -> usize {
        self.fates_of_unknown[place(&Fate::ALL, fate)]
    }

    /// Devices that have come to this.
    #[must_use]
    pub fn became(&self, became: Became) -> usize {
        match became {
            Became::Succeeded => self.fate(Fate::Succeeded),
            Became::UnderWay => self.fate(Fate::UnderWay),
            Became::NotSeen => self.fate(Fate::NotSeen),
            Became::FailedAgain => self.fate(Fate::FailedAgain),
            Became::StillFailed => self.fate(Fate::StillFailed),
            Became::Gone => self.fate(Fate::Gone),
            Became::Rejected => self.outcome(Outcome::Rejected),
            Became::Unknown => self.outcome(Outcome::Unknown),
            Became::Skipped => self.outcome(Outcome::Skipped),
            Became::InDoubt | Became::Suspect | Became::Waiting => self.open[place(&OPEN, became)],
        }
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

    /// What does not add up, with its two numbers.
    pub(crate) fn problem(&self) -> Option<(String, usize, usize)> {
        let told = |names: &mut dyn Iterator<Item = (&str, usize)>| {
            let told: Vec<_> = names.map(|(name, devices)| format!("{devices} {name}")).collect();
            told.join(", ")
        };
        let settled = self.outcomes.iter().sum::<usize>() + self.open();
        if settled != self.devices {
            let outcomes = told(
                &mut Outcome::ALL
                    .iter()
                    .map(|outcome| (outcome.as_str(), self.outcome(*outcome)))
                    .chain(OPEN.iter().map(|open| (open.outcome(), self.became(*open)))),
            );
            return Some((format!("the outcomes ({outcomes})"), settled, self.devices));
        }
        let fates = self.fates.iter().sum();
        let accepted = self.outcome(Outcome::Accepted);
        if fates != accepted {
            let of = told(&mut Fate::ALL.iter().map(|fate| (fate.as_str(), self.fate(*fate))));
            return Some((format!("the fates of the accepted devices ({of})"), fates, accepted));
        }
        None
    }

    pub(crate) fn take(&mut self, other: &Self) {
        fn add<const N: usize>(to: &mut [usize; N], more: &[usize; N]) {
            to.iter_mut().zip(more).for_each(|(to, more)| *to += more);
        }
        self.devices += other.devices;
        add(&mut self.outcomes, &other.outcomes);
        add(&mut self.open, &other.open);
        add(&mut self.fates, &other.fates);
        add(&mut self.fates_of_unknown, &other.fates_of_unknown);
    }
}

fn place<T: PartialEq + Copy>(all: &[T], one: T) -> usize {
    // Each is among all; a test goes through them.
    all.iter().position(|other| *other == one).unwrap_or(0)
}

/// `devices`, `outcomes`, `open`, `fates`, and `fatesOfUnknown` if there are any.
impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_into(&mut map)?;
        map.end()
    }
}

impl Tally {
    pub(crate) fn serialize_into<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("devices", &self.devices)?;
        map.serialize_entry(
            "outcomes",
            &Named(Outcome::ALL.map(|one| (one.as_str(), self.outcome(one)))),
        )?;
        map.serialize_entry("open", &Named(OPEN.map(|one| (one.outcome(), self.became(one)))))?;
        map.serialize_entry("fates", &Named(Fate::ALL.map(|one| (one.as_str(), self.fate(one)))))?;
        if self.fates_of_unknown.iter().any(|devices| *devices > 0) {
            let fates = Fate::ALL.map(|one| (one.as_str(), self.fate_of_unknown(one)));
            map.serialize_entry("fatesOfUnknown", &Named(fates))?;
        }
        Ok(())
    }
}

/// Numbers with their names, as an object.
pub(crate) struct Named<const N: usize>([(&'static str, usize); N]);

impl<const N: usize> Serialize for Named<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: State, fate: Fate) -> Standing {
        let mut standing = Standing::default();
        (standing.state, standing.fate) = (state, fate);
        standing
    }

    #[test]
    fn every_standing_is_counted_once_and_found_again() {
        let mut states = vec![
            State::Waiting,
            State::InDoubt {
                sent_at_ms: 1,
                not_failed: false,
            },
            State::Refused { sent_at_ms: 1 },
        ];
        states.extend(Outcome::ALL.map(State::Settled));
        let mut tally = Tally::default();
        for state in &states {
            for fate in Fate::ALL {
                let before = tally;
                let became = tally.add(standing(*state, fate));
                assert_eq!(tally.problem(), None);
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

    #[test]
    fn sums_that_differ_are_told_with_their_numbers() {
        let mut tally = Tally::default();
        tally.add(standing(State::Settled(Outcome::Accepted), Fate::Succeeded));
        tally.add(standing(State::Waiting, Fate::NotSeen));
        let mut wrong = tally;
        wrong.devices = 3;
        let outcomes = "the outcomes (1 accepted, 0 rejected, 0 skipped, 0 unknown, 0 inDoubt, 0 suspect, 1 waiting)";
        assert_eq!(wrong.problem(), Some((outcomes.to_owned(), 2, 3)));
        let mut wrong = tally;
        wrong.fates[0] = 5;
        let (what, sum, expected) = wrong.problem().unwrap();
        assert!(
            what.starts_with("the fates of the accepted devices (5 succeeded, 0 failedAgain"),
            "{what}"
        );
        assert_eq!((sum, expected), (5, 1));
    }
}
