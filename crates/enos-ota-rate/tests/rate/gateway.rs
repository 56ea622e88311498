//! Gateways whose quotas the campaign does not know, in a time that only the tests know.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use enos_ota_rate::{Announced, CallResult, Window};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn s(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// How a gateway counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Form {
    /// A bucket that is filled evenly, with room for the calls of so many seconds.
    Bucket(f64),
    /// In any second.
    AnySecond,
    /// By the windows of its clock.
    Clock(Window),
}

/// Which headers every answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Headers {
    None,
    /// `X-RateLimit-Limit-Minute` and `X-RateLimit-Remaining-Minute`.
    Named,
    /// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`, of the quota that has the least left.
    Unnamed,
    /// All of them.
    Both,
}

/// What changes at some times: the time, and what it is from then on.
pub(crate) type Course<T> = Vec<(Duration, T)>;

#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) calls: Course<f64>,
    pub(crate) form: Form,
    tokens: Option<f64>,
    filled: Duration,
    taken: VecDeque<Duration>,
    window: i64,
    /// What each node has counted, and what it knew of all at the last exchange.
    counted: Vec<f64>,
    exchanged: f64,
    own_before: Vec<f64>,
    next_exchange: Duration,
}

impl Limit {
    pub(crate) fn new(calls: Course<f64>, form: Form) -> Self {
        Self {
            calls,
            form,
            tokens: None,
            filled: Duration::ZERO,
            taken: VecDeque::new(),
            window: i64::MIN,
            counted: vec![],
            exchanged: 0.0,
            own_before: vec![],
            next_exchange: Duration::ZERO,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    pub(crate) limits: Vec<Limit>,
    pub(crate) headers: Headers,
    pub(crate) latency: Course<Duration>,
    pub(crate) throttled_latency: Duration,
    pub(crate) retry_after: Option<Duration>,
    /// `Retry-After` until the window ends.
    pub(crate) honest_retry_after: bool,
    /// The gateway's clock at the beginning, and what the campaign believes it to be.
    pub(crate) clock_ms: i64,
    pub(crate) own_clock_ms: i64,
    /// Its nodes, and how often they tell each other what they have counted.
    pub(crate) nodes: usize,
    pub(crate) exchange: Duration,
    /// So many calls are served at a time; more wait.
    pub(crate) workers: usize,
    /// One processor has so much to do for each call; more wait.
    pub(crate) processor: Duration,
    /// For so long at a time others have the processor, and for which share of all time.
    pub(crate) others: (Duration, f64),
    /// Which share of the calls fails.
    pub(crate) failing: f64,
    /// Which share of them is answered 429 for no reason that shows.
    pub(crate) refusing: f64,
    pub(crate) down: (Duration, Duration),
    /// Up to this is added to the way of each call, and to the caller's sleep.
    pub(crate) jitter: Duration,
    pub(crate) late: Duration,

    pub(crate) calls: usize,
    pub(crate) served: BinaryHeap<Reverse<Duration>>,
    pub(crate) processor_free: Duration,
    pub(crate) processor_taken: Duration,
    pub(crate) random: u64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            limits: vec![],
            headers: Headers::None,
            latency: vec![(Duration::ZERO, ms(20))],
            throttled_latency: ms(20),
            retry_after: None,
            honest_retry_after: false,
            // 17.3 s into a minute, 14 min into an hour.
            clock_ms: 1_790_000_057_300,
            own_clock_ms: 1_790_000_057_300,
            nodes: 1,
            exchange: Duration::ZERO,
            workers: usize::MAX,
            processor: Duration::ZERO,
            others: (Duration::ZERO, 0.0),
            failing: 0.0,
            refusing: 0.0,
            down: (Duration::MAX, Duration::MAX),
            jitter: Duration::ZERO,
            late: Duration::ZERO,
            calls: 0,
            served: BinaryHeap::new(),
            processor_free: Duration::ZERO,
            processor_taken: Duration::ZERO,
            random: 1,
        }
    }
}

fn at<T: Copy>(course: &Course<T>, now: Duration) -> Option<T> {
    let past = course.iter().rev().find(|(from, _)| *from <= now);
    past.map(|(_, value)| *value)
}

/// How a call ends.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: Duration,
    pub(crate) result: CallResult,
    pub(crate) announced: Vec<Announced>,
}

impl Gateway {
    pub(crate) fn with_quota(calls: f64, form: Form) -> Self {
        Self {
            limits: vec![Limit::new(vec![(Duration::ZERO, calls)], form)],
            ..Self::default()
        }
    }

    /// Between 0 and 1.
    #[expect(clippy::cast_precision_loss)]
    pub(crate) fn random(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f64 / f64::from(1 << 24)
    }

