//! The calls of a journal.

use enos_ota_campaign::journal::{CallEnd, Recovered};

use crate::text::{counted, duration, number};

/// The calls of a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallSums {
    pub(crate) sent: usize,
    /// Devices that they carried, those that were sent again counted again.
    pub(crate) devices: usize,
    /// By how they ended; the last are those of which the journal has no end.
    pub(crate) ends: [usize; ENDS.len()],
    pub(crate) first_sent_ms: Option<i64>,
    pub(crate) last_ended_ms: Option<i64>,
    /// Of the calls that have ended.
    pub(crate) mean_ms: Option<i64>,
    pub(crate) longest_ms: Option<i64>,
}

/// The ends of calls, with their names in JSON and for people.
pub(crate) const ENDS: [(Option<CallEnd>, &str, &str); 8] = [
    (Some(CallEnd::Accepted), "accepted", "accepted"),
    (
        Some(CallEnd::NotFailed),
        "notFailed",
        "refused for a task that is not failed",
    ),
    (Some(CallEnd::Refused), "refused", "refused for another reason"),
    (Some(CallEnd::TooMany), "tooMany", "refused for its size"),
    (Some(CallEnd::Throttled), "throttled", "throttled"),
    (Some(CallEnd::Lost), "lost", "lost"),
    (Some(CallEnd::NotSent), "notSent", "did not leave the machine"),
    (None, "noEnd", "without an end in the journal"),
];

impl CallSums {
    pub(crate) fn of(recovered: &Recovered) -> Self {
        let calls = &recovered.calls;
        let times = || {
            calls
                .iter()
                .filter_map(|call| Some(call.ended_ms?.saturating_sub(call.sent_ms)))
        };
        let ended = times().count() as i128;
        Self {
            sent: calls.len(),
            devices: calls.iter().map(|call| call.devices as usize).sum(),
            ends: ENDS.map(|(end, ..)| recovered.calls_that_ended(end)),
            first_sent_ms: calls.iter().map(|call| call.sent_ms).min(),
            last_ended_ms: calls.iter().filter_map(|call| call.ended_ms).max(),
            mean_ms: times()
                .map(i128::from)
                .sum::<i128>()
                .checked_div(ended)
                .and_then(|mean| i64::try_from(mean).ok()),
            longest_ms: times().max(),
        }
    }
    /// `3 with 120 devices, 2 accepted, 1 lost`
    pub(crate) fn told(&self) -> String {
        let ends = ENDS.iter().zip(self.ends).filter(|(_, count)| *count > 0);
        let ends = ends.map(|((.., label), count)| format!(", {} {label}", number(count)));
        let devices = counted(self.devices, "device");
        format!("{} with {devices}{}", number(self.sent), ends.collect::<String>())
    }

    /// How long they took, if one has ended.
    pub(crate) fn times_told(&self) -> Option<String> {
        let took = self.last_ended_ms?.saturating_sub(self.first_sent_ms?);
        Some(format!(
            "{} on average, {} at most, {} from the first to the end of the last",
            duration(self.mean_ms?),
            duration(self.longest_ms?),
            duration(took)
        ))
    }
}
