//! `campaigns`

use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Consent, ListOutput, ObjectOutput, values};

/// List campaigns, from their journals.
///
/// A campaign is `running` (a process is at it), `finished` (every device has its outcome), `stopped` (`enos-ota resume`
/// goes on with it) or `unreadable`. The platform is not asked.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  enos-ota campaigns
  enos-ota campaigns --sort=-open
  enos-ota campaigns prune --older-than 30d"
)]
pub(crate) struct Campaigns {
    #[command(subcommand)]
    pub(crate) command: Option<CampaignsCommand>,

    /// Columns to show, such as `state,journal`; `all` for all. For text and csv
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,

    /// Sort by a column, `-NAME` for descending [default: the last begun first]. For text and csv
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ListOutput,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CampaignsCommand {
    Prune(CampaignsPrune),
}

/// Remove the journals of finished campaigns.
///
/// What they tell is gone then: no report can be made of it, and --max-attempts does not count it. Campaigns that can be
/// resumed are kept.
#[derive(Args, Debug)]
pub(crate) struct CampaignsPrune {
    /// Only campaigns in which nothing has happened for so long, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) older_than: Option<Duration>,

    #[command(flatten)]
    pub(crate) consent: Consent,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,
}
