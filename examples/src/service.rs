//! A web service that retries devices: `POST /jobs/JOB_ID/retries` with a JSON list of device keys.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use enos_ota::{Client, DeviceKeys, Error, ErrorKind};
use serde::Serialize;

/// What the service answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What happened, for people.
    message: String,
    /// What to do about it.
    hint: Option<String>,
    /// The id under which the platform keeps the call.
    request_id: Option<String>,
}

/// The service. The client is cloned for every request: clones share connections and the access token.
pub fn router(client: Client) -> Router {
    Router::new()
        .route("/jobs/{job}/retries", post(retry))
        .with_state(client)
}

async fn retry(
    State(client): State<Client>,
    Path(job): Path<String>,
    Json(keys): Json<Vec<String>>,
) -> (StatusCode, Json<Answer>) {
    let (job, devices) = match (job.parse(), DeviceKeys::parse(keys)) {
        (Ok(job), Ok(devices)) => (job, devices),
        (Err(error), _) => return refused(StatusCode::BAD_REQUEST, &error),
        (_, Err(error)) => return refused(StatusCode::BAD_REQUEST, &error),
    };
    match client.retry_task(&job, &devices).await {
        Ok(accepted) => {
            let answer = Answer {
                message: "accepted".to_owned(),
                hint: None,
                request_id: accepted.request_id,
            };
            (StatusCode::ACCEPTED, Json(answer))
        }
        Err(error) => {
            let answer = Answer {
                message: error.to_string(),
                hint: Some(error.remedy().to_owned()),
                request_id: error.request_id().map(str::to_owned),
            };
            (status_of(&error), Json(answer))
        }
    }
}

/// Whose fault it is: the caller's, ours, or the platform's.
fn status_of(error: &Error) -> StatusCode {
    match error.kind() {
        ErrorKind::Precondition | ErrorKind::Refused => StatusCode::CONFLICT,
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        _ if error.outcome_unknown() => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    }
}

fn refused(status: StatusCode, why: &dyn std::error::Error) -> (StatusCode, Json<Answer>) {
    let answer = Answer {
        message: why.to_string(),
        hint: None,
        request_id: None,
    };
    (status, Json(answer))
}
