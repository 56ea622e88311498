//! Quotas of a minute or longer, and what to do when calls are throttled.
//!
//! When a call is throttled, none starts until the quota can have been renewed; then one goes ahead of the others. How
//! long it takes until one is accepted tells what the quota is counted over, unless the gateway announces that. The calls
//! that the window took are the limit for the next one. Beyond a limit found this way one call goes at a time, and more
//! only as more are accepted: so a limit that was too low is corrected, for one throttled call in each window.
//!
//! When windows begin is known from the gateway, or else from the clock, or else from when calls were accepted again.

use std::time::Duration;

use super::window::{Announced, Window};
use crate::wait::Wait;

/// The waits before a throttled call is tried again, if the gateway names no time: this, and twice as long each time, until
/// a whole second has passed.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How much longer than a window it takes until it has passed for certain, and how long after its beginning by the clock
/// a call is tried.
const SLACK: Duration = Duration::from_millis(100);
/// The part of a window which its beginning is to be known to.
const EXACTNESS: u32 = 60;
/// The part of the calls beyond a limit that may be in flight.
const BEYOND: u64 = 8;
/// After how many failures of what it asked for the gateway is not believed.
const BELIEVED: u32 = 2;

#[derive(Clone, Debug)]
struct Quota {
    window: Window,
    /// Calls in a window: as announced, or as many as the last one took.
    limit: Option<u64>,
    announced: bool,
    /// Calls in the current window that were started and not throttled.
    spent: u64,
    /// What the gateway has left, less the calls in flight.
    left: Option<u64>,
    /// After which time the current window ends, and by which.
    ends: Option<(Duration, Duration)>,
    /// When it ends as far as is known.
    end: Option<Duration>,
}

/// Calls are throttled.
#[derive(Clone, Debug)]
struct Stall {
    /// When the first throttled call was sent.
    first: Duration,
    /// When the last one was.
    failed: Duration,
    /// Calls that went ahead and were throttled.
    tries: u32,
    /// The time that the gateway asks to wait for, and whether that is all it asks for.
    asked: Option<(Duration, bool)>,
    /// The quota that it announces to be used up.
    quota: Option<usize>,
    /// When a call goes ahead, and whether it has started.
    next: Duration,
    ahead: bool,
}

/// Calls were throttled for a second at most, and are accepted again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    /// When the first throttled call was sent.
    pub(super) first: Duration,
    pub(super) pause: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Quotas {
    quotas: [Quota; 4],
    longest_retry_after: Duration,
    /// What the clock showed at which time.
    clock: Option<(Duration, i64)>,
    stall: Option<Stall>,
    /// Throttled calls that were sent before belong to a stall that is over.
    resumed: Duration,
    /// The longest time until the end of a window without a name.
    longest_reset: Duration,
}

impl Quotas {
    pub(super) fn new(longest_retry_after: Duration) -> Self {
        Self {
            quotas: [Window::Minute, Window::Hour, Window::Day, Window::Month].map(|window| Quota {
                window,
                limit: None,
                announced: false,
                spent: 0,
                left: None,
                ends: None,
                end: None,
            }),
            longest_retry_after,
            clock: None,
            stall: None,
            resumed: Duration::ZERO,
            longest_reset: Duration::ZERO,
        }
    }

    /// Calls per second that all known limits allow in the long run.
    #[expect(clippy::cast_precision_loss, reason = "a limit that large is none")]
    pub(super) fn rate(&self) -> f64 {
        let limits = self.quotas.iter().filter_map(|quota| {
            let limit = quota.limit? as f64;
            Some(limit / quota.window.length().as_secs_f64())
        });
        limits.fold(f64::INFINITY, f64::min)
    }

    /// Until when no call starts, and which limit is the reason if it is known.
    pub(super) fn paused(&self, now: Duration) -> Option<(Duration, Option<(u64, Window)>)> {
        let stall = self.stall.as_ref().filter(|stall| now < stall.next)?;
        let quota = stall.quota.or_else(|| self.used_up()).map(|index| &self.quotas[index]);
        Some((stall.next, quota.and_then(|quota| Some((quota.limit?, quota.window)))))
    }

