//! Carries out a plan, or goes on with one, and writes what became of its devices.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use enos_ota::{Clock as _, RetryTaskErrorCode, SystemClock};
use enos_ota_campaign::drift::Drift;
use enos_ota_campaign::journal::{BeginDetails, CallEnd, Journal, Recovered};
use enos_ota_campaign::rehearsal::Stage;
use enos_ota_campaign::{
    Calls, Campaign, DeviceId, DeviceTable, Devices, Ending, Event, Fate, Finished, Outcome, Plan, Settings, Summary,
};
use serde::Serialize;

use super::budget::HeldBack;
use super::display::Display;
use super::ending::{self, About};
use super::select::Chosen;
use super::{conduct, journals, overview, settings_of};
use crate::args::{Consent, HowToRetry, Output, Target};
use crate::config::Sources;
use crate::consent;
use crate::console;
use crate::exit::{Exit, Followed};
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::json;
use crate::results::{DeviceLine, Head, LISTED, Results};
use crate::session::Session;
use crate::text::{counted, visible};
use crate::upgrades::Upgrades;

const SCHEMA: &str = "enos-ota/retry/1";
/// Not to be taken for what was really done.
const REHEARSAL: &str = "enos-ota/rehearsal/1";

/// What is asked for besides the devices.
pub(crate) struct Request<'a> {
    pub(crate) how: &'a HowToRetry,
    pub(crate) target: &'a Target,
    pub(crate) output: Output,
    pub(crate) dry_run: bool,
    /// Whether devices of which nothing is known are looked up before they are sent.
    pub(crate) lookup: bool,
    /// Whether the devices were not named, so that people have to be shown which these are, and asked.
    pub(crate) selected: Option<&'a Consent>,
    pub(crate) drift: Option<&'a Drift>,
}

/// Retries the devices of a plan.
pub(crate) async fn carry_out(session: &Session, chosen: Chosen, request: &Request<'_>) -> Result<Exit, Failure> {
    let mut settings = settings_of(request.how, &request.target.connection);
    settings.lookup = request.lookup;
    let held_back = HeldBack::of(request.how, &chosen.plan)?;
    if request.dry_run {
        return show(&chosen, &held_back, &settings, request.output);
    }
    if chosen.plan.devices.is_empty() {
        if let Some(left_out) = overview::left_out(&chosen.plan) {
            console::note(left_out);
            console::hint(format_args!(
                "why they failed: {} --dry-run",
                journals::retry_command(chosen.plan.job_id.as_str(), request.target)
            ));
        }
        console::note(overview::nothing(&chosen.plan));
        return unsent(request.output, &chosen.plan, "").map(|()| Exit::Success);
    }
    if let Some(consent) = request.selected {
        console::note(overview::of(&chosen, &held_back, &settings, console::columns()));
        // The fleet of the emulator is there to be tried on.
        if !request.target.connection.emulator {
            consent::ask(
                consent,
                &format!(
                    "retry {} of the job {}",
                    counted(chosen.plan.devices.len() - held_back.len(), "device"),
                    chosen.plan.job_id.as_str()
                ),
            )?;
        }
    }
    let plan = chosen.plan;
    // With credentials that are refused nothing can be sent, so there is nothing to write down.
    if let Err(error) = session.client.token_source().token().await
        && Exit::of_error(&error) == Exit::Denied
    {
        let failure = session.failed(error);
        unsent(request.output, &plan, &failure.to_string())?;
        return Err(failure);
    }
    let begin = BeginDetails {
        base_url: session.base_url.clone(),
        by: journals::operator(),
        at_ms: SystemClock.now_ms(),
        settings: serde_json::to_value(&settings).map_err(io::Error::from)?,
    };
    let journal = match journals::create(request.how, request.target.connection.emulator, &plan, &begin) {
        Ok(journal) => journal,
        Err(failure) => {
            unsent(request.output, &plan, &failure.to_string())?;
            return Err(failure);
        }
    };
    if let Some(journal) = &journal {
        console::note(format_args!("journal: {}", visible(&journal.path().to_string_lossy())));
    }
    let path = journal.as_ref().map(|journal| journal.path().to_owned());
    let (job_id, org_id) = (plan.job_id.clone(), plan.org_id.clone());
    let mut campaign = Campaign::new(&session.client, plan, settings.clone());
    if let Some(journal) = journal {
        campaign = campaign.journal(journal);
    }
    held_back.settle(&mut campaign);
    Run {
        schema: SCHEMA,
        settings: &settings,
        output: request.output,
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        journal: path.as_deref(),
        is_new: true,
        on_platform: !request.target.connection.emulator,
        sources: &session.sources,
        target: request.target,
        talkative: request.selected.is_some(),
        drift: request.drift,
    }
    .run(campaign)
    .await
}

