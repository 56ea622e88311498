//! How many calls are made at a time, and how soon one follows another.
//!
//! No page of the platform names a quota. Its gateway lets the owner of an API set a flow control, with numbers of their
//! own, and what a call above them is answered with is not documented; HTTP 429 is inferred, and so is `Retry-After`.
//! So the campaign has to find out by itself what the gateway can take, and it can only learn it from how calls end:
//!
//! - *Throttled*: there is a quota ([`quota`]). At the beginning the rate doubles every tenth of a second, as in the slow
//!   start of TCP. When a call is throttled, nothing is started for as long as the gateway asks for, or until the calls
//!   under way have ended; all those that are throttled meanwhile are one episode and count once. What was accepted lately
//!   tells the quota. The rate goes back to a little less than that, is held, and after some time goes beyond, a little at
//!   first and then twice as far every half second, until a call is throttled again. CUBIC and the adaptive retries of
//!   AWS do the like, with one estimate for all: the rate at which throttling began. It is not used here, because a
//!   gateway that has saved up calls for a second lets them begin at ten times its quota.
//! - *Slowly*: the gateway is busy ([`latency`]). The number of calls under way is limited to what it does at a time.
//! - *Not at all*, many times in a row: it is down ([`outage`]). One call is made after the other, with waits that double,
//!   until one is answered. Single failures among answers change nothing.
//!
//! In between, calls follow each other evenly ([`spacing`]): a quota for a second may be one for a tenth of it, ten times.
//!
//! What the user sets is a ceiling of all this, and no more: throttling slows the campaign down below it.
//!
//! All of it is a pure decision. Nothing here reads a clock or sleeps; times are given by the caller, counted from the
//! beginning of the campaign. A time that lies before the last one counts as that.

mod latency;
mod outage;
mod quota;
#[cfg(test)]
mod simulation;
mod spacing;

use std::num::NonZeroUsize;
use std::time::Duration;

use latency::Latency;
use outage::Outage;
use quota::Quota;
use spacing::Spacing;

/// How many calls are under way at the most if the user sets no limit. More connections than that are more than a
/// process may have on many systems, and serve no gateway that answers in a tenth of a second.
const MOST_CALLS: usize = 512;
/// How many calls are under way before the first one is answered, and more than those needed for the rate.
const FIRST_CALLS: usize = 8;
/// How many times the calls may be under way that are needed for the rate. Some take longer than others.
const SPARE: f64 = 2.0;

/// What the user knows about the gateway's pace. By default the campaign finds it by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PaceSettings {
    /// How many calls are started a second at the most; it is less if the gateway throttles. No limit by default.
    ///
    /// Less than one in a thousand seconds counts as that, and what is not a number as no limit.
    pub(crate) rate: Option<f64>,
    /// How many calls are under way at a time at the most. As many as the gateway can do by default, and 512 at the most.
    pub(crate) concurrency: Option<NonZeroUsize>,
    /// The longest `Retry-After` that is honoured; if the gateway asks for more, a call is made then. 60 s by default.
    pub(crate) longest_retry_after: Duration,
    /// The longest wait between two calls to a gateway that is down. 10 s by default.
    pub(crate) longest_wait: Duration,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            rate: None,
            concurrency: None,
            longest_retry_after: Duration::from_mins(1),
            longest_wait: Duration::from_secs(10),
        }
    }
}

impl PaceSettings {
    /// Sets how many calls are started a second at the most.
    #[must_use]
    pub(crate) fn with_rate(mut self, rate: f64) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Sets how many calls are under way at a time at the most.
    #[must_use]
    pub(crate) fn with_concurrency(mut self, concurrency: NonZeroUsize) -> Self {
        self.concurrency = Some(concurrency);
        self
    }

    /// Sets the longest `Retry-After` that is honoured.
    #[must_use]
    pub(crate) fn with_longest_retry_after(mut self, longest: Duration) -> Self {
        self.longest_retry_after = longest;
        self
    }
}

