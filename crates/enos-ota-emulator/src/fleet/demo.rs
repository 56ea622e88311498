//! The fleet that needs no file.

use super::{Fleet, Job, Outcome, Task, UpgradePolicy};

/// The organization of [`Fleet::demo`].
pub const DEMO_ORG_ID: &str = "o15724268424841";
/// An organization of [`Fleet::demo`] that the application may not touch: calls for it are answered 99403.
pub const DEMO_DENIED_ORG_ID: &str = "o15580000000000";
/// The running job of [`Fleet::demo`].
pub const DEMO_JOB_ID: &str = "66f2a1c0d4e5b6a798011e01";
/// The stopped job of [`Fleet::demo`]: its tasks cannot be retried (24617).
pub const DEMO_STOPPED_JOB_ID: &str = "66f2a1c0d4e5b6a798011e02";

pub(crate) fn product_key() -> String {
    "demoProduct".to_owned()
}

pub(crate) fn from_version() -> String {
    "1.0.0".to_owned()
}

pub(crate) fn to_version() -> String {
    "1.1.0".to_owned()
}

/// Texts that a failed task carries. The platform's own wording is not documented, `Cancelled by user` aside, which
/// the vendor's Python sample searches for; the others describe the failure codes of the vendor's device SDKs.
pub(crate) mod reason {
    pub(crate) const DOWNLOAD: (i32, &str) = (-2, "Failed to download the firmware");
    pub(crate) const VERIFICATION: (i32, &str) = (-3, "Failed to verify the firmware: checksum mismatch");
    pub(crate) const WRITING: (i32, &str) = (-4, "Failed to write the firmware: not enough flash space");
    pub(crate) const IGNORED: (i32, &str) = (-5, "The device ignored this upgrade");
    pub(crate) const TIMEOUT: (i32, &str) = (-1, "Upgrade timed out after 7200 s");
    pub(crate) const CANCELLED: (i32, &str) = (-1, "Cancelled by user");
}

impl Fleet {
    /// The built-in fleet: the organization [`DEMO_ORG_ID`] with a running job, [`DEMO_JOB_ID`], of 24 pumps in every
    /// state, ten of them failed, and a stopped job, [`DEMO_STOPPED_JOB_ID`].
    ///
    /// Two of the failed devices fail again after each retry, the other eight then succeed. The stopped job names an
    /// upgrade policy and the running one does not, so that a client meets both.
    #[must_use]
    pub fn demo() -> Self {
        let failed = |key: &str, (progress, desc): (i32, &str)| {
            Task::failed(key)
                .progress(progress)
                .desc(desc)
                .retry_outcome(Outcome::Succeeds)
        };
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
            .job(pumps)
            .job(meters)
    }
}
