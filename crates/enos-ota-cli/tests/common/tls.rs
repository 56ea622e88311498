//! Servers with certificates of every kind.
#![allow(missing_docs, unreachable_pub)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::{fs, thread};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is odd about a certificate.
#[derive(Clone, Copy)]
pub struct Options {
    pub host: &'static str,
    pub expired: bool,
    pub self_signed: bool,
    /// Whether it is that of an authority.
    pub authority: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            host: "127.0.0.1",
            expired: false,
            self_signed: false,
            authority: false,
        }
    }
}

/// An authority that nobody trusts unless told so.
pub struct Authority {
    root_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            root_pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes the root certificate into a folder.
    pub fn root_file(&self, folder: &Path) -> String {
        let file = folder.join("root.pem");
        fs::write(&file, &self.root_pem).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// A server with a certificate of this authority, or of its own. It answers 503 to everything.
    pub fn serve(&self, options: Options) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([options.host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Test Gateway");
        if options.expired {
            params.not_before = date_time_ymd(2019, 1, 31);
            params.not_after = date_time_ymd(2020, 1, 31);
        }
        if options.authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let certificate = if options.self_signed {
            params.self_signed(&key).unwrap()
        } else {
            params.signed_by(&key, &self.issuer).unwrap()
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        // A client that does not like the certificate goes away.
                        let Ok(mut stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        let _ = stream.read(&mut [0; 4096]).await;
                        let answer =
                            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                        let _ = stream.write_all(answer).await;
                        let _ = stream.shutdown().await;
                    });
                }
            });
        });
        address
    }
}
