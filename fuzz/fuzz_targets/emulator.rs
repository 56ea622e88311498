//! Whatever is sent to the emulator, it answers something or closes the connection, and then answers the next request.
//!
//! Input: whether the rest is a whole request, byte for byte, or the query and body of one that is signed.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use enos_ota::reqwest::Method;
use enos_ota::{Client, Credentials, RawClient, RawRequest, RetryPolicy};
use enos_ota_emulator::Emulator;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

static SIDES: LazyLock<(Runtime, Emulator, RawClient)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let (emulator, client) = runtime.block_on(async {
        let emulator = Emulator::builder().start().await.expect("a port is free");
        let client = Client::builder()
            .base_url(emulator.base_url())
            .credentials(Credentials::new(emulator.app_key(), emulator.app_secret()).expect("they are not empty"))
            .retry_policy(RetryPolicy::never())
            .build_raw()
            .expect("the settings are valid");
        (emulator, client)
    });
    (runtime, emulator, client)
});

fn send_raw(emulator: &Emulator, bytes: &[u8]) -> Option<()> {
    let mut connection = TcpStream::connect(emulator.addr()).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    connection.write_all(bytes).ok()?;
    connection.shutdown(Shutdown::Write).ok()?;
    let mut answer = Vec::new();
    if let Err(error) = connection.read_to_end(&mut answer) {
        // A reset is an answer too; only silence is none.
        assert!(
            !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
            "no answer"
        );
    }
    Some(())
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    // Whoever moves its clock may expect that no signature is of its time any more.
    if rest.windows(6).any(|word| word == b"/clock") {
        return;
    }
    let (runtime, emulator, client) = &*SIDES;
    if how % 4 == 3 {
        send_raw(emulator, rest);
    } else {
        let text = String::from_utf8_lossy(rest);
        let (query, body) = text.split_once('\n').unwrap_or((&text, ""));
        let query = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let request = RawRequest {
            method: if how % 4 == 0 { Method::GET } else { Method::POST },
            path: "/connect-service/v2.1/ota-jobs".to_owned(),
            query,
            body: (how % 4 > 0).then(|| Bytes::from(body.to_owned())),
        };
        if let Ok(answer) = runtime.block_on(client.send(&request)) {
            assert_ne!(answer.status.as_u16(), 500, "{:?}", answer.body);
        }
    }
    emulator.faults().clear();
    emulator.set_quota(None);
    let alive = runtime.block_on(client.send(&RawRequest {
        method: Method::GET,
        path: "/connect-service/v2.1/ota-jobs".to_owned(),
        query: vec![("action".to_owned(), "search".to_owned())],
        body: None,
    }));
    assert!(alive.is_ok(), "{alive:?}");
});
