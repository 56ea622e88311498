//! Jobs that `create` makes, and the devices that they may have.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::World;
use super::job::RunningJob;
use crate::fleet::{Job, Task, demo};
use crate::model::{JobInfo, JobStatus, JobType, ScopeType, StringI18n, TaskStatus, UpgradePolicy, UpgradeScope};

/// What a request to create a job asks for, its arguments checked.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) org_id: String,
    pub(crate) firmware_id: String,
    pub(crate) name: Option<StringI18n>,
    pub(crate) job_type: JobType,
    pub(crate) scope: UpgradeScope,
    pub(crate) upgrade_policy: Option<UpgradePolicy>,
    pub(crate) enable_upgrade_request: Option<bool>,
    pub(crate) upgrade_timeout: u32,
    pub(crate) retry_policy: Option<Value>,
    pub(crate) schedule_policy: Option<Value>,
    pub(crate) maximum_concurrency: u32,
}

/// A device that the emulator knows, because a job has or had a task for it.
#[derive(Clone, Debug)]
pub(super) struct Device {
    org_id: Arc<str>,
    product: Arc<str>,
    key: Arc<str>,
    /// The version that it runs now.
    version: Arc<str>,
    asset_id: Option<Box<str>>,
}

impl World {
    /// Creates a stopped job. Returns how many tasks it has.
    ///
    /// That it is stopped is inferred from the vendor's Java sample. Any firmware will do: what is answered for one
    /// that does not exist is not documented. If a job of the organization has the same firmware, product, version and
    /// name are taken from there.
    pub(crate) fn create(&mut self, job_id: &str, new: NewJob, now: i64) -> usize {
        let alike = self
            .jobs
            .values()
            .map(|job| &job.info)
            .find(|info| info.org_id == new.org_id && info.firmware_id == new.firmware_id);
        let (version, firmware_name, known_product) = alike.map_or_else(
            || (demo::to_version(), None, None),
            |info| {
                (
                    info.firmware_version.clone(),
                    info.firmware_name.clone(),
                    info.product_key.clone(),
                )
            },
        );
        let named_product = new.scope.others.get("productKey").and_then(Value::as_str);
        let product_key = named_product.map(str::to_owned).or(known_product);
        let tasks = self.tasks_for(&new, product_key.as_deref(), now);
        let count = tasks.len();

        let mut job = Job::new(job_id.to_owned(), JobStatus::Stopped)
            .org_id(new.org_id)
            .firmware_id(new.firmware_id)
            .firmware_version(version.clone())
            .job_type(new.job_type)
            .upgrade_timeout(new.upgrade_timeout)
            .maximum_concurrency(new.maximum_concurrency)
            .create_time(now)
            .versions(demo::from_version(), version)
            .with_tasks(tasks);
        if let Some(product_key) = &product_key {
            job = job.product_key(product_key);
        }
        let mut job = RunningJob::new(job, "", (self.pace, self.readings), now);
        job.info = JobInfo {
            product_key,
            name: new.name,
            firmware_name,
            enable_upgrade_request: new.enable_upgrade_request,
            upgrade_policy: new.upgrade_policy,
            upgrade_scope: new.scope,
            retry_policy: new.retry_policy,
            schedule_policy: new.schedule_policy,
            ..job.info
        };
        self.add(job, now);
        count
    }

    /// The tasks of a new job. Which devices the platform takes is not documented; here they are
    ///
    /// - for a total scope, all known devices of the product that run one of the versions to upgrade from, or of all
    ///   products if the emulator does not know the product of the firmware;
    /// - for a partial scope, those of its device keys, whether they are known or not.
    fn tasks_for(&self, new: &NewJob, product_key: Option<&str>, now: i64) -> Vec<Task> {
        let devices = self.devices(&new.org_id, now);
        let of_product = |device: &&Device| product_key.is_none_or(|key| key == &*device.product);
        let versions = new.scope.version_numbers.as_deref().unwrap_or_default();
        let mut keys = HashSet::new();
        match new.scope.scope_type {
            ScopeType::Total => devices
                .iter()
                .filter(of_product)
                .filter(|device| versions.is_empty() || versions.iter().any(|version| **version == *device.version))
                // A device key may occur in two products, but only once in a job.
                .filter(|device| keys.insert(&device.key))
                .map(Device::task)
                .collect(),
            ScopeType::Partial => {
                let mut known: HashMap<&str, &Device> = HashMap::new();
                for device in devices.iter().filter(of_product) {
                    known.entry(&device.key).or_insert(device);
                }
                let from = versions.first().cloned().unwrap_or_else(demo::from_version);
                let unknown = |key: &String| Task {
                    from_version: Some(from.clone()),
                    ..Task::init(key)
                };
                let named = new.scope.device_keys.iter().flatten();
                let mut seen = HashSet::new();
                named
                    .filter(|key| seen.insert(key.as_str()))
                    .map(|key| {
                        known
                            .get(key.as_str())
                            .map_or_else(|| unknown(key), |device| device.task())
                    })
                    .collect()
            }
        }
    }

    /// The devices of an organization, each once, with the version that it runs by the latest of its tasks.
    fn devices(&self, org_id: &str, now: i64) -> Vec<Device> {
        let retired = self.retired.iter().filter(|device| &*device.org_id == org_id).cloned();
        let jobs = self.jobs.values().filter(|job| job.info.org_id == org_id);
        latest(retired.chain(jobs.flat_map(|job| devices_of(job, now))))
    }

    /// Keeps the devices of a job that is about to go: they do not vanish with it.
    pub(super) fn retire(&mut self, job: &RunningJob, now: i64) {
        let retired = std::mem::take(&mut self.retired);
        self.retired = latest(retired.into_iter().chain(devices_of(job, now)));
    }
}

/// Of each device the last, where the first was.
fn latest(all: impl Iterator<Item = Device>) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    let mut places: HashMap<[Arc<str>; 3], usize> = HashMap::new();
    for device in all {
        let id = [&device.org_id, &device.product, &device.key].map(Arc::clone);
        if let Some(&place) = places.get(&id) {
            devices[place] = device;
        } else {
            places.insert(id, devices.len());
            devices.push(device);
        }
    }
    devices
}

fn devices_of(job: &RunningJob, now: i64) -> impl Iterator<Item = Device> {
    let seen = job.now(now);
    let org_id: Arc<str> = job.info.org_id.as_str().into();
    job.tasks.iter().enumerate().map(move |(index, task)| Device {
        org_id: Arc::clone(&org_id),
        product: Arc::clone(&task.kind.product_key),
        key: Arc::clone(&task.device_key),
        version: Arc::clone(if seen.view(index).status == TaskStatus::Succeeded {
            &task.kind.to_version
        } else {
            &task.kind.from_version
        }),
        asset_id: task.ids.as_ref().and_then(|ids| ids.asset_id.clone()),
    })
}

impl Device {
    fn task(&self) -> Task {
        Task {
            product_key: Some(self.product.to_string()),
            from_version: Some(self.version.to_string()),
            asset_id: self.asset_id.as_deref().map(str::to_owned),
            ..Task::init(&*self.key)
        }
    }
}
