//! One journal on the page.

use std::borrow::Cow;

use crate::calls::ENDS;
use crate::describe::{self, command, ending, left_out, selection};
use crate::section::Section;
use crate::text::{counted, duration, number, time, visible};
use crate::waves::waves;

pub(super) struct Journal<'a> {
    pub(super) name: Cow<'a, str>,
    several: bool,
    pub(super) job_id: Cow<'a, str>,
    pub(super) base_url: Cow<'a, str>,
    pub(super) operators: Vec<Operator<'a>>,
    /// Further facts, each with its name.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) waves: Vec<[String; 7]>,
    pub(super) calls: Vec<Call>,
    pub(super) settings: String,
}

pub(super) struct Operator<'a> {
    pub(super) did: &'static str,
    pub(super) at: String,
    pub(super) who: Cow<'a, str>,
    pub(super) program: Cow<'a, str>,
    pub(super) command: String,
}

pub(super) struct Call {
    pub(super) sub: bool,
    pub(super) label: &'static str,
    pub(super) value: String,
}

impl<'a> Journal<'a> {
    /// What its tables are called after.
    pub(super) fn caption(&self) -> &str {
        if self.several { &self.name } else { "" }
    }

    pub(super) fn of(section: &'a Section, several: bool) -> Self {
        let recovered = &section.recovered;
        let begin = &recovered.begin;
        let operators = recovered.operators.iter().enumerate();
        Self {
            name: visible(&section.name),
            several,
            job_id: visible(recovered.plan.job_id.as_str()),
            base_url: visible(&begin.base_url),
            operators: operators
                .map(|(index, (at, who))| Operator {
                    did: if index == 0 { "Begun" } else { "Resumed" },
                    at: time(*at),
                    who: visible(&who.who),
                    program: visible(&who.program),
                    command: command(&who.command),
                })
                .collect(),
            facts: facts(section, several),
            waves: waves(recovered)
                .iter()
                .map(|wave| {
                    [
                        number(wave.number),
                        wave.judged_ms.map(time).unwrap_or_default(),
                        number(wave.devices),
                        number(wave.so_far),
                        number(wave.succeeded),
                        number(wave.failed),
                        wave.verdict().to_owned(),
                    ]
                })
                .collect(),
            calls: calls(section),
            settings: serde_json::to_string_pretty(&begin.settings)
                .unwrap_or_default()
                .lines()
                .map(visible)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

fn facts(section: &Section, several: bool) -> Vec<(&'static str, String)> {
    let recovered = &section.recovered;
    let header = &recovered.begin.plan;
    let mut chosen = selection(&header.selection).join(", ");
    if header.moved {
        chosen.push_str(" (tasks came or went while they were read: some may be missing)");
    }
    let mut facts = vec![("Selection", chosen)];
    facts.extend(left_out(&header.left_out).map(|left_out| ("Left out", left_out)));
    facts.push(("Last event", section.last_event()));
    facts.push((
        "End",
        ending(recovered.ended.as_ref().map(|ended| ended.how.as_str())).into_owned(),
    ));
    facts.extend(recovered.torn.iter().map(|torn| ("Cut off", describe::torn(torn))));
    let open = section.own.tally.open();
    if open > 0 {
        facts.push(("Open", format!("{}: resume it", counted(open, "device"))));
    }
    if several {
        facts.push(("Devices", section.own.tally.told()));
    }
    if section.repeated() > 0 {
        let mut told = format!(
            "{} in a later journal of the job, which counts",
            counted(section.repeated(), "device")
        );
        if section.overlaps {
            told.push_str("; but something was written here after that one was begun: see which is right");
        }
        facts.push(("Of these", told));
    }
    facts
}

fn calls(section: &Section) -> Vec<Call> {
    let sums = section.calls();
    if sums.sent == 0 {
        return Vec::new();
    }
    let row = |sub, label, value| Call { sub, label, value };
    let mut rows = vec![row(false, "sent", number(sums.sent))];
    for ((.., label), count) in ENDS.iter().zip(sums.ends) {
        if count > 0 {
            rows.push(row(true, label, number(count)));
        }
    }
    rows.push(row(false, "devices in them", number(sums.devices)));
    if let (Some(mean), Some(longest)) = (sums.mean_ms, sums.longest_ms) {
        rows.push(row(false, "time of a call on average", duration(mean)));
        rows.push(row(false, "time of the longest", duration(longest)));
    }
    if let (Some(first), Some(last)) = (sums.first_sent_ms, sums.last_ended_ms) {
        let took = duration(last.saturating_sub(first));
        rows.push(row(false, "from the first to the end of the last", took));
    }
    rows
}
