//! The actions of `/connect-service/v2.1/ota-jobs`, a file each. The gateway has let the call through already.

mod arguments;
mod cancel_task;
mod create;
mod delete;
mod get;
mod retry_task;
mod search;
mod search_task;
mod start;
mod stop;

use axum::http::Method;
use enos_ota_client::types::PageInfo;
use enos_ota_client::{
    CancelTaskErrorCode, CreateJobErrorCode, DeleteJobErrorCode, ErrorCode, GetJobErrorCode, RetryTaskErrorCode,
    SearchJobsErrorCode, SearchTasksErrorCode, StartJobErrorCode, StopJobErrorCode,
};

use crate::action::Action;
use crate::answer::{Answer, Data, page_info};
use crate::journal::SearchRecord;
use crate::random::Random;
use crate::readings::{MixedList, SearchByDeviceKey};
use crate::signature::Query;
use crate::state::{Found, OrgAccess, Page, When, World};

/// A call of an action.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a [u8],
    pub(crate) now: i64,
    /// By how much reads are behind.
    pub(crate) lag_ms: i64,
    pub(crate) mixed_list: MixedList,
    pub(crate) search_by_device_key: SearchByDeviceKey,
    /// What a search says there is in all, while it shows its first page for each.
    pub(crate) repeat_first_page: Option<u64>,
}

impl Call<'_> {
    fn when(&self) -> When {
        When {
            now: self.now,
            lag_ms: self.lag_ms,
        }
    }

    /// The page that is shown to somebody who asks for one.
    fn shown(&self, asked: Page) -> Page {
        let number = if self.repeat_first_page.is_some() {
            1
        } else {
            asked.number
        };
        Page { number, ..asked }
    }

    /// A page of what was found.
    fn page<T>(&self, found: Found<T>, asked: Page, data: impl FnOnce(Vec<T>) -> Data) -> Reply {
        let claimed = self
            .repeat_first_page
            .map(|total| usize::try_from(total).unwrap_or(usize::MAX));
        Reply {
            pagination: Some(page_info(asked, claimed.unwrap_or(found.total))),
            data: data(found.items),
        }
    }
}

/// What an action came to: an answer with code 0, or a refusal.
pub(crate) struct Done {
    pub(crate) result: Result<Reply, Refusal>,
    pub(crate) notes: Notes,
}

/// What the journal tells of a call, even of one that is refused.
#[derive(Default)]
pub(crate) struct Notes {
    /// How many devices the request named, if it named any.
    pub(crate) device_keys: Option<usize>,
    /// How many tasks it changed or made.
    pub(crate) applied: usize,
    pub(crate) created_job_id: Option<String>,
    pub(crate) search: Option<SearchRecord>,
}

/// What goes into an answer with code 0.
#[derive(Default)]
pub(crate) struct Reply {
    pub(crate) data: Data,
    pub(crate) pagination: Option<PageInfo>,
}

impl Reply {
    fn data(data: Data) -> Self {
        Self { data, pagination: None }
    }
}

/// A code with its text.
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) msg: String,
}

// The codes that all actions have in common are part of each action's own enum; any of them will do.
const INVALID_ARGUMENT: RetryTaskErrorCode = RetryTaskErrorCode::InvalidArgument;
const DENIED_RESOURCE: RetryTaskErrorCode = RetryTaskErrorCode::DeniedResource;

impl Refusal {
    /// A code with its documented message.
    fn plain(code: impl ErrorCode) -> Self {
        Self {
            code: code.code(),
            msg: code.message().unwrap_or_default().to_owned(),
        }
    }

    /// A code with its documented message and more text after it.
    fn detailed(code: impl ErrorCode, detail: &str) -> Self {
        let Self { code, msg } = Self::plain(code);
        Self {
            code,
            msg: msg + detail,
        }
    }

    /// A parameter that is not there, in the words of the published sample.
    fn missing(name: &str) -> Self {
        Self::detailed(INVALID_ARGUMENT, &format!(" {name}:{name} is missing"))
    }

