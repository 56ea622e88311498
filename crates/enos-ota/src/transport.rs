//! HTTP beneath the calls: the base URL, the client, and what a transport failure means.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use http_body_util::LengthLimitError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Reach};
use crate::setting::Setting;
use crate::text::{duration, shown};

/// The address of a gateway, checked: `http` or `https`, no query, no fragment, no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: Arc<str>,
    loopback: bool,
}

impl BaseUrl {
    /// `resolved_here`: [`SystemResolver`] looks the name up.
    pub(crate) fn parse(text: &str, allow_http: bool, resolved_here: bool) -> Result<Self, Error> {
        let refuse =
            |why: &str| Error::new(ErrorKind::Config, format!("the base URL {why}")).with_setting(Setting::BaseUrl);
        // The text is not repeated where it may hold a password.
        let url = Url::parse(text.trim()).map_err(|error| {
            refuse("is not a URL; expected something like https://apim-gateway.example.com").with_source(error)
        })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "contains a user name or password; the platform has no use for one, leave it out",
            ));
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(&format!("begins with `{}:`; expected https://", url.scheme())));
        }
        let Some(host) = url.host() else {
            return Err(refuse("has no host"));
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "has a query or a fragment; expected only scheme, host, port and perhaps a path",
            ));
        }
        let loopback = match host {
            Host::Domain(name) => name == "localhost" || (resolved_here && name.ends_with(".localhost")),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if url.scheme() == "http" && !loopback && !allow_http {
            return Err(refuse(&format!(
                "`{url}` is plain http, which lets anyone on the way read the access token; use https, or allow http \
                 explicitly if this is an EnOS Edge in a network that you trust"
            ))
            .with_setting(Setting::AllowHttp));
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').into(),
            loopback,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_http(&self) -> bool {
        self.text.starts_with("http:")
    }

    /// Whether the address is of this machine, so that no proxy has a place in between.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Resolves names as the standard library does, with an error that can be told from other connection failures.
#[derive(Debug)]
pub(crate) struct SystemResolver {
    /// Whether a name must lead to this machine, because what is sent there can be read on the way.
    pub(crate) loopback_only: bool,
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback_only = self.loopback_only;
        Box::pin(async move {
            let host = || name.as_str().to_owned();
            let addresses: Vec<_> = match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => addresses.collect(),
                Err(source) => return Err(ResolveError { host: host(), source }.into()),
            };
            if loopback_only && let Some(address) = elsewhere(&addresses) {
                return Err(ElsewhereError { host: host(), address }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// An address that is not of this machine, if there is one.
fn elsewhere(addresses: &[SocketAddr]) -> Option<IpAddr> {
    let mut addresses = addresses.iter().map(SocketAddr::ip);
    addresses.find(|address| !address.to_canonical().is_loopback())
}

#[derive(Debug)]
struct ElsewhereError {
    host: String,
    address: IpAddr,
}

impl fmt::Display for ElsewhereError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the host name `{}` leads to {}, which is not this machine, and plain http would let anyone on the way read \
             the access token; use https, or allow http explicitly",
            self.host, self.address
        )
    }
}

impl StdError for ElsewhereError {}

#[derive(Debug)]
struct ResolveError {
    host: String,
    source: io::Error,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no address was found for the host name `{}`", self.host)
    }
}

impl StdError for ResolveError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.source)
    }
}

