//! `action=get`: returns a job.

use enos_ota_client::GetJobErrorCode as Code;

use super::{Call, Refusal, Reply, arguments, org_and_job};
use crate::answer::{Data, ShownJob};
use crate::state::World;

pub(super) fn call(world: &mut World, call: &Call<'_>) -> Result<Reply, Refusal> {
    let (org_id, job_id) = org_and_job(world, call)?;
    arguments::none(call.body)?;
    let info = world
        .job_info(org_id, job_id, call.when())
        .ok_or_else(|| Refusal::plain(Code::JobNotFound))?;
    Ok(Reply::data(Data::Job(Box::new(ShownJob(info)))))
}
