//! A few devices first, and the others only if those succeed; and what becomes of all of them at the end.

use std::time::Duration;

use super::follow::{Follow, Until};
use super::is_searchable;
use super::run::Runner;
use crate::devices::DeviceId;
use crate::ending::Ending;
use crate::event::{Event, Phase};
use crate::journal::Record;
use crate::outcome::{Fate, Outcome};
use crate::state::{DeviceState, DeviceTable};

pub(super) use crate::waves::{ends, order};

impl Runner {
    /// Sends the devices, wave by wave.
    pub(super) async fn run_waves(&mut self) {
        let planned = self.table.devices().len();
        let order = order(self.table.devices(), self.settings.waves.as_ref());
        let ends = ends(self.settings.waves.as_ref(), planned);
        // How many devices of the order up to each point wait to be sent: others have their outcome already.
        let mut begin = 0;
        let mut allowed = 0;
        let count = ends.len();
        for (index, end) in ends.into_iter().enumerate() {
            let wave = index + 1;
            let members = &order[begin..end];
            let waiting = members
                .iter()
                .filter(|id| self.table.standing(**id).state == DeviceState::Waiting)
                .count();
            begin = end;
            allowed += waiting;
            self.scheduler.allow(allowed);
            if count > 1 && waiting > 0 {
                self.report(Event::WaveBegan {
                    wave,
                    waves: count,
                    devices: members.len(),
                });
            }
            self.phase = Phase::Retrying;
            self.run_all().await;
            if self.ending.is_some() {
                return;
            }
            if wave < count && wave > self.waves_passed {
                self.judge_wave(wave, members).await;
                if self.ending.is_some() {
                    return;
                }
            }
        }
    }

    /// Watches a wave, and decides whether to go on.
    async fn judge_wave(&mut self, wave: usize, members: &[DeviceId]) {
        let Some(waves) = self.settings.waves.clone() else {
            return;
        };
        let accepted: Vec<_> = members
            .iter()
            .filter(|id| self.table.standing(**id).outcome == Some(Outcome::Accepted))
            .copied()
            .collect();
        let all = accepted.len();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of devices, rounded up"
        )]
        let needed = (all as f64 * waves.success_percent.clamp(0.0, 100.0) / 100.0).ceil() as usize;
        let verdict = |table: &DeviceTable| {
            let fates = accepted.iter().map(|id| table.standing(*id).fate);
            fates.fold((0, 0), |(succeeded, failed), fate| match fate {
                Fate::Succeeded => (succeeded + 1, failed),
                Fate::FailedAgain | Fate::Gone => (succeeded, failed + 1),
                Fate::NotSeen | Fate::StillFailed | Fate::UnderWay => (succeeded, failed),
            })
        };
        self.phase = Phase::Judging;
        self.follow(accepted.clone(), Some(waves.timeout));
        self.run_until(|table| {
            let (succeeded, failed) = verdict(table);
            succeeded >= needed || failed > all - needed
        })
        .await;
        self.follow = None;
        self.deadline = None;
        if self.ending.is_some() {
            return;
        }
        let (succeeded, failed) = verdict(&self.table);
        let passed = all > 0 && succeeded >= needed;
        let record = Record::Wave {
            at: self.time.now_ms(),
            wave,
            devices: all,
            succeeded,
            failed,
            passed,
        };
        self.record(&record, &[]);
        self.report(Event::WaveEnded {
            wave,
            accepted: all,
            succeeded,
            failed,
            passed,
        });
        if !passed {
            self.end_with(Ending::WaveFailed {
                wave,
                accepted: all,
                succeeded,
            });
        }
    }

    /// Confirms what became of accepted devices.
    pub(super) async fn confirm(&mut self) {
        if self.settings.watch.is_none() && !self.settings.verify {
            return;
        }
        let open: Vec<_> = self
            .table
            .devices()
            .ids()
            .filter(|id| {
                let standing = self.table.standing(*id);
                standing.outcome == Some(Outcome::Accepted) && !standing.fate.is_final()
            })
            .collect();
        let to_the_end = self.settings.watch.is_some();
        let accepted: Vec<_> = open.into_iter().filter(|id| self.can_be_seen(*id)).collect();
        if accepted.is_empty() {
            return;
        }
        self.phase = if to_the_end { Phase::Watching } else { Phase::Verifying };
        self.report(Event::Following {
            devices: accepted.len(),
            to_the_end,
        });
        self.follow(accepted, self.settings.watch);
        self.run_all().await;
        self.follow = None;
        self.deadline = None;
    }

    /// Whether a search can name the device: where it cannot, nothing follows from what the search does not show.
    fn can_be_seen(&self, id: DeviceId) -> bool {
        is_searchable(self.table.devices().key(id))
    }

    /// Follows devices to their end for so long, or else until they have left `failed`.
    fn follow(&mut self, mut devices: Vec<DeviceId>, limit: Option<Duration>) {
        devices.retain(|id| self.can_be_seen(*id));
        let now = self.time.elapsed();
        let deadline = now.saturating_add(limit.unwrap_or(self.settings.confirm_patience));
        let first = self.last_accepted_at.saturating_add(self.limits.lag);
        let until = match limit {
            Some(_) => Until::Ended(deadline),
            None => Until::HasLeft,
        };
        self.deadline = Some(deadline);
        self.follow = Some(Follow::new(
            std::sync::Arc::clone(self.table.devices()),
            self.limits,
            until,
            devices,
            first,
        ));
    }
}
