//! Settings are checked before anything is sent.
#![cfg(any(feature = "rustls", feature = "native-tls"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use common::{Facts, builder};
use enos_ota::reqwest::{self, Proxy};
use enos_ota::{Client, ClientBuilder, Credentials, Error, ErrorKind, ProxyUrl};

#[track_caller]
fn refused(builder: ClientBuilder) -> Error {
    let error = builder.build().unwrap_err();
    let mut facts = Facts::refused(ErrorKind::Config).status(None).attempts(0).never_sent();
    facts.operation = None;
    facts.assert(&error);
    error
}

#[test]
fn what_is_missing_is_named_with_the_way_to_set_it() {
    let credentials = || Credentials::new("key", "secret").unwrap();
    for (builder, setter) in [
        (
            Client::builder().credentials(credentials()).org_id("o"),
            "ClientBuilder::base_url",
        ),
        (
            Client::builder().base_url("https://a.b").org_id("o"),
            "ClientBuilder::credentials",
        ),
        (
            Client::builder().base_url("https://a.b").credentials(credentials()),
            "ClientBuilder::org_id",
        ),
    ] {
        let error = refused(builder);
        assert!(error.to_string().contains(setter), "{error}");
    }
    refused(builder("https://a.b").org_id(""));
}

#[test]
fn a_token_source_needs_no_organization() {
    let credentials = Credentials::new("key", "secret").unwrap();
    let builder = Client::builder().base_url("https://a.b").credentials(credentials);
    assert!(builder.build_token_source().is_ok());
}

#[test]
fn a_base_url_that_cannot_be_one_is_refused() {
    for (url, complaint) in [
        ("", "is not a URL"),
        ("apim-gateway.example.com", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://host:99999", "is not a URL"),
        ("localhost:8080", "begins with `localhost:`"),
        ("ftp://apim-gateway.example.com", "begins with `ftp:`"),
        ("file:///etc/passwd", "begins with `file:`"),
        ("https://apim-gateway.example.com/?", "has a query or a fragment"),
        (
            "https://apim-gateway.example.com/a?orgId=o1",
            "has a query or a fragment",
        ),
        ("https://apim-gateway.example.com/#start", "has a query or a fragment"),
        ("https://user@apim-gateway.example.com", "user name or password"),
    ] {
        let error = refused(builder(url));
        assert!(error.to_string().contains(complaint), "{url}: {error}");
    }
}

#[test]
fn what_may_be_secret_in_a_base_url_is_not_repeated() {
    for url in [
        "https://user:hidden@apim-gateway.example.com",
        "https://:hidden@apim-gateway.example.com",
        "ftp://user:hidden@apim-gateway.example.com",
        "http://user:hidden@apim-gateway.example.com?a=b",
        "https://apim-gateway.example.com/?token=hidden",
        "https://apim-gateway.example.com/#hidden",
        "https//user:hidden@apim-gateway.example.com",
    ] {
        let error = refused(builder(url));
        assert!(!format!("{error} {error:?} {error:#?}").contains("hidden"), "{error:?}");
    }
}

#[test]
fn plain_http_is_refused_except_to_this_machine_unless_it_is_allowed() {
    for url in [
        "http://apim-gateway.example.com",
        "http://10.1.2.3:8080",
        "http://[2001:db8::1]",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://notlocalhost",
    ] {
        let error = refused(builder(url));
        assert!(error.to_string().contains("plain http"), "{error}");
        assert!(builder(url).allow_http(true).build().is_ok(), "{url}");
    }
    for url in [
        "http://127.0.0.1:8080",
        "http://127.1.2.3",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://gateway.localhost",
        " http://127.0.0.1/\n",
    ] {
        assert!(builder(url).build().is_ok(), "{url}");
    }
}

#[test]
fn a_name_of_this_machine_that_is_not_looked_up_here_is_not_trusted() {
    let url = "http://gateway.localhost:8080";
    let own = builder(url).http_client(reqwest::Client::new());
    assert!(refused(own.clone()).to_string().contains("plain http"));
    let proxied = builder(url).proxy(Proxy::all("http://proxy:3128").unwrap());
    assert!(refused(proxied.clone()).to_string().contains("plain http"));
    assert!(own.allow_http(true).build().is_ok() && proxied.allow_http(true).build().is_ok());
}

#[test]
fn settings_that_belong_to_the_http_client_exclude_one_of_ones_own() {
    let own = || builder("https://a.b").http_client(reqwest::Client::new());
    for (builder, what) in [
        (own().proxy(Proxy::all("http://proxy").unwrap()), "a proxy"),
        (own().root_certificate_pem("pem"), "a root certificate"),
        (own().user_agent("tool"), "a user agent"),
        (own().http2(true), "HTTP/2"),
    ] {
        let error = refused(builder);
        assert!(error.to_string().starts_with(what), "{error}");
    }
    assert!(own().build().is_ok());
}

#[test]
fn a_root_certificate_or_user_agent_that_is_none_is_refused() {
    let error = refused(builder("https://a.b").root_certificate_pem("no certificate"));
    assert!(error.to_string().contains("root certificate"), "{error}");
    refused(builder("https://a.b").root_certificate_pem(""));
    refused(builder("https://a.b").user_agent("two\nlines"));
}

#[test]
fn the_password_of_a_proxy_is_not_printed() {
    let builder = builder("https://a.b").proxy(Proxy::all("http://user:hidden@proxy:3128").unwrap());
    let printed = format!("{builder:?} {builder:#?} {:?}", builder.clone().build().unwrap());
    assert!(!printed.contains("hidden"), "{printed}");

    let url = ProxyUrl::parse("user:hidden@proxy:3128").unwrap();
    let client = common::builder("https://a.b").proxy_url(url).unwrap().build().unwrap();
    assert!(!format!("{client:?}").contains("hidden"));
}

#[test]
fn errors_and_clients_can_be_shared_between_threads() {
    fn shared<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    shared::<Client>();
    shared::<ClientBuilder>();
    shared::<Error>();
    shared::<enos_ota::TokenSource>();
}
