//! One journal on the page.

use std::borrow::Cow;

use crate::calls::ENDS;
use crate::facts::facts;
use crate::section::Section;
use crate::text::{duration, number, time, visible};
use crate::waves::waves;

pub(super) struct Journal<'a> {
    pub(super) name: Cow<'a, str>,
    several: bool,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) waves: Vec<[String; 7]>,
    pub(super) calls: Vec<Call>,
    pub(super) settings: String,
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

    pub(super) fn of(section: &'a Section, several_jobs: bool, several: bool) -> Self {
        let recovered = &section.recovered;
        Self {
            name: visible(&section.name),
            several,
            facts: facts(section, several_jobs, several),
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
            settings: serde_json::to_string_pretty(&recovered.begin.settings)
                .unwrap_or_default()
                .lines()
                .map(visible)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
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
