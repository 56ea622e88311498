//! A proxy that does not do its part is named, and not the gateway behind it.
#![cfg(feature = "rustls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::Ipv4Addr;

use common::server::{Script, Server};
use common::{builder, retry, said};
use enos_ota::reqwest::Proxy;
use enos_ota::{ConnectCause, ConnectProblem, Error, ErrorKind, Peer, ProxyUrl, RetryPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const GATEWAYS: [&str; 2] = ["http://gateway.example.com", "https://gateway.example.com"];

async fn through(proxy: &str, gateway: &str) -> Error {
    let client = builder(gateway)
        .allow_http(true)
        .proxy_url(ProxyUrl::parse(proxy).unwrap())
        .unwrap()
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    retry(&client).await.unwrap_err()
}

fn problem(error: &Error) -> &ConnectProblem {
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    error.connect_problem().unwrap()
}

/// A proxy that answers every request to connect like this.
async fn answering(answer: &'static str) -> Server {
    Server::start_with(Script::default(), move |mut stream| async move {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await?;
        stream.write_all(answer.as_bytes()).await?;
        // What follows would be the handshake of TLS.
        let _ = stream.read(&mut request).await?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
        Ok(stream)
    })
    .await
}

#[tokio::test]
async fn a_proxy_at_which_nobody_listens_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for gateway in GATEWAYS {
        let error = through(&format!("http://me:pass@{address}"), gateway).await;
        assert_eq!(
            said(&error),
            format!("could not connect to the proxy {address}: connection refused")
        );
        let problem = problem(&error);
        assert_eq!((problem.peer, &problem.cause), (Peer::Proxy, &ConnectCause::Refused));
        assert_eq!(problem.address.as_ref(), Some(&address));
        assert!(error.remedy().contains("proxy_url"), "{}", error.remedy());
    }
}

#[tokio::test]
async fn a_proxy_that_was_made_elsewhere_is_blamed_without_its_address() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = builder(GATEWAYS[1])
        .proxy(Proxy::all(url).unwrap())
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    let error = retry(&client).await.unwrap_err();
    assert_eq!(said(&error), "could not connect to the proxy: connection refused");
}

#[tokio::test]
async fn the_host_name_of_a_proxy_is_not_taken_for_that_of_the_gateway() {
    for gateway in GATEWAYS {
        let error = through("no-such-proxy.invalid", gateway).await;
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert_eq!(
            said(&error),
            "could not connect to the proxy no-such-proxy.invalid:80: no address was found for the host name \
             `no-such-proxy.invalid`"
        );
        assert!(!error.remedy().contains("base URL"), "{}", error.remedy());
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_says_so() {
    let proxy = answering("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    let error = through(&proxy.url(), GATEWAYS[1]).await;
    let address = proxy.address();
    assert_eq!(
        said(&error),
        format!("could not connect to the proxy {address}: the proxy asks for a user name and a password")
    );
    // The same of a proxy for plain HTTP, which answers in the gateway's place.
    let proxy = answering("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    let error = through(&proxy.url(), GATEWAYS[0]).await;
    assert_eq!(error.status().unwrap().as_u16(), 407);
    assert!(error.remedy().contains("of the proxy"), "{}", error.remedy());
}

#[tokio::test]
async fn a_proxy_that_does_not_connect_is_named_beside_the_gateway() {
    let proxy = answering("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
    let error = through(&proxy.url(), GATEWAYS[1]).await;
    let address = proxy.address();
    assert_eq!(
        said(&error),
        format!(
            "could not connect to gateway.example.com:443 through the proxy {address}: the proxy did not connect to it"
        )
    );
    assert_eq!(problem(&error).peer, Peer::Gateway);
}

#[tokio::test]
async fn a_failed_handshake_through_a_proxy_is_the_gateways() {
    let proxy = answering("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let error = through(&proxy.url(), GATEWAYS[1]).await;
    let address = proxy.address();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert_eq!(
        said(&error),
        format!(
            "could not connect to gateway.example.com:443 through the proxy {address}: the port does not speak TLS"
        )
    );
}
