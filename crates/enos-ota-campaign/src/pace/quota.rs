//! The rate at which calls are started: what the gateway's quota seems to be.
//!
//! Nothing is slower than a quota that is not known, so the rate doubles until a call is throttled. What the throttled
//! calls tell is judged when all calls that were under way have ended ([`evidence`]); then the rate that came of it is
//! held, and after some time the gateway is asked for more, a little at first and twice as much every half second.

mod evidence;
mod sent;

use std::time::Duration;

use super::spacing::interval;
use evidence::{Earlier, Evidence, Flight, Verdict};
use sent::Sent;

/// Calls per second at the beginning. With few calls under way at first, no slower gateway is flooded.
const FIRST_RATE: f64 = 50.0;
/// The lowest rate that is tried if the user wants no lower one, and the highest that is counted with.
const LEAST_RATE: f64 = 0.1;
const MOST_RATE: f64 = 1e6;
/// The lowest limit of a user that can be kept to: a call in some twenty minutes.
const LEAST_CEILING: f64 = 1e-3;
/// How long the rate takes to double at first. The later throttling is noticed, the slower it goes; and where it is
/// noticed within a few milliseconds, it goes as many times as fast.
const FIRST_DOUBLING: Duration = Duration::from_millis(100);
const SHORTEST_DOUBLING: Duration = Duration::from_millis(20);
const LATENCIES_A_DOUBLING: u32 = 10;
const LONGEST_DOUBLING: Duration = Duration::from_secs(5);
/// The shortest pause after a throttled call for which the gateway named no time, and the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How much of the known quota is used. The rest is for calls that arrive less evenly than they were sent.
const MARGIN: f64 = 0.985;
/// By which share of the known quota the rate goes beyond it at first, and in how many seconds that share doubles.
const PROBE: f64 = 0.01;
const PROBE_DOUBLING: f64 = 0.5;
/// With how much of the rate it goes on when the gateway was down.
const BACK: f64 = 0.75;
/// Which share of the allowed calls must have been started for the rate to have been tried.
const USED: f64 = 0.7;
const LONGEST_USAGE: Duration = Duration::from_secs(1);

/// What the rate does while nothing is throttled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Search(Search),
    Hold(Hold),
}

/// The rate doubles again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Search {
    from: f64,
    doubling: Duration,
    after: After,
}

/// What was known when a search began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Nothing,
    /// How many calls were accepted before the first one was throttled, but not in which time.
    FirstThrottled,
    /// As before, and that single calls of many are throttled, as a bucket does when it is empty.
    FirstOneByOne,
    /// What the quota was. Now it is more, or the gateway has saved some calls for us.
    Held,
}

/// The rate goes from one rate up to the known quota while it is held, and then beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hold {
    from: f64,
    known: f64,
    held: Duration,
    time: Duration,
    /// Whether the quota was computed as that of a bucket, which it need not be.
    fitted: bool,
    /// How many times in a row it was too much although nothing more had been asked for.
    strikes: u32,
}

impl Hold {
    fn new(known: f64, time: Duration) -> Self {
        let known = known.max(LEAST_RATE);
        Self {
            from: known * MARGIN,
            known,
            held: Duration::ZERO,
            time,
            fitted: false,
            strikes: 0,
        }
    }

    fn from(self, from: f64) -> Self {
        Self {
            from: from.clamp(LEAST_RATE, self.known),
            ..self
        }
    }

