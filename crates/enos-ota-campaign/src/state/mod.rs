//! What is known of each device of a campaign: one table, changed by one function.

mod interner;
mod table;

pub(crate) use interner::{Interner, Symbol};
pub(crate) use table::{Applied, Contradiction};
pub use table::{DeviceState, DeviceTable, Standing};
