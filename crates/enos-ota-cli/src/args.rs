//! The command line.

// The doc comments are the help texts, which a terminal shows as they stand.
#![allow(clippy::doc_markdown, rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

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
  0    every device was accepted          4    no such job, or the job is not running
  1    some devices were not accepted     5    gave up on transport or throttling
  2    usage, setting or input file       6    internal error
  3    authentication or permission       130  interrupted

Try it without an account:
  enos-ota retry --emulator",
    after_long_help = "\
Configuration, the first that is set wins: options, then environment variables, then a profile in config.toml.

Exit codes:
  0    every device was accepted, or the command did what it was asked
  1    some devices were not accepted
  2    usage, setting or input file
  3    authentication or permission
  4    no such job, or the job is not running
  5    gave up on transport or throttling
  6    internal error
  130  interrupted

Try it without an account:
  enos-ota retry --emulator"
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

    /// Say more on standard error: -v what is done, -vv every attempt, -vvv everything. Never a secret.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Messages")]
    pub(crate) verbose: u8,
}

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
    Retry(Retry),
    Jobs(Jobs),
    Tasks(Tasks),
    Api(Api),
    Sign(Sign),
    Token(Token),
    Emulator(Emulator),
}

/// Where the gateway is, and who calls it.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Address of the API gateway, such as https://apim-gateway.example.com [env: ENOS_BASE_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// Access key of the application [env: ENOS_APP_KEY]
    #[arg(long, value_name = "KEY")]
    pub(crate) app_key: Option<String>,

    /// File whose first line is the app secret. The secret itself is never an option [env: ENOS_APP_SECRET holds it,
    /// ENOS_APP_SECRET_FILE names a file]
    #[arg(long, value_name = "FILE")]
    pub(crate) app_secret_file: Option<PathBuf>,

    /// Profile in config.toml [env: ENOS_PROFILE] [default: `default`, if there is one]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file [env: ENOS_CONFIG] [default: enos-ota/config.toml in the user's configuration folder]
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

    /// Seconds that a call may take, with all its attempts
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,

    /// How many times a request is sent at the most [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) max_attempts: Option<u32>,

    /// Use an emulator inside this program, with a demo fleet and without any account
    #[arg(
        long,
        conflicts_with_all = ["base_url", "app_key", "app_secret_file", "profile", "config", "allow_http", "ca_cert", "proxy"]
    )]
    pub(crate) emulator: bool,
}

/// Retry the failed tasks of devices in an OTA job.
///
/// Only tasks that have failed can be retried, and only while the job runs. The platform gives no result for single
/// devices: a device is `accepted` if the call that carried it was accepted, `rejected` if the platform refused that
/// call, `skipped` if none was sent, and `unknown` if the answer was lost.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota retry --emulator                                  explain the demo fleet
  enos-ota retry --job-id 5ed758ca49f032b4663063aa meter-17 meter-18
  enos-ota retry --job-id 5ed758ca49f032b4663063aa --device-keys-file failed.txt --output json
  grep -v test fleet.txt | enos-ota retry --job-id 5ed758ca49f032b4663063aa --device-keys-file -")]
pub(crate) struct Retry {
    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    #[command(flatten)]
    pub(crate) devices: Devices,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The devices whose tasks are meant, how they are sent, and in which form the result comes.
#[derive(Args, Debug)]
pub(crate) struct Devices {
    /// The devices
    #[arg(value_name = "DEVICE_KEY", conflicts_with = "device_keys_file")]
    pub(crate) device_keys: Vec<String>,

    /// File with the devices, `-` for standard input: one a line, blank lines and lines that begin with # are passed
    /// over
    #[arg(long, value_name = "FILE")]
    pub(crate) device_keys_file: Option<PathBuf>,

