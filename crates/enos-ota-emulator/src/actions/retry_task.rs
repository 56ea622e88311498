//! `action=retryTask`: sends failed tasks round again.

use axum::http::Method;
use enos_ota_client::RetryTaskErrorCode as Code;
use serde_json::Value;

use super::{Call, Done, Outcome, Refusal, job_id, org_id};
use crate::answer::Answer;
use crate::state::{RetryRefusal, World};

pub(super) fn call(world: &mut World, call: &Call<'_>) -> Outcome {
    if call.method != Method::POST {
        return Outcome::Other(Answer::method_not_allowed(&Method::POST));
    }
    let keys = device_keys(call.body);
    // The journal tells how many devices a call named even if the call is refused.
    let device_keys = keys.as_ref().ok().map(Vec::len);
    let (applied, result) = match retry(world, call, keys) {
        Ok(applied) => (applied, Ok(())),
        Err(refusal) => (0, Err(refusal)),
    };
    Outcome::Service(Done {
        device_keys,
        applied,
        result,
    })
}

fn retry(world: &mut World, call: &Call<'_>, device_keys: Result<Vec<String>, Refusal>) -> Result<usize, Refusal> {
    let org_id = org_id(world, call)?;
    let job_id = job_id(call)?;
    world
        .retry(org_id, job_id, &device_keys?, call.mixed_list, call.now)
        .map_err(|refusal| {
            Refusal::plain(match refusal {
                RetryRefusal::JobNotFound => Code::JobNotFound,
                RetryRefusal::JobNotRunning => Code::JobNotRunning,
                RetryRefusal::TaskNotFailed => Code::TaskNotFailed,
            })
        })
}

/// The device keys of a request. That a body without them is answered 99400 is assumed: the table of codes says only
/// that 99400 stands for an invalid or missing parameter.
fn device_keys(body: &[u8]) -> Result<Vec<String>, Refusal> {
    if body.is_empty() {
        return Err(Refusal::missing("deviceKeys"));
    }
    let Ok(Value::Object(mut request)) = serde_json::from_slice(body) else {
        return Err(Refusal::invalid("body", "is not a JSON object"));
    };
    match request.remove("deviceKeys") {
        None | Some(Value::Null) => Err(Refusal::missing("deviceKeys")),
        Some(Value::Array(keys)) if keys.is_empty() => Err(Refusal::invalid("deviceKeys", "is empty")),
        Some(Value::Array(keys)) => keys
            .into_iter()
            .map(|key| match key {
                Value::String(key) if !key.is_empty() => Ok(key),
                _ => Err(Refusal::invalid(
                    "deviceKeys",
                    "has an element that is not a device key",
                )),
            })
            .collect(),
        Some(_) => Err(Refusal::invalid("deviceKeys", "is not a list")),
    }
}
