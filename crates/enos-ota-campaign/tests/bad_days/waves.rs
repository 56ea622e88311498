//! Campaigns that begin with a few devices, and are killed while these are watched.

use std::collections::HashMap;
use std::time::Duration;

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::Journal;
use enos_ota_campaign::{Devices, Ending, Event, Fate, Outcome, Plan, Selection, Settings, TaskFacts, WaveSize, Waves};
use enos_ota_emulator::{self as emulated, Fleet, Job, MixedList, Task};

use crate::kills::{Kill, Left};
use crate::process::{InTime, Stop};
use crate::stage::{
    BEGAN_MS, Chosen, JOB, LONG_AGO_MS, ORG, Stage, finish, finish_with, fleet, job_id, key, plan, settings,
};

const DEVICES: usize = 60;
const CHUNK: usize = 5;

fn in_waves() -> Settings {
    let mut settings = settings();
    settings.waves = Some(Waves {
        steps: vec![WaveSize::Devices(6), WaveSize::Devices(20)],
        success_percent: 50.0,
        timeout: Duration::from_hours(1),
    });
    settings
}

/// Whether no wave was judged twice, and none was sent before the one before it had passed.
fn check_order(stage: &Stage) {
    let recovered = Journal::read(&stage.path()).unwrap();
    let waves: Vec<_> = recovered.waves.iter().map(|wave| (wave.wave, wave.passed)).collect();
    assert_eq!(waves, [(1, true), (2, true)]);
    let text = std::fs::read_to_string(stage.path()).unwrap();
    let mut passed = 0;
    let mut wave_of: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        match line["record"].as_str() {
            Some("wave") => passed += 1,
            Some("sent") => {
                for device in line["devices"].as_array().unwrap() {
                    wave_of.entry(device.as_str().unwrap().to_owned()).or_insert(passed);
                }
            }
            _ => {}
        }
    }
    let in_wave = |wave| wave_of.values().filter(|of| **of == wave).count();
    assert_eq!((in_wave(0), in_wave(1), in_wave(2)), (6, 14, 40));
}

/// Kills a campaign at this record, and lets another process complete it. Tells how many waves had been judged; `None`
/// if the campaign has fewer records.
async fn killed_at(record: usize) -> Option<usize> {
    let stage = Stage::set(MixedList::Refuse, |builder| {
        builder.fleet(fleet(DEVICES)).stale_reads(Duration::from_secs(2))
    })
    .await;
    let chosen = [Chosen::Named, Chosen::Failed][record % 2];
    stage.begin(&plan(chosen, DEVICES, CHUNK), &in_waves()).await;
    let kill = Kill {
        stop: Stop::Writing(record, [0, 60][record / 2 % 2]),
        when_quiet: record.is_multiple_of(3),
        left: Left::All,
    };
    let killed = stage.go_on_and_kill(kill, InTime::Virtual).await;
    let judged = Journal::read(&stage.path()).unwrap().waves.len();
    stage.complete().await;
    check_order(&stage);
    killed.then_some(judged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wave_is_judged_once_whenever_the_process_that_watches_it_is_killed() {
    const AT_A_TIME: usize = 6;
    let mut killed_in = [0; 3];
    for first in (0..).step_by(AT_A_TIME) {
        let tasks = (first..first + AT_A_TIME).map(|record| tokio::spawn(killed_at(record)));
        let mut ended = 0;
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Some(judged) => killed_in[judged] += 1,
                None => ended += 1,
            }
        }
        if ended == AT_A_TIME {
            break;
        }
    }
    assert!(killed_in.iter().all(|times| *times >= 4), "{killed_in:?}");
}

