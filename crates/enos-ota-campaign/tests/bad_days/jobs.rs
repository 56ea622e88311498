//! Jobs and tasks that change while a campaign runs.

use std::time::Duration;

use enos_ota_campaign::{DeviceId, Devices, Ending, Event, Fate, Finished, Outcome, Plan, Selection, TaskFacts};
use enos_ota_emulator::{self as emulated, Action, Fault, Fleet, Job, MixedList, Pace, Scope, Task, TaskStatus};

use crate::stage::{
    BEGAN_MS, Chosen, JOB, LONG_AGO_MS, ORG, Stage, failed_of, finish, finish_with, fleet, job_id, key, plan, settings,
};

const DEVICES: usize = 200;
const CHUNK: usize = 5;
const BOTH: [MixedList; 2] = [MixedList::Refuse, MixedList::Partial];

async fn stage(mixed: MixedList) -> Stage {
    Stage::set(mixed, |builder| {
        builder
            .fleet(fleet(DEVICES))
            .pace(Pace::frozen())
            .stale_reads(Duration::from_secs(2))
    })
    .await
}

async fn run(stage: &Stage, chosen: Chosen, meanwhile: impl Fn(usize)) -> Finished {
    let mut answers = 0;
    let campaign = stage.campaign(plan(chosen, DEVICES, CHUNK), settings());
    finish_with(campaign, |event, _| {
        if let Event::Answered { .. } = event {
            answers += 1;
            meanwhile(answers);
        }
    })
    .await
}

/// The answer of some calls is lost.
fn lost() -> Fault {
    Fault::cut_after_applying()
        .on(Scope::Action(Action::RetryTask))
        .probability(0.3)
        .forever()
}

#[tokio::test]
async fn a_job_that_is_stopped_meanwhile_can_be_started_again_and_the_campaign_resumed() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        for mixed in BOTH {
            for lost in [None, Some(lost())] {
                let stage = stage(mixed).await;
                if let Some(lost) = lost {
                    stage.emulator.faults().push(lost);
                }
                let finished = run(&stage, chosen, |answers| {
                    if answers == 7 {
                        stage.emulator.stop_job(JOB);
                    }
                })
                .await;
                stage.check(&finished.table);
                let Ending::Stopped(error) = &finished.ending else {
                    panic!("{:?}", finished.ending)
                };
                assert_eq!(error.code(), Some(24617));
                // It is stopped still.
                let calls = stage.emulator.counters().retry_calls;
                let finished = finish(stage.resumed(&stage.path())).await;
                stage.check(&finished.table);
                assert!(matches!(&finished.ending, Ending::Stopped(error) if error.code() == Some(24617)));
                assert!(stage.emulator.counters().retry_calls <= calls + 8);
                stage.emulator.start_job(JOB);
                stage.complete().await;
            }
        }
    }
}

#[tokio::test]
async fn a_job_that_is_deleted_meanwhile_stops_the_campaign_also_when_it_is_resumed() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        let stage = stage(MixedList::Refuse).await;
        stage.emulator.faults().push(lost());
        let client = stage.client.clone();
        let (order, ordered) = tokio::sync::oneshot::channel::<()>();
        let order = std::sync::Mutex::new(Some(order));
        let deletion = async {
            ordered.await.unwrap();
            stage.emulator.stop_job(JOB);
            client.delete_job(&job_id()).await.unwrap();
        };
        let campaign = run(&stage, chosen, |answers| {
            if answers == 9 {
                order.lock().unwrap().take().unwrap().send(()).unwrap();
            }
        });
        let (finished, ()) = tokio::join!(campaign, deletion);
        let summary = finished.table.summary();
        assert!(summary.adds_up(), "{summary:?}");
        let Ending::Stopped(error) = &finished.ending else {
            panic!("{:?}", finished.ending)
        };
        // It was stopped before it was deleted.
        assert!(matches!(error.code(), Some(24404 | 24617)), "{error}");
        for _ in 0..2 {
            let finished = finish(stage.resumed(&stage.path())).await;
            assert!(finished.table.summary().adds_up());
            assert!(matches!(&finished.ending, Ending::Stopped(error) if error.code() == Some(24404)));
        }
    }
}

