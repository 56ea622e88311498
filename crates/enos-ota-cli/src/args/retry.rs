//! `retry`, and what it has in common with `plan`, `rehearse` and `apply`.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use enos_ota_campaign::{Cause, Pattern, WaveSize};

use super::moment::{Moment, moment};
use super::values::{self, Steps};
use super::{Consent, Keys, OPTIONS, Output, PrintCurl, Target};

/// Retry the failed tasks of devices in an OTA job.
///
/// Either the devices are named, or --failed takes all tasks of the job that have failed and meet the criteria. Only
/// tasks that have failed can be retried, and only while the job runs.
///
/// The platform gives no result for single devices. If it refuses a call for a task that is not failed, the guilty
/// devices are searched for and the others sent again. If an answer is lost, a search tells what became of the devices.
/// In the end each device is `accepted`, `rejected` (the platform refused it), `skipped` (it was not sent) or `unknown`
/// (it was sent, and whether it was retried could not be found out). The exit code speaks of that; with --watch or
/// --canary it is 1 also if an upgrade that was followed did not succeed.
///
/// What is done is written to a journal before and after each call, from which `enos-ota resume` goes on after an
/// interrupt, a crash or a power failure, without sending a device twice that is known to be accepted.
#[derive(Args, Debug)]
#[command(
    override_usage = "enos-ota retry [OPTIONS] <JOB_ID> <DEVICE_KEY>...\n       enos-ota retry [OPTIONS] <JOB_ID> --failed",
    after_help = "\
Examples:
  enos-ota retry --emulator --failed --watch                 try it on a demo fleet
  enos-ota retry --job-id 5ed758ca49f032b4663063aa meter-17 meter-18
  enos-ota retry --job-id 5ed758ca49f032b4663063aa --device-keys-file failed.txt --output json
  enos-ota retry --job-id 5ed758ca49f032b4663063aa --failed --reason '*timed out*' --since 3d --dry-run
  enos-ota retry --job-id 5ed758ca49f032b4663063aa --failed --canary 1% --abort-above 5% --watch --yes"
)]
pub(crate) struct Retry {
    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    #[command(flatten)]
    pub(crate) keys: Keys,

    #[command(flatten)]
    pub(crate) criteria: Criteria,

    /// Do not look named devices up before the first call. If an answer is lost then, a device that was never failed
    /// cannot be told from one that was retried
    #[arg(long, conflicts_with = "failed", help_heading = "Selection")]
    pub(crate) no_lookup: bool,

    /// Devices a call. What the platform takes at the most is not documented; fewer are sent once it complains
    #[arg(
        long,
        value_name = "N",
        default_value = "200",
        allow_negative_numbers = true,
        value_parser = values::at_least_one,
        help_heading = "Pace and limits"
    )]
    pub(crate) chunk_size: NonZeroUsize,

    #[command(flatten)]
    pub(crate) how: RetryOptions,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    /// Show what would be retried, and end. With --output json, that is the first line of a plan file
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) consent: Consent,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// The option that names devices. What a criterion requires would not be missed beside them.
const KEYS: [&str; 1] = ["device_keys_file"];

