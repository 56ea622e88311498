//! Retries of many devices: from the options to the last words.

mod budget;
mod carry_out;
pub(crate) mod command_line;
mod conduct;
mod confirmation;
mod display;
mod ending;
pub(crate) mod journals;
mod lines;
mod overview;
pub(crate) mod plan_file;
mod progress_view;
mod run;
pub(crate) mod select;
mod settings;
pub(crate) mod watch;
mod wave_verdict;

pub(crate) use budget::needs_facts;
pub(crate) use carry_out::{Request, carry_out, columns_of_output, fold_for_output, rehearse, resume};
pub(crate) use display::Display;
pub(crate) use lines::unsent;
pub(crate) use overview::{of_drift, overview_of};
use settings::settings_of;
