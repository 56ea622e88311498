//! Quotas of a minute or longer, and what to do when calls are throttled.
//!
//! When a call is throttled, none starts until the quota can have been renewed; then one goes ahead of the others. For how
//! long these are throttled tells what the quota is counted over, unless the gateway announces that. Time in which nobody
//! called tells nothing. The calls that the window took are the limit for the next one. Beyond a limit found this way one call goes at a time, and more
//! only as more are accepted: so a limit that was too low is corrected, for one throttled call in each window.
//!
//! When windows begin is known from the gateway, or else from the clock, or else from when calls were accepted again.

use std::time::Duration;

use super::window::{Announced, Window};
use crate::Wait;

/// The wait before a throttled call is tried again, if the gateway names no time. It doubles until a second has passed.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// How much longer than a window it takes until it has passed for certain, and how long after its beginning by the clock
/// a call is tried.
const SLACK: Duration = Duration::from_millis(100);
/// The part of a window which its beginning is to be known to.
const EXACTNESS: u32 = 30;
/// The part of a limit that may be in flight, and of the calls beyond it.
const IN_FLIGHT: u64 = 16;
const BEYOND: u64 = 8;
/// For how many tries the gateway is believed that names a time.
const BELIEVED: u32 = 2;
/// How much longer than a second a quota is to be used up before it is one of a minute.
const ONCE_MORE: Duration = Duration::from_millis(1500);
/// After how many windows that were used up in turn it is a longer one: others may use the same quota.
const CERTAIN: u32 = 5;
/// No time is later.
pub(super) const FOREVER: Duration = Duration::from_secs(10_000_000_000);

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
    /// When the current window began as far as was seen, and when it probably ends: after the first of these times, and by
    /// the second.
    began: Duration,
    end: Duration,
    ends: (Duration, Duration),
}

impl Quota {
    /// A window has begun, after and by the times of `begins`.
    fn renew(&mut self, began: Duration, spent: u64, begins: (Duration, Duration), clock: Option<(Duration, i64)>) {
        let length = self.window.length();
        self.ends = (begins.0 + length, (begins.1 + length).min(FOREVER));
        self.began = began;
        self.end = self.end_after(began, FOREVER, clock);
        self.spent = spent;
        self.left = None;
    }

    /// Takes note of what an answer announces to a call that was sent then.
    fn announced(&mut self, now: Duration, sent: Duration, in_flight: u64, announced: Announced) {
        self.limit = announced.limit.or(self.limit);
        self.announced |= announced.limit.is_some();
        if let Some(remaining) = announced.remaining.filter(|_| sent >= self.began) {
            self.left = Some(remaining.saturating_sub(in_flight));
        }
        if let Some(reset) = announced.reset {
            // Counted in whole seconds when the gateway answered.
            self.end = now + reset.min(FOREVER);
            let late = now.saturating_sub(sent) + Duration::from_secs(1);
            self.ends = (self.end.saturating_sub(late), self.end);
        }
    }

    /// Whether more calls would be too many while so many are in flight.
    fn is_full(&self, in_flight: u64) -> bool {
        let most = self
            .limit
            .map_or(u64::MAX, |limit| match self.spent.checked_sub(limit) {
                None => limit / IN_FLIGHT,
                // Nodes that lag behind announce more than there is, all at the same time.
                Some(_) if self.announced => 0,
                Some(beyond) => beyond / BEYOND,
            });
        in_flight > 0 && (in_flight > most || self.left == Some(0))
    }

    /// Whether a limit that was found by trial has been reached.
    fn is_used_up(&self) -> bool {
        !self.announced && self.limit.is_some_and(|limit| self.spent >= limit - limit / 10)
    }

    /// By when a window has ended that was used up at a time.
    fn latest_end(&self, used_up: Duration) -> Duration {
        self.ends.1.min(used_up + self.window.length() + SLACK)
    }

