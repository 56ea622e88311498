//! How a campaign ended.

use std::sync::Arc;
use std::time::Duration;

use enos_ota::Error;

use crate::event::Calls;
use crate::journal::JournalError;
use crate::state::DeviceTable;

/// A campaign that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// What is known of every device. Each has exactly one outcome.
    pub table: DeviceTable,
    /// Calls that were made.
    pub calls: Calls,
    /// How long it took.
    pub took: Duration,
    /// Devices whose outcome is only that of this run: a run that resumes the journal goes on with them.
    pub open: usize,
    /// The last refusal of a device, if any.
    pub refusal: Option<Error>,
    /// Devices whose list was refused for a task that is not failed (24621), and of which it is not known whether the platform
    /// has retried them all the same.
    pub refused_in_doubt: usize,
    /// Whether the application may search: if not, nothing could be confirmed.
    pub could_search: bool,
    /// What searches confirmed of the accepted devices; `None` if that was not asked for.
    pub confirmation: Option<Confirmation>,
}

/// What searches confirmed of the accepted devices. The numbers add up to all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// Seen to have left `failed`: under way, or succeeded.
    pub confirmed: usize,
    /// Seen to have failed again.
    pub failed_again: usize,
    /// Seen to be failed as before, although the platform accepted the retry.
    pub still_failed: usize,
    /// The job has no task for them any more.
    pub gone: usize,
    /// Not seen.
    pub not_confirmed: usize,
    /// Why not, for people, if that is known.
    pub why: Option<String>,
}

/// How a campaign ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// All that was planned was done.
    Complete,
    /// An error after which further calls make no sense.
    Stopped(Error),
    /// The gateway has answered nothing for too long, or nothing to devices that were sent again and again. With the
    /// last error.
    GaveUp(Error),
    /// Too many devices were refused.
    TooManyRefused {
        /// How many, in percent of those that the platform has answered for.
        percent: f64,
        /// Of how many.
        sample: usize,
    },
    /// Not enough devices of a wave succeeded in time.
    WaveFailed {
        /// Number of the wave, from 1.
        wave: usize,
        /// Its devices that were accepted.
        accepted: usize,
        /// How many of them succeeded.
        succeeded: usize,
    },
    /// [`Controller::drain`](crate::Controller::drain) or [`Controller::abandon`](crate::Controller::abandon).
    Interrupted,
    /// The journal could not be written. Nothing was sent after that.
    Journal(Arc<JournalError>),
    /// A defect of this library.
    Panicked(String),
}

impl Ending {
    /// The name, as in the journal.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped(_) => "stopped",
            Self::GaveUp(_) => "gaveUp",
            Self::TooManyRefused { .. } => "tooManyRefused",
            Self::WaveFailed { .. } => "waveFailed",
            Self::Interrupted => "interrupted",
            Self::Journal(_) => "journal",
            Self::Panicked(_) => "panicked",
        }
    }

    /// What to say of devices that were not sent for it.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Complete => "not sent".to_owned(),
            Self::Stopped(error) => format!("not sent, because an earlier call failed: {error}"),
            Self::GaveUp(error) => format!("not sent, because the gateway did not answer: {error}"),
            Self::TooManyRefused { percent, sample } => {
                format!("not sent, because {percent:.1} % of {sample} devices were refused")
            }
            Self::WaveFailed {
                wave,
                accepted,
                succeeded,
            } => format!("not sent, because only {succeeded} of {accepted} devices of wave {wave} succeeded"),
            Self::Interrupted => "not sent: interrupted".to_owned(),
            Self::Journal(error) => format!("not sent, because the journal could not be written: {error}"),
            Self::Panicked(what) => format!("not sent, because of a defect in this program: {what}"),
        }
    }
}
