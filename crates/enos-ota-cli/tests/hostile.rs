//! Texts of others that try to steer a terminal, or to pose as something else: from the platform, from files and from the
//! command line, through every command. None of it may come out as it was.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::{Finished, Gateway, run};
use enos_ota_emulator::{Action, Fault, Fleet, Job, Scope, Task};

/// Clears the screen, sets the title, turns the direction, hides, and begins a line of its own.
const EVIL: &str = "x\u{1b}[2J\u{1b}]0;t\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}y\r\nerror: z";
/// As the platform takes it for a key: there are no line breaks in it.
const EVIL_KEY: &str = "k\u{202e}\u{200b}\u{9b}31m1";
const JOB: &str = "j1";

fn fleet() -> Gateway {
    let tasks = ["pump-001", "pump-002"].map(|key| Task::failed(key).progress(-2).desc(EVIL).versions(EVIL, EVIL));
    let job = Job::started(JOB).name(EVIL).with_tasks(tasks);
    Gateway::start_with(|builder| builder.fleet(Fleet::new("o1").job(job)))
}

/// Nothing that steers a terminal, and no line that somebody else has begun. `forms` of JSON escape it as well.
#[track_caller]
fn is_harmless(end: &Finished, what: &str) {
    for (stream, text) in [("standard output", &end.stdout), ("standard error", &end.stderr)] {
        for (name, part) in [
            ("clears the screen", "\u{1b}[2J"),
            ("sets the title", "\u{1b}]"),
            ("C1 control", "\u{9b}"),
            ("turns the direction", "\u{202e}"),
            ("isolates", "\u{2066}"),
            ("no width", "\u{200b}"),
            ("no width", "\u{feff}"),
            ("a carriage return", "\r"),
            ("a line of its own", "\nerror: z"),
        ] {
            assert!(!text.contains(part), "{what}: {stream} {name}: {text:?}");
        }
    }
}

fn harmless(gateway: &Gateway, args: &[&str]) -> Finished {
    // Where colours are asked for, nothing strips control sequences.
    let mut command = gateway.command(["--color", "always"]);
    let end = run(command.args(args));
    assert!(end.code.is_some_and(|code| code != 101), "{args:?}: {end:?}");
    is_harmless(&end, &args.join(" "));
    end
}

#[test]
fn texts_of_the_platform_steer_no_terminal() {
    let gateway = fleet();
    for args in [
        &["jobs", "list"][..],
        &["jobs", "list", "--output", "json"],
        &["jobs", "get", JOB],
        &["jobs", "get", JOB, "--output", "json"],
        &["tasks", "list", "--job-id", JOB],
        &["tasks", "list", "--job-id", JOB, "--output", "jsonl"],
        &["plan", "--job-id", JOB, "--failed"],
        &["plan", "--job-id", JOB, "--failed", "--output", "json"],
        &["retry", "--job-id", JOB, "--failed", "--dry-run"],
        &["plan", "--job-id", JOB, "--failed", "-o", "p.jsonl"],
        &["rehearse", "p.jsonl", "--watch", "--assume-success", "0%"],
        &["apply", "p.jsonl", "--dry-run"],
        &[
            "retry",
            "--job-id",
            JOB,
            "--failed",
            "--yes",
            "--journal",
            "j.jsonl",
            "-vv",
        ],
        &["watch", "j.jsonl", "--watch-timeout", "0"],
        &["report", "j.jsonl"],
    ] {
        let end = harmless(&gateway, args);
        assert!(matches!(end.code, Some(0 | 1)), "{args:?}: {end:?}");
    }
    for action in [Action::RetryTask, Action::SearchTask, Action::Get] {
        let gateway = fleet();
        gateway
            .emulator
            .faults()
            .push(Fault::code(31337, EVIL).on(Scope::Action(action)).forever());
        for args in [
            &["retry", "--job-id", JOB, "pump-001", "--request-attempts", "1", "-v"][..],
            &[
                "retry",
                "--job-id",
                JOB,
                "--failed",
                "--yes",
                "--request-attempts",
                "1",
                "--output",
                "json",
            ],
            &["tasks", "list", "--job-id", JOB],
            &["jobs", "get", JOB],
        ] {
            harmless(&gateway, args);
        }
    }
}