/// What a failure of the HTTP client means for the call.
pub(crate) fn transport_error(error: reqwest::Error) -> Error {
    // The URL carries nothing secret, but it says nothing that the operation does not say better.
    let error = error.without_url();
    if find::<LengthLimitError>(&error).is_some() {
        return too_large(enos_ota_client::MAX_ANSWER_BYTES).with_source(error);
    }
    let (kind, message, reach) = if let Some(resolve) = find::<ResolveError>(&error) {
        (ErrorKind::Resolve, resolve.to_string(), Reach::NeverSent)
    } else if let Some(elsewhere) = find::<ElsewhereError>(&error) {
        // The causes only repeat it.
        return Error::new(ErrorKind::Config, elsewhere.to_string());
    } else if error.is_connect() && is_tls(&error) {
        (
            ErrorKind::Tls,
            "the TLS handshake with the gateway failed".to_owned(),
            Reach::NeverSent,
        )
    } else if error.is_connect() {
        (
            ErrorKind::Connect,
            "could not connect to the gateway".to_owned(),
            Reach::NeverSent,
        )
    } else if error.is_timeout() {
        (
            ErrorKind::Timeout,
            "the gateway did not answer in time".to_owned(),
            Reach::Unknown,
        )
    } else if error.is_builder() {
        (
            ErrorKind::Internal,
            "the request could not be built".to_owned(),
            Reach::NeverSent,
        )
    } else if error.is_body() || error.is_decode() {
        (
            ErrorKind::TruncatedAnswer,
            "the answer broke off".to_owned(),
            Reach::Unknown,
        )
    } else {
        (
            ErrorKind::ConnectionLost,
            "the connection broke before the answer came".to_owned(),
            Reach::Unknown,
        )
    };
    Error::new(kind, message).with_reach(reach).with_source(error)
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

/// Finds an error of a type in a chain of causes. An `io::Error` hides the one that it wraps from `source`.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(feature = "rustls")]
fn is_tls(error: &reqwest::Error) -> bool {
    find::<rustls::Error>(error).is_some()
}

/// Without rustls, TLS failures count as connection failures: the native libraries have no common error type.
#[cfg(not(feature = "rustls"))]
fn is_tls(_: &reqwest::Error) -> bool {
    false
}

/// The wait that an answer asks for, if it does: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are asked for all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// What an HTTP status means where the body reports no code. `said` is appended to the text of the error.
pub(crate) fn status_error(status: StatusCode, headers: &HeaderMap, said: &str, secrets: &[&str]) -> Error {
    let mut message = format!("the gateway answered HTTP {}", status.as_u16());
    if let Some(reason) = status.canonical_reason() {
        message.push(' ');
        message.push_str(reason);
    }
    let (kind, reach) = match status.as_u16() {
        300..=399 => {
            if let Some(location) = headers.get(header::LOCATION).and_then(|l| l.to_str().ok()) {
                message.push_str(", a redirect to ");
                message.push_str(&snippet(location.as_bytes(), secrets));
            }
            (ErrorKind::Redirect, Reach::Refused)
        }
        401 => (ErrorKind::Unauthenticated, Reach::Refused),
        403 => (ErrorKind::PermissionDenied, Reach::Refused),
        404 => (ErrorKind::NoSuchApi, Reach::Refused),
        408 => (ErrorKind::Timeout, Reach::Unknown),
        413 => (ErrorKind::RequestTooLarge, Reach::Refused),
        429 => (ErrorKind::Throttled, Reach::Refused),
        500..=599 => (ErrorKind::Service, Reach::Unknown),
        // Another status of success would be an answer, were there anything of the platform in it.
        200..=299 => (ErrorKind::MalformedAnswer, Reach::Unknown),
        _ => (ErrorKind::HttpStatus, Reach::Refused),
    };
    if kind != ErrorKind::Redirect {
        message.push_str(said);
    }
    let mut error = Error::new(kind, message).with_status(status).with_reach(reach);
    if status == StatusCode::UNAUTHORIZED {
        // In which form the gateway reports a dead token is not documented; a new one is worth a try.
        error = error.with_dead_token();
    }
    error
}

/// The first bytes of a body, fit for one line of an error text and without secrets.
pub(crate) fn snippet(body: &[u8], secrets: &[&str]) -> String {
    const CHARACTERS: usize = 120;
    let start = &body[..body.len().min(4 * CHARACTERS)];
    let text = String::from_utf8_lossy(start);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Before it is cut, which would hide a secret from the search but not from a reader.
    let whole = shown(&line, secrets);
    let mut line: String = whole.chars().take(CHARACTERS).collect();
    if !line.is_empty() && (line.len() < whole.len() || start.len() < body.len()) {
        line.push('…');
    }
    line
}

/// If the clock of this machine and the gateway's differ by more than a minute: how, and what follows.
///
/// A signature with a timestamp that is 15 minutes off is refused, and the platform does not say that this is why.
pub(crate) fn clock_note(headers: &HeaderMap, now: SystemTime) -> Option<String> {
    let theirs = httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()?;
    let (seconds, word) = match now.duration_since(theirs) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    (seconds > 60).then(|| {
        format!(
            "The clock of this machine is {seconds} s {word} the gateway's. Set it right: a request must arrive \
             within 15 minutes of its timestamp."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_by_its_addresses() {
        let elsewhere = |addresses: &[&str]| {
            let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            elsewhere(&addresses)
        };
        assert_eq!(elsewhere(&["127.0.0.1:0", "127.8.9.1:0", "[::1]:0"]), None);
        assert_eq!(elsewhere(&["[::ffff:127.0.0.1]:0"]), None);
        for address in ["10.0.0.1", "0.0.0.0", "169.254.1.1"] {
            let one = format!("{address}:0");
            assert_eq!(elsewhere(&["127.0.0.1:0", &one]), Some(address.parse().unwrap()));
        }
        assert!(elsewhere(&["[fe80::1]:0"]).is_some());
    }

    #[test]
    fn a_name_alone_is_trusted_only_where_its_addresses_are_checked() {
        let parse = |url, resolved_here| BaseUrl::parse(url, false, resolved_here);
        assert!(parse("http://x.localhost", true).unwrap().is_loopback());
        assert!(parse("http://x.localhost", false).is_err());
        for resolved_here in [true, false] {
            assert!(parse("http://localhost", resolved_here).unwrap().is_loopback());
            assert!(parse("http://[::1]", resolved_here).unwrap().is_loopback());
        }
    }
}
