//! Why a connection could not be made, in words of our own.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::text::{date, duration};

/// Why there is no connection to the gateway. [`Error::connect_problem`](crate::Error::connect_problem) has it.
///
/// `Display` is the whole sentence: `could not connect to 127.0.0.1:9: connection refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectProblem {
    /// Whose address it is that could not be connected to, and with that, which setting to look at.
    pub peer: Peer,
    /// Host and port of the peer, such as `apim-gateway.example.com:443`; `None` if they are not known here, because the
    /// HTTP client or the proxy was made elsewhere.
    pub address: Option<String>,
    /// The proxy on the way, by host and port, if there is one and it is known. The one of the environment is.
    pub proxy: Option<String>,
    /// What went wrong.
    pub cause: ConnectCause,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// The gateway: its address is that of the base URL.
    Gateway,
    /// A proxy on the way to the gateway.
    Proxy,
}

/// What is wrong with a connection. `Display` is a phrase such as `connection refused`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The host name has no address.
    UnknownHost {
        /// The name.
        host: String,
    },
    /// Nothing listens at the port, or a firewall refuses the connection.
    Refused,
    /// The connection was reset.
    Reset,
    /// There is no way to the network or the host.
    Unreachable,
    /// There was no answer in time. The time is that of connecting, 10 s or less; `None` if it is not known here.
    TimedOut(Option<Duration>),
    /// This machine does not allow the connection.
    Forbidden,
    /// The proxy asks for a user name and a password.
    ProxyLogin,
    /// The proxy did not connect to the gateway.
    ProxyRefused,
    /// What listens at the port does not speak TLS.
    NoTls,
    /// The peer closed the connection while TLS was negotiated.
    ClosedInHandshake,
    /// The peer has no version of TLS in common with this library, which speaks 1.2 and 1.3.
    TlsVersion,
    /// The peer has no cipher, key exchange or signature scheme in common with this library.
    TlsAlgorithms,
    /// The peer wants a certificate of the client.
    ClientCertificate,
    /// The peer has no certificate for the host name that it was asked for.
    UnknownServerName,
    /// The certificate of the peer is not accepted.
    Certificate(CertificateProblem),
    /// Anything else, in the words of the operating system or of the library that noticed it. Safe to show.
    Other(String),
}

/// Why the certificate of a server is not accepted. Times are in seconds since 1970-01-01 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// It is no longer valid.
    Expired {
        /// When it ended.
        not_after: u64,
        /// The time by the clock of this machine.
        now: u64,
    },
    /// It is not valid yet.
    NotYetValid {
        /// When it begins.
        not_before: u64,
        /// The time by the clock of this machine.
        now: u64,
    },
    /// No authority has signed it but itself, and it is not among the certificates that are trusted.
    SelfSigned,
    /// It is the certificate of an authority (`CA:TRUE`), which cannot serve as that of a server.
    CaAsServer,
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    /// It is for other hosts.
    OtherHost {
        /// The names and addresses that it is for, at most five. Safe to show.
        names: Vec<String>,
    },
    /// It was revoked.
    Revoked,
    /// It is for another purpose than a server's.
    WrongPurpose,
    /// Anything else, such as a signature that does not verify. Safe to show.
    Other(String),
}

impl ConnectProblem {
    /// The sentence without its cause: `could not connect to 127.0.0.1:9`.
    #[must_use]
    pub fn summary(&self) -> String {
        let address = self.address.as_deref();
        match self.peer {
            Peer::Proxy => match address {
                Some(address) => format!("could not connect to the proxy {address}"),
                None => "could not connect to the proxy".to_owned(),
            },
            Peer::Gateway => {
                let mut text = match address {
                    Some(address) => format!("could not connect to {address}"),
                    None => "could not connect to the gateway".to_owned(),
                };
                if let Some(proxy) = &self.proxy {
                    text.push_str(" through the proxy ");
                    text.push_str(proxy);
                }
                text
            }
        }
    }

    pub(crate) fn remedy(&self) -> String {
        let text = match (&self.cause, self.peer) {
            (ConnectCause::ProxyLogin, _) => "Put user name and password of the proxy into its address.",
            (ConnectCause::ProxyRefused, _) => {
                "Check the base URL, and whether the proxy may connect to the gateway. If the proxy is not needed, except \
                 the gateway from it with NO_PROXY."
            }
            (ConnectCause::Certificate(problem), _) => problem.remedy(),
            (ConnectCause::NoTls, Peer::Gateway) => {
                return match &self.address {
                    Some(address) => format!("Is the base URL http://{address}? If not, check the port."),
                    None => "Check the scheme and the port of the base URL.".to_owned(),
                };
            }
            (ConnectCause::TlsVersion | ConnectCause::TlsAlgorithms, _) => {
                "Have TLS 1.2 or 1.3 with current algorithms enabled on the server."
            }
            (ConnectCause::ClientCertificate, _) => {
                "The base URL may be of a port for machines with certificates. If not, bring an HTTP client with a \
                 certificate (`ClientBuilder::http_client`)."
            }
            (_, Peer::Proxy) => {
                "Check the proxy: `ClientBuilder::proxy_url`, or HTTPS_PROXY, HTTP_PROXY and ALL_PROXY in the environment."
            }
            (ConnectCause::UnknownHost { .. }, Peer::Gateway) => {
                "Check the host name in the base URL, and the name service of this machine."
            }
            (ConnectCause::UnknownServerName, Peer::Gateway) => "Check the host name in the base URL.",
            (
                ConnectCause::Refused
                | ConnectCause::Reset
                | ConnectCause::Unreachable
                | ConnectCause::TimedOut(_)
                | ConnectCause::Forbidden
                | ConnectCause::ClosedInHandshake
                | ConnectCause::Other(_),
                Peer::Gateway,
            ) => "Check address and port of the base URL, the network, and whether a proxy is needed.",
        };
        text.to_owned()
    }
}