    pub(super) fn may_start(&mut self, now: Duration, in_flight: usize) -> Wait {
        self.roll(now);
        if let Some(stall) = &self.stall {
            return match now {
                now if now < stall.next => Wait::Until(stall.next),
                _ if stall.ahead && in_flight > 0 => Wait::NextEnd,
                _ => Wait::Now,
            };
        }
        let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
        for index in 0..self.quotas.len() {
            let quota = &self.quotas[index];
            let beyond = quota.limit.and_then(|limit| quota.spent.checked_sub(limit));
            // Nodes that lag behind announce more than there is, all at the same time.
            let others = beyond.map(|beyond| if quota.announced { 0 } else { beyond / BEYOND });
            if in_flight > 0 && (quota.left == Some(0) || others.is_some_and(|others| in_flight > others)) {
                return Wait::NextEnd;
            }
            if quota.left == Some(0) {
                return Wait::Until(self.begin_stall(now, now, Some(index), None));
            }
        }
        Wait::Now
    }

    pub(super) fn started(&mut self) {
        for quota in &mut self.quotas {
            quota.spent = quota.spent.saturating_add(1);
            quota.left = quota.left.map(|left| left.saturating_sub(1));
        }
        if let Some(stall) = &mut self.stall {
            stall.ahead = true;
        }
    }

    /// A call has ended; the clock shows `wall_ms`.
    pub(super) fn observe(&mut self, now: Duration, wall_ms: i64) {
        self.clock = Some((now, wall_ms));
        for index in 0..self.quotas.len() {
            if self.quotas[index].end.is_none() {
                self.quotas[index].end =
                    Some(self.end_after(index, now, now.saturating_add(self.quotas[index].window.length())));
            }
        }
    }

    /// Takes note of what an answer announces, and returns the limit of a second if it is there.
    pub(super) fn announced(
        &mut self,
        now: Duration,
        took: Duration,
        in_flight: usize,
        all: &[Announced],
    ) -> Option<u64> {
        let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
        let mut second = None;
        for announced in all {
            let window = announced.window.unwrap_or_else(|| self.name(announced, all));
            let Some(index) = self.quotas.iter().position(|quota| quota.window == window) else {
                second = second.max(announced.limit);
                continue;
            };
            let quota = &mut self.quotas[index];
            if let Some(limit) = announced.limit {
                quota.limit = Some(limit);
                quota.announced = true;
            }
            if let Some(remaining) = announced.remaining {
                quota.left = Some(remaining.saturating_sub(in_flight));
            }
            if let Some(reset) = announced.reset {
                // Counted in whole seconds when the gateway answered.
                let to = now.saturating_add(reset);
                quota.ends = Some((to.saturating_sub(took).saturating_sub(Duration::from_secs(1)), to));
                if self.stall.is_none() {
                    quota.end = Some(to);
                }
            }
        }
        second
    }

    /// Which window is meant by one without a name.
    fn name(&mut self, unnamed: &Announced, all: &[Announced]) -> Window {
        let same = |other: &&Announced| (other.limit, other.remaining) == (unnamed.limit, unnamed.remaining);
        if let Some(window) = all.iter().filter(same).find_map(|other| other.window) {
            return window;
        }
        self.longest_reset = self.longest_reset.max(unnamed.reset.unwrap_or_default());
        let windows = [Window::Second, Window::Minute, Window::Hour, Window::Day];
        let mut long_enough = windows
            .into_iter()
            .filter(|window| self.longest_reset <= window.length());
        long_enough.next().unwrap_or(Window::Month)
    }

    /// A call that was sent then was not throttled. Returns the episode that is over by that, if it was a short one.
    pub(super) fn accepted(&mut self, sent: Duration) -> Option<Episode> {
        let stall = self.stall.take_if(|stall| stall.ahead && sent >= stall.next)?;
        self.resumed = stall.next;
        let Some(index) = stall.quota.or_else(|| self.renewed(&stall, sent)) else {
            for quota in self.quotas.iter_mut().filter(|quota| !quota.announced) {
                if Some(quota.spent) > quota.limit {
                    quota.limit = None;
                }
            }
            return Some(Episode {
                first: stall.first,
                pause: sent.saturating_sub(stall.first),
            });
        };
        let quota = &mut self.quotas[index];
        if !quota.announced {
            quota.limit = Some(quota.spent.saturating_sub(1).max(1));
        }
        let (from, to) = quota.ends.unwrap_or((stall.failed, sent));
        let (from, to) = (from.max(stall.failed), to.min(sent));
        let (from, to) = if from < to { (from, to) } else { (stall.failed, sent) };
        self.begin_window(index, sent, (from, to), 1);
        None
    }

