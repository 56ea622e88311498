//! What a campaign tells while it runs.

use std::sync::Arc;
use std::time::Duration;

use enos_ota::Window;
use serde::Serialize;

use crate::devices::DeviceId;
use crate::journal::CallEnd;
use crate::outcome::{Fate, Outcome, Summary};

/// Something that happened in a campaign.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Devices have come to their outcome. Each device is in exactly one such event of a run that ends.
    Settled {
        /// The devices.
        devices: Vec<DeviceId>,
        /// What became of them.
        outcome: Outcome,
        /// The platform's code; 0 for accepted ones.
        code: Option<i64>,
        /// Why.
        message: Option<Arc<str>>,
        /// The id under which the platform keeps the call.
        request_id: Option<Arc<str>>,
    },
    /// A retry has ended.
    Answered {
        /// How.
        end: CallEnd,
        /// Devices that it carried.
        devices: usize,
    },
    /// The platform complained about the size of a list.
    ChunkSize {
        /// Devices a call from now on.
        devices: usize,
    },
    /// The gateway asks for fewer calls: nothing is sent for this long.
    Throttled {
        /// From now on.
        pause: Duration,
        /// The quota that is used up, if it is known: so many calls in such a window.
        quota: Option<(u64, Window)>,
    },
    /// Something about the platform was learned that changes how the campaign goes on.
    Learned {
        /// What, for people.
        message: Arc<str>,
    },
    /// A call did not reach the gateway, or its answer was lost.
    Trouble {
        /// What went wrong.
        message: Arc<str>,
    },
    /// A wave begins.
    WaveBegan {
        /// Number of the wave, from 1.
        wave: usize,
        /// How many waves there are.
        waves: usize,
        /// Devices of this wave.
        devices: usize,
    },
    /// A wave has been judged.
    WaveEnded {
        /// Number of the wave, from 1.
        wave: usize,
        /// Its devices that were accepted.
        accepted: usize,
        /// How many of these succeeded.
        succeeded: usize,
        /// How many of these failed again.
        failed: usize,
        /// Whether the campaign goes on.
        passed: bool,
    },
    /// All devices have been sent; searches follow the accepted ones.
    Following {
        /// How many.
        devices: usize,
        /// Whether to their end, or only to see that they have left `failed`.
        to_the_end: bool,
    },
    /// Searches have shown something new of accepted devices.
    Seen {
        /// The devices.
        devices: Vec<DeviceId>,
        /// What.
        fate: Fate,
        /// Why they failed again.
        reason: Option<Arc<str>>,
    },
    /// Nothing new is sent any more; what is under way is waited for.
    Draining,
}

/// How a campaign stands.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Devices by outcome.
    pub summary: Summary,
    /// Accepted devices by fate, in the order of [`Fate::ALL`].
    pub fates: [usize; Fate::ALL.len()],
    /// Calls under way.
    pub in_flight: usize,
    /// Retries and searches made.
    pub calls: Calls,
    /// Calls per second that are allowed at present; infinite if not limited.
    pub rate: f64,
    /// Calls at the same time that are allowed at present.
    pub concurrency: usize,
    /// Time since the beginning of this run.
    pub elapsed: Duration,
    /// How far the followed upgrades are that are under way, as far as that was seen.
    pub stages: Option<Stages>,
}

/// How far upgrades are that are under way.
///
/// That the progress of a task is the share that the device has reported is inferred from the vendor's device SDKs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Upgrades of which the device has reported nothing yet.
    pub waiting: usize,
    /// Upgrades of which the device has reported progress.
    pub upgrading: usize,
    /// The sum of the progress of all these, in percent.
    pub percent: u64,
}

/// What a campaign is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Sending devices to be retried.
    #[default]
    Retrying,
    /// Watching a wave.
    Judging,
    /// Confirming that accepted devices have left `failed`.
    Verifying,
    /// Following devices to success or failure.
    Watching,
    /// It has ended.
    Ended,
}

/// Calls of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Calls {
    /// Retries.
    pub retries: u64,
    /// Searches, by page.
    pub searches: u64,
    /// How many of all were throttled.
    pub throttled: u64,
    /// How many answers were lost, of both.
    pub lost: u64,
    /// How many retries were refused for a task that is not failed.
    pub refused: u64,
}
