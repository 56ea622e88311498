//! What searches show, and what a journal keeps of it for the next process.

use std::borrow::Cow;

use enos_ota_campaign::journal::{Journal, LastSeen, Record};
use enos_ota_campaign::{Ending, Event, Outcome};
use enos_ota_emulator::{Action, Fault, Fleet, Job, MixedList, Oddity, Pace, Scope, Task};

use crate::stage::{Chosen, JOB, LONG_AGO_MS, ORG, Stage, finish, finish_with, fleet, key, plan, settings};

#[tokio::test]
async fn a_row_of_another_job_is_ignored_and_told_once() {
    for oddity in [Oddity::OtherJob, Oddity::OtherOrg] {
        let stage = Stage::set(MixedList::Refuse, |builder| {
            builder.fleet(fleet(7)).pace(Pace::frozen())
        })
        .await;
        let faults = stage.emulator.faults();
        faults.push(
            Fault::odd_device(oddity, key(0))
                .on(Scope::Action(Action::SearchTask))
                .forever(),
        );
        faults.push(
            Fault::cut_before_applying()
                .on(Scope::Action(Action::RetryTask))
                .times(2),
        );
        let mut told = 0;
        let campaign = stage.campaign(plan(Chosen::Failed, 7, 7), settings());
        let finished = finish_with(campaign, |event, _| {
            if let Event::Learned { message } = event {
                told += usize::from(message.contains("another job"));
            }
        })
        .await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        assert_eq!(told, 1);
        stage.check(&finished.table);
        // Nothing is known of that one; the others are searched for, and sent again.
        let outcomes: Vec<_> = finished.table.standings().map(|standing| standing.outcome).collect();
        assert_eq!(outcomes[0], Some(Outcome::Unknown));
        assert!(
            outcomes[1..].iter().all(|outcome| *outcome == Some(Outcome::Accepted)),
            "{outcomes:?}"
        );
    }
}

/// A journal that ends with a lost call of two devices, of which the first has failed again and the other is under way.
async fn lost_call(records: &[Record<'_>], last_seen: Vec<Option<LastSeen>>) -> (Stage, Vec<Option<Outcome>>) {
    let tasks = [
        Task::failed(key(0)).update_time(LONG_AGO_MS + 5000),
        Task::succeeded(key(1)).update_time(LONG_AGO_MS + 5000),
    ];
    let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
    let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(fleet).pace(Pace::frozen())).await;
    let journal = stage.create(&stage.path(), &plan(Chosen::Failed, 2, 2), &settings());
    let sent = Record::Sent {
        call: 1,
        at: LONG_AGO_MS,
        not_failed: false,
        unseen: false,
        apart: Vec::new(),
        last_seen,
        devices: vec![Cow::Owned(key(0)), Cow::Owned(key(1))],
    };
    journal.append(&sent).await.unwrap();
    for record in records {
        journal.append(record).await.unwrap();
    }
    journal.close().await.unwrap();
    let finished = finish(stage.resumed(&stage.path())).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    let outcomes = finished.table.standings().map(|standing| standing.outcome).collect();
    Journal::read(&stage.path()).unwrap();
    (stage, outcomes)
}

#[tokio::test]
async fn what_a_killed_process_has_seen_to_leave_failed_is_not_retried_twice() {
    let left = Record::Left {
        at: LONG_AGO_MS,
        devices: vec![Cow::Owned(key(0))],
    };
    let (stage, outcomes) = lost_call(&[left], Vec::new()).await;
    assert_eq!(outcomes, [Some(Outcome::Accepted); 2]);
    assert_eq!(stage.applied(&key(0)), 0);
}

#[tokio::test]
async fn a_change_that_a_killed_process_saw_before_its_call_is_not_the_doing_of_that_call() {
    // It had failed again before the call, which has not been carried out for it, and so for nobody.
    let seen = LastSeen {
        update_time: Some(LONG_AGO_MS + 5000),
        task: None,
    };
    let (stage, outcomes) = lost_call(&[], vec![Some(seen), None]).await;
    assert_eq!(outcomes, [Some(Outcome::Accepted), Some(Outcome::Rejected)]);
    assert_eq!((stage.applied(&key(0)), stage.applied(&key(1))), (1, 0));
}
