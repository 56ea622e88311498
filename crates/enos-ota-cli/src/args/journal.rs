//! `resume`, `watch` and `report`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{OPTIONS, Output, Target, values};

/// Resume an interrupted retry from its journal.
///
/// Devices that are known to be accepted are not sent again. Those whose answer was lost are looked up first. The
/// settings are those of the journal. The result tells of all devices, those settled before among them; it and the exit
/// codes are those of `enos-ota retry`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota resume --last
  enos-ota resume 20260301T060000Z-5ed758ca49f032b4663063aa")]
pub(crate) struct Resume {
    /// The journal, as a file or by its name in `enos-ota campaigns` [default: that of the last campaign]
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: Option<PathBuf>,

    /// Take the last campaign, which is what is taken without a journal
    #[arg(long, conflicts_with = "journal")]
    pub(crate) last: bool,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
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

    /// Take the last campaign, which is what is taken without a journal
    #[arg(long, conflicts_with_all = ["names", "job_id"])]
    pub(crate) last: bool,

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
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM", help_heading = OPTIONS)]
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
  enos-ota report --last --output html --out-file report.html
  enos-ota report --last --output json | jq '.failures[].deviceKey'")]
pub(crate) struct Report {
    /// The journals [default: that of the last campaign]
    #[arg(value_name = "JOURNAL")]
    pub(crate) journals: Vec<PathBuf>,

    /// Take the last campaign, which is what is taken without a journal
    #[arg(long, conflicts_with = "journals")]
    pub(crate) last: bool,

    /// Form of the report
    #[arg(
        long = "output",
        visible_alias = "format",
        value_enum,
        default_value_t,
        value_name = "FORM"
    )]
    pub(crate) format: ReportFormat,

    /// Where to write it [default: standard output]
    #[arg(short = 'o', long = "out-file", visible_alias = "out", value_name = "FILE", value_parser = values::file_unless_form, help_heading = OPTIONS)]
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
