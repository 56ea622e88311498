//! Commands as text: those that a journal keeps, and those that hints name.

use std::path::{Path, PathBuf};

use enos_ota::ProxyUrl;

use crate::args::{Connection, Target};
use crate::text::shell_word;

/// A command line as it may be kept. No option of the commands with a journal takes a secret, but a proxy may come with
/// a password.
pub(super) fn without_secrets(args: impl IntoIterator<Item = String>) -> Vec<String> {
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
pub(crate) fn resume(path: &Path, connection: &Connection) -> String {
    let mut words = vec!["enos-ota".to_owned(), "resume".to_owned(), argument(path)];
    words.extend(connection_options(connection));
    join(&words)
}

/// The command that retries all failed tasks of a job.
pub(crate) fn retry(job_id: &str, target: &Target) -> String {
    let mut words: Vec<_> = ["enos-ota", "retry", "--job-id", job_id, "--failed"]
        .map(str::to_owned)
        .into();
    if let Some(org_id) = &target.org_id {
        words.extend(["--org-id".to_owned(), org_id.clone()]);
    }
    words.extend(connection_options(&target.connection));
    join(&words)
}

/// A command that takes a plan.
pub(crate) fn with_plan(command: &str, path: &Path, connection: &Connection) -> String {
    let mut words = vec!["enos-ota".to_owned(), command.to_owned(), argument(path)];
    if connection.emulator {
        words.push("--emulator".to_owned());
    }
    words.extend(connection_options(connection));
    join(&words)
}

/// The command that starts a job.
pub(crate) fn start_job(job_id: &str, target: &Target) -> String {
    let mut words: Vec<_> = ["enos-ota", "jobs", "start", job_id].map(str::to_owned).into();
    if let Some(org_id) = &target.org_id {
        words.extend(["--org-id".to_owned(), org_id.clone()]);
    }
    words.extend(connection_options(&target.connection));
    join(&words)
}

/// The command of this run without its `--dry-run`.
pub(super) fn in_earnest() -> String {
    let args = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned());
    let mut words = vec!["enos-ota".to_owned()];
    words.extend(without_secrets(args.filter(|arg| arg != "--dry-run")));
    join(&words)
}

pub(crate) fn join(words: &[String]) -> String {
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

/// The command that follows the devices of a journal.
pub(super) fn watch(path: &Path) -> String {
    format!("enos-ota watch {}", shell_word(&argument(path)))
}

/// The command that tells what became of every device of a journal.
pub(crate) fn report(path: &Path) -> String {
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
            resume(Path::new("/tmp/a b.jsonl"), &connection),
            "enos-ota resume '/tmp/a b.jsonl' --profile 'site 7' --allow-http --http2"
        );
        assert_eq!(
            resume(Path::new("-x.jsonl"), &Connection::default()),
            "enos-ota resume ./-x.jsonl"
        );
    }
}
