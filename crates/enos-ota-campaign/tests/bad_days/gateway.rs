//! A gateway, or a token service, that has a bad day.

use std::collections::HashMap;
use std::time::Duration;

use enos_ota_campaign::journal::Journal;
use enos_ota_campaign::{AbortAbove, Campaign, Ending, Event, Outcome};
use enos_ota_emulator::{Action, Fault, Fleet, Job, MixedList, Pace, Quota, QuotaHeaders, RetryAfter, Scope, Task};

use crate::stage::{Chosen, JOB, ORG, Stage, failed_of, finish, finish_with, fleet, operator, plan, settings};

const DEVICES: usize = 400;
const CHUNK: usize = 10;

async fn stage(mixed: MixedList) -> Stage {
    Stage::set(mixed, |builder| {
        builder
            .fleet(fleet(DEVICES))
            .pace(Pace::frozen())
            .stale_reads(Duration::from_secs(2))
    })
    .await
}

const BOTH: [MixedList; 2] = [MixedList::Refuse, MixedList::Partial];

/// Lets faults strike from this answer on for so long, and the campaign come to its end.
async fn troubled(mixed: MixedList, chosen: Chosen, faults: &[Fault], time: Duration) -> (Stage, Ending) {
    let stage = stage(mixed).await;
    let campaign = stage.campaign(plan(chosen, DEVICES, CHUNK), settings());
    let mut answers = 0;
    let finished = finish_with(campaign, |event, _| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 7 {
                for fault in faults {
                    stage.emulator.faults().push(fault.clone().forever());
                }
                stage.after(time, |emulator| emulator.faults().clear());
            }
        }
    })
    .await;
    stage.check(&finished.table);
    if finished.open == 0 {
        assert!(finished.took >= time, "{:?}", finished.took);
        stage.check_journal(&stage.path(), &finished.table);
    }
    (stage, finished.ending)
}

#[tokio::test]
async fn a_gateway_that_is_down_for_a_minute_is_waited_for() {
    let faults = [
        Fault::http(503),
        Fault::html_page(502),
        Fault::empty_body(500),
        Fault::cut_before_applying(),
        Fault::cut_after_applying(),
        Fault::http_after_applying(504),
        Fault::truncated_body(),
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        let mixed = BOTH[index % 2];
        for chosen in [Chosen::Named, Chosen::Failed] {
            let fault = [fault.clone().on(Scope::Jobs)];
            let (stage, ending) = troubled(mixed, chosen, &fault, Duration::from_mins(1)).await;
            assert!(matches!(ending, Ending::Complete), "{fault:?}: {ending:?}");
            assert_eq!(stage.retried(), failed_of(DEVICES));
        }
    }
}

#[tokio::test]
async fn a_gateway_that_is_down_for_an_hour_is_given_up_and_the_campaign_can_be_resumed() {
    for fault in [Fault::http(503), Fault::cut_after_applying()] {
        let fault = [fault.on(Scope::Jobs)];
        let hour = Duration::from_hours(1);
        let (stage, ending) = troubled(MixedList::Refuse, Chosen::Named, &fault, hour).await;
        assert!(matches!(ending, Ending::GaveUp(_)), "{ending:?}");
        // Still down.
        let finished = finish(stage.resumed(&stage.path())).await;
        assert!(matches!(finished.ending, Ending::GaveUp(_)), "{:?}", finished.ending);
        stage.check(&finished.table);
        stage.emulator.faults().clear();
        stage.complete().await;
    }
}

#[tokio::test]
async fn while_the_gateway_asks_for_time_nothing_is_sent() {
    for retry_after in [None, Some(RetryAfter::Seconds(7))] {
        let fault = [Fault::throttled(retry_after).on(Scope::Jobs)];
        let (stage, ending) = troubled(MixedList::Refuse, Chosen::Named, &fault, Duration::from_mins(1)).await;
        assert!(matches!(ending, Ending::Complete), "{ending:?}");
        assert_eq!(stage.retried(), failed_of(DEVICES));
        let requests = stage.emulator.requests();
        let times: Vec<_> = requests
            .iter()
            .filter(|request| request.http_status() == Some(429))
            .map(|request| request.at_ms)
            .collect();
        assert!(!times.is_empty());
        if retry_after.is_some() {
            // But for those that were under way together.
            let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(pauses.clone().all(|pause| !(1000..7000).contains(&pause)), "{times:?}");
            assert!(times.len() < 40, "{times:?}");
        }
    }
}

