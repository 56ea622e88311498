//! A plan in a few numbers.

use std::cmp::Reverse;
use std::hash::Hash;

use hashbrown::HashMap;
use serde::Serialize;

use crate::devices::{Devices, TaskFacts};

/// How many devices there are of which reason, product and version: the most frequent first, and among equals in the
/// order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// All devices.
    pub devices: usize,
    /// By the reason for which they failed.
    pub reasons: Vec<Count>,
    /// By their product.
    pub products: Vec<Count>,
    /// By the versions between which they are upgraded.
    pub versions: Vec<VersionCount>,
}

/// How many devices have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What it is; `None` for those of which it is not known.
    pub name: Option<String>,
    /// How many devices.
    pub devices: usize,
}

/// How many devices are upgraded between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionCount {
    /// From this version; `None` if it is not known.
    pub from: Option<String>,
    /// To this version; `None` if it is not known.
    pub to: Option<String>,
    /// How many devices.
    pub devices: usize,
}

impl PlanSummary {
    pub(super) fn of(devices: &Devices) -> Self {
        let versions = by(devices, |facts| (facts.from_version, facts.to_version));
        Self {
            devices: devices.len(),
            reasons: reasons(devices),
            products: by(devices, |facts| facts.product_key)
                .into_iter()
                .map(Count::new)
                .collect(),
            versions: versions
                .into_iter()
                .map(|((from, to), devices)| VersionCount {
                    from: from.map(str::to_owned),
                    to: to.map(str::to_owned),
                    devices,
                })
                .collect(),
        }
    }
}

impl Count {
    fn new((name, devices): (Option<&str>, usize)) -> Self {
        Self {
            name: name.map(str::to_owned),
            devices,
        }
    }
}

/// How many devices failed for which reason, the most frequent first.
pub(super) fn reasons(devices: &Devices) -> Vec<Count> {
    by(devices, |facts| facts.reason).into_iter().map(Count::new).collect()
}

/// Counts devices by what they have in common, the most frequent first.
fn by<'d, K: Hash + Ord + Copy + 'd>(devices: &'d Devices, key: impl Fn(&TaskFacts<'d>) -> K) -> Vec<(K, usize)> {
    let mut counts: HashMap<K, usize> = HashMap::new();
    for id in devices.ids() {
        *counts.entry(key(&devices.facts(id))).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by_key(|(key, devices)| (Reverse(*devices), *key));
    counts
}
