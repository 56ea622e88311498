//! What follows from records, and which cannot follow each other.

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::Seen;
use enos_ota_campaign::journal::{CallEnd, Change, Changed, Journal, JournalError, Record};
use enos_ota_campaign::{Fate, Outcome, Summary};

use crate::common::{answered, in_folder, keys, plan, resumed, sent, write};

fn settled(outcome: Outcome, number: usize) -> Record<'static> {
    Record::Settled {
        at: 5_000,
        outcome,
        code: None,
        message: None,
        request_id: None,
        elsewhere: false,
        devices: keys([number]),
    }
}

fn requeued(number: usize) -> Record<'static> {
    Record::Requeued {
        at: 5_000,
        devices: keys([number]),
    }
}

fn seen(number: usize) -> Record<'static> {
    Record::Seen {
        at: 5_000,
        fate: Fate::Succeeded,
        reason: None,
        devices: keys([number]),
    }
}

#[tokio::test]
async fn a_campaign_that_was_killed_is_told_of_with_all_a_report_needs() {
    let (_folder, path) = in_folder();
    let records = [
        sent(1, 0..3),
        sent(2, 3..5),
        answered(1, CallEnd::Accepted),
        // Killed here, and resumed.
        resumed(),
        requeued(3),
        settled(Outcome::Accepted, 4),
        sent(3, [3]),
        answered(3, CallEnd::NotFailed),
        settled(Outcome::Unknown, 3),
        Record::Wave {
            at: 6_000,
            wave: 1,
            devices: 3,
            succeeded: 2,
            failed: 1,
            passed: false,
        },
        Record::Ended {
            at: 7_000,
            how: "too many failed again".into(),
            summary: Summary {
                requested: 6,
                accepted: 4,
                unknown: 1,
                ..Summary::default()
            },
            open: 1,
        },
        Record::Seen {
            at: 6_500,
            fate: Fate::FailedAgain,
            reason: Some("no space".into()),
            devices: keys([0]),
        },
    ];
    write(&path, &plan(6), &records).await;
    let told = Journal::read(&path).unwrap();

    let states: Vec<_> = told.table.standings().map(|standing| standing.state).collect();
    let accepted = DeviceState::Settled(Outcome::Accepted);
    assert_eq!(
        states,
        [
            accepted,
            accepted,
            accepted,
            DeviceState::Settled(Outcome::Unknown),
            accepted,
            DeviceState::Waiting
        ]
    );
    let id = |number: usize| told.plan.devices.ids().nth(number).unwrap();
    assert_eq!(
        (told.standing(id(0)).code, told.standing(id(0)).message),
        (Some(0), Some("OK"))
    );
    assert_eq!(
        (told.standing(id(0)).request_id, told.standing(id(3)).request_id),
        (Some("r1"), None)
    );
    assert_eq!(told.standing(id(0)).failed_again, Some("no space"));
    assert_eq!(told.standing(id(0)).fate, Fate::FailedAgain);

    let calls: Vec<_> = told
        .calls
        .iter()
        .map(|call| (call.call, call.end, call.ended_ms, call.devices))
        .collect();
    assert_eq!(
        calls,
        [
            (1, Some(CallEnd::Accepted), Some(3_000), 3),
            (2, None, None, 2),
            (3, Some(CallEnd::NotFailed), Some(3_000), 1)
        ]
    );
    assert_eq!(told.calls_that_ended(None), 1);
    assert_eq!((told.last_call, told.last_at_ms, told.resumes), (3, 7_000, 1));
    let log: Vec<_> = told.settled.iter().map(|log| (log.outcome, log.devices)).collect();
    assert_eq!(log, [(Outcome::Accepted, 1), (Outcome::Unknown, 1)]);
    assert_eq!(
        told.waves
            .iter()
            .map(|wave| (wave.wave, wave.passed, wave.calls))
            .collect::<Vec<_>>(),
        [(1, false, 3)]
    );
    let ended = told.ended.as_ref().unwrap();
    assert_eq!(
        (ended.how.as_str(), ended.open, ended.summary),
        ("too many failed again", 1, told.summary())
    );

    // Who resumes it, has not ended it.
    let (journal, _) = Journal::open(&path).unwrap();
    journal.append(&resumed()).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(Journal::read(&path).unwrap().ended, None);
}

