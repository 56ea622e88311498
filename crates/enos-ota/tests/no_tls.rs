//! A build without TLS speaks http, and says so where it is asked for more.
#![cfg(not(any(feature = "rustls", feature = "native-tls")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::server::{Script, Server};
use common::{builder, client, succeed};
use enos_ota::ErrorKind;

#[tokio::test]
async fn http_works() {
    let server = Server::start(Script::default()).await;
    succeed(&client(&server.url())).await;
}

#[test]
fn https_and_root_certificates_are_refused() {
    for builder in [
        builder("https://apim-gateway.example.com"),
        builder("http://127.0.0.1").root_certificate_pem("pem"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("`native-tls`"), "{error}");
    }
}
