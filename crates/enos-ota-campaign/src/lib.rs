//! Retries for whole fleets.

mod calls;
mod campaign;
mod core;
mod device_line;
mod devices;
pub mod drift;
mod drive;
mod event;
mod history;
pub mod journal;
mod ledger;
mod outcome;
mod pace;
mod plan;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
mod selection;
mod settings;
mod texts;
mod time;
mod watch;
mod waves;

pub use campaign::{Campaign, Controller, Ending, Finished, Running};
pub use devices::{DeviceId, Devices, PushError, TaskFacts};
pub use event::{Calls, Event, Phase, Progress};
pub use history::{Budget, BudgetVerdict, History, HistoryError};
pub use ledger::{Ledger, Standing};
pub use outcome::{Fate, Outcome, Summary};
pub use plan::{Count, PLAN_SCHEMA, Plan, PlanError, PlanHeader, PlanProblem, PlanSummary, VersionCount};
pub use selection::{
    Cause, CauseError, Criteria, Exclusion, LeftOut, LookedUp, Named, Pattern, PatternError, Patterns, ReadProgress,
    Reader, SelectError, Selected, Selection, TaskState, Verdict, Why, read_named,
};
pub use settings::{AbortAbove, Settings, WaveSize, Waves};
pub use time::{Time, VirtualClock};
