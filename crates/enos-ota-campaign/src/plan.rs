//! What a campaign is going to do: which devices of which job, in which order.

mod file;
mod summary;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use enos_ota::{JobId, OrgId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::device_line::sha256_of_keys;
use crate::devices::{Devices, PushError};
use crate::selection::{LeftOut, Selected, Selection};

pub use file::PlanError;
pub use summary::{Count, PlanSummary, VersionCount};

/// The schema of a plan file.
pub const PLAN_SCHEMA: &str = "enos-ota/plan/1";

/// So many reasons are told in a header. Reasons may have something of the device in them, and then each is another one.
const REASONS_IN_HEADER: usize = 100;

/// The devices that a campaign is to retry, and how they were chosen.
///
/// # The file
///
/// JSON Lines. The first line is a [`PlanHeader`]; then there is one line a device, sorted by key, so that two plans can
/// be compared with `diff`:
///
/// ```json
/// {"schema":"enos-ota/plan/1","jobId":"5ed758ca49f032b4663063aa","orgId":"o1","selection":{"failed":{}},"devices":1,"reasons":{"no space":1},"chunkSize":1000,"sha256":"…","created":"2026-01-02T03:04:05Z"}
/// {"deviceKey":"pump-01","productKey":"pump","fromVersion":"2.3.0","toVersion":"2.4.1","reason":"no space","progress":-4,"updateTime":1767323045000,"task":"1f3a5d0c9b7e2846","seen":"failed"}
/// ```
///
/// What is not known of a device is not there. `task` is the [hash](crate::TaskFacts::hash_of_task) of the task's id in
/// hex, and `seen` how it stood. The address of the gateway is in no plan: a plan made at one address can
/// be carried out at another that leads to the same organization.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The job.
    pub job_id: JobId,
    /// The organization of the job.
    pub org_id: OrgId,
    /// How the devices were chosen.
    pub selection: Selection,
    /// How many tasks were read and left out.
    pub left_out: LeftOut,
    /// Whether tasks came or went all the time while they were read, so that some may be missing; see
    /// [`Selected::moved`].
    pub moved: bool,
    /// Devices a call, at the most.
    pub chunk_size: NonZeroUsize,
    /// When the devices were selected, in milliseconds since 1970-01-01 UTC.
    pub created_ms: i64,
    /// The devices, in the order in which they are sent.
    pub devices: Arc<Devices>,
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
    /// How many tasks were read and left out.
    #[serde(default, skip_serializing_if = "LeftOut::is_empty")]
    pub left_out: LeftOut,
    /// See [`Plan::moved`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved: bool,
    /// How many of them failed for which reason: the 100 most frequent reasons. Devices without a known reason are not
    /// counted.
    pub reasons: BTreeMap<String, usize>,
    /// Devices a call, at the most.
    pub chunk_size: NonZeroUsize,
    /// SHA-256, in lowercase hex, over the device keys in ascending order (by byte), each followed by a line feed.
    pub sha256: String,
    /// When the devices were selected, RFC 3339.
    pub created: String,
}

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanProblem {
    /// The schema is another one.
    Schema(String),
    /// A value of the header is not what it should be.
    Value {
        /// The name of the value, as in JSON.
        name: &'static str,
        /// The value.
        value: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The devices are not those of which the header tells.
    Changed {
        /// How many the header tells of.
        told: usize,
        /// How many there are.
        found: usize,
    },
    /// A device cannot be taken.
    Device(PushError),
    /// A device is there for the second time.
    Repeated(String),
    /// The plan is for another job.
    OtherJob {
        /// That of the plan.
        planned: JobId,
        /// The one that was asked for.
        asked: JobId,
    },
    /// The plan is for another organization.
    OtherOrg {
        /// That of the plan.
        planned: OrgId,
        /// The one that was asked for.
        asked: OrgId,
    },
}

impl fmt::Display for PlanProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(found) if found.starts_with("enos-ota/journal/") => f.write_str(
                "this is the journal of a campaign, and a plan was expected; give the plan file, or resume the campaign \
                 with its journal",
            ),
            Self::Schema(found) if found.starts_with("enos-ota/plan/") => write!(
                f,
                "the schema is `{found}`, and this version reads `{PLAN_SCHEMA}`; use the version that wrote the plan, or \
                 make a new plan"
            ),
            Self::Schema(found) => write!(
                f,
                "the schema is `{found}`, and `{PLAN_SCHEMA}` was expected; give a plan file, or make one"
            ),
            Self::Value { name, value, expected } => {
                write!(f, "`{name}` is `{value}`, and {expected} was expected; make a new plan")
            }
            Self::Changed { told, found } if told == found => f.write_str(
                "the devices do not match the header's hash, so they were changed since the plan was made; make a new \
                 plan, and to leave devices out, give a file of their keys (--exclude-file)",
            ),
            Self::Changed { told, found } => write!(
                f,
                "the header tells of {told} devices, and there are {found}: the plan was changed or cut off; make a new \
                 plan, and to leave devices out, give a file of their keys (--exclude-file)"
            ),
            Self::Device(_) => f.write_str("the device cannot be taken; make a new plan"),
            Self::Repeated(key) => {
                write!(f, "the device `{key}` is there for the second time; make a new plan")
            }
            Self::OtherJob { planned, asked } => write!(
                f,
                "the plan is for job {}, and job {} was asked for; name the plan's job, or make a plan for the other",
                planned.as_str(),
                asked.as_str()
            ),
            Self::OtherOrg { planned, asked } => write!(
                f,
                "the plan is for organization {}, and the calls would be made in {}; use the plan's organization, or make \
                 a plan for the other",
                planned.as_str(),
                asked.as_str()
            ),
        }
    }
}

