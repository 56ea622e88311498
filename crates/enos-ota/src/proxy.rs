//! The address of a proxy, which may have a password in it.

use std::fmt;

use url::Url;

use crate::error::{Error, ErrorKind};
use crate::route::address_of;
use crate::setting::Setting;

/// The address of an HTTP proxy, such as `http://proxy.example.com:8080`, perhaps with a user name and a password.
///
/// `Display` and `Debug` leave both out, and so does every error about it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

impl ProxyUrl {
    /// Reads an address. Without a scheme it is one of `http`, as `proxy.example.com:8080`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is not such an address. The text of the error repeats nothing of it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        // A URL parser forgives `http:me:password@host` and `http:/\me:password@host`, where nobody who looks for a
        // password would find one.
        let url = match text.split_once("://") {
            Some((scheme, _)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
                Url::parse(text).map_err(|_| refused())?
            }
            Some((scheme, _)) if !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                return Err(Error::new(
                    ErrorKind::Config,
                    "the proxy is not one for HTTP; expected http:// or https://",
                )
                .with_setting(Setting::Proxy));
            }
            _ => Url::parse(&format!("http://{text}")).map_err(|_| refused())?,
        };
        let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
        let is_plain = !authority.starts_with(['/', '\\', '@', ':'])
            && !authority.to_ascii_lowercase().starts_with("http:")
            && !authority.to_ascii_lowercase().starts_with("https:")
            && !text.contains('\\')
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        if is_plain { Ok(Self(url)) } else { Err(refused()) }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        address_of(&self.0)
    }

    pub(crate) fn into_proxy(self) -> Result<reqwest::Proxy, Error> {
        // The cause may repeat the address.
        reqwest::Proxy::all(self.0).map_err(|_| refused())
    }
}

fn refused() -> Error {
    Error::new(
        ErrorKind::Config,
        "the proxy is not an address; expected something like http://proxy.example.com:8080",
    )
    .with_setting(Setting::Proxy)
}

/// Scheme, host and port.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), self.0.host_str().unwrap_or_default())?;
        match self.0.port() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        for (text, shown) in [
            ("http://proxy.example.com:8080", "http://proxy.example.com:8080"),
            ("http://proxy.example.com:8080/", "http://proxy.example.com:8080"),
            ("HTTPS://proxy.example.com", "https://proxy.example.com"),
            ("proxy.example.com:8080", "http://proxy.example.com:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("http://me:hidden@proxy:9", "http://proxy:9"),
            ("me:hidden@proxy:9", "http://proxy:9"),
            ("me:hi@dden@proxy:9", "http://proxy:9"),
            ("http://hidden@proxy:9", "http://proxy:9"),
        ] {
            let url = ProxyUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?} {url:#?}").contains("hidden"));
            assert!(url.into_proxy().is_ok());
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for text in [
            "",
            "http://",
            "//me:hidden@proxy:9",
            "http:me:hidden@proxy:9",
            "https:me:hidden@proxy:9",
            r"http:/\me:hidden@proxy:9",
            r"http:\\me:hidden@proxy:9",
            "http:/me:hidden@proxy:9",
            "http:///me:hidden@proxy:9",
            "http://http://me:hidden@proxy:9",
            "socks5://me:hidden@proxy:9",
            "me:hidden@proxy:99999",
            "http://me:hidden@proxy:port",
            "http://me:hid/den@proxy:9",
            "http://me:hidden?@proxy:9",
            "http://me:hidden#@proxy:9",
            "http://proxy:9/?password=hidden",
            "me: hidden@",
            "http://me:hidden@",
        ] {
            let error = ProxyUrl::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{text}");
            let printed = format!("{error} {error:?} {error:#?} {}", error.remedy());
            assert!(!printed.contains("hid"), "{text}: {printed}");
        }
    }
}
