//! Makes a job of the fleet into one that runs.

use super::intern::Commons;
use super::pace::Pace;
use super::task::{Course, Ids, Rules, Run, Stage, TaskState};
use crate::fleet::{Job, Task};
use crate::model::{JobInfo, JobType, TaskStatus, UpgradeScope, UpgradeScopeType, plain};
use crate::random::stable_hash;
use crate::reason;

/// What there is to tell of a job of the fleet. Its scope is told as in the platform's published sample: all devices of
/// the product that have the version to upgrade from.
pub(super) fn info(job: &Job, fleet_org: &str, now: i64) -> JobInfo {
    let firmware_version = job.firmware_version.as_ref().unwrap_or(&job.to_version);
    let firmware_id = job.firmware_id.clone().unwrap_or_else(|| {
        let hash = |salt| stable_hash(&[salt, &job.product_key, firmware_version]);
        format!("{:08x}{:016x}", hash("firmware") >> 32, hash("id"))
    });
    JobInfo {
        org_id: Some(job.org_id.clone().unwrap_or_else(|| fleet_org.to_owned())),
        product_key: Some(job.product_key.clone()),
        job_id: Some(job.job_id.clone()),
        name: plain(&job.name),
        firmware_id: Some(firmware_id),
        firmware_version: Some(firmware_version.clone()),
        firmware_name: plain(&job.firmware_name),
        type_: Some(job.job_type.clone()),
        enable_upgrade_request: Some(job.enable_upgrade_request),
        upgrade_policy: job.upgrade_policy.clone(),
        upgrade_scope: Some(UpgradeScope {
            type_: Some(UpgradeScopeType::Total),
            version_numbers: Some(vec![job.from_version.clone()]),
            ..UpgradeScope::default()
        }),
        upgrade_timeout: Some(job.upgrade_timeout.into()),
        maximum_concurrency: Some(job.maximum_concurrency.into()),
        create_time: Some(job.create_time.unwrap_or(now).into()),
        ..JobInfo::default()
    }
}

/// The tasks of a job of the fleet, and what holds for all of them.
pub(super) fn tasks(job: Job, pace: Pace, now: i64) -> (Rules, Vec<TaskState>) {
    let mut commons = Commons::default();
    let rules = Rules {
        pace,
        timeout_ms: i64::from(job.upgrade_timeout) * 1000,
        timeout_from_published: job.job_type == JobType::Verify,
        timed_out: commons.failure(
            reason::TIMEOUT.0,
            &format!("Upgrade timed out after {} s", job.upgrade_timeout),
        ),
        cancelled: commons.failure(reason::CANCELLED.0, reason::CANCELLED.1),
        usual: [reason::DOWNLOAD, reason::VERIFICATION, reason::WRITING, reason::TIMEOUT]
            .map(|(progress, desc)| commons.failure(progress, desc)),
    };
    let defaults = [job.product_key, job.from_version, job.to_version];
    // From the end, so that the memory of what has been gone through can be given back: that of a million tasks need
    // not be there twice.
    let mut left = job.tasks;
    let mut tasks = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let first = left.len().saturating_sub(65_536);
        let some = left.drain(first..).rev();
        tasks.extend(some.map(|task| running_task(task, &defaults, &mut commons, &rules, now)));
        left.shrink_to_fit();
    }
    tasks.reverse();
    (rules, tasks)
}

fn running_task(task: Task, defaults: &[String; 3], commons: &mut Commons, rules: &Rules, now: i64) -> TaskState {
    let own = [&task.product_key, &task.from_version, &task.to_version];
    let [product_key, from_version, to_version] =
        [0, 1, 2].map(|index| own[index].as_deref().unwrap_or(&defaults[index]));
    let progress = task.progress_or_default();
    let at = task.update_time.unwrap_or(now);
    let has_ids = task.task_id.is_some() || task.asset_id.is_some();
    let mut state = TaskState {
        kind: commons.kind(product_key, from_version, to_version),
        device_key: task.device_key.into(),
        ids: has_ids.then(|| {
            Box::new(Ids {
                task_id: task.task_id.map(String::into_boxed_str),
                asset_id: task.asset_id.map(String::into_boxed_str),
            })
        }),
        retry_outcome: task.retry_outcome,
        retry_failure: task
            .retry_failure
            .map(|failure| commons.failure(failure.progress, &failure.desc)),
        course: Course::Ended { failure: None, at },
        named: 0,
        applied: 0,
    };
    let from = match task.status {
        TaskStatus::Init => Stage::Init,
        TaskStatus::Published => Stage::Published,
        TaskStatus::Upgrading => Stage::Upgrading { progress },
        TaskStatus::Failed => {
            let failure = Some(commons.failure(progress, &task.desc));
            state.course = Course::Ended { failure, at };
            return state;
        }
        // `succeeded`. A fleet with any other state is refused before it comes here.
        _ => return state,
    };
    // The running time of a job begins with the emulator, so a task that is under way has been so since then.
    state.course = Course::UnderWay(Run {
        from,
        since: 0,
        at,
        end: state.end_of(task.outcome, None, rules),
        pushed: None,
    });
    state
}
