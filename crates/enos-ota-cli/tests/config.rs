//! Where settings come from, and what is refused rather than guessed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use common::{APP_KEY, Gateway, SECRET, program, run};

/// Writes a configuration file that only its owner can read.
fn write_config(gateway: &Gateway, text: &str) {
    let folder = gateway.folder.path().join("enos-ota");
    fs::create_dir_all(&folder).unwrap();
    write_private(&folder.join("config.toml"), text);
}

fn write_private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn token(gateway: &Gateway) -> Command {
    let mut command = program(gateway.folder.path());
    command.arg("token");
    command
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let end = run(command);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(end.stdout.starts_with("emulator-"), "{end:?}");
}

#[track_caller]
fn is_refused(command: &mut Command, message: &str) {
    let end = run(command);
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
    assert!(end.stderr.contains(message), "expected `{message}` in {}", end.stderr);
    assert!(end.stderr.contains("hint: "), "{}", end.stderr);
    assert!(!end.stderr.contains(SECRET), "{}", end.stderr);
}

#[test]
fn a_profile_has_it_all() {
    let gateway = Gateway::start();
    let base_url = gateway.emulator.base_url();
    write_private(&gateway.folder.path().join("enos-ota-secret"), &format!("{SECRET}\n"));
    write_config(
        &gateway,
        &format!(
            "[profiles.default]\nbase-url = '{base_url}'\napp-key = '{APP_KEY}'\napp-secret-file = '../enos-ota-secret'\n\
             [profiles.inline]\nbase-url = '{base_url}'\napp-key = '{APP_KEY}'\napp-secret = '{SECRET}'\n"
        ),
    );
    succeeds(&mut token(&gateway));
    succeeds(token(&gateway).args(["--profile", "inline"]));
    succeeds(token(&gateway).env("ENOS_PROFILE", "inline"));
    is_refused(
        token(&gateway).args(["--profile", "prod"]),
        "there is no profile `prod`",
    );
}

#[test]
fn options_win_over_variables_and_variables_over_profiles() {
    let gateway = Gateway::start();
    let base_url = gateway.emulator.base_url().to_owned();
    let nowhere = "https://no-such-host.invalid";
    write_config(
        &gateway,
        &format!("[profiles.default]\nbase-url = '{nowhere}'\napp-key = 'x'\napp-secret = 'y'\n"),
    );
    let pair = |command: &mut Command| {
        command.env("ENOS_APP_KEY", APP_KEY).env("ENOS_APP_SECRET", SECRET);
    };
    let mut by_variable = token(&gateway);
    pair(&mut by_variable);
    succeeds(by_variable.env("ENOS_BASE_URL", &base_url));
    let mut by_option = token(&gateway);
    pair(&mut by_option);
    succeeds(by_option.env("ENOS_BASE_URL", nowhere).args(["--base-url", &base_url]));
    let file = gateway.folder.path().join("secret");
    write_private(&file, SECRET);
    succeeds(
        token(&gateway)
            .env("ENOS_BASE_URL", &base_url)
            .env("ENOS_APP_SECRET", "another")
            .args(["--app-key", APP_KEY, "--app-secret-file"])
            .arg(&file),
    );
}

#[test]
fn conflicts_are_errors() {
    let gateway = Gateway::start();
    write_config(
        &gateway,
        "[profiles.default]\nbase-url = 'https://h.invalid'\napp-key = 'key-1'\napp-secret = 'one'\n\
         [profiles.both]\nbase-url = 'https://h.invalid'\napp-key = 'key-1'\napp-secret = 'one'\napp-secret-file = 'f'\n",
    );
    is_refused(
        token(&gateway).env("ENOS_APP_KEY", "key-2"),
        "the app key comes from ENOS_APP_KEY, but the secret",
    );
    is_refused(
        token(&gateway).env("ENOS_APP_SECRET", SECRET),
        "the app secret comes from ENOS_APP_SECRET, but the app key",
    );
    is_refused(
        token(&gateway)
            .env("ENOS_APP_SECRET", SECRET)
            .env("ENOS_APP_SECRET_FILE", "f"),
        "both ENOS_APP_SECRET and ENOS_APP_SECRET_FILE are set",
    );
    is_refused(
        token(&gateway).args(["--profile", "both"]),
        "has both app-secret and app-secret-file",
    );
}

