//! A disk that is full.

use std::path::Path;

use enos_ota_campaign::journal::{CallEnd, Journal};
use enos_ota_emulator::{MixedList, Pace};

use crate::process::{InTime, Process, Told};
use crate::stage::{Chosen, Stage, fleet, plan, settings};

const DEVICES: usize = 160;

impl Stage {
    /// Goes on with the campaign in a process whose files may have so many blocks, and tells how it ended.
    async fn go_on_limited(&self, blocks: u64) -> (String, String) {
        let orders = self.orders(None, InTime::Virtual);
        let told = tokio::task::spawn_blocking(move || {
            let mut process = Process::start_limited(&orders, Some(blocks));
            process.opened();
            process.next()
        });
        match told.await.unwrap() {
            Some(Told::Ended { how, message, .. }) => (how, message),
            other => panic!("{other:?}"),
        }
    }
}

fn length(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_disk_is_full_nothing_more_is_sent_and_with_space_the_campaign_goes_on() {
    for more in 0..12 {
        let mixed = [MixedList::Refuse, MixedList::Partial][more % 2];
        let chosen = [Chosen::Named, Chosen::Failed][more / 2 % 2];
        let stage = Stage::set(mixed, |builder| builder.fleet(fleet(DEVICES)).pace(Pace::frozen())).await;
        // Lists so short that the records take more room than the plan: whether a block has 512 bytes or 1 KiB, the disk
        // is full somewhere between.
        let path = stage.begin(&plan(chosen, DEVICES, 2), &settings()).await;
        let planned = length(&path);
        let blocks = planned.div_ceil(512) + 1 + more as u64;
        // The second process has no more room than the first.
        for _ in 0..2 {
            let (how, message) = stage.go_on_limited(blocks).await;
            assert_eq!(how, "journal", "{message}");
            assert!(
                message.contains("FileTooLarge") || message.contains("File too large"),
                "{message}"
            );
            // All calls that were written down have been made, and no others.
            let recovered = Journal::read(&path).unwrap();
            assert_eq!(recovered.torn, None);
            assert_eq!(stage.emulator.counters().retry_calls, recovered.calls.len() as u64);
            let unanswered = recovered.calls_that_ended(None);
            assert!(unanswered <= 8, "{unanswered}");
            assert!(recovered.calls_that_ended(Some(CallEnd::Lost)) == 0);
        }
        stage.complete().await;
    }
}
