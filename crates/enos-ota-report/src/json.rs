//! For programs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use enos_ota_campaign::{Fate, Outcome};
use serde::Serialize;
use serde::ser::{Error as _, Serializer};
use serde_json::ser::Formatter;

use crate::Report;
use crate::breakdown::Breakdown;
use crate::calls::ENDS;
use crate::groups::Groups;
use crate::row::Row;
use crate::section::Section;
use crate::tally::{OPEN, Tally};
use crate::text::{is_hidden, rfc3339};
use crate::waves::{self, waves};

impl Report {
    /// Writes one JSON object of schema [`REPORT_SCHEMA`] and a line feed. Devices are written one by one, so no more
    /// memory is taken for a million of them.
    ///
    /// | Member | What it is |
    /// | --- | --- |
    /// | `schema` | `enos-ota/report/1` |
    /// | `made` | when the report was made; only if that [was told](Self::made_at) |
    /// | `orgId`, `jobIds` | the organization and its jobs |
    /// | `sentence` | [`sentence`](Self::sentence) |
    /// | `repeated` | [`repeated`](Self::repeated) |
    /// | *tally* | all devices, each once a job |
    /// | *breakdown* | the same by what they have in common |
    /// | `journals` | each journal by itself, in the order in which they were begun |
    /// | `failures` | all devices that somebody has to look after, as [`failures`](Self::failures) |
    ///
    /// A *tally* is
    ///
    /// | Member | What it is |
    /// | --- | --- |
    /// | `devices` | how many: the sum of `outcomes` and `open` |
    /// | `outcomes` | `{"accepted": 9, "rejected": 0, "skipped": 0, "unknown": 0}` |
    /// | `open` | devices without an outcome: `{"inDoubt": 0, "suspect": 0, "waiting": 1}`; resume the journal |
    /// | `fates` | the accepted devices: `succeeded`, `failedAgain`, `underWay`, `stillFailed`, `gone`, `notSeen` |
    /// | `fatesOfUnknown` | the same of devices of unknown outcome that were seen nevertheless; absent if none was |
    ///
    /// A *breakdown* is lists of groups, the largest first, no more than 1,000 each. All but the last two have a tally.
    /// If there are more, `others` tells of how many groups of which list are summed up there:
    /// `{"reasons": {"groups": 7, "devices": 7, …}}`.
    ///
    /// | Member | Each has |
    /// | --- | --- |
    /// | `reasons` | `reason` for which the tasks had failed when they were selected, or null |
    /// | `products` | `productKey`, or null |
    /// | `versions` | `fromVersion` and `toVersion`, or null |
    /// | `messages` | `outcome`, `code`, `message` (or null) and `devices`: why devices were not accepted, or are open |
    /// | `failedAgainReasons` | `reason`, or null, and `devices` |
    ///
    /// A journal has a tally and a breakdown of all of its devices, and
    ///
    /// | Member | What it is |
    /// | --- | --- |
    /// | `journal`, `jobId`, `baseUrl` | its name, and where it was carried out |
    /// | `counted` | how many of its devices are in no later journal of the same job |
    /// | `overlaps` | whether it was written to after such a journal was begun |
    /// | `began`, `lastEntry` | when it was begun, and when something happened last: a resume that did nothing is nothing |
    /// | `ended` | `how` it ended, and when (`at`); null if it did not |
    /// | `torn` | whether its last line was cut off |
    /// | `tornTail` | that line: its number `line` and its `bytes`; null if none was cut off |
    /// | `resumes` | how often it was resumed |
    /// | `operators` | who began it and who resumed it: `at`, `who`, `program`, `command` |
    /// | `selection`, `leftOut`, `moved`, `chunkSize`, `planCreated` | as in the header of its plan |
    /// | `settings` | the settings of the campaign |
    /// | `waves` | those that were judged: `wave`, `at`, `devices` (accepted up to this wave), `devicesOfWave`, `succeeded`, `failedAgain` (or gone; both of this wave), `passed` |
    /// | `unjudgedWave` | the wave after these, as it stands: the same, but `at` and `passed` are null; null if it was not begun |
    /// | `calls` | `sent`, `devices`; of these calls `accepted`, `notFailed`, `refused`, `tooMany`, `throttled`, `lost`, `notSent`, `noEnd`; `firstSent`, `lastEnded`, `meanMs`, `longestMs` |
    ///
    /// A failure has the columns of [CSV](Self::write_csv) as members; what is not known is null. Texts are as they
    /// were, without the apostrophes of CSV; characters that could not be seen are written as `\u202e`. `code` is a number. Times are texts as in RFC 3339.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write_json<W: io::Write>(&self, mut out: W) -> io::Result<()> {
        self.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Visible))?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