#[tokio::test]
async fn tokens_that_die_all_the_time_are_replaced() {
    for mixed in BOTH {
        let stage = stage(mixed).await;
        let fault = Fault::kill_token().on(Scope::Jobs).probability(0.3).forever();
        stage.emulator.faults().push(fault);
        let finished = finish(stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings())).await;
        stage.check(&finished.table);
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        assert_eq!(stage.retried(), failed_of(DEVICES));
    }
}

#[tokio::test]
async fn tokens_that_die_before_they_can_be_used_stop_the_campaign_and_cost_nothing() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        let fault = [Fault::kill_token().on(Scope::Jobs)];
        let (stage, ending) = troubled(MixedList::Refuse, chosen, &fault, Duration::from_hours(9)).await;
        assert!(matches!(ending, Ending::Stopped(_) | Ending::GaveUp(_)), "{ending:?}");
        stage.emulator.faults().clear();
        stage.complete().await;
    }
}

#[tokio::test]
async fn a_token_service_that_is_down_for_a_minute_is_waited_for() {
    for fault in [
        Fault::http(503),
        Fault::cut_before_applying(),
        Fault::token_status(1005, ""),
    ] {
        let faults = [
            fault.clone().on(Scope::Token),
            // So that new tokens are needed.
            Fault::kill_token().on(Scope::Jobs).probability(0.5),
        ];
        let (stage, ending) = troubled(MixedList::Refuse, Chosen::Named, &faults, Duration::from_mins(1)).await;
        assert!(matches!(ending, Ending::Complete), "{fault:?}: {ending:?}");
        assert_eq!(stage.retried(), failed_of(DEVICES));
    }
}

#[tokio::test]
async fn credentials_that_are_revoked_stop_the_campaign_and_what_is_in_doubt_is_found_out_when_it_is_resumed() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        let stage = stage(MixedList::Refuse).await;
        let mut answers = 0;
        let campaign = stage.campaign(plan(chosen, DEVICES, CHUNK), settings());
        let finished = finish_with(campaign, |event, _| {
            if let Event::Answered { .. } = event {
                answers += 1;
                let faults = stage.emulator.faults();
                // The next two calls are carried out, and nobody learns of it any more.
                if answers == 7 {
                    let retry = Scope::Action(Action::RetryTask);
                    faults.push(Fault::cut_after_applying().on(retry).times(2));
                }
                if answers == 9 {
                    faults.push(Fault::kill_token().on(Scope::Jobs).forever());
                    faults.push(Fault::token_status(1002, "").on(Scope::Token).forever());
                }
            }
        })
        .await;
        stage.check(&finished.table);
        let Ending::Stopped(error) = &finished.ending else {
            panic!("{:?}", finished.ending)
        };
        assert_eq!(error.code(), Some(1002));
        // What was lost, and what was refused and could not be looked up any more.
        assert!(finished.table.summary().unknown >= 2 * CHUNK);
        assert!(finished.open > 2 * CHUNK, "{}", finished.open);
        stage.emulator.faults().clear();
        let finished = stage.complete().await;
        assert_eq!(finished.table.summary().unknown, 0);
    }
}

#[tokio::test]
async fn a_search_that_always_fails_is_given_up_and_not_asked_without_end() {
    for fault in [
        Fault::code(99500, ""),
        Fault::http(503),
        Fault::token_status(1203, ""),
        Fault::html_page(200),
        Fault::redirect("http://elsewhere.example/"),
    ] {
        let stage = stage(MixedList::Refuse).await;
        stage
            .emulator
            .faults()
            .push(fault.clone().on(Scope::Action(Action::SearchTask)).forever());
        let lost = Fault::cut_after_applying().on(Scope::Action(Action::RetryTask));
        stage.emulator.faults().push(lost);
        let finished = finish(stage.campaign(plan(Chosen::Failed, DEVICES, CHUNK), settings())).await;
        stage.check(&finished.table);
        let ending = &finished.ending;
        assert!(
            matches!(ending, Ending::GaveUp(_) | Ending::Stopped(_)),
            "{fault:?}: {ending:?}"
        );
        assert!(finished.calls.searches < 500, "{fault:?}: {:?}", finished.calls);
        stage.emulator.faults().clear();
        stage.complete().await;
    }
}

