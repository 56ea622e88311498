//! A report: journals together, each by itself, and every device.

use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{Fate, Outcome};

use crate::breakdown::Breakdown;
use crate::error::ReportError;
use crate::section::{DeviceReport, Section};
use crate::tally::{Became, Tally};
use crate::text;

/// A report on journals; see the [crate](crate).
#[derive(Debug)]
pub struct Report {
    /// In the order in which they were begun.
    pub(crate) sections: Vec<Section>,
    /// Over all, if there are several journals.
    pub(crate) overall: Option<Breakdown>,
    pub(crate) made_ms: Option<i64>,
}

impl Report {
    /// A report on journals, each with its name, which is usually its path.
    ///
    /// # Errors
    ///
    /// If there is no journal, they are of several organizations, one is there twice, or their numbers do not add up.
    pub fn of<N: Into<String>>(journals: impl IntoIterator<Item = (N, Recovered)>) -> Result<Self, ReportError> {
        let mut journals: Vec<(String, Recovered)> = journals
            .into_iter()
            .map(|(name, recovered)| (name.into(), recovered))
            .collect();
        journals.sort_by_key(|(_, recovered)| recovered.begin.at_ms);
        check_together(&journals)?;
        let mut sections: Vec<Section> = Vec::with_capacity(journals.len());
        let mut later: Vec<(String, Recovered)> = journals;
        later.reverse();
        while let Some((name, recovered)) = later.pop() {
            sections.push(Section::new(name, recovered, &later)?);
        }
        let overall = match sections.as_slice() {
            [_] => None,
            several => {
                let all = Breakdown::of(&|each| {
                    for section in several {
                        section.each_that_counts(&mut |id| each(&section.recovered, id));
                    }
                });
                let counted = several.iter().map(Section::counted).sum();
                all.check(None, counted)?;
                Some(all)
            }
        };
        Ok(Self {
            sections,
            overall,
            made_ms: None,
        })
    }

    /// Says when the report is made, in milliseconds since 1970-01-01 UTC. Without it, the report does not tell.
    #[must_use]
    pub fn made_at(mut self, ms: i64) -> Self {
        self.made_ms = Some(ms);
        self
    }

    /// What the devices have come to. Each counts once a job.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.all().tally
    }

    /// What the devices of one journal have come to, in the order in which the journals were begun: with its name.
    #[must_use]
    pub fn journals(&self) -> impl ExactSizeIterator<Item = (&str, &Tally)> {
        self.sections
            .iter()
            .map(|section| (section.name.as_str(), &section.own.tally))
    }

    /// How many devices are left out of [`tally`](Self::tally) because a later journal of the same job has them too.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.sections.iter().map(Section::repeated).sum()
    }

    /// Every device once a job, in the order of the journals and their plans.
    pub fn devices(&self) -> impl Iterator<Item = DeviceReport<'_>> {
        self.sections.iter().flat_map(Section::devices)
    }

    /// The devices that somebody has to look after: the most serious first, see [`Became::FAILURES`].
    pub fn failures(&self) -> impl Iterator<Item = DeviceReport<'_>> {
        Became::FAILURES
            .into_iter()
            // Mostly there are none of most of them, and it takes a while to find that out of a million devices.
            .filter(|became| self.tally().became(*became) > 0)
            .flat_map(move |became| self.devices().filter(move |device| device.became == became))
    }

    /// All in one line, for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let tally = self.tally();
        let mut parts: Vec<String> = Vec::new();
        for outcome in [Outcome::Accepted, Outcome::Rejected, Outcome::Unknown, Outcome::Skipped] {
            let devices = tally.outcome(outcome);
            if devices == 0 {
                continue;
            }
            let fates: Vec<_> = Fate::ALL
                .into_iter()
                .filter(|fate| outcome == Outcome::Accepted && tally.was_watched() && tally.fate(*fate) > 0)
                .map(|fate| format!("{} {}", text::number(tally.fate(fate)), Became::of_fate(fate).label()))
                .collect();
            let fates = if fates.is_empty() {
                String::new()
            } else {
                format!(" ({})", fates.join(", "))
            };
            parts.push(format!("{} {outcome}{fates}", text::number(devices)));
        }
        if tally.open() > 0 {
            parts.push(format!("{} open: {}", text::number(tally.open()), self.resume()));
        }
        if parts.is_empty() {
            parts.push("nothing to do".to_owned());
        }
        let jobs = self.jobs();
        let of = match (jobs.as_slice(), self.sections.len()) {
            ([job], 1) => format!("job {job}"),
            ([job], journals) => format!("job {job} in {}", text::counted(journals, "journal")),
            (jobs, journals) => format!(
                "{} in {}",
                text::counted(jobs.len(), "job"),
                text::counted(journals, "journal")
            ),
        };
        format!(
            "{} of {of}: {}",
            text::counted(tally.devices(), "device"),
            parts.join(", ")
        )
    }

    /// How many devices need attention, in words.
    pub(crate) fn attention(&self) -> String {
        let (failures, devices) = (self.tally().failures(), self.tally().devices());
        let verb = if failures == 1 { "needs" } else { "need" };
        format!(
            "{} of {} {verb} attention",
            text::number(failures),
            text::counted(devices, "device")
        )
    }

    /// What to do about open devices.
    pub(crate) fn resume(&self) -> String {
        let mut names = self
            .sections
            .iter()
            .filter(|section| section.devices().any(|device| device.became.is_open()))
            .map(|section| text::visible(&section.name));
        match (names.next(), names.next()) {
            (Some(_), None) if self.sections.len() == 1 => "resume it".to_owned(),
            (Some(name), None) => format!("resume {name}"),
            _ => "resume their journals".to_owned(),
        }
    }

    pub(crate) fn all(&self) -> &Breakdown {
        // There is a section: no report is made of no journals.
        self.overall.as_ref().unwrap_or_else(|| &self.sections[0].own)
    }

    pub(crate) fn org_id(&self) -> &str {
        self.sections[0].recovered.plan.org_id.as_str()
    }

    pub(crate) fn jobs(&self) -> Vec<&str> {
        let mut jobs: Vec<&str> = Vec::new();
        for section in &self.sections {
            let job = section.recovered.plan.job_id.as_str();
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
        jobs
    }
}

/// Whether a report can be made of these journals together.
fn check_together(journals: &[(String, Recovered)]) -> Result<(), ReportError> {
    let Some((first_name, first)) = journals.first() else {
        return Err(ReportError::NoJournals);
    };
    for (index, (name, recovered)) in journals.iter().enumerate() {
        if recovered.plan.org_id != first.plan.org_id {
            return Err(ReportError::OtherOrg {
                one: (first_name.clone(), first.plan.org_id.as_str().to_owned()),
                other: (name.clone(), recovered.plan.org_id.as_str().to_owned()),
            });
        }
        if let Some((one, _)) = journals[..index]
            .iter()
            .find(|(_, earlier)| earlier.begin == recovered.begin)
        {
            return Err(ReportError::Twice {
                one: one.clone(),
                other: name.clone(),
            });
        }
    }
    Ok(())
}
