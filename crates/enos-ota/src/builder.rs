//! Settings of a client, checked before anything is sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use enos_ota_client::OrgId;

use crate::base_url::BaseUrl;
use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::proxy::ProxyUrl;
use crate::raw::RawClient;
use crate::resolver::SystemResolver;
use crate::retry::RetryPolicy;
use crate::route::{self, Route};
use crate::secret::Credentials;
use crate::setting::Setting;
use crate::token::{TokenSettings, TokenSource};

/// Builds a [`Client`] or a [`TokenSource`].
///
/// A base URL and credentials are needed, and an organization for a client; all else has a default.
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    base_url: Option<String>,
    credentials: Option<Credentials>,
    org_id: Option<String>,
    allow_http: bool,
    attempt_timeout: Duration,
    timeout: Option<Duration>,
    retry: RetryPolicy,
    proxy: Option<reqwest::Proxy>,
    proxy_address: Option<String>,
    http2: bool,
    root_certificates: Vec<Vec<u8>>,
    user_agent_prefix: Option<String>,
    http: Option<reqwest::Client>,
    clock: Arc<dyn Clock>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            base_url: None,
            credentials: None,
            org_id: None,
            allow_http: false,
            attempt_timeout: Duration::from_secs(30),
            timeout: Some(Duration::from_mins(2)),
            retry: RetryPolicy::default(),
            proxy: None,
            proxy_address: None,
            http2: false,
            root_certificates: Vec::new(),
            user_agent_prefix: None,
            http: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A base URL that was not checked yet, a proxy and an HTTP client may have passwords in them.
        let base_url = self.base_url.as_deref().and_then(|url| self.parse_base_url(url).ok());
        f.debug_struct("ClientBuilder")
            .field("base_url", &base_url.as_ref().map(BaseUrl::as_str))
            .field("credentials", &self.credentials)
            .field("org_id", &self.org_id)
            .field("allow_http", &self.allow_http)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .field("http2", &self.http2)
            .finish_non_exhaustive()
    }
}

/// `enos-ota/0.1.0`
const USER_AGENT: &str = concat!("enos-ota/", env!("CARGO_PKG_VERSION"));

impl ClientBuilder {
    /// Sets the address of the API gateway, such as `https://apim-gateway.example.com`. Needed.
    ///
    /// A trailing slash does not matter. A path is kept, for a gateway behind a proxy that has one.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets access key and secret of the application. Needed.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets the organization (OU) in which the jobs are. Needed for a [`Client`].
    pub fn org_id(mut self, org_id: impl Into<String>) -> Self {
        self.org_id = Some(org_id.into());
        self
    }

    /// Allows plain `http` to a host other than this machine. Refused by default.
    ///
    /// This machine is `localhost`, and a name that ends in `.localhost` if it is looked up here; either must lead to a
    /// loopback address (`127.0.0.0/8` or `::1`), or no connection is made.
    ///
    /// EnOS Edge is reached by http. Anyone on the way can then read the access token, and change what is answered.
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Sets how long one attempt may take, from connecting to the end of the answer. 30 s by default.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Sets how long a call may take with all its attempts and waits, the access token included. 120 s by default;
    /// `None` for no limit. It holds for a [`TokenSource`] and a [`RawClient`] too.
    ///
    /// While the gateway calls every token dead, a call may be held back for up to 5 s before it begins; that is not
    /// counted.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets how failed requests are repeated.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sends all requests through a proxy.
    ///
    /// By default the proxy settings of the environment hold, except for a base URL of this machine.
    pub fn proxy(mut self, proxy: reqwest::Proxy) -> Self {
        self.proxy = Some(proxy);
        self.proxy_address = None;
        self
    }

    /// As [`proxy`](Self::proxy), from an address that may have a user name and a password in it.
    ///
    /// # Errors
    ///
    /// As [`ProxyUrl::parse`].
    pub fn proxy_url(self, url: ProxyUrl) -> Result<Self, Error> {
        let address = url.address();
        Ok(Self {
            proxy_address: Some(address),
            ..self.proxy(url.into_proxy()?)
        })
    }

