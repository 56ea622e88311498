//! The fleet that needs no file.

use super::{Fleet, Job, Outcome, Task, TaskTimes};
use crate::model::UpgradePolicy;
use crate::reason;

/// The organization of [`Fleet::demo`].
pub const DEMO_ORG_ID: &str = "o15724268424841";
/// An organization of [`Fleet::demo`] that the application may not touch: calls for it are answered 99403.
pub const DEMO_DENIED_ORG_ID: &str = "o15580000000000";
/// The running job of [`Fleet::demo`].
pub const DEMO_JOB_ID: &str = "66f2a1c0d4e5b6a798011e01";
/// The stopped job of [`Fleet::demo`]: its tasks cannot be retried (24617).
pub const DEMO_STOPPED_JOB_ID: &str = "66f2a1c0d4e5b6a798011e02";
/// The big job of [`Fleet::demo`]: it runs on 600 devices, of which 150 have failed.
pub const DEMO_FLEET_JOB_ID: &str = "66f2a1c0d4e5b6a798011e03";

impl Fleet {
    /// The built-in fleet: the organization [`DEMO_ORG_ID`] with three jobs.
    ///
    /// - [`DEMO_JOB_ID`] runs on 24 pumps in every state. Ten have failed, of which two fail again after each retry and
    ///   the other eight succeed.
    /// - [`DEMO_STOPPED_JOB_ID`] does not run. It names an upgrade policy and the others do not, so that a client meets
    ///   both.
    /// - [`DEMO_FLEET_JOB_ID`] runs on the 600 controllers of a wind farm, of three products and three versions: enough
    ///   to try a retry of everything that has failed. That is 150 devices for six reasons, ten of them because a
    ///   person has cancelled the upgrade. A retry does not help those that lack flash space, nor some of those that
    ///   could not download or verify the firmware; the others then succeed. All of them are under way at a time, so
    ///   that at the default pace a retry comes to its end within half a minute.
    ///
    /// Its tasks have times of the [day before](TaskTimes::DayBefore), and ids by job and device: a plan that was made with
    /// one emulator fits the next.
    #[must_use]
    pub fn demo() -> Self {
        let pumps = Job::started(DEMO_JOB_ID)
            .name("Pump controllers to 2.4.1")
            .product_key("pump-controller")
            .versions("2.3.0", "2.4.1")
            .with_tasks([
                failed("pump-01", reason::DOWNLOAD),
                failed("pump-02", reason::DOWNLOAD),
                failed("pump-03", reason::DOWNLOAD),
                failed("pump-04", reason::VERIFICATION),
                failed("pump-05", reason::VERIFICATION).retry_outcome(Outcome::Fails),
                failed("pump-06", reason::WRITING).retry_outcome(Outcome::Fails),
                failed("pump-07", reason::IGNORED),
                failed("pump-08", reason::TIMEOUT),
                failed("pump-09", reason::TIMEOUT),
                failed("pump-10", reason::CANCELLED),
            ])
            .with_tasks((11..=18).map(|n| Task::succeeded(format!("pump-{n}"))))
            .with_tasks([
                Task::upgrading("pump-19").progress(20).outcome(Outcome::Succeeds),
                Task::upgrading("pump-20").progress(70).outcome(Outcome::Succeeds),
                Task::published("pump-21").outcome(Outcome::Succeeds),
                Task::published("pump-22").outcome(Outcome::Fails),
                Task::init("pump-23").outcome(Outcome::Succeeds),
                Task::init("pump-24").outcome(Outcome::Succeeds),
            ]);
        let meters = Job::stopped(DEMO_STOPPED_JOB_ID)
            .name("Flow meters to 1.9.0 (stopped)")
            .product_key("flow-meter")
            .versions("1.8.2", "1.9.0")
            .upgrade_policy(UpgradePolicy::Snapshot)
            .with_tasks([
                failed("meter-01", reason::DOWNLOAD),
                failed("meter-02", reason::TIMEOUT),
                Task::succeeded("meter-03"),
                Task::init("meter-04"),
            ]);
        Self::new(DEMO_ORG_ID)
            .denied_org(DEMO_DENIED_ORG_ID)
            .task_times(TaskTimes::DayBefore)
            .job(pumps)
            .job(meters)
            .job(wind_farm())
    }
}

fn failed(key: impl Into<String>, (progress, desc): (i32, &str)) -> Task {
    Task::failed(key)
        .progress(progress)
        .desc(desc)
        .retry_outcome(Outcome::Succeeds)
}

/// A job with enough failed tasks for a retry in several steps to be worth it, and with causes that can be told from
/// the tasks: the oldest version leaves no space, and one row of turbines has a bad connection.
fn wind_farm() -> Job {
    const TARGET: &str = "3.3.0";
    let tasks = (1..=200).flat_map(|turbine| {
        let from = match turbine {
            n if n % 8 == 0 => "3.1.4",
            n if n % 3 == 0 => "3.2.0",
            _ => "3.2.1",
        };
        ["yaw", "pitch", "gateway"].map(|part| {
            let key = format!("wt-{turbine:03}-{part}");
            let product = match part {
                "gateway" => "turbine-gateway",
                "pitch" => "pitch-controller",
                _ => "yaw-controller",
            };
            wind_farm_task(turbine, part, from, key)
                .product_key(product)
                .versions(from, TARGET)
        })
    });
    Job::started(DEMO_FLEET_JOB_ID)
        .name("Wind farm to 3.3.0")
        .product_key("yaw-controller")
        .versions("3.2.1", TARGET)
        .with_tasks(tasks)
}

fn wind_farm_task(turbine: u32, part: &str, from: &str, key: String) -> Task {
    let again = |task: Task, fails: bool| {
        if fails {
            task.retry_outcome(Outcome::Fails)
        } else {
            task
        }
    };
    match (part, turbine) {
        ("gateway", _) if from == "3.1.4" => again(failed(key, reason::WRITING), true),
        (_, 41..=65) => again(failed(key, reason::DOWNLOAD), turbine.is_multiple_of(6)),
        ("pitch", n) if n % 14 == 5 => again(failed(key, reason::VERIFICATION), n % 4 == 1),
        ("yaw", 181..=190) => failed(key, reason::CANCELLED),
        ("yaw", n) if n % 11 == 3 => failed(key, reason::IGNORED),
        ("gateway", n) if n % 9 == 5 => failed(key, reason::TIMEOUT),
        (_, 197..=198) => Task::upgrading(key).outcome(Outcome::Succeeds),
        (_, 199..) => Task::init(key).outcome(Outcome::Succeeds),
        _ => Task::succeeded(key),
    }
}
