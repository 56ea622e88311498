//! `enos-ota config`

use std::io::{self, Write as _};

use enos_ota::ProxyUrl;
use serde::Serialize;

use crate::args::{Config as Args, ConfigCommand, ConfigPath, ConfigShow, ObjectOutput};
use crate::campaign::{command_line, journals};
use crate::config::{Config, Found, Origin, Sourced, wanted};
use crate::console;
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::text::{fit_to, visible};

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        ConfigCommand::Show(args) => show(args),
        ConfigCommand::Path(args) => path(args),
    }
}

fn path(args: &ConfigPath) -> Result<Exit, Failure> {
    let config = Config::load(args.config.as_deref())?;
    let Some(file) = &config.file else {
        return Err(Failure::usage("this user has no configuration folder").with_hint("name the file with --config"));
    };
    writeln!(io::stdout(), "{}", file.display())?;
    if !config.exists {
        console::note("there is no such file yet; `enos-ota login` makes it");
    }
    Ok(Exit::Success)
}

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    settings: Vec<Setting>,
}

/// A setting as it is shown. Of the secret, only where it is.
#[derive(Serialize)]
struct Setting {
    name: &'static str,
    value: Option<String>,
    source: Option<String>,
}

impl Setting {
    fn new<T>(name: &'static str, value: Option<&Sourced<T>>, show: impl FnOnce(&T) -> String) -> Self {
        Self {
            name,
            value: value.map(|value| show(&value.value)),
            source: value.map(|value| value.origin.to_string()),
        }
    }
}

fn show(args: &ConfigShow) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    if connection.emulator {
        return Err(Failure::usage("with --emulator, no setting is looked up"));
    }
    let found = connection.find(args.target.org_id.as_ref())?;
    let settings = settings(&found, connection.profile.as_deref())?;
    let mut out = io::stdout().lock();
    match args.output {
        ObjectOutput::Json => json::print(
            &mut out,
            &Shown {
                schema: "enos-ota/config/1",
                settings,
            },
        )?,
        ObjectOutput::Text => {
            let width =
                |texts: &mut dyn Iterator<Item = &str>| texts.map(::console::measure_text_width).max().unwrap_or(0);
            let names = width(&mut settings.iter().map(|setting| setting.name));
            let values = width(&mut settings.iter().filter_map(|setting| setting.value.as_deref()));
            for setting in &settings {
                let value = fit_to(setting.value.as_deref().unwrap_or("-"), values.min(60));
                let source = visible(setting.source.as_deref().unwrap_or("not set"));
                writeln!(out, "{:<names$}  {value}  {source}", setting.name)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

fn settings(found: &Found, profile: Option<&str>) -> Result<Vec<Setting>, Failure> {
    let text = Clone::clone;
    let chosen = match (wanted(profile)?, &found.profile) {
        (Some(wanted), _) => Some(wanted),
        (None, Some(profile)) => Some(Sourced::new(profile.name.clone(), Origin::Default)),
        (None, None) => None,
    };
    let journals = match env::JOURNAL_DIR.get()? {
        Some(folder) => Some(Sourced::new(folder.into(), Origin::Variable(&env::JOURNAL_DIR))),
        None => journals::default_folder()
            .ok()
            .map(|folder| Sourced::new(folder, Origin::Default)),
    };
    Ok(vec![
        Setting::new("config", found.config.file.as_ref(), |file| {
            let missing = if found.config.exists { "" } else { " (there is none)" };
            format!("{}{missing}", file.display())
        }),
        Setting::new("profile", chosen.as_ref(), text),
        Setting::new("base-url", found.base_url.as_ref(), |url| {
            command_line::without_password(url)
        }),
        Setting::new("app-key", found.app_key.as_ref(), text),
        Setting {
            name: "app-secret",
            value: found.secret.as_ref().map(|_| "(not shown)".to_owned()),
            source: found.secret.as_ref().map(ToString::to_string),
        },
        Setting::new("org-id", found.org_id.as_ref(), text),
        Setting::new("allow-http", found.allow_http.as_ref(), ToString::to_string),
        Setting::new("ca-cert", found.ca_cert.as_ref(), |file| file.display().to_string()),
        Setting::new("proxy", found.proxy.as_ref(), |proxy| {
            ProxyUrl::parse(proxy).map_or_else(|_| "(not an address)".to_owned(), |proxy| proxy.to_string())
        }),
        Setting::new("journals", journals.as_ref(), |folder| folder.display().to_string()),
    ])
}
