//! Neither the app secret nor an access token nor an `encryption` is ever shown, whatever goes wrong and whoever
//! repeats them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use common::server::{Received, Reply, Script, Server};
use common::time::freeze;
use common::{APP_KEY, APP_SECRET, builder, client, retry, trace};
use enos_ota::{AccessToken, AppSecret, Client, Credentials, Error, RetryPolicy, Signer, SystemClock, sign};

/// Tokens are called so, with a number behind.
const TOKEN: &str = "t0ken+of/the-tests=";

/// All that can be made visible of an error.
fn visible(error: &Error) -> String {
    let mut text = format!("{error} {error:#} {error:?} {error:#?} {}", error.remedy());
    write!(
        text,
        " {:?} {:?} {:?} {:?}",
        error.platform_message(),
        error.request_id(),
        error.code_info(),
        error.status()
    )
    .unwrap();
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, " {cause} {cause:?} {cause:#?}").unwrap();
        source = cause.source();
    }
    text
}

/// What the server knows of the secrets, to be repeated by it.
fn known(request: &Received) -> Vec<String> {
    let mut known: Vec<_> = request
        .header("apim-accesstoken")
        .map(str::to_owned)
        .into_iter()
        .collect();
    known.extend(request.header("apim-signature").map(str::to_owned));
    if !request.is_call() {
        let body = request.json();
        known.extend(body["encryption"].as_str().map(str::to_owned));
        known.extend(body["accessToken"].as_str().map(str::to_owned));
    }
    // It should not know this one; but who can tell what a debugging gateway prints?
    known.push(APP_SECRET.to_owned());
    known
}

type Echo = fn(&str) -> Reply;

/// A text with characters in it that a terminal does not show.
fn veiled(text: &str) -> String {
    text.char_indices()
        .map(|(n, c)| if n == 3 { format!(r"\u0001{c}") } else { c.into() })
        .collect()
}

