//! Jobs that `create` makes, and the devices that they may have.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use enos_ota_client::types::CreateJobRequest;
use serde_json::Value;

use super::World;
use super::job::RunningJob;
use super::seen::Seen;
use crate::fleet::{DEFAULT_CONCURRENCY, DEFAULT_UPGRADE_TIMEOUT, Job, Task, default};
use crate::model::{JobInfo, TaskStatus, UpgradeScope, UpgradeScopeType};

/// A job to be created, its arguments checked.
#[derive(Debug)]
pub(crate) struct NewJob<'a> {
    pub(crate) org_id: &'a str,
    pub(crate) firmware_id: &'a str,
    pub(crate) request: CreateJobRequest,
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
    pub(crate) fn create(&mut self, job_id: &str, new: NewJob<'_>, now: i64) -> usize {
        let NewJob {
            org_id,
            firmware_id,
            request,
        } = new;
        let alike = self.jobs.values().find(|job| {
            let same_firmware = job.info.firmware_id.as_deref() == Some(firmware_id);
            job.org_id == org_id && same_firmware
        });
        let alike = alike.map(|job| job.info.clone()).unwrap_or_default();
        let version = alike.firmware_version.unwrap_or_else(|| default::TO_VERSION.to_owned());
        let named_product = request.upgrade_scope.product_key.as_ref().and_then(Value::as_str);
        let product_key = named_product.map(str::to_owned).or(alike.product_key);
        let tasks = self.tasks_for(org_id, &request.upgrade_scope, product_key.as_deref(), now);
        let count = tasks.len();

        let or_default = |number: Option<i64>, default| number.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
        let mut job = Job::stopped(job_id)
            .org_id(org_id)
            .firmware_id(firmware_id)
            .firmware_version(version.clone())
            .job_type(request.type_)
            .upgrade_timeout(or_default(request.upgrade_timeout, DEFAULT_UPGRADE_TIMEOUT))
            .maximum_concurrency(or_default(request.maximum_concurrency, DEFAULT_CONCURRENCY))
            .create_time(now)
            .versions(default::FROM_VERSION, version)
            .with_tasks(tasks);
        if let Some(product_key) = &product_key {
            job = job.product_key(product_key);
        }
        let mut job = RunningJob::new(job, "", (self.pace, self.readings), now);
        job.info = JobInfo {
            product_key,
            name: request.name,
            firmware_name: alike.firmware_name,
            enable_upgrade_request: request.enable_upgrade_request,
            upgrade_policy: request.upgrade_policy,
            upgrade_scope: Some(request.upgrade_scope),
            retry_policy: request.retry_policy,
            schedule_policy: request.schedule_policy,
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
    fn tasks_for(&self, org_id: &str, scope: &UpgradeScope, product_key: Option<&str>, now: i64) -> Vec<Task> {
        let mut devices = self.devices(org_id, now);
        devices.retain(|device| product_key.is_none_or(|key| key == &*device.product));
        let versions = scope.version_numbers.as_deref().unwrap_or_default();
        let mut keys = HashSet::new();
        if scope.type_ == Some(UpgradeScopeType::Total) {
            return devices
                .iter()
                .filter(|device| versions.is_empty() || versions.iter().any(|version| **version == *device.version))
                // A device key may occur in two products, but only once in a job.
                .filter(|device| keys.insert(&*device.key))
                .map(Device::task)
                .collect();
        }
        let mut known: HashMap<&str, &Device> = HashMap::new();
        for device in &devices {
            known.entry(&device.key).or_insert(device);
        }
        let from = versions.first().map_or(default::FROM_VERSION, String::as_str);
        let unknown = |key: &str| Task {
            from_version: Some(from.to_owned()),
            ..Task::init(key)
        };
        let named = scope.device_keys.iter().flatten().map(|key| key.as_str());
        named
            .filter(|key| keys.insert(*key))
            .map(|key| known.get(key).map_or_else(|| unknown(key), |device| device.task()))
            .collect()
    }

    /// The devices of an organization, each once, with the version that it runs by the latest of its tasks.
    fn devices(&self, org_id: &str, now: i64) -> Vec<Device> {
        let retired = self.retired.iter().filter(|device| &*device.org_id == org_id).cloned();
        let jobs = self.jobs.values().filter(|job| job.org_id == org_id);
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
    let seen = Seen::now(job, now);
    let org_id: Arc<str> = job.org_id.as_str().into();
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
