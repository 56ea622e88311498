//! Old plans are compared with the platform.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod platform;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::{Client, DeviceKeys, JobId};
use enos_ota_campaign::drift::{self, Drift};
use enos_ota_campaign::{Criteria, Devices, Exclusion, Patterns, Plan, Selection, TaskFacts};
use enos_ota_emulator::{Emulator, Fleet, Job, ManualClock, Outcome, Pace, Task};
use platform::{keys, start_with};

fn job() -> JobId {
    "j1".parse().unwrap()
}

async fn plan(client: &Client, selection: Selection) -> Plan {
    let selected = selection.read(client, &job(), |_| ()).await.unwrap();
    let chunk_size = NonZeroUsize::new(100).unwrap();
    let plan = Plan::of_selected(
        job(),
        client.org_id().clone(),
        selection,
        chunk_size,
        1_767_323_045_000,
        selected,
    );
    // As it comes out of its file.
    let mut file = Vec::new();
    plan.write(&mut file).unwrap();
    Plan::read(file.as_slice(), "plan").unwrap()
}

fn names(plan: &Plan, ids: &[enos_ota_campaign::DeviceId]) -> Vec<String> {
    keys(&plan.devices.retain_ids(ids.iter().copied()))
}

/// `ok` succeeds when it is retried, `again` fails again; `late` is under way and fails.
fn fleet() -> Fleet {
    let failed = |key: String| Task::failed(key).desc("no space").update_time(1000);
    Fleet::new("o1").job(
        Job::started("j1")
            .with_tasks((0..6).map(|n| failed(format!("ok-{n}")).retry_outcome(Outcome::Succeeds)))
            .with_tasks((0..2).map(|n| failed(format!("again-{n}")).retry_outcome(Outcome::Fails)))
            .task(Task::published("late").outcome(Outcome::Fails)),
    )
}

struct World {
    _emulator: Emulator,
    client: Client,
    clock: ManualClock,
}

async fn world() -> World {
    let clock = ManualClock::starting_now();
    let second = Duration::from_secs(1);
    let builder = Emulator::builder()
        .fleet(fleet())
        .clock(clock.clone())
        .pace(Pace::new(second, second, second).exact());
    let (emulator, client) = start_with(builder).await;
    World {
        _emulator: emulator,
        client,
        clock,
    }
}

impl World {
    async fn retry(&self, keys: &[&str]) {
        let devices = DeviceKeys::parse(keys.iter().copied()).unwrap();
        self.client.retry_task(&job(), &devices).await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_of_which_nothing_has_changed_has_no_drift() {
    let world = world().await;
    let plan = plan(&world.client, Selection::default()).await;
    assert_eq!(plan.devices.len(), 8);
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert!(drift.is_none() && drift.planned == 8 && !drift.moved);
    // One page, and no device to look up.
    assert_eq!((drift.calls, drift.share()), (1, 0.0));
    assert_eq!(drift.trimmed(&plan).header(), plan.header());
}

#[tokio::test]
async fn devices_that_changed_are_told_apart() {
    let world = world().await;
    let plan = plan(&world.client, Selection::default()).await;
    world.retry(&["ok-1", "again-0"]).await;
    world.clock.advance(Duration::from_secs(10));
    world.retry(&["ok-4"]).await;
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert_eq!(names(&plan, &drift.no_longer_failed), ["ok-1", "ok-4"]);
    assert_eq!(names(&plan, &drift.changed), ["again-0"]);
    assert_eq!(drift.newly_failed, ["late"]);
    assert!(drift.gone.is_empty() && drift.unclear.is_empty() && !drift.is_none());
    assert!((drift.share() - 25.0).abs() < f64::EPSILON);
    assert_eq!(drift.calls, 2);

    // The newly failed one is never added.
    let trimmed = drift.trimmed(&plan);
    assert_eq!(
        keys(&trimmed.devices),
        ["again-0", "again-1", "ok-0", "ok-2", "ok-3", "ok-5"]
    );
    assert_eq!((&trimmed.job_id, trimmed.created_ms), (&plan.job_id, plan.created_ms));
    assert_eq!(
        trimmed.devices.facts(trimmed.devices.find("ok-0").unwrap()).reason,
        Some("no space")
    );
}

#[tokio::test]
async fn a_device_that_failed_again_for_another_reason_is_still_to_be_retried() {
    let world = world().await;
    let selection = Selection::Failed(Criteria {
        reason: Patterns::parse(["no space"]).unwrap(),
        to_version: vec!["1.1.0".to_owned()],
        since_ms: Some(0),
        ..Criteria::default()
    });
    let mut plan = plan(&world.client, selection).await;
    // The criteria are met no more, although the tasks are failed.
    plan.selection = Selection::Failed(Criteria {
        since_ms: Some(2000),
        ..Criteria::default()
    });
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert!(drift.is_none(), "{drift:?}");
    assert_eq!(drift.calls, 2);
}

#[tokio::test]
async fn devices_of_which_there_is_no_task_are_gone() {
    let world = world().await;
    let selection = Selection::named(["ok-1", "no-such", "ok-0", "it's", "late"]).unwrap();
    let plan = plan(&world.client, selection).await;
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert_eq!(names(&plan, &drift.gone), ["no-such"]);
    assert_eq!(names(&plan, &drift.unclear), ["it's"]);
    assert_eq!(names(&plan, &drift.no_longer_failed), ["late"]);
    assert!(drift.newly_failed.is_empty() && drift.changed.is_empty());
    assert!((drift.share() - 40.0).abs() < f64::EPSILON);
    assert_eq!(keys(&drift.trimmed(&plan).devices), ["it's", "ok-0", "ok-1"]);
}

#[tokio::test]
async fn a_named_device_that_was_looked_up_is_compared() {
    let world = world().await;
    let mut plan = plan(&world.client, Selection::named(["again-0", "again-1"]).unwrap()).await;
    let looked_up = enos_ota_campaign::read_named(&world.client, &job(), &plan.devices, |_| ())
        .await
        .unwrap();
    plan.devices = Arc::new(looked_up.devices);
    world.retry(&["again-1"]).await;
    world.clock.advance(Duration::from_secs(10));
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert_eq!(names(&plan, &drift.changed), ["again-1"]);
    assert!(drift.no_longer_failed.is_empty());
}

#[tokio::test]
async fn devices_that_were_excluded_may_be_among_the_newly_failed() {
    let world = world().await;
    let mut excluded = Devices::new();
    excluded.push("ok-2", &TaskFacts::default()).unwrap();
    let criteria = Criteria {
        exclude: Some(Exclusion::new(excluded)),
        ..Criteria::default()
    };
    let mut plan = plan(&world.client, Selection::Failed(criteria.clone())).await;
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert_eq!(
        (drift.newly_failed.as_slice(), drift.excluded_then),
        (&["ok-2".to_owned()][..], 1)
    );
    // With the same file it is known.
    plan.selection = Selection::Failed(criteria);
    let drift = drift::check(&world.client, &plan).await.unwrap();
    assert!(drift.is_none() && drift.excluded_then == 0);
}

#[tokio::test]
async fn a_plan_without_devices_has_no_share() {
    let world = world().await;
    let selection = Selection::Failed(Criteria {
        reason: Patterns::parse(["no such reason"]).unwrap(),
        ..Criteria::default()
    });
    let plan = plan(&world.client, selection).await;
    let drift: Drift = drift::check(&world.client, &plan).await.unwrap();
    assert!(drift.is_none() && drift.share().abs() < f64::EPSILON);
}
