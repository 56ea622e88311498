//! Retries for whole fleets.

mod device_line;
mod devices;
pub mod journal;
mod outcome;
mod pace;
mod plan;
mod selection;
mod texts;

pub use devices::{DeviceId, Devices, PushError, TaskFacts};
pub use outcome::{Fate, Outcome, Summary};
pub use plan::{PLAN_SCHEMA, Plan, PlanHeader};
pub use selection::Selection;