    /// Devices a call. What the platform takes at the most is not documented
    #[arg(long, value_name = "N", default_value = "200")]
    pub(crate) chunk_size: NonZeroUsize,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Output,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A line a device, for people.
    #[default]
    Text,
    /// One object, when all is done.
    Json,
    /// An object a line: each device as it is settled, then the summary.
    Jsonl,
}

/// The organization, and where the gateway is.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// Organization (OU) of the job [env: ENOS_ORG_ID]
    #[arg(long, value_name = "ID")]
    pub(crate) org_id: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// What a command asks before it does what cannot be undone.
#[derive(Args, Debug)]
pub(crate) struct Consent {
    /// Do not ask. Needed where there is no terminal to ask on
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// List, show, create, start, stop and delete OTA jobs.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    List(JobsList),
    Get(JobsGet),
    Create(JobsCreate),
    /// Start a stopped job.
    Start(JobsChange),
    /// Stop a running job. Its tasks can then be neither retried nor cancelled.
    Stop(JobsChange),
    Delete(JobsDelete),
}

/// List the jobs of an organization, the latest first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota jobs list --emulator
  enos-ota jobs list --status started --output json
  enos-ota jobs list --expression \"name like 'pump'\"")]
pub(crate) struct JobsList {
    /// Only jobs of this status: started or stopped
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Option<String>,

    /// Only jobs of this type: upgrade or verify
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) job_type: Option<String>,

    #[command(flatten)]
    pub(crate) listing: Listing,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// What all lists have in common.
#[derive(Args, Debug)]
pub(crate) struct Listing {
    /// Search expression in the platform's language; with other criteria, all must hold
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) expression: Option<String>,

    /// Read no more than N [default: all]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<NonZeroUsize>,

    /// How many to a page: 1 to 200; the platform advises at most 50
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u8).range(1..=200))]
    pub(crate) page_size: u8,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ListOutput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// A table, for people.
    #[default]
    Text,
    /// One object with all items, in the platform's own field names.
    Json,
    /// An item a line.
    Jsonl,
}

/// Show a job.
#[derive(Args, Debug)]
pub(crate) struct JobsGet {
    /// The job
    #[arg(value_name = "JOB_ID")]
    pub(crate) job_id: String,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectOutput {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
}

/// Create a job.
///
/// The description is the JSON object that the platform's documentation shows. The new job is stopped (inferred from the
/// vendor's samples): start it with `enos-ota jobs start`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  enos-ota jobs create --firmware-id 5ed758ca49f032b4663063ff --data '{\"type\": \"upgrade\",
      \"upgradeScope\": {\"type\": \"partial\", \"deviceKeys\": [\"meter-17\"]},
      \"upgradePolicy\": \"snapshot\", \"enableUpgradeRequest\": false}'")]
pub(crate) struct JobsCreate {
    /// The firmware that the job upgrades to
    #[arg(long, value_name = "ID")]
    pub(crate) firmware_id: String,

    /// Description of the job; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) data: String,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Args, Debug)]
pub(crate) struct JobsChange {
    /// The job
    #[arg(value_name = "JOB_ID")]
    pub(crate) job_id: String,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Delete a stopped job. It cannot be brought back.
#[derive(Args, Debug)]
pub(crate) struct JobsDelete {
    #[command(flatten)]
    pub(crate) consent: Consent,

    #[command(flatten)]
    pub(crate) change: JobsChange,
}

/// List and cancel the tasks of a job.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Tasks {
    #[command(subcommand)]
    pub(crate) command: TasksCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TasksCommand {
    List(TasksList),
    Cancel(TasksCancel),
}

/// List tasks.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota tasks list --emulator --job-id 66f2a1c0d4e5b6a798011e01 --status failed
  enos-ota tasks list --job-id 5ed758ca49f032b4663063aa --status failed --output jsonl \\
      | jq -r .deviceKey | enos-ota retry --job-id 5ed758ca49f032b4663063aa --device-keys-file -")]
pub(crate) struct TasksList {
    /// Only tasks of this job
    #[arg(long, value_name = "ID", required_unless_present = "expression")]
    pub(crate) job_id: Option<String>,

    /// Only tasks of this status: init, published, upgrading, succeeded or failed. May be repeated
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<String>,

