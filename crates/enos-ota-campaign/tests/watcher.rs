//! A watcher follows tasks of the emulator, whose clock the tests move.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::time::Duration;

use enos_ota::{Client, Credentials, DeviceKeys, ErrorKind, Integer, JobId, RetryPolicy, TaskStatus};
use enos_ota_campaign::{Devices, Fate, TaskFacts, WatchEnd, WatchEvent, Watcher};
use enos_ota_emulator::{
    Action, Emulator, EmulatorBuilder, Fault, Fleet, Job, ManualClock, Oddity, Outcome, Pace, Scope, Task,
};

const JOB: &str = "66f2a1c0d4e5b6a798011e07";
const ON_SEARCH: Scope = Scope::Action(Action::SearchTask);

struct Stage {
    emulator: Emulator,
    clock: ManualClock,
    client: Client,
}

impl Stage {
    async fn set(
        tasks: impl IntoIterator<Item = Task>,
        build: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let clock = ManualClock::starting_now();
        let [init, published, upgrading] = [2, 3, 15].map(Duration::from_secs);
        let builder = Emulator::builder()
            .clock(clock.clone())
            .fleet(Fleet::new("o1").job(Job::started(JOB).with_tasks(tasks)))
            .pace(Pace::new(init, published, upgrading).exact());
        let emulator = build(builder).start().await.unwrap();
        let client = Client::builder()
            .base_url(emulator.base_url())
            .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
            .org_id("o1")
            .retry_policy(RetryPolicy::never())
            .build()
            .unwrap();
        Self {
            emulator,
            clock,
            client,
        }
    }

    fn watcher(&self, devices: Devices) -> Watcher {
        quick(Watcher::new(&self.client, &job(), devices).unwrap())
    }

    fn searches(&self) -> usize {
        self.emulator.requests().len()
    }
}

/// With waits that a test can afford.
fn quick(watcher: Watcher) -> Watcher {
    watcher.waits(Duration::from_millis(2), Duration::from_millis(2))
}

fn job() -> JobId {
    JOB.parse().unwrap()
}

fn named(keys: &[&str]) -> Devices {
    let mut devices = Devices::new();
    for key in keys {
        devices.push(key, &TaskFacts::default()).unwrap();
    }
    devices
}

/// The fates of all devices by key.
fn fates(watcher: &Watcher) -> BTreeMap<&str, Fate> {
    let devices = watcher.devices();
    devices
        .ids()
        .map(|id| (devices.key(id), watcher.sight(id).fate))
        .collect()
}

async fn run(watcher: &mut Watcher) -> Vec<WatchEvent> {
    let mut events = Vec::new();
    while let Some(event) = watcher.next().await {
        events.push(event);
    }
    events
}

