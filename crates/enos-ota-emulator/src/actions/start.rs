//! `action=start`: starts a stopped job.

use enos_ota_client::StartJobErrorCode as Code;

use super::{Call, Refusal, Reply, arguments, org_and_job};
use crate::model::JobStatus;
use crate::state::{JobRefusal, World};

pub(super) fn call(world: &mut World, call: &Call<'_>) -> Result<Reply, Refusal> {
    let job = org_and_job(world, call)?;
    arguments::none(call.body)?;
    world.switch_job(job, JobStatus::Started, call.now).map_err(|refusal| {
        Refusal::plain(match refusal {
            JobRefusal::NotFound => Code::JobNotFound,
            JobRefusal::WrongStatus => Code::JobHasStarted,
        })
    })?;
    Ok(Reply::default())
}
