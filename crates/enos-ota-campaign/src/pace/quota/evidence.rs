//! What throttled calls tell about the quota.
//!
//! A quota may be a bucket that is filled evenly, with room for a second's calls or for ten; or so many calls in each
//! second by the clock, or in any second. With the first throttled call all of them look alike: so many calls were
//! accepted while the rate doubled and doubled. Therefore it is asked, in this order:
//!
//! - How did the calls end that were under way meanwhile? A bucket goes on to accept as many as flow into it; a second
//!   that is used up accepts none.
//! - How many calls were accepted in the last second, or since the last throttled call, if that is shorter?
//! - How many were accepted until the next throttled call, with a different rate? As many as before: it counts by the
//!   second. Many more: it is a bucket, and only one rate of it goes with both times it was emptied.

use std::time::Duration;

use super::{After, Episode, Hold, LEAST_RATE, MARGIN, Phase, Quota, Search, sent};

const SECOND: Duration = Duration::from_secs(1);
/// How fast a search goes on when something is known. The slower, the more exactly one sees where it ends.
const NEXT_DOUBLING: Duration = Duration::from_millis(350);
const RAISED_DOUBLING: Duration = Duration::from_millis(700);
/// A quota is held for at least this, and for so many times what it costs to ask for more: the pause, and a flight of
/// calls that are throttled. It was just searched for after the first search, so it is held longer then.
const SHORTEST_HOLD: Duration = Duration::from_secs(5);
const LONGEST_HOLD: Duration = Duration::from_secs(30);
const PAUSES: u32 = 12;
const FIRST_PAUSES: u32 = 25;
const FLIGHTS: u32 = 60;
/// How much of a rate is left that was not used when calls were throttled.
const UNUSED: f64 = 0.7;
/// With how many calls a flight tells little, and with how many much.
const FEW: f64 = 4.0;
const MANY: f64 = 20.0;
/// In a longer flight the seconds of the gateway begin anew.
const SHORT_FLIGHT: Duration = Duration::from_millis(150);

/// How the other calls ended that were under way when the first throttled one ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) accepted: f64,
    pub(super) throttled: f64,
    /// How long a call takes.
    pub(super) latency: Duration,
}

impl Flight {
    fn calls(&self) -> f64 {
        self.accepted + self.throttled
    }

    fn share(&self) -> f64 {
        self.accepted / self.calls()
    }

    fn is_short(&self) -> bool {
        self.latency <= SHORT_FLIGHT
    }

    /// Calls per second that were accepted when no more were to be had, if the flight was long enough to tell.
    fn steady(&self) -> Option<f64> {
        (self.calls() >= MANY && !self.is_short()).then(|| self.accepted / self.latency.as_secs_f64())
    }
}

/// What the last throttled calls told.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    /// When the first of them was started.
    first: Duration,
    counted: f64,
    /// The rate that came of it.
    known: f64,
    /// The calls accepted before them, by steps of time.
    steps: Vec<f64>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// The last pause was too short; nothing else is known.
    TooSoon,
    Settled {
        phase: Phase,
        earlier: Earlier,
    },
}

/// All that is known about the quota at the end of a pause.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    phase: Phase,
    /// When the first throttled call was started, the rate then, and whether it was used.
    first: Duration,
    rate: f64,
    used: bool,
    flight: Flight,
    /// How long the pause lasted that is now over.
    pause: Duration,
    /// How long calls were started before, and how many were accepted.
    active: Duration,
    accepted: f64,
    /// How long none was started before that.
    rested: Duration,
    last_second: f64,
    /// Since the last throttled calls, if there were any: the time, and the calls that were accepted in it.
    since: Option<(Duration, f64)>,
    steps: Vec<f64>,
    earlier: Option<&'a Earlier>,
}

impl<'a> Evidence<'a> {
    #[expect(clippy::cast_precision_loss, reason = "nobody makes that many calls")]
    pub(super) fn gather(quota: &'a Quota, episode: &Episode, now: Duration) -> Self {
        let first = episode.first;
        let sent = &quota.sent;
        let earlier = quota.earlier.as_ref();
        Self {
            phase: quota.phase,
            first,
            rate: episode.rate,
            used: episode.used,
            flight: episode.flight,
            pause: now.saturating_sub(episode.began),
            active: first.saturating_sub(quota.resumed),
            accepted: quota.accepted as f64,
            rested: earlier.map_or(Duration::ZERO, |earlier| quota.resumed.saturating_sub(earlier.first)),
            last_second: sent.between(first.saturating_sub(SECOND), first),
            since: earlier.map(|earlier| (first.saturating_sub(earlier.first), sent.between(earlier.first, first))),
            steps: sent.steps(quota.resumed.max(first.saturating_sub(2 * SECOND)), first),
            earlier,
        }
    }

