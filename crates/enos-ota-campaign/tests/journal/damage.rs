//! What a crash, an editor or a broken copy does to a file.

use std::path::Path;

use enos_ota_campaign::journal::{CallEnd, Journal, JournalError, Record};
use proptest::prelude::*;

use crate::common::{chained, details, in_folder, objects, plan, resumed, sent, write};
use crate::model::example;

const DEVICES: usize = 6;
/// The header, the devices and the line after them.
const PLAN_LINES: usize = DEVICES + 2;

/// A folder in memory where there is one: thousands of syncs are waited for.
fn in_memory() -> (tempfile::TempDir, std::path::PathBuf) {
    tempfile::tempdir_in("/dev/shm").map_or_else(
        |_| in_folder(),
        |folder| {
            let path = folder.path().join("journal.jsonl");
            (folder, path)
        },
    )
}

/// The lines, each with its line feed.
fn lines_of(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

fn read(path: &Path, bytes: &[u8]) -> Result<enos_ota_campaign::journal::Recovered, JournalError> {
    std::fs::write(path, bytes).unwrap();
    Journal::read(path)
}

/// The journal is refused and the error names this line, counted from 1.
fn assert_refused(path: &Path, bytes: &[u8], line: usize) {
    match read(path, bytes) {
        Err(error) => {
            assert_eq!(error.line(), Some(line as u64), "{error}");
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("{}, line {line}: ", path.display())),
                "{text}"
            );
        }
        Ok(told) => panic!("line {line} is passed over: {:?} {:?}", told.summary(), told.torn),
    }
    // Nor is it repaired.
    assert!(Journal::open(path).is_err());
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[tokio::test]
async fn a_journal_that_is_cut_anywhere_loses_no_whole_line() {
    let (_folder, path) = in_memory();
    let models = example(&path, DEVICES, 60).await;
    let whole = std::fs::read(&path).unwrap();
    let lines = lines_of(&whole);
    assert_eq!(lines.len(), PLAN_LINES + 60);
    let mut starts = vec![0];
    for line in &lines {
        starts.push(starts.last().unwrap() + line.len());
    }

    for cut in 0..=whole.len() {
        let bytes = &whole[..cut];
        // Lines of which at most the line feed is missing.
        let kept = starts[1..].iter().take_while(|end| **end <= cut + 1).count();
        let Some(records) = kept.checked_sub(PLAN_LINES) else {
            let error = read(&path, bytes).unwrap_err();
            assert!(
                matches!(
                    error,
                    JournalError::Incomplete { .. } | JournalError::NotAJournal { .. }
                ),
                "{cut}: {error}"
            );
            assert!(error.line().unwrap() <= kept as u64 + 1, "{cut}: {error}");
            continue;
        };
        std::fs::write(&path, bytes).unwrap();
        let torn = cut.saturating_sub(starts[kept]);
        let torn = (torn > 0).then_some((torn as u64, kept as u64 + 1));
        if cut % 5 == 0 {
            let told = Journal::read(&path).unwrap();
            assert_eq!(told.torn.map(|torn| (torn.bytes, torn.line)), torn, "{cut}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "reading changes nothing");
        }
        let (journal, told) = Journal::open(&path).unwrap();
        models[records].assert_told(&told);
        assert_eq!(told.torn.map(|torn| (torn.bytes, torn.line)), torn, "{cut}");
        if cut % 7 == 0 {
            // It goes on as if nothing had happened.
            journal.append(&resumed()).await.unwrap();
            journal.close().await.unwrap();
            let told = Journal::read(&path).unwrap();
            assert_eq!((told.torn, told.resumes), (None, models[records].resumes + 1), "{cut}");
        } else {
            journal.close().await.unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole[..starts[kept]], "{cut}");
        }
    }
}

#[tokio::test]
async fn a_changed_byte_is_found_and_its_line_named() {
    let (_folder, path) = in_memory();
    example(&path, DEVICES, 40).await;
    let whole = std::fs::read(&path).unwrap();
    let lines = lines_of(&whole).len();
    let mut line = 1;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        if line < lines {
            let error = read(&path, &bytes).unwrap_err();
            assert_eq!(error.line(), Some(line as u64), "{error}");
        } else {
            // The last line is torn if it is no JSON any more. It never counts.
            assert_last_does_not_count(&path, &bytes, lines);
        }
        line += usize::from(whole[at] == b'\n');
    }
}

