//! Keeps web pages away from the emulator's own endpoints.
//!
//! A browser on this machine reaches a loopback port. So a page of any site could read and change the state of the
//! emulator: by a request across origins, or under a name of its own that it lets point to 127.0.0.1. The first has a
//! foreign `Origin`, the second a foreign `Host`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::admin::error;
use crate::shared::Shared;

pub(super) async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match refusal(request.headers(), shared.address, shared.allow_remote) {
        Some(text) => error(StatusCode::FORBIDDEN, text),
        None => next.run(request).await,
    }
}

/// Why a request is refused; `None` if it is not.
///
/// Whoever allows remote access lets other machines in, under names that are not known here. What is left to be checked
/// is that a page comes from the emulator's own address.
fn refusal(headers: &HeaderMap, address: SocketAddr, allow_remote: bool) -> Option<&'static str> {
    let Some(host) = only(headers, HOST) else {
        return Some("the request has no `Host` or several");
    };
    let is_own = |authority: &str| is_loopback(authority, address.port());
    if !allow_remote && !is_own(host) {
        return Some("`Host` is not a loopback address with the emulator's port");
    }
    if !headers.contains_key(ORIGIN) {
        return None;
    }
    let origin = only(headers, ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    let may = origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host) || (!allow_remote && is_own(origin)));
    (!may).then_some("`Origin` is not the emulator")
}

/// A header that is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a host with a port is this machine by its address, or by the one name that always is.
fn is_loopback(authority: &str, port: u16) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_this_machine = match address {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    is_this_machine && authority.port_u16().unwrap_or(80) == port && !authority.as_str().contains('@')
}

#[cfg(test)]
mod tests;
