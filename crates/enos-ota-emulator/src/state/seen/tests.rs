use std::time::Duration;

use super::*;
use crate::fleet::{Job, Outcome, Task};
use crate::model::{JobType, Tally};
use crate::random::Random;
use crate::readings::Readings;
use crate::state::LONGEST_LAG_MS;
use crate::state::job::Switch;
use crate::state::pace::Pace;

const NOW: i64 = 1_700_000_000_000;
const TASKS: usize = 700;

fn job(random: &mut Random, job_type: JobType) -> Job {
    let tasks = (0..TASKS).map(|n| {
        let draw = usize::try_from(random.next() % 5).unwrap();
        let task = Task::new(format!("d{n}"), TaskStatus::KNOWN[draw].clone());
        match draw {
            0..=2 if n % 3 == 0 => task.outcome(Outcome::Fails),
            _ => task,
        }
    });
    let job = Job::started("j1").job_type(job_type);
    // Some run out of time, some do not.
    job.upgrade_timeout(12).maximum_concurrency(40).with_tasks(tasks)
}

/// What is kept by state is what follows from the tasks themselves.
/// Tells of how many moments in the past the same holds.
fn assert_true(job: &RunningJob, now: i64, what: &str) -> usize {
    let seen = Seen::now(job, now);
    let mut counts = Vec::new();
    for status in TaskStatus::KNOWN {
        let expected: Vec<usize> = (0..TASKS).filter(|task| seen.view(*task).status == *status).collect();
        let kept = job.statuses.present().tasks(|known| known == status);
        let kept: Vec<usize> = kept.iter_from(0).collect();
        assert_eq!(kept, expected, "{status} after {what}");
        counts.push(expected.len());
    }
    let Tally {
        init,
        published,
        upgrading,
        succeeded,
        failed,
    } = seen.state().tally;
    assert_eq!([init, published, upgrading, succeeded, failed], *counts, "after {what}");

    let mut told = 0;
    for lag in [0, 1, 500, LONGEST_LAG_MS] {
        let seen = Seen::then(job, now - lag);
        let Some(by_status) = seen.statuses() else { continue };
        told += 1;
        for status in TaskStatus::KNOWN {
            let expected: Vec<usize> = (0..TASKS).filter(|task| seen.view(*task).status == *status).collect();
            let found: Vec<usize> = by_status.tasks(|known| known == status).iter_from(0).collect();
            assert_eq!(found, expected, "{status} {lag} ms before, after {what}");
        }
    }
    told
}

#[test]
fn the_tasks_in_each_state_are_known_whatever_happens_to_them() {
    let seconds = |init, published, upgrading| {
        let [init, published, upgrading] = [init, published, upgrading].map(Duration::from_secs);
        Pace::new(init, published, upgrading)
    };
    let paces = [
        seconds(2, 3, 15),
        seconds(2, 3, 15).exact(),
        seconds(0, 0, 5),
        seconds(0, 0, 0),
        Pace::frozen(),
    ];
    let mut told_of_the_past = 0;
    for (seed, pace) in (0_u64..).zip(paces) {
        for job_type in [JobType::Upgrade, JobType::Verify] {
            let mut random = Random::seeded(seed);
            let mut now = NOW;
            let mut job = RunningJob::new(job(&mut random, job_type), "o1", (pace, Readings::default()), now);
            assert_true(&job, now, "the start");
            for round in 0..30 {
                let draw = random.next();
                now += match draw % 8 {
                    0 => 0,
                    1 => 1,
                    2 => 30_000,
                    // Somebody sets the clock back.
                    3 if round % 10 == 9 => -4_000,
                    _ => i64::try_from(draw >> 8 & 0x3ff).unwrap(),
                };
                job.advance(now);
                told_of_the_past += assert_true(&job, now, "some time");
                let status = |job: &RunningJob, task| Seen::now(job, now).view(task).status;
                match draw % 7 {
                    0 => job.switch(Switch::Stop, now),
                    1 | 2 => job.switch(Switch::Start, now),
                    3 => (0..TASKS).for_each(|task| {
                        if matches!(status(&job, task), TaskStatus::Init | TaskStatus::Published) && task % 5 == 0 {
                            job.cancel(task, now);
                        }
                    }),
                    _ => (0..TASKS).for_each(|task| {
                        if status(&job, task) == TaskStatus::Failed && random.next().is_multiple_of(4) {
                            job.retry(task, now);
                        }
                    }),
                }
                assert_true(&job, now, "a call");
            }
        }
    }
    assert!(told_of_the_past > 200, "{told_of_the_past}");
}