#[tokio::test]
async fn a_canary_that_was_too_slow_is_judged_again_when_the_campaign_is_resumed() {
    // One at a time: it takes long.
    let job = Job::started(JOB).maximum_concurrency(1);
    let tasks = (0..DEVICES).map(|number| {
        Task::failed(key(number))
            .update_time(LONG_AGO_MS)
            .retry_outcome(emulated::Outcome::Succeeds)
    });
    let slow = Fleet::new(ORG).job(job.with_tasks(tasks));
    let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(slow)).await;
    let mut settings = in_waves();
    let waves = settings.waves.as_mut().unwrap();
    waves.success_percent = 100.0;
    waves.timeout = Duration::from_secs(70);
    let mut runs = 0;
    let mut finished = finish(stage.campaign(plan(Chosen::Failed, DEVICES, CHUNK), settings)).await;
    while let Ending::WaveFailed { wave, accepted, .. } = finished.ending {
        stage.check(&finished.table);
        assert_eq!(accepted, [6, 14][wave - 1]);
        assert_eq!(finished.table.summary().accepted, [6, 20][wave - 1]);
        assert_eq!(finished.open, DEVICES - finished.table.summary().accepted);
        runs += 1;
        finished = finish(stage.resumed(&stage.path())).await;
    }
    assert!(runs >= 2, "{runs}");
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    stage.check(&finished.table);
    let recovered = stage.check_journal(&stage.path(), &finished.table);
    let passed: Vec<_> = recovered
        .waves
        .iter()
        .filter(|wave| wave.passed)
        .map(|wave| wave.wave)
        .collect();
    assert_eq!(passed, [1, 2]);
}

#[tokio::test]
async fn a_device_that_was_accepted_an_hour_before_the_resume_and_failed_again_is_told_as_that() {
    // The facts of named devices are not known.
    for chosen in [Chosen::Named, Chosen::Failed] {
        let tasks = (0..DEVICES).map(|number| {
            Task::failed(key(number))
                .update_time(LONG_AGO_MS)
                .retry_failure(-3, "no space left")
        });
        let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
        let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(fleet)).await;
        let mut settings = settings();
        settings.watch = Some(Duration::from_mins(10));
        let campaign = stage.campaign(plan(chosen, DEVICES, CHUNK), settings);
        let finished = finish_with(campaign, |event, running| {
            if let Event::Following { .. } = event {
                running.controller().drain();
            }
        })
        .await;
        assert_eq!(finished.table.summary().accepted, DEVICES);
        stage.advance(Duration::from_hours(1));
        let finished = finish(stage.resumed(&stage.path())).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        for id in finished.table.devices().ids() {
            let standing = finished.table.standing(id);
            assert_eq!(standing.fate, Fate::FailedAgain, "{chosen:?}");
            assert_eq!(standing.failed_again, Some("no space left"));
        }
        stage.check_journal(&stage.path(), &finished.table);
    }
}

#[tokio::test]
async fn a_device_that_was_retried_in_doubt_and_failed_again_before_the_resume_is_not_retried_again() {
    let tasks = (0..DEVICES).map(|number| {
        Task::failed(key(number))
            .update_time(LONG_AGO_MS)
            .retry_failure(-3, "no space left")
    });
    let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
    let stage = Stage::set(MixedList::Refuse, |builder| builder.fleet(fleet)).await;
    let mut devices = Devices::new();
    let facts = TaskFacts {
        updated_ms: Some(LONG_AGO_MS),
        ..TaskFacts::default()
    };
    for number in 0..DEVICES {
        devices.push(&key(number), &facts).unwrap();
    }
    let chunk = CHUNK.try_into().unwrap();
    let plan = Plan::new(
        job_id(),
        ORG.parse().unwrap(),
        Selection::default(),
        chunk,
        BEGAN_MS,
        devices,
    );
    let campaign = stage.campaign(plan, settings());
    let lost = emulated::Fault::cut_after_applying().times(4);
    let mut answers = 0;
    let finished = finish_with(campaign, |event, running| {
        if let Event::Answered { .. } = event {
            answers += 1;
            if answers == 2 {
                stage.emulator.faults().push(lost.clone());
            }
            if answers == 4 {
                running.controller().drain();
            }
        }
    })
    .await;
    stage.check(&finished.table);
    assert!(finished.table.summary().unknown > 0);
    let recovered = Journal::read(&stage.path()).unwrap();
    stage.emulator.faults().clear();
    stage.advance(Duration::from_hours(1));
    let finished = finish(stage.resumed(&stage.path())).await;
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    stage.check(&finished.table);
    for id in finished.table.devices().ids() {
        if matches!(recovered.standing(id).state, DeviceState::InDoubt { .. }) {
            assert_eq!(finished.table.standing(id).outcome, Some(Outcome::Accepted));
        }
    }
}
