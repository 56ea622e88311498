//! Plans that are unusual.

use std::num::NonZeroUsize;
use std::time::Duration;

use enos_ota_campaign::{Campaign, Devices, Ending, Fate, Outcome, Plan, PlanProblem, Selection, TaskFacts};
use enos_ota_emulator::{Action, Fault, Fleet, Job, MixedList, Pace, Scope, Task};

use crate::stage::{
    BEGAN_MS, Chosen, JOB, ORG, Stage, failed_of, finish, fleet, is_failed, job_id, key, plan, settings, task,
};

#[tokio::test]
async fn a_device_that_is_named_twice_is_sent_once() {
    let stage = Stage::set(MixedList::Refuse, |builder| {
        builder.fleet(fleet(20)).pace(Pace::frozen())
    })
    .await;
    let keys: Vec<_> = (0..20).chain(5..15).chain(5..15).map(key).collect();
    let selection = Selection::named(&keys).unwrap();
    let Selection::Named(named) = &selection else { panic!() };
    assert_eq!((named.given(), named.repeated()), (40, 20));
    let mut devices = Devices::new();
    for key in &keys {
        devices.push(key, &TaskFacts::default()).unwrap();
    }
    let chunk = NonZeroUsize::new(5).unwrap();
    let plan = Plan::new(job_id(), ORG.parse().unwrap(), selection, chunk, BEGAN_MS, devices);
    let finished = finish(stage.campaign(plan, settings())).await;
    stage.check(&finished.table);
    let summary = finished.table.summary();
    assert_eq!((summary.requested, summary.accepted, summary.rejected), (20, 18, 2));
    let named: usize = stage
        .emulator
        .requests()
        .iter()
        .filter_map(|request| request.device_keys)
        .sum();
    assert_eq!(named, 20);
}

#[tokio::test]
async fn no_devices_are_no_work() {
    let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(fleet(20))).await;
    for chosen in [Chosen::Named, Chosen::Failed] {
        let _ = std::fs::remove_file(stage.path());
        let finished = finish(stage.campaign(plan(chosen, 0, 5), settings())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        stage.check_journal(&stage.path(), &finished.table);
        let finished = finish(stage.resumed(&stage.path())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    }
    assert_eq!(stage.emulator.counters().job_calls, 0);
}

#[tokio::test]
async fn a_single_device_is_told_apart_whatever_its_state_and_the_fate_of_the_call() {
    let faults = [
        None,
        Some(Fault::cut_after_applying()),
        Some(Fault::cut_before_applying()),
        Some(Fault::throttled(None)),
    ];
    for fault in faults {
        for (number, expected) in [
            (1, Outcome::Accepted),
            (7, Outcome::Rejected),
            // The job has no task for it.
            (99, Outcome::Rejected),
        ] {
            let stage = Stage::set(MixedList::Refuse, |builder| {
                let builder = builder.fleet(fleet(20)).pace(Pace::frozen());
                match &fault {
                    Some(fault) => builder.fault(fault.clone().on(Scope::Jobs)),
                    None => builder,
                }
            })
            .await;
            let mut devices = Devices::new();
            devices.push(&key(number), &TaskFacts::default()).unwrap();
            let selection = Selection::named([key(number)]).unwrap();
            let chunk = NonZeroUsize::new(5).unwrap();
            let plan = Plan::new(job_id(), ORG.parse().unwrap(), selection, chunk, BEGAN_MS, devices);
            let finished = finish(stage.campaign(plan, settings())).await;
            assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
            stage.check(&finished.table);
            stage.check_journal(&stage.path(), &finished.table);
            assert_eq!(finished.table.summary().of(expected), 1, "{fault:?} {number}");
        }
    }
}

#[tokio::test]
async fn a_plan_for_another_job_is_noticed_and_retries_nothing() {
    let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(fleet(20))).await;
    let other = "5ed758ca49f032b4663063aa".parse().unwrap();
    let mut plan = plan(Chosen::Failed, 20, 5);
    plan.job_id = other;
    assert!(matches!(
        plan.check_target(&job_id(), &ORG.parse().unwrap()),
        Err(PlanProblem::OtherJob { .. })
    ));
    let finished = finish(stage.campaign(plan, settings())).await;
    let Ending::Stopped(error) = &finished.ending else {
        panic!("{:?}", finished.ending)
    };
    assert_eq!(error.code(), Some(24404));
    stage.check(&finished.table);
    assert_eq!((stage.retried(), finished.open), (0, 20));
}

async fn a_fleet_of(size: usize) {
    let faults = [Fault::http(503), Fault::cut_after_applying(), Fault::throttled(None)];
    let stage = Stage::set(MixedList::Refuse, |builder| {
        let builder = builder.fleet(fleet(size)).pace(Pace::frozen());
        faults.into_iter().fold(builder, |builder, fault| {
            builder.fault(fault.on(Scope::Jobs).probability(0.01).forever())
        })
    })
    .await;
    let plan = plan(Chosen::Named, size, 1000);
    let campaign = stage.campaign(plan, settings());
    let finished = finish(campaign).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    stage.check_journal(&stage.path(), &finished.table);
    let failed = (0..size).filter(|number| is_failed(*number)).count();
    let summary = finished.table.summary();
    assert_eq!((summary.accepted, summary.rejected), (failed, size - failed));
}