/// Goes on with a journal.
pub(crate) async fn resume(
    session: &Session,
    journal: Journal,
    recovered: Recovered,
    target: &Target,
    output: Output,
) -> Result<Exit, Failure> {
    let unreadable = |error: serde_json::Error| {
        Failure::usage(format!(
            "{}: the settings in the journal cannot be read: {error}",
            journal.path().display()
        ))
        .with_hint("a newer enos-ota may have written it; use that one")
    };
    let settings: Settings = serde_json::from_value(recovered.begin.settings.clone()).map_err(unreadable)?;
    let path = journal.path().to_owned();
    let (job_id, org_id) = (recovered.plan.job_id.clone(), recovered.plan.org_id.clone());
    let by = journals::operator();
    let campaign = Campaign::resume(&session.client, journal.clone(), recovered, by).map_err(unreadable)?;
    drop(journal);
    Run {
        schema: SCHEMA,
        settings: &settings,
        output,
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        journal: Some(&path),
        is_new: false,
        on_platform: true,
        sources: &session.sources,
        target,
        talkative: true,
        drift: None,
    }
    .run(campaign)
    .await
}

/// Retries the devices of a plan on an emulator with the tasks of the job.
pub(crate) async fn rehearse(
    session: &Session,
    stage: &Stage,
    plan: Plan,
    how: &HowToRetry,
    target: &Target,
    output: Output,
) -> Result<Exit, Failure> {
    let settings = settings_of(how, &target.connection);
    let held_back = HeldBack::of(how, &plan)?;
    let (job_id, org_id) = (plan.job_id.clone(), plan.org_id.clone());
    let mut campaign = stage.campaign(plan, settings.clone());
    held_back.settle(&mut campaign);
    Run {
        schema: REHEARSAL,
        settings: &settings,
        output,
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        journal: None,
        is_new: false,
        on_platform: false,
        sources: &session.sources,
        target,
        talkative: true,
        drift: None,
    }
    .run(campaign)
    .await
}

