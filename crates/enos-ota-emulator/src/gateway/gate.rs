//! Keeps a [`Quota`]: counts requests, refuses those that are too many, and tells what is left.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tokio::time::Instant;

use super::quota::{Quota, QuotaHeaders, Rule, Window};
use crate::clock::{Clock, SkewedClock};
use crate::faults::ForeignAnswer;
use crate::wire;

/// Keeps a quota.
#[derive(Debug)]
pub(crate) struct Gate {
    begin: Instant,
    nodes: usize,
    lag_ms: i64,
    state: Mutex<Option<State>>,
}

/// What becomes of a request.
pub(crate) enum Admission {
    /// It is let through; its answer gets these headers.
    Admitted(HeaderMap),
    Refused(Response),
}

#[derive(Debug)]
struct State {
    quota: Quota,
    meter: Option<Meter>,
    clock: ClockMeters,
}

impl Gate {
    /// Counts for so many nodes, each of which learns of the requests to the others `lag_ms` later.
    pub(crate) fn new(quota: Option<Quota>, clock: &SkewedClock, nodes: usize, lag_ms: i64) -> Self {
        let gate = Self {
            begin: Instant::now(),
            nodes,
            lag_ms,
            state: Mutex::new(None),
        };
        gate.set(quota, clock);
        gate
    }

    /// Replaces the quota; a new bucket is full, and new windows are empty.
    pub(crate) fn set(&self, quota: Option<Quota>, clock: &SkewedClock) {
        *self.lock() = quota.map(|quota| State {
            quota,
            meter: quota.rule().map(|rule| Meter::new(rule, self.now(clock))),
            clock: ClockMeters::new(quota.limits(), self.nodes, self.lag_ms),
        });
    }

    pub(crate) fn quota(&self) -> Option<Quota> {
        self.lock().as_ref().map(|state| state.quota)
    }