    /// Only tasks of this device. May be repeated
    #[arg(long, value_name = "DEVICE_KEY")]
    pub(crate) device_key: Vec<String>,

    #[command(flatten)]
    pub(crate) listing: Listing,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Cancel tasks that have not begun to upgrade.
///
/// Only tasks that are `init` or `published` can be cancelled, and only while the job runs. Inferred from the vendor's
/// samples: a cancelled task becomes `failed`, so a later retry of all failed tasks revives it.
#[derive(Args, Debug)]
pub(crate) struct TasksCancel {
    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: String,

    #[command(flatten)]
    pub(crate) devices: Devices,

    #[command(flatten)]
    pub(crate) consent: Consent,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Call any API of the platform, signed, and print the answer.
///
/// The request is sent once. The exit code tells what the answer reports.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  enos-ota api GET /connect-service/v2.1/ota-jobs --query action=get --query orgId=o15724268424841 \\
      --query jobId=5ed758ca49f032b4663063aa")]
pub(crate) struct Api {
    /// GET, POST, ...
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,

    /// Path of the API, with a slash at its beginning
    #[arg(value_name = "PATH")]
    pub(crate) path: String,

    /// A query parameter, not encoded. May be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) query: Vec<String>,

    /// Body of the request, byte for byte; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Sign a request without sending it.
///
/// Prints the three headers, one a line. The signature covers the query, the body and the timestamp, but not method,
/// path and host. The app secret comes from ENOS_APP_SECRET, a file or a profile.
#[derive(Args, Debug)]
#[command(after_help = "\
Example (the published one, without its body):
  export ENOS_APP_SECRET=xxxappSecretxxx
  enos-ota sign --access-token xxxxaaaxxxx --timestamp 1572574909697 --explain \\
      --url 'https://apim-gateway.example.com/m/v1/b?k3=v3&k1=v1&k2=v2'")]
pub(crate) struct Sign {
    /// URL of the request; only its query is signed
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,

    /// Method of the request. It is not signed, so it makes no difference
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// Body of the request, byte for byte; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// The access token; see `enos-ota token` [env: ENOS_ACCESS_TOKEN, which other users of the machine cannot see]
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) access_token: Option<String>,

    /// Milliseconds since 1970-01-01 UTC [default: now]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub(crate) timestamp: Option<i64>,

    /// Also print the string to sign, with token and secret masked
    #[arg(long)]
    pub(crate) explain: bool,

    /// File whose first line is the app secret [env: ENOS_APP_SECRET holds it, ENOS_APP_SECRET_FILE names a file]
    #[arg(long, value_name = "FILE")]
    pub(crate) app_secret_file: Option<PathBuf>,

    /// Profile in config.toml [env: ENOS_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file [env: ENOS_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Get an access token and print it.
///
/// The token is a secret for as long as it lives, two hours at first. Do not print it into a log.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  export ENOS_ACCESS_TOKEN=$(enos-ota token)
  enos-ota sign --url 'https://apim-gateway.example.com/some/v1/api?orgId=o1'")]
pub(crate) struct Token {
    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: TokenOutput,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum TokenOutput {
    /// The token.
    #[default]
    Text,
    /// An object with the token and the seconds for which it will be used.
    Json,
}

/// Run a local gateway and OTA service to develop and test against.
///
/// It checks tokens and signatures and keeps jobs and tasks, in memory only. Not for production. Prints `listening on
/// http://HOST:PORT` once it accepts connections, and runs until it is interrupted.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota emulator --listen 127.0.0.1:8080 --print-config
  enos-ota emulator --print-fleet > fleet.json
  enos-ota emulator --fleet fleet.json")]
pub(crate) struct Emulator {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// JSON file with organizations, jobs and tasks [default: a demo fleet]
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet: Option<PathBuf>,

    /// Also print the environment variables that lead the other commands here, for a shell to read
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Print the fleet as a file for --fleet, and end
    #[arg(long)]
    pub(crate) print_fleet: bool,
}
