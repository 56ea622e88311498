//! Devices by what they have in common.

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{DeviceId, Outcome, TaskFacts};

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
        let by = |fact: fn(&TaskFacts<'r>) -> Option<&'r str>| {
            Groups::of(
                |take| {
                    each(&mut |recovered, id| take(fact(&recovered.plan.devices.facts(id)), recovered.standing(id)));
                },
                owned,
            )
        };
        let mut tally = Tally::default();
        each(&mut |recovered, id| {
            tally.add(recovered.standing(id));
        });
        Self {
            tally,
            reasons: by(|facts| facts.reason),
            products: by(|facts| facts.product_key),
            versions: Groups::of(
                |take| {
                    each(&mut |recovered, id| {
                        let facts = recovered.plan.devices.facts(id);
                        take((facts.from_version, facts.to_version), recovered.standing(id));
                    });
                },
                |(from, to)| Versions {
                    from: owned(from),
                    to: owned(to),
                },
            ),
            messages: Groups::of(
                |take| {
                    each(&mut |recovered, id| {
                        let standing = recovered.standing(id);
                        let became = Became::of(standing);
                        // What the answer said of an accepted device is no failure.
                        if became.is_failure() && standing.state != DeviceState::Settled(Outcome::Accepted) {
                            take((became, standing.code, standing.message), standing);
                        }
                    });
                },
                |(became, code, text)| Message {
                    became,
                    code,
                    text: owned(text),
                },
            ),
            new_reasons: Groups::of(
                |take| {
                    each(&mut |recovered, id| {
                        let standing = recovered.standing(id);
                        if Became::of(standing) == Became::FailedAgain {
                            take(standing.failed_again, standing);
                        }
                    });
                },
                owned,
            ),
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