/// Whether a call may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Yes.
    Now,
    /// At this time. Ask again when a call has ended before, for it may be another time then.
    At(Duration),
    /// When one of those has ended that are under way.
    WhenOneEnds,
}

/// How a call ended, as far as the pace depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    /// It was answered, be it with a refusal of what was asked for.
    Answered,
    /// The gateway asks for fewer calls.
    Throttled {
        /// The wait that it asks for.
        retry_after: Option<Duration>,
    },
    /// It was not answered, or only by what stands before a gateway that is down.
    Failed,
}

/// The pace of a campaign: asked before each call, and told of each that is started and ends.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    most_calls: usize,
    longest_retry_after: Duration,
    now: Duration,
    in_flight: usize,
    spacing: Spacing,
    quota: Quota,
    latency: Latency,
    outage: Outage,
}

impl Pace {
    /// The pace at the beginning of a campaign.
    #[must_use]
    pub(crate) fn new(settings: PaceSettings) -> Self {
        let PaceSettings {
            rate,
            concurrency,
            longest_retry_after,
            longest_wait,
        } = settings;
        let most_calls = concurrency.map_or(MOST_CALLS, NonZeroUsize::get);
        Self {
            most_calls,
            longest_retry_after,
            now: Duration::ZERO,
            in_flight: 0,
            spacing: Spacing::default(),
            quota: Quota::new(rate),
            latency: Latency::new(most_calls),
            outage: Outage::new(longest_wait),
        }
    }

    /// Whether a call may be started now.
    ///
    /// If it is, tell [`started`](Self::started), and ask again: several calls may be due at a time.
    pub(crate) fn may_start(&mut self, now: Duration) -> Start {
        let now = self.advance(now);
        if let Some(until) = self.quota.paused(now) {
            self.spacing.not_before(until);
            return Start::At(until);
        }
        match self.outage.may_start(now, self.in_flight) {
            Start::Now => {}
            later => return later,
        }
        if self.in_flight >= self.concurrency() {
            self.latency.full();
            return Start::WhenOneEnds;
        }
        if self.in_flight > 0 && self.quota.waits_for_scout() {
            return Start::WhenOneEnds;
        }
        let due = self.spacing.due(self.quota.rate());
        if now < due { Start::At(due) } else { Start::Now }
    }

    /// A call has been started.
    pub(crate) fn started(&mut self, now: Duration) {
        let now = self.advance(now);
        self.in_flight = self.in_flight.saturating_add(1);
        self.spacing.take(now, self.quota.rate());
        self.quota.started();
        self.latency.started(self.in_flight);
        self.outage.started(now);
    }

    /// A call has ended that took so long.
    pub(crate) fn ended(&mut self, now: Duration, took: Duration, end: CallEnd) {
        let now = self.advance(now);
        let sent = now.saturating_sub(took);
        self.in_flight = self.in_flight.saturating_sub(1);
        match end {
            CallEnd::Answered => {
                if self.outage.answered() {
                    self.quota.back(now);
                }
                if let Some(answered) = self.latency.answered(now, took, self.in_flight) {
                    self.quota.not_above(SPARE * answered);
                }
                self.quota.accepted(sent);
            }
            CallEnd::Throttled { retry_after } => {
                self.outage.answered();
                let asked = retry_after.map(|asked| asked.min(self.longest_retry_after));
                let latency = self.latency.typical().unwrap_or_default();
                self.quota.throttled(now, sent, asked, latency);
            }
            CallEnd::Failed => {
                self.outage.failed(now, sent, self.in_flight);
                // It may have counted.
                self.quota.accepted(sent);
            }
        }
    }

    fn advance(&mut self, now: Duration) -> Duration {
        self.now = self.now.max(now);
        let latency = self.latency.typical();
        self.quota.advance(self.now, latency, self.latency.is_slow());
        self.now
    }

    /// How many calls are under way.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many calls a second are started at present if there are enough to be made.
    #[must_use]
    pub(crate) fn rate(&self) -> f64 {
        self.quota.rate()
    }