impl CertificateProblem {
    fn remedy(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "Have it renewed. If the date looks wrong, set the clock of this machine.",
            Self::NotYetValid { .. } => {
                "Set the clock of this machine if it is wrong. If it is right, have the certificate replaced."
            }
            Self::SelfSigned => {
                "If it is the gateway's own, trust it as a root certificate (`ClientBuilder::root_certificate_pem`)."
            }
            Self::CaAsServer => {
                "Have it reissued without CA:TRUE, or a server certificate signed with it. Then trust the authority as a \
                 root certificate (`ClientBuilder::root_certificate_pem`)."
            }
            Self::UnknownIssuer => {
                "If it is of a private authority, trust that authority's root certificate \
                 (`ClientBuilder::root_certificate_pem`). If not, the server may not send its intermediate certificates."
            }
            Self::OtherHost { .. } => {
                "Use a host name in the base URL that the certificate is for, or have it reissued."
            }
            Self::Revoked | Self::WrongPurpose | Self::Other(_) => "Have the certificate of the server replaced.",
        }
    }
}

impl fmt::Display for ConnectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.summary(), self.cause)
    }
}

impl StdError for ConnectProblem {}

impl fmt::Display for ConnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownHost { host } => return write!(f, "no address was found for the host name `{host}`"),
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::Unreachable => "the network or the host is unreachable",
            Self::TimedOut(Some(limit)) => return write!(f, "no answer within {}", duration(*limit)),
            Self::TimedOut(None) => "no answer in time",
            Self::Forbidden => "this machine does not allow the connection",
            Self::ProxyLogin => "the proxy asks for a user name and a password",
            Self::ProxyRefused => "the proxy did not connect to it",
            Self::NoTls => "the port does not speak TLS",
            Self::ClosedInHandshake => "the connection was closed during the TLS handshake",
            Self::TlsVersion => "the server speaks neither TLS 1.2 nor TLS 1.3",
            Self::TlsAlgorithms => "the server has no TLS algorithms in common with this program",
            Self::ClientCertificate => "the server asks for a certificate of the client",
            Self::UnknownServerName => "the server has no certificate for this host name",
            Self::Certificate(problem) => return problem.fmt(f),
            Self::Other(text) => text,
        })
    }
}

impl StdError for ConnectCause {}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired { not_after, now } => {
                let (end, today) = (date(*not_after), date(*now));
                return write!(
                    f,
                    "the certificate expired on {end} (today is {today} by this machine's clock)"
                );
            }
            Self::NotYetValid { not_before, now } => {
                let (begin, today) = (date(*not_before), date(*now));
                return write!(
                    f,
                    "the certificate is not valid before {begin} (today is {today} by this machine's clock)"
                );
            }
            Self::SelfSigned => "the certificate is self-signed, and is not trusted",
            Self::CaAsServer => {
                "the certificate is that of an authority (CA:TRUE), which cannot serve as a server certificate"
            }
            Self::UnknownIssuer => "the certificate was issued by an authority that is not trusted",
            Self::OtherHost { names } if names.is_empty() => "the certificate is not for this host",
            Self::OtherHost { names } => {
                return write!(f, "the certificate is not for this host, but for {}", names.join(", "));
            }
            Self::Revoked => "the certificate was revoked",
            Self::WrongPurpose => "the certificate is not for servers",
            Self::Other(text) => return write!(f, "the certificate is not valid: {text}"),
        })
    }
}

impl ConnectCause {
    /// What an error of the operating system means for a connection. `tls`: one that begins with a handshake.
    pub(crate) fn of_io(error: &io::Error, tls: bool) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::ConnectionRefused => Self::Refused,
            K::UnexpectedEof if tls => Self::ClosedInHandshake,
            K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe | K::UnexpectedEof => Self::Reset,
            K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown | K::AddrNotAvailable => Self::Unreachable,
            K::TimedOut => Self::TimedOut(None),
            K::PermissionDenied => Self::Forbidden,
            _ => Self::Other(in_words(error)),
        }
    }
}

/// The text of the operating system, without its number where there is a text.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split_once(" (os error ").map_or(text.as_str(), |(text, _)| text);
    crate::text::shown(text, &[])
}
