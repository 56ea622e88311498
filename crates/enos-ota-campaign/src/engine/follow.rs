//! Following accepted devices: have they left `failed`, and how did they end?
//!
//! Like the scheduler, this decides and makes no call. Searches name up to [`Limits::look`] devices and bring back only
//! those of which there is news, so a round over a fleet costs one call per thousand devices; a device that has ended is
//! asked for no more; and the less happens, the longer the waits between the rounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::stages::SeenStages;
use super::{Found, Limits, Lookup, LookupEnd, Observation, Status, StatusFilter};
use crate::devices::{DeviceId, Devices};
use crate::event::Stages;
use crate::outcome::Fate;
use crate::wait::{Next, Wait};

/// How long to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until each has been seen to have left `failed`, or not to have.
    HasLeft,
    /// Until each has ended, or the deadline.
    Ended(Duration),
}

/// A search of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Part(u64);

/// What a search has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) devices: Vec<DeviceId>,
    pub(super) fate: Fate,
    pub(super) reason: Option<Arc<str>>,
}

const SHORTEST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so many rounds without news, every task is looked at: some may be gone.
const QUIET_ROUNDS: u32 = 3;
/// The last round begins this long before the deadline, so that it ends in time.
const LAST_ROUND: Duration = Duration::from_secs(2);
/// A task that is seen so often still to be failed, unchanged, is believed to be.
const STILL_FAILED_AFTER: u32 = 3;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Follow {
    devices: Arc<Devices>,
    limits: Limits,
    until: Until,
    /// Not ended yet.
    following: Vec<DeviceId>,
    /// Still failed when last seen, and how often that was.
    still_failed: HashMap<DeviceId, u32>,
    /// What is left of the round to ask.
    round: Vec<Vec<DeviceId>>,
    filter: StatusFilter,
    open: HashMap<Part, Lookup>,
    last_part: u64,
    next_round: Duration,
    wait: Duration,
    quiet: u32,
    news_in_round: bool,
    in_round: bool,
    /// The last round has begun: what it shows is all.
    last_round: bool,
    /// Seen in this round to have ended.
    ended: HashSet<DeviceId>,
    /// A device that this round does not show has no task any more.
    shows_gone: bool,
    stages: SeenStages,
    /// The platform does not search by device key.
    whole_job: bool,
    /// Why no search is answered, if so.
    problem: Option<Arc<str>>,
}

impl Follow {
    /// Follows devices, the first round not before `first`.
    pub(super) fn new(
        devices: Arc<Devices>,
        limits: Limits,
        until: Until,
        following: Vec<DeviceId>,
        first: Duration,
    ) -> Self {
        Self {
            ended: HashSet::new(),
            shows_gone: false,
            stages: SeenStages::default(),
            devices,
            limits,
            until,
            following,
            still_failed: HashMap::new(),
            round: Vec::new(),
            filter: StatusFilter::Failed,
            open: HashMap::new(),
            last_part: 0,
            next_round: first,
            wait: SHORTEST_WAIT,
            quiet: 0,
            news_in_round: false,
            in_round: false,
            last_round: false,
            whole_job: false,
            problem: None,
        }
    }

    /// Ends at once.
    pub(super) fn stop(&mut self) {
        self.following.clear();
        self.ended.clear();
        self.round.clear();
        // Nobody waits for these any more, and they may have been aborted.
        self.open.clear();
        self.in_round = false;
    }

    /// How far the upgrades are that are under way.
    pub(super) fn stages(&self) -> Option<Stages> {
        self.stages.stages()
    }

    /// Why nothing can be seen any more, if so.
    pub(super) fn problem(&self) -> Option<&Arc<str>> {
        self.problem.as_ref()
    }

    /// Whether there is anything left to ask, or in flight.
    pub(super) fn has_work(&self) -> bool {
        let asking = !self.round.is_empty() || !self.open.is_empty();
        // Those in `ended` are followed until the end of the round.
        let more = self.following.len() > self.ended.len() && !self.last_round;
        self.problem.is_none() && (asking || more)
    }

    pub(super) fn next(&mut self, now: Duration) -> Next<(Part, Lookup)> {
        if self.problem.is_some() {
            self.stop();
        }
        loop {
            if let Some(devices) = self.round.pop() {
                self.last_part += 1;
                let part = Part(self.last_part);
                let lookup = Lookup {
                    filter: self.filter,
                    devices,
                    whole_job: self.whole_job,
                };
                self.open.insert(part, lookup.clone());
                return Next::Do((part, lookup));
            }
            if !self.open.is_empty() {
                return Next::Wait(Wait::NextEnd);
            }
            if self.in_round {
                self.end_round(now);
            }
            if self.following.is_empty() || (self.last_round && !self.in_round) {
                return Next::Wait(Wait::Never);
            }
            let due = match self.until {
                Until::Ended(deadline) => self.next_round.min(deadline.saturating_sub(LAST_ROUND)),
                Until::HasLeft => self.next_round,
            };
            if due > now {
                return Next::Wait(Wait::Until(due));
            }
            self.begin_round(now);
        }
    }

    fn begin_round(&mut self, now: Duration) {
        self.last_round = match self.until {
            Until::Ended(deadline) => now >= deadline.saturating_sub(LAST_ROUND),
            Until::HasLeft => false,
        };
        self.shows_gone = self.last_round || self.quiet >= QUIET_ROUNDS;
        // Where one page holds all of them, it costs nothing to see how far they are.
        let on_one_page = self.following.len() <= self.limits.look.min(self.limits.page);
        self.filter = match self.until {
            Until::HasLeft => StatusFilter::Failed,
            Until::Ended(_) if self.shows_gone || on_one_page => StatusFilter::All,
            Until::Ended(_) => StatusFilter::Ended,
        };
        let most = match self.filter {
            _ if self.whole_job => usize::MAX,
            StatusFilter::All => self.limits.look.min(self.limits.page),
            StatusFilter::NotFailed | StatusFilter::Ended | StatusFilter::Failed => self.limits.look,
        };
        self.round = self.following.chunks(most.max(1)).map(<[_]>::to_vec).collect();
        if self.shows_gone {
            self.quiet = 0;
        }
        self.in_round = true;
        self.news_in_round = false;
    }

