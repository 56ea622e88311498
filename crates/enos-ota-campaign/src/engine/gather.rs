//! A list that takes several searches. What follows for a list follows from the whole of it, so it is judged when all of
//! its parts have been found.

use super::schedule::{Batch, Found, Reason, Scheduler};

/// A list that is looked up in parts.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    whole: Batch,
    /// How many of its devices are still to be found.
    missing: usize,
    /// What was found so far.
    found: Option<Found>,
}

impl Scheduler {
    /// Cuts a batch off after so many devices, and gives back the rest.
    pub(super) fn cut_off(&mut self, batch: &mut Batch, most: usize) -> Batch {
        let as_a_whole = match batch.reason {
            Reason::Lost => true,
            Reason::Refused(_) => batch.history.lost > 0,
            Reason::First | Reason::Controls | Reason::Again | Reason::Experiment(_) | Reason::PassedOver(_) => false,
        };
        if as_a_whole && batch.part_of.is_none() {
            let number = self.known.next_lost_list();
            let cut = Cut {
                whole: batch.clone(),
                missing: batch.devices.len(),
                found: None,
            };
            self.cut.insert(number, cut);
            batch.part_of = Some(number);
        }
        Batch {
            devices: batch.devices.split_off(most),
            ..batch.clone()
        }
    }

    /// Judges a batch, once all of its list is found.
    pub(super) fn gather(&mut self, batch: Batch, found: &Found) {
        let Some(number) = batch.part_of else {
            self.judge(batch, found);
            return;
        };
        // Another part may have brought the end.
        let Some(mut cut) = self.cut.remove(&number) else {
            return;
        };
        if found.whole_job {
            self.judge(cut.whole, found);
            return;
        }
        cut.missing = cut.missing.saturating_sub(batch.devices.len());
        let all = match cut.found.take() {
            Some(mut all) => {
                all.add(found, &batch.devices);
                all
            }
            None => found.clone(),
        };
        if cut.missing == 0 {
            self.judge(cut.whole, &all);
        } else {
            cut.found = Some(all);
            self.cut.insert(number, cut);
        }
    }

    /// Puts whole lists in the place of their parts.
    pub(super) fn put_together(&mut self, batches: &mut Vec<Batch>) {
        batches.retain(|batch| batch.part_of.is_none());
        batches.extend(self.cut.drain().map(|(_, cut)| cut.whole));
    }
}
