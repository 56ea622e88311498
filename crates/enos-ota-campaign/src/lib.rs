//! Retries for whole fleets.

mod device_line;
mod devices;
pub mod drift;
mod history;
pub mod journal;
mod outcome;
mod pace;
mod plan;
mod selection;
mod texts;

pub use devices::{DeviceId, Devices, PushError, TaskFacts};
pub use history::{Budget, BudgetVerdict, History, HistoryError};
pub use outcome::{Fate, Outcome, Summary};
pub use plan::{Count, PLAN_SCHEMA, Plan, PlanError, PlanHeader, PlanProblem, PlanSummary, VersionCount};
pub use selection::{
    Cause, CauseError, Criteria, Exclusion, LeftOut, LookedUp, Named, Pattern, PatternError, Patterns, ReadProgress,
    Reader, SelectError, Selected, Selection, TaskState, Verdict, Why, read_named,
};
