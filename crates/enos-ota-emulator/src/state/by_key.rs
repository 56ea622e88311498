//! Finds the task of a device.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::task::TaskState;

/// The places of the tasks of a job by their device keys. It does not hold the keys, which the tasks have.
#[derive(Debug)]
pub(super) struct ByKey {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl ByKey {
    pub(super) fn new(tasks: &[TaskState]) -> Self {
        let hasher = DefaultHashBuilder::default();
        let hash = |place: u32| hasher.hash_one(&*tasks[place as usize].device_key);
        let mut places = HashTable::with_capacity(tasks.len());
        // A job of four billion tasks fits into no memory.
        for place in 0..u32::try_from(tasks.len()).unwrap_or(u32::MAX) {
            places.insert_unique(hash(place), place, |place| hash(*place));
        }
        Self { places, hasher }
    }

    /// The place of the task of a device among the tasks from which this was made.
    pub(super) fn get(&self, tasks: &[TaskState], device_key: &str) -> Option<usize> {
        let is_it = |place: &u32| *tasks[*place as usize].device_key == *device_key;
        let place = self.places.find(self.hasher.hash_one(device_key), is_it)?;
        Some(*place as usize)
    }
}
