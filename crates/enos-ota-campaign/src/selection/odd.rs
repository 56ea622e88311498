//! Rows of a search that are no evidence of anything.

use enos_ota::{TaskPage, UnreadableRow};

/// How many rows of a search were left aside because they prove nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OddRows {
    /// How many could not be read.
    pub unreadable: usize,
    /// The first 100 of them.
    pub examples: Vec<UnreadableRow>,
    /// How many of them do not even tell which device they are of.
    pub nameless: usize,
    /// How many are of another job or another organization: the platform has ignored what was searched for.
    pub foreign: usize,
}

/// So many rows that could not be read are kept.
const EXAMPLES: usize = 100;

impl OddRows {
    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.unreadable == 0 && self.foreign == 0
    }

    pub(crate) fn take(&mut self, page: &TaskPage) {
        self.take_rows(&page.unreadable);
        self.foreign += page.foreign.len();
    }

    fn take_rows(&mut self, rows: &[UnreadableRow]) {
        self.unreadable += rows.len();
        self.nameless += rows.iter().filter(|row| row.device_key.is_none()).count();
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(rows.iter().take(room).cloned());
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.unreadable += other.unreadable;
        self.nameless += other.nameless;
        self.foreign += other.foreign;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.iter().take(room).cloned());
    }

    /// Whether a device that was not found may be hidden in one of these rows.
    pub(crate) fn may_hide(&self, key: &str) -> bool {
        self.nameless > 0
            || self.foreign > 0
            || self.unreadable > self.examples.len()
            || self.examples.iter().any(|row| row.device_key.as_deref() == Some(key))
    }
}