#[tokio::test]
async fn a_hundred_thousand_devices_have_an_outcome_each() {
    a_fleet_of(100_000).await;
}

#[tokio::test]
#[ignore = "for a release build"]
async fn a_million_devices_have_an_outcome_each() {
    a_fleet_of(1_000_000).await;
}

#[tokio::test]
async fn a_plan_that_is_settled_beforehand_is_not_sent_also_after_a_resume() {
    let stage = Stage::set(MixedList::Refuse, |builder| {
        builder.fleet(fleet(20)).pace(Pace::frozen())
    })
    .await;
    let mut campaign = Campaign::new(&stage.client, plan(Chosen::Failed, 20, 5), settings()).time(stage.time.clone());
    let ids: Vec<_> = campaign.table().devices().ids().collect();
    let (early, late) = (&ids[..4], &ids[4..8]);
    // Before there is a journal, and with it.
    campaign.settle(early, Outcome::Skipped, "it has been retried three times");
    let journal = stage.create(&stage.path(), &plan(Chosen::Failed, 20, 5), &settings());
    let mut campaign = campaign.journal(journal);
    campaign.settle(late, Outcome::Skipped, "it has been retried three times");
    let finished = finish(campaign).await;
    stage.check(&finished.table);
    stage.check_journal(&stage.path(), &finished.table);
    assert_eq!(finished.table.summary().skipped, 8);
    assert_eq!(stage.retried(), failed_of(20) - 7);
    let calls = stage.emulator.counters().retry_calls;
    let finished = finish(stage.resumed(&stage.path())).await;
    stage.check(&finished.table);
    assert_eq!(stage.emulator.counters().retry_calls, calls);
    assert_eq!(finished.table.summary().skipped, 8);
}

#[tokio::test]
async fn without_a_journal_the_ledger_is_as_true() {
    let stage = Stage::set(MixedList::Refuse, |builder| {
        let lost = Fault::cut_after_applying().on(Scope::Jobs).probability(0.3).forever();
        builder.fleet(fleet(200)).pace(Pace::frozen()).fault(lost)
    })
    .await;
    let campaign = Campaign::new(&stage.client, plan(Chosen::Named, 200, 5), settings()).time(stage.time.clone());
    let finished = finish(campaign).await;
    stage.check(&finished.table);
    assert_eq!(finished.table.summary().accepted, failed_of(200));
}

#[tokio::test]
async fn of_a_device_that_no_search_can_name_nothing_is_told_but_what_is_known() {
    // How the platform escapes a quote is not documented.
    let failed = ["it's one", "it's another"];
    let others = ["it's done"];
    for (watch, lost) in [(false, false), (true, false), (false, true)] {
        let tasks = (0..20)
            .map(task)
            .chain(failed.map(Task::failed))
            .chain(others.map(Task::succeeded));
        let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
        let stage = Stage::set(MixedList::Refuse, |builder| {
            let builder = builder.fleet(fleet);
            if lost {
                builder.fault(
                    Fault::cut_after_applying()
                        .on(Scope::Action(Action::RetryTask))
                        .forever(),
                )
            } else {
                builder
            }
        })
        .await;
        let mut devices = Devices::new();
        let keys = (0..20).map(key);
        let quoted = failed
            .into_iter()
            .chain(others)
            .chain(["it's not there"])
            .map(str::to_owned);
        for key in keys.chain(quoted) {
            devices.push(&key, &TaskFacts::default()).unwrap();
        }
        let selection = Selection::named(["x"]).unwrap();
        let chunk = NonZeroUsize::new(5).unwrap();
        let plan = Plan::new(job_id(), ORG.parse().unwrap(), selection, chunk, BEGAN_MS, devices);
        let mut settings = settings();
        settings.watch = watch.then_some(Duration::from_mins(10));
        let finished = finish(stage.campaign(plan, settings)).await;
        // Where no answer ever comes, those that are not failed are given up.
        let as_expected =
            matches!(finished.ending, Ending::Complete) || (lost && matches!(finished.ending, Ending::GaveUp(_)));
        assert!(as_expected, "{:?}", finished.ending);
        stage.check(&finished.table);
        if !lost {
            stage.check_journal(&stage.path(), &finished.table);
        }
        for id in finished.table.devices().ids().skip(20) {
            let (key, standing) = (finished.table.devices().key(id), finished.table.standing(id));
            assert_eq!(standing.fate, Fate::NotSeen, "{key}");
            let expected = match (failed.contains(&key), lost) {
                (_, true) => Outcome::Unknown,
                (true, false) => Outcome::Accepted,
                (false, false) => Outcome::Rejected,
            };
            // It was in a list that was refused, and what that did to it no search can show.
            let cannot_tell = !lost && !failed.contains(&key) && standing.outcome == Some(Outcome::Unknown);
            assert!(cannot_tell || standing.outcome == Some(expected), "{key}: {standing:?}");
        }
    }
}
