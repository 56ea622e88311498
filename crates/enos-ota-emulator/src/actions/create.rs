//! `action=create`: creates a job.

use super::arguments::Arguments;
use super::{Call, Notes, Refusal, Reply, org_id};
use crate::answer::Data;
use crate::fleet::{DEFAULT_CONCURRENCY, DEFAULT_UPGRADE_TIMEOUT, UPGRADE_TIMEOUTS};
use crate::model::{JobType, UpgradePolicy};
use crate::model::{ScopeType, UpgradeScope};
use crate::random::Random;
use crate::state::{NewJob, World};

pub(super) fn call(
    world: &mut World,
    random: &mut Random,
    call: &Call<'_>,
    notes: &mut Notes,
) -> Result<Reply, Refusal> {
    let org_id = org_id(world, call)?;
    let firmware_id = call
        .query
        .non_empty("firmwareId")
        .ok_or_else(|| Refusal::missing("firmwareId"))?;
    let new = new_job(org_id, firmware_id, Arguments::needed(call.body)?)?;
    notes.device_keys = new.scope.device_keys.as_ref().map(Vec::len);

    let mut job_id = random.object_id(call.now);
    while world.has_job(&job_id) {
        job_id = random.object_id(call.now);
    }
    notes.applied = world.create(&job_id, new, call.now);
    notes.created_job_id = Some(job_id.clone());
    Ok(Reply::data(Data::Created { job_id }))
}

/// Which arguments there are, which are mandatory for which type, and the bounds of `upgradeTimeout` are documented.
fn new_job(org_id: &str, firmware_id: &str, mut request: Arguments) -> Result<NewJob, Refusal> {
    let types = [JobType::Upgrade, JobType::Verify].map(|known| (known.as_str(), known));
    let job_type = request.word("type", &types)?.ok_or_else(|| request.missing("type"))?;
    let name = request.i18n("name")?;
    let scope = upgrade_scope(&mut request, job_type)?;

    let policies = [UpgradePolicy::Snapshot, UpgradePolicy::Incremental].map(|known| (known.as_str(), known));
    let upgrade_policy = request.word("upgradePolicy", &policies)?;
    let enable_upgrade_request = request.boolean("enableUpgradeRequest")?;
    match job_type {
        JobType::Upgrade if upgrade_policy.is_none() => return Err(request.missing("upgradePolicy")),
        JobType::Upgrade if enable_upgrade_request.is_none() => return Err(request.missing("enableUpgradeRequest")),
        JobType::Upgrade | JobType::Verify => {}
    }

    let timeouts = i64::from(*UPGRADE_TIMEOUTS.start())..=i64::from(*UPGRADE_TIMEOUTS.end());
    let upgrade_timeout = request.integer("upgradeTimeout", timeouts)?;
    // An `Integer`, by the pages; that it is at least 1 is inferred.
    let maximum_concurrency = request.integer("maximumConcurrency", 1..=i64::from(i32::MAX))?;
    let retry_policy = repeated(
        &mut request,
        "retryPolicy",
        &["enableRetry"],
        &["retryInterval", "retryCount"],
    )?;
    let schedule_policy = repeated(
        &mut request,
        "schedulePolicy",
        &["isRepeatDaily"],
        &["startTimestamp", "endTimestamp", "timezoneOffsetInMinutes"],
    )?;
    let or_default = |number: Option<i64>, default| number.and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    Ok(NewJob {
        org_id: org_id.to_owned(),
        firmware_id: firmware_id.to_owned(),
        name,
        job_type,
        scope,
        upgrade_policy,
        enable_upgrade_request,
        upgrade_timeout: or_default(upgrade_timeout, DEFAULT_UPGRADE_TIMEOUT),
        retry_policy,
        schedule_policy,
        maximum_concurrency: or_default(maximum_concurrency, DEFAULT_CONCURRENCY),
    })
}

fn upgrade_scope(request: &mut Arguments, job_type: JobType) -> Result<UpgradeScope, Refusal> {
    let mut scope = request
        .object("upgradeScope")?
        .ok_or_else(|| request.missing("upgradeScope"))?;
    let types = [("total", ScopeType::Total), ("partial", ScopeType::Partial)];
    let scope_type = scope.word("type", &types)?.ok_or_else(|| scope.missing("type"))?;
    if job_type == JobType::Verify && scope_type != ScopeType::Partial {
        return Err(scope.invalid("type", "is not partial, as a verify job needs it"));
    }
    Ok(UpgradeScope {
        scope_type,
        version_numbers: scope.texts("versionNumbers", "a version")?,
        device_keys: scope.texts("deviceKeys", "a device key")?,
        // Neither the forms of the other members are documented, nor does the emulator need them.
        others: scope.rest(),
    })
}

/// A policy that is only repeated by `get` and `search`. Its members are inferred from the vendor's Python sample.
fn repeated(
    request: &mut Arguments,
    member: &str,
    booleans: &[&str],
    integers: &[&str],
) -> Result<Option<serde_json::Value>, Refusal> {
    let Some(mut policy) = request.object(member)? else {
        return Ok(None);
    };
    let mut checked = serde_json::Map::new();
    for name in booleans {
        if let Some(value) = policy.boolean(name)? {
            checked.insert((*name).to_owned(), value.into());
        }
    }
    for name in integers {
        if let Some(value) = policy.integer(name, i64::MIN..=i64::MAX)? {
            checked.insert((*name).to_owned(), value.into());
        }
    }
    checked.extend(policy.rest());
    Ok(Some(checked.into()))
}
