//! What the program says when something is wrong: each message names the thing and where it comes from, and its hint would
//! mend it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Gateway, SECRET, program, run};
use enos_ota_emulator::{DEMO_JOB_ID, Fault, Scope};

/// Runs a command whose whole standard error is known, but for the address of the gateway and the folder.
#[track_caller]
fn says(gateway: &Gateway, command: &mut Command, code: i32, expected: &str) {
    let end = run(command);
    let home = gateway.folder.path().to_str().unwrap();
    let shown = end
        .stderr
        .replace(gateway.emulator.base_url(), "http://GATEWAY")
        .replace(home, "HOME");
    assert_eq!((end.code, shown.as_str()), (Some(code), expected), "{}", end.stdout);
    assert!(!end.stderr.contains(SECRET), "{}", end.stderr);
}

fn write_config(gateway: &Gateway, text: &str) {
    let folder = gateway.folder.path().join("enos-ota");
    fs::create_dir_all(&folder).unwrap();
    write_private(&folder.join("config.toml"), text);
}

fn write_private(file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn list(gateway: &Gateway) -> Command {
    let mut command = program(gateway.folder.path());
    command.args(["jobs", "list"]);
    command
}

fn journals(gateway: &Gateway) -> usize {
    fs::read_dir(gateway.folder.path().join("state/enos-ota/journals")).map_or(0, Iterator::count)
}

#[test]
fn all_that_is_missing_is_told_at_once_with_the_file_that_was_looked_at() {
    let gateway = Gateway::start();
    says(
        &gateway,
        &mut list(&gateway),
        2,
        "error: not configured: base URL, app key, app secret and organization id are missing; there is no \
         HOME/enos-ota/config.toml\n\
         hint: enos-ota login    asks for them, checks each, and writes a profile\n\
         hint: or set ENOS_BASE_URL, ENOS_APP_KEY, ENOS_APP_SECRET and ENOS_ORG_ID\n\
         hint: without an account: enos-ota retry --emulator --failed --watch\n",
    );
    says(
        &gateway,
        gateway.command(["jobs", "list"]).env_remove("ENOS_ORG_ID"),
        2,
        "error: not configured: organization id is missing; there is no HOME/enos-ota/config.toml\n\
         hint: enos-ota login    asks for it, checks each, and writes a profile\n\
         hint: or set ENOS_ORG_ID\n",
    );
    write_config(
        &gateway,
        "[profiles.prod]\nbase-url = 'https://h.invalid'\n[profiles.test]\n",
    );
    says(
        &gateway,
        &mut list(&gateway),
        2,
        "error: not configured: base URL, app key, app secret and organization id are missing; no profile is chosen, and \
         HOME/enos-ota/config.toml has no `default`\n\
         hint: its profiles are `prod`, `test`: use --profile prod or ENOS_PROFILE=prod\n\
         hint: enos-ota login    asks for them, checks each, and writes a profile\n\
         hint: or set ENOS_BASE_URL, ENOS_APP_KEY, ENOS_APP_SECRET and ENOS_ORG_ID\n\
         hint: without an account: enos-ota retry --emulator --failed --watch\n",
    );
    says(
        &gateway,
        list(&gateway).args(["--profile", "prod"]),
        2,
        "error: not configured: app key, app secret and organization id are missing; the profile `prod` in \
         HOME/enos-ota/config.toml does not have them\n\
         hint: enos-ota login --profile prod    asks for them, checks each, and writes a profile\n\
         hint: or set ENOS_APP_KEY, ENOS_APP_SECRET and ENOS_ORG_ID\n",
    );
    says(
        &gateway,
        list(&gateway).env("ENOS_PROFILE", "prd"),
        2,
        "error: there is no profile `prd` (from ENOS_PROFILE) in HOME/enos-ota/config.toml\n\
         hint: its profiles are `prod`, `test`\n\
         hint: enos-ota login --profile prd    sets it up\n",
    );
}

#[test]
fn a_setting_that_will_not_do_is_told_with_its_source() {
    let gateway = Gateway::start();
    let command = || gateway.command(["jobs", "list"]);
    says(
        &gateway,
        command().args(["--base-url", "apim.example.com"]),
        2,
        "error: the base URL `apim.example.com` (from --base-url) does not begin with https://\n\
         hint: did you mean https://apim.example.com?\n",
    );
    let pem = gateway.folder.path().join("junk.pem");
    fs::write(&pem, "junk").unwrap();
    says(
        &gateway,
        command().args(["--base-url", "https://h.invalid", "--ca-cert", "junk.pem"]),
        2,
        "error: the root certificate is not valid; expected PEM, beginning with -----BEGIN CERTIFICATE-----\n\
         hint: it comes from --ca-cert, which must name a PEM file\n",
    );
    says(
        &gateway,
        command().env("ENOS_APP_SECRET", "a "),
        2,
        "error: the app secret begins or ends with white space\n\
         hint: it comes from ENOS_APP_SECRET: a blank or a line break too many?\n",
    );
    says(
        &gateway,
        &mut gateway.command(["api", "GET", "nope"]),
        2,
        "error: the path `nope` has no slash at its beginning\nhint: did you mean /nope?\n",
    );
    write_private(&gateway.folder.path().join("two"), "a\nb\n");
    says(
        &gateway,
        command().args(["--app-secret-file", "two"]),
        2,
        "error: the app secret file two has more than one line\nhint: its only line must be the secret\n",
    );
}

#[test]
fn refused_credentials_are_told_once_and_leave_no_journal() {
    let gateway = Gateway::start();
    write_private(&gateway.folder.path().join("bads"), "wrong\n");
    let refused = "error: the platform refused the app secret (1003 The encryption is not valid)\n\
         hint: the secret comes from bads (--app-secret-file), and the app key 5acb82e7-a11e-4300-9164-c8b20b638e8b from \
         ENOS_APP_KEY\n\
         hint: Check the app secret, and that the clock of this machine is right.\n";
    for args in [
        &["jobs", "list"][..],
        &["token"],
        &["retry", "--job-id", DEMO_JOB_ID, "pump-05"],
        &["retry", "--job-id", DEMO_JOB_ID, "pump-05", "--no-lookup"],
    ] {
        says(
            &gateway,
            gateway.command(args).args(["--app-secret-file", "bads"]),
            3,
            refused,
        );
    }
    says(
        &gateway,
        gateway.command(["jobs", "list"]).env("ENOS_APP_KEY", "nobody"),
        3,
        "error: http://GATEWAY does not know the app key nobody (1002 The appKey does not exist)\n\
         hint: the app key comes from ENOS_APP_KEY, the base URL from ENOS_BASE_URL; the application must be registered in \
         the cloud of that address\n",
    );
    assert_eq!(journals(&gateway), 0);
}

#[test]
fn an_organization_that_does_not_exist_is_named_with_its_source_and_exits_with_4() {
    let gateway = Gateway::start();
    let expected = "error: organization o000 (from ENOS_ORG_ID) does not exist on http://GATEWAY\n\
         hint: check the organization id, and that the base URL (from ENOS_BASE_URL) is of its region\n";
    for args in [
        &["jobs", "list"][..],
        &["jobs", "get", DEMO_JOB_ID],
        &["tasks", "list", DEMO_JOB_ID],
        &["retry", DEMO_JOB_ID, "pump-05"],
        &["plan", DEMO_JOB_ID, "pump-05"],
    ] {
        says(&gateway, gateway.command(args).env("ENOS_ORG_ID", "o000"), 4, expected);
    }
    assert_eq!(journals(&gateway), 0);
}

#[test]
fn what_the_platform_repeats_is_said_once_and_a_failed_list_prints_no_headings() {
    let gateway = Gateway::start();
    let end = run(&mut gateway.command(["jobs", "list", "--org-id", "o15580000000000"]));
    assert_eq!((end.code, end.stdout.as_str()), (Some(3), ""), "{end:?}");
    assert!(
        end.stderr
            .starts_with("error: 99403 Denied resource: orgId o15580000000000\n"),
        "{}",
        end.stderr
    );
}

#[test]
fn a_job_that_does_not_exist_leaves_no_journal_and_no_hint_to_resume() {
    let gateway = Gateway::start();
    let end = gateway.run(["retry", "--job-id", "nosuchjob", "pump-05"]);
    assert_eq!(end.code, Some(4), "{end:?}");
    assert!(
        end.stderr
            .contains("there is no such job, so the journal was removed\n")
            && !end.stderr.contains("resume"),
        "{}",
        end.stderr
    );
    assert_eq!(journals(&gateway), 0);
}

#[test]
fn two_devices_in_one_word_are_told_apart() {
    let gateway = Gateway::start();
    for (word, found) in [("pump-01,pump-02", ','), ("pump-01 pump-02", ' ')] {
        says(
            &gateway,
            &mut gateway.command(["retry", DEMO_JOB_ID, word]),
            2,
            &format!(
                "error: device key 1: `{word}` is not a device key: it contains {found:?}\nhint: did you mean: pump-01 \
                 pump-02\n"
            ),
        );
    }
}

#[test]
fn values_are_read_in_every_form_that_people_write() {
    let gateway = Gateway::start();
    let end = gateway.run(["jobs", "list", "--timeout", "5s"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    for (since, read_as) in [
        ("2026-03-01", "since 2026-03-01 00:00 CET (local time)\n"),
        ("2026-03-01 08:00", "since 2026-03-01 08:00 CET (local time)\n"),
        ("yesterday", "(local time)\n"),
    ] {
        let mut command = gateway.command(["retry", DEMO_JOB_ID, "--failed", "--dry-run", "--since", since]);
        let end = run(command.env("TZ", "CET-1").args(["--watch", "--watch-timeout", "90"]));
        assert_eq!(end.code, Some(0), "{end:?}");
        assert!(end.stderr.contains(read_as), "{since}: {}", end.stderr);
    }
}

#[test]
fn a_wrong_option_is_told_without_a_detour() {
    let gateway = Gateway::start();
    let retry = ["retry", DEMO_JOB_ID, "x"];
    for (args, message) in [
        (
            &["--chunk-size", "0"][..],
            "'--chunk-size <N>': expected a whole number from 1\n",
        ),
        (
            &["--rate", "-1"],
            "'--rate <RATE>': expected calls per second such as 20 or 0.5",
        ),
        (&["--canary-success", "0.9"], "did you mean 90%?"),
        (&["--waves", "50%,10%"], "10% follows 50%"),
    ] {
        let end = gateway.run(retry.iter().chain(args));
        assert!(end.code == Some(2) && end.stderr.contains(message), "{args:?}: {end:?}");
    }
    let end = gateway.run(retry.iter().chain(&["--no-such-option"]));
    assert!(
        end.stderr.contains("unexpected argument '--no-such-option' found") && !end.stderr.contains("-- --"),
        "{}",
        end.stderr
    );
}

#[test]
fn a_job_is_an_argument_or_an_option() {
    let gateway = Gateway::start();
    for args in [
        &["jobs", "get", DEMO_JOB_ID][..],
        &["jobs", "get", "--job-id", DEMO_JOB_ID],
        &["tasks", "list", DEMO_JOB_ID],
        &["tasks", "list", "--job-id", DEMO_JOB_ID],
        &["retry", DEMO_JOB_ID, "--failed", "--dry-run"],
        &["retry", DEMO_JOB_ID, "pump-01", "--dry-run"],
        &["plan", DEMO_JOB_ID, "--failed"],
    ] {
        assert_eq!(gateway.run(args).code, Some(0), "{args:?}");
    }
    says(
        &gateway,
        &mut gateway.command(["retry", "pump-01"]),
        2,
        "error: no job was given\n\
         hint: name it first, by its id of 24 hexadecimal digits, or give --job-id\n\
         hint: enos-ota jobs list    lists the jobs\n",
    );
    says(
        &gateway,
        &mut gateway.command(["retry", DEMO_JOB_ID, "pump-01", "--failed", "--yes"]),
        2,
        "error: devices are named, and --failed takes all that have failed\n\
         hint: leave out either; --exclude-file leaves devices out of --failed\n",
    );
}

#[test]
fn without_a_journal_the_last_one_is_taken_and_said() {
    let gateway = Gateway::start();
    says(
        &gateway,
        &mut gateway.command(["resume"]),
        2,
        "error: no journal was given, and there is none in HOME/state/enos-ota/journals\n\
         hint: give the file that --journal named\n",
    );
    says(
        &gateway,
        &mut gateway.command(["report", "nosuchfile"]),
        2,
        "error: there is no journal nosuchfile\n\
         hint: journals are in HOME/state/enos-ota/journals; without a file, the last one is taken\n",
    );
    assert_eq!(gateway.run(["retry", DEMO_JOB_ID, "pump-01"]).code, Some(0));
    for args in [&["report"][..], &["resume"], &["watch", "--watch-timeout", "0"]] {
        let end = gateway.run(args);
        assert!(
            end.stderr.starts_with("no journal is given: taking the last, "),
            "{args:?}: {end:?}"
        );
    }
    let resumed = gateway.run(["resume"]);
    assert!(
        resumed.stderr.contains("the device is settled; nothing to send\n"),
        "{}",
        resumed.stderr
    );
}

#[test]
fn if_nothing_matches_it_is_said_why() {
    let gateway = Gateway::start();
    let end = gateway.run(["retry", DEMO_JOB_ID, "--failed", "--yes", "--reason", "nothing*"]);
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""), "{end:?}");
    let without_bars = end.stderr.replace('█', "");
    let lines: Vec<_> = without_bars.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            &format!("reading the failed tasks of the job {DEMO_JOB_ID}"),
            "Left out: 1 cancelled by a user (--include-cancelled takes them), 9 failed for other reasons.",
            "",
            "Why they failed",
            "   3   30%  Failed to download the firmware",
            "   2   20%  Failed to verify the firmware: checksum mismatch",
            "   2   20%  Upgrade timed out after 7200 s",
            "   1   10%  Cancelled by user",
            "   1   10%  Failed to write the firmware: not enough flash space",
            "   1   10%  The device ignored this upgrade",
            "",
            &format!(
                "nothing to retry in the job {DEMO_JOB_ID}: 10 tasks are failed, and none of them meets the criteria"
            ),
        ]
    );
}

#[test]
fn an_error_without_a_body_quotes_nothing() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::empty_body(503).on(Scope::Jobs).forever());
    let end = gateway.run(["jobs", "list", "--request-attempts", "1"]);
    assert_eq!(end.code, Some(5), "{end:?}");
    assert!(
        end.stderr
            .starts_with("error: the gateway answered HTTP 503 Service Unavailable\n"),
        "{}",
        end.stderr
    );
}
