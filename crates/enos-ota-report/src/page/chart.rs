//! Charts: what is where. The template draws them as SVG.
//!
//! Lengths across are shares of the width, so that one drawing fits every screen and no text is scaled.

use std::fmt::Write as _;

use enos_ota_campaign::Fate;

use super::axis;
use crate::tally::{Became, OPEN, Tally};
use crate::text::{number, shortened};
use crate::timeline::{FOLLOWED, Line, Point};

/// What a bar is made of, in its order.
const PARTS: [Part; 9] = [
    Part("succeeded", "succeeded", &[Became::Succeeded]),
    Part("underWay", "under way", &[Became::UnderWay]),
    Part("notSeen", "accepted, not seen since", &[Became::NotSeen]),
    Part("failedAgain", "failed again", &[Became::FailedAgain]),
    Part(
        "stillFailed",
        "still failed, or gone",
        &[Became::StillFailed, Became::Gone],
    ),
    Part("rejected", "rejected", &[Became::Rejected]),
    Part("unknown", "unknown", &[Became::Unknown]),
    Part("skipped", "skipped", &[Became::Skipped]),
    Part("open", "open", &OPEN),
];

/// The name of its colour in the style, its name for people, and what it counts.
struct Part(&'static str, &'static str, &'static [Became]);

impl Part {
    fn count(&self, tally: &Tally) -> usize {
        self.2.iter().map(|became| tally.became(*became)).sum()
    }

    fn label(&self, tally: &Tally) -> &'static str {
        if self.0 == "notSeen" && !tally.was_watched() {
            "accepted"
        } else {
            self.1
        }
    }
}

/// The name of a colour in the style.
pub(super) fn class(became: Became) -> &'static str {
    let part = PARTS.iter().find(|part| part.2.contains(&became));
    part.map_or("", |part| part.0)
}

/// A tick of an axis: where, in per cent of its length, and its text.
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) label: String,
    /// On which side of its place the text is, so that it is not cut.
    pub(super) anchor: &'static str,
}

impl Tick {
    fn new(share: f64, label: String) -> Self {
        let anchor = match share {
            ..0.1 => "start",
            0.9.. => "end",
            _ => "middle",
        };
        Self {
            at: percent(share),
            label,
            anchor,
        }
    }
}

/// Stacked bars beside a common axis, with a legend.
pub(super) struct Bars {
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) rows: Vec<Bar>,
    pub(super) ticks: Vec<Tick>,
    /// Pixels: of a row, and of all of them.
    pub(super) row_height: usize,
    pub(super) height: usize,
}

pub(super) struct Bar {
    /// Text and number above the bar. Without one, the bar is all there is.
    pub(super) label: Option<(String, String)>,
    /// Pixels from the top: where the row begins, and the bar in it.
    pub(super) top: usize,
    pub(super) middle: usize,
    pub(super) parts: Vec<BarPart>,
}

pub(super) struct BarPart {
    pub(super) class: &'static str,
    pub(super) from: String,
    pub(super) width: String,
    pub(super) tip: String,
}

/// So many columns of a label fit on a wide screen. On a narrow one, the number stands on the end of it.
const COLUMNS: usize = 78;

impl Bars {
    /// `total` is the sum of the rows.
    pub(super) fn of(total: &Tally, rows: Vec<(Option<&str>, &Tally)>) -> Self {
        let shown: Vec<&Part> = PARTS.iter().filter(|part| part.count(total) > 0).collect();
        let most = rows.iter().map(|(_, tally)| tally.devices()).max().unwrap_or(0);
        let ticks = axis::of_devices(most);
        let labelled = rows.iter().any(|(label, _)| label.is_some());
        let (row_height, above) = if labelled { (46, 20) } else { (40, 4) };
        let count = rows.len();
        let rows = rows.into_iter().enumerate().map(|(index, (label, tally))| {
            let mut before = 0;
            let mut parts = Vec::new();
            for part in &shown {
                let devices = part.count(tally);
                if devices > 0 {
                    parts.push(BarPart {
                        class: part.0,
                        from: percent(share(before, most)),
                        width: percent(share(devices, most)),
                        tip: format!("{}: {}", part.label(total), number(devices)),
                    });
                }
                before += devices;
            }
            let label = label.map(|label| {
                let devices = number(tally.devices());
                (shortened(label, COLUMNS).into_owned(), devices)
            });
            Bar {
                label,
                top: index * row_height,
                middle: index * row_height + above,
                parts,
            }
        });
        Self {
            legend: shown.iter().map(|part| (part.0, part.label(total))).collect(),
            rows: rows.collect(),
            ticks: ticks
                .into_iter()
                .map(|devices| Tick::new(share(devices, most.max(1)), number(devices)))
                .collect(),
            row_height,
            height: count * row_height,
        }
    }
}

