//! Runs a campaign to its end, and writes what became of its devices.

use std::path::Path;
use std::sync::Arc;

use enos_ota::RetryTaskErrorCode;
use enos_ota_campaign::drift::Drift;
use enos_ota_campaign::journal::{CallEnd, Journal};
use enos_ota_campaign::{Campaign, Devices, Ending, Event, Finished, Settings};

use super::display::Display;
use super::ending::{self, About};
use super::lines::{DriftCounts, More, line_of, tell_settled};
use super::{command_line, conduct};
use crate::args::{Output, Target};
use crate::config::Sources;
use crate::console;
use crate::exit::{Exit, Followed};
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::results::{DeviceLine, Head, LISTED, Results};
use crate::text::counted;
use crate::upgrades::Upgrades;

/// A campaign that is about to run.
pub(super) struct Run<'a> {
    pub(super) schema: &'static str,
    pub(super) settings: &'a Settings,
    pub(super) output: Output,
    pub(super) job_id: &'a str,
    pub(super) org_id: &'a str,
    pub(super) journal: Option<&'a Path>,
    /// Whether the journal was begun by this run.
    pub(super) is_new: bool,
    /// Whether the devices are real ones, which can be retried once more.
    pub(super) on_platform: bool,
    pub(super) sources: &'a Arc<Sources>,
    pub(super) target: &'a Target,
    pub(super) talkative: bool,
    pub(super) drift: Option<&'a Drift>,
}

impl Run<'_> {
    pub(super) async fn run(self, campaign: Campaign) -> Result<Exit, Failure> {
        let devices = campaign.table().devices().len();
        let talkative =
            self.talkative || devices > LISTED || self.settings.watch.is_some() || self.settings.waves.is_some();
        let mut results = Results::new(self.output, devices);
        tell_settled(&mut results, campaign.table());
        let mut interrupts = Interrupts::listen()?;
        let mut display = Display::new(talkative);
        let open = devices - campaign.table().summary().settled();
        if open > 0 {
            display.announce(format_args!("retrying {}", counted(open, "device")));
        }
        let mut failed_in_wave = 0;
        let tell = |event: &Event, devices: &Devices| match event {
            Event::WaveEnded { failed, .. } => failed_in_wave = *failed,
            Event::Settled {
                devices: settled,
                outcome,
                code,
                message,
                request_id,
            } => {
                for id in settled {
                    results.device(&DeviceLine {
                        device_key: devices.key(*id),
                        outcome: *outcome,
                        code: *code,
                        message: message.as_deref(),
                        request_id: request_id.as_deref(),
                        fate: None,
                        reason: None,
                    });
                }
                results.flush();
            }
            Event::Seen {
                devices: seen,
                fate,
                reason,
            } => {
                for id in seen {
                    results.fate(devices.key(*id), *fate, reason.as_deref());
                }
                results.flush();
            }
            _ => {}
        };
        let finished = conduct::run(campaign, self.settings, &mut display, &mut interrupts, tell).await;
        display.close();
        let finished = finished?;
        self.write_end(&mut results, &finished);
        results.tell_unlisted();
        let journal = match self.journal {
            Some(path) if self.is_new && withdraw(path, &finished) => None,
            journal => journal,
        };
        let about = About {
            report: journal.map(command_line::report),
            resume: journal.map(|path| command_line::resume(path, &self.target.connection)),
            retry: self.on_platform.then(|| command_line::retry(self.job_id, self.target)),
            in_detail: talkative,
            followed: Followed::with(self.settings),
            waves: self.settings.waves.as_ref(),
            failed_in_wave,
            sources: self.sources,
            stop: interrupts.stop(),
        };
        let exit = ending::conclude(&finished, &about);
        results.conclude(exit)
    }

    fn write_end(&self, results: &mut Results, finished: &Finished) {
        let ledger = &finished.table;
        let head = Head {
            schema: self.schema,
            job_id: self.job_id,
            org_id: self.org_id,
            summary: ledger.summary(),
            more: More {
                ending: finished.ending.as_str(),
                fates: Some(Upgrades::of(ledger)).filter(|upgrades| upgrades.seen() > 0),
                elsewhere: ledger.elsewhere(),
                calls: finished.calls,
                journal: self.journal.map(|path| path.to_string_lossy().into_owned()),
                drift: self.drift.map(DriftCounts::of),
            },
        };
        results.end(&head, || ledger.devices().ids().map(|id| line_of(ledger, id)));
    }
}

/// Removes the journal of a campaign that could send nothing at all: there is nothing to resume, and nothing to report.
fn withdraw(path: &Path, finished: &Finished) -> bool {
    let (Ending::Stopped(error) | Ending::GaveUp(error)) = &finished.ending else {
        return false;
    };
    // A job that is not there has no task that could have been retried.
    let no_job = error.code_of::<RetryTaskErrorCode>() == Some(RetryTaskErrorCode::JobNotFound)
        && finished.table.summary().accepted + finished.table.summary().unknown == 0;
    let nothing_was_sent =
        || Journal::read(path).is_ok_and(|journal| journal.calls.iter().all(|call| call.end == Some(CallEnd::NotSent)));
    let gone = (no_job || nothing_was_sent()) && std::fs::remove_file(path).is_ok();
    if gone {
        let done = if no_job {
            "there is no such job"
        } else {
            "nothing was sent"
        };
        console::note(format_args!("{done}, so the journal was removed"));
    }
    gone
}
