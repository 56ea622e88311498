//! Campaigns are carried out against the emulator, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::{Client, Clock, Credentials, JobId, RetryPolicy};
use enos_ota_campaign::{
    AbortAbove, Campaign, DeviceTable, Devices, Ending, Event, Fate, Finished, Outcome, Plan, Selection, Settings,
    TaskFacts, Time, VirtualClock, WaveSize, Waves,
};
use enos_ota_emulator as emulated;
use enos_ota_emulator::{Emulator, Fault, Fleet, Job, ManualClock, MixedList, Pace, Scope, Task};

const ORG: &str = "o15724268424841";
const JOB: &str = "66f2a1c0d4e5b6a798011e07";

/// The emulator's clock, for the client's signatures and the campaign's waits.
#[derive(Debug)]
struct Moved(ManualClock);

impl Clock for Moved {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.0)
    }

    fn unique_ms(&self) -> i64 {
        self.0.advance(Duration::from_millis(1));
        emulated::Clock::now_ms(&self.0)
    }
}

impl VirtualClock for Moved {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.0)
    }

    fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

struct Stage {
    emulator: Emulator,
    client: Client,
    time: Time,
}

impl Stage {
    async fn set(build: impl FnOnce(enos_ota_emulator::EmulatorBuilder) -> enos_ota_emulator::EmulatorBuilder) -> Self {
        let clock = ManualClock::starting_now();
        let emulator = build(Emulator::builder().clock(clock.clone())).start().await.unwrap();
        let clock = Arc::new(Moved(clock));
        let client = Client::builder()
            .base_url(emulator.base_url())
            .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).unwrap())
            .org_id(ORG)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .retry_policy(RetryPolicy::default().with_waits(Duration::from_millis(100), Duration::from_millis(100)))
            .build()
            .unwrap();
        Self {
            emulator,
            client,
            time: Time::simulated(clock),
        }
    }

    fn campaign(&self, plan: Plan, settings: Settings) -> Campaign {
        Campaign::new(&self.client, plan, settings).time(self.time.clone())
    }

    async fn run(&self, plan: Plan, settings: Settings) -> Finished {
        let finished = finish(self.campaign(plan, settings)).await;
        self.check(&finished.table);
        finished
    }

    /// What the ledger says is what the emulator has done.
    fn check(&self, ledger: &DeviceTable) {
        assert!(ledger.summary().adds_up(), "{:?}", ledger.summary());
        for id in ledger.devices().ids() {
            let key = ledger.devices().key(id);
            let applied = self.emulator.retry_count(JOB, key).map_or(0, |count| count.applied);
            let expected = u64::from(ledger.standing(id).outcome == Some(Outcome::Accepted));
            assert_eq!(u64::from(applied), expected, "{key}: {:?}", ledger.standing(id));
        }
    }
}

async fn finish(campaign: Campaign) -> Finished {
    finish_with(campaign, |_| ()).await
}

/// Calls `meanwhile` after each answer, with its number.
async fn finish_with(campaign: Campaign, mut meanwhile: impl FnMut(usize)) -> Finished {
    let mut answers = 0;
    let mut running = campaign.start();
    let mut seen = std::collections::HashSet::new();
    while let Some(event) = running.next_event().await {
        match event {
            Event::Settled { devices, .. } => {
                for device in devices {
                    assert!(seen.insert(device), "{device:?} is settled twice");
                }
            }
            Event::Answered { .. } => {
                answers += 1;
                meanwhile(answers);
            }
            _ => {}
        }
    }
    running.finish().await.unwrap()
}

fn job_id() -> JobId {
    JOB.parse().unwrap()
}

fn key(number: usize) -> String {
    format!("device-{number:05}")
}

/// Devices of which every tenth is not failed.
fn fleet(size: usize) -> Fleet {
    let tasks = (0..size).map(|number| match number % 10 {
        0 => Task::succeeded(key(number)),
        _ => Task::failed(key(number)),
    });
    Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks))
}

