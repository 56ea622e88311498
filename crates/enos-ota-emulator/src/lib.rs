#![doc = include_str!("../README.md")]
#![doc = include_str!("../docs/documented-and-assumed.md")]

mod action;
mod actions;
mod answer;
mod apply;
mod builder;
mod clock;
mod emulator;
mod expression;
mod faults;
mod fleet;
mod gateway;
mod journal;
mod model;
mod random;
mod readings;
mod reason;
mod refusal;
mod server;
mod service;
mod setters;
mod shared;
mod signature;
mod state;
mod token;
mod waits;
mod wire;

pub use action::Action;
pub use builder::{DEMO_APP_KEY, DEMO_APP_SECRET, EmulatorBuilder, StartError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use emulator::Emulator;
pub use faults::{Fault, FaultBody, FaultKind, FaultQueue, ForeignAnswer, OddRows, Oddity, RetryAfter, Scope};
pub use fleet::{
    DEMO_DENIED_ORG_ID, DEMO_FLEET_JOB_ID, DEMO_JOB_ID, DEMO_ORG_ID, DEMO_STOPPED_JOB_ID, Fleet, FleetError, Job,
    Outcome, Task, TaskTimes,
};
pub use gateway::GatewayStyle;
pub use gateway::quota::{Quota, QuotaError, QuotaHeaders, Window};
pub use journal::{ActionCount, ActionCounters, AnswerRecord, Counters, RequestRecord, SearchRecord};
pub use model::{
    JobInfo, JobState, JobStatus, JobType, RetryCount, StringI18n, Tally, TaskInfo, TaskStatus, UpgradePolicy,
    UpgradeScope, UpgradeScopeType,
};
pub use readings::{FailureAfterRetry, MixedList, Readings, SearchByDeviceKey, TaskIdAfterRetry, UpdateTime};
pub use state::Pace;
pub use token::OldToken;
pub use waits::Waits;
