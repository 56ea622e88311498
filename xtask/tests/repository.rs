//! What the repository says about itself is so: files that pages name exist, and what workflows run is pinned.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use xtask::workspace;

fn read(name: &str) -> String {
    let path = workspace::root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| unreachable!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(workspace::root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    files
}

/// The pages for people who work on this repository.
const PAGES: [&str; 7] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "STYLE.md",
    "docs/unknowns.md",
    "openapi/foreign/README.md",
];

/// The words between backticks that can only be a file or folder of this repository, without its options.
fn named_files(page: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            // In a drawing of the tree, the name at the beginning of a line.
            continue;
        }
        let words = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|code| code.split_whitespace().next());
        found.extend(words.filter(|word| {
            let is_source = [
                "crates/",
                "xtask/",
                "openapi/",
                "docs/",
                ".ci/",
                ".github/",
                "ci/",
                "packaging/",
            ]
            .iter()
            .any(|folder| word.starts_with(folder));
            let is_rust = Path::new(word).extension().is_some_and(|extension| extension == "rs");
            let is_rust = is_rust && !word.contains('*');
            is_source || is_rust
        }));
    }
    found
}

/// All files of the sources, relative to the workspace.
fn tree() -> BTreeSet<String> {
    fn collect(root: &Path, folder: &Path, tree: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if ["target", ".git", "node_modules"].contains(&name) {
                continue;
            }
            let relative = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            if path.is_dir() {
                collect(root, &path, tree);
            }
            tree.insert(relative);
        }
    }
    let root = workspace::root();
    let mut tree = BTreeSet::new();
    collect(&root, &root, &mut tree);
    tree
}

#[test]
fn pages_name_only_files_that_exist() {
    let tree = tree();
    let mut seen = 0;
    for page in PAGES {
        for name in named_files(&read(page)) {
            seen += 1;
            let name = name.trim_end_matches('/');
            // `tests/answers.rs` may be said of a crate that was named before.
            let is_there = tree.contains(name) || tree.iter().any(|file| file.ends_with(&format!("/{name}")));
            // A file of generated or downloaded things, or a pattern.
            let is_pattern = name.contains(['*', '<', '{']) || name.contains("NN-");
            assert!(is_there || is_pattern, "{page} names `{name}`, which does not exist");
        }
    }
    assert!(seen > 20, "only {seen} files are named");
}

#[test]
fn a_file_that_does_not_exist_is_found_out() {
    let page = "`crates/enos-ota/src/retry_task.rs` and `client.rs`\n```sh\n.ci/nothing\n```\n`.ci/run --quick`";
    assert_eq!(
        named_files(page),
        ["crates/enos-ota/src/retry_task.rs", "client.rs", ".ci/run"]
    );
    assert!(!tree().contains("crates/enos-ota/src/retry_task.rs"));
}

#[test]
fn links_between_pages_lead_to_files() {
    for page in PAGES {
        let folder = workspace::root().join(page).parent().unwrap().to_owned();
        let text = read(page);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let path = target.split('#').next().unwrap();
            assert!(folder.join(path).exists(), "{page} links to {target}");
        }
    }
}

/// A tag can be moved to another commit; a full SHA cannot.
#[test]
fn actions_are_pinned_by_their_commit() {
    let mut seen = 0;
    for workflow in files(".github/workflows") {
        for line in read(&workflow).lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            seen += 1;
            let (pinned, version) = action.split_once(" # ").unwrap_or((action, ""));
            let commit = pinned.split_once('@').map_or("", |(_, commit)| commit);
            assert!(
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{workflow}: `{action}` is not pinned by a full commit SHA"
            );
            assert!(
                version.starts_with('v'),
                "{workflow}: `{action}` lacks the version as a comment"
            );
        }
        assert!(
            read(&workflow).contains("permissions:\n  contents: read\n"),
            "{workflow}"
        );
    }
    assert!(seen > 5, "{seen}");
}

/// What a package manager chooses by itself today, it may choose otherwise tomorrow.
#[test]
fn tools_are_installed_from_lock_files() {
    let mut scripts: Vec<String> = files(".github/workflows");
    scripts.extend(
        [
            "ci/foreign",
            "ci/site",
            "ci/tools.sh",
            "ci/check",
            "xtask/src/docs/tools.rs",
        ]
        .map(str::to_owned),
    );
    for script in scripts {
        let text = read(&script);
        assert!(
            !text.contains("npm install") && !text.contains("\"install\""),
            "{script} installs without a lock file"
        );
        assert!(!text.contains("npx "), "{script} runs what it has not locked");
        for line in text.lines().filter(|line| line.contains("pip\" install")) {
            assert!(line.contains("--require-hashes"), "{script}: {line}");
        }
        for line in text.lines().filter(|line| line.contains("cargo install")) {
            assert!(line.contains("--locked"), "{script}: {line}");
        }
    }
    let locks = files("ci/npm");
    for folder in locks {
        let lock: serde_json::Value = serde_json::from_str(&read(&format!("{folder}/package-lock.json"))).unwrap();
        for (name, package) in lock["packages"].as_object().unwrap() {
            assert!(
                name.is_empty() || package["integrity"].is_string(),
                "{folder}: {name} has no hash"
            );
        }
    }
}

#[test]
fn the_toolchain_is_the_oldest_compiler_that_is_promised() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let promised = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert!(channel.starts_with(promised), "{channel} is not {promised}");
}
