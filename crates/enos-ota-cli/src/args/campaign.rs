//! `retry`, `plan`, `apply`, `resume` and `watch`: what is done with many devices.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use enos_ota_campaign::{Cause, Pattern, WaveSize};

use super::moment::{Moment, moment};
use super::values::{self, Steps};
use super::{Consent, Keys, OPTIONS, ObjectOutput, Output, PrintCurl, Target};

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
    pub(crate) how: HowToRetry,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    /// Show what would be retried, and end. With --output json, that is the first line of a plan file
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) consent: Consent,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
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
pub(crate) struct HowToRetry {
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

/// Write a plan: which devices would be retried.
///
/// The plan is a file of JSON Lines: a header, and a line a device with what is known of its task. It has a hash of its
/// devices, so a plan that was edited is refused. `enos-ota apply` carries it out.
#[derive(Args, Debug)]
#[command(
    override_usage = "enos-ota plan [OPTIONS] <JOB_ID> <DEVICE_KEY>...\n       enos-ota plan [OPTIONS] <JOB_ID> --failed",
    after_help = "\
Examples:
  enos-ota plan --job-id 5ed758ca49f032b4663063aa --failed                        only show what there is
  enos-ota plan --job-id 5ed758ca49f032b4663063aa --failed --cause download -o plan.jsonl
  enos-ota plan --emulator --failed -o - | head"
)]
pub(crate) struct Plan {
    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    #[command(flatten)]
    pub(crate) keys: Keys,

    #[command(flatten)]
    pub(crate) criteria: Criteria,

    /// Do not search for the named devices before the first call. Without that, a device whose answer is lost and that
    /// fails again at once ends as `unknown`, or may be sent twice
    #[arg(long, conflicts_with = "failed", help_heading = "Selection")]
    pub(crate) no_lookup: bool,

    /// Devices a call. What the platform takes at the most is not documented; fewer are sent once it complains
    #[arg(
        long,
        value_name = "N",
        default_value = "200",
        allow_negative_numbers = true,
        value_parser = values::at_least_one,
        help_heading = OPTIONS
    )]
    pub(crate) chunk_size: NonZeroUsize,

    /// Where to write the plan, `-` for standard output. Without this, only a summary is shown
    #[arg(short = 'o', long = "out", value_name = "FILE", value_parser = values::plan_file, help_heading = OPTIONS)]
    pub(crate) out: Option<PathBuf>,

    /// Overwrite the file if it is there
    #[arg(long, requires = "out", help_heading = OPTIONS)]
    pub(crate) force: bool,

    /// Form of the summary on standard output; `json` is the first line of the plan
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Rehearse a plan on the emulator in this program.
///
/// The tasks of the job are read from the platform, and the emulator is given them. There the plan is carried out by the
/// same code, in virtual time, with the faults that are asked for. Printed are the results as `enos-ota retry` would
/// print them, and the number of calls. At the platform, nothing is changed.
///
/// How devices fare and what the platform does where its pages are silent are assumptions: see the options. Calls take no
/// time, so how long the campaign would take is not told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota rehearse plan.jsonl --canary 20 --watch --assume-success 70%
  enos-ota rehearse plan.jsonl --mixed-list partial --faults faults.json --output json

A file with faults, of which a tenth of the answers get lost:
  [{\"scope\": {\"action\": \"retryTask\"}, \"times\": null, \"probability\": 0.1,
    \"fault\": {\"kind\": \"cutAfterApplying\"}}]")]
pub(crate) struct Rehearse {
    /// The plan, `-` for standard input
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// File with what is to go wrong: an array of faults, as the emulator takes them
    #[arg(long, value_name = "FILE", help_heading = "Assumptions")]
    pub(crate) faults: Option<PathBuf>,

    /// The share of the devices that succeed after their retry, always the same ones; the others fail as before
    #[arg(
        long,
        value_name = "PERCENT",
        value_parser = values::percent,
        default_value = "100%",
        help_heading = "Assumptions"
    )]
    pub(crate) assume_success: f64,

    /// What the platform does with a list in which not every task is failed, which is not documented
    #[arg(long, value_enum, value_name = "RULE", default_value_t, help_heading = "Assumptions")]
    pub(crate) mixed_list: MixedList,

    /// Seed of the faults that strike at random
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Assumptions")]
    pub(crate) seed: u64,

    /// Devices a call [default: as the plan says]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = values::at_least_one,
        help_heading = "Pace and limits"
    )]
    pub(crate) chunk_size: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) how: HowToRetry,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum MixedList {
    /// It refuses the list, and retries none.
    #[default]
    Refuse,
    /// It retries those that are failed, and says nothing of the others.
    Partial,
}

