use super::Timeline;

#[test]
fn time_does_not_pass_while_the_job_is_stopped() {
    let mut timeline = Timeline::started(1_000);
    assert_eq!(timeline.running_at(1_400), 400);
    timeline.stop(1_500);
    assert_eq!(timeline.running_at(9_000), 500);
    timeline.start(10_000);
    assert_eq!(timeline.running_at(10_200), 700);
}

#[test]
fn a_moment_of_running_time_is_found_in_the_right_stretch() {
    let mut timeline = Timeline::started(1_000);
    timeline.stop(1_500);
    timeline.start(10_000);
    assert_eq!(timeline.wall_at(-1), None);
    assert_eq!(timeline.wall_at(0), Some(1_000));
    assert_eq!(timeline.wall_at(499), Some(1_499));
    assert_eq!(timeline.wall_at(700), Some(10_200));
}

#[test]
fn a_job_that_never_ran_has_no_running_time() {
    let timeline = Timeline::stopped();
    assert_eq!(timeline.running_at(5_000), 0);
    assert_eq!(timeline.wall_at(0), None);
}

#[test]
fn the_past_is_told_from_the_stretch_it_lies_in() {
    let mut timeline = Timeline::started(1_000);
    timeline.stop(1_500);
    timeline.start(10_000);
    let then = |wall| {
        let moment = timeline.then(wall);
        (moment.running, moment.is_running)
    };
    assert_eq!(then(0), (0, true));
    assert_eq!(then(1_499), (499, true));
    assert_eq!(then(1_500), (500, false));
    assert_eq!(then(9_999), (500, false));
    assert_eq!(then(10_001), (501, true));
    assert!(!Timeline::stopped().then(5_000).is_running);
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_the_job_back() {
    assert_eq!(Timeline::started(1_000).running_at(500), 0);
}
