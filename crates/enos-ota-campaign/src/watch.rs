//! Following accepted devices: have they left `failed`, and how did they end?
//!
//! Like [`Core`](crate::core::Core), this decides and makes no call. Searches name up to [`Limits::look`] devices and
//! bring back only those of which there is news, so a round over a fleet costs a call for a thousand devices; a device
//! that has ended is asked for no more; and the less happens, the longer the waits between the rounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::core::{CLOCKS_DIFFER_MS, Limits, LookEnd, Question, Row, Status};
use crate::devices::{DeviceId, Devices};
use crate::outcome::Fate;

/// How long to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until each has been seen to have left `failed`, or not to have.
    HasLeft,
    /// Until each has ended, or the deadline.
    Ended(Duration),
}

/// A search of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Part(u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Look(Part, Question, Vec<DeviceId>),
    At(Duration),
    WhenOneEnds,
    Done,
}

/// What a search has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) devices: Vec<DeviceId>,
    pub(crate) fate: Fate,
    pub(crate) reason: Option<Arc<str>>,
}

const SHORTEST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so many rounds without news, every task is looked at: some may be gone.
const QUIET_ROUNDS: u32 = 3;
/// A task that is seen so often still to be failed, unchanged, is believed to be.
const STILL_FAILED_AFTER: u32 = 3;

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Watch {
    devices: Arc<Devices>,
    limits: Limits,
    until: Until,
    /// Not ended yet.
    following: Vec<DeviceId>,
    /// Still failed when last seen, and how often that was.
    still_failed: HashMap<DeviceId, u32>,
    /// What is left of the round to ask.
    round: Vec<Vec<DeviceId>>,
    question: Question,
    open: HashMap<Part, (Question, Vec<DeviceId>)>,
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
    /// When the campaign began, by the wall clock.
    begun_ms: i64,
    cannot_look: bool,
}

impl Watch {
    /// Follows devices, the first round not before `first`.
    pub(crate) fn new(
        devices: Arc<Devices>,
        limits: Limits,
        until: Until,
        following: Vec<DeviceId>,
        first: Duration,
        begun_ms: i64,
    ) -> Self {
        Self {
            ended: HashSet::new(),
            begun_ms,
            devices,
            limits,
            until,
            following,
            still_failed: HashMap::new(),
            round: Vec::new(),
            question: Question::Failed,
            open: HashMap::new(),
            last_part: 0,
            next_round: first,
            wait: SHORTEST_WAIT,
            quiet: 0,
            news_in_round: false,
            in_round: false,
            last_round: false,
            cannot_look: false,
        }
    }

    /// Ends at once.
    pub(crate) fn stop(&mut self) {
        self.following.clear();
        self.ended.clear();
        self.round.clear();
        self.in_round = false;
    }

    pub(crate) fn next(&mut self, now: Duration) -> Next {
        if self.cannot_look {
            self.stop();
        }
        if let Some(devices) = self.round.pop() {
            self.last_part += 1;
            let part = Part(self.last_part);
            self.open.insert(part, (self.question, devices.clone()));
            return Next::Look(part, self.question, devices);
        }
        if !self.open.is_empty() {
            return Next::WhenOneEnds;
        }
        if self.in_round {
            self.end_round(now);
        }
        if self.following.is_empty() || (self.last_round && !self.in_round) {
            return Next::Done;
        }
        let due = match self.until {
            Until::Ended(deadline) => self.next_round.min(deadline),
            Until::HasLeft => self.next_round,
        };
        if due > now {
            return Next::At(due);
        }
        self.begin_round(now);
        self.next(now)
    }

    fn begin_round(&mut self, now: Duration) {
        self.last_round = match self.until {
            Until::Ended(deadline) => now >= deadline,
            Until::HasLeft => false,
        };
        self.question = match self.until {
            Until::HasLeft => Question::Failed,
            Until::Ended(_) if self.last_round || self.quiet >= QUIET_ROUNDS => Question::Everything,
            Until::Ended(_) => Question::Ended,
        };
        let most = match self.question {
            Question::Everything => self.limits.look.min(self.limits.page),
            Question::NotFailed | Question::Ended | Question::Failed => self.limits.look,
        };
        self.round = self.following.chunks(most.max(1)).map(<[_]>::to_vec).collect();
        if self.question == Question::Everything {
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
        self.next_round = now + self.wait;
    }

    pub(crate) fn looked(&mut self, part: Part, end: LookEnd) -> Vec<News> {
        let Some((question, devices)) = self.open.remove(&part) else {
            return Vec::new();
        };
        match end {
            LookEnd::Rows(rows) => self.judge(question, &devices, rows),
            LookEnd::Again => {
                self.round.push(devices);
                Vec::new()
            }
            LookEnd::TooMany => {
                let half = devices.len() / 2;
                if half == 0 {
                    self.cannot_look = true;
                    return Vec::new();
                }
                self.limits.look = self.limits.look.min(half);
                self.round.extend(devices.chunks(half).map(<[_]>::to_vec));
                Vec::new()
            }
            LookEnd::Never => {
                self.cannot_look = true;
                Vec::new()
            }
        }
    }

    fn judge(&mut self, question: Question, asked: &[DeviceId], rows: Vec<Row>) -> Vec<News> {
        let mut by_fate: HashMap<(Fate, Option<Arc<str>>), Vec<DeviceId>> = HashMap::new();
        let mut ended = HashSet::new();
        let mut listed = HashSet::with_capacity(rows.len());
        for row in rows {
            let device = row.device;
            if !listed.insert(device) {
                continue;
            }
            let (fate, reason) = match row.status {
                Status::Succeeded => (Fate::Succeeded, None),
                Status::UnderWay => (Fate::UnderWay, None),
                Status::Failed if self.is_old(&row) => {
                    if !self.seen_still_failed(device) {
                        continue;
                    }
                    (Fate::StillFailed, None)
                }
                Status::Failed => (Fate::FailedAgain, row.reason),
            };
            if fate.is_final() || (self.until == Until::HasLeft && fate == Fate::StillFailed) {
                ended.insert(device);
            }
            by_fate.entry((fate, reason)).or_default().push(device);
        }
        for device in asked.iter().filter(|device| !listed.contains(*device)) {
            match question {
                Question::Everything => {
                    ended.insert(*device);
                    by_fate.entry((Fate::Gone, None)).or_default().push(*device);
                }
                // It has left `failed`, which is all that was to be seen.
                Question::Failed => {
                    ended.insert(*device);
                    by_fate.entry((Fate::UnderWay, None)).or_default().push(*device);
                }
                Question::Ended => by_fate.entry((Fate::UnderWay, None)).or_default().push(*device),
                Question::NotFailed => {}
            }
        }
        if !ended.is_empty() {
            self.news_in_round = true;
            self.ended.extend(ended);
        }
        by_fate
            .into_iter()
            .map(|((fate, reason), devices)| News { devices, fate, reason })
            .collect()
    }

    /// Whether a failed task has not changed since it was selected.
    fn is_old(&self, row: &Row) -> bool {
        match (self.devices.facts(row.device).updated_ms, row.updated_ms) {
            (Some(then), Some(now)) => now <= then,
            (None, Some(now)) => now < self.begun_ms.saturating_sub(CLOCKS_DIFFER_MS),
            (_, None) => false,
        }
    }

    fn seen_still_failed(&mut self, device: DeviceId) -> bool {
        let times = self.still_failed.entry(device).or_default();
        *times += 1;
        *times >= STILL_FAILED_AFTER
    }
}