    /// The call that went ahead has failed without being throttled; another one may.
    pub(super) fn failed(&mut self, sent: Duration) {
        if let Some(stall) = &mut self.stall
            && sent >= stall.next
        {
            stall.ahead = false;
        }
    }

    /// A call that was sent then was throttled.
    pub(super) fn throttled(&mut self, now: Duration, sent: Duration, retry_after: Option<Duration>) {
        for quota in &mut self.quotas {
            quota.spent = quota.spent.saturating_sub(1);
        }
        let used_up = self
            .quotas
            .iter()
            .rposition(|quota| quota.left == Some(0) && quota.announced);
        let asked = retry_after.map(|asked| {
            let most = asked.min(self.longest_retry_after);
            (now.saturating_add(most), most == asked)
        });
        if self.stall.is_none() && sent >= self.resumed {
            self.begin_stall(now, sent, used_up, asked);
            return;
        }
        let Some(mut stall) = self.stall.take() else { return };
        stall.failed = stall.failed.max(sent);
        stall.quota = stall.quota.max(used_up);
        stall.asked = stall.asked.max(asked);
        if stall.ahead && sent >= stall.next {
            stall.ahead = false;
            stall.tries = stall.tries.saturating_add(1);
        }
        if !stall.ahead {
            stall.next = self.next_try(now, &stall);
        }
        self.stall = Some(stall);
    }

    fn begin_stall(
        &mut self,
        now: Duration,
        first: Duration,
        quota: Option<usize>,
        asked: Option<(Duration, bool)>,
    ) -> Duration {
        let mut stall = Stall {
            first,
            failed: first,
            tries: 0,
            asked,
            quota,
            next: Duration::ZERO,
            ahead: false,
        };
        stall.next = self.next_try(now, &stall);
        let next = stall.next;
        self.stall = Some(stall);
        next
    }

    /// When a call is tried again.
    fn next_try(&self, now: Duration, stall: &Stall) -> Duration {
        let found = match stall.quota {
            Some(index) => {
                let latest = stall.failed.saturating_add(self.quotas[index].window.length());
                self.end_after(index, stall.failed, latest)
            }
            None => match stall.asked {
                Some((asked, true)) if stall.tries < BELIEVED && self.used_up().is_none() => asked,
                _ => self.try_windows(now, stall),
            },
        };
        let asked = stall.asked.map_or(Duration::ZERO, |(asked, _)| asked);
        found.max(asked).max(now.saturating_add(Duration::from_millis(1)))
    }

    /// A second, a minute, an hour: for each in turn, when it has passed.
    fn try_windows(&self, now: Duration, stall: &Stall) -> Duration {
        let used_up = self.used_up();
        // A shorter window than the known one is tried once, as the limit may be another now.
        let shorter = match used_up {
            None | Some(0) => Window::Second,
            Some(index) => self.quotas[index - 1].window,
        };
        let passed = stall.first.saturating_add(shorter.length()).saturating_add(SLACK);
        let exact = |index: &usize| self.is_exact(*index);
        if stall.failed < passed.saturating_sub(SLACK / 2) && used_up.as_ref().is_none_or(exact) {
            return match used_up {
                None => now
                    .saturating_add(FIRST_WAIT.saturating_mul(1 << stall.tries.min(8)))
                    .min(passed.max(now)),
                Some(_) => passed,
            };
        }
        for index in used_up.unwrap_or(0)..self.quotas.len() {
            let latest = self.latest_end(index, stall);
            if stall.failed < latest {
                return self.end_after(index, stall.failed, latest);
            }
        }
        now.saturating_add(Window::Hour.length())
    }

