//! For programs.

use std::borrow::Cow;
use std::io;

use enos_ota_campaign::{Fate, Outcome};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::ser::Formatter;
use serde_json::{Map, Value, json};

use crate::Report;
use crate::breakdown::{Breakdown, Versions};
use crate::calls::{CallSums, ENDS};
use crate::groups::Groups;
use crate::row::Row;
use crate::section::Section;
use crate::tally::{OPEN, Tally};
use crate::text::{is_hidden, rfc3339};
use crate::waves::{Wave, waves};

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
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, hidden) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = hidden.chars();
            for unit in characters.next().unwrap_or_default().encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// As [`Report::write_json`].
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_map(None)?;
        report.serialize_entry("schema", REPORT_SCHEMA)?;
        if let Some(made) = self.made_ms {
            report.serialize_entry("made", &rfc3339(made))?;
        }
        report.serialize_entry("orgId", self.org_id())?;
        report.serialize_entry("jobIds", &self.jobs())?;
        report.serialize_entry("sentence", &self.sentence())?;
        report.serialize_entry("repeated", &self.repeated())?;
        for (name, value) in &breakdown_of(self.all()) {
            report.serialize_entry(name, value)?;
        }
        let journals: Vec<_> = self.sections.iter().map(journal_of).collect();
        report.serialize_entry("journals", &journals)?;
        report.serialize_entry("failures", &Failures(self))?;
        report.end()
    }
}

/// The members of a tally.
fn tally_of(tally: &Tally) -> Map<String, Value> {
    let fates = |count: &dyn Fn(Fate) -> usize| object(Fate::ALL.map(|fate| (fate.as_str(), count(fate))));
    let mut members = object([("devices", tally.devices())]);
    let outcomes = Outcome::ALL.map(|one| (one.as_str(), tally.outcome(one)));
    members.insert("outcomes".to_owned(), object(outcomes).into());
    let open = OPEN.map(|one| (one.outcome(), tally.became(one)));
    members.insert("open".to_owned(), object(open).into());
    members.insert("fates".to_owned(), fates(&|fate| tally.fate(fate)).into());
    if Fate::ALL.into_iter().any(|fate| tally.fate_of_unknown(fate) > 0) {
        let of_unknown = fates(&|fate| tally.fate_of_unknown(fate));
        members.insert("fatesOfUnknown".to_owned(), of_unknown.into());
    }
    members
}

