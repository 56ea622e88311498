//! What became of a campaign, or of several, from their journals.
//!
//! A [`Report`] says what was done, when and by whom, and what became of every device: for a terminal
//! ([`write_table`](Report::write_table)), for programs ([`write_json`](Report::write_json)), for a spreadsheet
//! ([`write_csv`](Report::write_csv)) and for a browser ([`write_html`](Report::write_html)).
//!
//! ```no_run
//! use std::path::Path;
//!
//! use enos_ota_campaign::journal::Journal;
//! use enos_ota_report::Report;
//!
//! let names = ["first.jsonl", "second.jsonl"];
//! let journals = names
//!     .into_iter()
//!     .map(|name| Ok((name, Journal::read(Path::new(name))?)))
//!     .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
//! let report = Report::of(journals)?;
//! println!("{}", report.sentence());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several journals
//!
//! They can be of several runs of one job, of several jobs, or both, but of one organization. A device that is in
//! several journals of the same job counts once, as it stands in the journal that was begun last; every journal is
//! told by itself besides. A device of two jobs counts twice, as it has two tasks.
//!
//! # Sums
//!
//! Every device has exactly one outcome or is open, every accepted one has exactly one fate, and every breakdown has
//! all devices. That is checked whenever a report is made: numbers that do not add up are an error and are never
//! written.

mod csv;
mod html;
mod json;
mod table;
mod tally;
mod text;
mod timeline;

use std::fmt;

use enos_ota_campaign::journal::{CallEnd, Recovered, State};
use enos_ota_campaign::{DeviceId, TaskFacts};
use enos_ota_campaign::{Fate, Outcome};

use tally::Groups;
pub use tally::{Became, Tally};

/// The schema of a report in JSON; see [`Report::write_json`].
pub const REPORT_SCHEMA: &str = "enos-ota/report/1";

/// A report on journals; see the [module](self).
#[derive(Debug)]
pub struct Report {
    /// In the order in which they were begun.
    sections: Vec<Section>,
    /// Over all, if there are several journals.
    overall: Option<Breakdown>,
    made_ms: Option<i64>,
}

/// A journal.
#[derive(Debug)]
struct Section {
    name: String,
    recovered: Recovered,
    /// Which devices are in a later journal of the same job, by [`DeviceId::index`]. Empty if none is.
    later: Vec<bool>,
    /// Whether something was written after a later journal of the same job was begun, of which devices are here too.
    overlaps: bool,
    own: Breakdown,
}

/// What became of devices, as a whole and by what they have in common.
#[derive(Clone, Debug)]
struct Breakdown {
    tally: Tally,
    reasons: Groups<Option<String>>,
    products: Groups<Option<String>>,
    versions: Groups<Versions>,
    /// Failures by what was said of them.
    messages: Groups<Message>,
    /// Devices that failed again, by the new reason.
    new_reasons: Groups<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Versions {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    became: Became,
    code: Option<i64>,
    text: Option<String>,
}

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportError {
    /// No journal was given.
    NoJournals,
    /// Two journals are of different organizations.
    OtherOrg {
        /// One journal, and its organization.
        one: (String, String),
        /// Another one, and its organization.
        other: (String, String),
    },
    /// A journal was given twice, or one of the two is a copy.
    Twice {
        /// The first name.
        one: String,
        /// The second name.
        other: String,
    },
    /// Numbers that should be equal are not.
    Sums {
        /// The journal; `None` for all of them together.
        journal: Option<String>,
        /// What was summed up.
        what: String,
        /// Its sum.
        sum: usize,
        /// What the sum should be.
        expected: usize,
    },
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJournals => f.write_str("a report needs a journal; name one or several"),
            Self::OtherOrg { one, other } => write!(
                f,
                "{} is of organization {}, and {} of {}; make a report of each organization",
                one.0, one.1, other.0, other.1
            ),
            Self::Twice { one, other } => write!(
                f,
                "{one} and {other} begin with the same line, so one is the other or a copy of it; leave one out"
            ),
            Self::Sums {
                journal,
                what,
                sum,
                expected,
            } => write!(
                f,
                "{}: {what} add up to {sum}, and not to {expected}; no report is made of numbers that contradict each \
                 other: keep the journals and report this as a defect of the program",
                journal.as_deref().unwrap_or("all journals together")
            ),
        }
    }
}

