//! Retries of many devices: from the options to the last words.

mod budget;
mod conduct;
mod confirmation;
mod display;
mod ending;
pub(crate) mod journals;
mod overview;
mod picture;
pub(crate) mod plan_file;
mod retry;
pub(crate) mod select;
mod settings;
pub(crate) mod watch;

pub(crate) use budget::needs_facts;
pub(crate) use display::Display;
pub(crate) use overview::{of_drift, overview_of};
pub(crate) use retry::{Request, carry_out, columns_of_output, rehearse, resume, unsent};
use settings::settings_of;