fn assert_last_does_not_count(path: &Path, bytes: &[u8], line: usize) {
    match read(path, bytes) {
        Ok(told) => assert_eq!(told.torn.map(|torn| torn.line), Some(line as u64)),
        Err(error) => assert_eq!(error.line(), Some(line as u64), "{error}"),
    }
}

#[tokio::test]
async fn a_line_that_is_missing_doubled_or_moved_is_found() {
    let (_folder, path) = in_memory();
    example(&path, DEVICES, 60).await;
    let whole = std::fs::read(&path).unwrap();
    let lines = lines_of(&whole);
    for index in 0..lines.len() {
        let mut doubled = lines.clone();
        doubled.insert(index, lines[index]);
        assert_refused(&path, &doubled.concat(), index + 2);
        if index + 1 < lines.len() {
            let mut missing = lines.clone();
            missing.remove(index);
            assert_refused(&path, &missing.concat(), index + 1);
        }
        for other in index + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(index, other);
            assert_refused(&path, &swapped.concat(), index + 1);
        }
        let mut blank = lines.clone();
        blank.insert(index, b"\n");
        assert_refused(&path, &blank.concat(), index + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_edit_is_passed_over(
        at in any::<prop::sample::Index>(),
        remove in 0_usize..40,
        insert in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let (_folder, path) = in_memory();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(example(&path, DEVICES, 20));
        let whole = std::fs::read(&path).unwrap();
        let at = at.index(whole.len());
        let mut edited = whole.clone();
        edited.splice(at..(at + remove).min(whole.len()), insert);
        // The last bytes may be missing: that is a tear.
        if whole.starts_with(&edited) {
            return Ok(());
        }
        let same = edited.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        let line = edited[..same].split(|byte| *byte == b'\n').count();
        let last = lines_of(&whole).len();
        match read(&path, &edited) {
            Err(error) => prop_assert_eq!(error.line(), Some(line as u64), "{}", error),
            // Only a last line can be taken for torn.
            Ok(told) => {
                prop_assert!(line >= last || !edited[same..].contains(&b'\n') || edited[same..].ends_with(b"\n"));
                prop_assert_eq!(told.torn.map(|torn| torn.line), Some(line as u64));
            }
        }
    }
}

#[tokio::test]
async fn a_last_line_that_is_whole_and_does_not_follow_is_an_edit() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[sent(1, 0..2), resumed()]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_refused(&path, text.replace("bob@", "rob@").as_bytes(), 7);
    assert_refused(&path, text.replace("bob@", "rob@").trim_end().as_bytes(), 7);
}

#[tokio::test]
async fn zeros_at_the_end_are_a_torn_line() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[sent(1, 0..2)]).await;
    let mut bytes = std::fs::read(&path).unwrap();
    let whole = bytes.clone();
    bytes.extend([0; 4096]);
    let told = read(&path, &bytes).unwrap();
    assert_eq!(told.torn.map(|torn| (torn.bytes, torn.line)), Some((4096, 7)));
    drop(Journal::open(&path).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[tokio::test]
async fn a_line_feed_that_an_editor_took_away_is_put_back() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[sent(1, 0..2)]).await;
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (journal, told) = Journal::open(&path).unwrap();
    assert_eq!((told.torn, told.last_call), (None, 1));
    drop(journal);
    assert_eq!(std::fs::read(&path).unwrap(), whole);
}

#[tokio::test]
async fn the_chain_is_as_documented() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[sent(1, 0..2), resumed()]).await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(chained(objects(&text)), text);
}

