//! What the SDK costs over code that is written by hand for the one call.
//!
//! `cargo bench -p enos-ota`, or `cargo bench -p enos-ota -- --quick`. First come criterion's absolute times, which mean
//! little on a machine that does other work too. Then come ratios of alternating batches, as tables in markdown.

// A call that fails leaves nothing to measure.
#![allow(clippy::expect_used)]

mod by_hand;
mod measure;
mod server;

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use enos_ota::sign::{self, Unsigned};
use enos_ota::{AccessToken, AppSecret, Client, Credentials, DeviceKeys, JobId};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::by_hand::ByHand;
use crate::measure::{Call, Ratio, drive};

const APP_KEY: &str = "72f3c1a5-6a3e-4f0c-9d0b-1d0f3c3f3a10";
const APP_SECRET: &str = "5b1ad7b0-0b3e-4c0c-8a34-0b9d9ac1a5b7";
const ORG_ID: &str = "o15724268424841";
const JOB_ID: &str = "5ed758ca49f032b4663063aa";

const DEVICE_KEYS: [usize; 3] = [2, 200, 1000];
const CONCURRENT: [usize; 2] = [1, 64];
/// Bytes of body.
const BODIES: [usize; 2] = [300, 20 << 10];

#[derive(Clone)]
struct Sdk {
    client: Client,
    job_id: JobId,
    devices: DeviceKeys,
}

impl Call for Sdk {
    async fn call(&self) {
        let accepted = self.client.retry_task(&self.job_id, &self.devices).await;
        black_box(accepted.expect("the server accepts every call").request_id);
    }
}

#[derive(Clone)]
struct Loop {
    client: Arc<ByHand>,
    devices: Arc<[String]>,
}

impl Call for Loop {
    async fn call(&self) {
        let request_id = self.client.retry_task(JOB_ID, &self.devices).await;
        black_box(request_id.expect("the server accepts every call"));
    }
}

struct Sides {
    sdk: Client,
    by_hand: Arc<ByHand>,
}

impl Sides {
    fn new(runtime: &Runtime, base_url: &str) -> Self {
        let sdk = Client::builder()
            .base_url(base_url)
            .credentials(Credentials::new(APP_KEY, APP_SECRET).expect("the credentials are well-formed"))
            .org_id(ORG_ID)
            .build()
            .expect("the settings are valid");
        let by_hand = runtime
            .block_on(ByHand::connect(base_url, APP_KEY, APP_SECRET, ORG_ID))
            .expect("the server gives a token");
        Self {
            sdk,
            by_hand: Arc::new(by_hand),
        }
    }

    fn with_devices(&self, count: usize) -> (Sdk, Loop) {
        let keys: Arc<[String]> = (0..count).map(|index| format!("INV-4711-{index:06}")).collect();
        let sdk = Sdk {
            client: self.sdk.clone(),
            job_id: JOB_ID.parse().expect("the id is not empty"),
            devices: DeviceKeys::parse(keys.iter()).expect("no key occurs twice"),
        };
        let by_hand = Loop {
            client: Arc::clone(&self.by_hand),
            devices: keys,
        };
        (sdk, by_hand)
    }
}

/// The input of one signature, and the bytes that it hashes.
struct Signing {
    token: AccessToken,
    secret: AppSecret,
    query: String,
    body: Vec<u8>,
    joined: Vec<u8>,
}

impl Signing {
    const TIMESTAMP_MS: i64 = 1_572_574_909_697;

    fn new(body_len: usize) -> Self {
        let token = server::ACCESS_TOKEN;
        let body = vec![b'x'; body_len];
        let mut joined = format!("{token}actionretryTaskjobId{JOB_ID}orgId{ORG_ID}").into_bytes();
        joined.extend_from_slice(&body);
        joined.extend_from_slice(Self::TIMESTAMP_MS.to_string().as_bytes());
        joined.extend_from_slice(APP_SECRET.as_bytes());
        let signing = Self {
            token: AccessToken::new(token).expect("a header can carry the token"),
            secret: AppSecret::new(APP_SECRET.to_owned()),
            query: format!("action=retryTask&jobId={JOB_ID}&orgId={ORG_ID}"),
            body,
            joined,
        };
        // Sides that hash different bytes could not be compared.
        let signature = signing.sdk();
        assert_eq!(signature.as_str(), by_hand::hex(&signing.bare()));
        assert_eq!(signature.as_str(), signing.by_hand());
        signing
    }

    fn sdk(&self) -> sign::HexDigest {
        let request = Unsigned {
            access_token: &self.token,
            query: &self.query,
            body: &self.body,
            timestamp_ms: Self::TIMESTAMP_MS,
        };
        sign::sign(black_box(&request), black_box(&self.secret)).expect("the query can be signed")
    }

    fn by_hand(&self) -> String {
        by_hand::signature(
            self.token.expose(),
            by_hand::query(JOB_ID, ORG_ID),
            &self.body,
            &Self::TIMESTAMP_MS.to_string(),
            APP_SECRET,
        )
    }

