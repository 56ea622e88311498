//! Sets of tasks that know how many members come before a place: for pages that lie deep in a long result.

/// Members are counted in blocks of so many.
const BLOCK_BITS: usize = 512;
const BLOCK_WORDS: usize = BLOCK_BITS / 64;

/// A set of the numbers below a limit. Adding, removing and finding the member at a place take a time that grows with
/// the logarithm of the limit.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    words: Vec<u64>,
    /// The number of members in each block, as a Fenwick tree: entry `i` (from 1) holds the sum of the `i & -i` blocks
    /// up to block `i - 1`.
    sums: Vec<u32>,
    count: usize,
}

impl Ranked {
    /// The set of the numbers below `limit` that `is_member` tells.
    pub(super) fn new(limit: usize, mut is_member: impl FnMut(usize) -> bool) -> Self {
        let blocks = limit.div_ceil(BLOCK_BITS);
        let mut words = vec![0_u64; blocks * BLOCK_WORDS];
        for number in (0..limit).filter(|number| is_member(*number)) {
            words[number / 64] |= 1 << (number % 64);
        }
        let mut sums = vec![0_u32; blocks + 1];
        let mut count = 0;
        for block in 1..=blocks {
            let members: u32 = words[(block - 1) * BLOCK_WORDS..block * BLOCK_WORDS]
                .iter()
                .map(|word| word.count_ones())
                .sum();
            count += members as usize;
            sums[block] += members;
            let parent = block + lowest_bit(block);
            if parent <= blocks {
                sums[parent] += sums[block];
            }
        }
        Self { words, sums, count }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.words[number / 64] >> (number % 64) & 1 == 1
    }

    /// Adds a number. Tells whether it was not a member.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        let is_new = !self.contains(number);
        if is_new {
            self.words[number / 64] |= 1 << (number % 64);
            self.count += 1;
            self.add_to_sums(number, 1);
        }
        is_new
    }

    /// Removes a number. Tells whether it was a member.
    pub(super) fn remove(&mut self, number: usize) -> bool {
        let was_member = self.contains(number);
        if was_member {
            self.words[number / 64] &= !(1 << (number % 64));
            self.count -= 1;
            // The same as to subtract 1.
            self.add_to_sums(number, u32::MAX);
        }
        was_member
    }

    fn add_to_sums(&mut self, number: usize, amount: u32) {
        let mut block = number / BLOCK_BITS + 1;
        while block < self.sums.len() {
            self.sums[block] = self.sums[block].wrapping_add(amount);
            block += lowest_bit(block);
        }
    }
}

fn lowest_bit(number: usize) -> usize {
    number & number.wrapping_neg()
}

/// The members of several sets, which have the same limit and no member in common.
#[derive(Clone, Debug)]
pub(super) struct Union<'a>(pub(super) Vec<&'a Ranked>);

impl<'a> Union<'a> {
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|set| set.len()).sum()
    }

    /// The members in ascending order, without the first `skip`.
    pub(super) fn iter_from(&self, skip: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (first_word, mut skip) = self.find_block(skip);
        let sets = self.0.clone();
        let words = sets.first().map_or(0, |set| set.words.len());
        (first_word..words).flat_map(move |index| {
            let mut word = sets.iter().fold(0, |word, set| word | set.words[index]);
            while skip > 0 && word != 0 {
                word &= word - 1;
                skip -= 1;
            }
            Bits(word).map(move |bit| index * 64 + bit)
        })
    }

    /// The first word of the block in which the member at a place is, and how many members of the block come before it.
    fn find_block(&self, place: usize) -> (usize, usize) {
        let blocks = self.0.first().map_or(0, |set| set.sums.len() - 1);
        let (mut block, mut left) = (0, place);
        let mut step = if blocks == 0 { 0 } else { 1 << blocks.ilog2() };
        while step > 0 {
            if block + step <= blocks {
                let members: usize = self.0.iter().map(|set| set.sums[block + step] as usize).sum();
                if members <= left {
                    block += step;
                    left -= members;
                }
            }
            step /= 2;
        }
        (block * BLOCK_WORDS, left)
    }
}

/// The places of the ones in a word.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        (bit < u64::BITS).then(|| {
            self.0 &= self.0 - 1;
            bit as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn all(sets: &[&Ranked]) -> Vec<usize> {
        Union(sets.to_vec()).iter_from(0).collect()
    }

    #[test]
    fn a_set_holds_what_was_put_in_whatever_its_size() {
        for limit in [0, 1, 63, 64, 65, 511, 512, 513, 1023, 1024, 5000] {
            let is_member = |number: usize| number % 3 == 1;
            let expected: Vec<usize> = (0..limit).filter(|number| is_member(*number)).collect();
            let set = Ranked::new(limit, is_member);
            assert_eq!((all(&[&set]), set.len()), (expected.clone(), expected.len()), "{limit}");
            for skip in 0..=expected.len() + 1 {
                let union = Union(vec![&set]);
                let first = union.iter_from(skip).next();
                assert_eq!(first, expected.get(skip).copied(), "{limit} {skip}");
            }
        }
    }

    #[test]
    fn members_that_come_and_go_are_found_at_their_places_in_a_union() {
        const LIMIT: usize = 3000;
        let mut random = Random::seeded(3);
        let mut draw = |below: usize| usize::try_from(random.next() % 1_000_003).unwrap() % below;
        let mut owner: Vec<usize> = (0..LIMIT).map(|_| draw(3)).collect();
        let mut sets: Vec<Ranked> = (0..3)
            .map(|set| Ranked::new(LIMIT, |number| owner[number] == set))
            .collect();
        for round in 0..2000 {
            let (number, new) = (draw(LIMIT), draw(3));
            sets[owner[number]].remove(number);
            sets[new].insert(number);
            owner[number] = new;
            if round % 50 > 0 {
                continue;
            }
            for (first, second) in [(0, 1), (1, 2), (2, 2)] {
                let expected: Vec<usize> = (0..LIMIT)
                    .filter(|number| [first, second].contains(&owner[*number]))
                    .collect();
                let union = if first == second {
                    Union(vec![&sets[first]])
                } else {
                    Union(vec![&sets[first], &sets[second]])
                };
                assert_eq!(union.len(), expected.len());
                let skip = draw(LIMIT);
                let found: Vec<usize> = union.iter_from(skip).collect();
                assert_eq!(found, expected.get(skip..).unwrap_or_default());
            }
        }
    }

    #[test]
    fn what_is_there_already_is_not_counted_twice() {
        let mut set = Ranked::new(10, |_| false);
        assert_eq!([set.insert(4), set.insert(4), set.remove(5)], [true, false, false]);
        assert_eq!((all(&[&set]), set.len()), (vec![4], 1));
        assert!(set.remove(4));
        assert_eq!((all(&[&set]), set.len()), (vec![], 0));
    }
}