impl StdError for PlanProblem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Device(source) => Some(source),
            _ => None,
        }
    }
}

impl Plan {
    /// A plan for devices of any origin. Those that a person named keep their order; others are sorted by key.
    #[must_use]
    pub fn new(
        job_id: JobId,
        org_id: OrgId,
        selection: Selection,
        chunk_size: NonZeroUsize,
        created_ms: i64,
        devices: Devices,
    ) -> Self {
        let sorted = devices.ids().zip(devices.ids().skip(1));
        let named = matches!(selection, Selection::Named(_));
        let devices = if named || sorted.into_iter().all(|(a, b)| devices.key(a) < devices.key(b)) {
            devices
        } else {
            devices.sorted()
        };
        Self {
            job_id,
            org_id,
            selection,
            left_out: LeftOut::default(),
            moved: false,
            chunk_size,
            created_ms,
            devices: Arc::new(devices),
        }
    }

    /// A plan for the devices that were read.
    #[must_use]
    pub fn of_selected(
        job_id: JobId,
        org_id: OrgId,
        selection: Selection,
        chunk_size: NonZeroUsize,
        created_ms: i64,
        selected: Selected,
    ) -> Self {
        Self {
            left_out: selected.left_out,
            moved: selected.moved,
            ..Self::new(job_id, org_id, selection, chunk_size, created_ms, selected.devices)
        }
    }

    /// The same plan, without its devices.
    pub(crate) fn without_devices(&self) -> Self {
        Self {
            job_id: self.job_id.clone(),
            org_id: self.org_id.clone(),
            selection: self.selection.clone(),
            left_out: self.left_out,
            moved: self.moved,
            chunk_size: self.chunk_size,
            created_ms: self.created_ms,
            devices: Arc::default(),
        }
    }

    /// Puts a header and its devices together.
    ///
    /// # Errors
    ///
    /// If the schema is another one, a value is not valid, or the devices are not those of the header. Their order does
    /// not matter, and neither does what is known of their tasks.
    pub fn of_header(header: PlanHeader, devices: Devices) -> Result<Self, PlanProblem> {
        if header.schema != PLAN_SCHEMA {
            return Err(PlanProblem::Schema(header.schema));
        }
        if header.devices != devices.len() || header.sha256 != sha256_of_keys(&devices) {
            return Err(PlanProblem::Changed {
                told: header.devices,
                found: devices.len(),
            });
        }
        let value = |name, value: &str, expected| PlanProblem::Value {
            name,
            value: value.to_owned(),
            expected,
        };
        let created: Timestamp = header
            .created
            .parse()
            .map_err(|_| value("created", &header.created, "a time as in RFC 3339"))?;
        Ok(Self {
            job_id: JobId::try_from(header.job_id.as_str())
                .map_err(|_| value("jobId", &header.job_id, "the id of a job"))?,
            org_id: OrgId::try_from(header.org_id.as_str())
                .map_err(|_| value("orgId", &header.org_id, "the id of an organization"))?,
            selection: header.selection,
            left_out: header.left_out,
            moved: header.moved,
            chunk_size: header.chunk_size,
            created_ms: created.as_millisecond(),
            devices: Arc::new(devices),
        })
    }

    /// The first line of the plan's file.
    #[must_use]
    pub fn header(&self) -> PlanHeader {
        let mut reasons = summary::reasons(&self.devices);
        reasons.truncate(REASONS_IN_HEADER);
        PlanHeader {
            schema: PLAN_SCHEMA.to_owned(),
            job_id: self.job_id.as_str().to_owned(),
            org_id: self.org_id.as_str().to_owned(),
            selection: self.selection.clone(),
            devices: self.devices.len(),
            left_out: self.left_out,
            moved: self.moved,
            reasons: reasons
                .into_iter()
                .filter_map(|count| Some((count.name?, count.devices)))
                .collect(),
            chunk_size: self.chunk_size,
            sha256: sha256_of_keys(&self.devices),
            created: rfc3339(self.created_ms),
        }
    }

    /// Checks that the plan is for this job in this organization.
    ///
    /// # Errors
    ///
    /// [`PlanProblem::OtherOrg`] or [`PlanProblem::OtherJob`].
    pub fn check_target(&self, job_id: &JobId, org_id: &OrgId) -> Result<(), PlanProblem> {
        if self.org_id != *org_id {
            return Err(PlanProblem::OtherOrg {
                planned: self.org_id.clone(),
                asked: org_id.clone(),
            });
        }
        if self.job_id != *job_id {
            return Err(PlanProblem::OtherJob {
                planned: self.job_id.clone(),
                asked: job_id.clone(),
            });
        }
        Ok(())
    }

    /// How many devices there are of which reason, product and version.
    #[must_use]
    pub fn summary(&self) -> PlanSummary {
        PlanSummary::of(&self.devices)
    }
}

/// A time in RFC 3339; the first or last one that can be written, if it is before or after all of them.
fn rfc3339(ms: i64) -> String {
    let limit = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(limit).to_string()
}
