//! What a server's certificate says.

use std::net::IpAddr;

use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::text::visible;

/// So many names are shown.
const NAMES: usize = 10;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) names: Vec<String>,
    /// `2026-03-01T00:00:00Z`
    pub(super) not_before: String,
    pub(super) not_after: String,
    pub(super) is_self_signed: bool,
    pub(super) is_authority: bool,
}

impl Certificate {
    /// Reads one in DER. Whether it can be trusted is for others to say.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            subject: name(&certificate.subject().to_string()),
            issuer: name(&certificate.issuer().to_string()),
            names: names.filter_map(host).take(NAMES).collect(),
            not_before: time(certificate.validity().not_before.timestamp()),
            not_after: time(certificate.validity().not_after.timestamp()),
            is_self_signed: certificate.subject() == certificate.issuer(),
            is_authority: certificate.is_ca(),
        })
    }

    pub(super) fn sentence(&self) -> String {
        let mut text = format!(
            "the certificate of {} was issued by {}, is for {}, and is valid from {} to {}",
            self.subject,
            self.issuer,
            if self.names.is_empty() {
                "no host".to_owned()
            } else {
                self.names.join(", ")
            },
            day(&self.not_before),
            day(&self.not_after),
        );
        if self.is_self_signed {
            text.push_str("; it is self-signed");
        }
        if self.is_authority {
            text.push_str("; it is that of an authority (CA:TRUE)");
        }
        text
    }
}

fn name(text: &str) -> String {
    if text.is_empty() {
        return "(no name)".to_owned();
    }
    visible(text).into_owned()
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(visible(name).into_owned()),
        GeneralName::IPAddress(bytes) => {
            let address = match bytes.len() {
                4 => IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?),
                16 => IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?),
                _ => return None,
            };
            Some(address.to_string())
        }
        _ => None,
    }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| "a time that cannot be written".to_owned(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

fn day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(day, _)| day)
}