fn object<T: Into<Value>>(members: impl IntoIterator<Item = (&'static str, T)>) -> Map<String, Value> {
    let members = members.into_iter();
    members.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// The members of a tally and of a breakdown.
fn breakdown_of(all: &Breakdown) -> Map<String, Value> {
    let mut lists = Lists {
        members: tally_of(&all.tally),
        others: Map::new(),
    };
    lists.put("reasons", &all.reasons, |reason, tally| {
        tally_and(tally, [("reason", json!(reason))])
    });
    lists.put("products", &all.products, |product, tally| {
        tally_and(tally, [("productKey", json!(product))])
    });
    lists.put("versions", &all.versions, |Versions { from, to }, tally| {
        tally_and(tally, [("fromVersion", json!(from)), ("toVersion", json!(to))])
    });
    lists.put("messages", &all.messages, |message, tally| {
        object([
            ("outcome", json!(message.became.outcome())),
            ("code", json!(message.code)),
            ("message", json!(message.text)),
            ("devices", json!(tally.devices())),
        ])
    });
    lists.put("failedAgainReasons", &all.new_reasons, |reason, tally| {
        object([("reason", json!(reason)), ("devices", json!(tally.devices()))])
    });
    if !lists.others.is_empty() {
        lists.members.insert("others".to_owned(), lists.others.into());
    }
    lists.members
}

/// The lists of a breakdown, and the sums of what is not in them.
struct Lists {
    members: Map<String, Value>,
    others: Map<String, Value>,
}

impl Lists {
    fn put<K>(&mut self, name: &str, groups: &Groups<K>, row: impl Fn(&K, &Tally) -> Map<String, Value>) {
        let rows = groups.rows.iter().map(|(key, tally)| row(key, tally));
        self.members.insert(name.to_owned(), rows.collect());
        if groups.others > 0 {
            let rest = tally_and(&groups.of_others, [("groups", json!(groups.others))]);
            self.others.insert(name.to_owned(), rest.into());
        }
    }
}

fn tally_and<const N: usize>(tally: &Tally, members: [(&'static str, Value); N]) -> Map<String, Value> {
    let mut all = tally_of(tally);
    all.extend(object(members));
    all
}

fn wave_of(wave: &Wave) -> Value {
    json!({
        "wave": wave.number,
        "at": wave.judged_ms.map(rfc3339),
        "devices": wave.so_far,
        "devicesOfWave": wave.devices,
        "succeeded": wave.succeeded,
        "failedAgain": wave.failed,
        "passed": wave.passed,
    })
}

fn calls_of(calls: &CallSums) -> Map<String, Value> {
    let mut members = object(ENDS.iter().zip(calls.ends).map(|((_, name, _), calls)| (*name, calls)));
    members.extend(object([
        ("sent", json!(calls.sent)),
        ("devices", json!(calls.devices)),
        ("firstSent", json!(calls.first_sent_ms.map(rfc3339))),
        ("lastEnded", json!(calls.last_ended_ms.map(rfc3339))),
        ("meanMs", json!(calls.mean_ms)),
        ("longestMs", json!(calls.longest_ms)),
    ]));
    members
}

fn journal_of(section: &Section) -> Map<String, Value> {
    let recovered = &section.recovered;
    let (begin, header) = (&recovered.begin, &recovered.begin.plan);
    let ended = recovered.ended.as_ref();
    let ended = ended.map(|ended| json!({"at": rfc3339(ended.at_ms), "how": ended.how}));
    let operators = recovered.operators.iter().map(|(at, by)| {
        json!({
            "at": rfc3339(*at),
            "who": by.who,
            "program": by.program,
            "command": by.command,
        })
    });
    let torn = recovered.torn.as_ref();
    let torn = torn.map(|torn| json!({"line": torn.line, "bytes": torn.bytes}));
    let waves = waves(recovered);
    let (judged, unjudged): (Vec<&Wave>, Vec<&Wave>) = waves.iter().partition(|wave| wave.passed.is_some());
    let mut members = breakdown_of(&section.own);
    members.extend(object([
        ("journal", json!(section.name)),
        ("jobId", json!(recovered.plan.job_id.as_str())),
        ("baseUrl", json!(begin.base_url)),
        ("began", json!(rfc3339(begin.at_ms))),
        ("lastEntry", json!(rfc3339(recovered.last_event_ms))),
        ("ended", json!(ended)),
        ("torn", json!(recovered.torn.is_some())),
        ("tornTail", json!(torn)),
        ("resumes", json!(recovered.resumes)),
        ("operators", operators.collect()),
        ("selection", json!(header.selection)),
        ("leftOut", json!(header.left_out)),
        ("moved", json!(header.moved)),
        ("chunkSize", json!(header.chunk_size)),
        ("planCreated", json!(header.created)),
        ("settings", begin.settings.clone()),
        ("counted", json!(section.counted())),
        ("overlaps", json!(section.overlaps)),
        ("waves", judged.into_iter().map(wave_of).collect()),
        ("unjudgedWave", json!(unjudged.first().map(|wave| wave_of(wave)))),
        ("calls", calls_of(&section.calls()).into()),
    ]));
    members
}

/// The failures of a report, as a list that is never in memory.
struct Failures<'a>(&'a Report);

impl Serialize for Failures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.failures().map(|device| Row::of(&device, Cow::Borrowed)))
    }
}
