//! What the README says is run here, so that it stays true.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;

use common::{APP_KEY, Gateway, SECRET, program, run};
use enos_ota_client::{CodeInfo, ErrorCode as _, GatewayErrorCode, RetryTaskErrorCode};
use tempfile::TempDir;

const README: &str = include_str!("../../../README.md");

/// The contents of the fenced blocks in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn terminal_sessions_look_as_shown() {
    trycmd::TestCases::new()
        .register_bin("enos-ota", std::path::Path::new(env!("CARGO_BIN_EXE_enos-ota")))
        .env("NO_COLOR", "1")
        .case("../../README.md");
}

#[test]
fn the_first_command_retries_every_device() {
    let line = blocks("sh")[0].trim();
    let args = line.strip_prefix("cargo run -- ").unwrap();
    let home = TempDir::new().unwrap();
    let end = run(program(home.path()).args(args.split(' ')));
    assert_eq!(
        (end.code, end.stdout.as_str()),
        (Some(0), "accepted  pump-01\naccepted  pump-02\naccepted  pump-03\n"),
        "{end:?}"
    );
}

#[test]
fn the_second_command_is_the_one_that_runs_in_continuous_integration() {
    assert_eq!(blocks("sh")[1].trim(), "cargo test --workspace");
    assert!(include_str!("../../../ci/check").contains("\n  cargo test --workspace --locked\n"));
}

#[test]
fn the_profile_shown_is_one_that_works() {
    let gateway = Gateway::start();
    let text = blocks("toml")
        .into_iter()
        .find(|block| block.contains("[profiles."))
        .unwrap();
    let text = text.replace("https://apim-gateway.example.com", gateway.emulator.base_url());
    assert!(text.contains(APP_KEY));
    fs::create_dir(gateway.folder.path().join("enos-ota")).unwrap();
    fs::write(gateway.folder.path().join("enos-ota/config.toml"), text).unwrap();
    let secret = gateway.folder.path().join("enos-ota/app-secret.txt");
    fs::write(&secret, SECRET).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let end = run(program(gateway.folder.path()).arg("token"));
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn the_table_of_codes_is_that_of_the_document() {
    let row = |info: &CodeInfo| format!("| {} | {} | {} |", info.code, info.message, info.remedy);
    let expected: Vec<_> = RetryTaskErrorCode::ALL
        .iter()
        .chain(GatewayErrorCode::ALL)
        .map(row)
        .collect();
    let shown: Vec<_> = README
        .lines()
        .skip_while(|line| *line != "| Code | Message | What to do |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert_eq!(shown, expected, "the table should be:\n{}\n", expected.join("\n"));
}

#[test]
fn the_exit_codes_are_those_of_the_help_text() {
    let home = TempDir::new().unwrap();
    let help = run(program(home.path()).arg("--help")).stdout;
    for (code, meaning) in [
        (0, "every device was accepted"),
        (5, "gave up on transport or throttling"),
        (130, "interrupted"),
    ] {
        assert!(README.contains(&format!("| {code} | {meaning} |")), "{code}");
        assert!(help.contains(&format!("{code:<4} {meaning}")), "{code}: {help}");
    }
}

#[test]
fn every_path_that_is_linked_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for target in README.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        if !target.starts_with("http") {
            assert!(root.join(target).exists(), "{target}");
        }
    }
}