#[test]
fn arguments_steer_no_terminal() {
    let gateway = fleet();
    for args in [
        &["retry", "--job-id", EVIL, "pump-001", "--request-attempts", "1"][..],
        &["retry", "--job-id", EVIL, "--failed", "--yes"],
        &["retry", "--job-id", JOB, EVIL],
        &["retry", "--job-id", JOB, EVIL_KEY, "pump-001"],
        &["retry", "--job-id", JOB, "--org-id", EVIL, "pump-001"],
        &["retry", "--job-id", JOB, "pump-001", "--rate", EVIL],
        &["retry", "--job-id", JOB, "pump-001", "--journal", EVIL],
        &["retry", "--job-id", JOB, "--device-keys-file", EVIL],
        &["plan", "--job-id", JOB, "--failed", "-o", EVIL],
        &["jobs", "get", EVIL],
        &["jobs", "stop", EVIL, "--yes"],
        &["jobs", "delete", EVIL],
        &["jobs", "list", "--base-url", EVIL],
        &["jobs", "list", "--profile", EVIL],
        &["tasks", "cancel", "--job-id", EVIL, EVIL_KEY, "--yes"],
        &["api", EVIL, "/x"],
        &["api", "GET", EVIL],
        &["api", "GET", "/x", "--query", EVIL],
        &["sign", "--access-token", "t", "--url", EVIL],
        &["report", EVIL],
        &["resume", EVIL],
        &["watch", EVIL],
        &["apply", EVIL],
        &[EVIL],
    ] {
        harmless(&gateway, args);
    }
}

#[test]
fn journals_and_plans_of_other_peoples_making_steer_no_terminal() {
    let gateway = fleet();
    let evil = serde_json::to_string(EVIL).unwrap();
    let evil = evil.trim_matches('"');
    harmless(&gateway, &["plan", "--job-id", JOB, "--failed", "-o", "p.jsonl"]);
    harmless(
        &gateway,
        &[
            "retry",
            "--job-id",
            JOB,
            "pump-001",
            "--journal",
            "j.jsonl",
            "--no-verify",
        ],
    );
    let base_url = gateway.emulator.base_url().to_owned();
    for (file, commands) in [
        ("p.jsonl", &["apply", "rehearse"][..]),
        ("j.jsonl", &["report", "resume", "watch"]),
    ] {
        let text = fs::read_to_string(gateway.folder.path().join(file)).unwrap();
        for (place, forged) in [
            ("job", text.replace("\"j1\"", &format!("\"{evil}\""))),
            ("organization", text.replace("\"o1\"", &format!("\"{evil}\""))),
            ("base URL", text.replace(&base_url, evil)),
            ("device", text.replace("pump-001", evil)),
            ("schema", text.replace("/1\"", &format!("/{evil}\""))),
            ("member", text.replacen("{\"", &format!("{{\"{evil}\":1,\""), 1)),
        ] {
            fs::write(gateway.folder.path().join("forged.jsonl"), forged).unwrap();
            for command in commands {
                let end = harmless(&gateway, &[command, "forged.jsonl"]);
                assert_ne!(end.code, Some(6), "{place}: {end:?}");
            }
        }
    }
    fs::write(gateway.folder.path().join("keys.txt"), format!("pump-001\n{EVIL}\n")).unwrap();
    harmless(&gateway, &["retry", "--job-id", JOB, "--device-keys-file", "keys.txt"]);
}

#[test]
fn a_password_of_a_proxy_is_neither_shown_nor_written_down() {
    for proxy in [
        "me:PASSWORD@127.0.0.1:9",
        "http://me:PASSWORD@127.0.0.1:9",
        "http:me:PASSWORD@127.0.0.1:9",
    ] {
        let gateway = fleet();
        for more in [&["--no-lookup"][..], &[]] {
            let args = [
                "retry",
                "--job-id",
                JOB,
                "pump-001",
                "--request-attempts",
                "1",
                "-vvv",
                "--proxy",
                proxy,
            ];
            let end = gateway.run(args.iter().chain(more));
            assert!(
                !format!("{}{}", end.stdout, end.stderr).contains("PASSWORD"),
                "{proxy}: {end:?}"
            );
        }
        let folder = gateway.folder.path().join("state/enos-ota/journals");
        for journal in fs::read_dir(folder).into_iter().flatten() {
            let text = fs::read_to_string(journal.unwrap().path()).unwrap();
            assert!(!text.contains("PASSWORD"), "{proxy}: {text}");
        }
    }
}
