use super::*;

/// How many of the requests at these moments, in milliseconds, are let through.
fn admitted(quota: Quota, at_ms: impl IntoIterator<Item = i128>) -> usize {
    let mut meter = Meter::new(quota.rule().unwrap(), 0);
    at_ms.into_iter().filter(|ms| meter.admit(ms * 1_000_000)).count()
}

#[test]
fn a_bucket_lets_through_the_burst_and_then_what_flows_in() {
    let quota = Quota::per_second(50);
    assert_eq!(admitted(quota, [0; 100]), 5);
    // 1000 requests a second for ten seconds.
    assert_eq!(admitted(quota, 0..10_000), 5 + 499);
    assert_eq!(admitted(quota.burst(20), 0..10_000), 20 + 499);
    // As many as flow in.
    assert_eq!(admitted(quota.burst(1), (0..10_000).step_by(20)), 500);
}

#[test]
fn a_rate_that_does_not_divide_a_second_is_kept_exactly() {
    assert_eq!(admitted(Quota::per_second(7).burst(2), 0..=1_000_000), 2 + 7000);
}

#[test]
fn a_bucket_of_the_default_size_holds_at_least_one() {
    assert_eq!(admitted(Quota::per_second(3), [0; 10]), 1);
    assert_eq!(admitted(Quota::per_second(0), [0; 10]), 1);
    assert_eq!(admitted(Quota::per_second(100).burst(0), [0; 10]), 1);
}

#[test]
fn a_window_lets_through_so_many_and_the_next_begins_anew() {
    let quota = Quota::windows(10);
    assert_eq!(admitted(quota, [900; 100]), 10);
    assert_eq!(admitted(quota, [990, 1010].into_iter().flat_map(|ms| [ms; 100])), 20);
    assert_eq!(admitted(quota, 0..10_000), 100);
}

#[test]
fn time_that_goes_backward_fills_no_bucket() {
    assert_eq!(admitted(Quota::per_second(10), [0, 100, 0, 100, 0]), 3);
    assert_eq!(admitted(Quota::per_second(10), [1000, 0]), 1);
}

/// How many of the requests at these moments, in milliseconds, each to a node, are let through.
fn admitted_on_the_clock(meters: &mut ClockMeters, at: impl IntoIterator<Item = (i64, usize)>) -> usize {
    let admits = |(ms, node)| !meters.take(true, node, ms).is_over();
    at.into_iter().map(admits).filter(|admits| *admits).count()
}

#[test]
fn a_window_on_the_clock_begins_with_the_whole_minute() {
    let mut meters = ClockMeters::new([None, Some(5), None, None], 1, 0);
    let burst = |ms| [(ms, 0); 9];
    assert_eq!(admitted_on_the_clock(&mut meters, burst(59_999)), 5);
    assert_eq!(admitted_on_the_clock(&mut meters, burst(60_000)), 5);
    assert_eq!(admitted_on_the_clock(&mut meters, burst(119_999)), 0);
    // A clock that was set back is in another window too.
    assert_eq!(admitted_on_the_clock(&mut meters, burst(-1)), 5);
}

#[test]
fn what_one_limit_refuses_does_not_count_for_another() {
    let mut meters = ClockMeters::new([None, Some(2), Some(5), None], 1, 0);
    let minutes = |range: std::ops::Range<i64>| range.flat_map(|minute| [(minute * 60_000, 0); 9]);
    assert_eq!(admitted_on_the_clock(&mut meters, minutes(0..2)), 4);
    assert_eq!(admitted_on_the_clock(&mut meters, minutes(2..60)), 1);
    assert_eq!(admitted_on_the_clock(&mut meters, minutes(60..61)), 2);
}

#[test]
fn nodes_learn_of_each_others_requests_late() {
    let mut meters = ClockMeters::new([None, Some(10), None, None], 2, 2_000);
    assert_eq!(admitted_on_the_clock(&mut meters, [(0, 0); 20]), 10);
    assert_eq!(admitted_on_the_clock(&mut meters, [(1_999, 1); 4]), 4);
    assert_eq!(admitted_on_the_clock(&mut meters, [(2_000, 1); 4]), 0);
    // What was counted late belongs to the window in which it came.
    assert_eq!(admitted_on_the_clock(&mut meters, [(60_000, 0), (60_000, 1)]), 2);
    assert_eq!(admitted_on_the_clock(&mut meters, [(62_000, 0); 20]), 8);
}
