//! Where journals are, who writes them, and how a campaign is resumed from one.

use std::io;
use std::path::{Path, PathBuf};

use enos_ota::ProxyUrl;
use enos_ota_campaign::Plan;
use enos_ota_campaign::journal::{BeginDetails, Journal, JournalError, Operator, Recovered};
use etcetera::BaseStrategy as _;

use crate::args::{Connection, HowToRetry, Target};
use crate::console;
use crate::env;
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::session::Session;
use crate::text::{shell_word, visible};

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
    how: &HowToRetry,
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
    let files = std::fs::read_dir(&folder).map_err(|_| none())?;
    let last = files
        .filter_map(|file| file.ok().map(|file| file.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl") && path.is_file())
        // The names begin with the time.
        .max();
    let last = last.ok_or_else(none)?;
    console::note(format_args!(
        "no journal is given: taking the last, {}",
        visible(&last.to_string_lossy())
    ));
    Ok(last)
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
        JournalError::Locked { .. } => Failure::new(exit, with_causes(error)).with_hint(format!(
            "follow it meanwhile: {}",
            command_line(&["enos-ota".to_owned(), "watch".to_owned(), argument(path)])
        )),
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
        command: without_secrets(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned())),
        program: concat!("enos-ota ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// A command line as it may be kept. No option of the commands with a journal takes a secret, but a proxy may come with
/// a password.
fn without_secrets(args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut is_proxy = false;
    for arg in args {
        let value = std::mem::replace(&mut is_proxy, arg == "--proxy");
        kept.push(match arg.strip_prefix("--proxy=") {
            _ if value => without_credentials(&arg),
            Some(proxy) => format!("--proxy={}", without_credentials(proxy)),
            None => without_password(&arg),
        });
    }
    kept
}

/// The address of a proxy without its user and password. What cannot be read is `***`.
fn without_credentials(proxy: &str) -> String {
    ProxyUrl::parse(proxy).map_or_else(|_| "***".to_owned(), |url| url.to_string())
}

/// Another argument, which may be a URL with a password in it.
pub(crate) fn without_password(arg: &str) -> String {
    let Some((scheme, rest)) = arg.split_once("://") else {
        return arg.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***{}", &rest[at..]),
        None => arg.to_owned(),
    }
}

/// The command that goes on with a journal, with the connection as it was given.
pub(crate) fn resume_command(path: &Path, connection: &Connection) -> String {
    let mut words = vec!["enos-ota".to_owned(), "resume".to_owned(), argument(path)];
    words.extend(connection_options(connection));
    command_line(&words)
}

/// The command that retries all failed tasks of a job.
pub(crate) fn retry_command(job_id: &str, target: &Target) -> String {
    let mut words: Vec<_> = ["enos-ota", "retry", "--job-id", job_id, "--failed"]
        .map(str::to_owned)
        .into();
    if let Some(org_id) = &target.org_id {
        words.extend(["--org-id".to_owned(), org_id.clone()]);
    }
    words.extend(connection_options(&target.connection));
    command_line(&words)
}

pub(crate) fn command_line(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// The options that lead to the same gateway, with the same credentials.
pub(crate) fn connection_options(connection: &Connection) -> Vec<String> {
    let mut words = Vec::new();
    let text = |option: &Option<String>| option.clone();
    let file = |option: &Option<PathBuf>| option.as_ref().map(|path| path.to_string_lossy().into_owned());
    for (name, value) in [
        ("--base-url", connection.base_url.as_deref().map(without_password)),
        ("--app-key", text(&connection.app_key)),
        ("--app-secret-file", file(&connection.app_secret_file)),
        ("--profile", text(&connection.profile)),
        ("--config", file(&connection.config)),
        ("--ca-cert", file(&connection.ca_cert)),
        ("--proxy", connection.proxy.as_deref().map(without_credentials)),
    ] {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    }
    if connection.allow_http {
        words.push("--allow-http".to_owned());
    }
    if connection.http2 {
        words.push("--http2".to_owned());
    }
    if connection.allow_open_secret_file {
        words.push("--allow-open-secret-file".to_owned());
    }
    words
}

/// The command that tells what became of every device of a journal.
pub(crate) fn report_command(path: &Path) -> String {
    format!("enos-ota report {}", shell_word(&argument(path)))
}

/// A file as an argument: one that begins with a dash would be taken for an option.
fn argument(path: &Path) -> String {
    let path = path.to_string_lossy();
    if path.starts_with('-') {
        return format!("./{path}");
    }
    path.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_written_down() {
        assert_eq!(
            without_password("http://me:pw@proxy.example:8080/x"),
            "http://***@proxy.example:8080/x"
        );
        assert_eq!(
            without_password("--proxy=http://me:p@w@proxy"),
            "--proxy=http://***@proxy"
        );
        assert_eq!(without_password("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_password("pump@site"), "pump@site");
    }

    #[test]
    fn of_a_proxy_only_scheme_host_and_port_are_written_down() {
        for (proxy, kept) in [
            ("http://me:PASSWORD@host:9", "http://host:9"),
            ("me:PASSWORD@host:9", "http://host:9"),
            ("host:8080", "http://host:8080"),
            ("http:me:PASSWORD@host:9", "***"),
            ("//me:PASSWORD@host:9", "***"),
            ("ftp://me:PASSWORD@host", "***"),
            ("PASSWORD word", "***"),
        ] {
            assert_eq!(without_credentials(proxy), kept, "{proxy}");
        }
        let words = ["x", "--proxy", "me:pw@host", "--proxy=me:pw@host", "pump:a@b"];
        assert_eq!(
            without_secrets(words.map(str::to_owned)),
            ["x", "--proxy", "http://host", "--proxy=http://host", "pump:a@b"]
        );
    }

    #[test]
    fn the_command_to_resume_repeats_how_the_gateway_was_reached() {
        let connection = Connection {
            profile: Some("site 7".to_owned()),
            allow_http: true,
            http2: true,
            ..Connection::default()
        };
        assert_eq!(
            resume_command(Path::new("/tmp/a b.jsonl"), &connection),
            "enos-ota resume '/tmp/a b.jsonl' --profile 'site 7' --allow-http --http2"
        );
        assert_eq!(
            resume_command(Path::new("-x.jsonl"), &Connection::default()),
            "enos-ota resume ./-x.jsonl"
        );
    }
}
