//! `action=start`: starts a stopped job.

use enos_ota_client::StartJobErrorCode as Code;

use super::{Call, Refusal, Reply, arguments, org_and_job};
use crate::state::{JobRefusal, Switch, World};

pub(super) fn call(world: &mut World, call: &Call<'_>) -> Result<Reply, Refusal> {
    let job = org_and_job(world, call)?;
    arguments::none(call.body)?;
    world.switch_job(job, Switch::Start, call.now).map_err(|refusal| {
        Refusal::plain(match refusal {
            JobRefusal::NotFound => Code::JobNotFound,
            JobRefusal::WrongStatus => Code::JobHasStarted,
        })
    })?;
    Ok(Reply::default())
}
