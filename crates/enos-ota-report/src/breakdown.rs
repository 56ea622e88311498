//! Devices by what they have in common.

use std::hash::Hash;

use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{DeviceId, DeviceState, Outcome, Standing, TaskFacts};

use crate::error::{ReportError, check_sum};
use crate::groups::Groups;
use crate::tally::{Became, Tally};

/// What became of devices, as a whole and by what they have in common.
#[derive(Clone, Debug)]
pub(crate) struct Breakdown {
    pub(crate) tally: Tally,
    pub(crate) reasons: Groups<Option<String>>,
    pub(crate) products: Groups<Option<String>>,
    pub(crate) versions: Groups<Versions>,
    /// Failures by what was said of them.
    pub(crate) messages: Groups<Message>,
    /// Devices that failed again, by the new reason.
    pub(crate) new_reasons: Groups<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) became: Became,
    pub(crate) code: Option<i64>,
    pub(crate) text: Option<String>,
}

type Each<'r, 'e> = &'e mut dyn FnMut(&'r Recovered, DeviceId);

impl Breakdown {
    /// What was said of failures, where anything was: the first messages with their devices, and how many others there
    /// are, of how many devices.
    pub(crate) fn said(&self, count: usize) -> (Vec<&(Message, Tally)>, usize, usize) {
        let told = |message: &Message| message.code.is_some() || message.text.is_some();
        let mut first: Vec<_> = self.messages.rows.iter().filter(|(message, _)| told(message)).collect();
        let rest = first.split_off(count.min(first.len()));
        let devices = rest.iter().map(|(_, tally)| tally.devices()).sum::<usize>();
        (
            first,
            rest.len() + self.messages.others,
            devices + self.messages.of_others.devices(),
        )
    }

    /// `each` goes through the devices, as often as it is called.
    pub(crate) fn of<'r>(each: &impl Fn(Each<'r, '_>)) -> Self {
        fn owned(text: Option<&str>) -> Option<String> {
            text.map(str::to_owned)
        }
        let mut tally = Tally::default();
        each(&mut |recovered, id| tally.add(recovered.standing(id)));
        let versions = |facts: &TaskFacts<'r>, _: Standing<'r>| Some((facts.from_version, facts.to_version));
        let said = |_: &TaskFacts<'r>, standing: Standing<'r>| {
            let became = Became::of(standing);
            // What the answer said of an accepted device is no failure.
            let counts = became.is_failure() && standing.state != DeviceState::Settled(Outcome::Accepted);
            counts.then_some((became, standing.code, standing.message))
        };
        let again = |_: &TaskFacts<'r>, standing: Standing<'r>| {
            (Became::of(standing) == Became::FailedAgain).then_some(standing.failed_again)
        };
        Self {
            tally,
            reasons: group(each, |facts, _| Some(facts.reason), owned),
            products: group(each, |facts, _| Some(facts.product_key), owned),
            versions: group(each, versions, |(from, to)| Versions {
                from: owned(from),
                to: owned(to),
            }),
            messages: group(each, said, |(became, code, text)| Message {
                became,
                code,
                text: owned(text),
            }),
            new_reasons: group(each, again, owned),
        }
    }

    /// Whether there are so many devices, and every breakdown has all of them. All are of one journal, if it is named.
    pub(crate) fn check(&self, journal: Option<&str>, devices: usize) -> Result<(), ReportError> {
        let equal = |what, sum, expected| check_sum(journal, what, sum, expected);
        equal("the devices that were counted", self.tally.devices(), devices)?;
        for (what, total) in [
            ("the devices by reason", self.reasons.total()),
            ("the devices by product", self.products.total()),
            ("the devices by version", self.versions.total()),
        ] {
            for became in Became::ALL {
                equal(what, total.became(became), self.tally.became(became))?;
            }
        }
        let again = self.tally.became(Became::FailedAgain);
        equal("the devices by new reason", self.new_reasons.total().devices(), again)?;
        let accepted = again + self.tally.became(Became::StillFailed) + self.tally.became(Became::Gone);
        let said = self.messages.total().devices() + accepted;
        equal("the failures by what was said of them", said, self.tally.failures())
    }
}

/// Groups those devices that have a key by it.
fn group<'r, B: Hash + Ord + Copy, K>(
    each: &impl Fn(Each<'r, '_>),
    key: impl Fn(&TaskFacts<'r>, Standing<'r>) -> Option<B>,
    owned: impl Fn(B) -> K,
) -> Groups<K> {
    let keyed = |take: &mut dyn FnMut(B, Standing)| {
        each(&mut |recovered, id| {
            let standing = recovered.standing(id);
            if let Some(key) = key(&recovered.plan.devices.facts(id), standing) {
                take(key, standing);
            }
        });
    };
    Groups::of(keyed, owned)
}