/// Which failed tasks are meant.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Criteria {
    /// All failed tasks of the job that meet every criterion below
    #[arg(long, conflicts_with_all = KEYS)]
    pub(crate) failed: bool,

    /// Only tasks with such a reason. `*` stands for any characters, `?` for one; small and capital letters are the same.
    /// May be repeated
    #[arg(long, value_name = "GLOB", requires = "failed", conflicts_with_all = KEYS)]
    pub(crate) reason: Vec<Pattern>,

    /// No tasks with such a reason. May be repeated
    #[arg(long, value_name = "GLOB", requires = "failed", conflicts_with_all = KEYS)]
    pub(crate) not_reason: Vec<Pattern>,

    /// Only tasks that upgrade from this version. May be repeated
    #[arg(long, value_name = "VERSION", requires = "failed", conflicts_with_all = KEYS)]
    pub(crate) from_version: Vec<String>,

    /// Only tasks that upgrade to this version. May be repeated
    #[arg(long, value_name = "VERSION", requires = "failed", conflicts_with_all = KEYS)]
    pub(crate) to_version: Vec<String>,

    /// Only tasks that failed for this cause, inferred from their progress: download, verification, write, ignored,
    /// unspecified, or a negative number of the device maker's own, such as -7. May be repeated
    #[arg(
        long,
        value_name = "CAUSE",
        requires = "failed",
        conflicts_with_all = KEYS,
        allow_negative_numbers = true
    )]
    pub(crate) cause: Vec<Cause>,

    /// Only tasks that changed since then: 2026-03-01, '2026-03-01 08:00' or yesterday in local time, or
    /// 2026-03-01T06:00:00Z, or how long ago, such as 2h or 3d
    #[arg(long, value_name = "TIME", requires = "failed", conflicts_with_all = KEYS, value_parser = moment)]
    pub(crate) since: Option<Moment>,

    /// Leave out the devices in this file: one a line, as in --device-keys-file
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_file: Option<PathBuf>,

    /// Also tasks that a person has cancelled
    #[arg(long, requires = "failed", conflicts_with_all = KEYS)]
    pub(crate) include_cancelled: bool,
}

/// How fast and how carefully devices are retried.
#[derive(Args, Debug)]
#[command(next_help_heading = "Pace and limits")]
pub(crate) struct RetryOptions {
    /// Maximum concurrent calls [default: adaptive]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = values::at_least_one)]
    pub(crate) concurrency: Option<NonZeroUsize>,

    /// Maximum rate of calls: per second such as 20, or 300/m or 1000/h. Not below 3.6/h [default: adaptive]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = values::rate)]
    pub(crate) rate: Option<f64>,

    /// Stop if more than this share of the devices is refused
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = values::percent)]
    pub(crate) abort_above: Option<f64>,

    /// So many devices must have an answer before --abort-above counts
    #[arg(long, value_name = "N", default_value = "100", requires = "abort_above")]
    pub(crate) min_sample: usize,

    /// Retry and watch a few devices first, of every product and reason, and the others only if enough of these succeed.
    /// A number, or a share such as 1%
    #[arg(long, value_name = "N|PERCENT", value_parser = values::wave_size, conflicts_with = "waves")]
    pub(crate) canary: Option<WaveSize>,

    /// Go on in several such steps, each with its devices and those before it, in ascending order, such as 1%,10%,50%
    #[arg(long, value_name = "SIZES", value_parser = values::steps)]
    pub(crate) waves: Option<Steps>,

    /// The share of a canary or wave that must succeed
    #[arg(long, value_name = "PERCENT", allow_negative_numbers = true, value_parser = values::percent, default_value = "50%")]
    pub(crate) canary_success: f64,

    /// How long to wait for that
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "2h")]
    pub(crate) canary_timeout: Duration,

    /// Follow the accepted devices until their upgrades succeed or fail
    #[arg(long)]
    pub(crate) watch: bool,

    /// How long to follow them
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "2h", requires = "watch")]
    pub(crate) watch_timeout: Duration,

    /// Do not confirm by a search, at the end, that the accepted tasks have left `failed`
    #[arg(long)]
    pub(crate) no_verify: bool,

    /// Skip devices that were retried so often to the same version, as earlier journals tell
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<NonZeroU32>,

    /// Folder with these journals [default: where journals are written by default]
    #[arg(long, value_name = "DIR", requires = "max_attempts")]
    pub(crate) history: Option<PathBuf>,

    /// Skip devices that failed for such a reason, which no retry mends. May be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) permanent_reason: Vec<Pattern>,

    /// Where to write the journal [default: a new file in enos-ota/journals in the user's state
    /// folder; none with --emulator]
    #[arg(long, value_name = "FILE", conflicts_with = "no_journal")]
    pub(crate) journal: Option<PathBuf>,

    /// Write no journal: what is under way when the program ends cannot be resumed
    #[arg(long)]
    pub(crate) no_journal: bool,
}
