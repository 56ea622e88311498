//! What the platform's pages leave open, each with the readings that they allow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::to_ms;
use crate::model::TaskStatus;
use crate::random::stable_hash;

/// How the emulator reads what is **not documented**. A client has to be right under every combination.
///
/// ```
/// use enos_ota_emulator::{MixedList, Readings, TaskIdAfterRetry};
///
/// let readings = Readings {
///     mixed_list: MixedList::Partial,
///     task_id: TaskIdAfterRetry::New,
///     // More may be added.
///     ..Readings::default()
/// };
/// # let _ = readings;
/// ```
///
/// Two more unknowns are not here, because they are not about tasks: the platform's clock
/// ([`clock_skew_ms`](crate::EmulatorBuilder::clock_skew_ms)) and its nodes
/// ([`nodes`](crate::EmulatorBuilder::nodes)). The emulator follows no `retryPolicy`: it never retries by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Readings {
    /// What becomes of a list in which only some tasks can be retried or cancelled.
    pub mixed_list: MixedList,
    /// What moves the `updateTime` of a task.
    pub update_time: UpdateTime,
    /// Whether a retry gives a task another `taskId`.
    pub task_id: TaskIdAfterRetry,
    /// What a retried task shows of its failure.
    pub failure: FailureAfterRetry,
    /// How far in the past lies what `get`, `search` and `searchTask` show, by the emulator's clock; at most ten seconds.
    /// That reads may be about two seconds behind after many changes is documented, not when and how far.
    pub reads_behind: Duration,
    /// Whether `searchTask` takes an expression with `deviceKey`.
    pub search_by_device_key: SearchByDeviceKey,
}

/// What `retryTask` and `cancelTask` do with a list in which only some tasks can be retried or cancelled. Not
/// documented; both are plausible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MixedList {
    /// The whole list is refused with 24621 or 24620, and nothing changes.
    #[default]
    Refuse,
    /// Those that can be are retried or cancelled, the others silently passed over, and the answer is 0. A list
    /// without a single such task is refused all the same.
    Partial,
}

/// What moves the `updateTime` of a task. The page names the member and says nothing else of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UpdateTime {
    /// A change of the status or a report of progress, and nothing else.
    #[default]
    WithStatus,
    /// That, and a sweep which touches every task, whatever its status, each time the emulator's clock shows a multiple of
    /// `every` since 1970.
    Swept {
        /// The time from sweep to sweep.
        every: Duration,
    },
    /// The same, but a sweep touches only tasks that are `failed`, and of these only a share: others at each sweep, chosen
    /// by hash, so the same in each run.
    FailedSwept {
        /// The time from sweep to sweep.
        every: Duration,
        /// How many in a hundred failed tasks a sweep touches.
        percent: u8,
    },
}

/// Whether a retry gives a task another `taskId`. Not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaskIdAfterRetry {
    /// The task keeps its id.
    #[default]
    Same,
    /// Each retry gives it another one, made of job, device and the number of retries.
    New,
}

/// What a retried task shows of its failure. Not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FailureAfterRetry {
    /// Nothing: `progress` is 0 and `desc` empty from the retry on.
    #[default]
    Reset,
    /// `progress` and `desc` stay as they were while the task is `init` or `published`, until the device reports.
    KeptUntilReport,
}

/// Whether `searchTask` takes an expression with `deviceKey`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchByDeviceKey {
    /// It does: so the page of EnOS 2.4.0 says.
    #[default]
    Taken,
    /// It refuses it with 99400, as a version might that does not know the field.
    Refused,
}

/// So many sweeps are looked through for the last that touched a task: of one task in a hundred at each sweep, the
/// chance that none of these did is 2 in a billion.
const SWEEPS: i64 = 2_000;

impl UpdateTime {
    /// The `updateTime` at a moment of a task that changed itself at `own`.
    pub(crate) fn shown(self, own: i64, at: i64, status: &TaskStatus, device_key: &str) -> i64 {
        let (every, percent) = match self {
            Self::Swept { every } => (to_ms(every), 100),
            Self::FailedSwept { every, percent } if *status == TaskStatus::Failed => (to_ms(every), percent),
            Self::WithStatus | Self::FailedSwept { .. } => return own,
        };
        if every == 0 {
            return own;
        }
        let last = at.div_euclid(every);
        let sweeps = (last.saturating_sub(SWEEPS)..=last).rev();
        let mut sweeps = sweeps.take_while(|sweep| sweep.saturating_mul(every) > own);
        let touches = |sweep: &i64| stable_hash(&[device_key, &sweep.to_string()]) % 100 < u64::from(percent);
        sweeps.find(touches).map_or(own, |sweep| sweep.saturating_mul(every))
    }
}
