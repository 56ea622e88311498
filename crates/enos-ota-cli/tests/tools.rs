//! What the program tells about itself and about codes.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{Finished, Gateway, program, run};
use tempfile::TempDir;

fn enos_ota(args: &[&str]) -> Finished {
    let home = TempDir::new().unwrap();
    run(program(home.path()).args(args))
}

#[test]
fn a_code_is_explained_in_the_words_of_the_document() {
    let end = enos_ota(&["explain", "24621"]);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
    for text in [
        "24621: Only failed tasks can be retried\n",
        "Reported by   retryTask\n",
        "In the SDK    TaskNotFailed\n",
        "What to do    ",
    ] {
        assert!(end.stdout.contains(text), "expected `{text}` in {}", end.stdout);
    }
}

#[test]
fn a_missing_permission_is_named_by_version() {
    let end = enos_ota(&["explain", "99403", "--output", "json"]);
    let explained = end.json();
    assert_eq!(explained["schema"], "enos-ota/explain/1");
    let permissions = explained["entries"][0]["permissions"].as_array().unwrap();
    let of_retry: Vec<_> = permissions
        .iter()
        .filter(|needed| needed["operation"] == "retryTask")
        .collect();
    assert_eq!(of_retry[0]["permission"], "Device Management: Full Access");
    let text = enos_ota(&["explain", "99403"]).stdout;
    assert!(
        text.contains("EnOS 2.2.0, 2.3.0: Device Management: Full Access"),
        "{text}"
    );
}

#[test]
fn exit_codes_outcomes_and_causes_are_explained_too() {
    for (asked, told) in [
        (&["exit", "4"][..], "the job is not running"),
        (&["4"], "exit code 4"),
        (&["429"], "API rate limit exceeded"),
        (&["unknown"], "could not be found out"),
        (&["-2"], "download failed"),
    ] {
        let end = enos_ota(&[&["explain"], asked].concat());
        assert_eq!(end.code, Some(0), "{end:?}");
        let words = end.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(told), "{end:?}");
    }
}

#[test]
fn for_an_unknown_code_the_nearest_are_named() {
    let end = enos_ota(&["explain", "24622"]);
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""));
    assert!(end.stderr.contains("nothing is known of `24622`"), "{}", end.stderr);
    assert!(end.stderr.contains("did you mean 24621, "), "{}", end.stderr);
}

#[test]
fn every_shell_gets_its_completions() {
    for (shell, text) in [
        ("bash", "complete -F "),
        ("zsh", "#compdef enos-ota"),
        ("fish", "complete -c enos-ota"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let end = enos_ota(&["completions", shell]);
        assert_eq!(end.code, Some(0), "{end:?}");
        assert!(end.stdout.contains(text) && end.stdout.contains("explain"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let home = TempDir::new().unwrap();
    let end = run(program(home.path()).args(["man", "--out-dir", "man/man1"]));
    assert_eq!(end.code, Some(0), "{end:?}");
    for page in ["enos-ota.1", "enos-ota-retry.1", "enos-ota-jobs-list.1"] {
        let text = std::fs::read_to_string(home.path().join("man/man1").join(page)).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH OPTIONS"), "{page}");
    }
    let one = enos_ota(&["man", "jobs", "list"]).stdout;
    assert!(one.contains("enos\\-ota jobs list"), "{one}");
    let unknown = enos_ota(&["man", "jobs", "lost"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn the_version_says_what_the_program_was_built_from() {
    let about = enos_ota(&["version", "--output", "json"]).json();
    assert_eq!(about["schema"], "enos-ota/version/1");
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert!(about["target"].as_str().unwrap().contains(std::env::consts::ARCH));
    assert!(about["commit"].is_null() || about["commit"].as_str().unwrap().len() >= 40);
    assert!(enos_ota(&["version"]).stdout.starts_with("enos-ota "));
}

#[test]
fn verbose_tells_of_each_call_and_very_verbose_of_its_url() {
    let gateway = Gateway::start();
    let calls = gateway.run(["jobs", "list", "-v"]).stderr;
    let lines: Vec<_> = calls.lines().filter(|line| line.starts_with("call: ")).collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with("call: searchJobs, "),
        "{calls}"
    );
    let retry = gateway.run(["retry", "66f2a1c0d4e5b6a798011e01", "pump-01", "pump-02", "-v"]);
    for line in ["call: retryTask, ", "retry of 2 devices: accepted\n"] {
        assert!(retry.stderr.contains(line), "{line}: {}", retry.stderr);
    }
    let refused = gateway.run(["jobs", "get", "66f2a1c0d4e5b6a798011eff", "-v"]).stderr;
    assert!(refused.starts_with("call: getJob, 24404, "), "{refused}");
    let wire = gateway.run(["jobs", "list", "-vv"]).stderr;
    let url = format!(
        "{}/connect-service/v2.1/ota-jobs?action=search",
        gateway.emulator.base_url()
    );
    assert!(wire.contains(&url) && wire.contains("method=\"POST\""), "{wire}");
}

#[test]
fn the_form_of_the_output_and_its_file_have_one_name_in_all_commands() {
    let gateway = Gateway::start();
    let job = "66f2a1c0d4e5b6a798011e01";
    for args in [
        &["retry", job, "pump-01", "-o", "json"][..],
        &["jobs", "get", job, "-o", "json"],
        &["token", "-o", "json"],
        &["plan", job, "--failed", "--output", "json"],
        &["resume", "--last", "-o", "json"],
        &["report", "--last", "--output", "json"],
        &["report", "--last", "--format", "json"],
    ] {
        assert!(gateway.run(args).json().is_object(), "{args:?}");
    }
    for args in [
        &["plan", job, "--failed", "--out-file", "plan.jsonl"][..],
        &["report", "--last", "--output", "html", "--out-file", "report.html"],
        &["report", "--last", "--out", "report.txt"],
    ] {
        let end = gateway.run(args);
        assert_eq!(
            (end.code, end.stdout.contains("<html")),
            (Some(0), false),
            "{args:?}: {end:?}"
        );
        assert!(gateway.folder.path().join(args.last().unwrap()).exists(), "{args:?}");
    }
    for args in [["plan", "--out-file", "json"], ["report", "-o", "csv"]] {
        let end = gateway.run(args);
        assert_eq!(end.code, Some(2), "{end:?}");
        let hint = format!(
            "did you mean --output {0}? To write a file of this name: ./{0}",
            args[2]
        );
        assert!(end.stderr.contains(&hint), "{end:?}");
    }
}
