//! The lines before the records: who does what to which devices.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{JOURNAL_SCHEMA, Operator};
use crate::plan::{Plan, PlanHeader};

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename = "begin", rename_all = "camelCase")]
#[non_exhaustive]
pub struct Begin {
    /// [`JOURNAL_SCHEMA`].
    pub schema: String,
    /// The plan. Its devices are on the lines that follow.
    pub plan: PlanHeader,
    /// The address of the platform.
    pub base_url: String,
    /// Who began the campaign.
    pub by: Operator,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[serde(rename = "at")]
    pub at_ms: i64,
    /// The settings of the campaign, in whichever form the campaign gives them.
    pub settings: Value,
}

/// What the first line of a journal says besides the plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BeginDetails {
    /// The address of the platform.
    pub base_url: String,
    /// Who begins the campaign.
    pub by: Operator,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// The settings of the campaign. Without secrets.
    pub settings: Value,
}

impl Begin {
    pub(super) fn new(plan: &Plan, details: BeginDetails) -> Self {
        Self {
            schema: JOURNAL_SCHEMA.to_owned(),
            plan: plan.header(),
            base_url: details.base_url,
            by: details.by,
            at_ms: details.at_ms,
            settings: details.settings,
        }
    }
}

/// The line after the devices.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename = "planned", rename_all = "camelCase")]
pub(super) struct Planned {
    pub(super) devices: usize,
    /// As in [`PlanHeader`].
    pub(super) sha256: String,
}
