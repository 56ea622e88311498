//! `action=searchTask`: returns the tasks that meet an expression, a page at a time.

use super::{Call, Notes, Refusal, Reply, arguments, org_id};
use crate::answer::Data;
use crate::readings::SearchByDeviceKey;
use crate::state::{TaskField, World};

pub(super) fn call(world: &mut World, call: &Call<'_>, notes: &mut Notes) -> Result<Reply, Refusal> {
    let org_id = org_id(world, call)?;
    let search = arguments::search(call.body)?;
    if call.search_by_device_key == SearchByDeviceKey::Refused && search.expression.has(TaskField::DeviceKey) {
        // The words are the emulator's own, as for any field that is not known.
        return Err(Refusal::invalid(
            "expression",
            "has the field `deviceKey`, which is not supported",
        ));
    }
    let found = world.search_tasks(org_id, &search.expression, call.shown(search.page), call.when());
    notes.search = Some(search.record.found(found.total));
    Ok(call.page(found, search.page, Data::Tasks))
}
