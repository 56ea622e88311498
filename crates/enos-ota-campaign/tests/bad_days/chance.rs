//! Everything at once, at random.

use std::collections::HashSet;
use std::time::Duration;

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::{CallEnd, Recovered};
use enos_ota_campaign::{Ending, Outcome};
use enos_ota_emulator::{Action, AnswerRecord, Fault, FaultBody, MixedList, Pace, RetryAfter, Scope};
use futures_util::stream::{self, StreamExt as _};

use crate::kills::{Kill, Left};
use crate::process::{InTime, Stop};
use crate::stage::{Chosen, JOB, Stage, failed_of, finish, fleet, is_failed, key, plan, settings};

/// Every way in which a call can fail, and then those that only make it harder.
fn faults() -> ([Fault; 19], [Fault; 4]) {
    let failures = [
        Fault::cut_before_applying(),
        Fault::cut_after_applying(),
        Fault::truncated_body(),
        Fault::http(500),
        Fault::http(503),
        Fault::http_body(400, FaultBody::Json),
        Fault::http_after_applying(502),
        Fault::http_after_applying(504),
        Fault::html_page(502),
        Fault::html_page(200),
        Fault::empty_body(200),
        Fault::empty_body(500),
        // More than a client should read.
        Fault::big_body(9),
        Fault::redirect("http://elsewhere.example/"),
        Fault::throttled(None),
        Fault::throttled(Some(RetryAfter::Seconds(3))),
        Fault::code(24500, ""),
        Fault::token_status(1203, ""),
        Fault::apim_status(4011),
    ];
    let burdens = [
        Fault::kill_token(),
        Fault::latency(Duration::from_millis(300)),
        Fault::delay_answer(Duration::from_millis(300)),
        Fault::slow_body(64, Duration::from_millis(10)),
    ];
    (failures, burdens)
}

/// So many of all calls fail, each kind of failure as often as any other.
async fn stage(devices: usize, mixed: MixedList, share: f64, seed: u64) -> Stage {
    let (failures, burdens) = faults();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let each = share / failures.len() as f64;
    Stage::set(mixed, |builder| {
        let builder = builder
            .fleet(fleet(devices))
            .pace(Pace::frozen())
            .stale_reads(Duration::from_secs(2))
            .seed(seed);
        let builder = failures.into_iter().fold(builder, |builder, fault| {
            builder.fault(fault.on(Scope::Jobs).probability(each).forever())
        });
        burdens.into_iter().fold(builder, |builder, fault| {
            builder.fault(fault.on(Scope::Jobs).probability(0.02).forever())
        })
    })
    .await
}

/// Resumes the campaign until it is complete: who gives up after many failures in a row may be right.
async fn to_the_end(stage: &Stage) -> Recovered {
    let path = stage.path();
    for _ in 0..20 {
        let finished = finish(stage.resumed(&path)).await;
        stage.check(&finished.table);
        match finished.ending {
            Ending::Complete => return stage.check_journal(&path, &finished.table),
            Ending::GaveUp(_) | Ending::Stopped(_) => {}
            other => panic!("{other:?}"),
        }
    }
    panic!("the campaign does not end");
}

/// Whether exactly those devices were retried that were failed, but for those of which too many answers were lost.
fn check_devices(stage: &Stage, recovered: &Recovered) {
    for id in recovered.plan.devices.ids() {
        let number = id.index();
        let applied = stage.applied(&key(number));
        let DeviceState::Settled(outcome) = recovered.standing(id).state else {
            panic!("{} is open", key(number))
        };
        match outcome {
            Outcome::Skipped => assert_eq!(applied, 0),
            _ => assert_eq!(applied, u32::from(is_failed(number)), "{}: {outcome}", key(number)),
        }
    }
}