    fn rate(&self, latency: Duration) -> f64 {
        let known = self.known * MARGIN;
        let beyond = self.held.saturating_sub(self.time).as_secs_f64();
        if beyond > 0.0 {
            let doubling = PROBE_DOUBLING.max(2.0 * latency.as_secs_f64());
            known * (1.0 + PROBE * (beyond / doubling).exp2())
        } else {
            // As CUBIC does: quickly at first, slowly where it was too much the last time.
            let left = 1.0 - self.held.as_secs_f64() / self.time.as_secs_f64();
            known - (known - self.from) * left * left
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Quota {
    /// The user's limit.
    ceiling: f64,
    rate: f64,
    phase: Phase,
    /// Up to when the rate has grown.
    grown: Duration,
    sent: Sent,
    paused_until: Duration,
    episode: Option<Episode>,
    /// When the last pause was over, and the calls that were started and accepted since.
    resumed: Duration,
    started: u64,
    accepted: u64,
    earlier: Option<Earlier>,
    /// Pauses in a row that were too short.
    too_soon: u32,
    /// Whether one call goes ahead of the others, to see whether the last pause was long enough.
    scout: bool,
    usage: Usage,
}

/// Throttled calls that belong together: all that were under way when the first of them ended.
#[derive(Clone, Debug)]
struct Episode {
    began: Duration,
    /// When the first throttled call was started.
    first: Duration,
    /// The rate then, and whether it was used.
    rate: f64,
    used: bool,
    /// Whether the gateway named a time.
    asked: bool,
    flight: Flight,
}

/// Whether as many calls are started as may be. If not, nobody knows what would have become of them.
#[derive(Clone, Debug)]
struct Usage {
    began: Duration,
    allowed: f64,
    started: f64,
    used: bool,
}

impl Usage {
    fn new(began: Duration) -> Self {
        Self {
            began,
            allowed: 0.0,
            started: 0.0,
            used: true,
        }
    }
}

impl Quota {
    /// `ceiling` is the user's limit.
    pub(super) fn new(ceiling: Option<f64>) -> Self {
        let ceiling = ceiling
            .filter(|rate| !rate.is_nan())
            .map_or(f64::INFINITY, |rate| rate.max(LEAST_CEILING));
        let rate = FIRST_RATE.min(ceiling);
        Self {
            ceiling,
            rate,
            phase: Phase::Search(Search {
                from: rate,
                doubling: FIRST_DOUBLING,
                after: After::Nothing,
            }),
            grown: Duration::ZERO,
            sent: Sent::default(),
            paused_until: Duration::ZERO,
            episode: None,
            resumed: Duration::ZERO,
            started: 0,
            accepted: 0,
            earlier: None,
            too_soon: 0,
            scout: false,
            usage: Usage::new(Duration::ZERO),
        }
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Until when no call may be started, if that is not over.
    pub(super) fn paused(&self, now: Duration) -> Option<Duration> {
        (now < self.paused_until).then_some(self.paused_until)
    }

    /// Whether the end of one call is to be waited for before any other is started.
    pub(super) fn waits_for_scout(&self) -> bool {
        self.scout && self.started > 0
    }

    pub(super) fn started(&mut self) {
        self.started = self.started.saturating_add(1);
        self.usage.started += 1.0;
    }

    /// The gateway was down and has answered: a little less than before at first.
    pub(super) fn back(&mut self, now: Duration) {
        let rate = (BACK * self.rate).max(FIRST_RATE.min(self.rate));
        if let Phase::Hold(hold) = &mut self.phase {
            *hold = Hold {
                held: Duration::ZERO,
                ..hold.from(rate)
            };
        }
        self.set_rate(rate);
        self.resume(now);
    }

    /// No more calls than this are answered, whatever the rate.
    pub(super) fn not_above(&mut self, rate: f64) {
        if let Phase::Search(_) = self.phase {
            self.set_rate(self.rate.min(rate.max(self.rate / 4.0)));
        }
    }

    /// A call that was started at that time was not throttled.
    pub(super) fn accepted(&mut self, sent: Duration) {
        self.sent.add(sent);
        if sent >= self.resumed {
            self.accepted = self.accepted.saturating_add(1);
            self.too_soon = 0;
            self.scout = false;
        }
        if let Some(episode) = &mut self.episode
            && sent > episode.first
        {
            episode.flight.accepted += 1.0;
        }
    }

    /// A call that was started at `sent` was throttled; the gateway may have asked for a pause.
    pub(super) fn throttled(&mut self, now: Duration, sent: Duration, asked: Option<Duration>, latency: Duration) {
        if let Some(asked) = asked {
            self.paused_until = self.paused_until.max(now.saturating_add(asked));
        }
        if let Some(episode) = &mut self.episode {
            episode.flight.throttled += 1.0;
            episode.asked |= asked.is_some();
            return;
        }
        if sent < self.resumed {
            // It belongs to an episode that has been judged.
            return;
        }
        if asked.is_none() {
            // Long enough for the calls under way to end, for they tell more.
            let own = (latency.saturating_mul(5) / 4).clamp(PAUSE, LONGEST_PAUSE);
            self.paused_until = self.paused_until.max(now.saturating_add(own));
        }
        self.episode = Some(Episode {
            began: now,
            first: sent,
            rate: self.rate,
            used: self.usage.used,
            asked: asked.is_some(),
            flight: Flight {
                accepted: 0.0,
                throttled: 1.0,
                latency,
            },
        });
    }

    /// Time has passed. `latency` is how long a call takes, if that is known; the rate does not grow while `held_back`.
    pub(super) fn advance(&mut self, now: Duration, latency: Option<Duration>, held_back: bool) {
        let passed = now.saturating_sub(self.grown);
        self.grown = now;
        if now < self.paused_until {
            return;
        }
        if let Some(episode) = self.episode.take() {
            self.settle(now, episode);
            return;
        }
        // In idle time the rate is not tried.
        let step = passed.min(PAUSE.max(interval(self.rate).saturating_mul(2)));
        if step.is_zero() {
            return;
        }
        self.count_usage(now, step, latency.unwrap_or_default());
        if let Some(latency) = latency
            && self.usage.used
            && !held_back
            && !self.scout
        {
            self.grow(step, latency);
        }
    }

    fn count_usage(&mut self, now: Duration, step: Duration, latency: Duration) {
        let usage = &mut self.usage;
        usage.allowed += self.rate * step.as_secs_f64();
        let long_enough = now.saturating_sub(usage.began) >= latency.clamp(PAUSE, LONGEST_USAGE);
        if long_enough && usage.allowed >= 4.0 {
            *usage = Usage {
                used: usage.started >= USED * usage.allowed,
                ..Usage::new(now)
            };
        }
    }

    fn grow(&mut self, step: Duration, latency: Duration) {
        let rate = match &mut self.phase {
            Phase::Search(search) => {
                let soon = latency.saturating_mul(LATENCIES_A_DOUBLING).max(SHORTEST_DOUBLING);
                let doubling = match search.after {
                    After::Nothing => search.doubling.min(soon),
                    After::FirstThrottled | After::FirstOneByOne | After::Held => search.doubling,
                };
                let doubling = doubling.max(latency.saturating_mul(3)).min(LONGEST_DOUBLING);
                self.rate * (step.as_secs_f64() / doubling.as_secs_f64()).exp2()
            }
            Phase::Hold(hold) => {
                hold.held = hold.held.saturating_add(step);
                hold.rate(latency)
            }
        };
        self.set_rate(rate);
    }

    fn set_rate(&mut self, rate: f64) {
        self.rate = rate.clamp(LEAST_RATE, MOST_RATE).min(self.ceiling);
    }

    /// The pause after some throttled calls is over.
    fn settle(&mut self, now: Duration, episode: Episode) {
        let evidence = Evidence::gather(self, &episode, now);
        match evidence.judge() {
            Verdict::TooSoon => {
                self.scout = true;
                let doublings = self.too_soon.saturating_add(1).min(10);
                let longer = PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
                if !episode.asked && now.saturating_sub(episode.began) < longer {
                    self.paused_until = episode.began.saturating_add(longer);
                    self.episode = Some(episode);
                    return;
                }
                self.too_soon = self.too_soon.saturating_add(1);
            }
            Verdict::Settled { phase, earlier } => {
                let rate = match phase {
                    Phase::Search(search) => search.from,
                    Phase::Hold(hold) => hold.from,
                };
                self.phase = phase;
                self.earlier = Some(earlier);
                self.set_rate(rate);
            }
        }
        self.resume(now);
    }

    /// What was before says nothing about the calls that are started now.
    fn resume(&mut self, now: Duration) {
        self.resumed = now;
        self.started = 0;
        self.accepted = 0;
        self.usage = Usage::new(now);
    }
}
