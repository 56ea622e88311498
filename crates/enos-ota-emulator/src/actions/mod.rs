//! The actions of `/connect-service/v2.1/ota-jobs`, a file each. The gateway has let the call through already.

mod retry_task;

use axum::http::{Method, StatusCode};
use enos_ota_client::{ErrorCode, RetryTaskErrorCode};

use crate::action::Action;
use crate::answer::Answer;
use crate::signature::Query;
use crate::state::{MixedList, OrgAccess, World};

/// A call of an action.
pub(crate) struct Call<'a> {
    pub(crate) method: &'a Method,
    pub(crate) query: &'a Query,
    pub(crate) body: &'a [u8],
    pub(crate) now: i64,
    pub(crate) mixed_list: MixedList,
}

/// What an action came to: code 0, or a refusal.
pub(crate) struct Done {
    /// How many devices the request named, if it named any.
    pub(crate) device_keys: Option<usize>,
    /// How many tasks it changed.
    pub(crate) applied: usize,
    pub(crate) result: Result<(), Refusal>,
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

impl Outcome {
    fn refused(refusal: Refusal) -> Self {
        Self::Service(Done {
            device_keys: None,
            applied: 0,
            result: Err(refusal),
        })
    }
}

pub(crate) fn call(world: &mut World, call: &Call<'_>) -> Outcome {
    let Some(name) = call.query.non_empty("action") else {
        return Outcome::refused(Refusal::missing("action"));
    };
    match Action::from_name(name) {
        None => Outcome::refused(Refusal::invalid("action", "does not exist")),
        Some(Action::RetryTask) => retry_task::call(world, call),
        Some(
            action @ (Action::Create
            | Action::Get
            | Action::Search
            | Action::SearchTask
            | Action::Start
            | Action::Stop
            | Action::Delete
            | Action::CancelTask),
        ) => Outcome::Other(Answer::plain(
            StatusCode::NOT_IMPLEMENTED,
            format!("this emulator does not emulate the action {action}\n"),
        )),
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

fn job_id<'a>(call: &Call<'a>) -> Result<&'a str, Refusal> {
    call.query.non_empty("jobId").ok_or_else(|| Refusal::missing("jobId"))
}