#[test]
fn a_configuration_file_with_a_mistake_is_told_by_line_without_its_content() {
    let gateway = Gateway::start();
    write_config(
        &gateway,
        &format!("[profiles.default]\nbase-url = 'x'\napp-secrets = '{SECRET}'\n"),
    );
    let end = run(&mut token(&gateway));
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(
        end.stderr.contains("config.toml:3: unknown field `app-secrets`"),
        "{}",
        end.stderr
    );
    assert!(!end.stderr.contains(SECRET), "{}", end.stderr);
    write_config(&gateway, "[profiles.default]\napp-secret = 123456\n");
    let end = run(&mut token(&gateway));
    assert!(
        end.stderr.contains("must be text in quotes") && !end.stderr.contains("123456"),
        "{}",
        end.stderr
    );
}

#[test]
fn a_base_url_that_will_not_do_is_refused_without_showing_a_password() {
    let gateway = Gateway::start();
    for (url, message) in [
        (
            "apim-gateway.example.com",
            "the base URL `apim-gateway.example.com` (from ENOS_BASE_URL) does not begin",
        ),
        ("ftp://h.invalid", "begins with `ftp:`"),
        ("http://gateway.example.com", "is plain http"),
        ("https://h.invalid/?x=1", "has a query or a fragment"),
        (
            concat!("https://user:a-Secret-that-must-not-be-seen@", "h.invalid"),
            "contains a user name or password",
        ),
    ] {
        is_refused(gateway.command(["token"]).env("ENOS_BASE_URL", url), message);
    }
    is_refused(
        gateway.command(["token"]).env("ENOS_BASE_URL", "apim.example.com:8443"),
        "hint: did you mean https://apim.example.com:8443?",
    );
}

