//! TLS is verified, a private authority is trusted only if its root certificate is given, and every failure says which of
//! them it is.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::server::{Script, Server};
use common::time::freeze;
use common::{Facts, builder, retry, said};
use enos_ota::{CertificateProblem, ConnectCause, Error, ErrorKind, Peer, RetryPolicy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::named("an authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn root_pem(&self) -> String {
        self.0.pem()
    }

    fn config(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        config(params.signed_by(&key, &self.0).unwrap().der(), &key)
    }

    async fn server(&self, params: &CertificateParams) -> Server {
        serve(self.config(params)).await
    }
}

fn config(certificate: &CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap()
}

/// A server whose certificate nobody else has signed, and that certificate.
async fn self_signed(params: CertificateParams) -> (Server, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (serve(config(certificate.der(), &key)).await, certificate.pem())
}

fn certificate_for(host: &str) -> CertificateParams {
    CertificateParams::new([host.to_owned()]).unwrap()
}

async fn serve(config: ServerConfig) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start_with(Script::default(), move |stream| acceptor.accept(stream)).await
}

/// A server that answers the first message with these bytes, whatever it was.
async fn blunt(bytes: &'static [u8]) -> Server {
    Server::start_with(Script::default(), move |mut stream| async move {
        let mut hello = [0; 4096];
        let _ = stream.read(&mut hello).await?;
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        Ok(stream)
    })
    .await
}

fn https(server: &Server) -> String {
    format!("https://{}", server.address())
}

/// Fails to make a call, and returns what the error says beyond the address.
async fn refused(server: &Server, root: Option<&str>) -> (Error, String) {
    let builder = match root {
        Some(pem) => builder(&https(server)).root_certificate_pem(pem),
        None => builder(&https(server)),
    };
    let error = retry(&builder.build().unwrap()).await.unwrap_err();
    assert!(server.requests().is_empty());
    let problem = error.connect_problem().unwrap();
    assert_eq!(problem.peer, Peer::Gateway);
    assert_eq!(problem.address, Some(server.address().to_string()));
    let (attempts, text) = (error.attempts(), said(&error));
    let attempts = if attempts > 1 {
        format!(" ({attempts} attempts)")
    } else {
        String::new()
    };
    let before = format!("could not connect to {}{attempts}: ", server.address());
    let cause = text.strip_prefix(&before).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(problem.cause.to_string(), cause);
    let cause = cause.to_owned();
    (error, cause)
}

fn assert_tls(error: &Error) {
    Facts::no_token("token/get", ErrorKind::Tls).status(None).assert(error);
}