    /// When a window probably ends of which it is known that it has not ended at `after`, and has by `latest`.
    fn end_after(&self, after: Duration, latest: Duration, clock: Option<(Duration, i64)>) -> Duration {
        let known = self.ends.1 < FOREVER && self.ends.1 > after;
        let from = if known { self.ends.0.max(after) } else { after };
        let whole = from + self.window.length() + SLACK;
        let to = if known { self.ends.1 } else { latest.min(whole) };
        let exact = self.window.length() / EXACTNESS;
        let by_clock = clock.map(|clock| from + self.window.rest(clock, from) + SLACK);
        match by_clock {
            Some(by_clock) if by_clock <= to + SLACK => by_clock,
            _ if to.saturating_sub(from) <= exact => to,
            // The clocks differ: a little most often, so it is tried soon, and then after twice the time.
            Some(by_clock) if !known => (from + whole.saturating_sub(by_clock).max(exact)).min(to),
            _ => from + to.saturating_sub(from) / 2,
        }
    }
}

/// Calls are throttled.
#[derive(Clone, Copy, Debug, Default)]
struct Stall {
    /// When the first throttled call was sent, and the last one.
    first: Duration,
    last: Duration,
    /// Calls that went ahead and were throttled.
    tries: u32,
    /// The time that the gateway asks to wait for, and whether that is all it asks for.
    asked: Option<(Duration, bool)>,
    /// The longest wait that it has asked for.
    longest: Duration,
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
    /// From the shortest window to the longest.
    windows: [Quota; 4],
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
            windows: [Window::Minute, Window::Hour, Window::Day, Window::Month].map(|window| Quota {
                window,
                limit: None,
                announced: false,
                spent: 0,
                left: None,
                began: Duration::ZERO,
                end: Duration::ZERO,
                ends: (Duration::ZERO, FOREVER),
            }),
            longest_retry_after: longest_retry_after.min(FOREVER),
            clock: None,
            stall: None,
            resumed: Duration::ZERO,
            longest_reset: Duration::ZERO,
        }
    }

    /// Calls per second that all known limits allow in the long run.
    #[expect(clippy::cast_precision_loss, reason = "a limit that large is none")]
    pub(super) fn rate(&self) -> f64 {
        let known = self
            .windows
            .iter()
            .filter_map(|quota| Some((quota.limit? as f64, quota.window.length())));
        known.fold(f64::INFINITY, |least, (limit, length)| {
            least.min(limit / length.as_secs_f64())
        })
    }

    /// Until when no call starts, and which limit is the reason if it is known.
    pub(super) fn paused(&self, now: Duration) -> Option<(Duration, Option<(u64, Window)>)> {
        let stall = self.stall.as_ref().filter(|stall| now < stall.next)?;
        let quota = stall.quota.or_else(|| self.used_up()).map(|index| &self.windows[index]);
        Some((stall.next, quota.and_then(|quota| Some((quota.limit?, quota.window)))))
    }

    /// Whether calls are throttled, and none has been accepted since.
    pub(super) fn is_throttling(&self) -> bool {
        self.stall.is_some()
    }

    /// The shortest window whose limit, found by trial, has been reached.
    fn used_up(&self) -> Option<usize> {
        self.windows.iter().position(Quota::is_used_up)
    }

    pub(super) fn may_start(&mut self, now: Duration, in_flight: usize) -> Wait {
        self.roll(now);
        let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
        if let Some(stall) = &self.stall {
            return match stall.next {
                next if now < next => Wait::Until(next),
                _ if stall.ahead && in_flight > 0 => Wait::NextEnd,
                _ => Wait::Now,
            };
        }
        if self.windows.iter().any(|quota| quota.is_full(in_flight)) {
            return Wait::NextEnd;
        }
        match self.windows.iter().rposition(|quota| quota.left == Some(0)) {
            Some(index) => Wait::Until(self.stall(
                now,
                Stall {
                    first: now,
                    last: now,
                    quota: Some(index),
                    ..Stall::default()
                },
            )),
            None => Wait::Now,
        }
    }

    pub(super) fn started(&mut self) {
        for quota in &mut self.windows {
            quota.spent = quota.spent.saturating_add(1);
            quota.left = quota.left.map(|left| left.saturating_sub(1));
        }
        if let Some(stall) = &mut self.stall {
            stall.ahead = true;
        }
    }

    /// A call has ended when the clock showed `wall_ms`. Returns the limit of a second if it is announced.
    pub(super) fn ended(
        &mut self,
        now: Duration,
        wall_ms: i64,
        sent: Duration,
        in_flight: usize,
        all: &[Announced],
    ) -> Option<u64> {
        self.clock = Some((now, wall_ms));
        self.roll(now);
        let in_flight = u64::try_from(in_flight).unwrap_or(u64::MAX);
        let mut second = None;
        for announced in all {
            let window = announced.window.unwrap_or_else(|| self.name(announced, all));
            match self.windows.iter_mut().find(|quota| quota.window == window) {
                Some(quota) => quota.announced(now, sent, in_flight, *announced),
                None => second = second.max(announced.limit),
            }
        }
        second
    }

    /// Which window is meant by one without a name.
    fn name(&mut self, unnamed: &Announced, all: &[Announced]) -> Window {
        let same = |other: &&Announced| (other.limit, other.remaining) == (unnamed.limit, unnamed.remaining);
        self.longest_reset = self.longest_reset.max(unnamed.reset.unwrap_or_default());
        let named = all.iter().filter(same).find_map(|other| other.window);
        named.unwrap_or_else(|| Window::that_lasts(self.longest_reset))
    }

    /// A call that was sent then was not throttled. Returns the episode that is over by that, if it was a short one.
    pub(super) fn accepted(&mut self, sent: Duration) -> Option<Episode> {
        let stall = self.stall.take_if(|stall| stall.ahead && sent >= stall.next)?;
        self.resumed = stall.next;
        let Some(index) = stall.quota.or_else(|| self.renewed(&stall, sent)) else {
            // A limit that was found by trial would have lasted longer.
            for quota in self.windows.iter_mut().filter(|quota| quota.is_used_up()) {
                quota.limit = None;
            }
            return Some(Episode {
                first: stall.first,
                pause: sent.saturating_sub(stall.first),
            });
        };
        let quota = &mut self.windows[index];
        if !quota.announced {
            quota.limit = Some(quota.spent.saturating_sub(1).max(1));
        }
        let ended = (quota.ends.0.max(stall.last), quota.ends.1.min(sent));
        quota.renew(
            sent,
            1,
            if ended.0 < ended.1 { ended } else { (stall.last, sent) },
            self.clock,
        );
        None
    }

    /// The call that went ahead has failed without being throttled; another one may.
    pub(super) fn failed(&mut self, sent: Duration) {
        if let Some(stall) = self.stall.as_mut().filter(|stall| sent >= stall.next) {
            stall.ahead = false;
        }
    }

    /// A call that was sent then was throttled.
    pub(super) fn throttled(&mut self, now: Duration, sent: Duration, retry_after: Option<Duration>) {
        for quota in &mut self.windows {
            quota.spent = quota.spent.saturating_sub(1);
        }
        let used_up = self.windows.iter().rposition(|quota| quota.left == Some(0));
        let asked = retry_after.map(|asked| {
            let most = asked.min(self.longest_retry_after);
            (now + most, most == asked)
        });
        if self.stall.is_none() && sent < self.resumed {
            return;
        }
        let mut stall = self.stall.take().unwrap_or_else(|| Stall {
            first: sent,
            ..Stall::default()
        });
        if let Some(index) = used_up.filter(|_| stall.ahead && sent >= stall.next) {
            // Others have used up the next window, too.
            stall.first = sent;
            let quota = &mut self.windows[index];
            if quota.ends.1 <= sent {
                quota.ends = (Duration::ZERO, FOREVER);
            }
        }
        stall.last = stall.last.max(sent);
        stall.quota = stall.quota.max(used_up);
        stall.asked = stall.asked.max(asked);
        stall.longest = stall.longest.max(retry_after.unwrap_or_default());
        if stall.ahead && sent >= stall.next {
            stall.ahead = false;
            stall.tries += 1;
        }
        self.stall(now, stall);
    }

    fn stall(&mut self, now: Duration, stall: Stall) -> Duration {
        let next = if stall.ahead {
            stall.next
        } else {
            self.next_try(now, &stall)
        };
        self.stall = Some(Stall { next, ..stall });
        next
    }

    /// When a call is tried again.
    fn next_try(&self, now: Duration, stall: &Stall) -> Duration {
        let (asked, whole) = stall.asked.unwrap_or_default();
        let used_up = stall.quota.or_else(|| self.used_up());
        let soon = now + Duration::from_millis(1);
        if used_up.is_none() && whole && stall.tries < BELIEVED {
            return asked.max(soon);
        }
        // A shorter window than the known one is tried once, as the limit may be another now.
        let shorter = match used_up {
            None | Some(0) => Window::Second,
            Some(index) => self.windows[index - 1].window,
        };
        let mut passed = stall.first + shorter.length() + SLACK;
        if used_up.is_none() && stall.quota.is_none() && stall.last + SLACK / 2 >= passed {
            // A minute is a long time to wait for what chance may have refused.
            passed += ONCE_MORE;
        }
        let exact = |index: usize| {
            let Quota { window, ends, .. } = &self.windows[index];
            ends.1.saturating_sub(ends.0) <= window.length() / EXACTNESS
        };
        let found = if stall.quota.is_none() && stall.last + SLACK / 2 < passed && used_up.is_none_or(exact) {
            let next = now + FIRST_WAIT * (1 << stall.tries.min(10));
            if used_up.is_some() { passed } else { next.min(passed) }
        } else {
            // A minute, an hour: for each in turn, when it has passed.
            let mut longer = self.windows[used_up.unwrap_or(0)..].iter();
            let quota = longer.find(|quota| stall.last < quota.latest_end(stall.first));
            let quota = quota.unwrap_or(&self.windows[self.windows.len() - 1]);
            let end = quota.end_after(stall.last, quota.latest_end(stall.first), self.clock);
            // Others may have used up the shorter window, too, before this call came.
            let supposed = quota.window > Window::Minute && quota.limit.is_none();
            let lasted = stall.last.saturating_sub(stall.first);
            if supposed { end.min(stall.last + lasted) } else { end }
        };
        found.max(asked).max(soon)
    }

    /// Which window has been renewed when a call that was sent then is accepted; `None` for a second.
    fn renewed(&self, stall: &Stall, sent: Duration) -> Option<usize> {
        if let Some(index) = self.used_up().filter(|index| sent > self.windows[*index].ends.0) {
            return Some(index);
        }
        // That nobody called meanwhile says nothing.
        let throttled = stall.last.saturating_sub(stall.first);
        let throttled = throttled.saturating_sub(ONCE_MORE + SLACK / 2);
        let by_tries = match Window::that_lasts(throttled) {
            window @ (Window::Second | Window::Minute) => window,
            _ => Window::that_lasts(throttled / CERTAIN).max(Window::Minute),
        };
        let window = by_tries.max(Window::that_lasts(stall.longest.saturating_sub(5 * SLACK)));
        self.windows.iter().position(|quota| quota.window == window)
    }

    /// Windows that have ended while calls went on.
    fn roll(&mut self, now: Duration) {
        let going_on = self.clock.is_some() && self.stall.is_none();
        for quota in self.windows.iter_mut().filter(|quota| going_on && now >= quota.end) {
            let known = quota.ends.1 + quota.window.length() > now;
            let ended = if known { quota.ends } else { (Duration::ZERO, FOREVER) };
            let began = if quota.end.is_zero() { quota.end } else { now };
            quota.renew(began, 0, ended, self.clock);
        }
    }
}
