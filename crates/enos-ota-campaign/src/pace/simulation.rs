//! Campaigns against gateways whose quota is hidden, in a time that only the tests know.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::{CallEnd, Pace, PaceSettings, Start};

const SECOND: Duration = Duration::from_secs(1);
/// How often answers are counted.
const TENTH: Duration = Duration::from_millis(100);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// How a gateway counts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// A bucket that is filled evenly, with room for so many calls.
    Bucket(f64),
    /// A bucket with room for the calls of a second.
    SecondsBucket,
    /// By the seconds of a clock, which is ahead of the campaign's by so much.
    Clock(Duration),
    /// In any second.
    AnySecond,
}

/// What changes at some times: the time, and what it is from then on.
type Course<T> = Vec<(Duration, T)>;

#[derive(Clone, Debug)]
struct Gateway {
    quota: Course<f64>,
    form: Form,
    latency: Course<Duration>,
    throttled_latency: Duration,
    retry_after: Option<Duration>,
    /// So many calls are served at a time; more wait.
    workers: usize,
    /// One processor has so much to do for each call; more wait.
    processor: Duration,
    /// For so long at a time others have the processor, and for which share of all time.
    others: (Duration, f64),
    /// Which share of the calls fails.
    failing: f64,
    down: (Duration, Duration),
    /// Up to this is added to the way of each call, and to the caller's sleep.
    jitter: Duration,
    late: Duration,

    tokens: Option<f64>,
    filled: Duration,
    second: u128,
    used: f64,
    taken: VecDeque<Duration>,
    served: BinaryHeap<Reverse<Duration>>,
    processor_free: Duration,
    processor_taken: Duration,
    random: u64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            quota: vec![],
            form: Form::AnySecond,
            latency: vec![(Duration::ZERO, ms(20))],
            throttled_latency: ms(20),
            retry_after: None,
            workers: usize::MAX,
            processor: Duration::ZERO,
            others: (Duration::ZERO, 0.0),
            failing: 0.0,
            down: (Duration::MAX, Duration::MAX),
            jitter: Duration::ZERO,
            late: Duration::ZERO,
            tokens: None,
            filled: Duration::ZERO,
            second: 0,
            used: 0.0,
            taken: VecDeque::new(),
            served: BinaryHeap::new(),
            processor_free: Duration::ZERO,
            processor_taken: Duration::ZERO,
            random: 1,
        }
    }
}

fn at<T: Copy>(course: &Course<T>, now: Duration) -> Option<T> {
    course
        .iter()
        .rev()
        .find(|(from, _)| *from <= now)
        .map(|(_, value)| *value)
}

impl Gateway {
    fn with_quota(quota: f64, form: Form) -> Self {
        Self {
            quota: vec![(Duration::ZERO, quota)],
            form,
            ..Self::default()
        }
    }

    #[expect(clippy::cast_precision_loss)]
    fn random(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f64 / f64::from(1 << 24)
    }

    #[expect(clippy::cast_precision_loss)]
    fn admits(&mut self, now: Duration) -> bool {
        let Some(quota) = at(&self.quota, now) else {
            return true;
        };
        let room = match self.form {
            Form::Bucket(room) => room,
            Form::SecondsBucket => quota,
            Form::Clock(ahead) => {
                let second = (now + ahead).as_nanos() / SECOND.as_nanos();
                if second > self.second {
                    self.second = second;
                    self.used = 0.0;
                }
                self.used += 1.0;
                return self.used <= quota;
            }
            Form::AnySecond => {
                while self.taken.front().is_some_and(|taken| *taken + SECOND <= now) {
                    self.taken.pop_front();
                }
                let admitted = (self.taken.len() as f64) < quota;
                if admitted {
                    self.taken.push_back(now);
                }
                return admitted;
            }
        };
        let inflow = now.saturating_sub(self.filled).as_secs_f64() * quota;
        let tokens = (self.tokens.unwrap_or(room) + inflow).min(room);
        self.filled = self.filled.max(now);
        let admitted = tokens >= 1.0;
        self.tokens = Some(if admitted { tokens - 1.0 } else { tokens });
        admitted
    }