impl From<MixedList> for enos_ota_emulator::MixedList {
    fn from(rule: MixedList) -> Self {
        match rule {
            MixedList::Refuse => Self::Refuse,
            MixedList::Partial => Self::Partial,
        }
    }
}

/// Carry out a plan.
///
/// First the plan is compared with the platform. Devices that are no longer failed, or have no task any more, are left
/// out; if these are more than --max-drift, nothing is done. Devices that have failed since are never added.
///
/// Results, journal and exit codes are those of `enos-ota retry`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota apply plan.jsonl --dry-run                        only compare it with the platform
  enos-ota apply plan.jsonl --canary 20 --canary-success 80% --watch")]
pub(crate) struct Apply {
    /// The plan, `-` for standard input
    #[arg(value_name = "PLAN")]
    pub(crate) plan: PathBuf,

    /// Refuse the plan unless it is for this job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    /// The share of the plan that may have changed since it was made
    #[arg(long, value_name = "PERCENT", value_parser = values::percent, default_value = "5%")]
    pub(crate) max_drift: f64,

    /// Devices a call [default: as the plan says]
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = values::at_least_one,
        help_heading = "Pace and limits"
    )]
    pub(crate) chunk_size: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) how: HowToRetry,

    /// Show what would be retried, and end. With --output json, that is the first line of a plan file
    #[arg(long, help_heading = OPTIONS)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) consent: Consent,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Resume an interrupted retry from its journal.
///
/// Devices that are known to be accepted are not sent again. Those whose answer was lost are looked up first. The
/// settings are those of the journal. The result tells of all devices, those settled before among them; it and the exit
/// codes are those of `enos-ota retry`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  enos-ota resume ~/.local/state/enos-ota/journals/20260301T060000Z-5ed758ca49f032b4663063aa.jsonl")]
pub(crate) struct Resume {
    /// The journal [default: that of the last campaign]
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: Option<PathBuf>,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Follow devices until their upgrades succeed or fail.
///
/// Of a journal, the accepted devices are followed, also while another process goes on with it: it is only read. Of a
/// job, the devices that are named, or all tasks that have not ended.
///
/// Nothing is retried. Exit code 0 means that every device has succeeded, 1 that some have failed or not ended in time.
#[derive(Args, Debug)]
#[command(
    override_usage = "enos-ota watch [OPTIONS] [JOURNAL]\n       enos-ota watch [OPTIONS] <JOB_ID> [DEVICE_KEY]...",
    after_help = "\
Examples:
  enos-ota watch 20260301T060000Z-5ed758ca49f032b4663063aa.jsonl
  enos-ota watch --job-id 5ed758ca49f032b4663063aa meter-17 meter-18 --output json
  enos-ota watch --job-id 66f2a1c0d4e5b6a798011e03 --emulator"
)]
pub(crate) struct Watch {
    /// The journal, or the job and devices of it [default: the journal of the last campaign]
    #[arg(value_name = "JOURNAL|JOB_ID")]
    pub(crate) names: Vec<String>,

    /// The OTA job
    #[arg(long, value_name = "ID")]
    pub(crate) job_id: Option<String>,

    /// File with the devices, `-` for standard input: one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) device_keys_file: Option<PathBuf>,

    /// How long to follow them
    #[arg(
        id = "timeout_of_watch",
        long = "watch-timeout",
        value_name = "DURATION",
        value_parser = values::duration,
        default_value = "2h"
    )]
    pub(crate) give_up_after: Duration,

    /// Form of the result on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Report on one or more campaigns, from their journals.
///
/// Journals may be of several runs of one job, or of several jobs, of one organization. A device that is in several
/// journals of a job counts as it stands in the one that was begun last. The sums are checked: a report that does not add
/// up is an error. The page that `html` makes needs no other file and no other host.
///
/// Exit code 0 means that the report was made, whatever it tells.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota report ~/.local/state/enos-ota/journals/*.jsonl
  enos-ota report journal.jsonl --format html -o report.html
  enos-ota report journal.jsonl --format json | jq '.failures[].deviceKey'")]
pub(crate) struct Report {
    /// The journals [default: that of the last campaign]
    #[arg(value_name = "JOURNAL")]
    pub(crate) journals: Vec<PathBuf>,

    /// Form of the report
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) format: ReportFormat,

    /// Where to write it [default: standard output]
    #[arg(short = 'o', long = "out", value_name = "FILE", value_parser = values::report_file, help_heading = OPTIONS)]
    pub(crate) out: Option<PathBuf>,

    /// Overwrite the file if it is there
    #[arg(long, requires = "out", help_heading = OPTIONS)]
    pub(crate) force: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Tables, for a terminal.
    #[default]
    Table,
    /// One object with everything.
    Json,
    /// A line a device, for a spreadsheet.
    Csv,
    /// A page with charts, for a browser.
    Html,
}