/// Shows what would be done.
fn show(chosen: &Chosen, held_back: &HeldBack, settings: &Settings, output: Output) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match output {
        Output::Text => {
            let text = overview::of(chosen, held_back, settings, columns_of_output());
            anstream::AutoStream::auto(&mut out).write_all(text.as_bytes())?;
        }
        Output::Json | Output::Jsonl => {
            json::print(&mut out, &chosen.plan.header())?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

/// The columns of a text on standard output.
pub(crate) fn columns_of_output() -> usize {
    if io::stdout().is_terminal() {
        console::columns()
    } else {
        100
    }
}

/// Tells scripts that no device was sent, and why.
pub(crate) fn unsent(output: Output, plan: &Plan, why: &str) -> Result<(), Failure> {
    if output == Output::Text {
        return Ok(());
    }
    let message = format!("not sent: {why}");
    let line = |id: DeviceId| DeviceLine {
        device_key: plan.devices.key(id),
        outcome: Outcome::Skipped,
        code: None,
        message: Some(&message),
        request_id: None,
        fate: None,
        reason: None,
    };
    let mut results = Results::new(output, plan.devices.len());
    for id in plan.devices.ids() {
        results.device(&line(id));
    }
    let mut summary = Summary {
        requested: plan.devices.len(),
        ..Summary::default()
    };
    summary.add(Outcome::Skipped, plan.devices.len());
    let head = Head {
        schema: SCHEMA,
        job_id: plan.job_id.as_str(),
        org_id: plan.org_id.as_str(),
        summary,
        more: crate::results::NoMore {},
    };
    results.end(&head, || plan.devices.ids().map(line));
    results.conclude(Exit::Success).map(|_| ())
}

/// A campaign that is about to run.
struct Run<'a> {
    schema: &'static str,
    settings: &'a Settings,
    output: Output,
    job_id: &'a str,
    org_id: &'a str,
    journal: Option<&'a Path>,
    /// Whether the journal was begun by this run.
    is_new: bool,
    /// Whether the devices are real ones, which can be retried once more.
    on_platform: bool,
    sources: &'a Arc<Sources>,
    target: &'a Target,
    talkative: bool,
    drift: Option<&'a Drift>,
}

impl Run<'_> {
    async fn run(self, campaign: Campaign) -> Result<Exit, Failure> {
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
        let tell = |event: &Event, devices: &Devices| match event {
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
            report: journal.map(journals::report_command),
            resume: journal.map(|path| journals::resume_command(path, &self.target.connection)),
            retry: self
                .on_platform
                .then(|| journals::retry_command(self.job_id, self.target)),
            in_detail: talkative,
            followed: Followed::with(self.settings),
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
                calls: CallCounts::of(&finished.calls),
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

/// Tells of the devices that have their outcome before anything is sent.
fn tell_settled(results: &mut Results, ledger: &DeviceTable) {
    if ledger.summary().settled() == 0 {
        return;
    }
    for id in ledger.devices().ids() {
        if ledger.standing(id).outcome.is_some() {
            results.device(&line_of(ledger, id));
        }
    }
    results.flush();
}

fn line_of(ledger: &DeviceTable, id: DeviceId) -> DeviceLine<'_> {
    let standing = ledger.standing(id);
    DeviceLine {
        device_key: ledger.devices().key(id),
        // Every device has one when a campaign has ended.
        outcome: standing.outcome.unwrap_or(Outcome::Skipped),
        code: standing.code,
        message: standing.message,
        request_id: standing.request_id,
        fate: Some(standing.fate).filter(|fate| *fate != Fate::NotSeen),
        reason: standing.failed_again,
    }
}

/// What scripts are told besides the contract's own members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct More {
    ending: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fates: Option<Upgrades>,
    /// Rejected devices that were no longer failed, because somebody else had retried them.
    elsewhere: usize,
    calls: CallCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<DriftCounts>,
}

#[derive(Serialize)]
struct CallCounts {
    retries: u64,
    searches: u64,
    throttled: u64,
    lost: u64,
    refused: u64,
}

impl CallCounts {
    fn of(calls: &Calls) -> Self {
        Self {
            retries: calls.retries,
            searches: calls.searches,
            throttled: calls.throttled,
            lost: calls.lost,
            refused: calls.refused,
        }
    }
}

/// How many devices of a plan had changed since it was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DriftCounts {
    planned: usize,
    no_longer_failed: usize,
    gone: usize,
    changed: usize,
    unclear: usize,
    newly_failed: usize,
}

impl DriftCounts {
    fn of(drift: &Drift) -> Self {
        Self {
            planned: drift.planned,
            no_longer_failed: drift.no_longer_failed.len(),
            gone: drift.gone.len(),
            changed: drift.changed.len(),
            unclear: drift.unclear.len(),
            newly_failed: drift.newly_failed.len(),
        }
    }
}
