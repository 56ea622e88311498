//! `action=retryTask`: restarts failed tasks.

use enos_ota_client::RetryTaskErrorCode as Code;

use super::arguments::device_keys;
use super::{Call, Notes, Refusal, Reply, org_and_job};
use crate::state::{TaskChange, TaskRefusal, World};

pub(super) fn call(world: &mut World, call: &Call<'_>, notes: &mut Notes) -> Result<Reply, Refusal> {
    let keys = device_keys(call.body);
    // The journal tells how many devices a call named even if the call is refused.
    notes.device_keys = keys.as_ref().ok().map(Vec::len);
    let job = org_and_job(world, call)?;
    notes.applied = world
        .change_tasks(job, &keys?, TaskChange::Retry, call.mixed_list, call.now)
        .map_err(|refusal| {
            Refusal::plain(match refusal {
                TaskRefusal::JobNotFound => Code::JobNotFound,
                TaskRefusal::JobNotRunning => Code::JobNotRunning,
                TaskRefusal::WrongStatus => Code::TaskNotFailed,
            })
        })?;
    Ok(Reply::default())
}