/// The schema of a report in JSON; see [`Report::write_json`].
pub const REPORT_SCHEMA: &str = "enos-ota/report/1";

/// Writes what could not be seen as `\u202e`, so that a terminal neither obeys nor hides it. To a program it is the same.
struct Visible;

impl Formatter for Visible {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        let mut before = None;
        for (at, character) in fragment.char_indices() {
            if is_hidden(before, character) {
                writer.write_all(&fragment.as_bytes()[plain..at])?;
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
                plain = at + character.len_utf8();
            }
            before = Some(character);
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }
}

/// As [`Report::write_json`].
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Whole {
            schema: REPORT_SCHEMA,
            made: self.made_ms.map(rfc3339),
            org_id: self.org_id(),
            job_ids: self.jobs(),
            sentence: self.sentence(),
            repeated: self.repeated(),
            all: Groupings::of(self.all()),
            journals: self.sections.iter().map(Journal::of).collect(),
            failures: OneByOne::new(
                self.failures()
                    .map(|device| Row::of(&device, |text| Cow::Borrowed(text))),
            ),
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a, F: Serialize> {
    schema: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    made: Option<String>,
    org_id: &'a str,
    job_ids: Vec<&'a str>,
    sentence: String,
    repeated: usize,
    #[serde(flatten)]
    all: Groupings<'a>,
    journals: Vec<Journal<'a>>,
    failures: F,
}

type Counts = BTreeMap<&'static str, usize>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TallyOf {
    devices: usize,
    outcomes: Counts,
    open: Counts,
    fates: Counts,
    #[serde(skip_serializing_if = "Counts::is_empty")]
    fates_of_unknown: Counts,
}

impl TallyOf {
    fn of(tally: &Tally) -> Self {
        let of_unknown = Fate::ALL.map(|fate| (fate.as_str(), tally.fate_of_unknown(fate)));
        Self {
            devices: tally.devices(),
            outcomes: Outcome::ALL.map(|one| (one.as_str(), tally.outcome(one))).into(),
            open: OPEN.map(|one| (one.outcome(), tally.became(one))).into(),
            fates: Fate::ALL.map(|one| (one.as_str(), tally.fate(one))).into(),
            fates_of_unknown: match of_unknown.iter().any(|(_, devices)| *devices > 0) {
                true => of_unknown.into(),
                false => Counts::new(),
            },
        }
    }
}

/// A breakdown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Groupings<'a> {
    #[serde(flatten)]
    tally: TallyOf,
    reasons: Vec<Group<'a>>,
    products: Vec<Group<'a>>,
    versions: Vec<Group<'a>>,
    messages: Vec<Message<'a>>,
    failed_again_reasons: Vec<Again<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    others: BTreeMap<&'static str, Others>,
}

#[derive(Serialize)]
struct Group<'a> {
    #[serde(flatten)]
    names: BTreeMap<&'static str, Option<&'a str>>,
    #[serde(flatten)]
    tally: TallyOf,
}

#[derive(Serialize)]
struct Message<'a> {
    outcome: &'static str,
    code: Option<i64>,
    message: Option<&'a str>,
    devices: usize,
}

#[derive(Serialize)]
struct Again<'a> {
    reason: Option<&'a str>,
    devices: usize,
}

#[derive(Serialize)]
struct Others {
    groups: usize,
    #[serde(flatten)]
    tally: TallyOf,
}

impl<'a> Groupings<'a> {
    fn of(all: &'a Breakdown) -> Self {
        let mut others = BTreeMap::new();
        let mut other = |name, groups, tally| {
            if groups > 0 {
                let tally = TallyOf::of(tally);
                others.insert(name, Others { groups, tally });
            }
        };
        other("reasons", all.reasons.others, &all.reasons.of_others);
        other("products", all.products.others, &all.products.of_others);
        other("versions", all.versions.others, &all.versions.of_others);
        other("messages", all.messages.others, &all.messages.of_others);
        other("failedAgainReasons", all.new_reasons.others, &all.new_reasons.of_others);
        let messages = all.messages.rows.iter().map(|(message, tally)| Message {
            outcome: message.became.outcome(),
            code: message.code,
            message: message.text.as_deref(),
            devices: tally.devices(),
        });
        let again = all.new_reasons.rows.iter().map(|(reason, tally)| Again {
            reason: reason.as_deref(),
            devices: tally.devices(),
        });
        Self {
            tally: TallyOf::of(&all.tally),
            reasons: list(&all.reasons, |reason| [("reason", reason.as_deref())]),
            products: list(&all.products, |product| [("productKey", product.as_deref())]),
            versions: list(&all.versions, |versions| {
                [
                    ("fromVersion", versions.from.as_deref()),
                    ("toVersion", versions.to.as_deref()),
                ]
            }),
            messages: messages.collect(),
            failed_again_reasons: again.collect(),
            others,
        }
    }
}

