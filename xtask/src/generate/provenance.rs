//! `provenance.toml`: from what the files were generated, and by which versions of which crates.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::{Diagnostic, Mark};
use crate::spec::Document;
use crate::workspace;

/// The crates whose versions may change what is generated.
const GENERATORS: [&str; 9] = [
    "openapiv3",
    "prettyplease",
    "proc-macro2",
    "progenitor",
    "progenitor-impl",
    "quote",
    "serde-saphyr",
    "syn",
    "typify",
];

#[derive(Serialize)]
struct Provenance<'a> {
    spec: Spec<'a>,
    generators: BTreeMap<&'a str, String>,
}

#[derive(Serialize)]
struct Spec<'a> {
    path: &'a str,
    sha256: String,
    version: &'a str,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The file without its first line.
pub(super) fn generate(document: &Document) -> Result<String, Vec<Diagnostic>> {
    let fail = |message: String| vec![Diagnostic::new(Mark::START, message)];
    let path = workspace::root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path).map_err(|error| fail(format!("cannot read Cargo.lock: {error}")))?;
    let lock: Lock = toml::from_str(&lock).map_err(|error| fail(format!("cannot read Cargo.lock: {error}")))?;
    let mut generators = BTreeMap::new();
    for name in GENERATORS {
        let version = locked(&lock, name).ok_or_else(|| fail(format!("Cargo.lock has no crate {name}")))?;
        generators.insert(name, version);
    }
    let mut sha256 = String::new();
    for byte in Sha256::digest(&document.source.text) {
        // Writing to a `String` cannot fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    let spec = Spec {
        path: &document.source.name,
        sha256,
        version: document
            .root
            .get("info")
            .and_then(|info| info.text("version"))
            .unwrap_or_default(),
    };
    toml::to_string(&Provenance { spec, generators }).map_err(|error| fail(format!("cannot write TOML: {error}")))
}

/// The version that this program was built with. The lock file may have several versions of a crate, so it is looked
/// for among the dependencies of this program, nearest first.
fn locked(lock: &Lock, name: &str) -> Option<String> {
    let mut queue = VecDeque::from([lock
        .package
        .iter()
        .position(|package| package.name == env!("CARGO_PKG_NAME"))?]);
    let mut seen = vec![false; lock.package.len()];
    while let Some(index) = queue.pop_front() {
        let package = &lock.package[index];
        if package.name == name {
            return Some(package.version.clone());
        }
        if std::mem::replace(&mut seen[index], true) {
            continue;
        }
        for dependency in &package.dependencies {
            // "name", or "name version" if there are several.
            let mut parts = dependency.split(' ');
            let (wanted, version) = (parts.next(), parts.next());
            queue.extend(lock.package.iter().position(|package| {
                Some(package.name.as_str()) == wanted && version.is_none_or(|version| package.version == version)
            }));
        }
    }
    None
}
