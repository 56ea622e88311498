//! A journal comes into being whole, once, and for one process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use enos_ota_campaign::journal::{Journal, JournalError};

use crate::common::{details, in_folder, key, operator, plan, resumed, sent, write};

fn partial(path: &Path) -> PathBuf {
    path.with_file_name("journal.jsonl.partial")
}

#[tokio::test]
async fn a_journal_begins_with_the_plan_and_its_circumstances() {
    let (_folder, path) = in_folder();
    let plan = plan(3);
    write(&path, &plan, &[]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert!(
        lines[0].starts_with(r#"{"record":"begin","schema":"enos-ota/journal/1","plan":{"schema":"enos-ota/plan/1""#)
    );
    assert!(lines[2].starts_with(
        r#"{"deviceKey":"pump-000001","productKey":"pump","fromVersion":"2.3.0","toVersion":"2.4.1","reason":"no \"space\" left","progress":-4,"updateTime":1767323045000,"chain":""#
    ));
    assert!(lines[4].starts_with(r#"{"record":"planned","devices":3,"sha256":""#));

    let told = Journal::read(&path).unwrap();
    assert_eq!(told.begin.base_url, "https://gateway.example");
    assert_eq!(told.begin.settings, details().settings);
    assert_eq!(told.operators, [(1_000, operator("ann@host"))]);
    assert_eq!((told.begin.at_ms, told.last_at_ms, told.last_call), (1_000, 1_000, 0));
    assert_eq!((told.open(), told.torn, told.ended), (3, None, None));
    assert_eq!(told.plan.header(), plan.header());
    for id in plan.devices.ids() {
        assert_eq!(told.plan.devices.key(id), plan.devices.key(id));
        assert_eq!(told.plan.devices.facts(id), plan.devices.facts(id));
    }
    assert!(!partial(&path).exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let (folder, _) = in_folder();
    let path = folder.path().join("state/campaigns/journal.jsonl");
    write(&path, &plan(1), &[]).await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&folder.path().join("state")), 0o700);
}

#[tokio::test]
async fn a_file_that_is_there_is_left_as_it_is() {
    let (_folder, path) = in_folder();
    std::fs::write(&path, "mine").unwrap();
    let error = Journal::create(&path, &plan(1), details()).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    assert!(!partial(&path).exists());
}

#[tokio::test]
async fn what_a_crash_left_of_a_plan_is_written_anew() {
    let (_folder, path) = in_folder();
    std::fs::write(partial(&path), "half a pl").unwrap();
    write(&path, &plan(3), &[]).await;
    assert!(!partial(&path).exists());
    assert_eq!(Journal::read(&path).unwrap().open(), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn a_journal_that_a_crash_left_with_two_names_is_not_written_over() {
    let (folder, path) = in_folder();
    write(&path, &plan(3), &[resumed()]).await;
    std::fs::hard_link(&path, partial(&path)).unwrap();
    // While it is there, no other is begun. When it has been moved away, one is, and it stays.
    let error = Journal::create(&path, &plan(1), details()).unwrap_err();
    assert!(matches!(error, JournalError::Exists { .. }), "{error}");
    let moved = folder.path().join("old.jsonl");
    std::fs::rename(&path, &moved).unwrap();
    write(&path, &plan(1), &[]).await;
    assert_eq!(Journal::read(&moved).unwrap().open(), 3);
    assert_eq!(Journal::read(&path).unwrap().open(), 1);
}

#[test]
fn while_another_process_begins_the_campaign_it_is_not_begun() {
    let (_folder, path) = in_folder();
    let other = File::create_new(partial(&path)).unwrap();
    other.try_lock().unwrap();
    let error = Journal::create(&path, &plan(1), details()).unwrap_err();
    assert!(
        matches!(&error, JournalError::Beginning { path: named } if *named == path),
        "{error}"
    );
    assert!(!path.exists() && partial(&path).exists());
    drop(other);
    Journal::create(&path, &plan(1), details()).unwrap();
}

#[test]
fn of_many_that_begin_at_once_one_does() {
    for round in 0..40 {
        let (_folder, path) = in_folder();
        if round % 2 == 0 {
            std::fs::write(partial(&path), "half a pl").unwrap();
        }
        let begin = Barrier::new(8);
        let plan = plan(50);
        let made: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        begin.wait();
                        Journal::create(&path, &plan, details())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
        for error in made.iter().filter_map(|made| made.as_ref().err()) {
            assert!(
                matches!(error, JournalError::Exists { .. } | JournalError::Beginning { .. }),
                "{error}"
            );
        }
        // Whoever began it has it.
        assert!(matches!(Journal::open(&path), Err(JournalError::Locked { .. })));
        drop(made);
        assert_eq!(Journal::open(&path).unwrap().1.open(), 50);
    }
}

#[tokio::test]
async fn a_second_one_does_not_get_a_journal_that_is_open() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(3), details()).unwrap();
    let locked = || {
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(error, JournalError::Locked { .. }), "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    };
    // The lock went with the file when that got its name.
    locked();
    let clone = journal.clone();
    drop(journal);
    locked();
    clone.append(&sent(1, [0])).await.unwrap();
    clone.close().await.unwrap();

    let (journal, _) = Journal::open(&path).unwrap();
    locked();
    drop(journal);
    Journal::open(&path).unwrap();
}

#[tokio::test]
async fn a_closed_journal_takes_nothing_more() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(3), details()).unwrap();
    let clone = journal.clone();
    clone.append_soon(&sent(1, [0]));
    journal.close().await.unwrap();
    clone.append_soon(&sent(2, [1]));
    let error = clone.append(&sent(3, [2])).await.unwrap_err();
    assert!(matches!(error, JournalError::Closed { .. }), "{error}");
    assert_eq!(Journal::open(&path).unwrap().1.last_call, 1);
    clone.close().await.unwrap();
}

#[tokio::test]
async fn what_is_queued_is_written_also_if_nobody_closes() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(300), details()).unwrap();
    for number in 0..300 {
        journal.append_soon(&sent(number as u64 + 1, [number]));
    }
    drop(journal);
    assert_eq!(Journal::open(&path).unwrap().1.last_call, 300);
}

