//! One journal of a report.

use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{DeviceId, Outcome, Standing, TaskFacts};

use crate::breakdown::Breakdown;
use crate::calls::CallSums;
use crate::error::{ReportError, check_sum};
use crate::tally::Became;
use crate::timeline::{self, FOLLOWED};

/// A journal.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) recovered: Recovered,
    /// Which devices are in a later journal of the same job, by [`DeviceId::index`]. Empty if none is.
    pub(crate) later: Vec<bool>,
    /// Whether something was written after a later journal of the same job was begun, of which devices are here too.
    pub(crate) overlaps: bool,
    pub(crate) own: Breakdown,
}

/// A device in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceReport<'a> {
    /// The device.
    pub device_key: &'a str,
    /// The job.
    pub job_id: &'a str,
    /// What was known of its task when it was selected.
    pub facts: TaskFacts<'a>,
    /// What it has come to.
    pub became: Became,
    /// Where it stands by its journal: its fate, and the code, text and request id that brought it there.
    pub standing: Standing<'a>,
    /// When the last call that carried it was sent, in milliseconds since 1970-01-01 UTC; `None` if it never was.
    pub sent_at_ms: Option<i64>,
    /// The name of the journal in which it stands so.
    pub journal: &'a str,
}

impl<'a> DeviceReport<'a> {
    /// Code and text that say what is wrong with a failed device. That its retry was accepted is not.
    pub(crate) fn blame(&self) -> (Option<i64>, Option<&'a str>) {
        if self.became.outcome() == Outcome::Accepted.as_str() {
            (None, self.standing.failed_again)
        } else {
            (self.standing.code, self.standing.message)
        }
    }
}

impl Section {
    /// `later` are the journals that were begun after this one.
    pub(crate) fn new(name: String, recovered: Recovered, later: &[(String, Recovered)]) -> Result<Self, ReportError> {
        let plan = &recovered.plan;
        let mut in_later = Vec::new();
        let mut overlaps = false;
        for (_, other) in later.iter().filter(|(_, other)| other.plan.job_id == plan.job_id) {
            in_later.resize(plan.devices.len(), false);
            let mut shared = false;
            for id in plan.devices.ids() {
                if other.plan.devices.find(plan.devices.key(id)).is_some() {
                    in_later[id.index()] = true;
                    shared = true;
                }
            }
            overlaps |= shared && recovered.last_event_ms > other.begin.at_ms;
        }
        if !in_later.contains(&true) {
            in_later = Vec::new();
        }

        let own = Breakdown::of(&|each| {
            for id in plan.devices.ids() {
                each(&recovered, id);
            }
        });
        own.check(Some(&name), plan.devices.len())?;
        // What was counted here, against what was counted while the journal was read, and against what the campaign
        // itself wrote down at its end.
        let sums = |what: &str, sum, expected| check_sum(Some(&name), what, sum, expected);
        let summary = recovered.summary();
        sums("the devices of the journal", summary.requested, own.tally.devices())?;
        for outcome in Outcome::ALL {
            let found = own.tally.outcome(outcome);
            let what = format!("the {outcome} devices, one by one,");
            sums(&what, found, summary.of(outcome))?;
            if let Some(ended) = &recovered.ended {
                sums(
                    &format!("{what} against the end of the journal,"),
                    found,
                    ended.summary.of(outcome),
                )?;
            }
        }
        if let Some(ended) = &recovered.ended {
            sums(
                "the open devices, against the end of the journal,",
                own.tally.open(),
                ended.open,
            )?;
        }
        // The last point of every line over time is the number that is told beside it.
        for (line, devices) in FOLLOWED.into_iter().zip(timeline::at_the_end(&recovered)) {
            let what = format!("the {} devices over time", line.label());
            sums(&what, devices, line.at_the_end(&own.tally))?;
        }
        Ok(Self {
            name,
            later: in_later,
            overlaps,
            own,
            recovered,
        })
    }

    pub(crate) fn counts(&self, id: DeviceId) -> bool {
        self.later.get(id.index()).is_none_or(|later| !later)
    }

    pub(crate) fn each_that_counts(&self, each: &mut dyn FnMut(DeviceId)) {
        self.recovered
            .plan
            .devices
            .ids()
            .filter(|id| self.counts(*id))
            .for_each(each);
    }

    pub(crate) fn counted(&self) -> usize {
        self.own.tally.devices() - self.repeated()
    }

    pub(crate) fn repeated(&self) -> usize {
        self.later.iter().filter(|later| **later).count()
    }

    pub(crate) fn devices(&self) -> impl Iterator<Item = DeviceReport<'_>> {
        let ids = self.recovered.plan.devices.ids();
        ids.filter(|id| self.counts(*id)).map(|id| self.device(id))
    }

    pub(crate) fn device(&self, id: DeviceId) -> DeviceReport<'_> {
        let recovered = &self.recovered;
        let standing = recovered.standing(id);
        DeviceReport {
            device_key: recovered.plan.devices.key(id),
            job_id: recovered.plan.job_id.as_str(),
            facts: recovered.plan.devices.facts(id),
            became: Became::of(standing),
            standing,
            sent_at_ms: recovered.sent_at_ms(id),
            journal: &self.name,
        }
    }

    pub(crate) fn calls(&self) -> CallSums {
        CallSums::of(&self.recovered)
    }
}
