//! Accepted devices by what became of them.

use enos_ota_campaign::{Fate, Progress, Stages};

use crate::console::{BAD, DOUBTFUL, FAINT, GOOD, styled};
use crate::text::thousands;

/// Accepted devices by fate.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) accepted: usize,
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) gone: usize,
    pub(super) under_way: usize,
    pub(super) still_failed: usize,
    /// How far those are that are under way, as far as that was seen.
    pub(super) stages: Stages,
}

impl Counts {
    pub(super) fn of(progress: &Progress) -> Self {
        let count = |fate| {
            Fate::ALL
                .iter()
                .zip(progress.fates)
                .find(|(f, _)| **f == fate)
                .map_or(0, |(_, n)| n)
        };
        Self {
            accepted: progress.summary.accepted,
            succeeded: count(Fate::Succeeded),
            failed: count(Fate::FailedAgain),
            gone: count(Fate::Gone),
            under_way: count(Fate::UnderWay),
            still_failed: count(Fate::StillFailed),
            stages: progress.stages.unwrap_or_default(),
        }
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_sub(before.accepted),
            succeeded: self.succeeded.saturating_sub(before.succeeded),
            failed: self.failed.saturating_sub(before.failed),
            gone: self.gone.saturating_sub(before.gone),
            ..Self::default()
        }
    }

    pub(super) fn ended(self) -> usize {
        self.succeeded + self.failed + self.gone
    }

    /// How much of the work is done, from 0 to 1: an upgrade that is half done counts as half of one.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    pub(super) fn share(self) -> f64 {
        if self.accepted == 0 {
            return 0.0;
        }
        let percent = self.stages.percent as f64 + 100.0 * self.ended() as f64;
        (percent / (100.0 * self.accepted as f64)).min(1.0)
    }

    /// In the order in which they are told; those of which nothing is known are under way, as far as anybody knows.
    pub(super) fn parts(self) -> Vec<String> {
        let open = self.accepted.saturating_sub(self.ended() + self.still_failed);
        let Stages { waiting, upgrading, .. } = self.stages;
        let unseen = open.saturating_sub(waiting + upgrading);
        let mut parts: Vec<_> = [
            (self.succeeded, "succeeded", GOOD),
            (self.failed, "failed again", BAD),
            (self.gone, "without a task now", DOUBTFUL),
            (self.still_failed, "still failed", BAD),
            (waiting, "waiting", FAINT),
        ]
        .into_iter()
        .filter(|(count, word, _)| *count > 0 || *word == "succeeded")
        .map(|(count, word, style)| styled(style, format_args!("{} {word}", thousands(count))))
        .collect();
        if upgrading > 0 {
            let percent = self.stages.percent / upgrading as u64;
            let text = format!("{} upgrading, {percent} % on average", thousands(upgrading));
            parts.push(styled(FAINT, text));
        }
        if unseen > 0 {
            parts.push(styled(FAINT, format_args!("{} under way", thousands(unseen))));
        }
        parts
    }
}
