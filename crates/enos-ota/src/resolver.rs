//! Names, looked up so that a failure can be told from other failures to connect.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

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
pub(crate) struct ElsewhereError {
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
pub(crate) struct ResolveError {
    pub(crate) host: String,
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
}
