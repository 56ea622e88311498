//! What a fleet must satisfy, whether it comes from a file or from code.

use std::collections::HashSet;
use std::fmt;

use super::task::progress_of;
use super::{Fleet, Job, Outcome, Task, UPGRADE_TIMEOUTS};
use crate::model::TaskStatus;

impl Fleet {
    pub(crate) fn check(&self) -> Result<(), FleetError> {
        if self.org_id.is_empty() {
            return Err(FleetError::rule("`orgId` is empty".to_owned()));
        }
        if self.denied_org_ids.contains(&self.org_id) {
            return Err(FleetError::rule(format!(
                "`{}` is both `orgId` and in `deniedOrgIds`",
                self.org_id
            )));
        }
        let mut jobs = HashSet::new();
        for job in &self.jobs {
            if job.job_id.is_empty() {
                return Err(FleetError::rule("a job has no `jobId`".to_owned()));
            }
            if !jobs.insert(job.job_id.as_str()) {
                return Err(FleetError::rule(format!("the job id `{}` occurs twice", job.job_id)));
            }
            job.check()
                .map_err(|text| FleetError::rule(format!("job `{}`: {text}", job.job_id)))?;
            let mut keys = HashSet::with_capacity(job.tasks.len());
            for task in &job.tasks {
                task.check()
                    .map_err(|text| FleetError::rule(format!("job `{}`: {text}", job.job_id)))?;
                if !keys.insert(task.device_key.as_str()) {
                    return Err(FleetError::rule(format!(
                        "the device key `{}` occurs twice in job `{}`",
                        task.device_key, job.job_id
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Job {
    fn check(&self) -> Result<(), String> {
        if !UPGRADE_TIMEOUTS.contains(&self.upgrade_timeout) {
            return Err(format!(
                "`upgradeTimeout` is {}, expected {} to {}",
                self.upgrade_timeout,
                UPGRADE_TIMEOUTS.start(),
                UPGRADE_TIMEOUTS.end()
            ));
        }
        if self.maximum_concurrency == 0 {
            return Err("`maximumConcurrency` is 0, expected 1 or more".to_owned());
        }
        if self.firmware_id.as_ref().is_some_and(String::is_empty) {
            return Err("`firmwareId` is empty".to_owned());
        }
        Ok(())
    }
}

impl Task {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.device_key.is_empty() {
            return Err("a `deviceKey` is empty".to_owned());
        }
        let key = &self.device_key;
        let Some((_, possible)) = progress_of(&self.status) else {
            return Err(format!("device `{key}`: the status `{}` does not exist", self.status));
        };
        if let Some(progress) = self
            .progress
            .filter(|progress| !self.as_shown && !possible.contains(progress))
        {
            let expected = match (*possible.start(), *possible.end()) {
                (i32::MIN, _) => "a negative number".to_owned(),
                (only, end) if only == end => only.to_string(),
                (start, end) => format!("{start} to {end}"),
            };
            return Err(format!(
                "device `{key}`: progress {progress} does not go with status `{}`, expected {expected}",
                self.status
            ));
        }
        if let Some(failure) = &self.retry_failure {
            if self.retry_outcome == Some(Outcome::Succeeds) {
                return Err(format!(
                    "device `{key}`: `retryFailure` does not go with `retryOutcome` `succeeds`"
                ));
            }
            if failure.progress >= 0 {
                return Err(format!(
                    "device `{key}`: progress {} of `retryFailure`, expected a negative number",
                    failure.progress
                ));
            }
        }
        if self.outcome.is_some() && matches!(self.status, TaskStatus::Succeeded | TaskStatus::Failed) {
            return Err(format!(
                "device `{key}`: `outcome` goes only with a task that is under way, not with status `{}` \
                 (`retryOutcome` says how a retry ends)",
                self.status
            ));
        }
        Ok(())
    }
}

/// Why a fleet cannot be used.
#[derive(Debug)]
pub struct FleetError(Kind);

#[derive(Debug)]
enum Kind {
    Json(serde_json::Error),
    Rule(String),
}

impl FleetError {
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self(Kind::Json(error))
    }

    fn rule(text: String) -> Self {
        Self(Kind::Rule(text))
    }

    /// The line of the file, from 1, if the error has a place.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match &self.0 {
            Kind::Json(error) => Some(error.line()).filter(|line| *line > 0),
            Kind::Rule(_) => None,
        }
    }

    /// The column in that line, from 1, if the error has a place.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        match &self.0 {
            Kind::Json(error) => Some(error.column()).filter(|_| error.line() > 0),
            Kind::Rule(_) => None,
        }
    }
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            // serde_json's text ends with line and column and is all there is to say, so it is no `source`.
            Kind::Json(error) => write!(f, "the fleet file is not valid: {error}"),
            Kind::Rule(text) => write!(f, "the fleet is not valid: {text}"),
        }
    }
}

impl std::error::Error for FleetError {}
