//! What happens where there is no answer: no name, no connection, no time, no end of the answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use common::server::{Reply, Script, Server};
use common::time::freeze;
use common::{APP_SECRET, Facts, builder, client, emulated, quick, retry, said, succeed};
use enos_ota::reqwest::Proxy;
use enos_ota::{ConnectCause, ErrorKind, Peer, RetryPolicy};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Emulator, Fault, Scope};
use tokio::net::TcpListener;
use tokio::time::Instant;

const STEP: Duration = Duration::from_millis(500);

fn lost(kind: ErrorKind) -> Facts {
    Facts::refused(kind).status(None).outcome_unknown()
}

fn not_sent(operation: &'static str, kind: ErrorKind) -> Facts {
    Facts::no_token(operation, kind).status(None)
}

#[tokio::test]
async fn a_host_that_does_not_resolve_is_told_by_name() {
    let client = builder("http://no-such-gateway.invalid")
        .allow_http(true)
        .build()
        .unwrap();
    let error = retry(&client).await.unwrap_err();
    not_sent("token/get", ErrorKind::Resolve).retryable(5).assert(&error);
    assert_eq!(
        said(&error),
        "could not connect to no-such-gateway.invalid:80 (5 attempts): no address was found for the host name \
         `no-such-gateway.invalid`"
    );
}

#[tokio::test]
async fn a_refused_connection_has_sent_nothing() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = retry(&client(&url)).await.unwrap_err();
    not_sent("token/get", ErrorKind::Connect).retryable(5).assert(&error);
    let address = url.strip_prefix("http://").unwrap();
    assert_eq!(
        said(&error),
        format!("could not connect to {address} (5 attempts): connection refused")
    );
    let problem = error.connect_problem().unwrap();
    assert_eq!((problem.peer, &problem.cause), (Peer::Gateway, &ConnectCause::Refused));
    assert_eq!(problem.address.as_deref(), Some(address));

    let mut server = Server::start(Script::default().gets([Reply::granted("token", 7200).closing()])).await;
    let client = client(&server.url());
    client.token_source().token().await.unwrap();
    server.stop().await;
    let error = retry(&client).await.unwrap_err();
    not_sent("retryTask", ErrorKind::Connect).retryable(5).assert(&error);
}

#[tokio::test]
async fn a_connection_that_is_closed_before_the_request_was_applied_leaves_the_outcome_open() {
    let fault = Fault::cut_before_applying()
        .on(Scope::Action(Action::RetryTask))
        .forever();
    let emulator = Emulator::builder().fault(fault).start().await.unwrap();
    let error = retry(&emulated(&emulator).build().unwrap()).await.unwrap_err();
    lost(ErrorKind::ConnectionLost).retryable(5).assert(&error);
    let address = emulator.base_url().trim_start_matches("http://");
    assert_eq!(
        said(&error),
        format!("the connection to {address} broke before the answer came (5 attempts)")
    );
    assert_eq!(error.connect_problem(), None);
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 0);
}

#[tokio::test]
async fn a_connection_that_is_closed_after_the_request_was_applied_leaves_the_outcome_open() {
    let fault = Fault::cut_after_applying().on(Scope::Action(Action::RetryTask));
    let emulator = Emulator::builder().fault(fault).start().await.unwrap();
    let client = emulated(&emulator).retry_policy(RetryPolicy::never()).build().unwrap();
    let error = retry(&client).await.unwrap_err();
    lost(ErrorKind::ConnectionLost).retryable(1).assert(&error);
    assert_eq!(emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 1);
}

#[tokio::test]
async fn what_is_no_http_is_a_lost_connection() {
    let script = Script::default().calls([Reply::raw("SSH-2.0-OpenSSH_9.6\r\n\r\n")]);
    let server = Server::start(script).await;
    let client = builder(&server.url())
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    let error = retry(&client).await.unwrap_err();
    lost(ErrorKind::ConnectionLost).retryable(1).assert(&error);
    let address = server.address();
    assert_eq!(said(&error), format!("what answers at {address} does not speak HTTP"));
    assert_eq!(
        error.remedy(),
        format!("Is the base URL https://{address}? If not, check the port.")
    );
}

