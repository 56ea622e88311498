//! Journals that are not what they should be, and processes that want the same one.

use std::path::Path;

use enos_ota_campaign::journal::{Journal, JournalError};
use enos_ota_campaign::{Ending, Event};
use enos_ota_emulator::{MixedList, Pace};

use crate::process::{InTime, Process, Stop, Told};
use crate::stage::{Chosen, Stage, failed_of, finish, finish_with, fleet, operator, plan, settings};

const DEVICES: usize = 100;
const CHUNK: usize = 5;

async fn stage() -> Stage {
    Stage::set(MixedList::Refuse, |builder| {
        builder.fleet(fleet(DEVICES)).pace(Pace::frozen())
    })
    .await
}

/// A campaign that was stopped after some calls.
async fn half_done(stage: &Stage) {
    let campaign = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings());
    let mut answers = 0;
    let finished = finish_with(campaign, |event, running| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 8 {
                running.controller().drain();
            }
        }
    })
    .await;
    assert!(matches!(finished.ending, Ending::Interrupted), "{:?}", finished.ending);
}

fn refused(path: &Path) -> JournalError {
    let before = std::fs::read(path).unwrap();
    let error = Journal::open(path).unwrap_err();
    assert_eq!(Journal::read(path).unwrap_err().to_string(), error.to_string());
    assert_eq!(std::fs::read(path).unwrap(), before, "the file was changed");
    error
}

