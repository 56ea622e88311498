//! What a campaign is going to do: which devices of which job, in which order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use enos_ota::{JobId, OrgId};
use serde::{Deserialize, Serialize};

use crate::devices::Devices;
use crate::selection::Selection;

/// The schema of a plan file.
pub const PLAN_SCHEMA: &str = "enos-ota/plan/1";

/// The devices that a campaign is to retry, and how they were chosen.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The job.
    pub job_id: JobId,
    /// The organization of the job.
    pub org_id: OrgId,
    /// How the devices were chosen.
    pub selection: Selection,
    /// Devices a call, at the most.
    pub chunk_size: NonZeroUsize,
    /// When the devices were selected, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// The devices, in the order in which they are sent.
    pub devices: Devices,
}

/// The first line of a plan file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanHeader {
    /// [`PLAN_SCHEMA`].
    pub schema: String,
    /// The job.
    pub job_id: String,
    /// The organization of the job.
    pub org_id: String,
    /// How the devices were chosen.
    pub selection: Selection,
    /// How many devices there are.
    pub devices: usize,
    /// How many of them failed for which reason. Devices without a known reason are not counted.
    pub reasons: BTreeMap<String, usize>,
    /// Devices a call, at the most.
    pub chunk_size: NonZeroUsize,
    /// SHA-256, in lowercase hex, over the device keys in ascending order (by byte), each followed by a line feed.
    pub sha256: String,
    /// When the devices were selected, RFC 3339.
    pub created: String,
}
