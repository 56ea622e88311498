//! For programs.

use std::cell::RefCell;
use std::io;

use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::ser::Formatter;

use super::breakdown::{Breakdown, Message, Versions};
use super::calls::{CallSums, ENDS};
use super::csv::fate;
use super::groups::Groups;
use super::section::Section;
use super::tally::Tally;
use super::text::{is_hidden, rfc3339};
use super::waves::{Wave, waves};
use super::{DeviceReport, Report};
use enos_ota_campaign::journal::Operator;

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
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", REPORT_SCHEMA)?;
        if let Some(made) = self.made_ms {
            map.serialize_entry("made", &rfc3339(made))?;
        }
        map.serialize_entry("orgId", self.org_id())?;
        map.serialize_entry("jobIds", &self.jobs())?;
        map.serialize_entry("sentence", &self.sentence())?;
        map.serialize_entry("repeated", &self.repeated())?;
        self.all().serialize_into(&mut map)?;
        map.serialize_entry("journals", &self.sections)?;
        map.serialize_entry("failures", &OneByOne::new(self.failures()))?;
        map.end()
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recovered = &self.recovered;
        let header = &recovered.begin.plan;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("journal", &self.name)?;
        map.serialize_entry("jobId", recovered.plan.job_id.as_str())?;
        map.serialize_entry("baseUrl", &recovered.begin.base_url)?;
        map.serialize_entry("began", &rfc3339(recovered.begin.at_ms))?;
        map.serialize_entry("lastEntry", &rfc3339(recovered.last_event_ms))?;
        map.serialize_entry(
            "ended",
            &recovered.ended.as_ref().map(|ended| Ended {
                at: rfc3339(ended.at_ms),
                how: &ended.how,
            }),
        )?;
        map.serialize_entry("torn", &recovered.torn.is_some())?;
        map.serialize_entry(
            "tornTail",
            &recovered.torn.map(|torn| Torn {
                line: torn.line,
                bytes: torn.bytes,
            }),
        )?;
        map.serialize_entry("resumes", &recovered.resumes)?;
        map.serialize_entry(
            "operators",
            &OneByOne::new(recovered.operators.iter().map(|(at, who)| At(*at, who))),
        )?;
        map.serialize_entry("selection", &header.selection)?;
        map.serialize_entry("leftOut", &header.left_out)?;
        map.serialize_entry("moved", &header.moved)?;
        map.serialize_entry("chunkSize", &header.chunk_size)?;
        map.serialize_entry("planCreated", &header.created)?;
        map.serialize_entry("settings", &recovered.begin.settings)?;
        map.serialize_entry("counted", &self.counted())?;
        map.serialize_entry("overlaps", &self.overlaps)?;
        self.own.serialize_into(&mut map)?;
        let waves = waves(recovered);
        let judged = waves.iter().filter(|wave| wave.passed.is_some());
        map.serialize_entry("waves", &OneByOne::new(judged))?;
        map.serialize_entry("unjudgedWave", &waves.iter().find(|wave| wave.passed.is_none()))?;
        map.serialize_entry("calls", &self.calls())?;
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Ended<'a> {
    at: String,
    how: &'a str,
}

struct At<'a>(i64, &'a Operator);

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &rfc3339(self.0))?;
        map.serialize_entry("who", &self.1.who)?;
        map.serialize_entry("program", &self.1.program)?;
        map.serialize_entry("command", &self.1.command)?;
        map.end()
    }
}

#[derive(serde::Serialize)]
struct Torn {
    line: u64,
    bytes: u64,
}

impl Serialize for Wave {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("wave", &self.number)?;
        map.serialize_entry("at", &self.judged_ms.map(rfc3339))?;
        map.serialize_entry("devices", &self.so_far)?;
        map.serialize_entry("devicesOfWave", &self.devices)?;
        map.serialize_entry("succeeded", &self.succeeded)?;
        map.serialize_entry("failedAgain", &self.failed)?;
        map.serialize_entry("passed", &self.passed)?;
        map.end()
    }
}

