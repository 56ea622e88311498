//! What is known of every device, and the sums.

use std::sync::Arc;

use crate::core::Note;
use crate::devices::{DeviceId, Devices};
use crate::outcome::{Fate, Outcome, Summary};
use crate::texts::{TextId, Texts};

/// What is known of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing<'a> {
    /// What became of the request; `None` while that is open.
    pub outcome: Option<Outcome>,
    /// The platform's code.
    pub code: Option<i64>,
    /// Why.
    pub message: Option<&'a str>,
    /// The id under which the platform keeps the call that settled it.
    pub request_id: Option<&'a str>,
    /// What became of the device afterwards.
    pub fate: Fate,
    /// Why it failed again.
    pub failed_again: Option<&'a str>,
}

/// How far a device has come that has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// It waits to be sent.
    Waiting,
    /// It is in a call without an answer.
    InDoubt,
    /// It was in a list that was refused.
    Suspect,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    outcome: Option<Outcome>,
    open: Open,
    fate: Fate,
    note: u32,
    failed_again: TextId,
}

/// What is known of every device of a campaign.
#[derive(Debug)]
pub struct Ledger {
    devices: Arc<Devices>,
    rows: Vec<Row>,
    notes: Vec<Arc<Note>>,
    texts: Texts,
    summary: Summary,
    fates: [usize; Fate::ALL.len()],
}

impl Ledger {
    pub(crate) fn new(devices: Arc<Devices>) -> Self {
        let row = Row {
            outcome: None,
            open: Open::Waiting,
            fate: Fate::NotSeen,
            note: 0,
            failed_again: TextId::NONE,
        };
        Self {
            rows: vec![row; devices.len()],
            summary: Summary {
                requested: devices.len(),
                ..Summary::default()
            },
            devices,
            notes: vec![Arc::default()],
            texts: Texts::default(),
            fates: [0; Fate::ALL.len()],
        }
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &Arc<Devices> {
        &self.devices
    }

    /// What is known of a device.
    ///
    /// # Panics
    ///
    /// If the campaign has no such device.
    #[must_use]
    pub fn standing(&self, id: DeviceId) -> Standing<'_> {
        let row = &self.rows[id.index()];
        let note = self.notes.get(row.note as usize);
        Standing {
            outcome: row.outcome,
            code: note.and_then(|note| note.code),
            message: note.and_then(|note| note.message.as_deref()),
            request_id: note.and_then(|note| note.request_id.as_deref()),
            fate: row.fate,
            failed_again: self.texts.get(row.failed_again),
        }
    }

    /// Devices by outcome.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Accepted devices by fate, in the order of [`Fate::ALL`].
    #[must_use]
    pub fn fates(&self) -> [usize; Fate::ALL.len()] {
        let mut fates = self.fates;
        // Who has not been seen is not counted one by one.
        let seen: usize = fates.iter().sum();
        if let Some(last) = fates.last_mut() {
            *last = self.summary.accepted.saturating_sub(seen);
        }
        fates
    }

    pub(crate) fn open(&self, id: DeviceId) -> Option<Open> {
        let row = &self.rows[id.index()];
        row.outcome.is_none().then_some(row.open)
    }

    pub(crate) fn set_open(&mut self, ids: &[DeviceId], open: Open) {
        for id in ids {
            self.rows[id.index()].open = open;
        }
    }

    /// Keeps the note of a list that was refused, for its devices.
    pub(crate) fn suspect(&mut self, ids: &[DeviceId], note: &Arc<Note>) {
        let note = self.keep(note);
        for id in ids {
            let row = &mut self.rows[id.index()];
            row.open = Open::Suspect;
            row.note = note;
        }
    }

    /// Keeps a note for devices, whatever becomes of them.
    pub(crate) fn remember(&mut self, ids: &[DeviceId], note: &Arc<Note>) {
        let note = self.keep(note);
        for id in ids {
            self.rows[id.index()].note = note;
        }
    }

    pub(crate) fn note(&self, id: DeviceId) -> Arc<Note> {
        let number = self.rows[id.index()].note as usize;
        self.notes.get(number).map(Arc::clone).unwrap_or_default()
    }

    /// Gives devices their outcome. A device that has one keeps it; only those that had none are given back.
    pub(crate) fn settle(&mut self, ids: &[DeviceId], outcome: Outcome, note: &Arc<Note>) -> Vec<DeviceId> {
        let note = self.keep(note);
        let mut settled = Vec::with_capacity(ids.len());
        for id in ids {
            let row = &mut self.rows[id.index()];
            if row.outcome.is_none() {
                row.outcome = Some(outcome);
                row.note = note;
                settled.push(*id);
            }
        }
        self.summary.add(outcome, settled.len());
        settled
    }

    /// Keeps what a search showed of accepted devices; only those of which it is news are given back.
    pub(crate) fn see(&mut self, ids: &[DeviceId], fate: Fate, reason: Option<&str>) -> Vec<DeviceId> {
        let reason = self.texts.id_of(reason);
        let mut news = Vec::new();
        for id in ids {
            let row = &mut self.rows[id.index()];
            if row.outcome == Some(Outcome::Accepted) && row.fate != fate && !row.fate.is_final() {
                if row.fate != Fate::NotSeen {
                    self.fates[position(row.fate)] -= 1;
                }
                self.fates[position(fate)] += 1;
                row.fate = fate;
                row.failed_again = reason;
                news.push(*id);
            }
        }
        news
    }

    fn keep(&mut self, note: &Arc<Note>) -> u32 {
        if self.notes.last().is_some_and(|last| last == note) {
            return u32::try_from(self.notes.len() - 1).unwrap_or(0);
        }
        match u32::try_from(self.notes.len()) {
            Ok(number) => {
                self.notes.push(Arc::clone(note));
                number
            }
            Err(_) => 0,
        }
    }
}

fn position(fate: Fate) -> usize {
    Fate::ALL.iter().position(|other| *other == fate).unwrap_or(0)
}