#[tokio::test]
async fn a_journal_that_cannot_be_believed_is_refused_and_left_as_it_is() {
    let stage = stage().await;
    half_done(&stage).await;
    let path = stage.path();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let number = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap() as u64 + 1;

    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&text.replacen("enos-ota/journal/1", "enos-ota/journal/2", 1));
    assert!(matches!(refused(&path), JournalError::NewerSchema { schema, .. } if schema == "enos-ota/journal/2"));

    // Somebody wants a device that was accepted to be sent again.
    write(&text.replacen(r#""end":"accepted""#, r#""end":"notSent""#, 1));
    let error = refused(&path);
    assert_eq!(error.line(), Some(number(r#""end":"accepted""#)), "{error}");
    assert!(matches!(error, JournalError::Edited { .. }), "{error}");
    // Or takes the call out.
    let sent = number(r#""record":"sent""#);
    let mut without = lines.clone();
    without.remove(usize::try_from(sent).unwrap() - 1);
    write(&(without.join("\n") + "\n"));
    assert_eq!(refused(&path).line(), Some(sent));

    write("");
    assert!(matches!(refused(&path), JournalError::NotAJournal { empty: true, .. }));
    write("a film, not a journal");
    assert!(matches!(refused(&path), JournalError::NotAJournal { empty: false, .. }));
    std::fs::remove_file(&path).unwrap();
    plan(Chosen::Named, DEVICES, CHUNK).save(&path, false).unwrap();
    assert!(matches!(refused(&path), JournalError::NotAJournal { empty: false, .. }));

    write(&text);
    stage.complete().await;
}

#[tokio::test]
async fn a_last_line_that_is_cut_anywhere_costs_no_device() {
    let stage = stage().await;
    half_done(&stage).await;
    let path = stage.path();
    let whole = std::fs::read(&path).unwrap();
    let last_sent = {
        let text = std::str::from_utf8(&whole).unwrap();
        let at = text.rfind(r#"{"record":"answered""#).unwrap();
        at..at + text[at..].find('\n').unwrap()
    };
    // The call has been made, and of its answer only a part was written.
    for cut in [
        last_sent.start + 1,
        last_sent.start + 40,
        last_sent.end - 1,
        last_sent.end,
    ] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (journal, recovered) = Journal::open(&path).unwrap();
        assert_eq!(recovered.torn.is_some(), cut < last_sent.end);
        journal.close().await.unwrap();
    }
    std::fs::write(&path, &whole[..last_sent.start + 40]).unwrap();
    stage.complete().await;
}

#[tokio::test]
async fn a_campaign_whose_journal_is_removed_sends_nothing_more_and_says_so() {
    let stage = stage().await;
    let campaign = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings());
    let mut answers = 0;
    let finished = finish_with(campaign, |event, _| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 8 {
                std::fs::remove_file(stage.path()).unwrap();
            }
        }
    })
    .await;
    let Ending::Journal(error) = &finished.ending else {
        panic!("{:?}", finished.ending)
    };
    let source = std::error::Error::source(error).unwrap().to_string();
    assert_eq!(source, "somebody has removed the file");
    stage.check(&finished.table);
    assert!(stage.retried() < failed_of(DEVICES));
}

#[tokio::test]
async fn no_device_is_retried_twice_although_an_old_copy_of_the_journal_takes_its_place() {
    // Resumed after the end of the first campaign, and while it runs.
    for meanwhile in [false, true] {
        let stage = stage().await;
        let path = stage.path();
        let copy = path.with_extension("copy");
        let mut answers = 0;
        let mut other = None;
        let campaign = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings());
        let finished = finish_with(campaign, |event, _| {
            if let Event::Answered { .. } = event {
                answers += 1;
                if answers == 8 {
                    std::fs::copy(&path, &copy).unwrap();
                    std::fs::rename(&copy, &path).unwrap();
                    if meanwhile {
                        // The lock has stayed with the file that has no name any more.
                        other = Some(tokio::spawn(finish(stage.resumed(&path))));
                    }
                }
            }
        })
        .await;
        // Its own file has no name any more.
        assert!(matches!(finished.ending, Ending::Journal(_)), "{:?}", finished.ending);
        let other = match other {
            Some(other) => other.await.unwrap(),
            None => finish(stage.resumed(&path)).await,
        };
        assert!(matches!(other.ending, Ending::Complete), "{:?}", other.ending);
        for id in finished.table.devices().ids() {
            let key = finished.table.devices().key(id);
            assert!(stage.applied(key) <= 1, "{key}");
        }
        assert!(finished.table.summary().adds_up() && other.table.summary().adds_up());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_the_second_gets_the_journal_when_the_first_has_gone() {
    let stage = stage().await;
    let path = stage.begin(&plan(Chosen::Named, DEVICES, CHUNK), &settings()).await;
    let locked = JournalError::Locked { path: path.clone() }.to_string();
    for round in 0..3 {
        let first = stage.orders(Some(Stop::Writing(round + 4, 10)), InTime::Virtual);
        let second = stage.orders(None, InTime::Virtual);
        let first = tokio::task::spawn_blocking(move || {
            let mut first = Process::start(&first);
            first.opened();
            assert!(matches!(first.next(), Some(Told::Halted { .. })));
            let told = Process::start(&second).next();
            (first, told)
        });
        let (first, told) = first.await.unwrap();
        assert_eq!(told, Some(Told::CannotOpen { error: locked.clone() }));
        assert_eq!(Journal::open(&path).unwrap_err().to_string(), locked);
        // To look is allowed.
        Journal::read(&path).unwrap();
        first.kill();
    }
    stage.complete().await;
}

#[tokio::test]
async fn within_one_process_a_journal_is_opened_once_too() {
    let stage = stage().await;
    let running = stage.campaign(plan(Chosen::Named, DEVICES, CHUNK), settings()).start();
    assert!(matches!(Journal::open(&stage.path()), Err(JournalError::Locked { .. })));
    let begin = enos_ota_campaign::journal::BeginDetails {
        by: operator(),
        ..Default::default()
    };
    let again = Journal::create(&stage.path(), &plan(Chosen::Named, DEVICES, CHUNK), begin);
    assert!(matches!(again, Err(JournalError::Exists { .. })));
    let finished = running.finish().await.unwrap();
    stage.check_journal(&stage.path(), &finished.table);
}
