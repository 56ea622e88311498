//! What the README and the guide say is run here, so that it stays true.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{APP_KEY, Gateway, SECRET, program, run};
use tempfile::TempDir;

const README: &str = include_str!("../../../README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The README in both languages, and every page of the guide, by their paths.
fn texts() -> BTreeMap<PathBuf, String> {
    let docs = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let readmes = ["README.md", "README.zh-CN.md"].map(|name| root().join(name));
    let paths = markdown.chain(readmes);
    paths
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// The contents of the fenced blocks in a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// A command of the README, as words after `cargo run --`.
fn first_commands(text: &str) -> Vec<Vec<&str>> {
    blocks(text, "sh")
        .into_iter()
        .filter_map(|block| Some(block.trim().strip_prefix("cargo run -- ")?.split(' ').collect()))
        .collect()
}

#[test]
fn terminal_sessions_look_as_shown() {
    trycmd::TestCases::new()
        .register_bin("enos-ota", std::path::Path::new(env!("CARGO_BIN_EXE_enos-ota")))
        .env("NO_COLOR", "1")
        .case("../../README.md")
        .case("../../docs/*.md");
}

#[test]
fn the_first_command_retries_a_fleet_and_says_how_it_ended() {
    let home = TempDir::new().unwrap();
    let end = run(program(home.path()).args(&first_commands(README)[0]));
    assert_eq!(end.code, Some(1), "{end:?}");
    let last = end.stderr.trim_end().lines().last().unwrap();
    assert!(end.stderr.contains("failed again") && !last.is_empty(), "{end:?}");
}

#[test]
fn the_second_command_retries_every_device() {
    let home = TempDir::new().unwrap();
    let end = run(program(home.path()).args(&first_commands(README)[1]));
    assert_eq!(
        (end.code, end.stdout.as_str()),
        (Some(0), "accepted  pump-01\naccepted  pump-02\naccepted  pump-03\n"),
        "{end:?}"
    );
}

#[test]
fn both_languages_begin_with_the_same_commands() {
    let chinese = fs::read_to_string(root().join("README.zh-CN.md")).unwrap();
    assert_eq!(first_commands(&chinese), first_commands(README));
}

#[test]
fn the_command_that_tests_everything_is_the_one_of_continuous_integration() {
    assert!(README.contains("```sh\ncargo test --workspace\n```"));
    assert!(include_str!("../../../ci/check").contains("\n  cargo test --workspace --locked\n"));
}

#[test]
fn the_readme_is_short_and_says_early_what_it_is_not_proven_on() {
    assert!(README.lines().count() <= 150);
    let warning = README
        .find("**Nothing here has been run against the vendor's cloud.**")
        .unwrap();
    assert!(warning < README.find("\n## ").unwrap());
}

/// Every command that is shown exists, with every option that is shown with it.
#[test]
fn every_command_and_option_that_is_shown_exists() {
    let home = TempDir::new().unwrap();
    let mut helps: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut seen = 0;
    for (path, text) in texts() {
        let shown = blocks(&text, "sh").into_iter().chain(blocks(&text, "console"));
        let shown: Vec<_> = shown.map(|block| block.replace("\\\n", " ")).collect();
        let pieces = shown.iter().flat_map(|block| block.split(['\n', '|', ';', '&', '(']));
        for piece in pieces {
            let piece = piece.split(" #").next().unwrap();
            let begin = ["enos-ota ", "cargo run -- "]
                .iter()
                .find_map(|start| piece.split_once(start));
            let Some((_, line)) = begin else {
                continue;
            };
            let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            let depth = if ["jobs", "tasks"].contains(&words[0].as_str()) {
                2
            } else {
                1
            };
            if words[0].starts_with(['-', '<']) || words.len() < depth {
                continue;
            }
            let command = words[..depth].to_vec();
            let help = helps.entry(command.clone()).or_insert_with(|| {
                let end = run(program(home.path()).args(&command).arg("--help"));
                assert_eq!(end.code, Some(0), "{}: {command:?}", path.display());
                end.stdout
            });
            for option in words.iter().filter(|word| word.starts_with("--")) {
                seen += 1;
                let option = option.split('=').next().unwrap();
                let known = help.split([' ', '\n', ',']).any(|word| word == option);
                assert!(known, "{}: {command:?} has no option {option}", path.display());
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn every_profile_that_is_shown_works() {
    let mut shown = 0;
    for text in texts().into_values() {
        for profile in blocks(&text, "toml")
            .into_iter()
            .filter(|block| block.contains("[profiles."))
        {
            shown += 1;
            let gateway = Gateway::start();
            let profile = profile.replace("https://apim-gateway.example.com", gateway.emulator.base_url());
            assert!(profile.contains(APP_KEY));
            fs::create_dir(gateway.folder.path().join("enos-ota")).unwrap();
            fs::write(gateway.folder.path().join("enos-ota/config.toml"), profile).unwrap();
            let secret = gateway.folder.path().join("enos-ota/app-secret.txt");
            fs::write(&secret, SECRET).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let end = run(program(gateway.folder.path()).arg("token"));
            assert_eq!(end.code, Some(0), "{end:?}");
        }
    }
    assert_eq!(shown, 3);
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
        let page = include_str!("../../../docs/output.md");
        assert!(page.contains(&format!("| {code} | {meaning} |")), "{code}");
        assert!(help.contains(&format!("{code:<4} {meaning}")), "{code}: {help}");
    }
}

/// Pages that the site generates are linked by their names on the site; its own tests see to these.
#[test]
fn every_path_that_is_linked_exists() {
    for (path, text) in texts() {
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = Path::new(target.split('#').next().unwrap());
            let generated = file.extension().is_some_and(|end| end == "html");
            if !target.starts_with("http") && !generated {
                assert!(
                    path.parent().unwrap().join(file).exists(),
                    "{}: {target}",
                    path.display()
                );
            }
        }
    }
}