#[tokio::test]
async fn many_records_at_a_time_share_a_sync() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(1_000), details()).unwrap();
    let records: Vec<_> = (0..1_000).map(|number| sent(number as u64 + 1, [number])).collect();
    let written = futures_util::future::join_all(records.iter().map(|record| journal.append(record))).await;
    assert!(written.iter().all(Result::is_ok));
    let syncs = journal.syncs();
    assert!((1..=250).contains(&syncs), "{syncs}");
    drop(journal);
    let told = Journal::read(&path).unwrap();
    assert_eq!(told.calls.len(), 1_000);
    assert!(
        told.calls.iter().zip(1..).all(|(call, number)| call.call == number),
        "in order"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_queue_holds_up_those_who_write() {
    // More than the queue takes.
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(1_000), details()).unwrap();
    let large = "x".repeat(25_000);
    let record = |number: u64| enos_ota_campaign::journal::Record::Settled {
        at: 1,
        outcome: enos_ota_campaign::Outcome::Skipped,
        code: None,
        message: Some(large.as_str().into()),
        request_id: None,
        elsewhere: false,
        devices: vec![key(usize::try_from(number).unwrap()).into()],
    };
    for number in 0..500 {
        journal.append_soon(&record(number));
    }
    let appends = (500..1_000).map(|number| {
        let (journal, record) = (&journal, record(number));
        async move { journal.append(&record).await }
    });
    let written = futures_util::future::join_all(appends).await;
    assert!(written.iter().all(Result::is_ok));
    journal.close().await.unwrap();
    assert_eq!(Journal::read(&path).unwrap().summary().skipped, 1_000);
}

#[test]
fn a_journal_that_cannot_be_written_is_said_so() {
    let (folder, _) = in_folder();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = Journal::create(&blocked.join("journal.jsonl"), &plan(1), details()).unwrap_err();
    assert!(matches!(&error, JournalError::Io { .. }), "{error}");
    assert!(error.to_string().starts_with(&blocked.display().to_string()), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    // Not a file at all.
    let error = Journal::open(folder.path()).unwrap_err();
    assert!(matches!(&error, JournalError::Io { .. }), "{error}");
}

#[test]
fn a_journal_goes_to_other_threads() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    fn check_future<T: Send>(_: T) {}

    check::<Journal>();
    check::<JournalError>();
    let _ = |journal: Journal| {
        check_future(async move {
            journal.append(&resumed()).await?;
            journal.close().await
        });
    };
}