#[tokio::test]
async fn a_gateway_that_asks_for_an_hour_is_not_waited_for() {
    let stage = stage(MixedList::Refuse).await;
    let campaign = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings());
    let mut answers = 0;
    let finished = finish_with(campaign, |event, _| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 7 {
                let throttled = Fault::throttled(Some(RetryAfter::Seconds(3600)));
                stage.emulator.faults().push(throttled.on(Scope::Jobs));
            }
        }
    })
    .await;
    assert!(matches!(finished.ending, Ending::GaveUp(_)), "{:?}", finished.ending);
    assert!(finished.took < Duration::from_mins(10), "{:?}", finished.took);
    stage.check(&finished.table);
    stage.complete().await;
}

#[tokio::test]
async fn where_searches_are_not_allowed_what_was_lost_is_unknown_and_nothing_is_sent_twice() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        let stage = stage(MixedList::Refuse).await;
        let faults = stage.emulator.faults();
        faults.push(Fault::code(99403, "").on(Scope::Action(Action::SearchTask)).forever());
        let retry = Scope::Action(Action::RetryTask);
        faults.push(Fault::cut_after_applying().on(retry).probability(0.1).forever());
        faults.push(Fault::cut_before_applying().on(retry).probability(0.1).forever());
        let finished = finish(stage.campaign(plan(chosen, DEVICES, CHUNK), settings())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        assert!(!finished.could_search);
        stage.check(&finished.table);
        stage.check_journal(&stage.path(), &finished.table);
        let summary = finished.table.summary();
        assert!(
            summary.unknown > 0 && summary.accepted > 0 && summary.rejected > 0,
            "{summary:?}"
        );
        assert!(stage.retried() <= summary.accepted + summary.unknown);
    }
}

#[tokio::test]
async fn searches_that_are_far_behind_mislead_into_no_falsehood() {
    for chosen in [Chosen::Named, Chosen::Failed] {
        for chunk in [1, CHUNK] {
            // Four times as far as is documented.
            let stage = Stage::set(MixedList::Refuse, |builder| {
                let lost = Fault::cut_after_applying().on(Scope::Action(Action::RetryTask));
                builder
                    .fleet(fleet(60))
                    .pace(Pace::frozen())
                    .stale_reads(Duration::from_secs(8))
                    .fault(lost.probability(0.5).forever())
            })
            .await;
            let finished = finish(stage.campaign(plan(chosen, 60, chunk), settings())).await;
            assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
            stage.check(&finished.table);
            stage.check_journal(&stage.path(), &finished.table);
            assert_eq!(stage.retried(), failed_of(60));
        }
    }
}

#[tokio::test]
async fn a_campaign_that_is_given_up_for_its_refusals_has_told_no_falsehood() {
    let stage = stage(MixedList::Refuse).await;
    let lost = Fault::cut_after_applying().on(Scope::Action(Action::RetryTask));
    stage.emulator.faults().push(lost.probability(0.3).forever());
    let mut settings = settings();
    settings.abort = Some(AbortAbove {
        percent: 5.0,
        min_sample: 100,
    });
    let finished = finish(stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings)).await;
    let aborted = |ending: &Ending| matches!(ending, Ending::TooManyRefused { .. });
    assert!(aborted(&finished.ending), "{:?}", finished.ending);
    assert!(finished.open > 0);
    stage.check(&finished.table);
    let finished = finish(stage.resumed(&stage.path())).await;
    assert!(aborted(&finished.ending), "{:?}", finished.ending);
    stage.check(&finished.table);
}

