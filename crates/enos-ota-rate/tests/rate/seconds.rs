//! Quotas of a second, whatever their form.

use crate::gateway::{Form, Gateway, Headers, Limit, SECOND, ms, s};
use crate::run::{Run, find_rate, run, used};
use enos_ota_rate::{RateSettings, Window};

const FORMS: [Form; 4] = [
    Form::Bucket(0.1),
    Form::Bucket(1.0),
    Form::AnySecond,
    Form::Clock(Window::Second),
];

fn assert_finds(what: &str, run: &Run, quota: f64, least_used: f64, most_throttled: f64) {
    let used = used(run, quota, s(30));
    assert!(used >= least_used, "{what}: {used:.3} of the quota");
    let throttled = run.throttled_share();
    assert!(throttled <= most_throttled, "{what}: {throttled:.4} throttled");
    let reached = run.reached(0.9 * quota);
    assert!(
        reached.is_some_and(|reached| reached <= 5.0),
        "{what}: reached after {reached:?}"
    );
}

#[test]
fn a_hidden_quota_is_found() {
    for quota in [50.0, 200.0, 1000.0] {
        for form in FORMS {
            for throttled_latency in [20, 1] {
                let mut gateway = Gateway::with_quota(quota, form);
                gateway.throttled_latency = ms(throttled_latency);
                let run = find_rate(gateway, s(30));
                assert_finds(&format!("{quota}/s, {form:?}"), &run, quota, 0.9, 0.02);
            }
        }
    }
}

#[test]
fn an_announced_quota_is_used_and_not_exceeded() {
    for quota in [50.0, 200.0, 1000.0] {
        for form in FORMS {
            for headers in [Headers::Named, Headers::Both] {
                let mut gateway = Gateway::with_quota(quota, form);
                gateway.headers = headers;
                let run = find_rate(gateway, s(30));
                assert_finds(&format!("{quota}/s, {form:?}, {headers:?}"), &run, quota, 0.97, 0.001);
            }
        }
    }
}

/// Each attempt to find more costs a second there.
#[test]
fn retry_after_is_paid_for_seldom() {
    for quota in [50.0, 200.0, 1000.0] {
        for form in FORMS {
            let mut gateway = Gateway::with_quota(quota, form);
            gateway.retry_after = Some(SECOND);
            let run = find_rate(gateway, s(60));
            let what = format!("{quota}/s, {form:?}");
            let later = run.rate(s(15), s(60));
            assert!(later >= 0.85 * quota, "{what}: {later}/s");
            assert!(
                run.throttled_share() <= 0.02,
                "{what}: {:.4} throttled",
                run.throttled_share()
            );
        }
    }
}

#[test]
fn a_quota_is_found_with_jitter_and_a_busy_processor() {
    for form in FORMS {
        let mut gateway = Gateway::with_quota(200.0, form);
        gateway.jitter = ms(5);
        gateway.late = ms(20);
        let run = find_rate(gateway, s(30));
        assert_finds(&format!("{form:?}"), &run, 200.0, 0.9, 0.02);
    }
}

#[test]
fn a_quota_is_found_over_a_long_way() {
    for latency in [100, 500] {
        for form in FORMS {
            let mut gateway = Gateway::with_quota(50.0, form);
            gateway.latency = vec![(s(0), ms(latency))];
            gateway.throttled_latency = ms(latency);
            let run = find_rate(gateway, s(60));
            let rate = run.rate(s(20), s(60));
            assert!(rate >= 43.0, "{latency} ms, {form:?}: {rate:.1}/s");
            let throttled = run.throttled_share();
            assert!(throttled <= 0.055, "{latency} ms, {form:?}: {throttled:.3} throttled");
        }
    }
}

#[test]
fn a_quota_nearby_is_found_too() {
    for quota in [50.0, 1000.0] {
        for form in FORMS {
            let mut gateway = Gateway::with_quota(quota, form);
            gateway.latency = vec![(s(0), ms(1))];
            gateway.throttled_latency = ms(1);
            let run = find_rate(gateway, s(30));
            assert_finds(&format!("{quota}/s, {form:?}"), &run, quota, 0.85, 0.03);
        }
    }
}

#[test]
fn a_quota_that_changes_is_followed_both_ways() {
    for form in FORMS {
        let limit = Limit::new(vec![(s(0), 200.0), (s(20), 50.0), (s(40), 200.0)], form);
        let gateway = Gateway {
            limits: vec![limit],
            ..Gateway::default()
        };
        let run = find_rate(gateway, s(60));
        let rates = [(10, 20), (25, 40), (53, 60)].map(|(from, to)| run.rate(s(from), s(to)));
        assert!(
            rates[0] >= 180.0 && rates[1] >= 43.0 && rates[2] >= 160.0,
            "{form:?}: {rates:?}"
        );
        assert!(run.throttled_share() <= 0.02, "{form:?}: {}", run.throttled_share());
    }
}

#[test]
fn a_limit_of_the_user_above_the_quota_does_not_flood_the_gateway() {
    for rate in [55.0, 1000.0] {
        let settings = RateSettings {
            rate: Some(rate),
            ..RateSettings::default()
        };
        let run = run(settings, Gateway::with_quota(50.0, Form::AnySecond), s(30));
        assert_finds(&format!("{rate}"), &run, 50.0, 0.9, 0.02);
    }
}

#[test]
fn lost_answers_do_not_slow_the_campaign_down() {
    for failing in [0.2, 0.3] {
        let mut gateway = Gateway::with_quota(200.0, Form::AnySecond);
        gateway.failing = failing;
        let run = find_rate(gateway, s(20));
        let answered = run.rate(s(2), s(20)) / (1.0 - failing);
        assert!(answered >= 180.0, "{failing}: {answered}");
    }
}
