//! `enos-ota explain`

mod entries;
mod render;

use std::io::{self, Write as _};

use serde::Serialize;

use self::entries::{Entry, Kind};
use crate::args::{Explain, ObjectOutput};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;

#[derive(Serialize)]
struct Explanation<'a> {
    schema: &'static str,
    entries: &'a [Entry],
}

pub(crate) fn run(args: &Explain) -> Result<Exit, Failure> {
    let asked = args.code.join(" ");
    let all = entries::all();
    let found = find(&all, &asked);
    if found.is_empty() {
        let failure = Failure::usage(format!("nothing is known of `{asked}`"));
        let nearest = nearest(&all, &asked);
        return Err(failure.with_hint(format!("did you mean {}?", nearest.join(", "))));
    }
    let mut out = io::stdout().lock();
    match args.output {
        ObjectOutput::Json => json::print(
            &mut out,
            &Explanation {
                schema: "enos-ota/explain/1",
                entries: &found,
            },
        )?,
        ObjectOutput::Text => out.write_all(render::text(&found).as_bytes())?,
    }
    out.flush()?;
    Ok(Exit::Success)
}

/// What is meant: `24621`, `exit 4`, `HTTP 429`, `skipped`, or a name such as `TaskNotFailed`.
fn find(all: &[Entry], asked: &str) -> Vec<Entry> {
    let words: Vec<_> = asked.split_whitespace().map(str::to_ascii_lowercase).collect();
    let (kind, code) = match words.as_slice() {
        [first, code] if matches!(first.as_str(), "exit" | "rc") => (Some(Kind::ExitCode), code.clone()),
        [first, second, code] if first == "exit" && second == "code" => (Some(Kind::ExitCode), code.clone()),
        [first, code] if first == "http" => (Some(Kind::GatewayRefusal), code.clone()),
        [first, code] if matches!(first.as_str(), "code" | "error") => (None, code.clone()),
        _ => (None, words.join(" ")),
    };
    let is_meant = |entry: &&Entry| {
        kind.is_none_or(|kind| kind == entry.kind) && entry.names().any(|name| name.eq_ignore_ascii_case(&code))
    };
    all.iter().filter(is_meant).cloned().collect()
}

/// The names that are most alike, the nearest first.
fn nearest<'a>(all: &'a [Entry], asked: &str) -> Vec<&'a str> {
    const SHOWN: usize = 3;
    let asked = asked.split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
    let number: Option<i64> = asked.parse().ok();
    let mut names: Vec<_> = all
        .iter()
        .flat_map(Entry::names)
        .filter(|name| name.parse::<i64>().is_ok() == number.is_some())
        .map(|name| {
            let typed = strsim::damerau_levenshtein(&asked, &name.to_ascii_lowercase());
            let apart = number
                .zip(name.parse::<i64>().ok())
                .map_or(0, |(one, other)| one.abs_diff(other));
            ((typed, apart), name)
        })
        .collect();
    names.sort_unstable();
    names.dedup_by_key(|(_, name)| *name);
    names.into_iter().take(SHOWN).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(asked: &str) -> Vec<(Kind, String)> {
        let found = find(&entries::all(), asked);
        found.into_iter().map(|entry| (entry.kind, entry.code)).collect()
    }

    #[test]
    fn a_code_is_found_by_its_number_its_name_or_what_it_is() {
        for asked in ["24621", "code 24621", "TaskNotFailed", "tasknotfailed"] {
            assert_eq!(codes(asked), [(Kind::PlatformCode, "24621".to_owned())], "{asked}");
        }
        for asked in ["4", "exit 4", "Exit Code 4", "rc 4"] {
            assert_eq!(codes(asked), [(Kind::ExitCode, "4".to_owned())], "{asked}");
        }
        assert_eq!(codes("http 429"), [(Kind::GatewayRefusal, "429".to_owned())]);
        assert_eq!(codes("1003"), [(Kind::GatewayCode, "1003".to_owned())]);
        assert_eq!(codes("-2"), [(Kind::FailureCause, "-2".to_owned())]);
        assert_eq!(codes("exit 24621"), []);
    }

    #[test]
    fn for_what_is_not_known_the_nearest_are_named() {
        let all = entries::all();
        assert_eq!(nearest(&all, "24622")[0], "24621");
        assert_eq!(nearest(&all, "skiped")[0], "skipped");
        assert_eq!(nearest(&all, "exit 9").len(), 3);
    }
}
