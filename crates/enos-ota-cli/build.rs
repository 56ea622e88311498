//! Tells the program what it is built from: the target, and the commit if it can be known.

use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=ENOS_OTA_TARGET={target}");
    // A build for development would be done anew after every commit.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release")
        && let Some(commit) = of_package().or_else(of_repository)
    {
        println!("cargo:rustc-env=ENOS_OTA_COMMIT={commit}");
    }
}

/// The commit that cargo has written into a package.
fn of_package() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    let (commit, _) = rest.split_once('"')?;
    is_commit(commit).then(|| commit.to_owned())
}

/// The commit of the repository in which this file is. A package that lies unpacked in another repository is not of it.
fn of_repository() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    // It changes with every commit; where there is none, what is below is not looked at again.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    git(&["rev-parse", "HEAD"]).filter(|commit| is_commit(commit))
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