    /// When and how a call ends that is started now.
    fn call(&mut self, now: Duration) -> (Duration, CallEnd) {
        let now = now + self.jitter.mul_f64(self.random());
        if self.down.0 <= now && now < self.down.1 {
            return (now + ms(2), CallEnd::Failed);
        }
        if !self.admits(now) {
            let retry_after = self.retry_after;
            return (now + self.throttled_latency, CallEnd::Throttled { retry_after });
        }
        let mut begun = now;
        if !self.processor.is_zero() {
            self.processor_free = self.processor_free.max(now) + self.processor;
            let (slice, share) = self.others;
            while share > 0.0 && self.processor_taken <= self.processor_free {
                self.processor_free += slice;
                let until_next = (1.0 / share - 1.0) * -(1.0 - self.random()).ln();
                self.processor_taken = self.processor_free + slice.mul_f64(until_next);
            }
            begun = self.processor_free;
        }
        if self.served.len() >= self.workers
            && let Some(Reverse(free)) = self.served.pop()
        {
            begun = begun.max(free);
        }
        let ends = begun + at(&self.latency, now).unwrap_or_default();
        if self.workers < usize::MAX {
            self.served.push(Reverse(ends));
        }
        let fails = self.failing > 0.0 && self.random() < self.failing;
        (ends, if fails { CallEnd::Failed } else { CallEnd::Answered })
    }
}

/// What came of a campaign.
#[derive(Debug, Default)]
struct Run {
    /// Calls answered in each tenth of a second.
    answered: Vec<u32>,
    throttled: u32,
    /// The most calls under way in each tenth of a second.
    in_flight: Vec<usize>,
}

impl Run {
    fn total(&self) -> u32 {
        self.answered.iter().sum()
    }

    /// Answers per second between two times.
    fn rate(&self, from: Duration, to: Duration) -> f64 {
        let tenths = tenth(from)..tenth(to);
        f64::from(self.answered[tenths].iter().sum::<u32>()) / to.saturating_sub(from).as_secs_f64()
    }

    fn throttled_share(&self) -> f64 {
        f64::from(self.throttled) / f64::from(self.throttled + self.total())
    }

    /// The end of the first second with so many answers.
    fn reached(&self, answers: f64) -> Option<f64> {
        let seconds = self.answered.windows(10);
        let first = { seconds }.position(|second| f64::from(second.iter().sum::<u32>()) >= answers)?;
        u32::try_from(first).ok().map(|first| f64::from(first) / 10.0 + 1.0)
    }
}

fn tenth(time: Duration) -> usize {
    usize::try_from(time.as_nanos() / TENTH.as_nanos()).unwrap()
}

/// A campaign that has more to call than it can.
fn run(settings: PaceSettings, mut gateway: Gateway, lasts: Duration) -> Run {
    let mut pace = Pace::new(settings);
    let mut run = Run {
        answered: vec![0; tenth(lasts)],
        throttled: 0,
        in_flight: vec![0; tenth(lasts)],
    };
    let mut ends = BinaryHeap::new();
    let mut ends_as = Vec::new();
    let mut now = Duration::ZERO;
    while now < lasts {
        let wake = loop {
            match pace.may_start(now) {
                Start::Now => {
                    pace.started(now);
                    let (end, how) = gateway.call(now);
                    ends.push(Reverse((end, now, ends_as.len())));
                    ends_as.push(how);
                }
                Start::At(at) => {
                    assert!(at > now);
                    // Timers count in milliseconds.
                    let tick = ms(u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap());
                    let late = gateway.random().powi(3);
                    break tick + gateway.late.mul_f64(late);
                }
                Start::WhenOneEnds => break Duration::MAX,
            }
        };
        let in_flight = &mut run.in_flight[tenth(now)];
        *in_flight = pace.in_flight().max(*in_flight);
        match ends.peek() {
            Some(Reverse((end, started, call))) if *end <= wake => {
                let (started, how) = (*started, ends_as[*call]);
                now = *end;
                ends.pop();
                match how {
                    _ if now >= lasts => {}
                    CallEnd::Answered => run.answered[tenth(now)] += 1,
                    CallEnd::Throttled { .. } => run.throttled += 1,
                    CallEnd::Failed => {}
                }
                pace.ended(now, now.saturating_sub(started), how);
            }
            _ => {
                assert_ne!(wake, Duration::MAX, "nothing to wait for");
                now = wake;
            }
        }
    }
    run
}

fn find_pace(gateway: Gateway, lasts: Duration) -> Run {
    run(PaceSettings::default(), gateway, lasts)
}

const FORMS: [Form; 5] = [
    Form::SecondsBucket,
    Form::Bucket(10.0),
    Form::Clock(Duration::ZERO),
    Form::Clock(Duration::from_millis(300)),
    Form::AnySecond,
];

