//! What holds whatever happens.

use std::num::NonZeroUsize;
use std::time::Duration;

use proptest::prelude::*;

use crate::gateway::{SECOND, ms, s};
use enos_ota_rate::Wait;
use enos_ota_rate::{Announced, CallResult, Pause, RateControl, RateSettings, Window};

/// No time is later.
const FOREVER: Duration = Duration::from_secs(10_000_000_000);
/// 2026-09-21 14:14:17.3 UTC.
const WALL_MS: i64 = 1_790_000_057_300;

fn throttled(retry_after: impl Into<Option<u64>>) -> CallResult {
    CallResult::Throttled {
        retry_after: retry_after.into().map(Duration::from_secs),
    }
}

fn ended(rate: &mut RateControl, now: Duration, took: Duration, result: CallResult) {
    rate.ended(
        now,
        WALL_MS + i64::try_from(now.as_millis()).unwrap(),
        took,
        result,
        &[],
    );
}

/// Starts all calls that may be started, and says what stops it.
fn start_all(rate: &mut RateControl, now: Duration) -> Wait {
    for _ in 0..10_000 {
        match rate.may_start(now) {
            Wait::Now => rate.started(now),
            later => return later,
        }
    }
    panic!("no end of calls");
}

#[test]
fn calls_begin_slowly() {
    let mut rate = RateControl::new(RateSettings::default());
    assert_eq!(start_all(&mut rate, ms(0)), Wait::Until(ms(20)));
    for tick in 1..20 {
        start_all(&mut rate, ms(20 * tick));
    }
    assert_eq!(rate.may_start(ms(400)), Wait::NextEnd);
    ended(&mut rate, ms(400), ms(400), CallResult::Answered);
    assert_eq!(rate.may_start(ms(400)), Wait::Now);
}

#[test]
fn a_limit_of_calls_in_flight_is_kept() {
    let settings = RateSettings {
        concurrency: Some(NonZeroUsize::MIN),
        ..RateSettings::default()
    };
    let mut rate = RateControl::new(settings);
    assert_eq!(start_all(&mut rate, ms(0)), Wait::NextEnd);
    assert_eq!(rate.concurrency(), 1);
    ended(&mut rate, ms(20), ms(20), CallResult::Answered);
    assert_eq!(start_all(&mut rate, ms(20)), Wait::NextEnd);
}

#[test]
fn a_limit_of_calls_per_second_is_kept() {
    let settings = RateSettings {
        rate: Some(0.5),
        ..RateSettings::default()
    };
    let mut rate = RateControl::new(settings);
    assert!((rate.rate() - 0.5).abs() < 1e-9);
    for call in 0..10 {
        let now = ms(2000 * call);
        assert_eq!(start_all(&mut rate, now), Wait::Until(now + ms(2000)));
        ended(&mut rate, now + ms(20), ms(20), CallResult::Answered);
    }
}

#[test]
fn retry_after_pauses_all_calls() {
    let mut rate = RateControl::new(RateSettings::default());
    start_all(&mut rate, ms(0));
    start_all(&mut rate, ms(20));
    start_all(&mut rate, ms(40));
    ended(&mut rate, ms(50), ms(50), throttled(3));
    assert_eq!(
        rate.paused(ms(50)),
        Some(Pause {
            until: ms(3050),
            quota: None
        })
    );
    assert_eq!(rate.may_start(ms(1000)), Wait::Until(ms(3050)));
    // The longest of all counts.
    ended(&mut rate, ms(1000), ms(980), throttled(4));
    ended(&mut rate, ms(1000), ms(980), throttled(1));
    assert_eq!(rate.may_start(ms(3050)), Wait::Until(ms(5000)));
    assert_eq!(rate.may_start(ms(5000)), Wait::Now);
    assert_eq!(rate.paused(ms(5000)), None);
    // One goes ahead of the others.
    assert_eq!(start_all(&mut rate, ms(5000)), Wait::NextEnd);
}

#[test]
fn an_endless_retry_after_is_cut_short() {
    let settings = RateSettings {
        longest_retry_after: s(5),
        ..RateSettings::default()
    };
    let mut rate = RateControl::new(settings);
    rate.started(ms(0));
    ended(&mut rate, ms(20), ms(20), throttled(u64::MAX));
    assert_eq!(rate.may_start(ms(20)), Wait::Until(ms(5020)));
}

