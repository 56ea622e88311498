//! What the words of the page mean.

use enos_ota_campaign::{Fate, Outcome};

use crate::tally::Became;

/// The colour of an outcome, and what it means.
pub(super) fn of_outcome(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Accepted => (
            "notSeen",
            "the platform accepted the retry, or a search showed that the task had left “failed”",
        ),
        Outcome::Rejected => ("rejected", "the platform refused the retry"),
        Outcome::Skipped => ("skipped", "not sent, or surely not retried, and it will not be"),
        Outcome::Unknown => ("unknown", "sent, and whether it was retried could not be found out"),
    }
}

pub(super) fn of_fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Succeeded => "the upgrade succeeded",
        Fate::FailedAgain => "the upgrade failed again",
        Fate::UnderWay => "the task has left “failed” and has not ended",
        Fate::StillFailed => "the task is still “failed”, unchanged, although the retry was accepted",
        Fate::Gone => "the job has no task for the device any more",
        Fate::NotSeen => "no search has looked",
    }
}

pub(super) fn of_open(open: Became) -> &'static str {
    match open {
        Became::InDoubt => "sent, and the answer was lost or never written down: it may have been retried",
        Became::Suspect => "in a call that was refused for one of its devices, and it is not known yet for which",
        _ => "not sent yet",
    }
}
