//! Charts, as SVG without any script.
//!
//! The library draws axes, bars and lines. It is given numbers and the program's own words only: labels that devices
//! chose are put in here, so nothing in them can mean anything to it (it typesets formulas).
//!
//! Every chart is drawn twice, for a wide and for a narrow screen, since a drawing that is only scaled down cannot be
//! read there. The style shows one of the two.

use std::fmt::Write as _;
use std::sync::Arc;

use kuva::plot::bar::BarPlot;
use kuva::plot::line::LinePlot;
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::theme::Theme;

use super::escape;
use crate::tally::{Became, OPEN, Tally};
use crate::text::{self, number, shortened, visible};
use crate::timeline::{Line, Point};

/// What a bar is made of, in its order.
pub(crate) const PARTS: [Part; 9] = [
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

/// A part of a bar: the name of its colour in the style, its name for people, and what it counts.
pub(crate) struct Part(pub(crate) &'static str, &'static str, &'static [Became]);

impl Part {
    pub(crate) fn of(became: Became) -> Option<&'static Self> {
        PARTS.iter().find(|part| part.2.contains(&became))
    }

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

    fn color(&self) -> String {
        format!("var(--{})", self.0)
    }
}

/// How large a chart is drawn.
#[derive(Clone, Copy)]
struct Size {
    class: &'static str,
    width: f64,
    font: u32,
    /// Columns of text that surely fit into a line.
    columns: usize,
}

const SIZES: [Size; 2] = [
    Size {
        class: "wide",
        width: 736.0,
        font: 13,
        columns: 78,
    },
    Size {
        class: "narrow",
        width: 344.0,
        font: 12,
        columns: 36,
    },
];

impl Size {
    /// The width of a number in the font of an axis, rather more than less.
    fn of_number(self, number: &str) -> f64 {
        float(number.len()) * f64::from(self.font) * 0.64
    }
}

/// Where the drawing begins, so that the number below its left end is not cut.
const LEFT: f64 = 5.0;
const BELOW: f64 = 26.0;
/// Room beside and above a chart over time, for half of the last label of each axis.
const RIGHT: f64 = 34.0;
const ABOVE: f64 = 9.0;

/// A drawing, with lines below it, so that bars are not striped, and texts above it.
struct Drawn {
    svg: String,
    width: f64,
    height: f64,
    /// A path.
    grid: String,
    labels: String,
}

/// A row of a chart of bars. Without a label, the row is all there is.
pub(crate) struct Row<'a> {
    pub(crate) label: Option<String>,
    pub(crate) tally: &'a Tally,
}

