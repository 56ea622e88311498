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
mod tests {
    use super::*;

    fn allowed(host: &[&str], origin: &[&str], allow_remote: bool) -> bool {
        let mut headers = HeaderMap::new();
        for (name, values) in [(HOST, host), (ORIGIN, origin)] {
            for value in values {
                headers.append(&name, value.parse().unwrap());
            }
        }
        refusal(&headers, ([127, 0, 0, 1], 8080).into(), allow_remote).is_none()
    }

    #[test]
    fn only_loopback_with_the_right_port_is_a_host() {
        for host in [
            "127.0.0.1:8080",
            "127.9.9.9:8080",
            "[::1]:8080",
            "localhost:8080",
            "LocalHost:8080",
        ] {
            assert!(allowed(&[host], &[], false), "{host}");
        }
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:8081",
            "localhost",
            "x.localhost:8080",
            "localhost.example.com:8080",
            "example.com:8080",
            "192.0.2.1:8080",
            "[::2]:8080",
            "user@127.0.0.1:8080",
            "127.0.0.1:8080, example.com",
        ] {
            assert!(!allowed(&[host], &[], false), "{host}");
        }
        assert!(!allowed(&[], &[], false));
        assert!(!allowed(&["127.0.0.1:8080", "example.com"], &[], false));
    }

    #[test]
    fn only_the_emulator_is_an_origin() {
        let host = &["127.0.0.1:8080"];
        for origin in ["http://127.0.0.1:8080", "http://localhost:8080"] {
            assert!(allowed(host, &[origin], false), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8081",
            "http://example.com",
            "http://127.0.0.1:8080.example.com",
        ] {
            assert!(!allowed(host, &[origin], false), "{origin}");
            assert!(!allowed(host, &[origin], true), "{origin}");
        }
        assert!(!allowed(host, &["http://127.0.0.1:8080", "http://example.com"], false));
    }

    #[test]
    fn remote_access_allows_any_host_and_still_no_foreign_origin() {
        assert!(allowed(&["emulator:8080"], &[], true));
        assert!(allowed(&["emulator:9000"], &["http://emulator:9000"], true));
        assert!(!allowed(&["emulator:9000"], &["http://example.com"], true));
    }
}