#[tokio::test]
async fn an_attempt_without_an_answer_ends_after_its_time() {
    let time = freeze();
    for answer in [Reply::silence(), Reply::stuck(r#"{"code":0,"#)] {
        let server = Server::start(Script::default().calls([answer])).await;
        let client = builder(&server.url())
            .attempt_timeout(Duration::from_mins(10))
            .timeout(None)
            .retry_policy(RetryPolicy::never())
            .build()
            .unwrap();
        let call = tokio::spawn(async move { retry(&client).await });
        server.received(2).await;
        let before = Instant::now();
        time.advance(Duration::from_secs(599)).await;
        assert!(!call.is_finished());
        let error = time.run(call, STEP).await.unwrap_err();
        assert!(before.elapsed() >= Duration::from_mins(10));
        let text = "the gateway did not answer within 10 min, the limit of an attempt";
        assert_eq!(error.to_string(), text);
        lost(ErrorKind::Timeout).retryable(1).assert(&error);
    }
}

#[tokio::test]
async fn a_token_request_without_an_answer_ends_after_its_time() {
    let time = freeze();
    let server = Server::start(Script::default().gets([Reply::stuck(r#"{"status":0,"#)])).await;
    let client = builder(&server.url())
        .retry_policy(RetryPolicy::never())
        .timeout(None)
        .build()
        .unwrap();
    let call = tokio::spawn(async move { retry(&client).await });
    let before = Instant::now();
    server.received(1).await;
    let error = time.run(call, STEP).await.unwrap_err();
    assert!(before.elapsed() >= Duration::from_secs(30));
    not_sent("token/get", ErrorKind::Timeout).retryable(1).assert(&error);
}

#[tokio::test]
async fn a_call_ends_after_its_time_whatever_it_is_at() {
    let time = freeze();
    let limit = Duration::from_secs(75);

    // Attempts of 30 s each: the third is cut short.
    let server = Server::start(Script::default().calls((0..9).map(|_| Reply::silence()))).await;
    let limited = builder(&server.url()).timeout(limit).build().unwrap();
    limited.token_source().token().await.unwrap();
    let before = Instant::now();
    let call = tokio::spawn(async move { retry(&limited).await });
    let error = time.run(call, STEP).await.unwrap_err();
    let taken = before.elapsed();
    assert!(taken >= limit && taken <= limit + 4 * STEP, "{taken:?}");
    lost(ErrorKind::Timeout).retryable(error.attempts()).assert(&error);
    let text = error.to_string();
    assert!(text.contains("all that was left of the call's time"), "{text}");
    assert!(!text.contains("00"), "{text}");

    // Waiting for a token counts too.
    let server = Server::start(Script::default().gets((0..9).map(|_| Reply::silence()))).await;
    let limited = builder(&server.url()).timeout(limit).build().unwrap();
    let before = Instant::now();
    let call = tokio::spawn(async move { retry(&limited).await });
    let error = time.run(call, STEP).await.unwrap_err();
    let taken = before.elapsed();
    assert!(taken >= limit && taken <= limit + 4 * STEP, "{taken:?}");
    not_sent("retryTask", ErrorKind::Timeout).retryable(0).assert(&error);
}

#[tokio::test]
async fn a_wait_that_outlasts_the_call_is_not_begun() {
    let script = Script::default().calls([Reply::http(429, &[("retry-after", "50")], "")]);
    let server = Server::start(script).await;
    let client = builder(&server.url()).timeout(Duration::from_secs(40)).build().unwrap();
    let error = retry(&client).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(50)));
    Facts::refused(ErrorKind::Throttled)
        .status(429)
        .retryable(1)
        .assert(&error);
}

#[tokio::test]
async fn a_wait_that_the_gateway_asks_for_is_kept() {
    let time = freeze();
    let script = Script::default().calls([Reply::http(429, &[("retry-after", "50")], "")]);
    let server = Server::start(script).await;
    let client = builder(&server.url())
        .attempt_timeout(Duration::from_hours(10))
        .timeout(None)
        .build()
        .unwrap();
    // With a connection at hand, none of the time that passes below is spent on connecting.
    client.token_source().token().await.unwrap();
    let before = Instant::now();
    let call = tokio::spawn(async move { retry(&client).await });
    server.received(2).await;
    assert_eq!(time.run(call, STEP).await.unwrap().attempts, 2);
    assert!(before.elapsed() >= Duration::from_secs(50));
}

#[tokio::test]
async fn a_path_of_the_base_url_is_kept_and_a_trailing_slash_is_not() {
    for (path, kept) in [
        ("", ""),
        ("/", ""),
        ("/edge/api", "/edge/api"),
        ("/edge/api/", "/edge/api"),
        ("//", ""),
    ] {
        let server = Server::start(Script::default()).await;
        succeed(&client(&format!("{}{path}", server.url()))).await;
        let paths: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.target.split('?').next().unwrap().to_owned())
            .collect();
        let expected = ["/apim-token-service/v2.0/token/get", "/connect-service/v2.1/ota-jobs"];
        assert_eq!(paths, expected.map(|path| format!("{kept}{path}")));
    }
}

#[tokio::test]
async fn a_request_is_what_the_platform_documents() {
    let server = Server::start(Script::default()).await;
    succeed(&client(&server.url())).await;
    let [get, call] = <[_; 2]>::try_from(server.requests()).unwrap();

    assert_eq!((get.method.as_str(), get.header("apim-accesstoken")), ("POST", None));
    assert_eq!(get.header("content-type"), Some("application/json;charset=UTF-8"));
    let body = get.json();
    let members: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["appKey", "encryption", "timestamp"]);
    assert!(body["timestamp"].is_i64());

    assert_eq!(call.method, "POST");
    assert_eq!(
        call.target,
        format!(
            "/connect-service/v2.1/ota-jobs?action=retryTask&jobId={DEMO_JOB_ID}&orgId={}",
            common::ORG_ID
        )
    );
    assert_eq!(call.json(), serde_json::json!({ "deviceKeys": ["pump-01"] }));
    assert_eq!(call.token(), "token-1");
    assert!(call.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(call.header("api-version"), None);
}

#[tokio::test]
async fn all_requests_go_through_a_proxy_that_is_set() {
    let proxy = Server::start(Script::default()).await;
    let client = builder("http://10.1.2.3:8080")
        .allow_http(true)
        .proxy(Proxy::all(proxy.url()).unwrap())
        .build()
        .unwrap();
    succeed(&client).await;
    let targets: Vec<_> = proxy.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets.len(), 2);
    assert!(
        targets.iter().all(|target| target.starts_with("http://10.1.2.3:8080/")),
        "{targets:?}"
    );

    // An explicit one holds for this machine too.
    let client = builder("http://127.0.0.1:9")
        .proxy(Proxy::all(proxy.url()).unwrap())
        .build()
        .unwrap();
    succeed(&client).await;
    assert_eq!(proxy.requests().len(), 4);
}

const CHILD: &str = "ENOS_OTA_TEST_OF_THE_ENVIRONMENT";

/// The environment of a process is read once, so the test proper runs in a process of its own.
#[test]
fn a_proxy_of_the_environment_holds_except_for_this_machine() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "in_an_environment_with_a_proxy",
            "--include-ignored",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env("all_proxy", "http://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("REQUEST_METHOD")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by the test above, with a proxy in the environment at which nobody listens"]
async fn in_an_environment_with_a_proxy() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = Server::start(Script::default()).await;
    succeed(&client(&server.url())).await;

    let remote = builder("http://10.1.2.3")
        .allow_http(true)
        .attempt_timeout(Duration::from_secs(5))
        .retry_policy(RetryPolicy::never())
        .build()
        .unwrap();
    let error = retry(&remote).await.unwrap_err();
    not_sent("token/get", ErrorKind::Connect).retryable(1).assert(&error);
    assert_eq!(
        said(&error),
        "could not connect to the proxy 127.0.0.1:1: connection refused"
    );
}