fn ended(at: i64) -> Record<'static> {
    Record::Ended {
        at,
        how: "complete".into(),
        summary: Summary::default(),
        open: 0,
    }
}

#[tokio::test]
async fn every_change_of_the_numbers_is_kept_with_its_time_and_counted_once() {
    let (_folder, path) = in_folder();
    let under_way = Record::Seen {
        at: 4_000,
        fate: Fate::UnderWay,
        reason: None,
        devices: keys([0, 1]),
    };
    let records = [
        sent(1, 0..3),
        // A search is faster than the answer, which then counts the others alone.
        settled(Outcome::Accepted, 2),
        answered(1, CallEnd::Accepted),
        sent(2, [3]),
        answered(2, CallEnd::Throttled),
        sent(3, [3]),
        under_way,
        seen(0),
        seen(0),
        settled(Outcome::Unknown, 3),
        // It is no accepted device.
        seen(3),
    ];
    write(&path, &plan(5), &records).await;
    let told = Journal::read(&path).unwrap();
    let log: Vec<_> = told
        .changes
        .iter()
        .map(
            |Change {
                 at_ms, what, devices, ..
             }| (*at_ms, *what, *devices),
        )
        .collect();
    let seen = |from, to| Changed::Seen { from, to };
    assert_eq!(
        log,
        [
            (5_000, Changed::Settled(Outcome::Accepted), 1),
            (3_000, Changed::Settled(Outcome::Accepted), 2),
            (4_000, seen(Fate::NotSeen, Fate::UnderWay), 2),
            (5_000, seen(Fate::UnderWay, Fate::Succeeded), 1),
            (5_000, Changed::Settled(Outcome::Unknown), 1),
        ]
    );
    let calls: Vec<_> = told.plan.devices.ids().map(|id| told.last_call_of(id)).collect();
    assert_eq!(calls, [Some(0), Some(0), Some(0), Some(2), None]);
    let sent_at: Vec<_> = told.plan.devices.ids().map(|id| told.sent_at_ms(id)).collect();
    assert_eq!(sent_at, [Some(2_000), Some(2_000), Some(2_000), Some(2_000), None]);
}

#[tokio::test]
async fn a_resume_that_does_nothing_is_no_event_and_neither_is_its_end() {
    let (_folder, path) = in_folder();
    let mut records = vec![sent(1, [0]), answered(1, CallEnd::Accepted), ended(6_000)];
    let later = Record::Resumed {
        at: 90_000,
        by: crate::common::operator("night@depot"),
    };
    records.extend([later.clone(), ended(91_000)]);
    write(&path, &plan(1), &records).await;
    let told = Journal::read(&path).unwrap();
    assert_eq!((told.last_event_ms, told.last_at_ms), (6_000, 91_000));

    let (journal, _) = Journal::open(&path).unwrap();
    journal.append(&later).await.unwrap();
    journal.close().await.unwrap();
    let told = Journal::read(&path).unwrap();
    assert_eq!(told.last_event_ms, 6_000);

    let (journal, _) = Journal::open(&path).unwrap();
    journal.append(&seen(0)).await.unwrap();
    journal.append(&ended(99_000)).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(Journal::read(&path).unwrap().last_event_ms, 99_000);
}