impl std::error::Error for ReportError {}

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
                all.check(counted).map_err(|problem| problem.of(None))?;
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
                .map(|fate| format!("{} {}", text::number(tally.fate(fate)), fate_label(fate)))
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

    /// What to do about open devices.
    fn resume(&self) -> String {
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

    fn all(&self) -> &Breakdown {
        self.overall
            .as_ref()
            .or_else(|| self.sections.first().map(|section| &section.own))
            .unwrap_or(&NOTHING)
    }

    fn org_id(&self) -> &str {
        self.sections
            .first()
            .map_or("", |section| section.recovered.plan.org_id.as_str())
    }

    fn jobs(&self) -> Vec<&str> {
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

/// The breakdown of a report without journals, of which there is none.
static NOTHING: Breakdown = Breakdown::nothing();

fn fate_label(fate: Fate) -> &'static str {
    match fate {
        Fate::Succeeded => Became::Succeeded,
        Fate::FailedAgain => Became::FailedAgain,
        Fate::UnderWay => Became::UnderWay,
        Fate::StillFailed => Became::StillFailed,
        Fate::Gone => Became::Gone,
        Fate::NotSeen => Became::NotSeen,
    }
    .label()
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
    /// What a search showed afterwards.
    pub fate: Fate,
    /// The code of the answer, or of the record, that brought the device where it stands.
    pub code: Option<i64>,
    /// The platform's text for that, or what went wrong.
    pub message: Option<&'a str>,
    /// The id under which the platform keeps the call that did it.
    pub request_id: Option<&'a str>,
    /// Why it failed again.
    pub failed_again: Option<&'a str>,
    /// When it was sent, in milliseconds since 1970-01-01 UTC. Only told of devices that are in doubt or suspect.
    pub sent_at_ms: Option<i64>,
    /// The name of the journal in which it stands so.
    pub journal: &'a str,
}

impl Section {
    /// `later` are the journals that were begun after this one.
    fn new(name: String, recovered: Recovered, later: &[(String, Recovered)]) -> Result<Self, ReportError> {
        let plan = &recovered.plan;
        let sums = |what: &str, sum, expected| {
            if sum == expected {
                return Ok(());
            }
            Err(Problem(what.to_owned(), sum, expected).of(Some(&name)))
        };
        sums(
            "the devices with a standing",
            recovered.standings.len(),
            plan.devices.len(),
        )?;

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
            overlaps |= shared && recovered.last_at_ms > other.begin.at_ms;
        }
        if !in_later.contains(&true) {
            in_later = Vec::new();
        }

        let own = Breakdown::of(&|each| {
            for id in plan.devices.ids() {
                each(&recovered, id);
            }
        });
        own.check(plan.devices.len())
            .map_err(|problem| problem.of(Some(&name)))?;
        // What was counted here, against what was counted while the journal was read, and against what the campaign
        // itself wrote down at its end.
        sums(
            "the devices of the journal",
            recovered.summary.requested,
            own.tally.devices(),
        )?;
        for outcome in Outcome::ALL {
            let told = |summary: enos_ota_campaign::Summary| match outcome {
                Outcome::Accepted => summary.accepted,
                Outcome::Rejected => summary.rejected,
                Outcome::Skipped => summary.skipped,
                Outcome::Unknown => summary.unknown,
            };
            let found = own.tally.outcome(outcome);
            sums(
                &format!("the {outcome} devices, one by one,"),
                found,
                told(recovered.summary),
            )?;
            if let Some(ended) = &recovered.ended {
                sums(
                    &format!("the {outcome} devices, one by one, against the end of the journal,"),
                    found,
                    told(ended.summary),
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
        Ok(Self {
            name,
            later: in_later,
            overlaps,
            own,
            recovered,
        })
    }

    fn counts(&self, id: DeviceId) -> bool {
        self.later.get(id.index()).is_none_or(|later| !later)
    }

    fn each_that_counts(&self, each: &mut dyn FnMut(DeviceId)) {
        self.recovered
            .plan
            .devices
            .ids()
            .filter(|id| self.counts(*id))
            .for_each(each);
    }

    fn counted(&self) -> usize {
        self.own.tally.devices() - self.repeated()
    }

    fn repeated(&self) -> usize {
        self.later.iter().filter(|later| **later).count()
    }

    fn devices(&self) -> impl Iterator<Item = DeviceReport<'_>> {
        let ids = self.recovered.plan.devices.ids();
        ids.filter(|id| self.counts(*id)).map(|id| self.device(id))
    }

    fn device(&self, id: DeviceId) -> DeviceReport<'_> {
        let recovered = &self.recovered;
        let standing = recovered.standing(id);
        DeviceReport {
            device_key: recovered.plan.devices.key(id),
            job_id: recovered.plan.job_id.as_str(),
            facts: recovered.plan.devices.facts(id),
            became: Became::of(standing),
            fate: standing.fate,
            code: recovered.code(id),
            message: recovered.message(id),
            request_id: recovered.request_id(id),
            failed_again: recovered.failed_again(id),
            sent_at_ms: match standing.state {
                State::InDoubt { sent_at_ms, .. } | State::Refused { sent_at_ms } => Some(sent_at_ms),
                State::Waiting | State::Settled(_) => None,
            },
            journal: &self.name,
        }
    }

    fn calls(&self) -> CallSums {
        CallSums::of(&self.recovered)
    }
}

/// The calls of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CallSums {
    sent: usize,
    /// Devices that they carried, those that were sent again counted again.
    devices: usize,
    /// By how they ended; the last are those of which the journal has no end.
    ends: [usize; ENDS.len()],
    first_sent_ms: Option<i64>,
    last_ended_ms: Option<i64>,
    /// Of the calls that have ended.
    mean_ms: Option<i64>,
    longest_ms: Option<i64>,
}