    fn bare(&self) -> [u8; 32] {
        Sha256::digest(black_box(self.joined.as_slice())).into()
    }
}

fn times_of_calls(criterion: &mut Criterion, runtime: &Runtime, sides: &Sides) {
    for concurrent in CONCURRENT {
        let mut group = criterion.benchmark_group(format!("retry_task/{concurrent}_concurrent"));
        group
            .throughput(Throughput::Elements(1))
            .sample_size(20)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for count in DEVICE_KEYS {
            let (sdk, by_hand) = sides.with_devices(count);
            group.bench_function(BenchmarkId::new("sdk", count), |bencher| {
                bencher.iter_custom(|calls| drive(runtime, &sdk, concurrent, calls));
            });
            group.bench_function(BenchmarkId::new("by_hand", count), |bencher| {
                bencher.iter_custom(|calls| drive(runtime, &by_hand, concurrent, calls));
            });
        }
        group.finish();
    }
}

fn times_of_signing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for body_len in BODIES {
        let signing = Signing::new(body_len);
        group.throughput(Throughput::Bytes(signing.joined.len() as u64));
        group.bench_function(BenchmarkId::new("sdk", body_len), |bencher| {
            bencher.iter(|| signing.sdk());
        });
        group.bench_function(BenchmarkId::new("bare_sha256", body_len), |bencher| {
            bencher.iter(|| signing.bare());
        });
    }
    group.finish();
}

fn ratios_of_calls(runtime: &Runtime, sides: &Sides, rounds: usize) -> String {
    let mut table = String::from(
        "| Device keys | Concurrent calls | SDK's calls/s as share of hand-written | Middle half of the rounds |\n\
         |---:|---:|---:|---:|\n",
    );
    for concurrent in CONCURRENT {
        for count in DEVICE_KEYS {
            let (sdk, by_hand) = sides.with_devices(count);
            let ratio = Ratio::of_rounds(
                rounds,
                |calls| drive(runtime, &sdk, concurrent, calls),
                |calls| drive(runtime, &by_hand, concurrent, calls),
            );
            // Writing to a `String` does not fail.
            let _ = writeln!(table, "| {count} | {concurrent} | {ratio} |");
        }
    }
    table
}

fn ratios_of_signing(rounds: usize) -> String {
    let mut table = String::from(
        "| Bytes of body | `sign::sign` as share of the speed of bare SHA-256 | Middle half of the rounds |\n\
         |---:|---:|---:|\n",
    );
    for body_len in BODIES {
        let signing = Signing::new(body_len);
        let ratio = Ratio::of_rounds(
            rounds,
            |times| elapsed(times, || signing.sdk()),
            |times| elapsed(times, || signing.bare()),
        );
        // Writing to a `String` does not fail.
        let _ = writeln!(table, "| {body_len} | {ratio} |");
    }
    table
}

fn elapsed<T>(times: u64, work: impl Fn() -> T) -> Duration {
    let started = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    started.elapsed()
}

/// Makes so many calls of one side and no more, for a program that counts instructions:
///
/// ```sh
/// valgrind --tool=callgrind --separate-threads=yes target/release/deps/overhead-* --calls sdk 2 64 2000
/// ```
///
/// The difference between two numbers of calls is what they cost, without the start. The first thread is the client's.
fn calls(runtime: &Runtime, sides: &Sides, arguments: &[String]) -> Option<()> {
    let [side, keys, concurrent, calls] = arguments else {
        return None;
    };
    let (sdk, by_hand) = sides.with_devices(keys.parse().ok()?);
    let (concurrent, calls) = (concurrent.parse().ok()?, calls.parse().ok()?);
    match side.as_str() {
        "sdk" => drive(runtime, &sdk, concurrent, calls),
        "by_hand" => drive(runtime, &by_hand, concurrent, calls),
        _ => return None,
    };
    Some(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);

    // One thread for all calls of either side: the processor time of a call is then what limits them, and the server has
    // a thread of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let base_url = server::start();
    let sides = Sides::new(&runtime, &base_url);

    if let Some(at) = arguments.iter().position(|argument| argument == "--calls") {
        let given = arguments[at + 1..].iter().filter(|argument| *argument != "--bench");
        let given: Vec<_> = given.cloned().collect();
        calls(&runtime, &sides, &given).expect("expected --calls sdk|by_hand KEYS CONCURRENT CALLS");
        return;
    }

    let mut criterion = Criterion::default().configure_from_args();
    times_of_calls(&mut criterion, &runtime, &sides);
    times_of_signing(&mut criterion);
    criterion.final_summary();

    // Only `cargo bench` passes `--bench`; `cargo test --benches` and lists of benchmarks want no measurement.
    if has("--bench") && !has("--list") {
        let rounds = if has("--quick") { 101 } else { 601 };
        println!(
            "\nRatios, medians of {rounds} rounds\n\n{}\n{}",
            ratios_of_signing(rounds),
            ratios_of_calls(&runtime, &sides, rounds)
        );
    }
}
