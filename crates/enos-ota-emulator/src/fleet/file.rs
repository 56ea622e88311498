//! Reading a fleet from JSON, with errors that tell line and column.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::check::FleetError;
use super::{Fleet, Task};

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

/// Reads the tasks of a job.
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
            while let Some(task) = seq.next_element_seed(OneTask { keys: &mut keys })? {
                tasks.push(task);
            }
            Ok(tasks)
        }
    }

    deserializer.deserialize_seq(Tasks)
}

/// Reads one task and checks it, against the keys of the tasks before it too.
///
/// The checks are made while the parser still stands at the end of the object: made later, as by `try_from`, they
/// would be reported with the line of whatever comes next.
struct OneTask<'a> {
    keys: &'a mut HashSet<String>,
}

impl<'de> DeserializeSeed<'de> for OneTask<'_> {
    type Value = Task;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Task, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneTask<'_> {
    type Value = Task;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a task")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Task, A::Error> {
        let task = Task::deserialize(MapAccessDeserializer::new(map))?;
        task.check().map_err(A::Error::custom)?;
        if !self.keys.insert(task.device_key.clone()) {
            let key = &task.device_key;
            return Err(A::Error::custom(format_args!(
                "the device key `{key}` occurs twice in the job"
            )));
        }
        Ok(task)
    }
}
