//! What a failure beneath HTTP means for a call.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use http_body_util::LengthLimitError;

use crate::connect::{ConnectCause, ConnectProblem, Peer};
use crate::error::{Error, ErrorKind, Reach};
use crate::resolver::{ElsewhereError, ResolveError};
use crate::route::Route;
use crate::text::{duration, shown};

/// What a failure of the HTTP client means for the call.
///
/// The texts of the libraries beneath go to the trace alone: they name their own parts, and say one thing three times.
pub(crate) fn transport_error(error: reqwest::Error, route: &Route) -> Error {
    // The URL carries nothing secret, but it says nothing that the operation does not say better.
    let error = error.without_url();
    tracing::debug!(causes = chain(&error), "the HTTP client failed");
    if find::<LengthLimitError>(&error).is_some() {
        return too_large(enos_ota_client::MAX_ANSWER_BYTES);
    }
    if let Some(elsewhere) = find::<ElsewhereError>(&error) {
        return Error::new(ErrorKind::Config, elsewhere.to_string());
    }
    if error.is_connect() {
        return connect_error(&error, route);
    }
    let gateway = &route.gateway;
    let (kind, message, reach) = if error.is_timeout() {
        let message = format!("{gateway} did not answer in time");
        (ErrorKind::Timeout, message, Reach::Unknown)
    } else if error.is_builder() {
        // A defect, of which the text of the library is all that is known.
        return Error::new(ErrorKind::Internal, "the request could not be built").with_source(error);
    } else if find::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) {
        let message = format!("what answers at {gateway} does not speak HTTP");
        let note = if route.is_https {
            "Check the base URL, and whether a proxy is needed.".to_owned()
        } else {
            format!("Is the base URL https://{gateway}? If not, check the port.")
        };
        let error = Error::new(ErrorKind::ConnectionLost, message).with_reach(Reach::Unknown);
        return error.with_note(Some(note));
    } else if error.is_body() || error.is_decode() {
        let message = "the answer broke off".to_owned();
        (ErrorKind::TruncatedAnswer, message, Reach::Unknown)
    } else {
        let message = format!("the connection to {gateway} broke before the answer came");
        (ErrorKind::ConnectionLost, message, Reach::Unknown)
    };
    Error::new(kind, message).with_reach(reach)
}

fn connect_error(error: &reqwest::Error, route: &Route) -> Error {
    // The library's error of a tunnel has a type without a public name.
    let tunnel = texts(error).into_iter().find_map(|text| {
        let text = text.strip_prefix("tunnel error: ")?;
        Some(text.to_owned())
    });
    let (kind, cause) = if let Some(resolve) = find::<ResolveError>(error) {
        let host = resolve.host.clone();
        (ErrorKind::Resolve, ConnectCause::UnknownHost { host })
    } else if let Some(cause) = tls_cause(error) {
        (ErrorKind::Tls, cause)
    } else if tunnel.as_deref() == Some("proxy authorization required") {
        (ErrorKind::Connect, ConnectCause::ProxyLogin)
    } else if error.is_timeout() {
        (ErrorKind::Connect, ConnectCause::TimedOut(route.connect_timeout))
    } else if let Some(io) = causes(error).filter_map(|error| error.downcast_ref()).last() {
        // The outer ones only carry it.
        (ErrorKind::Connect, ConnectCause::of_io(io, route.is_https))
    } else if tunnel.is_some() {
        (ErrorKind::Connect, ConnectCause::ProxyRefused)
    } else {
        let last = texts(error).pop().unwrap_or_default();
        (ErrorKind::Connect, ConnectCause::Other(shown(&last, &[])))
    };
    // Through a tunnel, the gateway is whom TLS is spoken with, and whom the proxy connects to or does not.
    let beyond_proxy = route.is_https
        && tunnel.as_deref() != Some("failed to create underlying connection")
        && (kind == ErrorKind::Tls || matches!(cause, ConnectCause::ProxyRefused | ConnectCause::ClosedInHandshake));
    let proxy = route.proxy.as_ref().and_then(|proxy| proxy.address.clone());
    let problem = if route.proxy.is_some() && !beyond_proxy {
        ConnectProblem {
            peer: Peer::Proxy,
            address: proxy.clone(),
            proxy,
            cause,
        }
    } else {
        ConnectProblem {
            peer: Peer::Gateway,
            address: Some(route.gateway.clone()),
            proxy,
            cause,
        }
    };
    Error::of_connect_problem(kind, problem)
}

pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(
        ErrorKind::AnswerTooLarge,
        format!("the answer is larger than {} KiB", limit >> 10),
    )
    .with_reach(Reach::Unknown)
}

/// How long an attempt may take, and why not longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptLimit {
    pub(crate) time: Duration,
    /// Whether it is what is left of the call's time.
    of_call: bool,
}

impl AttemptLimit {
    pub(crate) fn new(of_attempt: Duration, left: Option<Duration>) -> Self {
        match left {
            Some(left) if left < of_attempt => Self {
                time: left,
                of_call: true,
            },
            _ => Self {
                time: of_attempt,
                of_call: false,
            },
        }
    }

    /// The error of an attempt that has reached it.
    pub(crate) fn passed(self) -> Error {
        let time = duration(self.time);
        let whose = if self.of_call {
            "all that was left of the call's time"
        } else {
            "the limit of an attempt"
        };
        Error::new(
            ErrorKind::Timeout,
            format!("the gateway did not answer within {time}, {whose}"),
        )
        .with_reach(Reach::Unknown)
    }
}

/// The errors of a chain of causes. An `io::Error` hides the one that it wraps from `source`.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// Finds an error of a type in a chain of causes.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
}

fn texts(error: &(dyn StdError + 'static)) -> Vec<String> {
    causes(error).map(ToString::to_string).collect()
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    texts(error).join(": ")
}

#[cfg(feature = "rustls")]
use crate::tls::cause as tls_cause;

/// Without rustls, TLS failures count as other failures to connect: the native libraries have no common error type.
#[cfg(not(feature = "rustls"))]
fn tls_cause(_: &reqwest::Error) -> Option<ConnectCause> {
    None
}
