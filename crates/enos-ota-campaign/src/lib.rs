//! Retries for whole fleets: restarts the failed OTA upgrades of a job on the EnOS IoT platform until every device has
//! exactly one outcome.
//!
//! The platform retries a list of device keys and returns no results for single devices. A whole list may be refused for
//! one task that is not failed, and how long a list may be is not documented. Reads are about two seconds behind, and
//! after a lost answer nobody knows what was done. A [`Campaign`] deals with all of it:
//!
//! ```no_run
//! use std::num::NonZeroUsize;
//! use std::path::Path;
//!
//! use enos_ota::Client;
//! use enos_ota_campaign::journal::{BeginDetails, Journal};
//! use enos_ota_campaign::{Campaign, Event, Plan, Selection, Settings};
//!
//! # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
//! let job_id = "5ed758ca49f032b4663063aa".parse()?;
//!
//! // Which devices? All that have failed, but for those that a person has cancelled.
//! let selection = Selection::default();
//! let selected = selection.read(&client, &job_id, |_| ()).await?;
//! let lists_of = NonZeroUsize::new(200).ok_or("not zero")?;
//! let plan = Plan::of_selected(job_id, client.org_id().clone(), selection, lists_of, 0, selected);
//!
//! // What is done is written down, before and after, so that another process can go on with it.
//! let settings = Settings::default();
//! let mut details = BeginDetails::default();
//! details.settings = serde_json::to_value(&settings)?;
//! let journal = Journal::create(Path::new("journal.jsonl"), &plan, details)?;
//!
//! let mut running = Campaign::new(&client, plan, settings).journal(journal).start();
//! while let Some(event) = running.next_event().await {
//!     if let Event::Settled { devices, outcome, .. } = event {
//!         println!("{} devices are {outcome}", devices.len());
//!     }
//! }
//! let finished = running.finish().await?;
//! println!("{:?}: {:?}", finished.ending, finished.table.summary());
//! # Ok(())
//! # }
//! ```
//!
//! # What it takes care of
//!
//! | Concern | What happens | More |
//! |---|---|---|
//! | Which devices | Those that a person names, or all that have failed, by reason, version, cause, time; read as a whole before the first retry | [`Selection`] |
//! | What is going to be done | A plan, which is a file that can be read, compared and kept; before an old one is applied, what has changed since | [`Plan`], [`drift`] |
//! | A list refused for one device | Searches find the devices to blame, and the rest is sent again; whether the platform retries the others of such a list is found out, not assumed | [`Campaign`] |
//! | A lost answer | A search tells, 2.5 s later; nothing that may have been done is sent again before | [`Settings::lag`] |
//! | A row that cannot be read | It is named and set apart; nothing is concluded from what is not found beside it | [`OddRows`] |
//! | The gateway's limit of calls (documented; the numbers are not) | What it announces is followed. Otherwise it is found by trial: more calls while all goes well, fewer when it throttles, none while it asks to wait | [`Settings::rate`] |
//! | A firmware that fails | A few devices first, and the others only if those succeed | [`Waves`] |
//! | A device that never succeeds | A maximum of attempts for each version, over all campaigns | [`Budget`], [`History`] |
//! | A crash, a power failure, Ctrl-C | The journal: append-only, synced before a list is sent and after it is answered | [`journal`] |
//! | What became of the devices | Searches follow them, in bulk, less often the less happens | [`Settings::watch`], [`DeviceTable`] |
//! | Doubts | A rehearsal: the same plan and the same code, in virtual time, with faults | `rehearsal`, with the feature of that name |
//!
//! # What is promised
//!
//! At the end, every device has exactly one [`Outcome`], and the outcomes add up. No device that is known to be accepted
//! is sent again, whatever happens to the process, the disk or the gateway. A task that fails again *after* its retry is
//! left as it is.
//!
//! A device is [`Outcome::Accepted`] only on evidence about that device. The platform accepted a call that carried it, or
//! a search shows that its task has changed as only a retry changes it. For that, it was seen `failed` before the call,
//! and it has left `failed` after it, or a field has changed that tasks which were not sent have kept. Neither a later time
//! by itself, nor a part of a list, nor another device is evidence. What nobody can find out is [`Outcome::Unknown`], and
//! nothing else.
//!
//! Two cases look the same to every client. All tasks of a list may have been retried by somebody else just when its call
//! was lost. And a platform may accept a list and pass over a task that has left `failed` since the last look. Such devices
//! are accepted. The confirmation at the end shows a task that is still `failed` as such ([`Fate::StillFailed`]).
//!
//! # Cargo features
//!
//! - `rehearsal`: [`Campaign`]s on an emulator in the same process.

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
