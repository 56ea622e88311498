//! Where journals are, who writes them, and how a campaign is resumed from one.

use std::io;
use std::path::{Path, PathBuf};

use enos_ota::text::with_causes;
use enos_ota_campaign::Plan;
use enos_ota_campaign::journal::{BeginDetails, Journal, JournalError, Operator, Recovered};
use etcetera::BaseStrategy as _;

use super::command_line;
use crate::args::RetryOptions;
use crate::console;
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::text::visible;

/// So many campaigns of one job may begin within a second.
const SAME_NAME: usize = 100;

/// The folder in which journals are if nobody says otherwise.
pub(crate) fn default_folder() -> Result<PathBuf, Failure> {
    if let Some(folder) = env::JOURNAL_DIR.get()? {
        return Ok(PathBuf::from(folder));
    }
    let no_folder = || {
        Failure::new(Exit::Internal, "there is no folder for the journal: this user has no home").with_hint(format!(
            "name a file with --journal, or a folder with {}; --no-journal does without, and then nothing can be resumed",
            env::JOURNAL_DIR
        ))
    };
    let strategy = etcetera::choose_base_strategy().map_err(|_| no_folder())?;
    // There is no folder for states on Windows.
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(folder.join("enos-ota").join("journals"))
}

/// Begins the journal of a campaign. `None` if there is to be none.
pub(crate) fn create(
    how: &RetryOptions,
    emulator: bool,
    plan: &Plan,
    begin: &BeginDetails,
) -> Result<Option<Journal>, Failure> {
    if let Some(path) = &how.journal {
        return Journal::create(path, plan, begin.clone())
            .map(Some)
            .map_err(|error| not_begun(&error));
    }
    // The fleet of the emulator inside this program ends with it, so there is nothing to resume.
    if how.no_journal || emulator {
        return Ok(None);
    }
    let folder = default_folder()?;
    let stem = stem(plan, begin.at_ms);
    let mut number = 1;
    loop {
        let name = match number {
            1 => format!("{stem}.jsonl"),
            _ => format!("{stem}-{number}.jsonl"),
        };
        match Journal::create(&folder.join(name), plan, begin.clone()) {
            Ok(journal) => return Ok(Some(journal)),
            Err(JournalError::Exists { .. } | JournalError::Beginning { .. }) if number < SAME_NAME => number += 1,
            Err(error) => return Err(not_begun(&error)),
        }
    }
}

/// The name of a journal: the time, so that a folder of them is in order, and the job.
fn stem(plan: &Plan, at_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let job: String = plan
        .job_id
        .as_str()
        .chars()
        .take(80)
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{}-{job}", time.strftime("%Y%m%dT%H%M%SZ"))
}

fn not_begun(error: &JournalError) -> Failure {
    let exit = match error {
        JournalError::Exists { .. } | JournalError::Beginning { .. } => Exit::Usage,
        _ => Exit::Internal,
    };
    Failure::new(exit, with_causes(error)).with_hint(
        "nothing was sent; --journal names another file, and --no-journal does without, but then nothing can be resumed",
    )
}

/// The journal of the campaign that was begun last, where journals are written by default.
pub(crate) fn last() -> Result<PathBuf, Failure> {
    let folder = default_folder()?;
    let none = || {
        Failure::usage(format!(
            "no journal was given, and there is none in {}",
            folder.display()
        ))
        .with_hint("give the file that --journal named")
    };
    let last = all(&folder).pop().ok_or_else(none)?;
    console::note(format_args!(
        "no journal is given: taking the last, {}",
        visible(&last.to_string_lossy())
    ));
    Ok(last)
}

/// The journals in a folder, the last begun at the end: their names begin with the time.
pub(crate) fn all(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut journals: Vec<_> = files
        .filter_map(|file| file.ok().map(|file| file.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file())
        .collect();
    journals.sort_unstable();
    journals
}

/// The file that is meant. A name without a folder may be that of a journal where journals are written by default.
pub(crate) fn locate(path: &Path) -> PathBuf {
    let is_name = path.components().count() == 1 && path.file_name().is_some();
    if is_name
        && !path.exists()
        && let Ok(folder) = default_folder()
    {
        let mut file = folder.join(path).into_os_string();
        if path.extension().is_none() {
            file.push(".jsonl");
        }
        let file = PathBuf::from(file);
        if file.is_file() {
            return file;
        }
    }
    path.to_owned()
}

/// Reads a journal.
pub(crate) fn read(path: &Path) -> Result<Recovered, Failure> {
    refuse_special(path)?;
    Journal::read(path).map_err(|error| unreadable(&error))
}

/// Reads a journal, and goes on with it.
pub(crate) fn open(path: &Path) -> Result<(Journal, Recovered), Failure> {
    refuse_special(path)?;
    Journal::open(path).map_err(|error| unreadable(&error))
}

/// Refuses what is no file: a pipe blocks until somebody writes to it, and a device may have no end.
fn refuse_special(path: &Path) -> Result<(), Failure> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => Err(Failure::usage(format!(
            "{} is not a regular file, so it is no journal",
            path.display()
        ))),
        // What is not there, or cannot be looked at, is told by what opens it.
        _ => Ok(()),
    }
}

/// What is wrong with a journal that was to be read.
fn unreadable(error: &JournalError) -> Failure {
    let exit = match error {
        // The file is there, and this machine does not let it be written.
        JournalError::Broken { .. } => Exit::Internal,
        _ => Exit::Usage,
    };
    let path = error.path();
    match error {
        JournalError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            let failure = Failure::new(exit, format!("there is no journal {}", path.display()));
            match default_folder() {
                Ok(folder) => failure.with_hint(format!(
                    "journals are in {}; without a file, the last one is taken",
                    folder.display()
                )),
                Err(_) => failure,
            }
        }
        JournalError::Locked { .. } => Failure::new(exit, with_causes(error))
            .with_hint(format!("follow it meanwhile: {}", command_line::watch(path))),
        _ => Failure::new(exit, with_causes(error)),
    }
}

/// Refuses to go on at another gateway or in another organization, where the same keys may be other devices.
pub(crate) fn check_target(session: &Session, recovered: &Recovered, base_url_was_given: bool) -> Result<(), Failure> {
    let before = recovered.begin.base_url.trim_end_matches('/');
    if before != session.base_url && !base_url_was_given {
        return Err(Failure::usage(format!(
            "the journal was begun at {before}, and the calls would go to {}",
            session.base_url
        ))
        .with_hint(format!(
            "set the base URL to {before}; or give --base-url, if another one leads to the same organization"
        )));
    }
    recovered
        .plan
        .check_target(&recovered.plan.job_id, session.client.org_id())
        .map_err(|problem| Failure::usage(problem.to_string()))
}

/// Who runs this program.
pub(crate) fn operator() -> Operator {
    let user = env::user().unwrap_or_else(|| "unknown".to_owned());
    let host = gethostname::gethostname();
    Operator {
        who: format!("{user}@{}", host.to_string_lossy()),
        command: command_line::without_secrets(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned())),
        program: concat!("enos-ota ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