fn plan_of(keys: impl IntoIterator<Item = String>) -> Plan {
    let mut devices = Devices::new();
    for key in keys {
        devices.push(&key, &TaskFacts::default()).unwrap();
    }
    let chunk = NonZeroUsize::new(200).unwrap();
    let selection = Selection::named(["x"]).unwrap();
    Plan::new(job_id(), ORG.parse().unwrap(), selection, chunk, 0, devices)
}

async fn plan_of_failed(stage: &Stage) -> Plan {
    let selection = Selection::default();
    let selected = selection.read(&stage.client, &job_id(), |_| ()).await.unwrap();
    Plan::of_selected(
        job_id(),
        ORG.parse().unwrap(),
        selection,
        NonZeroUsize::new(200).unwrap(),
        0,
        selected,
    )
}

fn settings() -> Settings {
    Settings::default()
}

#[tokio::test]
async fn every_failed_device_is_retried_once_and_the_others_are_refused() {
    for mixed in [MixedList::Refuse, MixedList::Partial] {
        let stage = Stage::set(|builder| builder.fleet(fleet(5000)).mixed_list(mixed).pace(Pace::frozen())).await;
        let finished = finish(stage.campaign(plan_of((0..5000).map(key)), settings())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        let summary = finished.table.summary();
        assert!(summary.adds_up());
        for number in 0..5000 {
            let applied = stage.emulator.retry_count(JOB, &key(number)).unwrap().applied;
            assert_eq!(applied, u32::from(number % 10 != 0), "{}", key(number));
        }
        if mixed == MixedList::Refuse {
            assert_eq!((summary.accepted, summary.rejected), (4500, 500));
            stage.check(&finished.table);
        }
    }
}

#[tokio::test]
async fn a_third_of_all_calls_may_fail_in_every_way() {
    let faults = [
        Fault::cut_before_applying(),
        Fault::cut_after_applying(),
        Fault::truncated_body(),
        Fault::http(503),
        Fault::http_after_applying(504),
        Fault::html_page(502),
        Fault::empty_body(500),
        Fault::throttled(None),
        Fault::code(24500, ""),
        Fault::kill_token(),
        Fault::token_status(1203, ""),
    ];
    let stage = Stage::set(|builder| {
        let builder = builder
            .fleet(fleet(5000))
            .pace(Pace::frozen())
            .stale_reads(Duration::from_secs(2));
        faults.into_iter().fold(builder, |builder, fault| {
            builder.fault(fault.on(Scope::Jobs).probability(0.03).forever())
        })
    })
    .await;
    let finished = stage.run(plan_of((0..5000).map(key)), settings()).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    let summary = finished.table.summary();
    assert_eq!((summary.accepted, summary.rejected), (4500, 500), "{summary:?}");
}

#[tokio::test]
async fn accepted_devices_are_followed_to_their_end() {
    let tasks = (0..300).map(|number| {
        Task::failed(key(number)).retry_outcome(match number % 3 {
            0 => emulated::Outcome::Fails,
            _ => emulated::Outcome::Succeeds,
        })
    });
    let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
    let stage = Stage::set(|builder| builder.fleet(fleet)).await;
    let plan = plan_of_failed(&stage).await;
    let mut settings = settings();
    settings.watch = Some(Duration::from_mins(10));
    let finished = stage.run(plan, settings).await;
    let count = |fate| {
        let ids = finished.table.devices().ids();
        ids.filter(|id| finished.table.standing(*id).fate == fate).count()
    };
    assert_eq!((count(Fate::Succeeded), count(Fate::FailedAgain)), (200, 100));
    assert_eq!(finished.table.fates()[..2], [200, 100]);
    assert!(finished.calls.searches < 60, "{:?}", finished.calls);
}

#[tokio::test]
async fn a_canary_that_fails_holds_the_others_back() {
    for (outcome, passes) in [(emulated::Outcome::Succeeds, true), (emulated::Outcome::Fails, false)] {
        let tasks = (0..1000).map(|number| Task::failed(key(number)).retry_outcome(outcome));
        let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
        let stage = Stage::set(|builder| builder.fleet(fleet)).await;
        let plan = plan_of_failed(&stage).await;
        let mut settings = settings();
        settings.waves = Some(Waves {
            steps: vec![WaveSize::Devices(20), WaveSize::Percent(10.0)],
            success_percent: 50.0,
            timeout: Duration::from_hours(1),
        });
        let finished = stage.run(plan, settings).await;
        let summary = finished.table.summary();
        if passes {
            assert!(matches!(finished.ending, Ending::Complete));
            assert_eq!(summary.accepted, 1000);
        } else {
            assert!(
                matches!(
                    finished.ending,
                    Ending::WaveFailed {
                        wave: 1,
                        accepted: 20,
                        succeeded: 0
                    }
                ),
                "{:?}",
                finished.ending
            );
            assert_eq!((summary.accepted, summary.skipped, finished.open), (20, 980, 980));
        }
    }
}

#[tokio::test]
async fn a_job_that_is_stopped_meanwhile_stops_the_campaign() {
    let stage = Stage::set(|builder| builder.fleet(fleet(5000)).pace(Pace::frozen())).await;
    let plan = plan_of_failed(&stage).await;
    let mut settings = settings();
    settings.concurrency = NonZeroUsize::new(2);
    let stop = |answers| {
        if answers == 7 {
            stage.emulator.stop_job(JOB);
        }
    };
    let finished = finish_with(stage.campaign(plan, settings), stop).await;
    let check = |ledger: &DeviceTable| assert!(ledger.summary().adds_up());
    check(&finished.table);
    let Ending::Stopped(error) = &finished.ending else {
        panic!("{:?}", finished.ending)
    };
    assert_eq!(error.code(), Some(24617));
    let summary = finished.table.summary();
    assert!(summary.rejected == 200 || summary.rejected == 400, "{summary:?}");
    assert!(summary.accepted >= 1400 && summary.skipped > 0, "{summary:?}");
    assert_eq!(finished.open, 4500 - summary.accepted);
}

#[tokio::test]
async fn too_many_refusals_stop_the_campaign() {
    let stage = Stage::set(|builder| builder.fleet(fleet(5000)).pace(Pace::frozen())).await;
    let mut settings = settings();
    settings.abort = Some(AbortAbove {
        percent: 5.0,
        min_sample: 300,
    });
    let finished = stage.run(plan_of((0..5000).map(key)), settings).await;
    assert!(
        matches!(finished.ending, Ending::TooManyRefused { .. }),
        "{:?}",
        finished.ending
    );
    assert!(finished.table.summary().skipped > 2000);
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_given_up_soon_and_one_that_is_down_for_a_minute_is_not() {
    let stage = Stage::set(|builder| {
        builder
            .fleet(fleet(1000))
            .fault(Fault::http(503).on(Scope::Jobs).forever())
    })
    .await;
    let finished = stage.run(plan_of((0..1000).map(key)), settings()).await;
    assert!(matches!(finished.ending, Ending::GaveUp(_)), "{:?}", finished.ending);

    let stage = Stage::set(|builder| builder.fleet(fleet(20_000)).pace(Pace::frozen())).await;
    let plan = plan_of_failed(&stage).await;
    let down = |answers| {
        if answers == 10 {
            stage.emulator.faults().push(Fault::http(503).on(Scope::Jobs).times(40));
        }
    };
    let finished = finish_with(stage.campaign(plan, settings()), down).await;
    stage.check(&finished.table);
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    assert_eq!(finished.table.summary().accepted, 18_000);
}

#[tokio::test]
async fn nothing_to_do_is_done_at_once() {
    let stage = Stage::set(|builder| builder.fleet(fleet(10))).await;
    let finished = stage.run(plan_of([]), settings()).await;
    assert!(matches!(finished.ending, Ending::Complete));
    assert_eq!(stage.emulator.counters().job_calls, 0);
}
