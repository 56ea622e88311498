//! Axes of charts.

use crate::text;

/// Round numbers of devices from 0, and the greatest one at the end of the axis. At least two.
pub(super) fn of_devices(most: usize) -> Vec<usize> {
    let most = most.max(1);
    // The share of a phone's width that the longest text takes, with room around it, in thousandths.
    let room = (text::number(most).len() * 8 + 8) * 1000 / PHONE;
    let of_most = |thousandths: usize| most / 1000 * thousandths + most % 1000 * thousandths / 1000;
    let least_step = most.div_ceil(5).max(of_most(room));
    let mut power = 1_usize;
    let step = loop {
        let steps = [1, 2, 5].map(|digit| power.saturating_mul(digit));
        if let Some(step) = steps.into_iter().find(|step| *step >= least_step) {
            break step;
        }
        power = power.saturating_mul(10);
    };
    // Not so near to the end, beside which its text stands, that the two meet.
    let last = most - of_most(room * 3 / 2).max(step.div_ceil(2)).min(most);
    let mut ticks: Vec<usize> = (0..=last).step_by(step).collect();
    ticks.push(most);
    ticks
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Seconds between two ticks. Above these come whole days.
const STEPS: [i64; 17] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200,
];
/// So many texts fit beside each other, and half as many on a phone, where the style shows only every other.
const TICKS: i64 = 6;
/// Pixels across.
const PHONE: usize = 340;

/// Round times from one to another, in milliseconds and UTC, with their texts.
pub(super) fn of_time(from: i64, to: i64) -> Vec<(i64, String)> {
    let span = to.saturating_sub(from).max(1) / 1000;
    let step = STEPS
        .into_iter()
        .find(|step| span / step < TICKS)
        .unwrap_or_else(|| (span / DAY / TICKS + 1) * DAY);
    let step_ms = step.saturating_mul(1000);
    let first = from.saturating_sub(from.rem_euclid(step_ms));
    std::iter::successors(Some(first), |at| at.checked_add(step_ms))
        .skip_while(|at| *at < from)
        .take_while(|at| *at <= to)
        .map(|at| (at, label(at, step)))
        .collect()
}

fn label(at: i64, step: i64) -> String {
    let told = text::time(at);
    let part = match step {
        ..MINUTE => told.get(11..19),
        MINUTE..HOUR => told.get(11..16),
        HOUR..DAY => told.get(5..16),
        _ => told.get(..10),
    };
    part.unwrap_or(&told).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_of_devices_ends_at_the_greatest_number_and_is_round_before() {
        for (most, ticks) in [
            (0, vec![0, 1]),
            (1, vec![0, 1]),
            (3, vec![0, 1, 2, 3]),
            (7, vec![0, 2, 4, 6, 7]),
            (110, vec![0, 50, 110]),
            (140, vec![0, 50, 100, 140]),
            (24_000, vec![0, 5_000, 10_000, 15_000, 24_000]),
            (1_000_000, vec![0, 500_000, 1_000_000]),
            (1_000_001, vec![0, 500_000, 1_000_001]),
        ] {
            assert_eq!(of_devices(most), ticks, "{most}");
        }
        assert_eq!(of_devices(usize::MAX).last(), Some(&usize::MAX));
    }

    #[test]
    fn an_axis_of_time_has_a_few_ticks_at_round_times() {
        // 2026-01-02 03:04:05 UTC
        let from = 1_767_323_045_000;
        for (seconds, expected) in [
            (1, vec!["03:04:05", "03:04:06"]),
            (132, vec!["03:04:30", "03:05:00", "03:05:30", "03:06:00"]),
            (3600, vec!["03:15", "03:30", "03:45", "04:00"]),
            (7200, vec!["03:30", "04:00", "04:30", "05:00"]),
            (86_400, vec!["01-02 06:00", "01-02 12:00", "01-02 18:00", "01-03 00:00"]),
            (
                86_400 * 20,
                vec!["2026-01-03", "2026-01-07", "2026-01-11", "2026-01-15", "2026-01-19"],
            ),
        ] {
            let ticks = of_time(from, from + seconds * 1000);
            let labels: Vec<_> = ticks.iter().map(|(_, label)| label.as_str()).collect();
            assert_eq!(labels, expected, "{seconds}");
        }
    }

    #[test]
    fn times_that_no_clock_has_are_no_trouble() {
        for (from, to) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MAX - 1, i64::MAX)] {
            assert!(of_time(from, to).len() < 16);
        }
    }
}
