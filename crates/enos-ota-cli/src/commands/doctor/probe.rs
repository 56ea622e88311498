//! A request that carries nothing, to see what the way to the gateway looks like: addresses, certificate, clock.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use enos_ota::reqwest::{self, Client, header, redirect, retry, tls::TlsInfo};
use tokio::net::{TcpStream, lookup_host};

use super::certificate::Certificate;
use super::route::Route;
use crate::config::Sourced;

/// Longer than this, nobody waits for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What was seen. Whatever could not be seen is absent: that a call fails is told by the call.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) addresses: Vec<IpAddr>,
    /// How long it took to connect.
    pub(super) connected: Option<Duration>,
    pub(super) certificate: Option<Certificate>,
    /// How far the clock of this machine is ahead of the gateway's, in seconds.
    pub(super) skew_seconds: Option<i64>,
}

impl Seen {
    pub(super) async fn on(route: &Route, base_url: &str, proxy: Option<&Sourced<String>>) -> Self {
        let ((addresses, connected), answer) = tokio::join!(
            connect(&route.host, route.port, route.proxy.is_some()),
            head(route, base_url, proxy)
        );
        let mut seen = Self {
            addresses,
            connected,
            ..Self::default()
        };
        if let Some(answer) = answer {
            seen.certificate = answer
                .extensions()
                .get::<TlsInfo>()
                .and_then(TlsInfo::peer_certificate)
                .and_then(Certificate::read);
            seen.skew_seconds = answer
                .headers()
                .get(header::DATE)
                .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
                .map(ahead_of);
        }
        seen
    }
}

async fn connect(host: &str, port: u16, is_proxied: bool) -> (Vec<IpAddr>, Option<Duration>) {
    if is_proxied {
        return (Vec::new(), None);
    }
    let Ok(Ok(found)) = tokio::time::timeout(PATIENCE, lookup_host((host, port))).await else {
        return (Vec::new(), None);
    };
    let addresses: Vec<_> = found.collect();
    let begun = Instant::now();
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect(&addresses[..])).await;
    let connected = connected.is_ok_and(|result| result.is_ok()).then(|| begun.elapsed());
    (addresses.iter().map(SocketAddr::ip).collect(), connected)
}

/// Whoever answers is not verified, so that a certificate can be looked at which no call accepts. Nothing is sent that is
/// worth anything: no key, no token, no signature.
async fn head(route: &Route, base_url: &str, proxy: Option<&Sourced<String>>) -> Option<reqwest::Response> {
    let mut client = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .http1_only()
        .tls_danger_accept_invalid_certs(true)
        .tls_info(true)
        .timeout(PATIENCE);
    if let Some(proxy) = proxy {
        client = client.proxy(reqwest::Proxy::all(proxy.value.trim()).ok()?);
    } else if route.is_loopback {
        client = client.no_proxy();
    }
    client.build().ok()?.head(base_url.trim()).send().await.ok()
}

fn ahead_of(theirs: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(theirs) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}
