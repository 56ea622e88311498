//! Single calls of the scheduler, answered by hand: what follows for lists of which the answer was lost.

use std::sync::Arc;
use std::time::Duration;

use super::knowledge::Before;
use super::schedule::{Earlier, Scheduler};
use super::*;
use crate::devices::{Devices, TaskFacts};
use crate::wait::Next;

const LAG: Duration = Duration::from_millis(2500);

struct Script {
    scheduler: Scheduler,
    now: Duration,
    settled: Vec<(usize, Outcome)>,
    left: Vec<usize>,
}

fn id(number: usize) -> DeviceId {
    DeviceId::new(number)
}

fn task(status: Status, updated_ms: i64) -> Observation {
    Observation {
        status,
        updated_ms: Some(updated_ms),
        task: Some(1),
        progress: None,
        reason: None,
    }
}

/// As it was when the plan was made.
fn untouched(number: usize) -> (usize, Observation) {
    (number, task(Status::Failed, 1))
}

fn changed(number: usize) -> (usize, Observation) {
    (number, task(Status::Failed, 2))
}

fn left(number: usize) -> (usize, Observation) {
    (number, task(Status::UnderWay, 2))
}

impl Script {
    /// So many devices, of which the tasks of the first were seen to be failed.
    fn new(count: usize, failed: usize, chunk: usize, page: usize) -> Self {
        let mut devices = Devices::new();
        for number in 0..count {
            let facts = TaskFacts {
                updated_ms: Some(1),
                task: Some(1),
                ..TaskFacts::default()
            };
            devices.push(&format!("d{number}"), &facts).unwrap();
        }
        let limits = Limits {
            chunk,
            look: 1000,
            page,
            lag: LAG,
            lost: 10,
        };
        let order = devices.ids().collect();
        let before = |device: DeviceId| {
            if device.index() < failed {
                Before::Failed
            } else {
                Before::Unknown
            }
        };
        let random = fastrand::Rng::with_seed(1);
        let mut scheduler = Scheduler::new(Arc::new(devices), order, limits, false, Duration::ZERO, before, random);
        scheduler.allow(count);
        Self {
            scheduler,
            now: Duration::from_millis(1),
            settled: Vec::new(),
            left: Vec::new(),
        }
    }

    fn next(&mut self) -> (CallId, Call) {
        let next = self.scheduler.next(self.now);
        self.take();
        match next {
            Next::Do(call) => call,
            Next::Wait(wait) => panic!("nothing to do: {wait:?}"),
        }
    }

    fn send(&mut self, expected: &[usize]) -> CallId {
        let (call, what) = self.next();
        let Call::Send { devices, .. } = what else {
            panic!("{what:?}")
        };
        assert_eq!(devices, expected.iter().copied().map(id).collect::<Vec<_>>());
        call
    }

    fn look(&mut self, expected: &[usize]) -> CallId {
        let (call, what) = self.next();
        let Call::Look(lookup) = what else { panic!("{what:?}") };
        assert_eq!(lookup.devices, expected.iter().copied().map(id).collect::<Vec<_>>());
        call
    }

    fn lose(&mut self, call: CallId) {
        self.end(call, CallEnd::Lost);
    }

    fn end(&mut self, call: CallId, end: CallEnd) {
        let end = SendEnd {
            end,
            reply: Arc::default(),
            about_size: false,
        };
        self.scheduler.sent(call, end, self.now);
        self.take();
    }

    fn find(&mut self, look: CallId, tasks: impl IntoIterator<Item = (usize, Observation)>) {
        let found = Found {
            tasks: tasks.into_iter().map(|(number, task)| (id(number), task)).collect(),
            ..Found::default()
        };
        self.scheduler.looked(look, LookupEnd::Found(found), self.now);
        self.take();
    }

    fn wait(&mut self) {
        self.now += LAG;
    }

    fn take(&mut self) {
        for step in self.scheduler.take_steps() {
            match step {
                Step::Settle { devices, outcome, .. } => {
                    self.settled.extend(devices.iter().map(|id| (id.index(), outcome)));
                }
                Step::Left(devices) => self.left.extend(devices.iter().map(|id| id.index())),
                _ => {}
            }
        }
    }

    /// Two devices of one list of which the answer is lost, and the search for them.
    fn lost_pair(&mut self) -> CallId {
        let call = self.send(&[0, 1]);
        self.lose(call);
        self.wait();
        self.look(&[0, 1])
    }
}