#[test]
fn without_a_hint_a_second_is_tried_then_a_minute_then_an_hour() {
    let mut rate = RateControl::new(RateSettings::default());
    let (mut now, mut tries) = (ms(0), vec![]);
    while tries.len() < 18 {
        match rate.may_start(now) {
            Wait::Now => {
                rate.started(now);
                ended(&mut rate, now, Duration::ZERO, throttled(None));
                tries.push(now.as_millis());
            }
            Wait::Until(at) => now = at,
            Wait::NextEnd => panic!("no call is in flight"),
        }
    }
    // The next minute begins 42.7 s later, the next hour 45 min and 42.7 s.
    assert_eq!(tries[..7], [0, 100, 300, 700, 1100, 2600, 42_800]);
    // Others may have used up the next minute too, so an hour is not taken for granted.
    assert_eq!(
        tries[11..],
        [60_100, 120_200, 240_400, 480_800, 961_600, 1_923_200, 2_742_800]
    );
}

#[test]
fn the_quota_that_is_used_up_is_told() {
    let mut rate = RateControl::new(RateSettings::default());
    rate.started(ms(0));
    let announced =
        [(Window::Minute, 600, 0), (Window::Hour, 10_000, 9_000)].map(|(window, limit, remaining)| Announced {
            window: Some(window),
            limit: Some(limit),
            remaining: Some(remaining),
            reset: None,
        });
    rate.ended(ms(20), WALL_MS, ms(20), throttled(None), &announced);
    let pause = rate.paused(ms(20)).unwrap();
    assert_eq!(pause.quota, Some((600, Window::Minute)));
    // The minute ends 42.7 s later.
    assert!(pause.until >= ms(42_720) && pause.until <= ms(43_000), "{pause:?}");
    assert!(rate.rate() <= 10_000.0 / 3600.0);
}

/// A call of the last minute may be answered after this one has begun.
#[test]
fn what_was_left_of_the_last_window_says_nothing_about_this_one() {
    let mut rate = RateControl::new(RateSettings::default());
    let announced = |remaining| Announced {
        window: Some(Window::Minute),
        limit: Some(600),
        remaining: Some(remaining),
        reset: None,
    };
    rate.started(ms(0));
    rate.started(ms(42_600));
    rate.ended(ms(20), WALL_MS + 20, ms(20), CallResult::Answered, &[announced(1)]);
    assert_eq!(rate.may_start(ms(42_900)), Wait::Now);
    rate.ended(
        ms(42_900),
        WALL_MS + 42_900,
        ms(300),
        CallResult::Answered,
        &[announced(0)],
    );
    assert_eq!(rate.may_start(ms(42_900)), Wait::Now);
}

#[test]
fn a_rate_that_is_not_used_does_not_grow() {
    let mut rate = RateControl::new(RateSettings::default());
    for call in 0..600 {
        let now = ms(100 * call);
        assert_eq!(rate.may_start(now), Wait::Now);
        rate.started(now);
        ended(&mut rate, now + ms(20), ms(20), CallResult::Answered);
    }
    assert!(rate.rate() < 200.0, "{}", rate.rate());
}