    /// How many calls may be under way at present.
    #[must_use]
    pub(crate) fn concurrency(&self) -> usize {
        let Some(typical) = self.latency.typical() else {
            return FIRST_CALLS.min(self.most_calls);
        };
        let needed = SPARE * self.quota.rate() * typical.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let needed = (needed.ceil() as usize).saturating_add(FIRST_CALLS);
        needed.min(self.latency.limit()).min(self.most_calls)
    }

    /// Until when no call is started because one was throttled.
    #[must_use]
    pub(crate) fn throttled_until(&self) -> Option<Duration> {
        self.quota.paused(self.now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn throttled(retry_after: impl Into<Option<u64>>) -> CallEnd {
        CallEnd::Throttled {
            retry_after: retry_after.into().map(Duration::from_secs),
        }
    }

    /// Starts all calls that may be started, and says what stops it.
    fn start_all(pace: &mut Pace, now: Duration) -> Start {
        for _ in 0..10_000 {
            match pace.may_start(now) {
                Start::Now => pace.started(now),
                later => return later,
            }
        }
        panic!("no end of calls");
    }

    #[test]
    fn calls_begin_slowly() {
        let mut pace = Pace::new(PaceSettings::default());
        assert_eq!(start_all(&mut pace, ms(0)), Start::At(ms(20)));
        assert_eq!(pace.in_flight(), 1);
        for tick in 1..20 {
            start_all(&mut pace, ms(20 * tick));
        }
        assert_eq!(pace.in_flight(), FIRST_CALLS);
        assert_eq!(pace.may_start(ms(400)), Start::WhenOneEnds);
        pace.ended(ms(400), ms(400), CallEnd::Answered);
        assert_eq!(pace.may_start(ms(400)), Start::Now);
    }

    #[test]
    fn a_limit_of_calls_at_a_time_is_kept() {
        let settings = PaceSettings::default().with_concurrency(NonZeroUsize::MIN);
        let mut pace = Pace::new(settings);
        assert_eq!(start_all(&mut pace, ms(0)), Start::WhenOneEnds);
        assert_eq!((pace.in_flight(), pace.concurrency()), (1, 1));
        pace.ended(ms(20), ms(20), CallEnd::Answered);
        assert_eq!(start_all(&mut pace, ms(20)), Start::WhenOneEnds);
    }

    #[test]
    fn a_limit_of_calls_a_second_is_kept() {
        let mut pace = Pace::new(PaceSettings::default().with_rate(0.5));
        assert!((pace.rate() - 0.5).abs() < 1e-9);
        for call in 0..10 {
            let now = ms(2000 * call);
            assert_eq!(start_all(&mut pace, now), Start::At(now + ms(2000)));
            pace.ended(now + ms(20), ms(20), CallEnd::Answered);
        }
    }

    #[test]
    fn retry_after_pauses_all_calls() {
        let mut pace = Pace::new(PaceSettings::default());
        start_all(&mut pace, ms(0));
        start_all(&mut pace, ms(20));
        pace.ended(ms(30), ms(30), throttled(3));
        assert_eq!(pace.throttled_until(), Some(ms(3030)));
        assert_eq!(pace.may_start(ms(1000)), Start::At(ms(3030)));
        // The longest of all counts.
        pace.ended(ms(1000), ms(980), throttled(4));
        pace.ended(ms(1000), ms(980), throttled(1));
        assert_eq!(pace.may_start(ms(3030)), Start::At(ms(5000)));
        assert_eq!(pace.may_start(ms(5000)), Start::Now);
        assert_eq!(pace.throttled_until(), None);
    }

    #[test]
    fn an_endless_retry_after_is_cut_short() {
        let settings = PaceSettings::default().with_longest_retry_after(Duration::from_secs(5));
        let mut pace = Pace::new(settings);
        pace.started(ms(0));
        pace.ended(ms(20), ms(20), throttled(u64::MAX));
        assert_eq!(pace.may_start(ms(20)), Start::At(ms(5020)));
    }

    #[test]
    fn pauses_double_until_a_call_is_accepted() {
        let mut pace = Pace::new(PaceSettings::default());
        let mut now = ms(0);
        let mut pauses = vec![];
        for _ in 0..8 {
            assert_eq!(pace.may_start(now), Start::Now);
            pace.started(now);
            // It is awaited before others are started.
            if now > ms(0) {
                assert_eq!(pace.may_start(now), Start::WhenOneEnds);
            }
            pace.ended(now, Duration::ZERO, throttled(None));
            let throttled = now;
            while let Start::At(until) = pace.may_start(now) {
                now = until;
            }
            pauses.push(now.saturating_sub(throttled).as_millis());
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        pace.started(now);
        pace.ended(now, Duration::ZERO, CallEnd::Answered);
        assert!(pace.rate() >= 50.0, "{}", pace.rate());
    }

    #[test]
    fn calls_that_were_under_way_when_the_first_was_throttled_count_once() {
        let paces = [1, 5].map(|throttled_calls| {
            let mut pace = Pace::new(PaceSettings::default());
            for now in (0..2000).step_by(2).map(ms) {
                if pace.may_start(now) == Start::Now {
                    pace.started(now);
                    pace.ended(now + ms(1), ms(1), CallEnd::Answered);
                }
            }
            for _ in 0..5 {
                pace.started(ms(2000));
            }
            for _ in 0..throttled_calls {
                pace.ended(ms(2001), ms(1), throttled(None));
            }
            for _ in throttled_calls..5 {
                pace.ended(ms(2001), ms(1), CallEnd::Answered);
            }
            pace.may_start(ms(3000));
            pace.rate()
        });
        assert!(paces[1] > 0.5 * paces[0], "{paces:?}");
    }

    #[test]
    fn a_rate_that_is_not_used_does_not_grow() {
        let mut pace = Pace::new(PaceSettings::default());
        for call in 0..600 {
            let now = ms(100 * call);
            assert_eq!(pace.may_start(now), Start::Now);
            pace.started(now);
            pace.ended(now + ms(20), ms(20), CallEnd::Answered);
        }
        assert!(pace.rate() < 200.0, "{}", pace.rate());
    }

    #[test]
    fn one_throttled_call_after_a_quiet_time_is_not_the_end_of_the_pace() {
        let mut pace = Pace::new(PaceSettings::default());
        pace.started(ms(0));
        pace.ended(ms(20), ms(20), CallEnd::Answered);
        for now in [60_000, 60_100].map(ms) {
            assert_eq!(pace.may_start(now), Start::Now);
            pace.started(now);
        }
        pace.ended(ms(60_120), ms(120), CallEnd::Answered);
        pace.ended(ms(60_120), ms(20), throttled(None));
        assert_eq!(pace.may_start(ms(61_000)), Start::Now);
        assert!(pace.rate() > 30.0, "{}", pace.rate());
    }

    /// What may happen to a pace.
    #[derive(Clone, Debug)]
    enum Event {
        /// Time passes, or goes back.
        At(Duration),
        /// Calls are started if they may be, so many at the most.
        Start(usize),
        /// A call is started although nobody asked.
        StartAnyway,
        End(Duration, CallEnd),
    }

    fn durations() -> impl Strategy<Value = Duration> {
        prop_oneof![
            8 => (0..100_000_000_u64).prop_map(Duration::from_nanos),
            4 => (0..20_000_u64).prop_map(Duration::from_millis),
            1 => Just(Duration::ZERO),
            1 => any::<u64>().prop_map(Duration::from_secs),
            1 => Just(Duration::MAX),
        ]
    }

    fn ends() -> impl Strategy<Value = CallEnd> {
        prop_oneof![
            6 => Just(CallEnd::Answered),
            2 => proptest::option::of(durations()).prop_map(|retry_after| CallEnd::Throttled { retry_after }),
            2 => Just(CallEnd::Failed),
        ]
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            8 => durations().prop_map(Event::At),
            8 => (1..40_usize).prop_map(Event::Start),
            1 => Just(Event::StartAnyway),
            8 => (durations(), ends()).prop_map(|(took, end)| Event::End(took, end)),
        ];
        proptest::collection::vec(event, 0..120)
    }

    fn settings() -> impl Strategy<Value = PaceSettings> {
        let rates = prop_oneof![
            0.01..2_000.0,
            Just(0.0),
            Just(-1.0),
            Just(f64::NAN),
            Just(f64::INFINITY)
        ];
        (
            proptest::option::of(rates),
            proptest::option::of(1..100_usize),
            0..100_u64,
        )
            .prop_map(|(rate, concurrency, longest)| PaceSettings {
                rate,
                concurrency: concurrency.and_then(NonZeroUsize::new),
                longest_retry_after: Duration::from_secs(longest),
                ..PaceSettings::default()
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_happens_limits_hold_and_calls_go_on(settings in settings(), events in events()) {
            let ceiling = settings.rate.filter(|rate| !rate.is_nan()).map_or(f64::INFINITY, |rate| rate.max(0.001));
            let most = settings.concurrency.map_or(MOST_CALLS, NonZeroUsize::get);
            let longest_pause = settings.longest_retry_after.max(Duration::from_secs(10));
            let mut pace = Pace::new(settings);
            let (mut now, mut unasked) = (Duration::ZERO, 0);
            for event in events {
                match event {
                    Event::At(time) => now = if now > time { time } else { now.saturating_add(time) },
                    Event::Start(calls) => {
                        for _ in 0..calls {
                            if pace.may_start(now) != Start::Now {
                                break;
                            }
                            prop_assert!(pace.in_flight() < most);
                            pace.started(now);
                        }
                    }
                    Event::StartAnyway => {
                        pace.started(now);
                        unasked += 1;
                    }
                    Event::End(took, end) => pace.ended(now, took, end),
                }
                prop_assert!(pace.rate() <= ceiling && pace.rate() > 0.0);
                prop_assert!((1..=most).contains(&pace.concurrency()));
                if let Start::At(at) = pace.may_start(now) {
                    prop_assert!(at > pace.now);
                }
            }

            for _ in 0..pace.in_flight() {
                pace.ended(now, Duration::ZERO, CallEnd::Failed);
            }
            let now = pace.now;
            let mut at = now;
            for _ in 0..20 {
                match pace.may_start(at) {
                    Start::Now => break,
                    Start::At(later) => at = later,
                    Start::WhenOneEnds => prop_assert!(false, "no call is under way"),
                }
            }
            prop_assert_eq!(pace.may_start(at), Start::Now);
            // The slowest rate but for the user's limit, and calls that were not due put the next one off.
            let interval = Duration::from_secs_f64(1.0 / ceiling.min(0.1));
            let longest = longest_pause.saturating_mul(2).saturating_add(interval.saturating_mul(unasked + 1));
            prop_assert!(at.saturating_sub(now) <= longest, "{:?} later", at.saturating_sub(now));
        }

        #[test]
        fn never_more_calls_are_started_than_the_limit_allows(
            rate in 0.5..3_000.0,
            ticks in proptest::collection::vec((0..50_000_u64, proptest::option::weighted(0.05, ends())), 1..300),
        ) {
            let mut pace = Pace::new(PaceSettings::default().with_rate(rate));
            let (mut now, mut started) = (Duration::ZERO, vec![]);
            for (passed, end) in ticks {
                now += Duration::from_micros(passed);
                while pace.may_start(now) == Start::Now {
                    pace.started(now);
                    started.push(now);
                }
                while pace.in_flight() > 0 {
                    pace.ended(now, ms(1), end.unwrap_or(CallEnd::Answered));
                }
            }
            // Late ones are made up for, within some milliseconds.
            for (first, from) in started.iter().enumerate() {
                for (last, to) in started.iter().enumerate().skip(first).step_by(7) {
                    let calls = f64::from(u32::try_from(last - first).unwrap());
                    let time = to.saturating_sub(*from);
                    let allowed = rate * (time.as_secs_f64() + 0.008) + 1e-6;
                    prop_assert!(calls <= allowed, "{calls} in {time:?}");
                }
            }
        }
    }
}