/// A legend and bars, each with its label above it.
pub(crate) fn bars(title: &str, description: &str, total: &Tally, rows: &[Row<'_>]) -> String {
    let shown: Vec<&Part> = PARTS.iter().filter(|part| part.count(total) > 0).collect();
    let legend = shown.iter().map(|part| (part.0, part.label(total)));
    figure(legend, title, description, |size| bars_of(size, total, &shown, rows))
}

fn bars_of(size: Size, total: &Tally, parts: &[&Part], rows: &[Row<'_>]) -> Drawn {
    let labelled = rows.iter().any(|row| row.label.is_some());
    let (row_height, thickness) = if labelled { (50.0, 0.36) } else { (44.0, 0.8) };
    let height = row_height * float(rows.len()) + BELOW + 1.0;
    let most = rows.iter().map(|row| row.tally.devices()).max().unwrap_or(0);
    let (end, steps) = round_axis(most);
    let right = size.of_number(&number(end)) / 2.0 + 1.0;

    let mut bars = BarPlot::new()
        .with_stacked()
        .with_horizontal(true)
        .with_width(thickness)
        .with_tooltips();
    let mut tips = Vec::new();
    // Bars are drawn from the bottom up.
    for row in rows.iter().rev() {
        let counts = parts.iter().map(|part| (part, part.count(row.tally)));
        let counts: Vec<_> = counts.filter(|(_, devices)| *devices > 0).collect();
        let counted = |(part, devices): &(&&Part, usize)| format!("{}: {}", part.label(total), number(*devices));
        tips.extend(counts.iter().map(counted));
        let values = counts.iter().map(|(part, devices)| (float(*devices), part.color()));
        bars = bars.with_group("", values);
    }
    let plots: Vec<Plot> = vec![bars.with_tooltip_labels(tips).into()];
    let layout = layout(size, height, &plots)
        .with_force_margins(LEFT, right)
        .with_force_margins_y(1.0, BELOW)
        .with_show_grid(false)
        .with_x_axis_min(0.0)
        .with_x_axis_max(float(end))
        .with_x_tick_step(float(end / steps))
        .with_x_tick_format(of_devices())
        .with_tick_length(0.0);
    let mut grid = String::new();
    for step in 1..=steps {
        let x = LEFT + (size.width - LEFT - right) * float(step) / float(steps);
        let _ = write!(grid, "M{x:.1} 1V{:.1}", height - BELOW);
    }
    let mut labels = String::new();
    for (index, row) in rows.iter().enumerate() {
        let Some(label) = &row.label else { continue };
        let devices = number(row.tally.devices());
        let room = size.columns.saturating_sub(devices.len() + 2);
        let _ = write!(
            labels,
            "<text class=\"label\" x=\"{LEFT}\" y=\"{y}\">{}</text>\
             <text class=\"label\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{devices}</text>",
            escape(&shortened(&visible(label), room)),
            size.width - right,
            y = row_height * float(index) + 12.5,
        );
    }
    Drawn {
        svg: kuva::render_to_svg(plots, layout),
        width: size.width,
        height,
        grid,
        labels,
    }
}

/// How many devices had come to what, over time: these lines, each with its place in a point. Empty if there are none or
/// no time has passed.
pub(crate) fn lines(title: &str, description: &str, shown: &[(usize, Line)], points: &[Point]) -> String {
    let passed = match points {
        [first, .., last] => first.at_ms < last.at_ms,
        _ => false,
    };
    if !passed || shown.is_empty() {
        return String::new();
    }
    let legend = shown
        .iter()
        .filter_map(|(_, line)| Some((Part::of(line.became())?.0, line.label())));
    figure(legend, title, description, |size| lines_of(size, shown, points))
}

fn lines_of(size: Size, shown: &[(usize, Line)], points: &[Point]) -> Drawn {
    let height = if size.class == "wide" { 280.0 } else { 240.0 };
    let most = shown
        .iter()
        .flat_map(|(place, _)| points.iter().map(|point| point.devices[*place]));
    let (end, steps) = round_axis(most.max().unwrap_or(0));
    let left = size.of_number(&number(end)) + 14.0;
    let (from, to) = match points {
        [first, .., last] => (first.at_ms, last.at_ms),
        _ => (0, 0),
    };
    let axis = TimeAxis::of(from, to, size.width - left);

    let mut plots: Vec<Plot> = Vec::new();
    for (place, line) in shown {
        let Some(part) = Part::of(line.became()) else { continue };
        let values = points
            .iter()
            .map(|point| (axis.place(point.at_ms), float(point.devices[*place])));
        let mut drawn = LinePlot::new()
            .with_data(values)
            .with_step()
            .with_color(part.color())
            .with_stroke_width(2.5);
        if line.is_seen() {
            // Not by colour alone.
            drawn = drawn.with_dashed();
        }
        plots.push(drawn.into());
    }
    let layout = layout(size, height, &plots)
        .with_force_margins(left, RIGHT)
        .with_force_margins_y(ABOVE, BELOW)
        .with_show_grid(false)
        .with_y_axis_min(0.0)
        .with_y_axis_max(float(end))
        .with_y_tick_step(float(end / steps))
        .with_y_tick_format(of_devices())
        .with_x_axis_min(axis.place(from))
        .with_x_axis_max(axis.place(to))
        .with_x_tick_step(axis.step())
        .with_x_tick_format(TickFormat::Custom(Arc::new(move |place| axis.label(place))));
    let mut grid = String::new();
    for step in 1..=steps {
        let y = ABOVE + (height - ABOVE - BELOW) * float(steps - step) / float(steps);
        let _ = write!(grid, "M{left:.1} {y:.1}H{:.1}", size.width - RIGHT);
    }
    Drawn {
        svg: kuva::render_to_svg(plots, layout),
        width: size.width,
        height,
        grid,
        labels: String::new(),
    }
}

/// What all charts have in common.
fn layout(size: Size, height: f64, plots: &[Plot]) -> Layout {
    let theme = Theme {
        background: "none".to_owned(),
        axis_color: "var(--line)".to_owned(),
        grid_color: "var(--line)".to_owned(),
        tick_color: "var(--line)".to_owned(),
        text_color: "var(--soft)".to_owned(),
        ..Theme::light()
    };
    Layout::auto_from_plots(plots)
        .with_width(size.width)
        .with_height(height)
        .with_theme(theme)
        .with_tick_size(size.font)
        .with_font_family("system-ui, sans-serif")
}

fn of_devices() -> TickFormat {
    TickFormat::Custom(Arc::new(|value| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "ticks are at whole numbers, none negative"
        )]
        let devices = value.round() as usize;
        number(devices)
    }))
}

/// An axis of time with ticks at round times, in seconds since one of these.
#[derive(Clone, Copy)]
struct TimeAxis {
    base_ms: i64,
    step_ms: i64,
}