#[test]
fn a_hint_fits_the_setting_that_is_wrong() {
    let gateway = Gateway::start();
    let hint = |command: &mut Command| {
        let end = run(command);
        assert_eq!(end.code, Some(2), "{end:?}");
        end.last_line().to_owned()
    };
    let blank = hint(gateway.command(["token"]).env("ENOS_APP_SECRET", "s "));
    assert!(
        blank.contains("a blank or a line break") && !blank.contains("allow-http"),
        "{blank}"
    );
    let http = hint(
        gateway
            .command(["token"])
            .env("ENOS_BASE_URL", "http://gateway.example.com"),
    );
    assert!(http.contains("--allow-http"), "{http}");
    let pem = gateway.folder.path().join("ca.pem");
    fs::write(&pem, "no certificate").unwrap();
    let base_url = gateway.emulator.base_url().replace("http:", "https:");
    let mut command = gateway.command(["token", "--ca-cert"]);
    let certificate = hint(command.arg(&pem).env("ENOS_BASE_URL", base_url));
    assert!(
        certificate.contains("--ca-cert") && !certificate.contains("allow-http"),
        "{certificate}"
    );
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_can_read_is_refused_unless_allowed() {
    use std::os::unix::fs::PermissionsExt as _;
    let gateway = Gateway::start();
    let base_url = gateway.emulator.base_url();
    write_config(
        &gateway,
        &format!("[profiles.default]\nbase-url = '{base_url}'\napp-key = '{APP_KEY}'\napp-secret = '{SECRET}'\n"),
    );
    let config = gateway.folder.path().join("enos-ota/config.toml");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    is_refused(&mut token(&gateway), "other users of this machine can read it");

    let file = gateway.folder.path().join("secret");
    fs::write(&file, SECRET).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let with_file = || {
        let mut command = token(&gateway);
        command
            .env("ENOS_BASE_URL", base_url)
            .args(["--app-key", APP_KEY, "--app-secret-file"])
            .arg(&file);
        command
    };
    is_refused(&mut with_file(), "other users of this machine can read it");
    is_refused(&mut with_file(), &format!("hint: chmod 600 {}; ", file.display()));
    succeeds(with_file().arg("--allow-open-secret-file"));
    succeeds(with_file().env("ENOS_ALLOW_OPEN_SECRET_FILE", "true"));
    let sign = || {
        let mut command = program(gateway.folder.path());
        command.args([
            "sign",
            "--url",
            "https://h.invalid/a?b=1",
            "--access-token",
            "t",
            "--app-secret-file",
        ]);
        command.arg(&file);
        command
    };
    is_refused(&mut sign(), "other users of this machine can read it");
    assert_eq!(run(sign().arg("--allow-open-secret-file")).code, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn files_without_an_end_are_refused_quickly() {
    let gateway = Gateway::start();
    let job = ["retry", "--job-id", "j", "--yes"];
    for (args, message) in [
        (&["token", "--app-secret-file", "/dev/zero"][..], "larger than 64 KiB"),
        (&["token", "--config", "/dev/zero"], "larger than 1 MiB"),
        (&["token", "--ca-cert", "/dev/zero"], "larger than 16 MiB"),
        (
            &[&job[..], &["--device-keys-file", "/dev/zero"]].concat(),
            "line 1: longer than 64 KiB",
        ),
        (
            &[&job[..], &["--failed", "--exclude-file", "/dev/zero"]].concat(),
            "line 1: longer than 64 KiB",
        ),
        (&["apply", "/dev/zero", "--yes"], "line 1 is longer than 16 MiB"),
        (&["api", "POST", "/x", "--data", "@/dev/zero"], "larger than 64 MiB"),
        (&["report", "/dev/zero"], "is not a regular file"),
        (&["resume", "/dev/zero"], "is not a regular file"),
        (&["watch", "/dev/zero"], "is not a regular file"),
    ] {
        let end = run(&mut gateway.command(args));
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{args:?}: {end:?}");
        assert!(end.stderr.contains(message), "{args:?}: {}", end.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_journal_and_blocks_nothing() {
    let gateway = Gateway::start();
    let pipe = gateway.folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for command in ["report", "resume", "watch"] {
        let end = run(gateway.command([command]).arg(&pipe));
        assert!(
            end.code == Some(2) && end.stderr.contains("is not a regular file"),
            "{end:?}"
        );
    }
    let end = run(gateway
        .command(["retry", "--job-id", "j", "d-001", "--no-lookup", "--journal"])
        .arg(&pipe));
    assert!(
        end.code == Some(2) && end.stderr.contains("never overwritten"),
        "{end:?}"
    );
    // Where it would be written first, there is a link.
    std::os::unix::fs::symlink("/nowhere", gateway.folder.path().join("j.partial")).unwrap();
    let end = run(gateway
        .command(["retry", "--job-id", "j", "d-001", "--no-lookup", "--journal"])
        .arg(gateway.folder.path().join("j")));
    assert!(end.code == Some(6) && end.stderr.contains("no regular file"), "{end:?}");
}

#[test]
fn a_secret_file_must_be_one_line() {
    let gateway = Gateway::start();
    for (text, message) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("a\nb\n", "has more than one line"),
    ] {
        let file = gateway.folder.path().join("secret");
        write_private(&file, text);
        is_refused(gateway.command(["token", "--app-secret-file"]).arg(&file), message);
    }
}

#[test]
fn http2_is_offered_to_a_gateway_only_if_it_is_allowed() {
    let offers_http2 = |more: &[&str]| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let greeting = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut greeting = vec![0; 4096];
            let length = stream.read(&mut greeting).unwrap();
            greeting.truncate(length);
            greeting
        });
        let gateway = Gateway::start();
        let args = ["token", "--base-url", &url, "--request-attempts", "1"];
        let end = gateway.run(args.iter().chain(more));
        assert_eq!(end.code, Some(5), "{end:?}");
        // The name of the protocol, behind its length.
        greeting.join().unwrap().windows(3).any(|bytes| bytes == b"\x02h2")
    };
    assert!(!offers_http2(&[]));
    assert!(offers_http2(&["--http2"]));
}
