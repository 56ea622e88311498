//! What a request to the platform brings about, once no fault has kept it away: the gateway's checks, then the token
//! service or an action.

use axum::http::Method;
use axum::http::request::Parts;
use bytes::Bytes;
use enos_ota_client::ErrorCode;
use tokio::time::Instant;

use crate::action::Action;
use crate::actions::{self, Call, Notes, Outcome};
use crate::answer::Answer;
use crate::clock::to_ms;
use crate::faults::Plan;
use crate::gateway;
use crate::shared::{Inner, Shared};
use crate::signature::Query;
use crate::state::LONGEST_LAG_MS;
use crate::token::TokenCall;

/// Where the paths of the platform lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Token(TokenCall),
    Jobs,
}

/// A request that has been received in full.
pub(crate) struct Received {
    pub(crate) service: Service,
    pub(crate) parts: Parts,
    pub(crate) query: Query,
    pub(crate) body: Bytes,
    /// Its number in the journal.
    pub(crate) number: u64,
    /// The node of the gateway to which it came.
    pub(crate) node: usize,
    /// When its head had come in.
    pub(crate) arrived: Instant,
}

/// Does what the request asks for.
pub(crate) fn apply(shared: &Shared, received: &Received, plan: &Plan) -> (Answer, Notes) {
    let (mut inner, now) = shared.lock_now();
    match received.service {
        Service::Token(call) => (token(shared, &mut inner, received, call, now), Notes::default()),
        Service::Jobs => jobs(shared, &mut inner, received, plan, now),
    }
}

fn token(shared: &Shared, inner: &mut Inner, received: &Received, call: TokenCall, now: i64) -> Answer {
    if received.parts.method != Method::POST {
        return Answer::method_not_allowed(&Method::POST);
    }
    let at = (now, received.node);
    let result = inner.tokens.answer(call, &received.body, at, &mut inner.random);
    inner.counters.tokens_issued = inner.tokens.issued();
    inner.counters.encryptions_used = inner.tokens.used_encryptions();
    let business = business(received.service);
    match result {
        Ok(data) => Answer::status(0, "SUCCESS", business, Some(data), shared.misspell_status),
        Err(error) => {
            let msg = gateway::message(error.code, error.detail.as_deref());
            Answer::status(error.code.code(), &msg, business, None, shared.misspell_status)
        }
    }
}

fn jobs(shared: &Shared, inner: &mut Inner, received: &Received, plan: &Plan, now: i64) -> (Answer, Notes) {
    let Received { parts, query, body, .. } = received;
    if let Err(rejection) = gateway::check(&inner.tokens, &parts.headers, query, body, (now, received.node)) {
        inner.counters.gateway_rejections += 1;
        return (rejection.into_answer(shared.gateway_style), Notes::default());
    }
    let call = Call {
        method: &parts.method,
        query,
        body,
        now,
        lag_ms: plan
            .stale_reads_ms
            .unwrap_or_else(|| to_ms(shared.readings.reads_behind).min(LONGEST_LAG_MS)),
        mixed_list: plan.mixed_list.unwrap_or(shared.readings.mixed_list),
        repeat_first_page: plan.repeat_first_page,
        search_by_device_key: shared.readings.search_by_device_key,
    };
    let Inner {
        world,
        random,
        counters,
        ..
    } = inner;
    let done = match actions::call(world, random, &call) {
        Outcome::Other(answer) => return (answer, Notes::default()),
        Outcome::Service(done) => done,
    };
    let request_id = random.uuid_v4();
    let answer = match done.result {
        Ok(reply) => {
            if let Some(action) = action(query) {
                counters.actions.of_mut(action).succeeded += 1;
                if action == Action::RetryTask {
                    counters.retry_calls_applied += 1;
                }
            }
            Answer::success(&reply.data, reply.pagination.as_ref(), shared.integers, request_id)
        }
        Err(refusal) => Answer::service(refusal.code, &refusal.msg, request_id),
    };
    (answer, done.notes)
}

/// The member `business` of an answer. That of the token service is documented, the gateway's assumed.
pub(crate) fn business(service: Service) -> &'static str {
    match service {
        Service::Token(_) => "apim-token-service",
        Service::Jobs => "apim",
    }
}

pub(crate) fn action(query: &Query) -> Option<Action> {
    query.get("action").and_then(Action::from_name)
}