#[test]
fn the_gateway_is_down_when_many_calls_in_a_row_have_failed() {
    let mut rate = RateControl::new(RateSettings::default());
    let mut now = ms(0);
    let mut waits = vec![];
    for _ in 0..19 {
        let asked = now;
        while let Wait::Until(at) = rate.may_start(now) {
            now = at;
        }
        waits.push(now.saturating_sub(asked).as_millis());
        rate.started(now);
        ended(&mut rate, now, Duration::ZERO, CallResult::Failed);
    }
    assert_eq!(waits[10..], [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
}

/// What may happen.
#[derive(Clone, Debug)]
enum Happens {
    /// Time passes, or goes back.
    At(Duration),
    /// The clock is set.
    Clock(i64),
    /// Calls are started if they may be, so many at most.
    Start(usize),
    /// A call is started although nobody asked.
    StartAnyway,
    End(Duration, CallResult, Vec<Announced>),
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

fn results() -> impl Strategy<Value = CallResult> {
    prop_oneof![
        6 => Just(CallResult::Answered),
        2 => proptest::option::of(durations()).prop_map(|retry_after| CallResult::Throttled { retry_after }),
        2 => Just(CallResult::Failed),
    ]
}

fn announced() -> impl Strategy<Value = Vec<Announced>> {
    let windows = [Window::Second, Window::Minute, Window::Hour, Window::Day, Window::Month];
    let number = || proptest::option::of(prop_oneof![4 => 0..1000_u64, 1 => any::<u64>()]);
    let one = (
        proptest::option::of(proptest::sample::select(windows.to_vec())),
        number(),
        number(),
        proptest::option::of(durations()),
    );
    let one = one.prop_map(|(window, limit, remaining, reset)| Announced {
        window,
        limit,
        remaining,
        reset,
    });
    prop_oneof![3 => Just(vec![]), 1 => proptest::collection::vec(one, 0..3)]
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        8 => durations().prop_map(Happens::At),
        1 => any::<i64>().prop_map(Happens::Clock),
        8 => (1..40_usize).prop_map(Happens::Start),
        1 => Just(Happens::StartAnyway),
        8 => (durations(), results(), announced()).prop_map(|(took, result, all)| Happens::End(took, result, all)),
    ];
    proptest::collection::vec(one, 0..120)
}

fn settings() -> impl Strategy<Value = RateSettings> {
    let rates = prop_oneof![
        0.01..2_000.0,
        Just(0.0),
        Just(-1.0),
        Just(f64::NAN),
        Just(f64::INFINITY)
    ];
    let concurrency = proptest::option::of(1..100_usize);
    (proptest::option::of(rates), concurrency, 0..100_u64).prop_map(|(rate, concurrency, longest)| RateSettings {
        rate,
        concurrency: concurrency.and_then(NonZeroUsize::new),
        longest_retry_after: Duration::from_secs(longest),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_and_calls_go_on(settings in settings(), happenings in happenings()) {
        let ceiling = settings.rate.filter(|rate| !rate.is_nan()).map_or(f64::INFINITY, |rate| rate.max(0.001));
        let most = settings.concurrency.map_or(512, NonZeroUsize::get);
        let mut rate = RateControl::new(settings);
        let (mut now, mut latest, mut wall_ms, mut in_flight) = (Duration::ZERO, Duration::ZERO, WALL_MS, 0_usize);
        for happens in happenings {
            match happens {
                Happens::At(time) => now = if now > time { time } else { now.saturating_add(time) },
                Happens::Clock(time) => wall_ms = time,
                Happens::Start(calls) => {
                    for _ in 0..calls {
                        if rate.may_start(now) != Wait::Now {
                            break;
                        }
                        prop_assert!(in_flight < most);
                        rate.started(now);
                        in_flight += 1;
                    }
                }
                Happens::StartAnyway => {
                    rate.started(now);
                    in_flight += 1;
                }
                Happens::End(took, result, all) => {
                    rate.ended(now, wall_ms, took, result, &all);
                    in_flight = in_flight.saturating_sub(1);
                }
            }
            latest = latest.max(now);
            prop_assert!(rate.rate() <= ceiling && rate.rate() >= 0.0);
            prop_assert!((1..=most).contains(&rate.concurrency()));
            if let Wait::Until(at) = rate.may_start(now) {
                prop_assert!(at > latest.min(FOREVER));
            }
        }

        for _ in 0..in_flight {
            rate.ended(now, wall_ms, Duration::ZERO, CallResult::Failed, &[]);
        }
        let mut at = latest;
        for _ in 0..20 {
            match rate.may_start(at) {
                Wait::Now => break,
                Wait::Until(later) if later >= FOREVER => return Ok(()),
                Wait::Until(later) => at = later,
                Wait::NextEnd => prop_assert!(false, "no call is in flight"),
            }
        }
        prop_assert_eq!(rate.may_start(at), Wait::Now);
    }

    #[test]
    fn never_more_calls_are_started_than_the_limit_allows(
        rate in 0.5..3_000.0,
        ticks in proptest::collection::vec((0..50_000_u64, proptest::option::weighted(0.05, results())), 1..300),
    ) {
        let mut control = RateControl::new(RateSettings { rate: Some(rate), ..RateSettings::default() });
        let (mut now, mut in_flight, mut started) = (Duration::ZERO, 0, vec![]);
        for (passed, result) in ticks {
            now += Duration::from_micros(passed);
            while control.may_start(now) == Wait::Now {
                control.started(now);
                started.push(now);
                in_flight += 1;
            }
            for _ in 0..std::mem::take(&mut in_flight) {
                ended(&mut control, now, ms(1), result.unwrap_or(CallResult::Answered));
            }
        }
        // Late ones are made up for, within some milliseconds.
        for (first, from) in started.iter().enumerate() {
            for (last, to) in started.iter().enumerate().skip(first).step_by(7) {
                let calls = f64::from(u32::try_from(last - first).unwrap());
                let time = to.saturating_sub(*from);
                let allowed = rate * (time + ms(8)).as_secs_f64() + 1e-6;
                prop_assert!(calls <= allowed, "{calls} in {time:?}");
            }
        }
    }
}

#[test]
fn a_day_and_a_month_are_waited_for() {
    for (window, hours) in [(Window::Day, 10), (Window::Month, 9 * 24 + 10)] {
        let mut rate = RateControl::new(RateSettings::default());
        rate.started(ms(0));
        let announced = Announced {
            window: Some(window),
            limit: Some(1000),
            remaining: Some(0),
            reset: None,
        };
        rate.ended(ms(20), WALL_MS, ms(20), CallResult::Answered, &[announced]);
        let Wait::Until(until) = rate.may_start(ms(20)) else {
            panic!("it does not wait");
        };
        let until = until.as_secs() / 3600;
        assert!((hours - 1..=hours + 1).contains(&until), "{window:?}: {until} h");
    }
    assert_eq!(SECOND, Window::Second.length());
}

#[test]
fn that_nobody_called_for_a_while_is_not_taken_for_a_long_window() {
    let mut rate = RateControl::new(RateSettings::default());
    rate.started(ms(0));
    ended(&mut rate, ms(20), ms(20), throttled(1));
    // The next call was not needed before, and the one after it is throttled again.
    rate.started(s(30));
    ended(&mut rate, ms(30_020), ms(20), CallResult::Answered);
    rate.started(s(31));
    ended(&mut rate, ms(31_020), ms(20), throttled(None));
    assert_eq!(rate.may_start(ms(31_020)), Wait::Until(ms(31_120)));
}

#[test]
fn a_minute_that_others_have_used_up_is_not_taken_for_an_hour() {
    for with_reset in [false, true] {
        let mut rate = RateControl::new(RateSettings::default());
        let mut now = ms(0);
        for _ in 0..5 {
            let wall_ms = WALL_MS + i64::try_from(now.as_millis()).unwrap();
            let rest = 60 - u64::try_from(wall_ms / 1000 % 60).unwrap();
            let announced = [Announced {
                window: Some(Window::Minute),
                limit: Some(3),
                remaining: Some(0),
                reset: with_reset.then(|| s(rest)),
            }];
            rate.started(now);
            rate.ended(now, wall_ms, ms(0), throttled(with_reset.then_some(rest)), &announced);
            let pause = rate.paused(now).unwrap();
            assert_eq!(pause.quota, Some((3, Window::Minute)));
            assert!(pause.until <= now + ms(61_200), "{pause:?}");
            now = pause.until;
        }
    }
}

#[test]
fn a_rate_that_few_calls_were_throttled_at_is_tried_again_at_once() {
    for retry_after in [None, Some(1)] {
        let mut rate = RateControl::new(RateSettings::default());
        let mut now = ms(0);
        for _ in 0..4 {
            for result in [CallResult::Answered, throttled(retry_after), CallResult::Answered] {
                while let Wait::Until(at) = rate.may_start(now) {
                    now = at;
                }
                rate.started(now);
                now += ms(20);
                ended(&mut rate, now, ms(20), result);
            }
        }
        assert!(rate.rate() >= 1.0, "{}", rate.rate());
        // As many calls as are allowed, for two seconds.
        let until = now + s(2);
        let mut calls = 0;
        while now < until {
            match rate.may_start(now) {
                Wait::Until(at) => now = at,
                Wait::Now | Wait::NextEnd => {
                    rate.started(now);
                    now += ms(20);
                    ended(&mut rate, now, ms(20), CallResult::Answered);
                    calls += 1;
                }
            }
        }
        assert!(calls >= 6, "{calls}");
    }
}
