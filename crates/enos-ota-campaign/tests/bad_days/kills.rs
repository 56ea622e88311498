//! Processes that are killed, at every record of a journal and in the middle of a write.

use std::fs::OpenOptions;
use std::time::Duration;

use enos_ota_emulator::{AnswerRecord, MixedList, Pace};
use futures_util::stream::{self, StreamExt as _};

use crate::process::{InTime, Orders, Process, Stop, Told, sent_between};
use crate::stage::{Chosen, Stage, fleet, plan, settings};

/// What a kill leaves of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// What was written.
    All,
    /// Only what was on the disk: the power has gone.
    Synced,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) stop: Stop,
    /// Only when the platform has received all calls that the journal lets go.
    pub(crate) when_quiet: bool,
    pub(crate) left: Left,
}

impl Stage {
    pub(crate) fn orders(&self, halt: Option<Stop>, in_time: InTime) -> Orders {
        Orders {
            journal: self.path(),
            base_url: self.emulator.base_url().to_owned(),
            halt,
            in_time,
        }
    }

    /// Lets another process go on with the campaign, and kills it. `false` if the campaign ended before.
    pub(crate) async fn go_on_and_kill(&self, kill: Kill, in_time: InTime) -> bool {
        let before = self.emulator.counters().retry_calls;
        let path = self.path();
        let orders = self.orders(Some(kill.stop), in_time);
        let (process, opened, told) = tokio::task::spawn_blocking(move || {
            let mut process = Process::start(&orders);
            let opened = process.opened();
            let told = process.next();
            (process, opened, told)
        })
        .await
        .unwrap();
        let (synced, told) = match told {
            Some(Told::Halted { synced, told }) => (synced, told),
            Some(Told::Ended { .. }) => return false,
            other => panic!("{kill:?}: {other:?}"),
        };
        if kill.when_quiet {
            let sent = before + sent_between(&path, opened, told) as u64;
            self.wait_until(|| self.emulator.counters().retry_calls >= sent).await;
            self.wait_until(|| self.is_quiet()).await;
        }
        process.kill();
        // What has reached the platform is carried out within the lag.
        self.wait_until(|| self.is_quiet()).await;
        if kill.left == Left::Synced {
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_len(synced).unwrap();
        }
        true
    }

    /// Whether the platform has answered all that it has received.
    pub(crate) fn is_quiet(&self) -> bool {
        let requests = self.emulator.requests();
        requests.iter().all(|request| request.answer != AnswerRecord::Pending)
    }

    pub(crate) async fn wait_until(&self, condition: impl Fn() -> bool) {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

const DEVICES: usize = 180;
const CHUNK: usize = 5;

/// One campaign that is killed as often as there are kills, and then ends.
async fn survive(chosen: Chosen, mixed: MixedList, kills: &[Kill]) -> usize {
    let stage = Stage::set_in_real_time(mixed, |builder| {
        // So that several calls are under way at a time.
        let latency = Duration::from_millis(20);
        builder.fleet(fleet(DEVICES)).pace(Pace::frozen()).latency(latency)
    })
    .await;
    let mut settings = settings();
    settings.lag = Duration::from_millis(60);
    stage.begin(&plan(chosen, DEVICES, CHUNK), &settings).await;
    let mut killed = 0;
    for kill in kills {
        if !stage.go_on_and_kill(*kill, InTime::Real).await {
            break;
        }
        killed += 1;
    }
    stage.complete().await;
    killed
}

/// The kills of one campaign: the first at this record, and some resumed runs are killed as well.
fn kills_at(record: usize, way: usize) -> Vec<Kill> {
    let stop = |record: usize, way: usize| match way % 4 {
        0 => Stop::Writing(record, 0),
        1 => Stop::Writing(record, 37),
        2 => Stop::Writing(record, usize::MAX),
        _ => Stop::Synced(record + 1),
    };
    let kill = |record: usize, way: usize| Kill {
        stop: stop(record, way),
        when_quiet: (record / 4 + way).is_multiple_of(2),
        left: if (record / 8 + way).is_multiple_of(3) {
            Left::Synced
        } else {
            Left::All
        },
    };
    let mut kills = vec![kill(record, way)];
    if (record + way).is_multiple_of(5) {
        kills.push(kill(1 + record % 7, way + 1));
        kills.push(kill(record % 3, way + 2));
    }
    kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_survives_a_kill_at_every_record_and_in_the_middle_of_each() {
    const RECORDS: usize = 72;
    let campaigns = [
        (Chosen::Named, MixedList::Refuse),
        (Chosen::Failed, MixedList::Refuse),
        (Chosen::Named, MixedList::Partial),
        (Chosen::Failed, MixedList::Partial),
    ];
    // Each record is met in every way, by one campaign or another.
    let points = (0..RECORDS).flat_map(|record| (0..campaigns.len()).map(move |campaign| (record, campaign)));
    let killed: usize = stream::iter(points)
        .map(|(record, campaign)| async move {
            let (chosen, mixed) = campaigns[campaign];
            survive(chosen, mixed, &kills_at(record, record + campaign)).await
        })
        .buffer_unordered(10)
        .fold(0, |sum, killed| async move { sum + killed })
        .await;
    println!("killed {killed} times");
    assert!(killed >= RECORDS * campaigns.len(), "{killed}");
}
