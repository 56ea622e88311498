//! The address of a gateway.

use std::sync::Arc;

use url::{Host, Url};

use crate::error::{Error, ErrorKind};
use crate::route::address_of;
use crate::setting::Setting;

/// The address of a gateway, checked: `http` or `https`, no query, no fragment, no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: Arc<str>,
    address: String,
    loopback: bool,
}

impl BaseUrl {
    /// `resolved_here`: [`SystemResolver`](crate::resolver::SystemResolver) looks the name up.
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
            address: address_of(&url),
            text: url.as_str().trim_end_matches('/').into(),
            loopback,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn is_http(&self) -> bool {
        self.text.starts_with("http:")
    }

    /// Whether the address is of this machine, so that no proxy has a place in between.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
