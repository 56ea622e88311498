//! The life of a request to the platform: journal, faults, gateway, service, faults again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use enos_ota_client::{ErrorCode, GatewayErrorCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::Instant;

use crate::action::Action;
use crate::actions;
use crate::answer::Answer;
use crate::apply::{Received, Service, action, apply, business};
use crate::faults::{Endpoint, FaultKind, Plan, rows};
use crate::gateway::gate::Admission;
use crate::journal::{AnswerRecord, RequestRecord};
use crate::shared::Shared;
use crate::signature::Query;
use crate::token::TokenCall;
use crate::waits::late;
use crate::wire;

pub(crate) async fn serve(shared: Arc<Shared>, service: Service, request: Request) -> Response {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let node = shared.nodes.take();
    let number = open_record(&shared, service, node, &parts, &query);
    let begin = std::time::Instant::now();
    let body = tokio::select! {
        body = read(body, shared.max_request_bytes) => body,
        () = late(begin, shared.request_timeout) => Err(Unread::ClientGone),
    };
    let body = match body {
        Ok(body) => body,
        Err(Unread::TooBig) => {
            return finish(&shared, number, Answer::refused(StatusCode::PAYLOAD_TOO_LARGE));
        }
        Err(Unread::ClientGone) => return finish_cut(&shared, number),
    };
    let received = Received {
        service,
        parts,
        query,
        body,
        number,
        node,
        arrived,
    };

    // A task of its own, because hyper drops this future when the client hangs up: a real service would go on.
    let work = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            tokio::select! {
                response = answer(&shared, received) => response,
                () = shared.closed() => wire::cut(),
            }
        }
    });
    match work.await {
        Ok(response) => response,
        // It has panicked, or the runtime is going down.
        Err(_) => finish_cut(&shared, number),
    }
}

enum Unread {
    TooBig,
    /// Or it takes too long.
    ClientGone,
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooBig),
        Err(_) => Err(Unread::ClientGone),
    }
}

async fn answer(shared: &Shared, received: Received) -> Response {
    let number = received.number;
    shared.waiting.wait_since(received.arrived, shared.latency).await;
    let announced = match received.service {
        Service::Token(_) => HeaderMap::new(),
        Service::Jobs => match shared.gate.admit(received.node, &shared.clock) {
            Admission::Admitted(headers) => headers,
            Admission::Refused(refusal) => {
                shared.lock().counters.throttled += 1;
                record_answer(shared, number, refusal.status(), None, None);
                return refusal;
            }
        },
    };
    let plan = shared.faults.draw(endpoint(&received));
    if !plan.names.is_empty() {
        shared.lock().counters.faulted += 1;
        shared
            .journal
            .amend(number, |record| record.faults.clone_from(&plan.names));
    }
    shared.waiting.wait(plan.latency).await;
    if plan.kill_token {
        shared.lock().tokens.kill();
    }
    let mut response = respond(shared, &received, &plan);
    response.headers_mut().extend(announced);
    shared.waiting.wait(plan.delay_answer).await;
    response
}

