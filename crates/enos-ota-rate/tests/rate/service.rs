//! Gateways without a quota, slow ones, and some that are down.

use std::time::Duration;

use crate::gateway::{Form, Gateway, SECOND, ms, s};
use crate::run::{find_rate, tenth};

#[test]
fn without_a_quota_it_is_many_times_as_fast_as_sixteen_workers() {
    let run = find_rate(Gateway::default(), ms(1500));
    assert!(run.total() >= 8 * 1200, "{}", run.total());
}

#[test]
fn a_busy_processor_slows_the_growth_and_nothing_else() {
    let gateway = Gateway {
        processor: SECOND / 8000,
        ..Gateway::default()
    };
    let run = find_rate(gateway, s(4));
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
        let run = find_rate(gateway, s(6));
        let rate = run.rate(s(2), s(6));
        assert!(rate >= 0.9 * 4000.0 * (1.0 - share), "{share}: {rate}");
    }
}

#[test]
fn a_gateway_nearby_is_not_held_back() {
    let gateway = Gateway {
        processor: SECOND / 5000,
        latency: vec![(Duration::ZERO, Duration::from_micros(200))],
        ..Gateway::default()
    };
    let run = find_rate(gateway, s(3));
    assert!(run.rate(s(1), s(3)) >= 4750.0, "{}", run.rate(s(1), s(3)));
    assert!(run.rate(s(0), s(1)) >= 3500.0, "{}", run.rate(s(0), s(1)));
}

#[test]
fn no_more_calls_are_made_at_a_time_than_a_gateway_can_serve() {
    for workers in [4, 16, 48] {
        let gateway = Gateway {
            workers,
            ..Gateway::default()
        };
        let run = find_rate(gateway, s(6));
        let capacity = 50.0 * f64::from(u32::try_from(workers).unwrap());
        let rate = run.rate(s(2), s(6));
        assert!(rate >= 0.95 * capacity, "{workers}: {rate}");
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
    let run = find_rate(gateway, s(30));
    let rates = [(2, 5), (10, 20), (25, 30)].map(|(from, to)| run.rate(s(from), s(to)));
    assert!(rates[0] >= 760.0 && rates[1] >= 76.0 && rates[2] >= 760.0, "{rates:?}");
}

#[test]
fn a_gateway_that_is_down_is_called_little_and_at_full_rate_when_it_is_back() {
    let mut gateway = Gateway::with_quota(200.0, Form::Bucket(1.0));
    gateway.down = (s(5), s(15));
    let run = find_rate(gateway, s(25));
    assert!(run.rate(s(2), s(5)) >= 180.0, "{}", run.rate(s(2), s(5)));
    assert_eq!(run.answered[tenth(s(6))..tenth(s(15))].iter().sum::<u32>(), 0);
    assert!(run.in_flight[tenth(s(6))..tenth(s(15))].iter().all(|calls| *calls <= 1));
    assert!(run.rate(s(20), s(25)) >= 170.0, "{}", run.rate(s(20), s(25)));
}