    pub(super) fn judge(self) -> Verdict {
        if self.is_too_soon() {
            return Verdict::TooSoon;
        }
        let counted = self.counted();
        let phase = match self.phase {
            Phase::Search(search) if search.after == After::Nothing => self.after_first_search(counted),
            Phase::Search(search) => Phase::Hold(self.after_search(counted, search)),
            Phase::Hold(hold) if hold.held < hold.time => Phase::Hold(self.after_strike(counted, hold)),
            Phase::Hold(_) => self.after_probe(counted),
        };
        Verdict::Settled {
            phase,
            earlier: Earlier {
                first: self.first,
                counted,
                known: match phase {
                    Phase::Search(search) => search.from,
                    Phase::Hold(hold) => hold.known,
                },
                steps: self.steps,
            },
        }
    }

    /// Whether so few calls were accepted since the last throttled ones that it is still the same second for the
    /// gateway, or none ever.
    fn is_too_soon(&self) -> bool {
        let (Some((time, calls)), Some(earlier)) = (self.since, self.earlier) else {
            return self.accepted < 1.0;
        };
        self.accepted < 1.0 || time < SECOND && calls < (0.35 * earlier.known * time.as_secs_f64()).max(1.0)
    }

    /// Accepted calls per second. A gateway that counts by the second accepts no fewer, if the second is a whole one.
    fn counted(&self) -> f64 {
        let counted = match self.since {
            Some((time, calls)) if time < SECOND => calls / time.as_secs_f64().max(0.25),
            _ => self.last_second,
        };
        // Of calls that were not made one does not know whether they would have been accepted.
        let least = if self.used { LEAST_RATE } else { UNUSED * self.rate };
        counted.min(self.rate).max(least)
    }

    fn hold_time(&self, pauses: u32) -> Duration {
        let pauses = self.pause.saturating_mul(pauses);
        let flights = self.flight.latency.saturating_mul(FLIGHTS);
        pauses.max(flights).clamp(SHORTEST_HOLD, LONGEST_HOLD)
    }

    fn hold(&self, known: f64) -> Hold {
        Hold::new(known, self.hold_time(PAUSES))
    }

    fn hold_first(&self, known: f64) -> Hold {
        Hold::new(known, self.hold_time(FIRST_PAUSES))
    }

    /// Whether the calls of a whole flight are known, and not only of the time until the first throttled one came back.
    fn has_whole_flight(&self) -> bool {
        self.flight.calls() >= 0.5 * self.rate * self.flight.latency.as_secs_f64()
    }

    /// Whether the gateway accepted nothing more although some calls would have flowed into a bucket.
    fn counts_by_seconds(&self, counted: f64) -> bool {
        let expected = counted * self.flight.latency.as_secs_f64();
        self.flight.accepted < 1.0 && self.has_whole_flight() && expected >= 4.0
    }

    /// The rate at which calls flow into the bucket, if it looks like one.
    fn inflow(&self) -> Option<f64> {
        let flight = self.flight;
        let sure = flight.calls() >= MANY && flight.accepted >= 5.0 || flight.calls() >= FEW && flight.share() >= 0.6;
        (sure && flight.is_short() && self.has_whole_flight()).then(|| 0.97 * self.rate * flight.share())
    }

    fn after_first_search(&self, counted: f64) -> Phase {
        let flight = self.flight;
        let inflow = 0.97 * self.rate * flight.share();
        if self.rate <= 1.25 * counted || self.counts_by_seconds(counted) {
            return Phase::Hold(self.hold_first(counted));
        }
        if flight.is_short() && flight.calls() >= MANY && inflow > 0.4 * counted {
            return Phase::Hold(self.hold_first(inflow));
        }
        if let Some(steady) = flight.steady() {
            let hold = self.hold_first(steady.max(counted));
            return Phase::Hold(hold.from(f64::midpoint(steady.min(counted), counted)));
        }
        let one_by_one = flight.is_short() && flight.accepted >= 3.0 && inflow > 1.5 * counted;
        Phase::Search(Search {
            from: MARGIN * if one_by_one { counted.max(0.6 * inflow) } else { counted },
            doubling: NEXT_DOUBLING,
            after: if one_by_one {
                After::FirstOneByOne
            } else {
                After::FirstThrottled
            },
        })
    }