fn respond(shared: &Shared, received: &Received, plan: &Plan) -> Response {
    let number = received.number;
    let applied = || {
        let (answer, notes) = apply(shared, received, plan);
        shared.journal.amend(number, |record| {
            record.device_keys = notes.device_keys;
            record.applied = notes.applied;
            record.created_job_id = notes.created_job_id;
            record.search = notes.search;
        });
        answer
    };
    match &plan.decisive {
        // The way of all requests that no fault spoils.
        None => finish(shared, number, applied()),
        Some(FaultKind::Http(foreign)) => {
            if foreign.after_applying {
                applied();
            }
            let response = wire::foreign(foreign, shared.now());
            record_answer(shared, number, response.status(), None, None);
            response
        }
        Some(FaultKind::BigBody { megabytes }) => {
            record_answer(shared, number, StatusCode::OK, Some(0), None);
            wire::big(*megabytes)
        }
        Some(FaultKind::TruncatedBody) => {
            let answer = applied();
            record(shared, number, &answer);
            wire::truncated(answer)
        }
        Some(FaultKind::SlowBody { chunk_bytes, interval_ms }) => {
            let answer = applied();
            record(shared, number, &answer);
            let interval = Duration::from_millis(*interval_ms);
            wire::slow(answer, *chunk_bytes, interval, shared.waiting.clone())
        }
        Some(FaultKind::OddRow { oddity, rows }) => {
            let mut answer = applied();
            answer.body = rows::spoil(&answer.body, *oddity, rows);
            finish(shared, number, answer)
        }
        Some(FaultKind::NoData) => {
            let mut answer = applied();
            answer.body = rows::without_data(&answer.body);
            finish(shared, number, answer)
        }
        Some(FaultKind::CutAfterApplying) => {
            applied();
            finish_cut(shared, number)
        }
        Some(FaultKind::Code { code, msg }) => {
            let request_id = shared.lock().random.uuid_v4();
            let documented = actions::documented_message(action(&received.query), *code);
            let msg = text_or_documented(msg, (*code, documented), "OK");
            finish(shared, number, Answer::service(*code, msg, request_id))
        }
        Some(FaultKind::TokenStatus { status, msg }) => {
            let documented = GatewayErrorCode::from_code(*status).message();
            let msg = text_or_documented(msg, (*status, documented), "SUCCESS");
            let business = business(received.service);
            let misspelt = shared.misspell_status && matches!(received.service, Service::Token(_));
            finish(shared, number, Answer::status(*status, msg, business, None, misspelt))
        }
        Some(FaultKind::ApimStatus { apim_status }) => finish(shared, number, Answer::apim_status(*apim_status)),
        Some(
            FaultKind::CutBeforeApplying
            // A plan never holds one of the following as decisive.
            | FaultKind::Latency { .. }
            | FaultKind::DelayAnswer { .. }
            | FaultKind::KillToken
            | FaultKind::MixedList { .. }
            | FaultKind::StaleReads { .. }
            | FaultKind::RepeatFirstPage { .. },
        ) => finish_cut(shared, number),
    }
}

/// The text that goes with a code in an answer that a fault has made up.
fn text_or_documented<'a>(
    text: &'a str,
    (code, documented): (i64, Option<&'static str>),
    success: &'static str,
) -> &'a str {
    match (text, code) {
        ("", 0) => success,
        ("", _) => documented.unwrap_or_default(),
        (text, _) => text,
    }
}

fn endpoint(received: &Received) -> Endpoint {
    match received.service {
        Service::Token(TokenCall::Get) => Endpoint::TokenGet,
        Service::Token(TokenCall::Refresh) => Endpoint::TokenRefresh,
        Service::Jobs => Endpoint::Jobs(action(&received.query)),
    }
}

fn open_record(shared: &Shared, service: Service, node: usize, parts: &Parts, query: &Query) -> u64 {
    let action = match service {
        Service::Token(_) => None,
        Service::Jobs => action(query),
    };
    {
        let counters = &mut shared.lock().counters;
        match service {
            Service::Token(TokenCall::Get) => counters.token_gets += 1,
            Service::Token(TokenCall::Refresh) => counters.token_refreshes += 1,
            Service::Jobs => counters.job_calls += 1,
        }
        if let Some(action) = action {
            counters.actions.of_mut(action).calls += 1;
            if action == Action::RetryTask {
                counters.retry_calls += 1;
            }
        }
    }
    shared.journal.open(RequestRecord {
        node,
        at_ms: shared.now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        action,
        org_id: query.get("orgId").map(str::to_owned),
        job_id: query.get("jobId").map(str::to_owned),
        ..RequestRecord::default()
    })
}

/// Notes and answers a request to a path that the platform does not have, or that is not emulated. A wrong base URL
/// shows in the journal that way.
pub(crate) fn unknown_path(shared: &Shared, request: &Request) -> Response {
    let number = shared.journal.open(RequestRecord {
        node: shared.nodes.take(),
        at_ms: shared.now(),
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        ..RequestRecord::default()
    });
    finish(shared, number, Answer::refused(StatusCode::NOT_FOUND))
}

fn finish(shared: &Shared, number: u64, answer: Answer) -> Response {
    record(shared, number, &answer);
    answer.into_response()
}

fn finish_cut(shared: &Shared, number: u64) -> Response {
    shared.journal.amend(number, |record| record.answer = AnswerRecord::Cut);
    wire::cut()
}

fn record(shared: &Shared, number: u64, answer: &Answer) {
    record_answer(shared, number, answer.status, answer.code, answer.request_id.clone());
}

fn record_answer(shared: &Shared, number: u64, status: StatusCode, code: Option<i64>, request_id: Option<String>) {
    let answer = AnswerRecord::Answered {
        http_status: status.as_u16(),
        code,
        request_id,
    };
    shared.journal.amend(number, |record| record.answer = answer);
}
