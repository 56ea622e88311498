//! `enos-ota profiles`

use std::io::{self, Write as _};

use serde::Serialize;

use crate::args::{ObjectOutput, Profiles};
use crate::config::{Config, DEFAULT, NamedProfile, SecretSource, wanted};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::text::{fit_to, visible};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    schema: &'static str,
    file: Option<&'a str>,
    profiles: Vec<Item>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    name: String,
    /// Whether commands take it now.
    chosen: bool,
    base_url: Option<String>,
    app_key: Option<String>,
    org_id: Option<String>,
    /// Where the secret is.
    secret: Option<String>,
}

pub(crate) fn run(args: &Profiles) -> Result<Exit, Failure> {
    let config = Config::load(args.place.config.as_deref())?;
    let chosen = wanted(args.place.profile.as_deref())?.map_or_else(|| DEFAULT.to_owned(), |name| name.value);
    let items = config
        .profiles
        .iter()
        .map(|(name, profile)| {
            let named = NamedProfile {
                name: name.clone(),
                file: config.file.as_ref().map(|file| file.value.clone()).unwrap_or_default(),
                profile: profile.clone(),
            };
            Ok(Item {
                name: name.clone(),
                chosen: *name == chosen,
                base_url: profile.base_url.clone(),
                app_key: profile.app_key.clone(),
                org_id: profile.org_id.clone(),
                secret: SecretSource::of_profile(&named)?.map(|secret| secret.place()),
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let mut out = io::stdout().lock();
    match args.output {
        ObjectOutput::Json => {
            let file = config.exists.then(|| config.place());
            json::print(
                &mut out,
                &List {
                    schema: "enos-ota/profiles/1",
                    file: file.as_deref(),
                    profiles: items,
                },
            )?;
        }
        ObjectOutput::Text if items.is_empty() => {
            console::note(format_args!("no profile in {}", visible(&config.place())));
            console::hint("enos-ota login    sets one up");
        }
        ObjectOutput::Text => {
            for line in table(&items) {
                writeln!(out, "{line}")?;
            }
            let chosen = if items.iter().any(|item| item.chosen) {
                "* is the one that is chosen"
            } else {
                "none is chosen: choose one with --profile"
            };
            console::note(format_args!("in {}; {chosen}", visible(&config.place())));
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn table(items: &[Item]) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let rows: Vec<[String; 4]> = items
        .iter()
        .map(|item| {
            let mark = if item.chosen { '*' } else { ' ' };
            [
                format!("{mark} {}", item.name),
                or_dash(&item.base_url),
                or_dash(&item.org_id),
                or_dash(&item.secret),
            ]
        })
        .collect();
    let heads = ["  PROFILE", "BASE URL", "ORGANIZATION", "SECRET"].map(str::to_owned);
    let all: Vec<_> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| {
        let widths = all
            .iter()
            .map(|row| ::console::measure_text_width(&visible(&row[column])));
        widths.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    all.iter()
        .map(|[name, base_url, org_id, secret]| {
            let [a, b, c] = widths;
            let line = format!(
                "{}  {}  {}  {}",
                fit_to(name, a),
                fit_to(base_url, b),
                fit_to(org_id, c),
                visible(secret)
            );
            line.trim_end().to_owned()
        })
        .collect()
}