fn list<'a, K, const N: usize>(
    groups: &'a Groups<K>,
    names: impl Fn(&'a K) -> [(&'static str, Option<&'a str>); N],
) -> Vec<Group<'a>> {
    let rows = groups.rows.iter().map(|(key, tally)| Group {
        names: names(key).into(),
        tally: TallyOf::of(tally),
    });
    rows.collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Journal<'a> {
    journal: &'a str,
    job_id: &'a str,
    base_url: &'a str,
    began: String,
    last_entry: String,
    ended: Option<Ended<'a>>,
    torn: bool,
    torn_tail: Option<Torn>,
    resumes: usize,
    operators: Vec<Operator<'a>>,
    selection: &'a enos_ota_campaign::Selection,
    left_out: &'a enos_ota_campaign::LeftOut,
    moved: bool,
    chunk_size: std::num::NonZeroUsize,
    plan_created: &'a str,
    settings: &'a serde_json::Value,
    counted: usize,
    overlaps: bool,
    #[serde(flatten)]
    own: Groupings<'a>,
    waves: Vec<Wave>,
    unjudged_wave: Option<Wave>,
    calls: Calls,
}

#[derive(Serialize)]
struct Ended<'a> {
    at: String,
    how: &'a str,
}

#[derive(Serialize)]
struct Torn {
    line: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Operator<'a> {
    at: String,
    who: &'a str,
    program: &'a str,
    command: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wave {
    wave: usize,
    at: Option<String>,
    devices: usize,
    devices_of_wave: usize,
    succeeded: usize,
    failed_again: usize,
    passed: Option<bool>,
}

impl Wave {
    fn of(wave: waves::Wave) -> Self {
        Self {
            wave: wave.number,
            at: wave.judged_ms.map(rfc3339),
            devices: wave.so_far,
            devices_of_wave: wave.devices,
            succeeded: wave.succeeded,
            failed_again: wave.failed,
            passed: wave.passed,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Calls {
    sent: usize,
    devices: usize,
    #[serde(flatten)]
    ends: Counts,
    first_sent: Option<String>,
    last_ended: Option<String>,
    mean_ms: Option<i64>,
    longest_ms: Option<i64>,
}

impl<'a> Journal<'a> {
    fn of(section: &'a Section) -> Self {
        let recovered = &section.recovered;
        let begin = &recovered.begin;
        let calls = section.calls();
        let (judged, unjudged): (Vec<_>, Vec<_>) = waves(recovered).into_iter().partition(|wave| wave.passed.is_some());
        Self {
            journal: &section.name,
            job_id: recovered.plan.job_id.as_str(),
            base_url: &begin.base_url,
            began: rfc3339(begin.at_ms),
            last_entry: rfc3339(recovered.last_event_ms),
            ended: recovered.ended.as_ref().map(|ended| Ended {
                at: rfc3339(ended.at_ms),
                how: &ended.how,
            }),
            torn: recovered.torn.is_some(),
            torn_tail: recovered.torn.map(|torn| Torn {
                line: torn.line,
                bytes: torn.bytes,
            }),
            resumes: recovered.resumes,
            operators: recovered
                .operators
                .iter()
                .map(|(at, by)| Operator {
                    at: rfc3339(*at),
                    who: &by.who,
                    program: &by.program,
                    command: &by.command,
                })
                .collect(),
            selection: &begin.plan.selection,
            left_out: &begin.plan.left_out,
            moved: begin.plan.moved,
            chunk_size: begin.plan.chunk_size,
            plan_created: &begin.plan.created,
            settings: &begin.settings,
            counted: section.counted(),
            overlaps: section.overlaps,
            own: Groupings::of(&section.own),
            waves: judged.into_iter().map(Wave::of).collect(),
            unjudged_wave: unjudged.into_iter().map(Wave::of).next(),
            calls: Calls {
                sent: calls.sent,
                devices: calls.devices,
                ends: ENDS
                    .iter()
                    .zip(calls.ends)
                    .map(|((_, name, _), calls)| (*name, calls))
                    .collect(),
                first_sent: calls.first_sent_ms.map(rfc3339),
                last_ended: calls.last_ended_ms.map(rfc3339),
                mean_ms: calls.mean_ms,
                longest_ms: calls.longest_ms,
            },
        }
    }
}

/// What an iterator gives, as a list that is never in memory.
struct OneByOne<I>(RefCell<Option<I>>);

impl<I: Iterator> OneByOne<I> {
    fn new(items: I) -> Self {
        Self(RefCell::new(Some(items)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for OneByOne<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.take() {
            Some(items) => serializer.collect_seq(items),
            None => Err(S::Error::custom("a list was written before")),
        }
    }
}