    fn end_round(&mut self, now: Duration) {
        self.in_round = false;
        let ended = std::mem::take(&mut self.ended);
        if !ended.is_empty() {
            self.following.retain(|device| !ended.contains(device));
        }
        if self.news_in_round {
            self.quiet = 0;
            self.wait = (self.wait / 2).max(SHORTEST_WAIT);
        } else {
            self.quiet += 1;
            // What costs a call or two may be asked more often.
            let calls = u32::try_from(self.following.len().div_ceil(self.limits.look.max(1))).unwrap_or(u32::MAX);
            let longest = LONGEST_WAIT.min(2 * SHORTEST_WAIT.saturating_mul(calls.max(1)));
            self.wait = (self.wait * 3 / 2).min(longest);
        }
        self.next_round = now.saturating_add(self.wait);
    }

    pub(super) fn looked(&mut self, part: Part, end: LookupEnd) -> Vec<News> {
        let Some(lookup) = self.open.remove(&part) else {
            return Vec::new();
        };
        match end {
            LookupEnd::Found(found) => return self.judge(&lookup, found),
            LookupEnd::Again => self.round.push(lookup.devices),
            LookupEnd::Invalid if lookup.whole_job => {
                self.problem = Some("the platform refuses to list the tasks of the job".into());
            }
            LookupEnd::Invalid if lookup.devices.len() > 1 => {
                // One alone tells whether it is their number.
                let rest = lookup.devices.len().div_ceil(2);
                self.limits.look = self.limits.look.min(rest);
                let (one, others) = lookup.devices.split_at(1);
                self.round.extend(others.chunks(rest).map(<[_]>::to_vec));
                self.round.push(one.to_vec());
            }
            LookupEnd::Invalid => {
                self.whole_job = true;
                let open = self.open.drain().flat_map(|(_, lookup)| lookup.devices);
                let all = open.chain(self.round.drain(..).flatten()).chain(lookup.devices);
                self.round = vec![all.collect()];
            }
            LookupEnd::Never(why) => self.problem = Some(why),
        }
        Vec::new()
    }

    fn judge(&mut self, lookup: &Lookup, found: Found) -> Vec<News> {
        let asked = &lookup.devices;
        let mut by_fate: HashMap<(Fate, Option<Arc<str>>), Vec<DeviceId>> = HashMap::new();
        let mut ended = HashSet::new();
        let mut listed: HashSet<DeviceId> = found.unclear.iter().copied().collect();
        if found.any_unclear {
            listed.extend(asked);
        }
        let wanted: HashSet<DeviceId> = if lookup.whole_job {
            asked.iter().copied().collect()
        } else {
            HashSet::new()
        };
        let mut shown = HashSet::with_capacity(found.tasks.len());
        for (device, task) in found.tasks {
            if (lookup.whole_job && !wanted.contains(&device)) || !shown.insert(device) {
                continue;
            }
            listed.insert(device);
            let (fate, reason) = match task.status {
                Status::Succeeded => (Fate::Succeeded, None),
                Status::UnderWay => {
                    self.stages.see(device, task.progress);
                    (Fate::UnderWay, None)
                }
                Status::Failed if self.is_old(device, &task) => {
                    if !self.seen_still_failed(device) {
                        continue;
                    }
                    (Fate::StillFailed, None)
                }
                Status::Failed => (Fate::FailedAgain, task.reason),
            };
            if fate.is_final() || (self.until == Until::HasLeft && fate == Fate::StillFailed) {
                ended.insert(device);
            }
            by_fate.entry((fate, reason)).or_default().push(device);
        }
        for device in asked.iter().filter(|device| !listed.contains(*device)) {
            match lookup.filter {
                StatusFilter::All if self.shows_gone => {
                    ended.insert(*device);
                    by_fate.entry((Fate::Gone, None)).or_default().push(*device);
                }
                // It has left `failed`, which is all that was to be seen.
                StatusFilter::Failed => {
                    ended.insert(*device);
                    by_fate.entry((Fate::UnderWay, None)).or_default().push(*device);
                }
                StatusFilter::All | StatusFilter::Ended => {
                    by_fate.entry((Fate::UnderWay, None)).or_default().push(*device);
                }
                StatusFilter::NotFailed => {}
            }
        }
        if !ended.is_empty() {
            self.news_in_round = true;
            for device in &ended {
                self.stages.forget(*device);
            }
            self.ended.extend(ended);
        }
        by_fate
            .into_iter()
            .map(|((fate, reason), devices)| News { devices, fate, reason })
            .collect()
    }

    /// Whether a failed task has not changed since it was selected. Where that is not known, the platform has accepted a
    /// retry of it, and it is failed after that.
    fn is_old(&self, device: DeviceId, task: &Observation) -> bool {
        match (self.devices.facts(device).updated_ms, task.updated_ms) {
            (Some(then), Some(now)) => now == then,
            _ => false,
        }
    }

    fn seen_still_failed(&mut self, device: DeviceId) -> bool {
        let times = self.still_failed.entry(device).or_default();
        *times += 1;
        *times >= STILL_FAILED_AFTER
    }
}
