//! `jobs` and `tasks`.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};

use super::{Consent, Keys, ObjectOutput, Output, PrintCurl, Target, values};

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
    Stop(JobsStop),
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
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = values::at_least_one)]
    pub(crate) limit: Option<NonZeroUsize>,

    /// How many to a page: 1 to 200; the platform advises at most 50
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u8).range(1..=200))]
    pub(crate) page_size: u8,

    /// Columns to show, such as `job-id,name`; `all` for all. For text and csv
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// Sort by a column, `-NAME` for descending, once all is read. For text and csv
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ListOutput,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListOutput {
    /// A table, for people.
    #[default]
    Text,
    /// One object with all items, in the platform's own field names.
    Json,
    /// One item per line.
    Jsonl,
    /// For spreadsheets: one item per line, after a line with the names of the columns.
    Csv,
}

/// A job, as an argument or an option.
#[derive(Args, Debug)]
pub(crate) struct JobArg {
    /// The job
    #[arg(value_name = "JOB_ID", required_unless_present = "job_id_option")]
    job_id: Option<String>,

    /// The same, as an option
    #[arg(id = "job_id_option", long = "job-id", value_name = "ID", conflicts_with = "job_id")]
    option: Option<String>,
}

impl JobArg {
    pub(crate) fn text(&self) -> &str {
        self.option.as_deref().or(self.job_id.as_deref()).unwrap_or_default()
    }
}

/// Show a job.
#[derive(Args, Debug)]
pub(crate) struct JobsGet {
    #[command(flatten)]
    pub(crate) job: JobArg,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    #[command(flatten)]
    pub(crate) target: Target,
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
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Args, Debug)]
pub(crate) struct JobsChange {
    #[command(flatten)]
    pub(crate) job: JobArg,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Stop a running job. Its tasks can then be neither retried nor cancelled.
#[derive(Args, Debug)]
pub(crate) struct JobsStop {
    #[command(flatten)]
    pub(crate) consent: Consent,

    #[command(flatten)]
    pub(crate) change: JobsChange,
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
    #[arg(value_name = "JOB_ID", required_unless_present_any = ["expression", "job_id"], conflicts_with = "job_id")]
    pub(crate) job: Option<String>,

    /// The same, as an option
    #[arg(long, value_name = "ID")]
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
#[command(override_usage = "enos-ota tasks cancel [OPTIONS] <JOB_ID> <DEVICE_KEY>...")]
pub(crate) struct TasksCancel {
    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    #[command(flatten)]
    pub(crate) keys: Keys,

    /// Devices a call. What the platform takes at the most is not documented
    #[arg(
        long,
        value_name = "N",
        default_value = "200",
        allow_negative_numbers = true,
        value_parser = values::at_least_one
    )]
    pub(crate) chunk_size: NonZeroUsize,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    #[command(flatten)]
    pub(crate) consent: Consent,

    #[command(flatten)]
    pub(crate) target: Target,
}
