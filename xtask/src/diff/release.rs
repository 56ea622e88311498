//! What a change that breaks programs owes them: a version that says so, and a line that tells what to do.

use std::collections::HashSet;
use std::fmt;

use super::change::{Diff, Level};

/// The files of the workspace that tell of a release, at base and now.
#[derive(Clone, Debug)]
pub struct Release {
    /// The revision to compare with, as people know it.
    pub base: String,
    /// The version of the workspace in base.
    pub base_version: Version,
    /// The version of the workspace now.
    pub version: Version,
    /// `CHANGELOG.md` in base; empty if there was none.
    pub base_changelog: String,
    /// `CHANGELOG.md` now; empty if there is none.
    pub changelog: String,
}

/// The numbers of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u64, pub u64, pub u64);

impl Version {
    /// Reads `[workspace.package] version` of a `Cargo.toml`.
    pub(super) fn of_workspace(cargo_toml: &str) -> Option<Self> {
        let table: toml::Table = cargo_toml.parse().ok()?;
        table
            .get("workspace")?
            .get("package")?
            .get("version")?
            .as_str()?
            .parse()
            .ok()
    }

    /// Whether Cargo takes `self` for a version that may break what works with `base`.
    fn may_break(self, base: Self) -> bool {
        match (base, self) {
            (Version(0, 0, base), Version(0, 0, now))
            | (Version(0, base, _), Version(0, now, _))
            | (Version(base, ..), Version(now, ..)) => now > base,
        }
    }

    /// The least version that may break what works with `self`.
    fn next(self) -> Self {
        match self {
            Version(0, 0, patch) => Version(0, 0, patch + 1),
            Version(0, minor, _) => Version(0, minor + 1, 0),
            Version(major, ..) => Version(major + 1, 0, 0),
        }
    }
}

impl std::str::FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // What stands behind the numbers, such as `-rc.1`, does not tell whether the version may break.
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().map_err(|_| ()));
        let mut next = || numbers.next().unwrap_or(Err(()));
        let version = Self(next()?, next()?, next()?);
        if numbers.next().is_some() { Err(()) } else { Ok(version) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What is owed, in words for the person who makes the change; nothing if all is well.
#[must_use]
pub fn owed(diff: &Diff, release: &Release) -> Vec<String> {
    if diff.rust().max(diff.wire()) < Level::Breaking {
        return Vec::new();
    }
    let Release {
        base,
        base_version,
        version,
        ..
    } = release;
    let mut owed = Vec::new();
    if !version.may_break(*base_version) {
        let next = base_version.next();
        owed.push(format!(
            "error: the document breaks what was built from {base}, but the version {version} does not say so\n\
             hint: set the versions of the workspace in Cargo.toml from {base_version} to {next}, or take the change \
             back"
        ));
    }
    if !is_told(&release.base_changelog, &release.changelog) {
        owed.push(format!(
            "error: the document breaks what was built from {base}, but CHANGELOG.md does not tell anyone\n\
             hint: add a line under `## Unreleased` that says what breaks and what to do about it"
        ));
    }
    owed
}

/// Whether a line was added that tells of something not yet released in base. A release that was made since has moved
/// the line below its own heading.
fn is_told(base: &str, now: &str) -> bool {
    let known: HashSet<_> = base.lines().map(str::trim).collect();
    let mut in_new = false;
    for line in now.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix("## ") {
            let heading = heading.trim_matches(['[', ']', ' ']);
            in_new = heading.eq_ignore_ascii_case("unreleased") || !known.contains(line);
        } else if in_new && !line.is_empty() && !line.starts_with('#') && !known.contains(line) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_version_breaks_where_cargo_says_so() {
        let may_break = |base: &str, now: &str| {
            let version = |text: &str| text.parse::<Version>().unwrap();
            version(now).may_break(version(base))
        };
        assert!(may_break("0.1.0", "0.2.0"));
        assert!(may_break("0.1.4", "1.0.0"));
        assert!(may_break("0.0.1", "0.0.2"));
        assert!(may_break("1.9.0", "2.0.0-rc.1"));
        assert!(!may_break("0.1.0", "0.1.1"));
        assert!(!may_break("1.0.0", "1.1.0"));
        assert!(!may_break("0.2.0", "0.1.0"));
        assert!(!may_break("1.0.0", "0.2.0"));
    }

    #[test]
    fn only_a_new_line_of_an_unreleased_section_tells() {
        let base = "# Changelog\n\n## Unreleased\n\n- One.\n\n## 0.1.0\n\n- Zero.\n";
        assert!(!is_told(base, base));
        assert!(is_told(base, &base.replace("- One.\n", "- One.\n- Two.\n")));
        assert!(!is_told(base, &base.replace("- Zero.\n", "- Zero.\n- Two.\n")));
        assert!(!is_told(base, &base.replace("- One.\n", "- One.\n\n### Changed\n")));
        let released = base.replace("## Unreleased\n\n- One.", "## Unreleased\n\n## 0.2.0\n\n- One.\n- Two.");
        assert!(is_told(base, &released));
        assert!(is_told("", "## [Unreleased]\n- One.\n"));
    }
}
