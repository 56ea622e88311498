//! The blocking client: the same calls, from threads without a runtime.
#![cfg(feature = "blocking")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use enos_ota::search::{Expression, jobs, tasks};
use enos_ota::{Client, ClientBuilder, Credentials, DeviceKeys, ErrorKind, JobId, PageSize, RawRequest, blocking};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator};
use tokio::runtime::Runtime;

/// An emulator on a runtime that the client knows nothing of.
struct Stage {
    emulator: Emulator,
    _runtime: Runtime,
}

impl Stage {
    fn set() -> Self {
        let runtime = Runtime::new().unwrap();
        let emulator = runtime.block_on(Emulator::builder().start()).unwrap();
        Self {
            emulator,
            _runtime: runtime,
        }
    }

    fn builder(&self) -> ClientBuilder {
        let (key, secret) = (self.emulator.app_key(), self.emulator.app_secret());
        Client::builder()
            .base_url(self.emulator.base_url())
            .credentials(Credentials::new(key, secret).unwrap())
            .org_id(self.emulator.org_id())
    }

    fn client(&self) -> blocking::Client {
        self.builder().build_blocking().unwrap()
    }
}

fn job() -> JobId {
    DEMO_JOB_ID.parse().unwrap()
}

#[test]
fn calls_wait_for_their_end() {
    let stage = Stage::set();
    let client = stage.client();
    let devices = DeviceKeys::parse(["pump-01"]).unwrap();
    assert_eq!(client.retry_task(&job(), &devices).unwrap().attempts, 1);
    assert_eq!(stage.emulator.retry_count(DEMO_JOB_ID, "pump-01").unwrap().applied, 1);
    let refused = client.retry_task(&job(), &devices).unwrap_err();
    assert_eq!(refused.code(), Some(24621));

    assert!(client.get_job(&job()).is_ok());
    client.stop_job(&job()).unwrap();
    assert_eq!(client.cancel_task(&job(), &devices).unwrap_err().code(), Some(24617));
    client.start_job(&job()).unwrap();
    assert_eq!(client.delete_job(&job()).unwrap_err().code(), Some(24618));
}

#[test]
fn pages_are_an_iterator() {
    let stage = Stage::set();
    let client = stage.client();
    let of_job = Expression::all([tasks::JOB_ID.equals(DEMO_JOB_ID).unwrap()]);
    let pages: Result<Vec<_>, _> = client.task_pages(&of_job, PageSize::new(2).unwrap()).collect();
    let pages = pages.unwrap();
    let tasks: usize = pages.iter().map(|page| page.items.len()).sum();
    assert!(pages.len() > 1 && tasks == stage.emulator.tasks(DEMO_JOB_ID).len());
    let started = Expression::all([jobs::STATUS.equals("started").unwrap()]);
    assert!(client.job_pages(&started, PageSize::default()).all(|page| page.is_ok()));
}

#[test]
fn many_threads_share_a_client_and_its_token() {
    let stage = Stage::set();
    let client = stage.client();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.get_job(&job()).unwrap());
        }
    });
    let tokens = stage
        .emulator
        .requests()
        .iter()
        .filter(|request| request.action.is_none())
        .count();
    assert_eq!(tokens, 1);
}

#[test]
fn whatever_has_no_method_is_waited_for() {
    let stage = Stage::set();
    let client = stage.client();
    let all = Expression::all([tasks::JOB_ID.equals(DEMO_JOB_ID).unwrap()]);
    let search = client.as_async().task_search(&job(), &all);
    let page = client.block_on(search.read_page(1)).unwrap().unwrap();
    assert!(page.rows() > 0);

    let raw = stage.builder().build_raw_blocking().unwrap();
    let request = RawRequest {
        method: "GET".parse().unwrap(),
        path: format!(
            "/connect-service/v2.1/ota-jobs?action=get&jobId={DEMO_JOB_ID}&orgId={}",
            client.org_id().as_str()
        ),
        query: Vec::new(),
        body: None,
    };
    assert!(raw.send(&request).unwrap().failure.is_none());
}

#[tokio::test]
async fn in_asynchronous_code_it_is_refused_instead_of_a_panic() {
    let client = Client::builder()
        .base_url("http://127.0.0.1:9")
        .credentials(Credentials::new("key", "secret").unwrap())
        .org_id("o1")
        .build_blocking()
        .unwrap();
    assert_eq!(client.get_job(&job()).unwrap_err().kind(), ErrorKind::Config);
    let all = Expression::all([]);
    let mut pages = client.task_pages(&all, PageSize::default());
    assert_eq!(pages.next().unwrap().unwrap_err().kind(), ErrorKind::Config);
    assert!(pages.next().is_none());
}
