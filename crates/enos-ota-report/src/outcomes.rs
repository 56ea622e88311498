//! The outcomes with their fates, and what each means.

use enos_ota_campaign::{Fate, Outcome};

use crate::tally::{Became, OPEN, Tally};

/// A line of the table of outcomes.
pub(crate) struct Line {
    /// What has its colour.
    pub(crate) color: Became,
    /// Whether it is a part of the last line that is none.
    pub(crate) is_part: bool,
    pub(crate) label: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) devices: usize,
}

/// All outcomes, and of fates and of what is open those that there are.
pub(crate) fn outcomes(tally: &Tally) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = |color, is_part, label, devices, meaning| {
        lines.push(Line {
            color,
            is_part,
            label,
            meaning,
            devices,
        });
    };
    for outcome in Outcome::ALL {
        let (color, meaning) = of_outcome(outcome);
        line(color, false, outcome.as_str(), tally.outcome(outcome), meaning);
        for fate in Fate::ALL {
            let devices = match outcome {
                Outcome::Accepted if tally.was_watched() => tally.fate(fate),
                Outcome::Unknown => tally.fate_of_unknown(fate),
                Outcome::Accepted | Outcome::Rejected | Outcome::Skipped => 0,
            };
            if devices > 0 {
                let became = Became::of_fate(fate);
                line(became, true, became.label(), devices, of_fate(fate));
            }
        }
    }
    if tally.open() > 0 {
        let meaning = "without an outcome yet: resume the journal";
        line(Became::Waiting, false, "open", tally.open(), meaning);
        for open in OPEN {
            line(open, true, open.label(), tally.became(open), of_open(open));
        }
    }
    lines
}

fn of_outcome(outcome: Outcome) -> (Became, &'static str) {
    match outcome {
        Outcome::Accepted => (
            Became::NotSeen,
            "the platform accepted the retry, or a search showed that the task had left “failed”",
        ),
        Outcome::Rejected => (Became::Rejected, "the platform refused the retry"),
        Outcome::Skipped => (Became::Skipped, "not sent, or surely not retried, and it will not be"),
        Outcome::Unknown => (
            Became::Unknown,
            "sent, and whether it was retried could not be found out",
        ),
    }
}

fn of_fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Succeeded => "the upgrade succeeded",
        Fate::FailedAgain => "the upgrade failed again",
        Fate::UnderWay => "the task has left “failed” and has not ended",
        Fate::StillFailed => "the task is still “failed”, unchanged, although the retry was accepted",
        Fate::Gone => "the job has no task for the device any more",
        Fate::NotSeen => "no search has looked",
    }
}

fn of_open(open: Became) -> &'static str {
    match open {
        Became::InDoubt => "sent, and the answer was lost or never written down: it may have been retried",
        Became::Suspect => "in a call that was refused for one of its devices, and it is not known yet for which",
        _ => "not sent yet",
    }
}