#[tokio::test]
async fn a_journal_of_a_newer_version_is_refused_with_these_words() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[resumed()]).await;
    let text = std::fs::read_to_string(&path).unwrap();

    let newer = text.replacen("enos-ota/journal/1", "enos-ota/journal/2", 1);
    assert_refused(&path, newer.as_bytes(), 1);
    let error = Journal::read(&path).unwrap_err();
    assert!(matches!(&error, JournalError::NewerSchema { schema, .. } if schema == "enos-ota/journal/2"));
    assert!(error.to_string().contains("a newer enos-ota wrote it"), "{error}");

    for line in [
        r#"{"record":"paused","at":1}"#,
        r#"{"record":"seen","at":1,"fate":"lost","devices":[]}"#,
        r#"{"at":1}"#,
    ] {
        let mut lines = objects(&text);
        lines.insert(5, line.to_owned());
        assert_refused(&path, chained(lines).as_bytes(), 6);
        let error = Journal::read(&path).unwrap_err();
        assert!(matches!(&error, JournalError::NewerRecord { .. }), "{error}");
        assert!(error.to_string().contains("a newer enos-ota wrote it"), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn what_is_no_journal_is_told_from_one() {
    let (_folder, path) = in_folder();
    for bytes in [
        &b""[..],
        b"\n",
        b"pump-000001\n",
        br#"{"schema":"enos-ota/plan/1"}"#,
        &[0; 5000],
    ] {
        assert_refused(&path, bytes, 1);
        let error = Journal::read(&path).unwrap_err();
        assert!(matches!(error, JournalError::NotAJournal { empty, .. } if empty == bytes.is_empty()));
    }
    std::fs::remove_file(&path).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(&error, JournalError::Io { doing: "open", .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn a_plan_that_is_chained_and_wrong_is_refused() {
    let (_folder, path) = in_folder();
    write(&path, &plan(3), &[]).await;
    let lines = objects(&std::fs::read_to_string(&path).unwrap());
    let with = |index: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[index].contains(from), "{}", lines[index]);
        lines[index] = lines[index].replace(from, to);
        chained(lines)
    };
    // Another device than the hash was made of; the same one twice; a list that goes on, or ends too soon.
    for (text, line) in [
        (with(1, "pump-000000", "pump-0"), 1),
        (with(2, "pump-000001", "pump-000000"), 3),
        (with(0, r#""devices":3"#, r#""devices":2"#), 4),
        (with(0, r#""devices":3"#, r#""devices":4"#), 5),
        (with(4, r#""devices":3"#, r#""devices":4"#), 5),
        (with(0, "2026-01-02T", "yesterday"), 1),
    ] {
        assert_refused(&path, text.as_bytes(), line);
    }
    // The untouched ones are fine.
    assert!(read(&path, chained(&lines).as_bytes()).is_ok());
}

#[tokio::test]
async fn a_running_campaign_can_be_looked_at() {
    let (_folder, path) = in_folder();
    let journal = Journal::create(&path, &plan(3), crate::common::details()).unwrap();
    for (call, expected) in [(1, 1), (2, 2)] {
        let number = usize::try_from(call).unwrap();
        journal.append(&sent(call, [number])).await.unwrap();
        if cfg!(windows) {
            assert!(matches!(Journal::read(&path), Err(JournalError::Locked { .. })));
        } else {
            assert_eq!(Journal::read(&path).unwrap().last_call, expected);
        }
    }
    let answer: Record<'_> = crate::common::answered(2, CallEnd::Lost);
    journal.append(&answer).await.unwrap();
    journal.close().await.unwrap();
    assert_eq!(Journal::read(&path).unwrap().calls_that_ended(Some(CallEnd::Lost)), 1);
}

#[tokio::test]
async fn a_journal_that_is_removed_or_cut_while_it_is_written_breaks() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 2] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("changed", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(100).unwrap();
        }),
    ];
    for (word, harm) in harms {
        let (_folder, path) = in_folder();
        let journal = Journal::create(&path, &plan(3), details()).unwrap();
        journal.append(&sent(1, [0])).await.unwrap();
        harm(&path);
        let error = journal.append(&sent(2, [1])).await.unwrap_err();
        let text = std::error::Error::source(&error).unwrap().to_string();
        assert!(text.contains(word), "{text}");
        assert!(journal.close().await.is_err());
    }
}
