//! What many tasks have in common, each stored once: a job may have a million tasks.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::task::{Failure, Kind, TaskState};

/// What the tasks of a job have in common.
#[derive(Debug, Default)]
pub(super) struct Commons {
    texts: HashSet<Arc<str>>,
    kinds: HashSet<Arc<Kind>>,
    failures: HashSet<Arc<Failure>>,
}

impl Commons {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }

    pub(super) fn kind(&mut self, product_key: &str, from_version: &str, to_version: &str) -> Arc<Kind> {
        let [product_key, from_version, to_version] =
            [product_key, from_version, to_version].map(|text| self.text(text));
        one_of(
            &mut self.kinds,
            Kind {
                product_key,
                from_version,
                to_version,
            },
        )
    }

    pub(super) fn failure(&mut self, progress: i32, desc: &str) -> Arc<Failure> {
        let desc = self.text(desc);
        one_of(&mut self.failures, Failure { progress, desc })
    }
}

fn one_of<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(known) = known.get(&value) {
        return Arc::clone(known);
    }
    let new = Arc::new(value);
    known.insert(Arc::clone(&new));
    new
}

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