    /// Allows HTTP/2, if the gateway offers it over TLS. Off by default. Needs the feature `http2` of this crate.
    ///
    /// With HTTP/2 all calls share one connection. A gateway allows so many requests on it at a time, often 100, and what
    /// is beyond that waits inside this client, unseen, within the time of the attempt. With HTTP/1.1 each call that is
    /// under way has a connection of its own, and the gateway sees all that is asked of it. Allow it where few calls are
    /// made at a time, or where a gateway or a proxy limits connections.
    #[cfg(feature = "http2")]
    pub fn http2(mut self, allow: bool) -> Self {
        self.http2 = allow;
        self
    }

    /// Trusts a root certificate in PEM form, beside those of the operating system.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates.push(pem.into());
        self
    }

    /// Puts the name of your program before `enos-ota/<version>` in the header `user-agent`, such as `fleet-tool/2.1`.
    pub fn user_agent(mut self, program: impl Into<String>) -> Self {
        self.user_agent_prefix = Some(program.into());
        self
    }

    /// Uses an HTTP client of your own, for settings that this builder does not have.
    ///
    /// Build it without redirects (`redirect::Policy::none()`) and without repetition (`retry::never()`): a redirect
    /// would take the access token to another host, and only this crate knows which request may be sent twice. It
    /// excludes [`proxy`](Self::proxy), [`root_certificate_pem`](Self::root_certificate_pem),
    /// [`user_agent`](Self::user_agent) and `http2`.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// Uses another wall clock for timestamps.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if a needed setting is missing or any is not valid. Nothing is sent.
    pub fn build(self) -> Result<Client, Error> {
        let org_id = required(self.org_id.as_deref(), "organization id", "ClientBuilder::org_id")?;
        let org_id: OrgId = org_id.parse().map_err(|error| {
            Error::new(ErrorKind::Config, "the organization id is empty")
                .with_source(error)
                .with_setting(Setting::OrgId)
        })?;
        Ok(Client::new(self.settings()?, org_id))
    }

    /// Builds only the source of access tokens, for signing calls to other EnOS APIs.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); no organization is needed.
    pub fn build_token_source(self) -> Result<TokenSource, Error> {
        Ok(TokenSource::new(self.settings()?))
    }

    /// Builds a client for signed calls to any API of the platform.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); no organization is needed.
    pub fn build_raw(self) -> Result<RawClient, Error> {
        Ok(RawClient::new(self.settings()?))
    }

    /// Builds a client for programs that are not asynchronous.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and [`ErrorKind::Internal`] if its thread does not start.
    #[cfg(feature = "blocking")]
    pub fn build_blocking(self) -> Result<crate::blocking::Client, Error> {
        crate::blocking::Client::new(self.build()?)
    }

    /// As [`build_raw`](Self::build_raw), for programs that are not asynchronous.
    ///
    /// # Errors
    ///
    /// As [`build_blocking`](Self::build_blocking); no organization is needed.
    #[cfg(feature = "blocking")]
    pub fn build_raw_blocking(self) -> Result<crate::blocking::RawClient, Error> {
        crate::blocking::RawClient::new(self.build_raw()?)
    }

    fn settings(self) -> Result<TokenSettings, Error> {
        let base_url = required(self.base_url.as_deref(), "base URL", "ClientBuilder::base_url")?;
        let base_url = self.parse_base_url(base_url)?;
        let credentials = self.credentials.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::Config,
                "no app key and secret are set; see ClientBuilder::credentials",
            )
        })?;
        Ok(TokenSettings {
            base_url: base_url.as_str().into(),
            credentials,
            clock: Arc::clone(&self.clock),
            retry: self.retry.clone(),
            attempt_timeout: self.attempt_timeout,
            timeout: self.timeout,
            route: self.route(&base_url),
            http: self.into_http(&base_url)?,
        })
    }

    fn parse_base_url(&self, url: &str) -> Result<BaseUrl, Error> {
        // A name can be trusted only where it is looked up here, and the addresses are checked.
        let resolved_here = self.http.is_none() && self.proxy.is_none();
        BaseUrl::parse(url, self.allow_http, resolved_here)
    }

    /// The way that [`into_http`](Self::into_http) takes.
    fn route(&self, base_url: &BaseUrl) -> Route {
        let proxy = if self.http.is_some() {
            None
        } else if self.proxy.is_some() {
            Some(route::Proxy {
                address: self.proxy_address.clone(),
            })
        } else if base_url.is_loopback() {
            None
        } else {
            route::Proxy::of_system(base_url.as_str())
        };
        Route {
            gateway: base_url.address().to_owned(),
            is_https: !base_url.is_http(),
            proxy,
            connect_timeout: self.http.is_none().then(|| self.connect_timeout()),
        }
    }

    fn connect_timeout(&self) -> Duration {
        self.attempt_timeout.min(Duration::from_secs(10))
    }

    fn into_http(self, base_url: &BaseUrl) -> Result<reqwest::Client, Error> {
        if let Some(http) = self.http {
            let excluded = [
                ("a proxy", self.proxy.is_some()),
                ("a root certificate", !self.root_certificates.is_empty()),
                ("a user agent", self.user_agent_prefix.is_some()),
                ("HTTP/2", self.http2),
            ];
            return match excluded.into_iter().find(|(_, given)| *given) {
                Some((what, _)) => Err(Error::new(
                    ErrorKind::Config,
                    format!("{what} is set, but also an HTTP client of your own; set it on that client"),
                )),
                None => Ok(http),
            };
        }
        let user_agent = match &self.user_agent_prefix {
            Some(program) => format!("{program} {USER_AGENT}"),
            None => USER_AGENT.to_owned(),
        };
        let mut http = reqwest::Client::builder()
            .user_agent(user_agent)
            .redirect(reqwest::redirect::Policy::none())
            // Only the call knows whether its request may be sent twice.
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout())
            .dns_resolver(Arc::new(SystemResolver {
                // What is to be resolved may be the proxy instead.
                loopback_only: base_url.is_http() && base_url.is_loopback() && !self.allow_http && self.proxy.is_none(),
            }))
            .tcp_nodelay(true);
        if !self.http2 {
            http = http.http1_only();
        }
        let plain = base_url.is_http() && base_url.is_loopback() && self.proxy.is_none();
        if let Some(proxy) = self.proxy {
            http = http.proxy(proxy);
        } else if base_url.is_loopback() {
            http = http.no_proxy();
        }
        if cfg!(not(any(feature = "rustls", feature = "native-tls"))) && !base_url.is_http() {
            return Err(Error::new(
                ErrorKind::Config,
                "https needs TLS, and this program was built without: enable the feature `rustls` or `native-tls` of \
                 enos-ota",
            ));
        }
        trust(http, plain, self.http2, &self.root_certificates)?
            .build()
            .map_err(|error| Error::new(ErrorKind::Config, "the HTTP client could not be built").with_source(error))
    }
}

