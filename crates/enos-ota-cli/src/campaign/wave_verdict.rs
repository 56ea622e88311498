//! Why a wave has stopped a campaign, in words that claim no more than was seen.

use std::fmt::Write as _;

use enos_ota_campaign::Waves;

use crate::args::duration_in_words;
use crate::text::thousands;

/// `wave 1 cannot reach 90 %: 1 of 3 succeeded, 1 failed again, 1 still under way`
pub(super) fn failed(wave: usize, [accepted, succeeded, failed]: [usize; 3], waves: Option<&Waves>) -> String {
    if accepted == 0 {
        return format!("no device of wave {wave} was accepted");
    }
    let under_way = accepted.saturating_sub(succeeded).saturating_sub(failed);
    let goal = waves.map_or_else(
        || format!("wave {wave} failed"),
        |waves| match waves.success_percent {
            percent if under_way == 0 || cannot_reach(percent, accepted, failed) => {
                format!("wave {wave} cannot reach {percent} %")
            }
            percent => {
                let timeout = duration_in_words(waves.timeout);
                format!("wave {wave} did not reach {percent} % within {timeout}")
            }
        },
    );
    let mut text = format!("{goal}: {} of {} succeeded", thousands(succeeded), thousands(accepted));
    for (count, what) in [(failed, "failed again"), (under_way, "still under way")] {
        if count > 0 {
            let _ = write!(text, ", {} {what}", thousands(count));
        }
    }
    text
}

/// Whether the share cannot be reached even if all succeed that have not failed.
#[expect(clippy::cast_precision_loss, reason = "numbers of devices")]
fn cannot_reach(percent: f64, accepted: usize, failed: usize) -> bool {
    (accepted.saturating_sub(failed) as f64) < accepted as f64 * percent / 100.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failed_wave_is_told_with_what_had_become_of_its_devices() {
        let waves = Waves {
            steps: Vec::new(),
            success_percent: 90.0,
            timeout: Duration::from_hours(2),
        };
        for (counts, text) in [
            (
                [3, 1, 1],
                "wave 1 cannot reach 90 %: 1 of 3 succeeded, 1 failed again, 1 still under way",
            ),
            ([4, 0, 4], "wave 1 cannot reach 90 %: 0 of 4 succeeded, 4 failed again"),
            (
                [3, 2, 0],
                "wave 1 did not reach 90 % within 2 h: 2 of 3 succeeded, 1 still under way",
            ),
            ([0, 0, 0], "no device of wave 1 was accepted"),
        ] {
            assert_eq!(failed(1, counts, Some(&waves)), text);
        }
    }
}
