//! When to ask again for something that cannot begin now.

pub(crate) use enos_ota_rate::Wait;
