//! The command line.

// The doc comments are the help texts, which a terminal shows as they stand.
#![allow(clippy::doc_markdown, rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]

mod admin;
#[cfg(test)]
mod any_text;
mod campaigns;
mod help;
mod journal;
mod moment;
mod plan;
mod profile;
mod retry;
mod tools;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use admin::{
    Jobs, JobsChange, JobsCommand, JobsCreate, JobsDelete, JobsGet, JobsList, JobsStop, ListOutput, Listing, Tasks,
    TasksCancel, TasksCommand, TasksList,
};
pub(crate) use campaigns::{Campaigns, CampaignsCommand, CampaignsPrune};
pub(crate) use help::command;
pub(crate) use journal::{Report, ReportFormat, Resume, Watch};
pub(crate) use plan::{Apply, Plan, Rehearse};
pub(crate) use profile::{Config, ConfigCommand, ConfigPath, ConfigShow, Login, Profiles};
pub(crate) use retry::{Criteria, Retry, RetryOptions};
pub(crate) use tools::{
    Api, Completions, Doctor, Emulator, Explain, Man, PrintCurl, QuotaHeaders, Sign, Token, TokenOutput, Version,
};
pub(crate) use values::duration_in_words;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// What stands at the end of the long help, below the variables.
const AFTER_LONG_HELP: &str = "\
An option wins over a variable, and a variable over a profile in config.toml.

Exit codes:
  0    every device was accepted, or the command did what it was asked
  1    some devices were not accepted; with --watch or --canary, an upgrade
       failed; a canary, --abort-above or --max-drift stopped the rest
  2    usage, setting or input file
  3    authentication or permission
  4    no such job or organization, or the job is not running
  5    gave up on transport or throttling
  6    internal error, or the journal could not be written
  130  interrupted; `enos-ota resume` continues. 129 SIGHUP, 143 SIGTERM

Try it without an account:
  enos-ota retry --emulator --failed --watch";

/// Retry failed firmware upgrades of the EnOS IoT platform.
#[derive(Debug, Parser)]
#[command(
    name = "enos-ota",
    version,
    styles = STYLES,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = "\
Exit codes:
  0  every device was accepted      4  no such job, or it is not running
  1  some were not, or failed       5  gave up on network or throttling
  2  usage, setting or input        6  internal error, or no journal
  3  login or permission          130  interrupted (129 SIGHUP, 143 SIGTERM)

Try it without an account:
  enos-ota retry --emulator --failed --watch"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// When to use colour.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Messages"
    )]
    pub(crate) color: Color,

    /// Say more on standard error: -v each call, -vv each attempt with its URL, -vvv everything. Never a secret.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Messages")]
    pub(crate) verbose: u8,

    /// Say nothing on standard error but warnings, errors and what is asked
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Messages")]
    pub(crate) quiet: bool,

    /// Do not show long output through a pager
    #[arg(long, global = true, help_heading = "Messages")]
    pub(crate) no_pager: bool,
}

/// The heading of what stands under no other: after a group with a heading, it has to be said.
const OPTIONS: Option<&str> = None;

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Retry(Box<Retry>),
    Plan(Plan),
    Rehearse(Box<Rehearse>),
    Apply(Box<Apply>),
    Resume(Resume),
    Watch(Watch),
    Campaigns(Campaigns),
    Report(Report),
    Jobs(Jobs),
    Tasks(Tasks),
    Api(Api),
    Sign(Sign),
    Token(Token),
    Emulator(Emulator),
    Doctor(Box<Doctor>),
    Explain(Explain),
    Completions(Completions),
    Man(Man),
    Version(Version),
    Login(Box<Login>),
    Profiles(Profiles),
    Config(Config),
}

/// Where the gateway is, and who calls it.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Connection")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Connection {
    /// Address of the API gateway, such as https://apim-gateway.example.com
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// Access key of the application
    #[arg(long, value_name = "KEY")]
    pub(crate) app_key: Option<String>,

    /// File whose only line is the app secret. The secret itself is never an option
    #[arg(long, value_name = "FILE")]
    pub(crate) app_secret_file: Option<PathBuf>,

    /// Take the secret from a file that other users of this machine can read
    #[arg(long)]
    pub(crate) allow_open_secret_file: bool,

    /// Profile in config.toml [default: `default`, if there is one]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file [default: enos-ota/config.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Allow plain http to another machine. Anyone on the way can then read the access token
    #[arg(long)]
    pub(crate) allow_http: bool,

    /// Trust the root certificates in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,

    /// Proxy for all requests. Without this option, HTTPS_PROXY and the like hold
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Allow HTTP/2. All calls then share one connection, on which a gateway may serve only so many at a time
    #[arg(long)]
    pub(crate) http2: bool,

    /// How long a call may take, with all its attempts: such as 90 (seconds), 90s or 2m. When many devices are retried:
    /// also how long to try before the gateway has answered for the first time, 20 s at the most
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, value_parser = values::timeout)]
    pub(crate) timeout: Option<Duration>,

    /// How many times a request is sent at the most. When many devices are retried: how many calls may fail before the
    /// gateway has answered one [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) request_attempts: Option<u32>,

    /// Use an emulator inside this program, with a demo fleet and without any account
    #[arg(
        long,
        conflicts_with_all = ["base_url", "app_key", "app_secret_file", "allow_open_secret_file", "profile", "config", "allow_http", "ca_cert", "proxy", "http2"]
    )]
    pub(crate) emulator: bool,
}

/// The organization, and where the gateway is.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// Organization (OU) of the job
    #[arg(long, value_name = "ID", help_heading = OPTIONS)]
    pub(crate) org_id: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Devices that a person names.
#[derive(Args, Clone, Debug)]
pub(crate) struct Keys {
    /// The devices. Without --job-id, the first is the job
    #[arg(value_name = "DEVICE_KEY")]
    pub(crate) device_keys: Vec<String>,

    /// File with the devices, `-` for standard input: one per line; blank lines and lines that begin with # are
    /// ignored
    #[arg(long, value_name = "FILE")]
    pub(crate) device_keys_file: Option<PathBuf>,
}

impl Keys {
    pub(crate) fn is_empty(&self) -> bool {
        self.device_keys.is_empty() && self.device_keys_file.is_none()
    }
}

/// What a command asks before it does what cannot be undone.
#[derive(Args, Debug)]
pub(crate) struct Consent {
    /// Do not ask. Needed where there is no terminal to ask on
    #[arg(short, long, help_heading = OPTIONS)]
    pub(crate) yes: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people: a line a device; of more than 50 devices, those that were not accepted.
    #[default]
    Text,
    /// One object, when all is done.
    Json,
    /// An object a line: each device as it is settled, then the summary.
    Jsonl,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectOutput {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
}