    fn after_search(&self, counted: f64, search: Search) -> Hold {
        let time = match search.after {
            After::Held => self.hold_time(PAUSES),
            _ => self.hold_time(FIRST_PAUSES),
        };
        if let Some(inflow) = self.inflow() {
            return Hold::new(inflow, time);
        }
        let before = self.earlier.map_or(counted, |earlier| earlier.counted);
        match search.after {
            // In this search the calls of a second more than double if they go into a bucket, and do not if they are
            // counted, even if a part of two seconds was counted.
            After::Nothing | After::FirstThrottled if counted <= 2.1 * before => {
                let steady = self.flight.steady().unwrap_or_default();
                Hold::new(counted.max(steady).min(before), time)
            }
            // It is no more than before.
            After::Held if counted <= 1.3 * search.from => Hold::new(counted, time),
            After::Held if self.counts_by_seconds(counted) => Hold::new(counted.min(before), time),
            _ => Hold {
                fitted: true,
                ..Hold::new(self.fit(counted), time)
            },
        }
    }

    /// It was too much although nothing more was asked for.
    fn after_strike(&self, counted: f64, hold: Hold) -> Hold {
        let before = hold.known;
        let new_seconds = self.rested.saturating_mul(5) >= 4 * SECOND && (!hold.fitted || counted > 0.6 * before);
        let mut known = match self.inflow() {
            Some(inflow) if self.active >= SECOND => inflow.max(counted),
            Some(inflow) => inflow.max(f64::midpoint(inflow, self.rate - self.flight.throttled)),
            None if self.active >= SECOND => counted,
            // A bucket may have been emptied at once. Some calls of the flight may tell.
            None if new_seconds && self.has_whole_flight() => counted.max(self.rate * self.flight.share()),
            None if new_seconds => counted.max(0.4 * before),
            None if hold.fitted && hold.strikes == 0 => 0.97 * before,
            None => counted.max(0.7 * before),
        }
        .min(MARGIN * before);
        if let Some(steady) = self.flight.steady()
            && (self.active >= SECOND || !new_seconds)
        {
            known = known.min(steady.max(0.75 * known));
        }

        // Where the known quota is hardly more than the true one, the rate goes only a little below it.
        let share = if self.flight.calls() >= FEW {
            self.flight.share()
        } else {
            0.5
        };
        let mut part: f64 = 0.86 + 0.12 * share - 0.04 * f64::from(hold.strikes.min(5));
        if self.active > 3 * SECOND || hold.fitted && hold.strikes == 0 && !new_seconds {
            part = part.max(0.95);
        }
        if self.active < SECOND && new_seconds {
            part = part.max(0.96);
        }
        // A small correction does not put off the next probe.
        let time = if known > 0.8 * before {
            hold.time.saturating_sub(hold.held).max(SHORTEST_HOLD)
        } else {
            self.hold_time(PAUSES)
        };
        Hold {
            fitted: hold.fitted,
            strikes: hold.strikes.saturating_add(1),
            ..Hold::new(known, time).from(part * known)
        }
    }

    /// More was asked for, and it was too much.
    fn after_probe(&self, counted: f64) -> Phase {
        let kept = self.accepted / self.active.as_secs_f64().max(0.001);
        let held = counted.min(1.02 * kept);
        let middle = f64::midpoint(held, counted);
        match self.inflow() {
            Some(inflow) if inflow > held => Phase::Hold(self.hold(inflow.max(middle))),
            // Either the quota has been raised, or the gateway had saved some calls for us.
            _ if self.rate > 1.3 * held => Phase::Search(Search {
                from: MARGIN * held,
                doubling: RAISED_DOUBLING,
                after: After::Held,
            }),
            _ => Phase::Hold(self.hold(held)),
        }
    }

    /// The rate of a bucket that was empty at the end of both searches: with a higher one, fewer calls would have been
    /// missing in it the second time; with a lower one, more.
    fn fit(&self, least: f64) -> f64 {
        let Some(earlier) = self.earlier else {
            return least;
        };
        let missing = |steps: &[f64], missing: f64, rate: f64| {
            let inflow = rate * sent::STEP.as_secs_f64();
            steps
                .iter()
                .fold(missing, |missing, calls| (missing + calls - inflow).max(0.0))
        };
        let (mut low, mut high) = (least, self.rate);
        for _ in 0..20 {
            let rate = f64::midpoint(low, high);
            let first = missing(&earlier.steps, 0.0, rate);
            let rest = (first - rate * self.rested.as_secs_f64()).max(0.0);
            if missing(&self.steps, rest, rate) > first {
                low = rate;
            } else {
                high = rate;
            }
        }
        low
    }
}
