//! Campaigns with few calls to make, most of which wait for others: too few to tell a quota by.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::gateway::{Form, Gateway, ms, s};
use enos_ota_rate::{CallResult, RateControl, RateSettings, Wait, Window};

/// So many lists of devices, each of which needs so many calls to be answered, one a while after the other.
struct Lists {
    count: usize,
    calls: u32,
    between: Duration,
}

/// How long they take.
fn time_of(lists: &Lists, gateway: &mut Gateway) -> Duration {
    let mut rate = RateControl::new(RateSettings::default());
    let mut left = vec![lists.calls; lists.count];
    let mut ready: BinaryHeap<_> = (0..lists.count).map(|list| Reverse((Duration::ZERO, list))).collect();
    let mut ends = BinaryHeap::new();
    let mut calls = vec![];
    let mut now = Duration::ZERO;
    while left.iter().any(|calls| *calls > 0) {
        assert!(now < s(100_000), "it never ends");
        let next = loop {
            match ready.peek().map(|Reverse((at, _))| *at) {
                None => break Duration::MAX,
                Some(at) if at > now => break at,
                Some(_) => {}
            }
            match rate.may_start(now) {
                Wait::Now => {}
                Wait::Until(at) => break at,
                Wait::NextEnd => break Duration::MAX,
            }
            if let Some(Reverse((_, list))) = ready.pop() {
                rate.started(now);
                let end = gateway.call(now);
                ends.push(Reverse((end.at, now, calls.len(), list)));
                calls.push(end);
            }
        };
        match ends.peek() {
            Some(Reverse((end, ..))) if *end <= next => {
                let Some(Reverse((at, started, call, list))) = ends.pop() else {
                    unreachable!("it was peeked at")
                };
                now = at;
                let end = &calls[call];
                let took = now.saturating_sub(started);
                rate.ended(now, gateway.own_clock_ms(now), took, end.result, &end.announced);
                if end.result == CallResult::Answered {
                    left[list] -= 1;
                }
                if left[list] > 0 {
                    ready.push(Reverse((now + lists.between, list)));
                }
            }
            _ => now = next,
        }
    }
    now
}

/// How long campaigns take, one with each seed, the shortest first.
fn times(lists: &Lists, gateway: &Gateway) -> Vec<Duration> {
    let mut times: Vec<_> = (1..200)
        .map(|seed| {
            let mut gateway = Gateway {
                random: seed * 7919,
                ..gateway.clone()
            };
            gateway.clock_ms += i64::try_from(seed * 137).unwrap();
            time_of(lists, &mut gateway)
        })
        .collect();
    times.sort();
    times
}

fn troubled(quota: Form) -> Gateway {
    let mut gateway = Gateway::with_quota(30.0, quota);
    gateway.failing = 0.2;
    gateway.refusing = 0.05;
    gateway
}

#[test]
fn a_few_throttled_calls_among_failed_ones_do_not_slow_a_small_campaign_down() {
    let lists = Lists {
        count: 10,
        calls: 4,
        between: ms(200),
    };
    for form in [Form::AnySecond, Form::Clock(Window::Second)] {
        for retry_after in [None, Some(s(1))] {
            let mut gateway = troubled(form);
            gateway.retry_after = retry_after;
            let times = times(&lists, &gateway);
            let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
            assert!(
                longest <= s(25),
                "{form:?}, {retry_after:?}: {longest:?}, median {median:?}"
            );
        }
    }
}

#[test]
fn a_list_whose_calls_wait_for_each_other_is_not_slowed_down_either() {
    let lists = Lists {
        count: 1,
        calls: 20,
        between: ms(300),
    };
    for retry_after in [None, Some(s(1))] {
        let mut gateway = troubled(Form::Clock(Window::Second));
        gateway.retry_after = retry_after;
        let times = times(&lists, &gateway);
        let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
        assert!(longest <= s(20), "{retry_after:?}: {longest:?}, median {median:?}");
    }
}
