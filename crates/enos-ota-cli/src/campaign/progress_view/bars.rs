//! Lines with bars.

use enos_ota_campaign::ReadProgress;

use crate::console::{BAD, FAINT, GOOD, HEADING, styled};
use crate::text::{join_fitting, percent, stacked_bar, thousands};

/// Columns of the names of the phases, with the blanks behind.
pub(super) const LABEL: usize = 12;
/// The longest bar. A longer one tells no more.
const LONGEST_BAR: usize = 100;

/// How far the reading of tasks has come.
pub(in crate::campaign) fn reading(progress: &ReadProgress, calls: &str, columns: usize) -> String {
    let read = thousands(progress.read);
    let mut tail = match progress.total {
        Some(total) => vec![
            format!("{:>3}%", percent(progress.read, total)),
            format!("{read} of {} tasks", thousands(total)),
        ],
        None => vec![format!("{read} tasks")],
    };
    if progress.selected != progress.read {
        tail.push(format!("{} selected", thousands(progress.selected)));
    }
    tail.push(calls.to_owned());
    let label = if progress.reading > 1 { "rereading" } else { "reading" };
    let whole = progress.total.unwrap_or(0);
    with_bar(
        label,
        |bar_columns| stacked_bar(&[(progress.read, '█')], '░', whole, bar_columns),
        &tail,
        columns,
    )
}

pub(super) fn counted_times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", thousands(count)),
    }
}

/// A speed, with a digit behind the point where that says something.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed is no negative number"
)]
pub(super) fn rounded(speed: f64) -> String {
    if speed < 99.95 {
        format!("{speed:.1}")
    } else {
        thousands(speed.round() as u64)
    }
}

pub(super) fn with_bar(label: &str, bar: impl Fn(usize) -> String, tail: &[String], columns: usize) -> String {
    // Of the tail, as much as leaves room for a bar.
    let tail = join_fitting(tail.iter().cloned(), columns.saturating_sub(LABEL + 12));
    let room = columns.saturating_sub(LABEL + ::console::measure_text_width(&tail) + 2);
    let label = styled(HEADING, format_args!("{label:<LABEL$}"));
    format!("{label}{}  {tail}", tinted(&bar(room.min(LONGEST_BAR))))
}

/// A bar in colours. The glyphs tell the same.
fn tinted(bar: &str) -> String {
    let style_of = |glyph| match glyph {
        '█' => GOOD,
        '▓' => BAD,
        _ => FAINT,
    };
    let mut text = String::new();
    let mut rest = bar;
    while let Some(glyph) = rest.chars().next() {
        let end = rest.find(|c| c != glyph).unwrap_or(rest.len());
        text.push_str(&styled(style_of(glyph), &rest[..end]));
        rest = &rest[end..];
    }
    text
}

pub(super) fn indented(parts: Vec<String>, columns: usize) -> String {
    format!(
        "{}{}",
        " ".repeat(LABEL),
        join_fitting(parts, columns.saturating_sub(LABEL))
    )
}
