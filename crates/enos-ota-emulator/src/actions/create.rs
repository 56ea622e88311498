//! `action=create`: creates a job.

use enos_ota_client::types::CreateJobRequest;
use serde_json::{Map, Value};

use super::arguments::{self, Arguments};
use super::{Call, Notes, Refusal, Reply, org_id};
use crate::answer::Data;
use crate::fleet::UPGRADE_TIMEOUTS;
use crate::model::{JobType, UpgradePolicy, UpgradeScopeType};
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
    let request = new_job(arguments::needed(call.body)?)?;
    notes.device_keys = request.upgrade_scope.device_keys.as_ref().map(Vec::len);
    let new = NewJob {
        org_id,
        firmware_id,
        request,
    };

    let mut job_id = random.object_id(call.now);
    while world.has_job(&job_id) {
        job_id = random.object_id(call.now);
    }
    notes.applied = world.create(&job_id, new, call.now);
    notes.created_job_id = Some(job_id.clone());
    Ok(Reply::data(Data::Created { job_id }))
}

/// Which arguments there are, which are mandatory for which type, and the bounds of `upgradeTimeout` are documented. What
/// is wrong is named before the whole is read as what the spec says, which names only the first mistake, and not its place.
fn new_job(mut body: Map<String, Value>) -> Result<CreateJobRequest, Refusal> {
    let request = Arguments::of(&body);
    let job_type: JobType = request.word("type")?.ok_or_else(|| request.missing("type"))?;
    check_name(&request)?;
    check_scope(&request, &job_type)?;
    let policy: Option<UpgradePolicy> = request.word("upgradePolicy")?;
    let enable = request.boolean("enableUpgradeRequest")?;
    if job_type == JobType::Upgrade {
        policy.ok_or_else(|| request.missing("upgradePolicy"))?;
        enable.ok_or_else(|| request.missing("enableUpgradeRequest"))?;
    }
    let timeouts = i64::from(*UPGRADE_TIMEOUTS.start())..=i64::from(*UPGRADE_TIMEOUTS.end());
    let upgrade_timeout = request.integer("upgradeTimeout", timeouts)?;
    // An `Integer`, by the pages; that it is at least 1 is inferred.
    let maximum_concurrency = request.integer("maximumConcurrency", 1..=i64::from(i32::MAX))?;
    // The members of the policies are inferred from the vendor's Python sample. The emulator only shows them again.
    if let Some(policy) = request.object("retryPolicy")? {
        policy.boolean("enableRetry")?;
        check_integers(&policy, &["retryInterval", "retryCount"])?;
    }
    if let Some(policy) = request.object("schedulePolicy")? {
        policy.boolean("isRepeatDaily")?;
        check_integers(&policy, &["startTimestamp", "endTimestamp", "timezoneOffsetInMinutes"])?;
    }

    // They may have come as text, and the spec says numbers.
    body.remove("upgradeTimeout");
    body.remove("maximumConcurrency");
    let invalid = |error: serde_json::Error| Refusal::invalid("body", &format!("is not a job: {error}"));
    let mut request: CreateJobRequest = serde_json::from_value(body.into()).map_err(invalid)?;
    if let Some(name) = &mut request.name {
        name.i18n_value.get_or_insert_default();
    }
    Ok(CreateJobRequest {
        upgrade_timeout,
        maximum_concurrency,
        ..request
    })
}

fn check_name(request: &Arguments<'_>) -> Result<(), Refusal> {
    let Some(name) = request.object("name")? else {
        return Ok(());
    };
    name.text("defaultValue")?.ok_or_else(|| name.missing("defaultValue"))?;
    match name.object("i18nValue")? {
        None => Ok(()),
        Some(locales) => locales.all_texts(),
    }
}

fn check_scope(request: &Arguments<'_>, job_type: &JobType) -> Result<(), Refusal> {
    let scope = request.object("upgradeScope")?;
    let scope = scope.ok_or_else(|| request.missing("upgradeScope"))?;
    let scope_type: UpgradeScopeType = scope.word("type")?.ok_or_else(|| scope.missing("type"))?;
    if *job_type == JobType::Verify && scope_type != UpgradeScopeType::Partial {
        return Err(scope.invalid("type", "is not partial, as a verify job needs it"));
    }
    scope.texts("versionNumbers", "a version")?;
    scope.texts("deviceKeys", "a device key")?;
    Ok(())
}

fn check_integers(policy: &Arguments<'_>, members: &[&str]) -> Result<(), Refusal> {
    let mut numbers = members.iter().map(|member| policy.integer(member, i64::MIN..=i64::MAX));
    numbers.try_for_each(|number| number.map(drop))
}