async fn survive(seed: u64) {
    const DEVICES: usize = 2000;
    let number = usize::try_from(seed).unwrap();
    let mixed = [MixedList::Refuse, MixedList::Partial][number % 2];
    let chosen = [Chosen::Named, Chosen::Failed][number / 2 % 2];
    let stage = stage(DEVICES, mixed, 0.3, seed).await;
    stage.begin(&plan(chosen, DEVICES, 50), &settings()).await;
    for kill in 0..2 {
        let records = (number * 13 + kill * 31) % 60;
        let kill = Kill {
            stop: match number % 3 {
                0 => Stop::Writing(records, 0),
                1 => Stop::Writing(records, 99),
                _ => Stop::Synced(records + 1),
            },
            when_quiet: false,
            left: Left::All,
        };
        stage.go_on_and_kill(kill, InTime::Virtual).await;
    }
    let recovered = to_the_end(&stage).await;
    check_devices(&stage, &recovered);
    let summary = recovered.summary();
    let unknown = recovered
        .table
        .standings()
        .find(|standing| standing.outcome == Some(Outcome::Unknown));
    // Where the platform says OK to what it passes over, that says nothing of a task that was not failed. And what a call
    // of a killed process has done, the next one cannot always tell.
    let few = summary.unknown <= 100 || mixed == MixedList::Partial;
    assert!(few, "{summary:?}: {unknown:?}");
    assert!(summary.skipped <= 100, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_of_all_calls_fails_in_every_way_and_processes_are_killed_in_between() {
    stream::iter(0..20).for_each_concurrent(4, survive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_records_of_a_campaign_that_was_killed_three_times_agree_with_those_of_the_gateway() {
    const DEVICES: usize = 5000;
    let stage = stage(DEVICES, MixedList::Refuse, 0.2, 4711).await;
    stage.begin(&plan(Chosen::Named, DEVICES, 50), &settings()).await;
    for (records, bytes) in [(70, 0), (50, 120), (40, usize::MAX)] {
        let kill = Kill {
            stop: Stop::Writing(records, bytes),
            when_quiet: false,
            left: Left::All,
        };
        assert!(stage.go_on_and_kill(kill, InTime::Virtual).await);
    }
    let recovered = to_the_end(&stage).await;
    check_devices(&stage, &recovered);
    assert_eq!(recovered.summary().accepted, failed_of(DEVICES));
    assert_eq!(recovered.summary().rejected, DEVICES - failed_of(DEVICES));

    // What the gateway has noted, device by device and call by call.
    let tasks = stage.emulator.tasks(JOB);
    assert_eq!(tasks.len(), DEVICES);
    for key in tasks.into_iter().filter_map(|task| task.device_key) {
        let count = stage.emulator.retry_count(JOB, &key).unwrap();
        let id = recovered.plan.devices.find(&key).unwrap();
        let accepted = recovered.standing(id).state == DeviceState::Settled(Outcome::Accepted);
        assert_eq!(count.applied == 1, accepted, "{key}");
    }
    let requests = stage.emulator.requests();
    let retries: Vec<_> = requests
        .iter()
        .filter(|request| request.action == Some(Action::RetryTask))
        .collect();
    let applied: usize = retries.iter().map(|request| request.applied).sum();
    assert_eq!(applied, recovered.summary().accepted);
    // A dead token costs a request and no call.
    assert!(
        recovered.calls.len() <= retries.len() + 4,
        "{} {}",
        recovered.calls.len(),
        retries.len()
    );
    let accepted: HashSet<_> = retries
        .iter()
        .filter_map(|request| match &request.answer {
            AnswerRecord::Answered {
                code: Some(0),
                request_id: Some(id),
                ..
            } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let told: HashSet<_> = recovered
        .plan
        .devices
        .ids()
        .filter(|id| recovered.standing(*id).code == Some(0))
        .filter_map(|id| recovered.standing(id).request_id)
        .collect();
    assert!(told.is_subset(&accepted));
    assert_eq!(told.len(), recovered.calls_that_ended(Some(CallEnd::Accepted)));
}
