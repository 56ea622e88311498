//! The way to the gateway, so that an error can name what is on it.

use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Host and port of the base URL.
    pub(crate) gateway: String,
    pub(crate) is_https: bool,
    pub(crate) proxy: Option<Proxy>,
    /// How long connecting may take, if it is known here.
    pub(crate) connect_timeout: Option<Duration>,
}

impl Route {
    /// Host and port of the gateway.
    pub(crate) fn address_and_port(&self) -> (&str, Option<u16>) {
        match self.gateway.rsplit_once(':') {
            Some((address, port)) => (address, port.parse().ok()),
            None => (&self.gateway, None),
        }
    }
}

/// A proxy on the way.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    /// Host and port, if they are known here: without user name and password.
    pub(crate) address: Option<String>,
}

impl Proxy {
    /// The one that the environment or the operating system has for an address. As the HTTP library chooses it.
    pub(crate) fn of_system(base_url: &str) -> Option<Self> {
        let intercepted = Matcher::from_system().intercept(&base_url.parse().ok()?)?;
        let uri = intercepted.uri();
        let port = uri.port_u16().or(match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let address = match (uri.host()?, port) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        Some(Self { address: Some(address) })
    }
}

/// Host and port, as they stand in a URL.
pub(crate) fn address_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