fn certificate(error: &Error) -> &CertificateProblem {
    assert_tls(error);
    match &error.connect_problem().unwrap().cause {
        ConnectCause::Certificate(problem) => problem,
        cause => panic!("{cause:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent() {
    let server = Authority::new().server(&certificate_for("127.0.0.1")).await;
    let another = Authority::named("another authority").root_pem();
    for root in [None, Some(another.as_str())] {
        let (error, cause) = refused(&server, root).await;
        assert_eq!(*certificate(&error), CertificateProblem::UnknownIssuer);
        assert_eq!(cause, "the certificate was issued by an authority that is not trusted");
        assert!(error.remedy().contains("root_certificate_pem"), "{}", error.remedy());
    }
}

#[tokio::test]
async fn an_authority_that_only_has_the_name_of_a_trusted_one_is_not_trusted() {
    let server = Authority::new().server(&certificate_for("127.0.0.1")).await;
    let (error, cause) = refused(&server, Some(&Authority::new().root_pem())).await;
    assert!(matches!(certificate(&error), CertificateProblem::Other(_)));
    assert_eq!(
        cause,
        "the certificate is not valid: its signature is not that of a trusted authority"
    );
}

#[tokio::test]
async fn a_private_authority_is_trusted_if_its_root_certificate_is_given() {
    let authority = Authority::new();
    let server = authority.server(&certificate_for("127.0.0.1")).await;
    let client = builder(&https(&server))
        .root_certificate_pem(authority.root_pem())
        .build()
        .unwrap();
    assert_eq!(retry(&client).await.unwrap().attempts, 1);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_self_signed_certificate_is_called_so_and_is_trusted_if_it_is_given() {
    let (server, pem) = self_signed(certificate_for("127.0.0.1")).await;
    let (error, cause) = refused(&server, None).await;
    assert_eq!(*certificate(&error), CertificateProblem::SelfSigned);
    assert_eq!(cause, "the certificate is self-signed, and is not trusted");
    assert!(error.remedy().contains("root_certificate_pem"), "{}", error.remedy());

    let client = builder(&https(&server)).root_certificate_pem(pem).build().unwrap();
    assert_eq!(retry(&client).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn the_certificate_of_an_authority_cannot_serve_as_that_of_a_server_also_if_it_is_given() {
    let mut params = certificate_for("127.0.0.1");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (server, pem) = self_signed(params).await;
    for root in [None, Some(pem.as_str())] {
        let (error, cause) = refused(&server, root).await;
        assert_eq!(*certificate(&error), CertificateProblem::CaAsServer);
        let text = "the certificate is that of an authority (CA:TRUE), which cannot serve as a server certificate";
        assert_eq!(cause, text);
        assert!(
            error.remedy().contains("reissued without CA:TRUE"),
            "{}",
            error.remedy()
        );
    }
}

#[tokio::test]
async fn an_expired_certificate_is_told_with_its_date_and_that_of_the_clock() {
    let authority = Authority::new();
    let mut params = certificate_for("127.0.0.1");
    params.not_before = date_time_ymd(2019, 1, 31);
    params.not_after = date_time_ymd(2020, 1, 31);
    let server = authority.server(&params).await;
    let (error, cause) = refused(&server, Some(&authority.root_pem())).await;
    let CertificateProblem::Expired { not_after, now } = certificate(&error) else {
        panic!("{error:?}");
    };
    assert!(*not_after == 1_580_428_800 && now > not_after);
    assert!(
        cause.starts_with("the certificate expired on 2020-01-31 (today is 20"),
        "{cause}"
    );
    assert!(cause.ends_with(" by this machine's clock)"), "{cause}");
    assert!(error.remedy().contains("renewed") && error.remedy().contains("clock"));
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_told_with_its_date() {
    let authority = Authority::new();
    let mut params = certificate_for("127.0.0.1");
    params.not_before = date_time_ymd(4000, 2, 29);
    let server = authority.server(&params).await;
    let (error, cause) = refused(&server, Some(&authority.root_pem())).await;
    assert!(matches!(certificate(&error), CertificateProblem::NotYetValid { .. }));
    assert!(
        cause.starts_with("the certificate is not valid before 4000-02-29 (today is 20"),
        "{cause}"
    );
    assert!(error.remedy().contains("clock"));
}

#[tokio::test]
async fn a_certificate_for_other_hosts_names_them() {
    let authority = Authority::new();
    let names = ["gateway.example.com", "*.example.org", "10.1.2.3"].map(str::to_owned);
    let server = authority.server(&CertificateParams::new(names.clone()).unwrap()).await;
    let (error, cause) = refused(&server, Some(&authority.root_pem())).await;
    let problem = CertificateProblem::OtherHost { names: names.into() };
    assert_eq!(*certificate(&error), problem);
    let text = "the certificate is not for this host, but for gateway.example.com, *.example.org, 10.1.2.3";
    assert_eq!(cause, text);
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_told_so() {
    for banner in ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n"] {
        let server = blunt(banner.as_bytes()).await;
        let (error, cause) = refused(&server, None).await;
        assert_tls(&error);
        assert_eq!(cause, "the port does not speak TLS");
        let hint = format!("Is the base URL http://{}? If not, check the port.", server.address());
        assert_eq!(error.remedy(), hint);
    }
}

#[tokio::test]
async fn a_server_that_gives_up_the_handshake_is_told_with_its_reason() {
    for (alert, text) in [
        (70, "the server speaks neither TLS 1.2 nor TLS 1.3"),
        (40, "the server has no TLS algorithms in common with this program"),
        (112, "the server has no certificate for this host name"),
        (116, "the server asks for a certificate of the client"),
    ] {
        // A fatal alert, in a record of TLS 1.1.
        let server = blunt(vec![21, 3, 2, 0, 2, 2, alert].leak()).await;
        let (error, cause) = refused(&server, None).await;
        assert_tls(&error);
        assert_eq!(cause, text);
    }
}

#[tokio::test]
async fn a_server_that_chooses_tls_1_1_is_refused() {
    // ServerHello: version 1.1, 32 random bytes, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 47, 0]);
    let server = blunt(hello.leak()).await;
    let (error, cause) = refused(&server, None).await;
    assert_tls(&error);
    assert_eq!(cause, "the server speaks neither TLS 1.2 nor TLS 1.3");
}

#[tokio::test]
async fn a_connection_that_is_closed_during_the_handshake_is_tried_again() {
    let server = blunt(b"").await;
    let (error, cause) = refused(&server, None).await;
    let facts = Facts::no_token("token/get", ErrorKind::Connect);
    facts.status(None).retryable(5).assert(&error);
    assert_eq!(cause, "the connection was closed during the TLS handshake");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_after_the_time_of_connecting() {
    let time = freeze();
    let server = Server::start_with(Script::default(), |stream| async move {
        std::future::pending::<()>().await;
        Ok(stream)
    })
    .await;
    let client = builder(&https(&server))
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    let call = tokio::spawn(async move { retry(&client).await });
    let error = time.run(call, Duration::from_millis(500)).await.unwrap_err();
    assert_eq!(
        said(&error),
        format!("could not connect to {}: no answer within 10 s", server.address())
    );
}

#[tokio::test]
async fn http_2_is_offered_only_if_it_is_allowed() {
    let authority = Authority::new();
    let mut config = authority.config(&certificate_for("127.0.0.1"));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (chosen, mut protocols) = mpsc::unbounded_channel();
    let server = Server::start_with(Script::default(), move |stream| {
        let (accepting, chosen) = (acceptor.accept(stream), chosen.clone());
        async move {
            let stream = accepting.await?;
            let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            let _ = chosen.send(protocol);
            Ok(stream)
        }
    })
    .await;
    let builder = builder(&https(&server))
        .retry_policy(RetryPolicy::never())
        .root_certificate_pem(authority.root_pem());
    retry(&builder.clone().build().unwrap()).await.unwrap();
    assert_eq!(protocols.recv().await.unwrap().as_deref(), Some(&b"http/1.1"[..]));
    // This server does not speak it; that it was chosen is what matters here.
    retry(&builder.http2(true).build().unwrap()).await.unwrap_err();
    assert_eq!(protocols.recv().await.unwrap().as_deref(), Some(&b"h2"[..]));
}