/// Every form of a quota, with throttled calls that end slowly and quickly, without and with `Retry-After`.
fn gateways(quota: f64) -> impl Iterator<Item = Gateway> {
    FORMS.into_iter().flat_map(move |form| {
        [20, 1].into_iter().flat_map(move |throttled_latency| {
            [None, Some(SECOND)].into_iter().map(move |retry_after| Gateway {
                throttled_latency: ms(throttled_latency),
                retry_after,
                ..Gateway::with_quota(quota, form)
            })
        })
    })
}

fn assert_finds_quota(quota: f64, gateway: Gateway) {
    // A bucket for ten calls after which a second has to be waited: two such seconds pass until its rate is known.
    let small_bucket = gateway.form == Form::Bucket(10.0) && gateway.retry_after.is_some();
    let least = if small_bucket { 0.88 } else { 0.9 };
    let what = format!("{quota}/s, {:?}, {:?}", gateway.form, gateway.retry_after);
    let run = find_pace(gateway, s(30));
    let used = f64::from(run.total()) / (30.0 * quota);
    assert!(used >= least, "{what}: {used:.3} of the quota");
    let throttled = run.throttled_share();
    assert!(throttled <= 0.02, "{what}: {throttled:.3} throttled");
    let reached = run.reached(0.9 * quota);
    assert!(
        reached.is_some_and(|reached| reached <= 10.0),
        "{what}: reached after {reached:?}"
    );
}

#[test]
fn a_hidden_quota_is_found_whatever_its_form() {
    for quota in [50.0, 200.0] {
        for gateway in gateways(quota) {
            assert_finds_quota(quota, gateway);
        }
    }
}

#[test]
fn a_large_quota_is_found_too() {
    for form in [Form::SecondsBucket, Form::AnySecond] {
        assert_finds_quota(1000.0, Gateway::with_quota(1000.0, form));
    }
}

#[test]
fn a_quota_is_found_with_jitter_and_a_busy_processor() {
    for form in FORMS {
        let run = find_pace(
            Gateway {
                jitter: ms(5),
                late: ms(20),
                ..Gateway::with_quota(200.0, form)
            },
            s(30),
        );
        assert!(f64::from(run.total()) >= 0.9 * 6000.0, "{form:?}: {}", run.total());
        assert!(run.throttled_share() <= 0.02, "{form:?}: {}", run.throttled_share());
    }
}

#[test]
fn a_quota_is_found_over_a_long_way() {
    for latency in [100, 500] {
        for form in FORMS {
            let run = find_pace(
                Gateway {
                    latency: vec![(Duration::ZERO, ms(latency))],
                    throttled_latency: ms(latency),
                    ..Gateway::with_quota(50.0, form)
                },
                s(30),
            );
            let rate = run.rate(s(10), s(30));
            assert!(rate >= 45.0, "{latency} ms, {form:?}: {rate:.1}/s");
            let throttled = run.throttled_share();
            assert!(throttled <= 0.05, "{latency} ms, {form:?}: {throttled:.3} throttled");
        }
    }
}

#[test]
fn a_quota_that_changes_is_followed_both_ways() {
    for form in FORMS {
        let run = find_pace(
            Gateway {
                quota: vec![(s(0), 200.0), (s(20), 50.0), (s(40), 200.0)],
                form,
                ..Gateway::default()
            },
            s(60),
        );
        let rates = [(10, 20), (25, 40), (53, 60)].map(|(from, to)| run.rate(s(from), s(to)));
        assert!(
            rates[0] >= 180.0 && rates[1] >= 43.0 && rates[2] >= 160.0,
            "{form:?}: {rates:?}"
        );
        assert!(run.throttled_share() <= 0.02, "{form:?}: {}", run.throttled_share());
    }
}

#[test]
fn without_a_quota_it_is_many_times_as_fast_as_sixteen_workers() {
    let run = find_pace(Gateway::default(), ms(1500));
    assert!(run.total() >= 8 * 1200, "{}", run.total());
}

#[test]
fn a_busy_processor_slows_the_growth_and_nothing_else() {
    let gateway = Gateway {
        processor: SECOND / 8000,
        ..Gateway::default()
    };
    let run = find_pace(gateway, s(4));
    assert!(run.total() >= 8 * 4 * 800, "{}", run.total());
    assert!(run.rate(s(1), s(4)) >= 7600.0, "{}", run.rate(s(1), s(4)));
}

#[test]
fn a_processor_that_others_use_too_is_used_for_the_rest() {
    for share in [0.3, 0.6] {
        let gateway = Gateway {
            processor: SECOND / 4000,
            others: (ms(10), share),
            ..Gateway::default()
        };
        let run = find_pace(gateway, s(6));
        let rate = run.rate(s(2), s(6));
        assert!(rate >= 0.9 * 4000.0 * (1.0 - share), "{share}: {rate}");
    }
}

