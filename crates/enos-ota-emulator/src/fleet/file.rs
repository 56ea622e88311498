//! Reading a fleet from JSON, with errors that tell line and column.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::check::FleetError;
use super::{Fleet, Outcome, Task, TaskStatus};

impl Fleet {
    /// Reads a fleet from JSON text; [`Fleet`] describes the format.
    ///
    /// # Errors
    ///
    /// If the text is not JSON, has a member that is not known, lacks one that is required, or contradicts itself: a
    /// job id or device key twice, a progress that does not go with the status.
    pub fn from_json(text: &str) -> Result<Self, FleetError> {
        let fleet: Self = serde_json::from_str(text).map_err(FleetError::json)?;
        fleet.check()?;
        Ok(fleet)
    }

    /// Writes the fleet as JSON text that [`Fleet::from_json`] reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing fails only for maps whose keys are no strings and for failing writers: neither occurs here.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// A task as it stands in the file, before it is known to make sense.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawTask {
    device_key: String,
    status: TaskStatus,
    progress: Option<i32>,
    #[serde(default)]
    desc: String,
    outcome: Option<Outcome>,
    retry_outcome: Option<Outcome>,
    product_key: Option<String>,
    from_version: Option<String>,
    to_version: Option<String>,
    task_id: Option<String>,
    asset_id: Option<String>,
    update_time: Option<i64>,
}

impl TryFrom<RawTask> for Task {
    type Error = String;

    fn try_from(raw: RawTask) -> Result<Self, String> {
        let task = Self {
            device_key: raw.device_key,
            status: raw.status,
            progress: raw.progress,
            desc: raw.desc,
            outcome: raw.outcome,
            retry_outcome: raw.retry_outcome,
            product_key: raw.product_key,
            from_version: raw.from_version,
            to_version: raw.to_version,
            task_id: raw.task_id,
            asset_id: raw.asset_id,
            update_time: raw.update_time,
        };
        task.check()?;
        Ok(task)
    }
}

/// Reads the tasks of a job. A repeated device key is refused here, not later, because only here is its line known.
pub(super) fn tasks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Task>, D::Error> {
    struct Tasks;

    impl<'de> Visitor<'de> for Tasks {
        type Value = Vec<Task>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of tasks")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Task>, A::Error> {
            let mut tasks = Vec::new();
            let mut keys = HashSet::new();
            while let Some(task) = seq.next_element::<Task>()? {
                if !keys.insert(task.device_key.clone()) {
                    return Err(A::Error::custom(format_args!(
                        "the device key `{}` occurs twice in the job",
                        task.device_key
                    )));
                }
                tasks.push(task);
            }
            Ok(tasks)
        }
    }

    deserializer.deserialize_seq(Tasks)
}