    /// A parameter that is not valid, on the pattern of the published sample for `orgId`.
    fn invalid(name: &str, text: &str) -> Self {
        Self::detailed(INVALID_ARGUMENT, &format!(" {name}:  {name} {text}"))
    }
}

pub(crate) enum Outcome {
    Service(Done),
    /// The emulator's own answer.
    Other(Answer),
}

pub(crate) fn call(world: &mut World, random: &mut Random, call: &Call<'_>) -> Outcome {
    let action = match call.query.non_empty("action") {
        None => Err(Refusal::missing("action")),
        Some(name) => Action::from_name(name).ok_or_else(|| Refusal::invalid("action", "does not exist")),
    };
    let mut notes = Notes::default();
    let result = match action {
        Err(refusal) => Err(refusal),
        Ok(action) => {
            if !takes(action, call.method) {
                return Outcome::Other(Answer::method_not_allowed(method(action)));
            }
            match action {
                Action::Create => create::call(world, random, call, &mut notes),
                Action::Get => get::call(world, call),
                Action::Search => search::call(world, call, &mut notes),
                Action::SearchTask => search_task::call(world, call, &mut notes),
                Action::Start => start::call(world, call),
                Action::Stop => stop::call(world, call),
                Action::Delete => delete::call(world, call),
                Action::CancelTask => cancel_task::call(world, call, &mut notes),
                Action::RetryTask => retry_task::call(world, call, &mut notes),
            }
        }
    };
    Outcome::Service(Done { result, notes })
}

/// The documented method of an action.
fn method(action: Action) -> &'static Method {
    match action {
        Action::Get => &Method::GET,
        Action::Create
        | Action::Search
        | Action::SearchTask
        | Action::Start
        | Action::Stop
        | Action::Delete
        | Action::CancelTask
        | Action::RetryTask => &Method::POST,
    }
}

/// `get` takes POST too: the vendor's Python sample sends it so, with the body `{}` (inferred).
fn takes(action: Action, used: &Method) -> bool {
    used == method(action) || (action == Action::Get && used == Method::POST)
}

/// The documented message of a code that an action may answer.
pub(crate) fn documented_message(action: Option<Action>, code: i64) -> Option<&'static str> {
    fn message<C: ErrorCode>(code: i64) -> Option<&'static str> {
        C::from_code(code).message()
    }
    match action {
        Some(Action::Create) => message::<CreateJobErrorCode>(code),
        Some(Action::Get) => message::<GetJobErrorCode>(code),
        Some(Action::Search) => message::<SearchJobsErrorCode>(code),
        Some(Action::SearchTask) => message::<SearchTasksErrorCode>(code),
        Some(Action::Start) => message::<StartJobErrorCode>(code),
        Some(Action::Stop) => message::<StopJobErrorCode>(code),
        Some(Action::Delete) => message::<DeleteJobErrorCode>(code),
        Some(Action::CancelTask) => message::<CancelTaskErrorCode>(code),
        Some(Action::RetryTask) | None => message::<RetryTaskErrorCode>(code),
    }
}

/// The organization of the call, if the application may touch it.
fn org_id<'a>(world: &World, call: &Call<'a>) -> Result<&'a str, Refusal> {
    let org_id = call.query.non_empty("orgId").ok_or_else(|| Refusal::missing("orgId"))?;
    match world.org_access(org_id) {
        OrgAccess::Granted => Ok(org_id),
        OrgAccess::Unknown => Err(Refusal::invalid("orgId", "does not exist")),
        OrgAccess::Denied => Err(Refusal::detailed(DENIED_RESOURCE, &format!(":  orgId {org_id}"))),
    }
}

/// The organization and the job of the call.
fn org_and_job<'a>(world: &World, call: &Call<'a>) -> Result<(&'a str, &'a str), Refusal> {
    let org_id = org_id(world, call)?;
    let job_id = call.query.non_empty("jobId").ok_or_else(|| Refusal::missing("jobId"))?;
    Ok((org_id, job_id))
}
