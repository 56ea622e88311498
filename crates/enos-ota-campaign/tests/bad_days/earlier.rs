//! Journals that an earlier version has written, cut off after each of their records.
//!
//! The files are as the command of the first format of journals wrote them, against a gateway that lost calls, with kills
//! and with a canary; only the names of user, host and files were replaced, and the chain made anew. They know no `unseen`,
//! `apart`, `lastSeen` and `left`, and no setting `lookup`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use enos_ota_campaign::journal::{Journal, Recovered};
use enos_ota_campaign::{DeviceState, Ending, Outcome};
use enos_ota_emulator::{self as emulated, Fleet, Job, MixedList, Pace, Task};

use crate::stage::{LONG_AGO_MS, ORG, Stage, finish};

fn lines_of(name: &str) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bad_days/earlier")
        .join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| format!("{line}\n")).collect()
}

/// A platform on which the tasks of these devices are failed as they were, but for those that were retried.
async fn stage(recovered: &Recovered) -> Stage {
    let devices = &recovered.plan.devices;
    let accepted = |id| recovered.standing(id).state == DeviceState::Settled(Outcome::Accepted);
    let tasks = devices.ids().map(|id| {
        let key = devices.key(id).to_owned();
        let task = if accepted(id) {
            Task::succeeded(key)
        } else {
            Task::failed(key)
        };
        let updated_ms = devices.facts(id).updated_ms.unwrap_or(LONG_AGO_MS);
        task.update_time(updated_ms).retry_outcome(emulated::Outcome::Succeeds)
    });
    let second = Duration::from_secs(1);
    let job = Job::started(recovered.plan.job_id.as_str()).with_tasks(tasks);
    Stage::set(MixedList::Refuse, |builder| {
        builder
            .fleet(Fleet::new(ORG).job(job))
            .pace(Pace::new(second, second, second))
    })
    .await
}

#[tokio::test]
async fn a_journal_of_an_earlier_version_is_resumed_wherever_it_ends() {
    let mut kinds: HashMap<String, usize> = HashMap::new();
    for name in ["named.jsonl", "selected.jsonl", "refused.jsonl", "waves.jsonl"] {
        let lines = lines_of(name);
        let plan = lines
            .iter()
            .position(|line| line.contains(r#""record":"planned""#))
            .unwrap()
            + 1;
        for line in &lines[plan..] {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            *kinds.entry(record["record"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        for end in plan..=lines.len() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal.jsonl");
            std::fs::write(&path, lines[..end].concat()).unwrap();
            let before = Journal::read(&path).unwrap();
            let stage = stage(&before).await;
            let finished = finish(stage.resumed(&path)).await;
            let told = format!("{name}, after line {end}");
            assert!(
                matches!(finished.ending, Ending::Complete),
                "{told}: {:?}",
                finished.ending
            );
            for id in before.plan.devices.ids() {
                let key = before.plan.devices.key(id);
                let outcome = finished.table.standing(id).outcome.unwrap();
                let applied = stage.emulator.retry_count(before.plan.job_id.as_str(), key);
                let applied = applied.map_or(0, |count| count.applied);
                match before.standing(id).state {
                    DeviceState::Settled(settled) => assert_eq!((outcome, applied), (settled, 0), "{told}: {key}"),
                    // All of them are failed now: what has an outcome has it from a call that was answered.
                    _ => assert!(
                        (outcome, applied) == (Outcome::Accepted, 1) || outcome == Outcome::Unknown,
                        "{told}: {key} is {outcome}, and was retried {applied} times"
                    ),
                }
            }
            Journal::read(&path).unwrap();
        }
    }
    for kind in [
        "sent", "answered", "requeued", "settled", "resumed", "seen", "wave", "ended",
    ] {
        assert!(kinds.contains_key(kind), "{kind}");
    }
}
