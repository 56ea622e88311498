//! `action=search`: returns the jobs that meet an expression, a page at a time.

use super::{Call, Notes, Refusal, Reply, arguments, org_id};
use crate::answer::{Data, ShownJob};
use crate::state::World;

pub(super) fn call(world: &mut World, call: &Call<'_>, notes: &mut Notes) -> Result<Reply, Refusal> {
    let org_id = org_id(world, call)?;
    let search = arguments::search(call.body)?;
    let found = world.search_jobs(org_id, &search.expression, call.shown(search.page), call.when());
    notes.search = Some(search.record.found(found.total));
    Ok(call.page(found, search.page, |jobs| {
        Data::Jobs(jobs.into_iter().map(ShownJob).collect())
    }))
}