    /// By when a window has ended that was used up when calls were throttled first.
    fn latest_end(&self, index: usize, stall: &Stall) -> Duration {
        let quota = &self.quotas[index];
        let whole = stall.first.saturating_add(quota.window.length()).saturating_add(SLACK);
        quota.ends.map_or(whole, |(_, to)| to.min(whole))
    }

    /// The shortest window whose limit, found by trial, has been reached.
    fn used_up(&self) -> Option<usize> {
        let reached = |quota: &Quota| quota.limit.is_some_and(|limit| quota.spent >= limit - limit / 10);
        self.quotas.iter().position(|quota| !quota.announced && reached(quota))
    }

    /// Which window has been renewed when a call that was sent then is accepted; `None` for a second.
    fn renewed(&self, stall: &Stall, sent: Duration) -> Option<usize> {
        if let Some(index) = self.used_up()
            && self.quotas[index].ends.is_some_and(|(from, _)| sent > from)
        {
            return Some(index);
        }
        let waited = sent.saturating_sub(stall.first);
        if waited <= Window::Second.length() + 5 * SLACK {
            return None;
        }
        let by = |index: &usize| sent <= stall.first.saturating_add(self.quotas[*index].window.length()) + 10 * SLACK;
        (0..self.quotas.len()).find(by).or(Some(self.quotas.len() - 1))
    }

    fn is_exact(&self, index: usize) -> bool {
        let quota = &self.quotas[index];
        let exact = quota.window.length() / EXACTNESS;
        quota.ends.is_none_or(|(from, to)| to.saturating_sub(from) <= exact)
    }

    /// When a window ends of which it is known that it has not ended at `after`.
    fn end_after(&self, index: usize, after: Duration, latest: Duration) -> Duration {
        let quota = &self.quotas[index];
        let length = quota.window.length();
        let known = quota.ends.filter(|(_, to)| *to > after);
        let (from, to) = known.map_or((after, latest), |(from, to)| (from.max(after), to));
        let clock = self.clock.map(|(now, wall_ms)| {
            let passed = i64::try_from(from.saturating_sub(now).as_millis()).unwrap_or(i64::MAX);
            let early = i64::try_from(now.saturating_sub(from).as_millis()).unwrap_or(i64::MAX);
            let wall_ms = wall_ms.saturating_add(passed).saturating_sub(early);
            from.saturating_add(quota.window.rest(wall_ms)).saturating_add(SLACK)
        });
        let exact = length / EXACTNESS;
        match clock {
            Some(clock) if clock <= to => clock,
            _ if to.saturating_sub(from) <= exact => to,
            // The clocks differ: a little most often, so it is tried soon, and then after twice the time.
            Some(clock) if known.is_none() => {
                let late = (from.saturating_add(length)).saturating_sub(clock).max(exact);
                from.saturating_add(late).min(to)
            }
            _ => from.saturating_add(to.saturating_sub(from) / 2),
        }
    }

    /// Windows that have ended while calls went on.
    fn roll(&mut self, now: Duration) {
        if self.stall.is_some() {
            return;
        }
        for index in 0..self.quotas.len() {
            let quota = &self.quotas[index];
            if let Some(end) = quota.end
                && now >= end
            {
                let length = quota.window.length();
                let bounds = quota.ends.filter(|(_, to)| to.saturating_add(length) > now);
                match bounds {
                    Some(bounds) => self.begin_window(index, now, bounds, 0),
                    None => {
                        self.quotas[index].ends = None;
                        self.quotas[index].spent = 0;
                        self.quotas[index].left = None;
                        self.quotas[index].end = Some(self.end_after(index, now, now.saturating_add(length)));
                    }
                }
            }
        }
    }

    /// A window has begun after and by these times.
    fn begin_window(&mut self, index: usize, now: Duration, (from, to): (Duration, Duration), spent: u64) {
        let quota = &mut self.quotas[index];
        let length = quota.window.length();
        quota.ends = Some((from.saturating_add(length), to.saturating_add(length)));
        quota.spent = spent;
        quota.left = None;
        let latest = now.saturating_add(length);
        self.quotas[index].end = Some(self.end_after(index, now, latest));
    }
}
