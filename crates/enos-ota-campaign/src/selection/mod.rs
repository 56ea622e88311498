//! Which devices of a job are meant.

mod criteria;
mod named;
mod odd;
mod patterns;
mod read;

use std::sync::Arc;

use enos_ota::search::{Expression, Tasks, ValueError, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, JobId, TaskStatus};
use serde::{Deserialize, Serialize};

use crate::devices::{Devices, PushError, Seen, TaskFacts};

pub use criteria::{Cause, CauseError, Criteria, Exclusion, LeftOut, Verdict, Why};
pub use named::{LookedUp, TaskState, read_named};
pub use odd::OddRows;
pub use patterns::{Pattern, PatternError, Patterns};
pub(crate) use read::unread;
pub use read::{ReadProgress, Reader, SelectError, Selected};

/// How the devices of a plan are chosen.
///
/// In the header of a plan it is readable, and as short as it was said: criteria that were not given are not there.
///
/// ```
/// use enos_ota_campaign::{Criteria, Patterns, Selection};
///
/// let selection = Selection::Failed(Criteria {
///     reason: Patterns::parse(["*timed out*"])?,
///     ..Criteria::default()
/// });
/// assert_eq!(serde_json::to_string(&selection)?, r#"{"failed":{"reason":["*timed out*"]}}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Selection {
    /// All failed tasks of the job that meet the criteria.
    Failed(Criteria),
    /// The devices that a person named.
    Named(Named),
}

impl Default for Selection {
    /// All failed tasks of the job, but those that a person has cancelled.
    fn default() -> Self {
        Self::Failed(Criteria::default())
    }
}

/// Devices that a person named. The keys themselves are not written to the header of a plan, since its lines have them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    /// How many keys were given, those that were given twice counted twice.
    given: usize,
    /// How many of them repeat an earlier one.
    #[serde(default, skip_serializing_if = "is_zero")]
    repeated: usize,
    /// Devices that are left out although they are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude: Option<Exclusion>,
    #[serde(skip)]
    devices: Option<Arc<Devices>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Named {
    /// Takes the keys that a person gave. Repeated ones are merged and counted.
    ///
    /// # Errors
    ///
    /// If a key is empty, or there are more than [`Devices`] can hold.
    pub fn new<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Self, PushError> {
        let mut devices = Devices::new();
        let (mut given, mut repeated) = (0, 0);
        for key in keys {
            let (_, new) = devices.push(key.as_ref(), &TaskFacts::default())?;
            given += 1;
            repeated += usize::from(!new);
        }
        Ok(Self {
            given,
            repeated,
            exclude: None,
            devices: Some(Arc::new(devices)),
        })
    }

    /// Leaves devices out although they are named.
    #[must_use]
    pub fn excluding(mut self, exclude: Exclusion) -> Self {
        self.exclude = Some(exclude);
        self
    }

    /// How many keys were given, those that were given twice counted twice.
    #[must_use]
    pub fn given(&self) -> usize {
        self.given
    }

    /// How many of the keys repeat an earlier one.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.repeated
    }

    /// The devices, in the order in which they were named. `None` if this was read from the header of a plan.
    #[must_use]
    pub fn devices(&self) -> Option<&Devices> {
        self.devices.as_deref()
    }

    /// The devices that are left out although they are named.
    #[must_use]
    pub fn exclude(&self) -> Option<&Exclusion> {
        self.exclude.as_ref()
    }
}

impl PartialEq for Named {
    /// Compares what is written to the header of a plan.
    fn eq(&self, other: &Self) -> bool {
        (self.given, self.repeated, &self.exclude) == (other.given, other.repeated, &other.exclude)
    }
}

impl Selection {
    /// Selects the devices that a person named; see [`Named::new`].
    ///
    /// # Errors
    ///
    /// If a key is empty, or there are more than [`Devices`] can hold.
    pub fn named<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Self, PushError> {
        Named::new(keys).map(Self::Named)
    }

    /// Whether a task is selected, and if not, why. See [`Criteria::matches`].
    ///
    /// Of named devices read from the header of a plan, only the exclusion can be told.
    #[must_use]
    pub fn matches(&self, task: &TaskInfo) -> Verdict {
        match self {
            Self::Failed(criteria) => criteria.matches(task),
            Self::Named(named) => {
                let Some(key) = task.device_key.as_deref().filter(|key| !key.is_empty()) else {
                    return Verdict::LeftOut(Why::NoKey);
                };
                if named.exclude().is_some_and(|exclude| exclude.contains(key)) {
                    return Verdict::LeftOut(Why::Excluded);
                }
                match named.devices() {
                    Some(devices) if devices.find(key).is_none() => Verdict::LeftOut(Why::Other),
                    _ => Verdict::Taken,
                }
            }
        }
    }

    /// The devices that are left out by their keys.
    #[must_use]
    pub fn exclude(&self) -> Option<&Exclusion> {
        match self {
            Self::Failed(criteria) => criteria.exclude.as_ref(),
            Self::Named(named) => named.exclude(),
        }
    }

    /// Reads the whole selection with the default settings of a [`Reader`], before anything is retried.
    ///
    /// See [`Reader::read`], also for the errors.
    ///
    /// # Errors
    ///
    /// [`SelectError`].
    pub async fn read(
        &self,
        client: &Client,
        job_id: &JobId,
        on_progress: impl FnMut(ReadProgress) + Send,
    ) -> Result<Selected, SelectError> {
        Reader::new(client).read(self, job_id, on_progress).await
    }
}

impl Criteria {
    /// The search for the failed tasks of a job, narrowed as far as the search can.
    ///
    /// How a quote or a backslash is escaped in an expression is not documented, so a version that has one is not sent,
    /// and compared only when the answer is there. A reason cannot be sent at all: `desc` can only be compared as a
    /// whole.
    ///
    /// # Errors
    ///
    /// If the id of the job would have to be escaped.
    pub fn expression(&self, job_id: &JobId) -> Result<Expression<Tasks>, ValueError> {
        let mut criteria = vec![tasks::JOB_ID.equals(job_id.as_str())?, tasks::STATUS.equals("failed")?];
        for (field, versions) in [
            (tasks::FROM_VERSION, &self.from_version),
            (tasks::TO_VERSION, &self.to_version),
        ] {
            let criterion = match versions.as_slice() {
                [version] => field.equals(version),
                several => field.is_in(several),
            };
            criteria.extend(criterion.ok());
        }
        Ok(Expression::all(criteria))
    }
}

impl<'a> From<&'a TaskInfo> for TaskFacts<'a> {
    /// What a search tells of a task. A blank text is none, and neither is a progress beyond 32 bits.
    fn from(task: &'a TaskInfo) -> Self {
        fn text(text: Option<&String>) -> Option<&str> {
            text.map(String::as_str).filter(|text| !text.trim().is_empty())
        }
        Self {
            product_key: text(task.product_key.as_ref()),
            from_version: text(task.from_version.as_ref()),
            to_version: text(task.to_version.as_ref()),
            reason: text(task.desc.as_ref()),
            progress: task.progress.and_then(|progress| i32::try_from(progress.get()).ok()),
            updated_ms: task.update_time.map(enos_ota::Integer::get),
            task: text(task.task_id.as_ref()).map(TaskFacts::hash_of_task),
            seen: match &task.status {
                Some(TaskStatus::Failed) => Some(Seen::Failed),
                Some(TaskStatus::Init | TaskStatus::Published | TaskStatus::Upgrading | TaskStatus::Succeeded) => {
                    Some(Seen::NotFailed)
                }
                // A status that no page lists says nothing.
                _ => None,
            },
        }
    }
}
