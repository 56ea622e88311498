//! A local EnOS API gateway and OTA service, to develop and test against without an account.
//!
//! An [`Emulator`] is a real HTTP server on a loopback port. It
//!
//! - issues and refreshes access tokens, and refuses an `encryption` that was sent before (1001);
//! - checks token, timestamp and signature of every call, with code of its own that it shares with no client;
//! - keeps the jobs and tasks of a [`Fleet`], and answers all nine actions of the OTA-job API (`create`, `get`,
//!   `search`, `searchTask`, `start`, `stop`, `delete`, `cancelTask`, `retryTask`) with the documented envelopes, codes
//!   and messages;
//! - moves tasks on from `init` to `succeeded` or `failed` as its [`Clock`] goes on, no more at a time than the job's
//!   `maximumConcurrency`;
//! - misbehaves when told to, with [`Fault`]s: latency, refusals by the gateway, proxy pages, cut connections, lost answers, dead tokens,
//!   reads that are behind, rows that cannot be read, pages that repeat themselves;
//! - takes no more calls by second, minute, hour or day than a [`Quota`] says, if there is one;
//! - waits in real time where it is told to wait, or on its clock, so that a rehearsal takes no time ([`Waits`]);
//! - counts, so that a test can assert that a device was retried exactly once.
//!
//! **Not for production.** It protects nothing, forgets everything when it stops, and is only as true to the platform
//! as the platform's public pages are complete: it was never compared with a live gateway.
//!
//! ```
//! use enos_ota_emulator::{DEMO_JOB_ID, Emulator, ManualClock, TaskStatus};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::builder().clock(ManualClock::starting_now()).start().await?;
//!
//! // These four go to the client under test.
//! println!("{} {}", emulator.base_url(), emulator.org_id());
//! println!("{} {}", emulator.app_key(), emulator.app_secret());
//!
//! // What became of a device, whatever the client was told.
//! let task = emulator.task(DEMO_JOB_ID, "pump-01").ok_or("the demo fleet has this device")?;
//! assert_eq!(task.status, Some(TaskStatus::Failed));
//! assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").ok_or("and its task")?.applied, 0);
//!
//! emulator.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # What is documented, and what is assumed
//!
//! "Documented" means that a public page of the platform says so. Everything else is a guess, made so that a client
//! which copes with the emulator should cope with the platform; most guesses can be switched. Those about tasks are
//! [`Readings`].
//!
//! | What | How it is here | Standing |
//! |---|---|---|
//! | Paths, envelopes, codes and messages of `token/get`, `token/refresh` and the nine actions | taken over by way of the OpenAPI document | documented; `create` has no codes of its own on any page |
//! | Signature, `encryption` | SHA-256 as the pages say; query names and values decoded, `+` a blank, of a repeated name only the first value | documented; decoding, `+` and repetition inferred from the vendor's samples |
//! | 15 minutes for the timestamp | both ends included | documented for API calls; that `token/get` checks it too is assumed |
//! | The timestamp of a token request | a number or text | a number is documented; text inferred, as known clients send it |
//! | The same token while it lives, 7200 s at first | `expire` is the rest of its life, rounded down | documented; the rest of its life inferred |
//! | The old token after a refresh | dies; [`OldToken`] | not documented |
//! | `stauts` instead of `status` | off; [`misspell_status`](EmulatorBuilder::misspell_status) | samples of EnOS 2.1 to 2.4.4 have it |
//! | Form of the gateway's rejections | HTTP 200 and the token service's envelope; [`GatewayStyle`] | not documented |
//! | The gateway's own refusals: paths that are not known (404), bodies that are too big (413), [`Fault::refused_by_gateway`] | `{"message":"..."}`, without a code | status and text documented (EnOS 2.0.8 to 2.1), but for 404, 502 and 504; those and the form inferred from the Kong gateway |
//! | A backend's timeout: [`Fault::backend_timeout`] | 504, and the service carries the call out | that it may carry it out documented, the status inferred |
//! | Codes of the gateway's rejections | 1202 a header missing, 1004 not readable, 1003 bad signature or timestamp outside the window, 1203 token not alive or not known | the codes are documented; which one stands for what is assumed, but for 1203 |
//! | `action` missing, `orgId` not known, `orgId` denied | 99400, 99400, 99403 with the sample's text | documented |
//! | Other arguments missing or not valid, unknown action | 99400 in the same manner | assumed |
//! | Members of a body that are not known | passed over | assumed |
//! | Order of the checks | quota, gateway, action, organization, job or firmware id, body, job, job running, tasks | assumed |
//! | A body where none is needed | none or `{}`; what is no JSON object is 99400. `get` takes POST too | `{}` and POST inferred from the vendor's Python sample; 99400 assumed |
//! | `start` of a started job 24615, `stop` of a stopped one 24616, `delete` of a running one 24618, `cancelTask` and `retryTask` of a stopped one 24617, any job that is not there 24404 | so | documented |
//! | A list in which only some tasks can be retried or cancelled | refused as a whole, 24621 or 24620; [`MixedList`] | not documented |
//! | A device without a task in the job | counts as one whose task is in the wrong state | not documented |
//! | A device key twice in one list | counts once | not documented |
//! | State after a retry | `init` | inferred |
//! | `taskId` after a retry | the same; [`TaskIdAfterRetry`] | not documented |
//! | `progress` and `desc` after a retry | 0 and empty; [`FailureAfterRetry`] | not documented |
//! | What moves `updateTime` | the status and reports of progress; [`UpdateTime`] | not documented |
//! | `searchTask` by `deviceKey` | taken; [`SearchByDeviceKey`] | documented for EnOS 2.4.0; that another version may refuse it is assumed |
//! | The clock of the platform | the emulator's, also in the header `Date`; [`clock_skew_ms`](EmulatorBuilder::clock_skew_ms) | not documented |
//! | Progress of a failed task | -1 to -5, the codes of the vendor's device SDKs; of a task that is built [`as_shown`](Task::as_shown) any number | negative is documented; the numbers inferred |
//! | A cancelled task | `failed` with the reason `Cancelled by user`, progress -1 | inferred from the vendor's Python sample; the progress assumed |
//! | A stopped job | its tasks stand still, their time to time out too | assumed |
//! | `maximumConcurrency`, 300 by default | so many tasks of a job are `published` or `upgrading`, the others wait as `init`, first come, first served | documented, but for the order |
//! | `upgradeTimeout`, 300 to 172800 s, 7200 by default | counts from `upgrading`, in a verify job from `published`; then the task is `failed`, progress -1, `Upgrade timed out after N s` | numbers and beginning documented; `failed` inferred; the text assumed |
//! | `create`: which arguments are mandatory | `type`, `upgradeScope`; of an upgrade job `upgradePolicy` and `enableUpgradeRequest` too; of a verify job the scope is `partial` | documented |
//! | `create`: numbers as text | taken, as in `pagination` | inferred from the vendor's Python sample |
//! | `create`: the firmware | any id is taken; that of another job of the organization brings its product, version and name | not documented |
//! | `create`: the new job | `stopped`; id of 24 hexadecimal digits | `stopped` inferred from the vendor's Java sample; the digits as in published samples |
//! | `create`: its tasks, scope `partial` | one for each of `deviceKeys`, known or not; nothing else selects devices here | assumed |
//! | `create`: its tasks, scope `total` | one for each device of the product that has a task in the fleet and runs one of `versionNumbers` (any, if there are none); of all products, if the product of the firmware is not known | assumed |
//! | `retryPolicy`, `schedulePolicy`, policy `incremental` | shown as given; nothing follows from them | a simplification of the emulator |
//! | Members of a job | all that the pages list; for a job of the fleet `upgradePolicy` null unless it names one, and the scope `total` with the job's `fromVersion` | listed by the pages; null and `total` as in the published sample |
//! | Whole numbers as text in answers | off; [`integers_as_text`](EmulatorBuilder::integers_as_text) | inferred from the vendor's Python sample |
//! | `search`, `searchTask`: fields, `=`, `in`, `like`, `and`, `or`, single quotes | so; anything else is 99400 with the reason | documented; the 99400 assumed |
//! | Double quotes, `.default` | taken | inferred from the vendor's samples |
//! | `and` and `or` together | `and` binds closer; no parentheses; no escape for a quote | assumed |
//! | `like` | the text contains the value, small and capital letters told apart; a language that a name does not have falls back to the default one | documented for searches of devices, but for the letters |
//! | Pages | `pageNo` from 1, mandatory in `pagination`; `pageSize` 1 to 200, 10 if absent; otherwise 99400; `sorters` 99400; an empty list beyond the end | numbers documented; 99400 and the empty list assumed |
//! | Order of `search` | latest first; within a millisecond the one that was created later | documented; within a millisecond assumed |
//! | Order of `searchTask` | job by job, each in an order that does not change | not documented |
//! | Limits of calls | none; with a [`quota`](EmulatorBuilder::quota) the rest is answered 429 | the 429, its text, and limits by minute, hour, day and month documented (EnOS 2.0.8 to 2.1), the numbers not |
//! | The body of that 429, windows that begin on the clock, the headers of [`QuotaHeaders`] | as those of the Kong gateway; no headers unless asked for | inferred |
//! | Nodes of the gateway | one; with [`nodes`](EmulatorBuilder::nodes) several, which learn late of new tokens and of requests to the others | inferred from the Kong gateway |
//! | Limits of the token service | none | not documented |
//! | Reads that are behind | off; [`stale_reads`](EmulatorBuilder::stale_reads), [`FaultKind::StaleReads`] | about 2 s documented |
//! | HTTP status of the platform's own failures | 200 | inferred from known clients |
//! | Greatest number of device keys, size of a body | none, [64 MiB](EmulatorBuilder::max_request_bytes) | the 413 and its text documented (EnOS 2.0.8 to 2.1), the size and the number of keys not |
//! | Head of a request | 64 KiB and 100 headers, [10 s](EmulatorBuilder::request_timeout) | the emulator's own limits |
//! | Connections | [1,024](EmulatorBuilder::max_connections); beyond, the one without a request for longest is closed | the emulator's own limit |
//!
//! # Endpoints of its own
//!
//! For tests in other languages. None of the platform's paths begins like these. They are answered only if `Host` is a
//! loopback address or `localhost`, with the emulator's port, and if there is no `Origin` or the same one (403): a web
//! page must not control the emulator. With [`allow_remote`](EmulatorBuilder::allow_remote) any `Host` will do.
//!
//! | Endpoint | What it does |
//! |---|---|
//! | `GET /_emulator/state` | jobs, tasks (at most 1000 a job, `?tasks=N` for more), counters, faults |
//! | `GET /_emulator/requests` | the last 10,000 requests and their answers, without tokens and signatures, and of the bodies only the expression of a search, as far as 1000 characters go |
//! | `GET`, `POST`, `DELETE /_emulator/faults` | shows, adds, clears faults; the JSON is described at [`Fault`] |
//! | `GET`, `PUT`, `DELETE /_emulator/quota` | shows, sets, lifts the limit of calls; the JSON is described at [`Quota`] |
//! | `POST /_emulator/clock/advance` | `{"ms": N}`; only with a [`ManualClock`] |
//! | `POST /_emulator/tokens/kill` | all tokens die |

mod action;
mod actions;
mod answer;
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
pub use faults::{Fault, FaultBody, FaultKind, FaultQueue, OddRows, Oddity, RetryAfter, Scope};
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