#[test]
fn a_task_that_was_not_sent_and_has_left_failed_shows_that_somebody_else_retries() {
    for (number, others) in [(1, true), (0, false)] {
        let mut script = Script::new(2, 2, 2, 200);
        let earlier = Earlier {
            sent: vec![id(0)],
            ..Earlier::default()
        };
        script.scheduler.goes_on(&earlier);
        let look = script.look(&[0, 1]);
        script.find(look, [left(number)]);
        assert_eq!(script.scheduler.known.has_others(), others);
    }
}

#[test]
fn where_somebody_else_retries_a_lost_list_is_accepted_only_if_all_of_it_has_moved() {
    for (others, second, outcome) in [
        (true, Some(left(1)), Outcome::Accepted),
        // The job has no task for it any more.
        (true, None, Outcome::Unknown),
        (false, None, Outcome::Accepted),
    ] {
        let mut script = Script::new(2, 2, 2, 200);
        if others {
            script.scheduler.known.set_others();
        }
        let look = script.lost_pair();
        script.find(look, second.into_iter().chain([left(0)]));
        let settled = script.settled.iter().find(|(device, _)| *device == 0);
        assert_eq!(settled, Some(&(0, outcome)), "others: {others}");
    }
}

#[test]
fn where_somebody_else_retries_those_that_have_left_wait_for_those_that_may_have_failed_again() {
    for (honest, outcome) in [(true, Outcome::Accepted), (false, Outcome::Unknown)] {
        let mut script = Script::new(400, 400, 2, 500);
        script.scheduler.known.set_others();
        let look = script.lost_pair();
        script.find(look, [left(0), changed(1)]);
        assert_eq!((&script.settled[..], &script.left[..]), (&[][..], &[0][..]));
        // Those that were not sent show what the time means.
        let (look, what) = script.next();
        let Call::Look(lookup) = what else { panic!("{what:?}") };
        let controls = lookup.devices.iter().map(|device| device.index());
        let controls: Vec<_> = controls
            .map(|number| if honest { untouched(number) } else { changed(number) })
            .collect();
        assert!(controls.len() > 200);
        script.find(look, controls);
        assert_eq!(
            script.settled.iter().find(|(device, _)| *device == 0),
            Some(&(0, outcome))
        );
    }
}

