//! `enos-ota config`

use std::io::{self, Write as _};

use serde::Serialize;

use crate::args::{Config as Args, ConfigCommand, ConfigPath, ConfigShow, ObjectOutput};
use crate::config::{Config, Setting, settings};
use crate::console;
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
