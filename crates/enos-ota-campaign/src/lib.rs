#![doc = include_str!("../README.md")]

mod campaign;
mod control;
mod device_line;
mod devices;
pub mod drift;
mod ending;
mod engine;
mod event;
mod history;
pub mod journal;
mod outcome;
mod plan;
mod rate;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
mod selection;
mod settings;
mod state;
mod time;
mod wait;
mod watcher;
mod waves;

pub use campaign::{Campaign, Running};
pub use control::Controller;
pub use devices::{DeviceId, Devices, PushError, Seen, TaskFacts};
pub use ending::{Confirmation, Ending, Finished};
pub use event::{Calls, Event, Phase, Progress, Stages};
pub use history::{Budget, BudgetVerdict, History, HistoryError};
pub use outcome::{Fate, Outcome, Summary};
pub use plan::{Count, PLAN_SCHEMA, Plan, PlanError, PlanHeader, PlanProblem, PlanSummary, VersionCount};
pub use selection::{
    Cause, CauseError, Criteria, Exclusion, LeftOut, LookedUp, Named, OddRows, Pattern, PatternError, Patterns,
    ReadProgress, Reader, SelectError, Selected, Selection, TaskState, Verdict, Why, read_named,
};
pub use settings::{AbortAbove, Settings, WaveSize, Waves};
pub use state::{DeviceState, DeviceTable, Standing};
pub use time::{Time, VirtualClock};
pub use watcher::{Sight, WatchEnd, WatchEvent, Watcher};