#[test]
fn what_leaves_failed_after_it_was_seen_untouched_and_before_it_is_sent_again_is_not_accepted() {
    let mut script = Script::new(4, 2, 4, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    let first = script.send(&[0, 1]);
    script.lose(first);
    let second = script.send(&[2, 3]);
    script.wait();
    let look = script.look(&[0, 1]);
    script.lose(second);
    script.find(look, (0..4).map(untouched));
    script.wait();
    let look = script.look(&[2, 3]);
    // The first list was not carried out, as this one of it is still untouched.
    script.find(look, [1, 2, 3].map(untouched));
    assert!(script.scheduler.known.has_others());
    assert_eq!(script.scheduler.known.before(id(0)), Before::NotFailed);
    assert!(!script.scheduler.is_doubtful(id(0)));
    assert_eq!(script.settled, []);
}

#[test]
fn what_leaves_failed_with_all_of_its_list_before_it_is_sent_again_may_have_been_retried_late() {
    let mut script = Script::new(4, 2, 4, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    let first = script.send(&[0, 1]);
    script.lose(first);
    let second = script.send(&[2, 3]);
    script.wait();
    let look = script.look(&[0, 1]);
    script.lose(second);
    script.find(look, (0..4).map(untouched));
    script.wait();
    let look = script.look(&[2, 3]);
    script.find(look, [2, 3].map(untouched));
    assert_eq!(script.settled, [(0, Outcome::Unknown), (1, Outcome::Unknown)]);
}

#[test]
fn a_search_that_was_begun_before_a_call_tells_nothing_of_what_that_has_done() {
    let mut script = Script::new(16, 16, 2, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    let first = script.send(&[0, 1]);
    script.end(first, CallEnd::NotFailed);
    script.wait();
    let look = script.look(&[0, 1]);
    let second = script.send(&[2, 3]);
    script.find(look, (0..16).filter(|number| *number != 3).map(untouched));
    assert!(script.left.is_empty(), "it had left before the second call");
    script.lose(second);
}

#[test]
fn a_list_that_takes_two_searches_is_judged_as_a_whole() {
    let mut script = Script::new(4, 4, 4, 2);
    let call = script.send(&[0, 1, 2, 3]);
    script.lose(call);
    script.wait();
    let one = script.look(&[0, 1]);
    let other = script.look(&[2, 3]);
    script.find(one, [left(0), left(1)]);
    assert_eq!((&script.settled[..], &script.left[..]), (&[][..], &[0, 1][..]));
    // The call was not carried out, so somebody else has retried those.
    script.find(other, [left(2), untouched(3)]);
    assert_eq!(script.settled, []);
}

#[test]
fn what_an_earlier_process_has_seen_to_leave_failed_counts_by_its_whole_list() {
    for (second, settled) in [
        (left(1), &[(0, Outcome::Accepted), (1, Outcome::Accepted)][..]),
        (untouched(1), &[]),
    ] {
        let mut script = Script::new(2, 2, 2, 200);
        script.scheduler.allow(0);
        script.scheduler.take_waiting(&[id(0), id(1)]);
        script.scheduler.goes_on(&Earlier::default());
        script
            .scheduler
            .in_doubt(vec![id(0), id(1)], Before::Failed, Duration::ZERO);
        script.scheduler.recall(id(0), None, true);
        let look = script.look(&[0, 1]);
        // It has failed again, and its time moves by itself.
        script.find(look, [changed(0), second]);
        assert_eq!(script.settled, settled);
    }
}

#[test]
fn tasks_that_keep_still_show_nothing_where_others_of_their_list_move_by_themselves() {
    for (still, outcome) in [(4, Some(Outcome::Accepted)), (2, Some(Outcome::Unknown))] {
        let mut script = Script::new(4, 4, 4, 200);
        let all = [0, 1, 2, 3];
        let call = script.send(&all);
        script.lose(call);
        script.wait();
        let look = script.look(&all);
        script.find(look, all.map(changed));
        for moved_to in [3, 4] {
            script.now += Duration::from_secs(5);
            let (look, _) = script.next();
            let task = |number: usize| (number, task(Status::Failed, if number < still { 2 } else { moved_to }));
            script.find(look, all.map(task));
        }
        let settled = script.settled.iter().find(|(device, _)| *device == 0);
        assert_eq!(settled.map(|(_, outcome)| *outcome), outcome, "{still} keep still");
    }
}

#[test]
fn a_search_that_was_begun_before_a_call_that_was_not_sent_counts_for_the_next_one() {
    let mut script = Script::new(16, 16, 2, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    let first = script.send(&[0, 1]);
    script.end(first, CallEnd::NotFailed);
    script.wait();
    let look = script.look(&[0, 1]);
    let second = script.send(&[2, 3]);
    script.end(second, CallEnd::NotSent);
    script.find(look, (0..16).filter(|number| *number != 3).map(untouched));
    assert_eq!(script.scheduler.known.before(id(3)), Before::NotFailed);
    assert!(script.scheduler.known.has_others());
}

#[test]
fn a_resumed_run_reads_the_job_before_it_sends_anything_where_devices_cannot_be_searched_for() {
    let mut script = Script::new(2, 2, 2, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    script.scheduler.goes_on(&Earlier::default());
    let look = script.look(&[0, 1]);
    // Somebody else has retried the one.
    script.find(look, [untouched(0)]);
    assert_eq!(script.scheduler.known.before(id(1)), Before::NotFailed);
}

#[test]
fn what_has_changed_before_a_device_is_sent_again_is_not_taken_for_the_doing_of_that_call() {
    let mut script = Script::new(16, 16, 2, 200);
    script.scheduler.searching = super::schedule::Searching::WholeJob;
    let first = script.send(&[0, 1]);
    script.end(first, CallEnd::NotFailed);
    script.wait();
    let look = script.look(&[0, 1]);
    let second = script.send(&[2, 3]);
    script.find(look, (0..16).map(untouched));
    script.lose(second);
    script.wait();
    let again = script.look(&[2, 3]);
    // These wait to be sent again, and have changed meanwhile.
    script.find(
        again,
        (0..16).map(|number| if number < 2 { changed(number) } else { untouched(number) }),
    );
    let seen = |number| script.scheduler.last_seen(&[id(number)])[0].and_then(|seen| seen.update_time);
    assert_eq!([seen(0), seen(2)], [Some(2), Some(1)]);
    assert!(script.scheduler.is_doubtful(id(0)));
}
