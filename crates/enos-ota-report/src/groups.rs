//! Groups of devices that have something in common.

use std::cmp::Reverse;
use std::hash::Hash;

use enos_ota_campaign::Standing;
use hashbrown::HashMap;

use crate::tally::Tally;

/// Devices that have something in common, the most frequent first and among equals in the order of their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups<K> {
    pub(crate) rows: Vec<(K, Tally)>,
    /// How many groups there are besides: texts may have something of the device in them, and then each is another one.
    pub(crate) others: usize,
    pub(crate) of_others: Tally,
}

/// So many groups are kept.
pub(crate) const GROUPS: usize = 1000;

impl<K> Groups<K> {
    /// Groups devices by a key. `each` goes through them, twice.
    pub(crate) fn of<B: Hash + Ord + Copy>(each: impl Fn(&mut dyn FnMut(B, Standing)), owned: impl Fn(B) -> K) -> Self {
        let mut counts: HashMap<B, usize> = HashMap::new();
        each(&mut |key, _| *counts.entry(key).or_default() += 1);
        let mut order: Vec<(B, usize)> = counts.into_iter().collect();
        order.sort_unstable_by_key(|(key, devices)| (Reverse(*devices), *key));
        let others = order.len().saturating_sub(GROUPS);
        order.truncate(GROUPS);
        let index: HashMap<B, usize> = order.iter().enumerate().map(|(at, (key, _))| (*key, at)).collect();

        let mut tallies = vec![Tally::default(); order.len()];
        let mut of_others = Tally::default();
        each(&mut |key, standing| {
            let tally = index.get(&key).and_then(|at| tallies.get_mut(*at));
            tally.unwrap_or(&mut of_others).add(standing);
        });
        Self {
            rows: order.into_iter().map(|(key, _)| owned(key)).zip(tallies).collect(),
            others,
            of_others,
        }
    }

    /// The sum of all groups.
    pub(crate) fn total(&self) -> Tally {
        let mut total = self.of_others;
        for (_, tally) in &self.rows {
            total.take(tally);
        }
        total
    }

    /// The first groups, and all others in one.
    pub(crate) fn first(&self, count: usize) -> (&[(K, Tally)], usize, Tally) {
        let (first, rest) = self.rows.split_at(count.min(self.rows.len()));
        let mut of_rest = self.of_others;
        for (_, tally) in rest {
            of_rest.take(tally);
        }
        (first, self.others + rest.len(), of_rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_groups_than_are_kept_are_summed_up() {
        let waiting = Standing::default();
        let groups: Groups<String> = Groups::of(
            |each| {
                for number in 0..GROUPS + 20 {
                    each(number, waiting);
                }
                each(7, waiting);
            },
            |number| number.to_string(),
        );
        assert_eq!((groups.rows.len(), groups.others), (GROUPS, 20));
        assert_eq!((groups.rows[0].0.as_str(), groups.rows[0].1.devices()), ("7", 2));
        assert_eq!(groups.of_others.devices(), 20);
        assert_eq!(groups.total().devices(), GROUPS + 21);
        let (first, others, rest) = groups.first(1);
        assert_eq!((first.len(), others, rest.devices()), (1, GROUPS + 19, GROUPS + 19));
    }
}