#[tokio::test]
async fn a_device_that_is_in_doubt_says_since_when() {
    let (_folder, path) = in_folder();
    let records = [
        sent(1, [0]),
        sent(2, [1]),
        sent(3, [2]),
        sent(4, [3]),
        answered(2, CallEnd::Lost),
        answered(3, CallEnd::NotFailed),
        answered(4, CallEnd::Throttled),
    ];
    write(&path, &plan(4), &records).await;
    let told = Journal::read(&path).unwrap();
    let states: Vec<_> = told.table.standings().map(|standing| standing.state).collect();
    let sent_at_ms = 2_000;
    assert_eq!(
        states,
        [
            DeviceState::InDoubt {
                sent_at_ms,
                before: Some(Seen::Failed)
            },
            DeviceState::InDoubt {
                sent_at_ms,
                before: Some(Seen::Failed)
            },
            DeviceState::Refused {
                sent_at_ms,
                before: Some(Seen::Failed)
            },
            DeviceState::Waiting
        ]
    );
    assert_eq!(told.open(), 4);
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_line() {
    let accepted = || vec![sent(1, [0]), answered(1, CallEnd::Accepted)];
    let after = |mut records: Vec<Record<'static>>, last: Record<'static>| {
        records.push(last);
        records
    };
    let cases = [
        (after(accepted(), sent(2, [0])), "was settled as accepted before"),
        (
            vec![sent(1, [0]), sent(2, [0])],
            "it is in doubt what became of an earlier call",
        ),
        (vec![sent(1, [0, 0])], "it is in doubt what became of an earlier call"),
        (
            vec![sent(1, [0]), resumed(), sent(2, [0])],
            "it is in doubt what became of an earlier call",
        ),
        (
            vec![sent(1, [0]), answered(1, CallEnd::NotFailed), sent(2, [0])],
            "no search has shown yet how it stands",
        ),
        (vec![sent(1, [0]), sent(1, [1])], "call 1 is sent twice"),
        (vec![sent(1, [])], "call 1 carries 0 devices"),
        (vec![sent(1, [9])], r#"device "pump-000009" is not in the plan"#),
        (
            vec![settled(Outcome::Skipped, 9)],
            r#"device "pump-000009" is not in the plan"#,
        ),
        (
            vec![answered(1, CallEnd::Accepted)],
            "call 1 is answered, and was never sent",
        ),
        (
            after(accepted(), answered(1, CallEnd::Accepted)),
            "call 1 is answered twice",
        ),
        (
            vec![sent(1, [0]), resumed(), answered(1, CallEnd::Accepted)],
            "call 1 is answered after a resume",
        ),
        (
            after(accepted(), settled(Outcome::Rejected, 0)),
            "is settled as rejected, although it was settled as accepted before",
        ),
        (
            vec![
                sent(1, [0]),
                settled(Outcome::Rejected, 0),
                answered(1, CallEnd::Accepted),
            ],
            "call 1 is accepted, although",
        ),
        (
            vec![settled(Outcome::Skipped, 0), sent(1, [0])],
            "was settled as skipped before",
        ),
        (vec![sent(1, [0]), requeued(0)], "the call with it has not ended"),
        (after(accepted(), requeued(0)), "it was settled as accepted before"),
        (vec![seen(0)], "although none was accepted"),
        (
            vec![settled(Outcome::Skipped, 0), seen(0)],
            "although none was accepted",
        ),
    ];
    for (records, problem) in cases {
        let (_folder, path) = in_folder();
        write(&path, &plan(3), &records).await;
        let error = Journal::read(&path).unwrap_err();
        assert!(matches!(error, JournalError::Contradiction { .. }), "{error}");
        // The plan is on five lines.
        assert_eq!(error.line(), Some(5 + records.len() as u64), "{error}");
        let text = error.to_string();
        assert!(text.contains(problem), "{text}");
        assert!(text.contains("`enos-ota plan --failed`"), "{text}");
    }
}

#[tokio::test]
async fn what_is_told_twice_in_the_same_way_is_no_contradiction() {
    let (_folder, path) = in_folder();
    let records = [
        sent(1, [0]),
        settled(Outcome::Accepted, 0),
        answered(1, CallEnd::Accepted),
        settled(Outcome::Accepted, 0),
        sent(2, [1]),
        // The reason of a refusal may come before its call's end.
        settled(Outcome::Rejected, 1),
        answered(2, CallEnd::Refused),
        requeued(2),
    ];
    write(&path, &plan(3), &records).await;
    let told = Journal::read(&path).unwrap();
    assert_eq!(
        (told.summary().accepted, told.summary().rejected, told.open()),
        (1, 1, 1)
    );
}