/// The ends of calls, with their names in JSON and for people.
const ENDS: [(Option<CallEnd>, &str, &str); 8] = [
    (Some(CallEnd::Accepted), "accepted", "accepted"),
    (
        Some(CallEnd::NotFailed),
        "notFailed",
        "refused for a task that is not failed",
    ),
    (Some(CallEnd::Refused), "refused", "refused for another reason"),
    (Some(CallEnd::TooMany), "tooMany", "refused for its size"),
    (Some(CallEnd::Throttled), "throttled", "throttled"),
    (Some(CallEnd::Lost), "lost", "lost"),
    (Some(CallEnd::NotSent), "notSent", "did not leave the machine"),
    (None, "noEnd", "without an end in the journal"),
];

impl CallSums {
    fn of(recovered: &Recovered) -> Self {
        let calls = &recovered.calls;
        let times = || calls.iter().filter_map(|call| Some(call.ended_ms? - call.sent_ms));
        let ended = i64::try_from(times().count()).unwrap_or(i64::MAX);
        Self {
            sent: calls.len(),
            devices: calls.iter().map(|call| call.devices as usize).sum(),
            ends: ENDS.map(|(end, ..)| recovered.calls_that_ended(end)),
            first_sent_ms: calls.iter().map(|call| call.sent_ms).min(),
            last_ended_ms: calls.iter().filter_map(|call| call.ended_ms).max(),
            mean_ms: times().sum::<i64>().checked_div(ended),
            longest_ms: times().max(),
        }
    }
}

/// Numbers that differ: what was summed up, its sum, and what was expected.
struct Problem(String, usize, usize);

impl Problem {
    fn of(self, journal: Option<&str>) -> ReportError {
        let Self(what, sum, expected) = self;
        ReportError::Sums {
            journal: journal.map(|name| text::visible(name).into_owned()),
            what,
            sum,
            expected,
        }
    }
}

type Each<'r, 'e> = &'e mut dyn FnMut(&'r Recovered, DeviceId);

impl Breakdown {
    /// What was said of failures, where anything was.
    fn said(&self) -> Groups<Message> {
        let told = |message: &Message| message.code.is_some() || message.text.is_some();
        Groups {
            rows: self
                .messages
                .rows
                .iter()
                .filter(|(message, _)| told(message))
                .cloned()
                .collect(),
            others: self.messages.others,
            of_others: self.messages.of_others,
        }
    }

    const fn nothing() -> Self {
        Self {
            tally: Tally::nothing(),
            reasons: Groups::nothing(),
            products: Groups::nothing(),
            versions: Groups::nothing(),
            messages: Groups::nothing(),
            new_reasons: Groups::nothing(),
        }
    }

    /// `each` goes through the devices, as often as it is called.
    fn of<'r>(each: &impl Fn(Each<'r, '_>)) -> Self {
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
                        if became.is_failure() && standing.state != State::Settled(Outcome::Accepted) {
                            take((became, recovered.code(id), recovered.message(id)), standing);
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
                            take(recovered.failed_again(id), standing);
                        }
                    });
                },
                owned,
            ),
        }
    }

    /// Whether there are so many devices, and everything adds up.
    fn check(&self, devices: usize) -> Result<(), Problem> {
        let equal = |what: &str, sum, expected| {
            if sum == expected {
                return Ok(());
            }
            Err(Problem(what.to_owned(), sum, expected))
        };
        equal("the devices that were counted", self.tally.devices(), devices)?;
        if let Some((what, sum, expected)) = self.tally.problem() {
            return Err(Problem(what, sum, expected));
        }
        for (by, total) in [
            ("reason", self.reasons.total()),
            ("product", self.products.total()),
            ("version", self.versions.total()),
        ] {
            equal(&format!("the devices by {by}"), total.devices(), devices)?;
            for became in Became::ALL {
                equal(
                    &format!("the devices by {by} that are {}", became.label()),
                    total.became(became),
                    self.tally.became(became),
                )?;
            }
        }
        let failed_again = self.tally.became(Became::FailedAgain);
        equal(
            "the devices by new reason",
            self.new_reasons.total().devices(),
            failed_again,
        )?;
        let accepted: usize = [Became::FailedAgain, Became::StillFailed, Became::Gone]
            .into_iter()
            .map(|became| self.tally.became(became))
            .sum();
        equal(
            "the failures by what was said of them",
            self.messages.total().devices(),
            self.tally.failures() - accepted,
        )
    }
}
