//! Jobs and tasks in the platform's terms: what fleets are made of and what answers show.

mod info;
mod job_type;
mod status;

pub use self::info::{JobInfo, JobState, RetryCount, ScopeType, StringI18n, Tally, TaskInfo, UpgradeScope};
pub use self::job_type::{JobType, UpgradePolicy};
pub use self::status::{JobStatus, TaskStatus};