    /// Takes a request to a node, or refuses it.
    pub(crate) fn admit(&self, node: usize, clock: &SkewedClock) -> Admission {
        let mut state = self.lock();
        let Some(State {
            quota,
            meter,
            clock: on_the_clock,
        }) = state.as_mut()
        else {
            return Admission::Admitted(HeaderMap::new());
        };
        // Read with the lock held, or requests that come together would see time go backward.
        let now_ms = clock.now_ms();
        let admits = meter.as_mut().is_none_or(|meter| meter.admit(self.now(clock)));
        let usage = on_the_clock.take(admits, node, now_ms);
        let headers = usage.headers(quota.headers, now_ms);
        if admits && !usage.is_over() {
            return Admission::Admitted(headers);
        }
        let answer = ForeignAnswer {
            retry_after: quota.retry_after,
            ..ForeignAnswer::new(429, quota.refusal_body())
        };
        let mut response = wire::foreign(&answer, now_ms);
        for (name, value) in &headers {
            // A `Retry-After` that was asked for is there already.
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        Admission::Refused(response)
    }

    fn now(&self, clock: &SkewedClock) -> i128 {
        match clock.as_manual() {
            Some(clock) => i128::from(clock.now_ms()) * 1_000_000,
            None => i128::try_from(self.begin.elapsed().as_nanos()).unwrap_or(i128::MAX),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<State>> {
        // A panic elsewhere leaves the state whole: nothing above stops halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts for a limit that has no windows on the clock.
#[derive(Debug)]
struct Meter {
    rule: Rule,
    /// When this was last brought up to the present, in nanoseconds.
    at: i128,
    /// Of a bucket, what is in it, in billionths of a token; of a window, the requests that it has taken.
    amount: i128,
}

const SECOND: i128 = 1_000_000_000;

impl Meter {
    fn new(rule: Rule, now: i128) -> Self {
        let amount = match rule {
            Rule::Bucket { burst, .. } => i128::from(burst) * SECOND,
            Rule::Windows { .. } => 0,
        };
        Self { rule, at: now, amount }
    }

    /// Whether a request is let through at a moment, given in nanoseconds. Time that goes backward fills no bucket.
    fn admit(&mut self, now: i128) -> bool {
        let before = std::mem::replace(&mut self.at, now);
        match self.rule {
            Rule::Bucket { per_second, burst } => {
                let filled = self.amount + (now - before).max(0) * i128::from(per_second);
                self.amount = filled.min(i128::from(burst) * SECOND);
                let admits = self.amount >= SECOND;
                if admits {
                    self.amount -= SECOND;
                }
                admits
            }
            Rule::Windows { requests } => {
                if now.div_euclid(SECOND) != before.div_euclid(SECOND) {
                    self.amount = 0;
                }
                let admits = self.amount < i128::from(requests);
                if admits {
                    self.amount += 1;
                }
                admits
            }
        }
    }
}

/// Counts for limits of windows on the clock, for each node by itself.
#[derive(Debug)]
struct ClockMeters {
    meters: Vec<ClockMeter>,
    /// The requests of which only their own node knows yet: when, and at which node.
    recent: VecDeque<(i64, usize)>,
    lag_ms: i64,
}

#[derive(Debug)]
struct ClockMeter {
    window: Window,
    limit: u32,
    /// Which window it is, counted from 1970.
    index: i64,
    /// The requests of this window of which all nodes know.
    known: u32,
    /// Those of which only their own node knows, by node.
    own: Vec<u32>,
}

impl ClockMeter {
    fn index_of(&self, ms: i64) -> i64 {
        ms.div_euclid(self.window.ms())
    }
}

impl ClockMeters {
    fn new(limits: [Option<u32>; 4], nodes: usize, lag_ms: i64) -> Self {
        let limits = Window::ALL.into_iter().zip(limits);
        let meters = limits.filter_map(|(window, limit)| {
            Some(ClockMeter {
                window,
                limit: limit?,
                index: i64::MIN,
                known: 0,
                own: vec![0; nodes],
            })
        });
        Self {
            meters: meters.collect(),
            recent: VecDeque::new(),
            lag_ms: if nodes > 1 { lag_ms } else { 0 },
        }
    }

    /// Counts a request, unless it is over a limit or is not to be counted, and tells what was left before it.
    fn take(&mut self, counts: bool, node: usize, now: i64) -> Usage {
        self.settle(now);
        for meter in &mut self.meters {
            let index = meter.index_of(now);
            if index != meter.index {
                meter.index = index;
                meter.known = 0;
                meter.own.fill(0);
            }
        }
        let left = self.meters.iter().map(|meter| {
            let used = meter.known.saturating_add(meter.own[node]);
            (meter.window, meter.limit, meter.limit.saturating_sub(used))
        });
        let usage = Usage {
            left: left.collect(),
            counted: counts,
        };
        if counts && !usage.is_over() && !self.meters.is_empty() {
            for meter in &mut self.meters {
                meter.own[node] = meter.own[node].saturating_add(1);
            }
            self.recent.push_back((now, node));
            self.settle(now);
        }
        usage
    }

    /// Lets all nodes know of what is old enough.
    fn settle(&mut self, now: i64) {
        let lag = self.lag_ms;
        while let Some((at, node)) = self.recent.pop_front_if(|(at, _)| at.saturating_add(lag) <= now) {
            for meter in &mut self.meters {
                // What belongs to a window that is over counts no more.
                if meter.index == meter.index_of(at) {
                    meter.own[node] = meter.own[node].saturating_sub(1);
                    meter.known = meter.known.saturating_add(1);
                }
            }
        }
    }
}

/// What was left of each limit before a request.
struct Usage {
    left: Vec<(Window, u32, u32)>,
    /// Whether the request counts, unless a limit is used up.
    counted: bool,
}

impl Usage {
    fn is_over(&self) -> bool {
        self.left.iter().any(|(.., left)| *left == 0)
    }

    /// What Kong sends. Of several windows `RateLimit-*` and `Retry-After` are about the one that has least left, and
    /// about the longer one of two that have the same.
    fn headers(&self, form: QuotaHeaders, now: i64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if form == QuotaHeaders::None {
            return headers;
        }
        let taken = u32::from(self.counted && !self.is_over());
        let mut scarcest = None;
        for &(window, limit, left) in &self.left {
            let left = left.saturating_sub(taken);
            let [limit_name, left_name] = x_names(window);
            headers.insert(limit_name, HeaderValue::from(limit));
            headers.insert(left_name, HeaderValue::from(left));
            if scarcest.is_none_or(|(_, _, least)| left <= least) {
                scarcest = Some((window, limit, left));
            }
        }
        if form == QuotaHeaders::RateLimit
            && let Some((window, limit, left)) = scarcest
        {
            let reset = (window.ms() / 1000 - now.rem_euclid(window.ms()) / 1000).max(1);
            headers.insert(HeaderName::from_static("ratelimit-limit"), HeaderValue::from(limit));
            headers.insert(HeaderName::from_static("ratelimit-remaining"), HeaderValue::from(left));
            headers.insert(HeaderName::from_static("ratelimit-reset"), HeaderValue::from(reset));
            if self.is_over() {
                headers.insert(RETRY_AFTER, HeaderValue::from(reset));
            }
        }
        headers
    }
}

/// The names of the headers of Kong 1.
fn x_names(window: Window) -> [HeaderName; 2] {
    let names = match window {
        Window::Second => ["x-ratelimit-limit-second", "x-ratelimit-remaining-second"],
        Window::Minute => ["x-ratelimit-limit-minute", "x-ratelimit-remaining-minute"],
        Window::Hour => ["x-ratelimit-limit-hour", "x-ratelimit-remaining-hour"],
        Window::Day => ["x-ratelimit-limit-day", "x-ratelimit-remaining-day"],
    };
    names.map(HeaderName::from_static)
}

#[cfg(test)]
mod tests;
