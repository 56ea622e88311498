//! The way to the gateway: through which proxy, and to which address.

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use crate::config::{Origin, Sourced};
use crate::text::visible;

/// Where the first connection of a call leads to.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_https: bool,
    pub(super) proxy: Option<Proxy>,
    /// Whether the gateway is on this machine, so that no proxy of the environment has a place in between.
    pub(super) is_loopback: bool,
}

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) source: String,
}

impl Route {
    pub(super) fn of(base_url: &str, proxy: Option<&Sourced<String>>) -> Option<Self> {
        let url = Url::parse(base_url.trim()).ok()?;
        let is_loopback = match url.host()? {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let proxy = match proxy {
            Some(proxy) => Proxy::given(proxy),
            None if is_loopback => None,
            None => Proxy::of_environment(base_url),
        };
        Some(Self {
            host: bare_host(&url)?,
            port: url.port_or_known_default()?,
            is_https: url.scheme() == "https",
            proxy,
            is_loopback,
        })
    }
}

impl Proxy {
    fn given(proxy: &Sourced<String>) -> Option<Self> {
        let text = proxy.value.trim();
        let url = Url::parse(text)
            .ok()
            .filter(Url::has_host)
            .or_else(|| Url::parse(&format!("http://{text}")).ok())?;
        Some(Self {
            host: bare_host(&url)?,
            port: url.port_or_known_default()?,
            source: proxy.origin.to_string(),
        })
    }

    /// As the HTTP library chooses it: `HTTPS_PROXY` and the like, or the setting of the system.
    fn of_environment(base_url: &str) -> Option<Self> {
        let intercepted = Matcher::from_system().intercept(&base_url.parse().ok()?)?;
        let uri = intercepted.uri();
        let port = match uri.scheme_str() {
            Some("https") => 443,
            _ => 80,
        };
        Some(Self {
            host: uri.host()?.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(port),
            source: Origin::Variable(&crate::env::HTTPS_PROXY).to_string() + " and the like",
        })
    }

    pub(super) fn address(&self) -> String {
        address(&self.host, self.port)
    }
}

/// Without the brackets of an IPv6 address, as a name service takes it.
fn bare_host(url: &Url) -> Option<String> {
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

pub(super) fn address(host: &str, port: u16) -> String {
    let host = visible(host);
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