#[tokio::test]
async fn unfinished_tasks_are_followed_from_stage_to_stage_until_they_have_ended() {
    let tasks = [
        Task::init("good").outcome(Outcome::Succeeds),
        Task::init("bad").outcome(Outcome::Fails),
        Task::succeeded("done"),
        Task::failed("failed before"),
    ];
    let stage = Stage::set(tasks, |builder| builder).await;
    let mut watcher = quick(Watcher::of_unfinished(&stage.client, &job()).await.unwrap());
    assert_eq!(watcher.devices().len(), 2);
    let mut stages: BTreeMap<String, Vec<TaskStatus>> = BTreeMap::new();
    let mut ended = Vec::new();
    let mut calls = watcher.calls();
    while watcher.end().is_none() {
        // When all that there is has been seen, time passes.
        let Ok(event) = tokio::time::timeout(Duration::from_millis(5), watcher.next()).await else {
            if watcher.calls() >= calls + 2 {
                calls = watcher.calls();
                stage.clock.advance(Duration::from_secs(1));
            }
            continue;
        };
        match event {
            Some(WatchEvent::Moved { device, status, .. }) => {
                let key = watcher.devices().key(device).to_owned();
                let seen = stages.entry(key).or_default();
                if seen.last() != Some(&status) {
                    seen.push(status);
                }
            }
            Some(WatchEvent::Seen { devices, fate, reason }) if fate.is_final() => {
                ended.extend(devices.iter().map(|id| (watcher.devices().key(*id).to_owned(), fate)));
                assert_eq!(reason.is_some(), fate == Fate::FailedAgain);
            }
            Some(WatchEvent::Seen { fate, .. }) => assert_eq!(fate, Fate::UnderWay),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    let all = [TaskStatus::Init, TaskStatus::Published, TaskStatus::Upgrading];
    assert_eq!(stages["good"], all);
    assert_eq!(stages["bad"], all);
    ended.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        ended,
        [
            ("bad".to_owned(), Fate::FailedAgain),
            ("good".to_owned(), Fate::Succeeded)
        ]
    );
    assert!(matches!(watcher.end(), Some(WatchEnd::AllEnded)));
    assert_eq!(watcher.unfinished().count(), 0);
    assert_eq!(watcher.next().await.map(drop), None);
}

#[tokio::test]
async fn what_has_ended_is_told_once() {
    let stage = Stage::set(
        [
            Task::succeeded("a"),
            Task::failed("b"),
            Task::upgrading("c").outcome(Outcome::Succeeds),
        ],
        |builder| builder,
    )
    .await;
    let mut watcher = stage.watcher(named(&["a", "b", "c", "not there", "known"]));
    let known = watcher.devices().find("known").unwrap();
    watcher.already(known, Fate::Succeeded, None);
    let mut seen = BTreeMap::new();
    while let Some(event) = watcher.next().await {
        if let WatchEvent::Seen { devices, fate, .. } = event {
            for id in devices {
                let again = seen.insert(id, fate);
                assert!(again.is_none_or(|fate| !fate.is_final()), "{fate} told twice");
            }
            stage.clock.advance(Duration::from_secs(20));
        }
    }
    assert!(!seen.contains_key(&known));
    let expected = [
        ("a", Fate::Succeeded),
        // When it has failed is not known, so it has.
        ("b", Fate::FailedAgain),
        ("c", Fate::Succeeded),
        ("known", Fate::Succeeded),
        ("not there", Fate::Gone),
    ];
    assert_eq!(fates(&watcher), expected.into());
}

#[tokio::test]
async fn a_failed_task_that_has_not_changed_is_followed_until_it_is_retried() {
    let stage = Stage::set([Task::failed("a").retry_outcome(Outcome::Succeeds)], |builder| builder).await;
    let mut devices = Devices::new();
    let facts = TaskFacts {
        updated_ms: stage.emulator.task(JOB, "a").unwrap().update_time.map(Integer::get),
        ..TaskFacts::default()
    };
    devices.push("a", &facts).unwrap();
    let mut watcher = stage.watcher(devices);
    let first = watcher.next().await.unwrap();
    assert!(
        matches!(
            &first,
            WatchEvent::Seen {
                fate: Fate::StillFailed,
                ..
            }
        ),
        "{first:?}"
    );
    assert_eq!(watcher.calls(), 3, "a read may be behind");
    assert_eq!(watcher.unfinished().count(), 1);

    let keys = DeviceKeys::parse(["a"]).unwrap();
    stage.client.retry_task(&job(), &keys).await.unwrap();
    stage.clock.advance(Duration::from_mins(1));
    run(&mut watcher).await;
    assert_eq!(fates(&watcher), [("a", Fate::Succeeded)].into());
}

#[tokio::test]
async fn when_the_time_is_up_what_has_not_ended_is_left() {
    let stage = Stage::set([Task::upgrading("a"), Task::succeeded("b")], |builder| builder).await;
    for timeout in [Duration::ZERO, Duration::from_millis(50)] {
        let mut watcher = stage.watcher(named(&["a", "b"])).timeout(timeout);
        run(&mut watcher).await;
        assert!(matches!(watcher.end(), Some(WatchEnd::TimeIsUp)), "{:?}", watcher.end());
        // There is always one round.
        assert_eq!(fates(&watcher), [("a", Fate::UnderWay), ("b", Fate::Succeeded)].into());
        let left: Vec<_> = watcher.unfinished().map(|id| watcher.devices().key(id)).collect();
        assert_eq!(left, ["a"]);
    }
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_does_not_keep_it_beyond_its_time() {
    let fault = Fault::latency(Duration::from_hours(1)).on(ON_SEARCH).forever();
    let stage = Stage::set([Task::upgrading("a")], |builder| builder.fault(fault)).await;
    let begun = std::time::Instant::now();
    let mut watcher = stage.watcher(named(&["a"])).timeout(Duration::ZERO);
    assert!(run(&mut watcher).await.is_empty());
    assert!(matches!(watcher.end(), Some(WatchEnd::TimeIsUp)));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(fates(&watcher), [("a", Fate::NotSeen)].into());
}

#[tokio::test]
async fn a_platform_that_does_not_search_by_device_key_is_read_whole() {
    let fault = Fault::code(99400, "Invalid Argument expression").on(ON_SEARCH).times(1);
    let stage = Stage::set([Task::succeeded("a"), Task::succeeded("b")], |builder| {
        builder.fault(fault)
    })
    .await;
    let mut watcher = stage.watcher(named(&["a", "b"]));
    let events = run(&mut watcher).await;
    let learned = |event: &&WatchEvent| matches!(event, WatchEvent::Learned(_));
    assert_eq!(events.iter().filter(learned).count(), 1, "{events:?}");
    assert_eq!(fates(&watcher), [("a", Fate::Succeeded), ("b", Fate::Succeeded)].into());
}

#[tokio::test]
async fn a_key_that_cannot_stand_in_a_search_is_found_among_all_tasks() {
    let stage = Stage::set([Task::succeeded("it's"), Task::succeeded("b")], |builder| builder).await;
    let mut watcher = stage.watcher(named(&["it's", "b"]));
    run(&mut watcher).await;
    assert_eq!(
        fates(&watcher),
        [("b", Fate::Succeeded), ("it's", Fate::Succeeded)].into()
    );
}

#[tokio::test]
async fn a_search_that_is_refused_ends_it_with_the_error() {
    let fault = Fault::http(403).on(ON_SEARCH).forever();
    let stage = Stage::set([Task::upgrading("a")], |builder| builder.fault(fault)).await;
    let mut watcher = stage.watcher(named(&["a"]));
    run(&mut watcher).await;
    let Some(WatchEnd::Failed(error)) = watcher.end() else {
        panic!("{:?}", watcher.end());
    };
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_proves_nothing() {
    let fault = Fault::odd_device(Oddity::LoneSurrogate, "b").on(ON_SEARCH).forever();
    let stage = Stage::set([Task::succeeded("a"), Task::succeeded("b")], |builder| {
        builder.fault(fault)
    })
    .await;
    let mut watcher = stage.watcher(named(&["a", "b"])).timeout(Duration::from_millis(20));
    run(&mut watcher).await;
    assert_eq!(fates(&watcher), [("a", Fate::Succeeded), ("b", Fate::NotSeen)].into());
}

#[tokio::test]
async fn waiting_for_the_next_event_can_be_given_up_at_any_time() {
    let keys: Vec<_> = (0..500).map(|number| format!("pump-{number:03}")).collect();
    let stage = Stage::set(keys.iter().map(Task::succeeded), |builder| builder).await;
    let mut watcher = stage.watcher(named(&keys.iter().map(String::as_str).collect::<Vec<_>>()));
    let mut given_up = 0;
    while watcher.end().is_none() {
        tokio::select! {
            biased;
            _ = watcher.next() => {}
            () = tokio::task::yield_now() => given_up += 1,
        }
    }
    assert!(given_up > 3);
    assert_eq!(watcher.fates()[0], 500);
    // Three searches of at most 200 devices, and what it took to get a token.
    assert_eq!(watcher.calls(), 3);
    assert!(stage.searches() <= 4);
}

#[tokio::test]
async fn without_stages_a_round_takes_fewer_calls_and_still_finds_what_is_gone() {
    let keys: Vec<_> = (0..900).map(|number| format!("pump-{number:03}")).collect();
    let stage = Stage::set(keys[1..].iter().map(Task::upgrading), |builder| {
        builder.pace(Pace::frozen())
    })
    .await;
    let mut watcher = stage
        .watcher(named(&keys.iter().map(String::as_str).collect::<Vec<_>>()))
        .stages(false);
    // All are under way in the first round, as far as a search for those that have ended can tell.
    assert!(matches!(
        watcher.next().await,
        Some(WatchEvent::Seen { fate: Fate::UnderWay, devices, .. }) if devices.len() == 900
    ));
    assert_eq!(watcher.calls(), 1);
    let gone = watcher.next().await.unwrap();
    assert!(
        matches!(&gone, WatchEvent::Seen { fate: Fate::Gone, devices, .. } if devices.len() == 1)
            || matches!(&gone, WatchEvent::Moved { .. }),
        "{gone:?}"
    );
}

#[test]
fn a_job_id_that_cannot_stand_in_a_search_is_refused() {
    let client = Client::builder()
        .base_url("http://127.0.0.1:9")
        .credentials(Credentials::new("key", "secret").unwrap())
        .org_id("o1")
        .build()
        .unwrap();
    assert!(Watcher::new(&client, &"it's".parse().unwrap(), Devices::new()).is_err());
}