impl TimeAxis {
    /// With ticks that are far enough apart on so many pixels.
    fn of(from: i64, to: i64, pixels: f64) -> Self {
        const SECOND: i64 = 1000;
        const MINUTE: i64 = 60 * SECOND;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        let rounds = [1, 2, 5, 10, 15, 30].map(|seconds| seconds * SECOND);
        let rounds = rounds
            .into_iter()
            .chain([1, 2, 5, 10, 15, 30].map(|minutes| minutes * MINUTE));
        let mut rounds = rounds.chain([1, 2, 3, 6, 12].map(|hours| hours * HOUR));
        let span = to.saturating_sub(from).max(1);
        // Wide enough for `03:04:05` or `01-02 03:04`, and some room.
        let most = if pixels < 500.0 { 3 } else { 6 };
        let step_ms = rounds
            .find(|round| span / round < most)
            .unwrap_or_else(|| (span / DAY / most + 1) * DAY);
        Self {
            base_ms: from - from.rem_euclid(step_ms),
            step_ms,
        }
    }

    fn place(self, at_ms: i64) -> f64 {
        seconds(at_ms - self.base_ms)
    }

    fn step(self) -> f64 {
        seconds(self.step_ms)
    }

    fn label(self, place: f64) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "a time within the chart")]
        let at_ms = self.base_ms + (place * 1000.0).round() as i64;
        let told = text::time(at_ms);
        let part = match self.step_ms {
            ..60_000 => told.get(11..19),
            60_000..3_600_000 => told.get(11..16),
            3_600_000..86_400_000 => told.get(5..16),
            _ => told.get(..10),
        };
        part.unwrap_or_default().to_owned()
    }
}

/// A legend, and a chart in both sizes.
fn figure<'a>(
    legend: impl Iterator<Item = (&'a str, &'a str)>,
    title: &str,
    description: &str,
    draw: impl Fn(Size) -> Drawn,
) -> String {
    let mut out = String::from("<figure>\n<ul class=\"legend\" aria-hidden=\"true\">\n");
    for (class, label) in legend {
        let _ = writeln!(out, "<li class=\"{class}\">{label}</li>");
    }
    out.push_str("</ul>\n");
    for size in SIZES {
        let Drawn {
            svg,
            width,
            height,
            grid,
            labels,
        } = draw(size);
        // The library gives the drawing a fixed size, a style, and neither a name nor a description.
        let content = svg
            .split_once('>')
            .and_then(|(_, content)| content.strip_suffix("</svg>"))
            .unwrap_or_default();
        let (before, after) = content
            .split_once("<style>")
            .and_then(|(before, rest)| Some((before, rest.split_once("</style>")?.1)))
            .unwrap_or((content, ""));
        let _ = writeln!(
            out,
            "<div class=\"chart {}\"><svg role=\"img\" viewBox=\"0 0 {width} {height}\" fill=\"var(--soft)\">\
             <title>{}</title><desc>{}</desc><path d=\"{grid}\" stroke=\"var(--line)\"/>{before}{after}{labels}</svg></div>",
            size.class,
            escape(title),
            escape(description),
        );
    }
    out.push_str("</figure>\n");
    out
}

/// The end of an axis, and in how many steps it gets there: whole and round ones.
fn round_axis(most: usize) -> (usize, usize) {
    let least_step = most.div_ceil(5).max(1);
    let mut power = 1;
    let step = loop {
        if let Some(step) = [1, 2, 5]
            .map(|digit| digit * power)
            .into_iter()
            .find(|step| *step >= least_step)
        {
            break step;
        }
        power *= 10;
    };
    let steps = most.div_ceil(step).max(1);
    (step * steps, steps)
}

#[expect(clippy::cast_precision_loss, reason = "exact for all devices that there can be")]
fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "exact for times until the year 280,000")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_that_is_not_too_high() {
        for (most, end) in [
            (0, (1, 1)),
            (1, (1, 1)),
            (3, (3, 3)),
            (7, (8, 4)),
            (940, (1000, 5)),
            (1_000_000, (1_000_000, 5)),
            (1_000_001, (1_500_000, 3)),
        ] {
            assert_eq!(round_axis(most), end, "{most}");
        }
    }

    #[test]
    fn an_axis_of_time_has_a_few_ticks_at_round_times() {
        // 2026-01-02 03:04:05 UTC
        let from = 1_767_323_045_000;
        for (seconds, step, first) in [
            (1, 1, "03:04:05"),
            (132, 30, "03:04:00"),
            (3600, 900, "03:00"),
            (7200, 1800, "03:00"),
            (86_400, 21_600, "01-02 00:00"),
            (86_400 * 20, 86_400 * 4, "2025-12-30"),
        ] {
            let axis = TimeAxis::of(from, from + seconds * 1000, 700.0);
            assert_eq!(
                (axis.step_ms / 1000, axis.label(0.0).as_str()),
                (step, first),
                "{seconds}"
            );
            assert!(seconds / step < 6, "{seconds}");
        }
    }

    #[test]
    fn every_standing_has_its_part() {
        for became in Became::ALL {
            let parts = PARTS.iter().filter(|part| part.2.contains(&became)).count();
            assert_eq!(parts, 1, "{became:?}");
        }
    }
}
