//! TLS by rustls: whom to trust, and what a failed handshake means.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerIncompatible,
    SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::connect::{CertificateProblem, ConnectCause};
use crate::error::{Error, ErrorKind};
use crate::setting::Setting;
use crate::text::shown;
use crate::transport::find;

/// How TLS is spoken: with the certificates of the operating system and some more, as the HTTP library does by itself.
/// But a certificate that is not trusted is told from one that is self-signed.
pub(crate) fn config(roots: &[Vec<u8>], http2: bool) -> Result<ClientConfig, Error> {
    let mut extra = Vec::new();
    for pem in roots {
        let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => extra.extend(certificates),
            Ok(_) | Err(_) => return Err(not_a_root()),
        }
    }
    let provider = CryptoProvider::get_default()
        .map_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()), Arc::clone);
    let algorithms = provider.signature_verification_algorithms;
    let platform = Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|error| match error {
        rustls::Error::InvalidCertificate(_) => not_a_root(),
        _ => no_certificates(),
    })?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Config, "TLS cannot be used").with_source(error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Named { platform, algorithms }))
        .with_no_client_auth();
    if http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

fn not_a_root() -> Error {
    Error::new(
        ErrorKind::Config,
        "the root certificate is not valid; expected PEM, beginning with -----BEGIN CERTIFICATE-----",
    )
    .with_setting(Setting::RootCertificate)
}

fn no_certificates() -> Error {
    Error::new(ErrorKind::Config, "no trusted certificates were found on this machine").with_note(Some(
        "Install those of the operating system (the package ca-certificates of many Linux distributions).".to_owned(),
    ))
}

/// Verifies as the platform does, and names a self-signed certificate as such.
#[derive(Debug)]
struct Named {
    platform: Verifier,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .platform
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verified.map_err(|error| match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
                if is_self_signed(end_entity, &self.algorithms, now) =>
            {
                CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
            }
            error => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

/// Whether the certificate would be accepted if it were trusted itself.
fn is_self_signed(certificate: &CertificateDer<'_>, algorithms: &WebPkiSupportedAlgorithms, now: UnixTime) -> bool {
    let Ok(anchor) = webpki::anchor_from_trusted_cert(certificate) else {
        return false;
    };
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
        let usage = webpki::KeyUsage::server_auth();
        certificate
            .verify_for_usage(algorithms.all, &[anchor], &[], now, usage, None, None)
            .is_ok()
    })
}

#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate is self-signed")
    }
}

impl StdError for SelfSigned {}

/// What went wrong in the handshake, if it was that.
pub(crate) fn cause(error: &reqwest::Error) -> Option<ConnectCause> {
    Some(match find::<rustls::Error>(error)? {
        rustls::Error::InvalidCertificate(problem) => ConnectCause::Certificate(problem_of(problem)),
        // What is no record of TLS at all.
        rustls::Error::InvalidMessage(_) | rustls::Error::PeerSentOversizedRecord => ConnectCause::NoTls,
        rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled,
        )
        | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => ConnectCause::TlsVersion,
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            ConnectCause::TlsAlgorithms
        }
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => ConnectCause::UnknownServerName,
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::NoCertificate | AlertDescription::AccessDenied,
        ) => ConnectCause::ClientCertificate,
        error => ConnectCause::Other(format!("the TLS handshake failed: {}", shown(&error.to_string(), &[]))),
    })
}

fn problem_of(error: &CertificateError) -> CertificateProblem {
    match error {
        CertificateError::ExpiredContext { time, not_after } => CertificateProblem::Expired {
            not_after: not_after.as_secs(),
            now: time.as_secs(),
        },
        CertificateError::NotValidYetContext { time, not_before } => CertificateProblem::NotYetValid {
            not_before: not_before.as_secs(),
            now: time.as_secs(),
        },
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        CertificateError::NotValidForName => CertificateProblem::OtherHost { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => CertificateProblem::OtherHost {
            names: presented.iter().take(5).map(|name| plain_name(name)).collect(),
        },
        CertificateError::Revoked => CertificateProblem::Revoked,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateProblem::WrongPurpose
        }
        CertificateError::BadEncoding => CertificateProblem::Other("it cannot be read".to_owned()),
        CertificateError::BadSignature => {
            CertificateProblem::Other("its signature is not that of a trusted authority".to_owned())
        }
        CertificateError::Other(other) => {
            if other.0.is::<SelfSigned>() {
                CertificateProblem::SelfSigned
            } else if matches!(
                other.0.downcast_ref::<webpki::Error>(),
                Some(webpki::Error::CaUsedAsEndEntity)
            ) {
                CertificateProblem::CaAsServer
            } else {
                CertificateProblem::Other(shown(&other.0.to_string(), &[]))
            }
        }
        error => CertificateProblem::Other(shown(&error.to_string(), &[])),
    }
}

/// `DnsName("gateway.example.com")` is how the library below writes a name.
fn plain_name(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let name = inner.unwrap_or(name).trim_matches('"');
    shown(name, &[]).chars().take(80).collect()
}
