//! Faults on the wire: what hyper is made to send, or not to send.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::{CONTENT_LENGTH, LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::time::{Sleep, sleep};

use crate::answer::{Answer, HTML, JSON, PLAIN, json, refused_body, response};
use crate::faults::{FaultBody, ForeignAnswer, RetryAfter};
use crate::waits::Waiting;

/// Marks a response that must not be sent: the connection is closed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutConnection;

/// A response that makes the server close the connection without a byte of an answer.
pub(crate) fn cut() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(CutConnection);
    response
}

/// An answer of which half of the body is sent, under a `Content-Length` that promises all of it.
pub(crate) fn truncated(answer: Answer) -> Response {
    let whole = answer.body.clone();
    let mut response = answer.into_response();
    let half = whole.slice(..whole.len() / 2);
    *response.body_mut() = Body::new(Script::new([Step::Send(half), Step::Flush, Step::Fail]));
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    response
}

/// An answer that is sent in pieces, with a pause before each.
pub(crate) fn slow(answer: Answer, chunk_bytes: usize, interval: Duration, waiting: Waiting) -> Response {
    let whole = answer.body.clone();
    let mut response = answer.into_response();
    let chunk_bytes = chunk_bytes.max(1);
    let steps = (0..whole.len()).step_by(chunk_bytes).flat_map(|start| {
        let end = whole.len().min(start + chunk_bytes);
        [Step::Flush, Step::Pause(interval), Step::Send(whole.slice(start..end))]
    });
    *response.body_mut() = Body::new(Script {
        waiting,
        ..Script::new(steps)
    });
    response
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    response
}

/// HTTP 200 and JSON of so many megabytes. They are never in memory together.
pub(crate) fn big(megabytes: u32) -> Response {
    let megabyte = Bytes::from(vec![b'x'; 1_000_000]);
    let steps = [Step::Send(Bytes::from_static(b"{\"code\":0,\"data\":null,\"msg\":\""))]
        .into_iter()
        .chain((0..megabytes).map(|_| Step::Send(megabyte.clone())))
        .chain([Step::Send(Bytes::from_static(b"\"}"))]);
    response(StatusCode::OK, JSON, Body::new(Script::new(steps)))
}

/// An HTTP answer that is not the platform's.
pub(crate) fn foreign(answer: &ForeignAnswer, now_ms: i64) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let phrase = status.canonical_reason().unwrap_or("Unknown");
    let (content_type, body) = match answer.body {
        FaultBody::Plain => (PLAIN, Bytes::from(format!("{phrase}\n"))),
        FaultBody::Json => (
            JSON,
            json(&serde_json::json!({ "error": phrase, "status": status.as_u16().to_string() })),
        ),
        FaultBody::Html => (
            HTML,
            Bytes::from(format!(
                "<html>\r\n<head><title>{code} {phrase}</title></head>\r\n<body>\r\n<center><h1>{code} {phrase}\
                 </h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
                code = status.as_u16(),
            )),
        ),
        FaultBody::Gateway => (JSON, refused_body(status)),
        FaultBody::Empty => (PLAIN, Bytes::new()),
    };
    let mut response = response(status, content_type, Body::from(body));
    let headers = response.headers_mut();
    if let Some(Ok(value)) = answer
        .retry_after
        .map(|after| HeaderValue::try_from(retry_after(after, now_ms)))
    {
        headers.insert(RETRY_AFTER, value);
    }
    if let Some(Ok(value)) = answer.location.as_deref().map(HeaderValue::from_str) {
        headers.insert(LOCATION, value);
    }
    response
}

fn retry_after(after: RetryAfter, now_ms: i64) -> String {
    match after {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::DateInSeconds(seconds) => http_date(now_ms.saturating_add(i64::from(seconds) * 1000)),
    }
}

/// A moment as HTTP writes it; one before 1970 as 1970, and one after 9999 as the end of 9999, which is all it can.
pub(crate) fn http_date(ms: i64) -> String {
    let latest = Duration::from_secs(253_402_300_799);
    let date = Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(latest);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + date)
}

/// A body that follows a script.
struct Script {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: Waiting,
}

enum Step {
    Send(Bytes),
    Pause(Duration),
    /// Lets hyper write what it has so far: without that it drops the bytes it still holds when the body fails.
    Flush,
    /// Makes hyper close the connection.
    Fail,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            sleep: None,
            waiting: Waiting::RealTime,
        }
    }
}

/// The error that makes hyper close a connection; nobody sees it.
#[derive(Debug)]
pub(crate) struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Closed {}

impl HttpBody for Script {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Pause(time)) => match &self.waiting {
                    Waiting::RealTime => self.sleep = Some(Box::pin(sleep(time))),
                    Waiting::OnClock(clock) => clock.advance(time),
                },
                Some(Step::Flush) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Fail) => return Poll::Ready(Some(Err(Closed))),
                None => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests;