/// Answers in which the server repeats what it was sent: `{}` stands for that.
const ECHOES: [Echo; 22] = [
    |echo| {
        Reply::json(&format!(
            r#"{{"code":99400,"msg":"bad {0}","requestId":"{0}"}}"#,
            veiled(echo)
        ))
    },
    |echo| Reply::json(&format!(r#"{{"no":"bad {}"}}"#, veiled(echo))),
    |echo| Reply::http(502, &[], &format!("bad {} {}", &echo[..5], &echo[5..])),
    |echo| Reply::http(400, &[], &format!(r#"{{"message":"bad {}"}}"#, veiled(echo))),
    |echo| {
        let mut encoded = String::new();
        for byte in echo.bytes() {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        Reply::http(
            302,
            &[("location", &format!("https://login.example.com/?{encoded}"))],
            "",
        )
    },
    |echo| Reply::json(&format!(r#"{{"code":99400,"msg":"bad {echo}","requestId":"{echo}"}}"#)),
    |echo| {
        Reply::json(&format!(
            r#"{{"status":1003,"msg":"{echo} is not valid","data":"{echo}"}}"#
        ))
    },
    |echo| Reply::json(&format!(r#"{{"code":99500,"msg":"{}{echo}"}}"#, "x".repeat(295))),
    |echo| Reply::json(&format!(r#"{{"code":"{echo}","msg":"{echo}"}}"#)),
    |echo| Reply::json(&format!(r#"{{"code":0,"msg":{{"{echo}":"{echo}"}}}}"#)),
    |echo| Reply::json(&format!(r#"{{"code":0,"apim_status":"{echo}"}}"#)),
    |echo| Reply::json(&format!(r#"{{"status":0,"data":"{echo}"}}"#)),
    |echo| Reply::json(&format!(r#"["{echo}"]"#)),
    |echo| Reply::json(&format!(r#"{{"code":0,"msg":"{echo}"#)),
    |echo| Reply::html(200, &format!("<html>You sent {echo}</html>")),
    |echo| Reply::html(502, &format!("<html>You sent {echo}</html>")),
    // The quotation of the body ends in the middle of it.
    |echo| Reply::html(403, &format!("<html>{}{echo}</html>", "x".repeat(120 - 6 - 10))),
    |echo| Reply::http(401, &[], &format!("Unauthorized: {echo}")),
    |echo| Reply::http(429, &[], &format!("Slow down, {echo}")),
    |echo| {
        Reply::http(
            302,
            &[("location", &format!("https://login.example.com/?token={echo}"))],
            "",
        )
    },
    |echo| Reply::cut_off(200, &format!(r#"{{"code":0,"msg":"{echo}""#)),
    |echo| Reply::raw(format!("HTTP/1.1 999999 {echo}\r\n{echo}\r\n\r\n")),
];

fn echoing(echo: Echo, pick: usize) -> Reply {
    Reply::of(move |request| {
        let known = known(request);
        echo(&known[pick % known.len()])
    })
}

/// The secrets of a conversation: the fixed ones, and what went over the wire.
fn secrets(server: &Server) -> Vec<String> {
    let mut secrets = vec![APP_SECRET.to_owned()];
    for request in server.token_requests() {
        secrets.push(request.json()["encryption"].as_str().unwrap().to_owned());
    }
    for request in server.calls() {
        secrets.push(request.header("apim-signature").unwrap().to_owned());
    }
    secrets
}

/// The letters and digits of a text that somebody would read who knows escapes.
fn legible(text: &str) -> String {
    let mut text = text.replace(r"\u{1}", "").replace(r"\u0001", "");
    while let Some((at, c)) = text.match_indices('%').find_map(|(at, _)| {
        let code = u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok()?;
        Some((at, char::from(code)))
    }) {
        text.replace_range(at..at + 3, &c.to_string());
    }
    text.retain(char::is_alphanumeric);
    text
}

#[track_caller]
fn assert_hidden(text: &str, server: &Server, what: &str) {
    let legible_text = legible(text);
    for secret in secrets(server) {
        // Half a secret is too much of it.
        let half = &secret[..secret.len() / 2];
        assert!(!text.contains(half), "{what}: `{half}` in {text}");
        assert!(!legible_text.contains(&legible(half)), "{what}: `{half}` in {text}");
    }
    // Tokens begin alike: none of them, and no part of one.
    assert!(!legible_text.contains("t0ken"), "{what}: {text}");
}

fn tokens() -> impl Iterator<Item = Reply> {
    (1..).map(|n| Reply::granted(&format!("{TOKEN}{n}"), 7200)).take(20)
}

fn hasty(server: &Server) -> Client {
    let policy = common::quick().with_max_attempts(2.try_into().unwrap());
    builder(&server.url()).retry_policy(policy).build().unwrap()
}

#[tokio::test]
async fn no_answer_to_a_call_makes_a_secret_visible() {
    let trace = trace::collect();
    for (n, echo) in ECHOES.into_iter().enumerate() {
        for pick in 0..3 {
            let script = Script::default()
                .gets(tokens())
                .calls((0..12).map(|_| echoing(echo, pick)));
            let server = Server::start(script).await;
            let error = retry(&hasty(&server)).await.unwrap_err();
            assert_hidden(&visible(&error), &server, &format!("answer {n}"));
            assert_hidden(&trace.text(), &server, &format!("trace after answer {n}"));
        }
    }
}

#[tokio::test]
async fn no_answer_of_the_token_service_makes_a_secret_visible() {
    let trace = trace::collect();
    for (n, echo) in ECHOES.into_iter().enumerate() {
        for pick in 0..2 {
            let server = Server::start(Script::default().gets((0..4).map(|_| echoing(echo, pick)))).await;
            let error = retry(&hasty(&server)).await.unwrap_err();
            assert_hidden(&visible(&error), &server, &format!("answer {n}"));
            assert_hidden(&trace.text(), &server, &format!("trace after answer {n}"));
        }
    }
}

#[tokio::test]
async fn no_answer_to_a_refresh_makes_a_secret_visible() {
    let trace = trace::collect();
    for (n, echo) in ECHOES.into_iter().enumerate() {
        for pick in 0..3 {
            // A token that has no life left is refreshed at once.
            let script = Script::default()
                .gets((0..20).map(|n| Reply::granted(&format!("{TOKEN}{n}"), 0)))
                .refreshes((0..20).map(|_| echoing(echo, pick)));
            let server = Server::start(script).await;
            let error = retry(&hasty(&server)).await.unwrap_err();
            assert_eq!(error.operation(), Some("token/refresh"), "{error:?}");
            assert_hidden(&visible(&error), &server, &format!("answer {n}"));
            assert_hidden(&trace.text(), &server, &format!("trace after answer {n}"));
        }
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_used_is_not_shown() {
    let trace = trace::collect();
    let granted = |members: &str| format!(r#"{{"status":0,"msg":"SUCCESS","data":{{{members}}}}}"#);
    let whole = granted(&format!(r#""accessToken":"{TOKEN}1","expire":7200"#));
    for body in [
        // Cut off before and after the token.
        &whole[..60],
        &whole[..whole.len() - 3],
        &granted(&format!(r#""access_token":"{TOKEN}1""#)),
        &granted(&format!(r#""accessToken":["{TOKEN}1"]"#)),
        &granted(&format!(r#""accessToken":"{TOKEN}\n1""#)),
        &whole.replace(r#""status":0"#, r#""status":"none""#),
        &whole.replace(r#""status":0"#, r#""status":1005"#),
        &format!(")]}}' {whole}"),
        &format!("[{whole}]"),
    ] {
        for status in [200, 201, 500] {
            let script = Script::default().gets((0..4).map(|_| Reply::http(status, &[], body)));
            let server = Server::start(script).await;
            let error = retry(&hasty(&server)).await.unwrap_err();
            assert_hidden(&visible(&error), &server, body);
            assert_hidden(&trace.text(), &server, body);
        }
        let script = Script::default().gets((0..4).map(|_| Reply::cut_off(200, body)));
        let server = Server::start(script).await;
        if let Err(error) = retry(&hasty(&server)).await {
            assert_hidden(&visible(&error), &server, body);
        }
        assert_hidden(&trace.text(), &server, body);
    }
}

#[tokio::test]
async fn no_failure_of_the_transport_makes_a_secret_visible() {
    let trace = trace::collect();
    let mut server = Server::start(Script::default().gets([Reply::granted(TOKEN, 7200).closing()])).await;
    let refused = hasty(&server);
    refused.token_source().token().await.unwrap();
    server.stop().await;
    let unresolved = builder("http://no-such-gateway.invalid")
        .allow_http(true)
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    for client in [refused, unresolved] {
        let error = retry(&client).await.unwrap_err();
        assert_hidden(&visible(&error), &server, "transport");
    }
    let server = Server::start(Script::default().gets(tokens()).calls([Reply::cut(), Reply::cut()])).await;
    let error = retry(&hasty(&server)).await.unwrap_err();
    assert_hidden(&visible(&error), &server, "cut");

    let time = freeze();
    let server = Server::start(Script::default().gets(tokens()).calls((0..4).map(|_| Reply::silence()))).await;
    let silent = hasty(&server);
    let call = tokio::spawn(async move { retry(&silent).await });
    let error = time.run(call, Duration::from_secs(1)).await.unwrap_err();
    assert_hidden(&visible(&error), &server, "timeout");
    assert_hidden(&trace.text(), &server, "trace");
}

#[tokio::test]
async fn a_success_and_a_renewal_show_no_secret() {
    let trace = trace::collect();
    let time = freeze();
    let echo = Reply::of(|request| {
        let token = request.token();
        Reply::json(&format!(
            r#"{{"code":0,"msg":"{token}","requestId":"{token}","data":"{token}"}}"#
        ))
    });
    let script = Script::default()
        .gets(tokens())
        .refreshes([echoing(ECHOES[6], 0)])
        .calls([echo]);
    let server = Server::start(script).await;
    let client = client(&server.url());
    drop(retry(&client).await);
    time.advance(Duration::from_secs(6901)).await;
    let token = client.token_source().token().await.unwrap();
    server.received(4).await;
    client.token_source().discard(&token);
    client.token_source().token().await.unwrap();
    assert!(!trace.events().is_empty());
    assert_hidden(&trace.text(), &server, "trace");
}

#[tokio::test]
async fn debug_of_everything_that_holds_a_secret_shows_none() {
    let server = Server::start(Script::default().gets(tokens())).await;
    let builder = builder(&server.url());
    let printed_builder = format!("{builder:?} {builder:#?}");
    let client = builder.build().unwrap();
    let tokens = client.token_source().clone();
    let token = tokens.token().await.unwrap();
    let credentials = Credentials::new(APP_KEY, APP_SECRET).unwrap();
    let secret = AppSecret::new(APP_SECRET.to_owned());
    let signer = Signer::new(token.clone(), secret.clone(), Arc::new(SystemClock));
    let unsigned = sign::Unsigned {
        access_token: &token,
        query: "a=b",
        body: b"",
        timestamp_ms: 1,
    };
    let headers = sign::headers(&unsigned, &secret).unwrap();
    let explained = sign::explain(&unsigned).unwrap();
    let mut request = reqwest_request(&server.url());
    sign::sign_request(&mut request, &token, 1, &secret).unwrap();
    let printed = format!(
        "{client:?} {client:#?} {tokens:?} {tokens:#?} {token:?} {credentials:?} {credentials:#?} {secret:?} \
         {signer:?} {signer:#?} {unsigned:?} {headers:?} {explained} {request:?} {printed_builder}"
    );
    assert_hidden(&printed, &server, "debug");
    assert!(printed.contains(APP_KEY) && printed.contains(&server.url()));
    let signature = sign::sign(&unsigned, &secret).unwrap();
    assert!(!format!("{signature:?} {printed}").contains(signature.as_str()));
}

fn reqwest_request(url: &str) -> enos_ota::reqwest::Request {
    enos_ota::reqwest::Client::new()
        .get(format!("{url}/?a=b"))
        .build()
        .unwrap()
}

#[test]
fn a_header_with_a_token_is_marked_as_sensitive() {
    let token = AccessToken::new(TOKEN).unwrap();
    let mut request = reqwest_request("http://127.0.0.1");
    sign::sign_request(&mut request, &token, 1, &AppSecret::new(APP_SECRET.to_owned())).unwrap();
    let sensitive = |name| request.headers()[name].is_sensitive();
    assert!(sensitive(sign::ACCESS_TOKEN_HEADER) && sensitive(sign::SIGNATURE_HEADER));
}
