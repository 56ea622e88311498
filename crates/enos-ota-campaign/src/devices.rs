//! The devices of a campaign: a million of them in little memory.

use std::borrow::Cow;
use std::fmt;
use std::hash::BuildHasher as _;

use enos_ota::{DeviceKey, DeviceKeys, FailureCause};
use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use crate::state::{Interner, Symbol};

/// The number of a device in its campaign, from 0 in the order of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(u32);

impl DeviceId {
    pub(crate) fn new(index: usize) -> Self {
        // `Devices::push` takes no more than this.
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// The number as an index, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What was known of a device's task when it was selected. All of it is absent for a device that a person named, unless
/// it was [looked up](crate::Reader::look_up).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFacts<'a> {
    /// The product of the device.
    pub product_key: Option<&'a str>,
    /// The firmware version that the device is upgraded from.
    pub from_version: Option<&'a str>,
    /// The firmware version that it is upgraded to.
    pub to_version: Option<&'a str>,
    /// Why the task failed, in words of the platform or of the device.
    pub reason: Option<&'a str>,
    /// Progress of the task; negative if it has failed.
    pub progress: Option<i32>,
    /// `updateTime` of the task, in milliseconds since 1970-01-01 UTC, by the platform's clock; what moves it is not
    /// documented. Only of a task that is failed: a campaign compares it with that of a later look.
    pub updated_ms: Option<i64>,
    /// Which task it was: the [hash](Self::hash_of_task) of its id. A campaign compares it with that of a later look.
    /// Whether a retry gives the task another id is not documented.
    pub task: Option<u64>,
    /// How the task stood; `None` if it was not looked at, or its status was not told or is not known.
    pub seen: Option<Seen>,
}

/// How the task of a device stood when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Seen {
    /// It had failed.
    Failed,
    /// It was in another state, or not among all the failed tasks of the job.
    NotFailed,
    /// The job had no task for the device.
    NoTask,
}

impl TaskFacts<'_> {
    /// The number that stands for the id of a task: FNV-1a of 64 bits over its bytes, and 1 where that is 0. It is the
    /// same in every version of this program, as plans and journals have it.
    #[must_use]
    pub fn hash_of_task(task_id: &str) -> u64 {
        let hash = task_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash.max(1)
    }

    /// The cause that the progress stands for.
    #[must_use]
    pub fn cause(&self) -> Option<FailureCause> {
        self.progress
            .and_then(|progress| FailureCause::of_progress(progress.into()))
    }
}

/// A row of the table: texts by number, because a fleet has few products, versions and reasons.
#[derive(Clone, Copy, Debug)]
struct Row {
    product: Symbol,
    from: Symbol,
    to: Symbol,
    reason: Symbol,
    progress: Option<i32>,
    updated_ms: Option<i64>,
    /// 0 if it is not known.
    task: u64,
    seen: Option<Seen>,
}

/// A list of devices, none twice, in an order that stays.
///
/// A device takes about 80 bytes besides its key.
#[derive(Clone, Default)]
pub struct Devices {
    keys: String,
    /// Where each key ends in `keys`.
    ends: Vec<u32>,
    rows: Vec<Row>,
    texts: Interner,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Why a device was not taken into a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError {
    /// The key is empty.
    EmptyKey,
    /// The list is at the limit of 4 GiB of keys or 4 billion devices.
    Full,
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyKey => "a device key is empty",
            Self::Full => "more devices than one campaign can hold (4 GiB of device keys)",
        })
    }
}

impl std::error::Error for PushError {}

impl Devices {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a device. A key that is in the list already is passed over: the result then is the first one's number and
    /// `false`.
    ///
    /// # Errors
    ///
    /// If the key is empty, or the list full.
    pub fn push(&mut self, key: &str, facts: &TaskFacts<'_>) -> Result<(DeviceId, bool), PushError> {
        if key.is_empty() {
            return Err(PushError::EmptyKey);
        }
        if let Some(id) = self.find(key) {
            return Ok((id, false));
        }
        let end = u32::try_from(self.keys.len() + key.len()).map_err(|_| PushError::Full)?;
        let number = u32::try_from(self.ends.len()).map_err(|_| PushError::Full)?;
        self.keys.push_str(key);
        self.ends.push(end);
        self.rows.push(Row {
            product: self.texts.id_of(facts.product_key),
            from: self.texts.id_of(facts.from_version),
            to: self.texts.id_of(facts.to_version),
            reason: self.texts.id_of(facts.reason),
            progress: facts.progress,
            updated_ms: facts.updated_ms,
            task: facts.task.unwrap_or(0),
            seen: facts.seen,
        });
        let hash = self.hasher.hash_one(key);
        let Self {
            index,
            keys,
            ends,
            hasher,
            ..
        } = self;
        index.insert_unique(hash, number, |other| hasher.hash_one(key_at(keys, ends, *other)));
        Ok((DeviceId(number), true))
    }