/// Settles which certificates are trusted: none if there are `plain` connections only.
#[cfg(feature = "rustls")]
fn trust(
    http: reqwest::ClientBuilder,
    plain: bool,
    http2: bool,
    roots: &[Vec<u8>],
) -> Result<reqwest::ClientBuilder, Error> {
    // Without TLS there is nothing to verify, and a machine without certificates can still be a test machine.
    if plain && roots.is_empty() {
        return Ok(http.tls_certs_only([]));
    }
    Ok(http.tls_backend_preconfigured(crate::tls::config(roots, http2)?))
}

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
fn trust(
    mut http: reqwest::ClientBuilder,
    plain: bool,
    _: bool,
    roots: &[Vec<u8>],
) -> Result<reqwest::ClientBuilder, Error> {
    if plain {
        http = http.tls_certs_only([]);
    }
    for pem in roots {
        let certificates = reqwest::Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|certificates| !certificates.is_empty())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Config,
                    "the root certificate is not valid; expected PEM, beginning with -----BEGIN CERTIFICATE-----",
                )
                .with_setting(Setting::RootCertificate)
            })?;
        http = http.tls_certs_merge(certificates);
    }
    Ok(http)
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
fn trust(http: reqwest::ClientBuilder, _: bool, _: bool, roots: &[Vec<u8>]) -> Result<reqwest::ClientBuilder, Error> {
    if roots.is_empty() {
        return Ok(http);
    }
    Err(Error::new(
        ErrorKind::Config,
        "a root certificate is set, and this program was built without TLS: enable the feature `rustls` or \
         `native-tls` of enos-ota",
    ))
}

fn required<'a>(value: Option<&'a str>, what: &str, setter: &str) -> Result<&'a str, Error> {
    value.ok_or_else(|| Error::new(ErrorKind::Config, format!("no {what} is set; see {setter}")))
}
