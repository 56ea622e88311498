//! `enos-ota campaigns`

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use enos_ota::text::with_causes;
use enos_ota::{Clock as _, SystemClock};
use enos_ota_campaign::Summary;
use enos_ota_campaign::journal::{Journal, Recovered};
use jiff::Timestamp;
use serde::Serialize;

use crate::args::{Campaigns as Args, CampaignsCommand, CampaignsPrune, ListOutput, Listing, ObjectOutput, PrintCurl};
use crate::campaign::journals;
use crate::confirm;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::listing::{Column, Row, Shown};
use crate::table::Table;
use crate::text::{counted, thousands, visible};

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    /// A process has the journal open.
    Running,
    /// Every device has its outcome.
    Finished,
    /// It can be resumed.
    Stopped,
    Unreadable,
}

impl State {
    fn of(path: &Path, journal: &Recovered) -> Self {
        match &journal.ended {
            _ if is_locked(path) => Self::Running,
            // An interrupted one may have followed upgrades, which a resume would do again.
            Some(ended) if journal.open() == 0 && ended.how != "interrupted" => Self::Finished,
            _ => Self::Stopped,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Whether a process writes to the journal. The lock is given back at once.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

/// A campaign, as its journal tells it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Campaign {
    journal: PathBuf,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    facts: Option<Facts>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    job_id: String,
    org_id: String,
    base_url: String,
    begun: String,
    /// When something has happened last.
    last: String,
    #[serde(skip)]
    last_ms: i64,
    summary: Summary,
    /// Devices without an outcome.
    open: usize,
}

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| "-".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

impl Campaign {
    fn of(path: PathBuf) -> Self {
        match Journal::read(&path) {
            Ok(journal) => Self {
                state: State::of(&path, &journal),
                journal: path,
                error: None,
                facts: Some(Facts {
                    job_id: journal.plan.job_id.as_str().to_owned(),
                    org_id: journal.plan.org_id.as_str().to_owned(),
                    base_url: journal.begin.base_url.clone(),
                    begun: time(journal.begin.at_ms),
                    last: time(journal.last_event_ms),
                    last_ms: journal.last_event_ms,
                    summary: journal.summary(),
                    open: journal.open(),
                }),
            },
            Err(error) => Self {
                journal: path,
                state: State::Unreadable,
                error: Some(with_causes(&error)),
                facts: None,
            },
        }
    }

    fn name(&self) -> String {
        self.journal
            .file_stem()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

const fn column(name: &'static str, heading: &'static str, width: usize, shown: Shown) -> Column {
    Column {
        name,
        heading,
        width,
        shown,
    }
}

impl Row for Campaign {
    const COLUMNS: &'static [Column] = &[
        column("state", "STATE", 8, Shown::Always),
        column("open", "OPEN", 6, Shown::Always),
        column("devices", "DEVICES", 7, Shown::Always),
        column("begun", "BEGUN", 20, Shown::OnRequest),
        column("last", "LAST EVENT", 20, Shown::OnRequest),
        column("jobId", "JOB ID", 24, Shown::OnRequest),
        column("orgId", "ORGANIZATION", 12, Shown::OnRequest),
        column("platform", "PLATFORM", 24, Shown::Always),
        column("journal", "JOURNAL", 0, Shown::Always),
    ];

    fn cells(&self) -> Vec<String> {
        let of_facts = |get: fn(&Facts) -> String| self.facts.as_ref().map_or_else(|| "-".to_owned(), get);
        vec![
            self.state.as_str().to_owned(),
            of_facts(|facts| thousands(facts.open)),
            of_facts(|facts| thousands(facts.summary.requested)),
            of_facts(|facts| facts.begun.clone()),
            of_facts(|facts| facts.last.clone()),
            of_facts(|facts| facts.job_id.clone()),
            of_facts(|facts| facts.org_id.clone()),
            of_facts(|facts| facts.base_url.clone()),
            self.name(),
        ]
    }
}

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        None => list(args),
        Some(CampaignsCommand::Prune(args)) => prune(args),
    }
}

/// All campaigns, the last begun first.
fn campaigns(folder: &Path) -> Vec<Campaign> {
    journals::all(folder).into_iter().rev().map(Campaign::of).collect()
}

#[derive(Serialize)]
struct List {
    schema: &'static str,
    folder: PathBuf,
    campaigns: Vec<Campaign>,
}

fn list(args: &Args) -> Result<Exit, Failure> {
    let folder = journals::default_folder()?;
    let campaigns = campaigns(&folder);
    let mut out = io::stdout().lock();
    match args.output {
        ListOutput::Json => json::print(
            &mut out,
            &List {
                schema: "enos-ota/campaigns/1",
                folder,
                campaigns,
            },
        )?,
        ListOutput::Jsonl => {
            for campaign in &campaigns {
                json::print(&mut out, campaign)?;
            }
        }
        ListOutput::Text | ListOutput::Csv => {
            let listing = Listing {
                expression: None,
                limit: None,
                page_size: 50,
                columns: args.columns.clone(),
                sort: args.sort.clone(),
                output: args.output,
                curl: PrintCurl { print_curl: false },
            };
            let mut table = Table::new::<Campaign>(&listing)?;
            if !campaigns.is_empty() {
                table.page(&mut out, campaigns.iter().map(Row::cells).collect())?;
                table.end(&mut out)?;
            }
            out.flush()?;
            tell_next(&folder, &campaigns);
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn tell_next(folder: &Path, campaigns: &[Campaign]) {
    let folder = folder.to_string_lossy();
    if campaigns.is_empty() {
        console::note(format_args!("no campaign in {}", visible(&folder)));
        return;
    }
    console::note(format_args!("in {}", visible(&folder)));
    for campaign in campaigns {
        if let Some(error) = &campaign.error {
            console::warning(error);
        }
    }
    let of_state = |state| campaigns.iter().find(|campaign| campaign.state == state);
    if let Some(stopped) = of_state(State::Stopped) {
        console::note(format_args!("next: enos-ota resume {}", visible(&stopped.name())));
    } else if let Some(running) = of_state(State::Running) {
        console::note(format_args!("next: enos-ota watch {}", visible(&running.name())));
    }
}

#[derive(Serialize)]
struct Pruned {
    schema: &'static str,
    removed: Vec<PathBuf>,
}

fn prune(args: &CampaignsPrune) -> Result<Exit, Failure> {
    let folder = journals::default_folder()?;
    let age = args
        .older_than
        .map_or(0, |age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let latest = SystemClock.now_ms().saturating_sub(age);
    let finished: Vec<_> = campaigns(&folder)
        .into_iter()
        .filter(|campaign| campaign.state == State::Finished)
        .filter(|campaign| campaign.facts.as_ref().is_some_and(|facts| facts.last_ms <= latest))
        .map(|campaign| campaign.journal)
        .collect();
    if finished.is_empty() {
        console::note(format_args!(
            "no journal of a finished campaign to remove in {}",
            visible(&folder.to_string_lossy())
        ));
    } else {
        let journals = counted(finished.len(), "journal");
        confirm::ask(
            &args.consent,
            &format!("remove {journals} of finished campaigns in {}", folder.display()),
        )?;
    }
    let mut removed = Vec::with_capacity(finished.len());
    for path in finished {
        fs::remove_file(&path)
            .map_err(|error| Failure::new(Exit::Internal, format!("{} cannot be removed: {error}", path.display())))?;
        removed.push(path);
    }
    let mut out = io::stdout().lock();
    match args.output {
        ObjectOutput::Json => json::print(
            &mut out,
            &Pruned {
                schema: "enos-ota/campaigns-prune/1",
                removed,
            },
        )?,
        ObjectOutput::Text => {
            for path in &removed {
                writeln!(out, "removed  {}", visible(&path.to_string_lossy()))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}
