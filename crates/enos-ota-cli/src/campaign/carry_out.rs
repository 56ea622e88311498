//! Carries out a plan, or goes on with one.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use enos_ota::text::with_causes;
use enos_ota::{Clock as _, SystemClock};
use enos_ota_campaign::drift::Drift;
use enos_ota_campaign::journal::{BeginDetails, Journal, Recovered};
use enos_ota_campaign::rehearsal::Stage;
use enos_ota_campaign::{Campaign, Plan, Settings};

use super::budget::OverBudget;
use super::lines::{REHEARSAL, SCHEMA, unsent};
use super::run::Run;
use super::select::SelectedPlan;
use super::{command_line, journals, overview, settings_of};
use crate::args::{Consent, Output, RetryOptions, Target};
use crate::confirm;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job;
use crate::json;
use crate::layout;
use crate::session::Session;
use crate::text::{counted, visible};

/// What is asked for besides the devices.
pub(crate) struct Request<'a> {
    pub(crate) how: &'a RetryOptions,
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
pub(crate) async fn carry_out(session: &Session, chosen: SelectedPlan, request: &Request<'_>) -> Result<Exit, Failure> {
    let mut settings = settings_of(request.how, &request.target.connection);
    settings.lookup = request.lookup;
    let over_budget = OverBudget::of(request.how, &chosen.plan)?;
    let plan = &chosen.plan;
    if plan.devices.is_empty() && !request.dry_run {
        console::note(overview::nothing(&chosen, console::columns()));
        return unsent(request.output, plan, "").map(|()| Exit::Success);
    }
    // Scripts get the platform's own refusal of each device.
    let for_people = request.output == Output::Text && (request.dry_run || request.selected.is_some());
    let job = if for_people && !plan.devices.is_empty() {
        job::look_up(session, &plan.job_id).await
    } else {
        None
    };
    if job.as_ref().is_some_and(job::is_stopped) {
        let stopped = job::stopped(&plan.job_id, request.target);
        if !request.dry_run {
            return Err(stopped);
        }
        console::warning(&stopped);
        stopped.hints().iter().for_each(console::hint);
    }
    if request.dry_run {
        show(&chosen, &over_budget, &settings, request.output)?;
        let can_be_done = plan.devices.len() > chosen.gone.len() + chosen.not_failed.len() + over_budget.len();
        if can_be_done && !job.as_ref().is_some_and(job::is_stopped) {
            console::note(format_args!("next: {}", visible(&command_line::in_earnest())));
        }
        return Ok(Exit::Success);
    }
    match request.selected {
        Some(consent) => {
            console::note(overview::of(&chosen, &over_budget, &settings, console::columns()));
            // The fleet of the emulator is there to be tried on.
            if !request.target.connection.emulator {
                let devices = counted(plan.devices.len() - over_budget.len(), "device");
                let job = job::described(&plan.job_id, job.as_ref(), session);
                confirm::ask(consent, &format!("retry {devices} of {job}"))?;
            }
        }
        None => overview::refused(&chosen).into_iter().for_each(console::note),
    }
    let plan = chosen.plan;
    // With credentials that are refused nothing can be sent, so there is nothing to write down.
    if let Err(error) = session.client.token_source().token().await
        && Exit::of_error(&error) == Exit::Denied
    {
        // Scripts get the platform's own words, people also where the credentials come from.
        unsent(request.output, &plan, &with_causes(&error))?;
        return Err(session.failed(error));
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
    over_budget.settle(&mut campaign);
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
    how: &RetryOptions,
    target: &Target,
    output: Output,
) -> Result<Exit, Failure> {
    let settings = settings_of(how, &target.connection);
    let over_budget = OverBudget::of(how, &plan)?;
    let (job_id, org_id) = (plan.job_id.clone(), plan.org_id.clone());
    let mut campaign = stage.campaign(plan, settings.clone());
    over_budget.settle(&mut campaign);
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
fn show(chosen: &SelectedPlan, over_budget: &OverBudget, settings: &Settings, output: Output) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match output {
        Output::Text => {
            let columns = columns_of_output();
            let text = if chosen.plan.devices.is_empty() {
                overview::nothing(chosen, columns) + "\n"
            } else {
                overview::of(chosen, over_budget, settings, columns)
            };
            anstream::AutoStream::auto(&mut out).write_all(fold_for_output(&text).as_bytes())?;
        }
        Output::Json | Output::Jsonl => {
            json::print(&mut out, &chosen.plan.header())?;
        }
    }
    out.flush()?;
    Ok(())
}

/// A text in lines that fit the terminal, if standard output is one.
pub(crate) fn fold_for_output(text: &str) -> Cow<'_, str> {
    layout::columns().map_or(text.into(), |columns| layout::fold(text, columns).into())
}

/// The columns of a text on standard output.
pub(crate) fn columns_of_output() -> usize {
    if io::stdout().is_terminal() {
        console::columns()
    } else {
        100
    }
}