#[tokio::test]
async fn devices_without_a_task_are_rejected_whatever_becomes_of_their_call() {
    for mixed in BOTH {
        for lost in [None, Some(lost())] {
            let stage = stage(mixed).await;
            if let Some(lost) = lost {
                stage.emulator.faults().push(lost);
            }
            // The job has no task for the last ten.
            let finished = finish(stage.campaign(plan(Chosen::Named, DEVICES + 10, CHUNK), settings())).await;
            assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
            stage.check(&finished.table);
            stage.check_journal(&stage.path(), &finished.table);
            assert_eq!(stage.retried(), failed_of(DEVICES));
            if mixed == MixedList::Refuse {
                for number in DEVICES..DEVICES + 10 {
                    let id = finished.table.devices().find(&key(number)).unwrap();
                    assert_eq!(finished.table.standing(id).outcome, Some(Outcome::Rejected));
                }
            }
        }
    }
}

/// The tasks as they are now, but for some that have gone, in another emulator.
async fn without(stage: &Stage, gone: &[usize]) -> Stage {
    let gone: Vec<_> = gone.iter().map(|number| key(*number)).collect();
    let tasks = stage.emulator.tasks(JOB).into_iter();
    let tasks = tasks
        .filter(|task| !gone.iter().any(|gone| task.device_key.as_ref() == Some(gone)))
        .map(|task| {
            let under_way = matches!(
                task.status,
                Some(TaskStatus::Init | TaskStatus::Published | TaskStatus::Upgrading)
            );
            let task = Task::from(task).retry_outcome(emulated::Outcome::Succeeds);
            if under_way {
                task.outcome(emulated::Outcome::Succeeds)
            } else {
                task
            }
        });
    let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
    Stage::set_at(stage.emulator.now_ms(), stage.mixed, |builder| builder.fleet(fleet)).await
}

#[tokio::test]
async fn devices_that_are_deleted_meanwhile_have_a_true_outcome() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        let before = stage(MixedList::Refuse).await;
        let mut settings = settings();
        settings.watch = Some(Duration::from_mins(20));
        let mut answers = 0;
        let campaign = before.campaign(plan(chosen, DEVICES, CHUNK), settings);
        let finished = finish_with(campaign, |event, running| {
            if let Event::Answered { .. } = event {
                answers += 1;
                // The next calls are lost, and the campaign is stopped while it does not know of them.
                if answers == 8 {
                    before.emulator.faults().push(lost().probability(1.0));
                }
                if answers == 12 {
                    running.controller().drain();
                }
            }
        })
        .await;
        before.check(&finished.table);
        let ledger = &finished.table;
        let with = |outcome| {
            let mut ids = ledger.devices().ids();
            ids.find(|id| ledger.standing(*id).outcome == Some(outcome)).unwrap()
        };
        let [accepted, waiting, in_doubt] = [Outcome::Accepted, Outcome::Skipped, Outcome::Unknown].map(with);
        let after = without(&before, &[accepted, waiting, in_doubt].map(DeviceId::index)).await;

        let finished = finish(after.resumed(&before.path())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        let standing = |id| finished.table.standing(id);
        assert_eq!(standing(accepted).outcome, Some(Outcome::Accepted));
        assert_eq!(standing(accepted).fate, Fate::Gone);
        assert_eq!(
            standing(waiting).outcome,
            Some(Outcome::Rejected),
            "{:?}",
            standing(waiting)
        );
        // It was retried, and nothing can tell any more.
        assert_ne!(
            standing(in_doubt).outcome,
            Some(Outcome::Skipped),
            "{:?}",
            standing(in_doubt)
        );
        for id in finished.table.devices().ids() {
            let key = finished.table.devices().key(id);
            let applied = before.applied(key) + after.applied(key);
            assert!(applied <= 1, "{key}");
            if id != in_doubt {
                let accepted = standing(id).outcome == Some(Outcome::Accepted);
                assert_eq!(applied == 1, accepted, "{key}: {:?}", standing(id));
            }
        }
        assert_eq!(finished.table.fates()[0], finished.table.summary().accepted - 1);
    }
}

#[tokio::test]
async fn a_device_that_recovers_between_plan_and_call_is_not_taken_for_retried() {
    let stage = stage(MixedList::Refuse).await;
    stage.emulator.faults().push(lost());
    // By a search that was made when all were failed.
    let mut devices = Devices::new();
    let facts = TaskFacts {
        updated_ms: Some(LONG_AGO_MS),
        ..TaskFacts::default()
    };
    for number in 0..DEVICES {
        devices.push(&key(number), &facts).unwrap();
    }
    let chunk = CHUNK.try_into().unwrap();
    let plan = Plan::new(
        job_id(),
        ORG.parse().unwrap(),
        Selection::default(),
        chunk,
        BEGAN_MS,
        devices,
    );
    let finished = finish(stage.campaign(plan, settings())).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    stage.check(&finished.table);
    assert_eq!(finished.table.summary().accepted, failed_of(DEVICES));
}