impl Serialize for CallSums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sent", &self.sent)?;
        map.serialize_entry("devices", &self.devices)?;
        for ((_, name, _), calls) in ENDS.iter().zip(&self.ends) {
            map.serialize_entry(name, calls)?;
        }
        map.serialize_entry("firstSent", &self.first_sent_ms.map(rfc3339))?;
        map.serialize_entry("lastEnded", &self.last_ended_ms.map(rfc3339))?;
        map.serialize_entry("meanMs", &self.mean_ms)?;
        map.serialize_entry("longestMs", &self.longest_ms)?;
        map.end()
    }
}

impl Breakdown {
    fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.tally.serialize_into(map)?;
        map.serialize_entry("reasons", &list(&self.reasons, &|key| vec![("reason", key.as_deref())]))?;
        map.serialize_entry(
            "products",
            &list(&self.products, &|key| vec![("productKey", key.as_deref())]),
        )?;
        map.serialize_entry(
            "versions",
            &list(&self.versions, &|Versions { from, to }| {
                vec![("fromVersion", from.as_deref()), ("toVersion", to.as_deref())]
            }),
        )?;
        let messages = self.messages.rows.iter().map(|(message, tally)| Said(message, tally));
        map.serialize_entry("messages", &OneByOne::new(messages))?;
        let reasons = self.new_reasons.rows.iter();
        let reasons = reasons.map(|(reason, tally)| NewReason(reason.as_deref(), tally));
        map.serialize_entry("failedAgainReasons", &OneByOne::new(reasons))?;
        let others: Vec<_> = [
            ("reasons", self.reasons.others, &self.reasons.of_others),
            ("products", self.products.others, &self.products.of_others),
            ("versions", self.versions.others, &self.versions.of_others),
            ("messages", self.messages.others, &self.messages.of_others),
            (
                "failedAgainReasons",
                self.new_reasons.others,
                &self.new_reasons.of_others,
            ),
        ]
        .into_iter()
        .filter(|(_, groups, _)| *groups > 0)
        .map(|(name, groups, tally)| (name, Others(groups, tally)))
        .collect();
        if !others.is_empty() {
            map.serialize_entry("others", &Pairs(&others))?;
        }
        Ok(())
    }
}

/// The members that name a group.
type Names<K> = dyn Fn(&K) -> Vec<(&'static str, Option<&str>)>;

/// Groups with their names and tallies.
fn list<'a, K>(groups: &'a Groups<K>, names: &'a Names<K>) -> impl Serialize + use<'a, K> {
    OneByOne::new(groups.rows.iter().map(move |(key, tally)| Group { key, tally, names }))
}

struct Group<'a, K> {
    key: &'a K,
    tally: &'a Tally,
    names: &'a Names<K>,
}

impl<K> Serialize for Group<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in (self.names)(self.key) {
            map.serialize_entry(name, &value)?;
        }
        self.tally.serialize_into(&mut map)?;
        map.end()
    }
}

struct Others<'a>(usize, &'a Tally);

impl Serialize for Others<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("groups", &self.0)?;
        self.1.serialize_into(&mut map)?;
        map.end()
    }
}

struct Pairs<'a, T>(&'a [(&'static str, T)]);

impl<T: Serialize> Serialize for Pairs<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct Said<'a>(&'a Message, &'a Tally);

impl Serialize for Said<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("outcome", self.0.became.outcome())?;
        map.serialize_entry("code", &self.0.code)?;
        map.serialize_entry("message", &self.0.text)?;
        map.serialize_entry("devices", &self.1.devices())?;
        map.end()
    }
}

struct NewReason<'a>(Option<&'a str>, &'a Tally);

impl Serialize for NewReason<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reason", &self.0)?;
        map.serialize_entry("devices", &self.1.devices())?;
        map.end()
    }
}

impl Serialize for DeviceReport<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("deviceKey", self.device_key)?;
        map.serialize_entry("jobId", self.job_id)?;
        map.serialize_entry("productKey", &self.facts.product_key)?;
        map.serialize_entry("fromVersion", &self.facts.from_version)?;
        map.serialize_entry("toVersion", &self.facts.to_version)?;
        map.serialize_entry("reason", &self.facts.reason)?;
        map.serialize_entry("outcome", self.became.outcome())?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("requestId", &self.request_id)?;
        map.serialize_entry("fate", &fate(self))?;
        map.serialize_entry("failedAgainReason", &self.failed_again)?;
        map.serialize_entry("sentAt", &self.sent_at_ms.map(rfc3339))?;
        map.serialize_entry("journal", self.journal)?;
        map.end()
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
