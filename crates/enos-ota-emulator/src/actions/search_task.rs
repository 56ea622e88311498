//! `action=searchTask`: returns the tasks that meet an expression, a page at a time.

use super::{Call, Notes, Refusal, Reply, arguments, org_id};
use crate::answer::Data;
use crate::state::World;

pub(super) fn call(world: &mut World, call: &Call<'_>, notes: &mut Notes) -> Result<Reply, Refusal> {
    let org_id = org_id(world, call)?;
    let search = arguments::search(call.body)?;
    let found = world.search_tasks(org_id, &search.expression, search.page, call.when());
    notes.search = Some(search.record.found(found.total));
    Ok(Reply::page(found, search.page, Data::Tasks))
}
