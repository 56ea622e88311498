//! TLS is verified, and a private authority is trusted only if its root certificate is given.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::sync::Arc;

use common::server::{Script, Server};
use common::{Facts, builder, client, retry};
use enos_ota::{Error, ErrorKind, RetryPolicy};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

struct Authority {
    root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            root_pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn acceptor(&self, host: &str) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config(host)))
    }

    fn config(&self, host: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([host.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }

    async fn server(&self, host: &str) -> Server {
        let acceptor = self.acceptor(host);
        Server::start_with(Script::default(), move |stream| acceptor.accept(stream)).await
    }
}

fn https(server: &Server) -> String {
    format!("https://{}", server.address())
}

fn assert_refused(error: &Error) {
    Facts::no_token("token/get", ErrorKind::Tls).status(None).assert(error);
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_refused_before_anything_is_sent() {
    let server = Authority::new().server("127.0.0.1").await;
    assert_refused(&retry(&client(&https(&server))).await.unwrap_err());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_private_authority_is_trusted_if_its_root_certificate_is_given() {
    let authority = Authority::new();
    let server = authority.server("127.0.0.1").await;
    let client = builder(&https(&server))
        .root_certificate_pem(authority.root_pem.as_str())
        .build()
        .unwrap();
    assert_eq!(retry(&client).await.unwrap().attempts, 1);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn the_root_certificate_of_another_authority_does_not_help() {
    let server = Authority::new().server("127.0.0.1").await;
    let client = builder(&https(&server))
        .root_certificate_pem(Authority::new().root_pem)
        .build()
        .unwrap();
    assert_refused(&retry(&client).await.unwrap_err());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let server = authority.server("gateway.example.com").await;
    let client = builder(&https(&server))
        .root_certificate_pem(authority.root_pem.as_str())
        .build()
        .unwrap();
    assert_refused(&retry(&client).await.unwrap_err());
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_refused() {
    let server = Server::start_with(Script::default(), |mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            .await?;
        Ok(stream)
    })
    .await;
    let error = retry(&client(&https(&server))).await.unwrap_err();
    assert_refused(&error);
}

#[tokio::test]
async fn http_2_is_offered_only_if_it_is_allowed() {
    let authority = Authority::new();
    let mut config = authority.config("127.0.0.1");
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
        .root_certificate_pem(authority.root_pem.as_str());
    retry(&builder.clone().build().unwrap()).await.unwrap();
    assert_eq!(protocols.recv().await.unwrap().as_deref(), Some(&b"http/1.1"[..]));
    // This server does not speak it; that it was chosen is what matters here.
    retry(&builder.http2(true).build().unwrap()).await.unwrap_err();
    assert_eq!(protocols.recv().await.unwrap().as_deref(), Some(&b"h2"[..]));
}