    /// The number of devices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no devices.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The numbers of all devices, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = DeviceId> + use<> {
        (0..self.ends.len()).map(DeviceId::new)
    }

    /// The key of a device.
    ///
    /// # Panics
    ///
    /// If the number is of another list and this one has no such device.
    #[must_use]
    pub fn key(&self, id: DeviceId) -> &str {
        key_at(&self.keys, &self.ends, id.0)
    }

    /// What was known of the task of a device when it was selected.
    ///
    /// # Panics
    ///
    /// As [`key`](Self::key).
    #[must_use]
    pub fn facts(&self, id: DeviceId) -> TaskFacts<'_> {
        let row = &self.rows[id.index()];
        TaskFacts {
            product_key: self.texts.get(row.product),
            from_version: self.texts.get(row.from),
            to_version: self.texts.get(row.to),
            reason: self.texts.get(row.reason),
            progress: row.progress,
            updated_ms: row.updated_ms,
            task: Some(row.task).filter(|task| *task != 0),
            seen: row.seen,
        }
    }

    /// The device with this key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<DeviceId> {
        self.index
            .find(self.hasher.hash_one(key), |number| {
                key_at(&self.keys, &self.ends, *number) == key
            })
            .copied()
            .map(DeviceId)
    }

    /// The same devices in the order of their keys (by byte).
    #[must_use]
    pub fn sorted(&self) -> Self {
        self.retain_ids(self.sorted_ids())
    }

    /// The numbers of the devices in the order of their keys (by byte).
    #[must_use]
    pub fn sorted_ids(&self) -> Vec<DeviceId> {
        let mut ids: Vec<_> = self.ids().collect();
        ids.sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        ids
    }

    /// A list of some of these devices, in the order given.
    #[must_use]
    pub fn retain_ids(&self, ids: impl IntoIterator<Item = DeviceId>) -> Self {
        let mut kept = Self::new();
        for id in ids {
            // The keys were taken before, and are not more now.
            let _ = kept.push(self.key(id), &self.facts(id));
        }
        kept
    }

    /// The keys of some devices, as records have them.
    pub(crate) fn keys_of(&self, ids: &[DeviceId]) -> Vec<Cow<'_, str>> {
        ids.iter().map(|id| Cow::Borrowed(self.key(*id))).collect()
    }

    /// The keys of some devices as the body of a call takes them. `None` if there are none.
    pub(crate) fn to_device_keys(&self, ids: &[DeviceId]) -> Option<DeviceKeys> {
        let keys = ids.iter().filter_map(|id| self.key(*id).parse::<DeviceKey>().ok());
        DeviceKeys::new(keys).ok()
    }
}

fn key_at<'a>(keys: &'a str, ends: &[u32], number: u32) -> &'a str {
    let index = number as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &keys[start as usize..ends[index] as usize]
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not a million keys.
        f.debug_struct("Devices")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_key_and_has_what_was_known_of_it() {
        let mut devices = Devices::new();
        let facts = TaskFacts {
            product_key: Some("pump"),
            reason: Some("no space"),
            progress: Some(-4),
            updated_ms: Some(7),
            task: Some(TaskFacts::hash_of_task("t1")),
            seen: Some(Seen::Failed),
            ..TaskFacts::default()
        };
        assert_eq!(devices.push("b", &facts), Ok((DeviceId(0), true)));
        assert_eq!(devices.push("a", &TaskFacts::default()), Ok((DeviceId(1), true)));
        assert_eq!(devices.push("b", &TaskFacts::default()), Ok((DeviceId(0), false)));
        assert_eq!(devices.push("", &facts), Err(PushError::EmptyKey));
        assert_eq!(devices.len(), 2);
        assert_eq!(devices.facts(devices.find("b").unwrap()), facts);
        assert_eq!(devices.facts(DeviceId(0)).cause(), Some(FailureCause::Writing));
        assert_eq!(devices.find("c"), None);
        let sorted = devices.sorted();
        assert_eq!(sorted.ids().map(|id| sorted.key(id)).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sorted.facts(DeviceId(1)), facts);
    }

    #[test]
    fn the_hash_of_a_task_never_changes() {
        // The published values of FNV-1a.
        assert_eq!(TaskFacts::hash_of_task(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(TaskFacts::hash_of_task("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(TaskFacts::hash_of_task("foobar"), 0x8594_4171_f739_67e8);
    }
}
