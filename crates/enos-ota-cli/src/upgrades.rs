//! What became of the accepted devices: how many upgrades ended in which way.

use enos_ota_campaign::{DeviceTable, Fate};
use serde::Serialize;

use crate::text::thousands;

/// Accepted devices by what became of them. The sum is all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Upgrades {
    pub(crate) succeeded: usize,
    pub(crate) failed_again: usize,
    pub(crate) under_way: usize,
    pub(crate) still_failed: usize,
    pub(crate) gone: usize,
    pub(crate) not_seen: usize,
}

impl Upgrades {
    pub(crate) fn of(ledger: &DeviceTable) -> Self {
        Self::of_fates(ledger.fates())
    }

    /// Of counts in the order of [`Fate::ALL`].
    pub(crate) fn of_fates(fates: [usize; Fate::ALL.len()]) -> Self {
        let mut upgrades = Self::default();
        for (fate, count) in Fate::ALL.iter().zip(fates) {
            *match fate {
                Fate::Succeeded => &mut upgrades.succeeded,
                Fate::FailedAgain => &mut upgrades.failed_again,
                Fate::UnderWay => &mut upgrades.under_way,
                Fate::StillFailed => &mut upgrades.still_failed,
                Fate::Gone => &mut upgrades.gone,
                Fate::NotSeen => &mut upgrades.not_seen,
            } = count;
        }
        upgrades
    }

    /// How many were looked at.
    pub(crate) fn seen(&self) -> usize {
        self.succeeded + self.failed_again + self.under_way + self.still_failed + self.gone
    }

    /// Each count that is not zero, with its word.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Fate, String)> {
        [
            (Fate::Succeeded, self.succeeded, "succeeded"),
            (Fate::FailedAgain, self.failed_again, "failed again"),
            (Fate::UnderWay, self.under_way, "still under way"),
            (Fate::StillFailed, self.still_failed, "still failed"),
            (Fate::Gone, self.gone, "without a task now"),
            (Fate::NotSeen, self.not_seen, "not looked at"),
        ]
        .into_iter()
        .filter(|(_, count, _)| *count > 0)
        .map(|(fate, count, word)| (fate, format!("{} {word}", thousands(count))))
    }

    /// `98 succeeded, 42 failed again`
    pub(crate) fn in_words(&self) -> String {
        self.parts().map(|(_, part)| part).collect::<Vec<_>>().join(", ")
    }
}
