//! `action=delete`: deletes a stopped job.

use enos_ota_client::DeleteJobErrorCode as Code;

use super::{Call, Refusal, Reply, arguments, org_and_job};
use crate::state::{JobRefusal, World};

pub(super) fn call(world: &mut World, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (org_id, job_id) = org_and_job(world, call)?;
    arguments::none(call.body)?;
    world.delete_job(org_id, job_id, call.now).map_err(|refusal| {
        Refusal::plain(match refusal {
            JobRefusal::NotFound => Code::JobNotFound,
            JobRefusal::WrongStatus => Code::JobRunning,
        })
    })?;
    Ok(Reply::default())
}