#[tokio::test]
async fn the_user_agent_names_this_library_and_the_program_before_it() {
    let version = concat!("enos-ota/", env!("CARGO_PKG_VERSION"));
    let server = Server::start(Script::default()).await;
    succeed(&client(&server.url())).await;
    let named = builder(&server.url()).user_agent("fleet-tool/2.1").build().unwrap();
    succeed(&named).await;
    let agents: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("user-agent").unwrap().to_owned())
        .collect();
    let program = format!("fleet-tool/2.1 {version}");
    assert_eq!(agents, [version, version, program.as_str(), program.as_str()]);
}

#[tokio::test]
async fn an_http_client_of_ones_own_is_used() {
    let server = Server::start(Script::default()).await;
    let http = enos_ota::reqwest::Client::builder()
        .user_agent("mine")
        .no_proxy()
        .build()
        .unwrap();
    let client = builder(&server.url()).http_client(http).build().unwrap();
    succeed(&client).await;
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("user-agent") == Some("mine"))
    );
}

#[tokio::test]
async fn another_organization_shares_the_token() {
    let server = Server::start(Script::default()).await;
    let client = builder(&server.url()).retry_policy(quick()).build().unwrap();
    succeed(&client).await;
    let other = client.in_org("o2".parse().unwrap());
    succeed(&other).await;
    assert_eq!(server.gets().len(), 1);
    assert!(server.calls()[1].target.ends_with("orgId=o2"));
    assert!(!server.calls()[0].target.contains(APP_SECRET));
}