#[tokio::test]
async fn calls_to_a_port_that_is_closed_leave_nothing_in_doubt() {
    let before = stage(MixedList::Refuse).await;
    let campaign = before.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings());
    let mut answers = 0;
    finish_with(campaign, |event, running| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 9 {
                running.controller().drain();
            }
        }
    })
    .await;
    let address = before.emulator.addr();
    let now_ms = before.emulator.now_ms();
    let tasks = before.emulator.tasks(JOB);
    let path = before.path();
    let applied: HashMap<_, _> = tasks
        .iter()
        .filter_map(|task| task.device_key.clone())
        .map(|key| (key.clone(), before.applied(&key)))
        .collect();
    let retried = before.retried();
    let _folder = before.close().await;

    // The same machine, and nobody at the door.
    let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks.into_iter().map(Task::from)));
    let closed = Stage::set_at(now_ms, MixedList::Refuse, |builder| builder).await;
    let nobody = closed.client_for(&format!("http://{address}"));
    let (journal, recovered) = Journal::open(&path).unwrap();
    let open = recovered.open();
    let campaign = Campaign::resume(&nobody, journal, recovered, operator()).unwrap();
    let finished = finish(campaign.time(closed.time.clone())).await;
    assert!(matches!(finished.ending, Ending::GaveUp(_)), "{:?}", finished.ending);
    assert_eq!(finished.open, open);
    assert_eq!(finished.table.summary().unknown, 0);

    let after = Stage::set_at(now_ms, MixedList::Refuse, |builder| {
        builder.fleet(fleet).pace(Pace::frozen()).listen(address)
    })
    .await;
    let finished = finish(after.resumed(&path)).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    for id in finished.table.devices().ids() {
        let key = finished.table.devices().key(id);
        let accepted = finished.table.standing(id).outcome == Some(Outcome::Accepted);
        assert_eq!(applied[key] + after.applied(key), u32::from(accepted), "{key}");
    }
    assert_eq!(retried + after.retried(), failed_of(DEVICES));
}

#[tokio::test]
async fn no_search_that_is_not_answered_keeps_a_campaign_beyond_its_time() {
    let second = Duration::from_secs(1);
    for watch in [Some(second), None] {
        let stage = Stage::set_in_real_time(MixedList::Refuse, |builder| {
            builder.fleet(fleet(20)).pace(Pace::frozen())
        })
        .await;
        let slow = Fault::latency(20 * second).on(Scope::Action(Action::SearchTask));
        stage.emulator.faults().push(slow.forever());
        let mut settings = settings();
        settings.lag = Duration::from_millis(60);
        settings.lookup = false;
        settings.watch = watch;
        settings.confirm_patience = second;
        let plan = plan(Chosen::Failed, 5, 5);
        let finished = finish(Campaign::new(&stage.client, plan, settings)).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        assert_eq!(finished.table.summary().accepted, 5);
        // A search takes twenty times as long.
        assert!(finished.took < 3 * second, "{:?}", finished.took);
        let confirmation = finished.confirmation.unwrap();
        assert_eq!(confirmation.not_confirmed, 5);
        assert_eq!(confirmation.why.as_deref(), Some("the time was up"));
    }
}

#[tokio::test]
async fn no_minute_that_is_used_up_keeps_a_campaign_beyond_its_time() {
    let watch = Duration::from_secs(10);
    let second = Duration::from_secs(1);
    // Searches are refused until the time is up; and the last call of a minute shows that all have ended.
    for (pace, quota) in [
        (Pace::frozen(), Quota::per_minute(2)),
        (
            Pace::new(second, second, second),
            Quota::per_minute(3).headers(QuotaHeaders::XRateLimit),
        ),
    ] {
        let stage = Stage::set(MixedList::Refuse, |builder| {
            builder.fleet(fleet(20)).pace(pace).quota(quota)
        })
        .await;
        let mut settings = settings();
        settings.lookup = false;
        settings.watch = Some(watch);
        let plan = plan(Chosen::Failed, 5, 5);
        let campaign = Campaign::new(&stage.client, plan, settings).time(stage.time.clone());
        let finished = finish(campaign).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        assert_eq!(finished.table.summary().accepted, 5);
        assert!(finished.took < watch + second, "{:?}", finished.took);
    }
}

#[tokio::test]
async fn a_platform_that_finds_every_list_invalid_is_not_asked_for_each_device() {
    let stage = stage(MixedList::Refuse).await;
    let invalid = Fault::code(99400, "").on(Scope::Action(Action::RetryTask));
    stage.emulator.faults().push(invalid.forever());
    let finished = finish(stage.campaign(plan(Chosen::Failed, DEVICES, DEVICES), settings())).await;
    assert!(matches!(finished.ending, Ending::Stopped(_)), "{:?}", finished.ending);
    assert!(finished.calls.retries < 60, "{:?}", finished.calls);
    assert_eq!(stage.retried(), 0);
}