    pub(crate) fn clock_ms(&self, now: Duration) -> i64 {
        self.clock_ms + i64::try_from(now.as_millis()).unwrap()
    }

    pub(crate) fn own_clock_ms(&self, now: Duration) -> i64 {
        self.own_clock_ms + i64::try_from(now.as_millis()).unwrap()
    }

    /// Which window of the clock it is.
    pub(crate) fn window(&self, now: Duration, window: Window) -> i64 {
        self.clock_ms(now)
            .div_euclid(i64::try_from(window.length().as_millis()).unwrap())
    }

    fn admits(&mut self, now: Duration) -> (bool, Vec<Announced>) {
        let node = self.calls % self.nodes;
        self.calls += 1;
        let clock_ms = self.clock_ms(now);
        let mut left = vec![];
        for limit in &mut self.limits {
            let quota = at(&limit.calls, now).unwrap_or(f64::INFINITY);
            left.push(match limit.form {
                Form::Bucket(seconds) => {
                    let room = (quota * seconds).max(1.0);
                    let inflow = now.saturating_sub(limit.filled).as_secs_f64() * quota;
                    limit.filled = limit.filled.max(now);
                    let tokens = (limit.tokens.unwrap_or(room) + inflow).min(room);
                    limit.tokens = Some(tokens);
                    tokens
                }
                Form::AnySecond => {
                    while limit.taken.front().is_some_and(|taken| *taken + SECOND <= now) {
                        limit.taken.pop_front();
                    }
                    quota - f64::from(u32::try_from(limit.taken.len()).unwrap())
                }
                Form::Clock(window) => {
                    let number = clock_ms.div_euclid(i64::try_from(window.length().as_millis()).unwrap());
                    if limit.window < number {
                        limit.window = number;
                        limit.counted = vec![0.0; self.nodes];
                        limit.own_before = vec![0.0; self.nodes];
                        limit.exchanged = 0.0;
                    }
                    if limit.next_exchange <= now {
                        limit.exchanged = limit.counted.iter().sum();
                        limit.own_before = limit.counted.clone();
                        limit.next_exchange = now + self.exchange;
                    }
                    quota - (limit.exchanged + limit.counted[node] - limit.own_before[node])
                }
            });
        }
        let admitted = left.iter().all(|left| *left >= 1.0);
        let mut named = vec![];
        for (limit, left) in self.limits.iter_mut().zip(left) {
            let mut left = left;
            if admitted {
                left -= 1.0;
                match limit.form {
                    Form::Bucket(_) => limit.tokens = Some(left),
                    Form::AnySecond => limit.taken.push_back(now),
                    Form::Clock(_) => limit.counted[node] += 1.0,
                }
            }
            let window = match limit.form {
                Form::Bucket(_) | Form::AnySecond => Window::Second,
                Form::Clock(window) => window,
            };
            let length = i64::try_from(window.length().as_millis()).unwrap();
            let rest = length - clock_ms.rem_euclid(length);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            named.push(Announced {
                window: Some(window),
                limit: at(&limit.calls, now).map(|calls| calls as u64),
                remaining: Some(left.max(0.0) as u64),
                reset: Some(s(u64::try_from((rest + 999) / 1000).unwrap())),
            });
        }
        (admitted, named)
    }

    fn announce(&self, named: &[Announced]) -> Vec<Announced> {
        let tightest = named.iter().min_by_key(|announced| announced.remaining);
        let unnamed = tightest.map(|tightest| Announced {
            window: None,
            ..*tightest
        });
        let named = named.iter().map(|named| Announced { reset: None, ..*named });
        match self.headers {
            Headers::None => vec![],
            Headers::Named => named.collect(),
            Headers::Unnamed => unnamed.into_iter().collect(),
            Headers::Both => named.chain(unnamed).collect(),
        }
    }

    /// When and how a call ends that is started now.
    pub(crate) fn call(&mut self, now: Duration) -> End {
        let now = now + self.jitter.mul_f64(self.random());
        if self.down.0 <= now && now < self.down.1 {
            return End {
                at: now + ms(2),
                result: CallResult::Failed,
                announced: vec![],
            };
        }
        let (admitted, named) = self.admits(now);
        let announced = self.announce(&named);
        if !admitted || (self.refusing > 0.0 && self.random() < self.refusing) {
            let honest = named
                .iter()
                .filter(|named| named.remaining == Some(0))
                .filter_map(|named| named.reset)
                .max();
            let retry_after = if self.honest_retry_after {
                honest
            } else {
                self.retry_after
            };
            return End {
                at: now + self.throttled_latency,
                result: CallResult::Throttled { retry_after },
                announced,
            };
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
        End {
            at: ends,
            result: if fails {
                CallResult::Failed
            } else {
                CallResult::Answered
            },
            announced: if fails { vec![] } else { announced },
        }
    }
}
