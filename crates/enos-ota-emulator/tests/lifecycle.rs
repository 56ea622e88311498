//! Starting, stopping, and what is printed on the way.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::{get, retry, token_reply};
use enos_ota_emulator::{
    Clock, DEMO_APP_KEY, DEMO_APP_SECRET, DEMO_ORG_ID, Emulator, Fault, Fleet, Job, StartError, Task, TaskStatus,
};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn it_listens_on_a_free_loopback_port_and_tells_all_a_client_needs() {
    let emulator = Emulator::builder().start().await.unwrap();
    assert!(emulator.addr().ip().is_loopback());
    assert_ne!(emulator.addr().port(), 0);
    assert_eq!(emulator.base_url(), format!("http://{}", emulator.addr()));
    assert_eq!(
        (emulator.app_key(), emulator.app_secret(), emulator.org_id()),
        (DEMO_APP_KEY, DEMO_APP_SECRET, DEMO_ORG_ID)
    );
    assert_eq!(retry(&emulator, &["pump-01"]).await.code(), 0);
}

#[tokio::test]
async fn other_credentials_can_be_given() {
    let emulator = Emulator::builder().credentials("key", "secret").start().await.unwrap();
    assert_eq!(retry(&emulator, &["pump-01"]).await.code(), 0);
}

#[tokio::test]
async fn an_address_that_other_machines_can_reach_is_refused() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let address: SocketAddr = address.parse().unwrap();
        let error = Emulator::builder().listen(address).start().await.unwrap_err();
        assert!(matches!(error, StartError::NotLoopback(refused) if refused == address));
        assert!(error.to_string().contains("not a loopback address"), "{error}");
    }
}

#[tokio::test]
async fn an_address_that_other_machines_can_reach_can_be_allowed() {
    let address = SocketAddr::from(([0, 0, 0, 0], 0));
    let emulator = Emulator::builder()
        .listen(address)
        .allow_remote(true)
        .start()
        .await
        .unwrap();
    let port = emulator.addr().port();
    assert_eq!(emulator.base_url(), format!("http://127.0.0.1:{port}"));
    assert_eq!(retry(&emulator, &["pump-01"]).await.code(), 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_with_its_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Emulator::builder().listen(address).start().await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    assert!(error.source().is_some());
}

/// Opens a connection and waits until the emulator has taken it.
async fn connect(emulator: &Emulator) -> TcpStream {
    let before = emulator.counters().connections;
    let socket = TcpStream::connect(emulator.addr()).await.unwrap();
    while emulator.counters().connections == before {
        tokio::task::yield_now().await;
    }
    socket
}

/// Comes back when the other end has closed the connection.
async fn closed(mut socket: TcpStream) {
    assert_eq!(socket.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_shutdown_frees_the_port_and_closes_idle_connections() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (address, idle) = (emulator.addr(), connect(&emulator).await);
    emulator.shutdown().await;
    closed(idle).await;
    drop(TcpListener::bind(address).await.unwrap());
}

#[tokio::test]
async fn dropping_it_frees_the_port_and_closes_idle_connections() {
    let emulator = Emulator::builder().start().await.unwrap();
    let (address, idle) = (emulator.addr(), connect(&emulator).await);
    drop(emulator);
    closed(idle).await;
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_shutdown_ends_requests_that_wait_and_leaves_nothing_behind() {
    /// A clock that shows whether the emulator still holds it.
    struct Held {
        _handle: Arc<()>,
    }

    impl Clock for Held {
        fn now_ms(&self) -> i64 {
            0
        }
    }

    let held = Arc::new(());
    let clock = Held {
        _handle: Arc::clone(&held),
    };
    let emulator = Emulator::builder()
        .clock(clock)
        .fault(Fault::latency(Duration::from_hours(1)))
        .start()
        .await
        .unwrap();
    let url = format!("{}{}", emulator.base_url(), common::TOKEN_GET);
    let waiting = tokio::spawn(reqwest::Client::builder().no_proxy().build().unwrap().post(url).send());
    while emulator.counters().faulted == 0 {
        tokio::task::yield_now().await;
    }
    emulator.shutdown().await;
    waiting.await.unwrap().unwrap_err();
    while Arc::strong_count(&held) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn debug_does_not_print_the_secret() {
    let builder = Emulator::builder().credentials("key", "hush");
    assert!(!format!("{builder:?}").contains("hush"));
    let emulator = builder.start().await.unwrap();
    let text = format!("{emulator:?}");
    assert!(text.contains("key") && !text.contains("hush"), "{text}");
}

#[tokio::test]
async fn a_path_that_the_platform_does_not_have_is_404_and_shows_in_the_journal() {
    let emulator = Emulator::builder().start().await.unwrap();
    let reply = get(&emulator, "/connect-service/v2.4/ota-jobs").await;
    assert_eq!(
        (reply.status, reply.text.as_str()),
        (404, r#"{"message":"no Route matched with those values"}"#)
    );
    assert_eq!(emulator.requests()[0].path, "/connect-service/v2.4/ota-jobs");
}

#[tokio::test]
async fn a_body_that_is_too_big_is_413() {
    let emulator = Emulator::builder().max_request_bytes(10).start().await.unwrap();
    let reply = token_reply(&emulator, 0).await;
    assert_eq!(
        (reply.status, reply.text.as_str()),
        (413, r#"{"message":"Request size limit exceeded"}"#)
    );
    assert_eq!(emulator.counters().tokens_issued, 0);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_tokens_and_request_ids() {
    let run = |seed| async move {
        let emulator = Emulator::builder().seed(seed).start().await.unwrap();
        retry(&emulator, &["pump-01"]).await.text
    };
    assert_eq!(run(1).await, run(1).await);
    assert_ne!(run(1).await, run(2).await);
}

#[tokio::test]
async fn a_fleet_of_a_hundred_thousand_devices_is_no_trouble() {
    let tasks = (0..100_000).map(|n| Task::failed(format!("device-{n}")));
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks(tasks));
    let emulator = Emulator::builder().fleet(fleet).start().await.unwrap();
    assert_eq!(emulator.job("j1").unwrap().tally.failed, 100_000);
    assert_eq!(common::task(&emulator, "j1", "device-99999").status, TaskStatus::Failed);
}
