//! Jobs and tasks in the platform's terms: the types of the spec, and what the emulator tells beyond them.

use std::fmt;
use std::marker::PhantomData;

pub use enos_ota_client::types::{JobInfo, StringI18n, TaskInfo, UpgradeScope};
pub use enos_ota_client::{JobStatus, JobType, TaskStatus, UpgradePolicy, UpgradeScopeType};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

/// A text of which the spec lists the values. The types of the spec keep any other; a fleet and the emulator's requests
/// must have one of these.
pub(crate) trait Known: AsRef<str> + Clone + 'static {
    /// The values that the spec lists.
    const VALUES: &'static [Self];

    /// The value of this name, if the spec lists it.
    fn named(name: &str) -> Option<Self> {
        Self::VALUES.iter().find(|known| known.as_ref() == name).cloned()
    }

    /// The names of all, with this between them.
    fn names(separator: &str) -> String {
        let names: Vec<&str> = Self::VALUES.iter().map(AsRef::as_ref).collect();
        names.join(separator)
    }

    /// Reads a value that the spec lists. The error has the place of the text, not that of what comes after it.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name<T>(PhantomData<T>);

        impl<T: Known> Visitor<'_> for Name<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "one of `{}`", T::names("`, `"))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
                let unknown = || {
                    E::custom(format_args!(
                        "unknown value `{name}`, expected one of `{}`",
                        T::names("`, `")
                    ))
                };
                T::named(name).ok_or_else(unknown)
            }
        }

        deserializer.deserialize_str(Name(PhantomData))
    }

    /// The same for a member that may be left out.
    fn read_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Known")]
        struct Read<T>(#[serde(deserialize_with = "Known::read")] T);

        let read = Option::<Read<Self>>::deserialize(deserializer)?;
        Ok(read.map(|Read(value)| value))
    }
}

macro_rules! known {
    ($($name:ty),*) => {$(
        impl Known for $name {
            const VALUES: &'static [Self] = Self::KNOWN;
        }
    )*};
}

known!(JobStatus, JobType, TaskStatus, UpgradePolicy, UpgradeScopeType);

/// A job, with the number of its tasks in each state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobState {
    /// Id of the job.
    pub job_id: String,
    /// The organization that owns it.
    pub org_id: String,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub status: JobStatus,
    /// How many tasks it has in each state.
    pub tally: Tally,
}

/// How many tasks of a job are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// Not yet pushed.
    pub init: usize,
    /// Pushed.
    pub published: usize,
    /// Reporting progress.
    pub upgrading: usize,
    /// Succeeded.
    pub succeeded: usize,
    /// Failed.
    pub failed: usize,
}

impl Tally {
    /// All tasks.
    #[must_use]
    pub fn total(&self) -> usize {
        self.init + self.published + self.upgrading + self.succeeded + self.failed
    }
}

/// How often a device was retried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RetryCount {
    /// How many `retryTask` calls for its running job named the device, whatever became of them.
    pub named: u32,
    /// How many of these put its task back to `init`.
    pub applied: u32,
}

/// A text that is the same in every language; `None` for the empty text.
pub(crate) fn plain(text: &str) -> Option<StringI18n> {
    (!text.is_empty()).then(|| StringI18n {
        default_value: Some(text.to_owned()),
        i18n_value: Some(std::collections::BTreeMap::new()),
    })
}

/// The text of a name for a reader whose language it does not have; empty if there is no name.
pub(crate) fn default_name(name: Option<&StringI18n>) -> &str {
    name.and_then(|name| name.default_value.as_deref()).unwrap_or_default()
}
