//! Quotas of a minute and longer.

use std::time::Duration;

use crate::gateway::{Form, Gateway, Headers, Limit, SECOND, ms, s};
use crate::run::{Run, find_rate, run, used};
use enos_ota_rate::{RateSettings, Window};

const QUOTAS: [(f64, Window); 3] = [
    (600.0, Window::Minute),
    (60.0, Window::Minute),
    (10_000.0, Window::Hour),
];

fn gateway((quota, window): (f64, Window), headers: Headers, skew_s: i64) -> Gateway {
    let mut gateway = Gateway::with_quota(quota, Form::Clock(window));
    gateway.headers = headers;
    gateway.own_clock_ms += 1000 * skew_s;
    gateway
}

fn assert_uses(what: &str, run: &Run, (quota, window): (f64, Window), lasts: Duration, learned_after: usize) {
    let used = used(run, quota / window.length().as_secs_f64(), lasts);
    assert!(used >= 0.9, "{what}: {used:.3} of the quota");
    let futile = run.most_futile(window, learned_after);
    assert!(futile <= 2, "{what}: {futile} throttled calls in a window");
}

#[test]
fn a_hidden_quota_is_learned_and_costs_two_calls_in_a_window() {
    for quota in QUOTAS {
        for skew in [0, 1, -1, 25, -200] {
            let lasts = 10 * quota.1.length();
            let run = find_rate(gateway(quota, Headers::None, skew), lasts);
            // The first window is not known before it is used up, and when it ends may take two more.
            let learned_after = if skew == 0 { 1 } else { 3 };
            assert_uses(&format!("{quota:?}, {skew} s"), &run, quota, lasts, learned_after);
            if quota.0 > 60.0 {
                assert!(
                    run.throttled_share() <= 0.025,
                    "{quota:?}: {:.4}",
                    run.throttled_share()
                );
            }
        }
    }
}

#[test]
fn an_announced_quota_is_used_up_without_being_exceeded() {
    for quota in QUOTAS {
        for headers in [Headers::Named, Headers::Unnamed, Headers::Both] {
            let lasts = 10 * quota.1.length();
            let run = find_rate(gateway(quota, headers, 0), lasts);
            assert_uses(&format!("{quota:?}, {headers:?}"), &run, quota, lasts, 0);
            assert_eq!(run.throttled, 0, "{quota:?}, {headers:?}");
        }
    }
}

#[test]
fn clocks_that_differ_cost_a_call_in_a_window() {
    for quota in QUOTAS {
        for headers in [Headers::Named, Headers::Unnamed, Headers::Both] {
            for skew in [1, -1, 25, -200] {
                let what = format!("{quota:?}, {headers:?}, {skew} s");
                let lasts = 10 * quota.1.length();
                let run = find_rate(gateway(quota, headers, skew), lasts);
                assert_uses(&what, &run, quota, lasts, 2);
                assert!(run.throttled_share() <= 0.02, "{what}: {:.4}", run.throttled_share());
            }
        }
    }
}

#[test]
fn retry_after_of_the_whole_window_is_waited_for() {
    for headers in [Headers::None, Headers::Named, Headers::Unnamed] {
        let mut gateway = gateway((600.0, Window::Minute), headers, 25);
        gateway.honest_retry_after = true;
        let run = find_rate(gateway, s(600));
        assert_uses(&format!("{headers:?}"), &run, (600.0, Window::Minute), s(600), 1);
    }
}

#[test]
fn retry_after_that_is_always_a_second_is_not_believed_for_long() {
    for quota in QUOTAS {
        let mut gateway = gateway(quota, Headers::None, 0);
        gateway.retry_after = Some(SECOND);
        let lasts = 10 * quota.1.length();
        let run = find_rate(gateway, lasts);
        assert_uses(&format!("{quota:?}"), &run, quota, lasts, 1);
    }
}

#[test]
fn nodes_that_lag_behind_are_not_flooded() {
    for headers in [Headers::None, Headers::Named, Headers::Both] {
        let mut gateway = gateway((600.0, Window::Minute), headers, 0);
        gateway.nodes = 3;
        gateway.exchange = ms(1000);
        let run = find_rate(gateway, s(600));
        assert_uses(&format!("{headers:?}"), &run, (600.0, Window::Minute), s(600), 1);
    }
}

#[test]
fn two_quotas_at_once_are_kept() {
    for headers in [Headers::None, Headers::Named, Headers::Both] {
        let mut gateway = gateway((600.0, Window::Minute), headers, 0);
        gateway
            .limits
            .push(Limit::new(vec![(s(0), 6000.0)], Form::Clock(Window::Hour)));
        let lasts = Duration::from_hours(6);
        let run = find_rate(gateway, lasts);
        let used = used(&run, 6000.0 / 3600.0, lasts);
        assert!(used >= 0.9, "{headers:?}: {used:.3} of the quota");
        let throttled = run.throttled_share();
        assert!(throttled <= 0.02, "{headers:?}: {throttled:.4} throttled");
    }
}

#[test]
fn a_second_and_a_minute_at_once_are_kept() {
    for headers in [Headers::None, Headers::Named, Headers::Both] {
        let mut gateway = gateway((1200.0, Window::Minute), headers, 0);
        gateway
            .limits
            .push(Limit::new(vec![(s(0), 50.0)], Form::Clock(Window::Second)));
        let run = find_rate(gateway, s(600));
        let used = used(&run, 20.0, s(600));
        assert!(used >= 0.9, "{headers:?}: {used:.3} of the quota");
        let throttled = run.throttled_share();
        assert!(throttled <= 0.02, "{headers:?}: {throttled:.4} throttled");
    }
}

#[test]
fn a_limit_that_is_raised_or_lowered_is_followed() {
    for headers in [Headers::None, Headers::Named] {
        let calls = vec![(s(0), 600.0), (s(600), 1800.0), (s(1200), 300.0)];
        let gateway = Gateway {
            limits: vec![Limit::new(calls, Form::Clock(Window::Minute))],
            headers,
            ..Gateway::default()
        };
        let run = find_rate(gateway, s(1800));
        let rates = [(0, 600), (660, 1200), (1260, 1800)].map(|(from, to)| run.rate(s(from), s(to)));
        assert!(
            rates[0] >= 9.0 && rates[1] >= 27.0 && rates[2] >= 4.5,
            "{headers:?}: {rates:?}"
        );
        assert!(
            run.throttled_share() <= 0.02,
            "{headers:?}: {:.4}",
            run.throttled_share()
        );
    }
}

#[test]
fn what_the_user_leaves_to_others_is_not_used() {
    let settings = RateSettings {
        rate: Some(5.0),
        ..RateSettings::default()
    };
    for headers in [Headers::None, Headers::Named] {
        let run = run(settings, gateway((600.0, Window::Minute), headers, 0), s(600));
        let rate = run.rate(s(0), s(600));
        assert!((4.9..=5.01).contains(&rate), "{headers:?}: {rate}");
        assert_eq!(run.throttled, 0);
    }
}

#[test]
fn a_campaign_below_the_limit_is_not_stopped_by_clocks_that_differ() {
    let settings = RateSettings {
        rate: Some(9.0),
        ..RateSettings::default()
    };
    for headers in [Headers::None, Headers::Named, Headers::Unnamed] {
        for skew in [0, 1, -1, 25] {
            let run = run(settings, gateway((600.0, Window::Minute), headers, skew), s(600));
            let rate = run.rate(s(0), s(600));
            assert!(rate >= 8.9, "{headers:?}, {skew} s: {rate}");
            assert_eq!(run.throttled, 0, "{headers:?}, {skew} s");
        }
    }
}
