//! What many tasks have in common, each stored once: a job may have a million tasks.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// What tells the tasks of a job into groups.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) product_key: Arc<str>,
    pub(super) from_version: Arc<str>,
    pub(super) to_version: Arc<str>,
}

/// How a task has failed, or will.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Failure {
    pub(super) progress: i32,
    pub(super) desc: Arc<str>,
}

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
