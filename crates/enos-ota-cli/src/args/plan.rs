//! `plan`, `rehearse` and `apply`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Consent, Criteria, Keys, OPTIONS, ObjectOutput, Output, RetryOptions, Target, values};

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
    #[arg(short = 'o', long = "out-file", visible_alias = "out", value_name = "FILE", value_parser = values::file_unless_form, help_heading = OPTIONS)]
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
    pub(crate) how: RetryOptions,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
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
    pub(crate) how: RetryOptions,

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
