//! Setting up a profile, and what is said of profiles and settings.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{APP_KEY, Finished, Gateway, SECRET, program, run, run_with_input};

/// The program without any setting, and without the programs of this machine: there is no keyring.
fn bare(gateway: &Gateway, args: &[&str]) -> Command {
    let mut command = program(gateway.folder.path());
    command.args(args).env("PATH", gateway.folder.path());
    command
}

fn login(gateway: &Gateway, more: &[&str], secret: &str) -> Finished {
    let emulator = &gateway.emulator;
    let answers = [
        "login",
        "--secret-stdin",
        "--base-url",
        emulator.base_url(),
        "--app-key",
        APP_KEY,
        "--org-id",
        emulator.org_id(),
    ];
    let mut command = bare(gateway, &answers);
    run_with_input(command.args(more), format!("{secret}\n").as_bytes())
}

fn file(gateway: &Gateway, name: &str) -> PathBuf {
    gateway.folder.path().join("enos-ota").join(name)
}

/// A program in place of `secret-tool`, which keeps secrets in files and a log of its arguments.
#[cfg(unix)]
fn install_keyring(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let tool = folder.join("secret-tool");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {0}/log\nfor key do :; done\ncase $1 in\n  store) /bin/cat > \"{0}/$key\";;\n  lookup) test -e \
         \"{0}/$key\" && exec /bin/cat \"{0}/$key\";;\nesac\n",
        folder.display()
    );
    fs::write(&tool, script).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_profile_is_set_up_by_options_alone_and_works() {
    let gateway = Gateway::start();
    let end = login(&gateway, &["--profile", "prod"], SECRET);
    assert_eq!((end.code, end.stdout.as_str()), (Some(0), ""), "{end:?}");
    for text in [
        "answers as an EnOS gateway",
        "key and secret are right",
        "has 3 jobs",
        "which only you can read (there is no program `secret-tool`)",
        "next: enos-ota jobs list --profile prod",
    ] {
        assert!(end.stderr.contains(text), "{text}: {}", end.stderr);
    }
    assert!(!end.stderr.contains(SECRET), "{}", end.stderr);
    #[cfg(unix)]
    for name in ["config.toml", "prod.secret"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(file(&gateway, name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let listed = run(&mut bare(&gateway, &["jobs", "list", "--profile", "prod"]));
    assert_eq!(listed.code, Some(0), "{listed:?}");
}

#[cfg(unix)]
#[test]
fn the_secret_goes_to_the_keyring_where_there_is_one() {
    let gateway = Gateway::start();
    install_keyring(gateway.folder.path());
    let end = login(&gateway, &[], SECRET);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(
        end.stderr.contains("; the secret in the system's keyring"),
        "{}",
        end.stderr
    );
    let config = fs::read_to_string(file(&gateway, "config.toml")).unwrap();
    assert!(
        config.contains("app-secret-keyring = true") && !config.contains(SECRET),
        "{config}"
    );
    assert!(!file(&gateway, "default.secret").exists());
    let listed = run(&mut bare(&gateway, &["jobs", "list"]));
    assert_eq!(listed.code, Some(0), "{listed:?}");
    // Other users can read the arguments of a program.
    let log = fs::read_to_string(gateway.folder.path().join("log")).unwrap();
    assert!(log.contains(APP_KEY) && !log.contains(SECRET), "{log}");

    fs::remove_file(gateway.folder.path().join(APP_KEY)).unwrap();
    let gone = run(&mut bare(&gateway, &["jobs", "list"]));
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(
        gone.stderr
            .contains("the system's keyring has no secret of the app key")
            && gone.stderr.contains("enos-ota login"),
        "{}",
        gone.stderr
    );
    let file_again = login(&gateway, &["--no-keyring"], SECRET);
    assert!(file(&gateway, "default.secret").exists(), "{file_again:?}");
}

#[test]
fn a_wrong_answer_is_told_and_nothing_is_written() {
    let gateway = Gateway::start();
    let end = login(&gateway, &[], "wrong");
    assert_eq!(end.code, Some(3), "{end:?}");
    assert!(
        end.stderr.contains("the secret comes from --secret-stdin"),
        "{}",
        end.stderr
    );
    let mut command = bare(
        &gateway,
        &["login", "--secret-stdin", "--app-key", APP_KEY, "--org-id", "nobody"],
    );
    command.args(["--base-url", gateway.emulator.base_url()]);
    let end = run_with_input(&mut command, SECRET.as_bytes());
    assert_eq!(end.code, Some(4), "{end:?}");
    assert!(
        end.stderr
            .contains("error: organization nobody (from --org-id) does not exist on "),
        "{}",
        end.stderr
    );
    assert!(!file(&gateway, "config.toml").exists());
}

#[test]
fn without_a_terminal_every_missing_answer_is_named_at_once() {
    let gateway = Gateway::start();
    let end = run(&mut bare(&gateway, &["login"]));
    assert_eq!(
        (end.code, end.stderr.as_str()),
        (
            Some(2),
            "error: there is no terminal to ask on, and not every answer is given\n\
             hint: give --base-url or ENOS_BASE_URL\n\
             hint: give --app-key or ENOS_APP_KEY\n\
             hint: give --secret-stdin, --app-secret-file or ENOS_APP_SECRET\n\
             hint: give --org-id or ENOS_ORG_ID\n"
        )
    );
}

#[test]
fn a_second_login_needs_only_what_has_changed() {
    let gateway = Gateway::start();
    assert_eq!(login(&gateway, &[], SECRET).code, Some(0));
    let again = run_with_input(&mut bare(&gateway, &["login", "--secret-stdin"]), SECRET.as_bytes());
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn profiles_are_listed_without_their_secrets() {
    let gateway = Gateway::start();
    assert_eq!(login(&gateway, &["--profile", "test"], SECRET).code, Some(0));
    assert_eq!(login(&gateway, &[], SECRET).code, Some(0));
    let end = run(&mut bare(&gateway, &["profiles"]));
    let base_url = gateway.emulator.base_url();
    assert!(
        end.stdout.starts_with("  PROFILE") && end.stdout.contains(&format!("\n* default  {base_url}")),
        "{end:?}"
    );
    let json = run(&mut bare(&gateway, &["profiles", "-o", "json"]));
    assert!(!json.stdout.contains(SECRET), "{json:?}");
    let json = json.json();
    assert_eq!(json["schema"], "enos-ota/profiles/1");
    assert_eq!(json["profiles"][1]["name"], "test");
    let end = run(bare(&Gateway::start(), &["profiles"]).env("ENOS_CONFIG", ""));
    assert!(end.stderr.contains("hint: enos-ota login"), "{end:?}");
}

#[test]
fn each_setting_is_shown_with_its_source_and_the_secret_never() {
    let gateway = Gateway::start();
    assert_eq!(login(&gateway, &[], SECRET).code, Some(0));
    let mut command = bare(&gateway, &["config", "show", "--app-key", "k", "-o", "json"]);
    let end = run(command.env("ENOS_ORG_ID", "o1").args(["--proxy", "http://me:pw@proxy"]));
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(
        !end.stdout.contains(SECRET) && !end.stdout.contains("pw"),
        "{}",
        end.stdout
    );
    let json = end.json();
    let settings = json["settings"].as_array().unwrap();
    let source = |name: &str| {
        let setting = settings.iter().find(|setting| setting["name"] == name);
        setting.unwrap()["source"].as_str().unwrap_or("not set").to_owned()
    };
    for (name, expected) in [
        ("base-url", "profile `default`"),
        ("app-key", "--app-key"),
        ("org-id", "ENOS_ORG_ID"),
        ("proxy", "--proxy"),
        ("ca-cert", "not set"),
        ("config", "default"),
    ] {
        assert_eq!(source(name), expected, "{name}");
    }
    assert!(source("app-secret").ends_with("default.secret (profile `default`)"));
    let path = run(&mut bare(&gateway, &["config", "path"]));
    assert_eq!(Path::new(path.stdout.trim_end()), file(&gateway, "config.toml"));
}
