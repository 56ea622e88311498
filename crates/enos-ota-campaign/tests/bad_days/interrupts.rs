//! Campaigns that are stopped, politely or not.

use std::time::Duration;

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::Journal;
use enos_ota_campaign::{Controller, Ending, Event, Finished, Outcome};
use enos_ota_emulator::{Fault, MixedList, Pace, RetryAfter, Scope};

use crate::stage::{Chosen, Stage, finish_with, fleet, plan, settings};

const DEVICES: usize = 200;
const CHUNK: usize = 5;

/// In real time, so that several calls are under way at a time.
async fn stage(mixed: MixedList) -> Stage {
    Stage::set_in_real_time(mixed, |builder| {
        let latency = Duration::from_millis(20);
        builder.fleet(fleet(DEVICES)).pace(Pace::frozen()).latency(latency)
    })
    .await
}

/// Runs a campaign of which somebody does something after so many answers.
async fn interrupted(stage: &Stage, chosen: Chosen, after: usize, what: impl Fn(&Controller)) -> Finished {
    let mut settings = settings();
    settings.lag = Duration::from_millis(60);
    let campaign = stage.campaign(plan(chosen, DEVICES, CHUNK), settings);
    let mut answers = 0;
    finish_with(campaign, |event, running| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == after {
                what(&running.controller());
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_drain_waits_for_what_is_under_way_and_leaves_the_rest_to_a_resume() {
    for (chosen, mixed) in [(Chosen::Named, MixedList::Refuse), (Chosen::Failed, MixedList::Partial)] {
        for after in [1, 2, 9] {
            let stage = stage(mixed).await;
            let finished = interrupted(&stage, chosen, after, |controller| {
                controller.drain();
                controller.drain();
                controller.clone().drain();
            })
            .await;
            assert!(matches!(finished.ending, Ending::Interrupted), "{:?}", finished.ending);
            stage.check(&finished.table);
            let summary = finished.table.summary();
            assert_eq!(summary.unknown, 0);
            assert!(summary.skipped > 0 && finished.open >= summary.skipped);
            let recovered = Journal::read(&stage.path()).unwrap();
            assert_eq!(recovered.calls_that_ended(None), 0);
            assert_eq!(recovered.ended.unwrap().how, "interrupted");
            assert_eq!(stage.emulator.counters().retry_calls, recovered.calls.len() as u64);
            stage.complete().await;
        }
    }
}

#[tokio::test]
async fn what_was_abandoned_is_in_doubt_until_a_resume_has_looked_it_up() {
    let mut in_doubt = 0;
    for (chosen, mixed) in [(Chosen::Named, MixedList::Refuse), (Chosen::Failed, MixedList::Partial)] {
        for after in [1, 2, 9] {
            let stage = stage(mixed).await;
            let finished = interrupted(&stage, chosen, after, |controller| {
                controller.drain();
                controller.abandon();
                // It is too late for that.
                controller.drain();
            })
            .await;
            assert!(matches!(finished.ending, Ending::Interrupted), "{:?}", finished.ending);
            stage.wait_until(|| stage.is_quiet()).await;
            stage.check(&finished.table);
            let recovered = Journal::read(&stage.path()).unwrap();
            for id in finished.table.devices().ids() {
                if finished.table.standing(id).outcome == Some(Outcome::Unknown) {
                    match recovered.standing(id).state {
                        // Abandoned before it was sent, and before that was written.
                        DeviceState::Waiting => assert_eq!(stage.applied(finished.table.devices().key(id)), 0),
                        // Or when the answer was written already.
                        DeviceState::Settled(outcome) => assert_eq!(outcome, Outcome::Accepted),
                        DeviceState::InDoubt { .. } | DeviceState::Refused { .. } => in_doubt += 1,
                    }
                }
            }
            stage.complete().await;
        }
    }
    assert!(in_doubt > 0);
}

#[tokio::test]
async fn a_campaign_that_is_stopped_before_its_first_call_makes_none() {
    for abandon in [false, true] {
        let stage = stage(MixedList::Refuse).await;
        let running = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings()).start();
        if abandon {
            running.controller().abandon();
        } else {
            running.controller().drain();
        }
        let finished = running.finish().await.unwrap();
        assert!(matches!(finished.ending, Ending::Interrupted), "{:?}", finished.ending);
        assert_eq!((finished.table.summary().skipped, finished.open), (DEVICES, DEVICES));
        assert_eq!(stage.emulator.counters().job_calls, 0);
    }
}

#[tokio::test]
async fn a_campaign_of_which_nobody_wants_to_hear_goes_on_to_its_end() {
    let stage = stage(MixedList::Refuse).await;
    let mut settings = settings();
    settings.lag = Duration::from_millis(60);
    drop(stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings).start());
    let path = stage.path();
    stage.wait_until(|| Journal::read(&path).unwrap().ended.is_some()).await;
    // Its lock goes last.
    stage.wait_until(|| Journal::open(&path).is_ok()).await;
    let finished = stage.complete().await;
    assert_eq!(finished.calls.retries, 0);
}

#[tokio::test]
async fn a_campaign_waits_for_a_listener_that_is_slow_and_loses_no_event() {
    // More events than are kept for it.
    let stage = Stage::set(MixedList::Refuse, |builder| {
        builder.fleet(fleet(900)).pace(Pace::frozen())
    })
    .await;
    let mut running = stage.campaign(plan(Chosen::Failed, 900, 2), settings()).start();
    let mut before = None;
    // It stands still when its calls do not become more.
    while before != Some(running.progress().calls.retries) || before == Some(0) {
        before = Some(running.progress().calls.retries);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(running.progress().calls.retries < 450);
    let mut settled = 0;
    while let Some(event) = running.next_event().await {
        if let Event::Settled { devices, .. } = event {
            settled += devices.len();
        }
    }
    assert_eq!(settled, 900);
    let finished = running.finish().await.unwrap();
    stage.check(&finished.table);
    stage.check_journal(&stage.path(), &finished.table);
}

#[tokio::test]
async fn an_interrupt_does_not_wait_until_the_gateway_takes_calls_again() {
    for abandon in [false, true] {
        // While devices are sent, and while those that were are looked at.
        for verifying in [false, true] {
            let stage = stage(MixedList::Refuse).await;
            let throttle = || {
                let throttled = Fault::throttled(Some(RetryAfter::Seconds(250)));
                stage.emulator.faults().push(throttled.on(Scope::Jobs).forever());
            };
            let mut settings = settings();
            settings.lag = Duration::from_millis(60);
            let mut answers = 0;
            let campaign = stage.campaign(plan(Chosen::Failed, DEVICES, CHUNK), settings);
            let finished = finish_with(campaign, |event, running| match event {
                Event::Answered { .. } => {
                    answers += 1;
                    if answers == 5 && !verifying {
                        throttle();
                    }
                }
                Event::Following { .. } if verifying => throttle(),
                Event::Throttled { .. } if abandon => running.controller().abandon(),
                Event::Throttled { .. } => running.controller().drain(),
                _ => {}
            })
            .await;
            assert!(matches!(finished.ending, Ending::Interrupted), "{:?}", finished.ending);
            assert!(finished.took < Duration::from_secs(125), "{:?}", finished.took);
            stage.wait_until(|| stage.is_quiet()).await;
            stage.check(&finished.table);
            stage.emulator.faults().clear();
            stage.complete().await;
        }
    }
}