#[test]
fn no_more_calls_are_made_at_a_time_than_a_gateway_can_serve() {
    for workers in [4, 16, 48] {
        let gateway = Gateway {
            workers,
            ..Gateway::default()
        };
        let run = find_pace(gateway, s(6));
        let capacity = 50.0 * f64::from(u32::try_from(workers).unwrap());
        assert!(
            run.rate(s(2), s(6)) >= 0.95 * capacity,
            "{workers}: {}",
            run.rate(s(2), s(6))
        );
        let most = run.in_flight[tenth(s(2))..].iter().max().unwrap();
        assert!(*most <= 2 * workers + 8, "{workers}: {most} at a time");
    }
}

#[test]
fn a_gateway_that_becomes_slow_is_called_as_much_as_it_can_serve() {
    let gateway = Gateway {
        workers: 16,
        latency: vec![(s(0), ms(20)), (s(5), ms(200)), (s(20), ms(20))],
        ..Gateway::default()
    };
    let run = find_pace(gateway, s(30));
    let rates = [(2, 5), (10, 20), (25, 30)].map(|(from, to)| run.rate(s(from), s(to)));
    assert!(rates[0] >= 760.0 && rates[1] >= 76.0 && rates[2] >= 760.0, "{rates:?}");
}

#[test]
fn lost_answers_do_not_slow_the_campaign_down() {
    for failing in [0.2, 0.3] {
        let gateway = Gateway {
            failing,
            ..Gateway::with_quota(200.0, Form::AnySecond)
        };
        let run = find_pace(gateway, s(20));
        let answered = run.rate(s(2), s(20)) / (1.0 - failing);
        assert!(answered >= 180.0, "{failing}: {answered}");
    }
}

#[test]
fn a_gateway_that_is_down_is_called_little_and_at_full_rate_when_it_is_back() {
    let gateway = Gateway {
        down: (s(5), s(15)),
        ..Gateway::with_quota(200.0, Form::SecondsBucket)
    };
    let run = find_pace(gateway, s(25));
    assert!(run.rate(s(2), s(5)) >= 180.0);
    assert_eq!(run.answered[tenth(s(6))..tenth(s(15))].iter().sum::<u32>(), 0);
    assert!(run.in_flight[tenth(s(6))..tenth(s(15))].iter().all(|calls| *calls <= 1));
    assert!(run.rate(s(20), s(25)) >= 170.0, "{}", run.rate(s(20), s(25)));
}

#[test]
fn a_limit_above_the_quota_does_not_flood_the_gateway() {
    for rate in [55.0, 1000.0] {
        let gateway = Gateway::with_quota(50.0, Form::AnySecond);
        let run = run(PaceSettings::default().with_rate(rate), gateway, s(30));
        assert!(f64::from(run.total()) >= 0.9 * 1500.0, "{rate}: {}", run.total());
        assert!(run.throttled_share() <= 0.02, "{rate}: {}", run.throttled_share());
    }
}

#[test]
fn a_quota_nearby_is_found_too() {
    for quota in [50.0, 1000.0] {
        for form in FORMS {
            let gateway = Gateway {
                latency: vec![(Duration::ZERO, ms(1))],
                throttled_latency: ms(1),
                ..Gateway::with_quota(quota, form)
            };
            let run = find_pace(gateway, s(30));
            assert!(
                run.throttled_share() <= 0.03,
                "{quota}, {form:?}: {}",
                run.throttled_share()
            );
            assert!(
                f64::from(run.total()) >= 0.85 * 30.0 * quota,
                "{quota}, {form:?}: {}",
                run.total()
            );
        }
    }
}

/// Prints what comes of every quota, for those who change the numbers above: with `--ignored --nocapture`.
#[test]
#[ignore = "prints a table"]
fn table() {
    println!("quota  form                throttled after  Retry-After  used  throttled  reached");
    for quota in [50.0, 200.0, 1000.0] {
        for gateway in gateways(quota) {
            let what = format!(
                "{quota:5}  {:18}  {:15?}  {:11?}",
                format!("{:?}", gateway.form),
                gateway.throttled_latency,
                gateway.retry_after.unwrap_or_default()
            );
            let run = find_pace(gateway, s(30));
            let used = f64::from(run.total()) / (0.3 * quota);
            let throttled = 100.0 * run.throttled_share();
            let reached = run.reached(0.9 * quota).unwrap_or(f64::INFINITY);
            println!("{what}  {used:4.1} %  {throttled:5.2} %  {reached:4.1} s");
        }
    }
}