/// How many devices stood on some lines over time.
pub(super) struct Lines {
    pub(super) legend: Vec<(&'static str, &'static str)>,
    pub(super) paths: Vec<Path>,
    pub(super) across: Vec<Tick>,
    /// Pixels from the top, and text.
    pub(super) up: Vec<(String, String)>,
}

pub(super) struct Path {
    pub(super) class: &'static str,
    /// Lengths of dashes and gaps: lines are told apart not by colour alone, also where one lies upon the other.
    pub(super) dashes: Option<&'static str>,
    /// In a box of [`Lines::WIDTH`] and [`Lines::HEIGHT`].
    pub(super) d: String,
}

impl Lines {
    pub(super) const WIDTH: f64 = 1000.0;
    pub(super) const HEIGHT: f64 = 240.0;

    /// These lines, each with its place in a point. `None` if there are none, or no time has passed.
    pub(super) fn of(shown: &[(usize, Line)], points: &[Point]) -> Option<Self> {
        let (from, to) = match points {
            [first, .., last] if first.at_ms < last.at_ms && !shown.is_empty() => (first.at_ms, last.at_ms),
            _ => return None,
        };
        let counts = shown
            .iter()
            .flat_map(|(place, _)| points.iter().map(|point| point.devices[*place]));
        let most = counts.max().unwrap_or(0).max(1);
        let x = |at: i64| since(from, at) / since(from, to);
        let y = |devices: usize| (1.0 - share(devices, most)) * Self::HEIGHT;
        let path = |place: usize| {
            let mut path = format!("M0 {:.1}", y(0));
            for point in points {
                // From one time to the next, the number stays.
                let _ = write!(
                    path,
                    "H{:.2}V{:.1}",
                    x(point.at_ms) * Self::WIDTH,
                    y(point.devices[place])
                );
            }
            path
        };
        Some(Self {
            legend: shown
                .iter()
                .map(|(_, line)| (class(line.became()), line.label()))
                .collect(),
            paths: shown
                .iter()
                .map(|(place, line)| Path {
                    class: class(line.became()),
                    dashes: match line {
                        Line::Outcome(_) => None,
                        Line::Fate(Fate::FailedAgain) => Some("2 4"),
                        Line::Fate(_) => Some("7 4"),
                    },
                    d: path(*place),
                })
                .collect(),
            across: axis::of_time(from, to)
                .into_iter()
                .map(|(at, label)| Tick::new(x(at), label))
                .collect(),
            up: axis::of_devices(most)
                .into_iter()
                .map(|devices| (format!("{:.1}", y(devices)), number(devices)))
                .collect(),
        })
    }

    /// The lines that have something to show, each with its place in a point.
    pub(super) fn shown(tally: &Tally) -> Vec<(usize, Line)> {
        let lines = FOLLOWED.into_iter().enumerate();
        lines.filter(|(_, line)| line.at_the_end(tally) > 0).collect()
    }
}

fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

#[expect(clippy::cast_precision_loss, reason = "exact for all devices that there can be")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn since(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_has_its_part() {
        for became in Became::ALL {
            let parts = PARTS.iter().filter(|part| part.2.contains(&became)).count();
            assert_eq!(parts, 1, "{became:?}");
        }
    }
}
