//! What a campaign costs, over a bare loop that sends the same lists, and how well it finds a gateway's pace.
//!
//! `cargo bench -p enos-ota-campaign` prints tables in markdown; `-- 100000` takes so many devices instead of a million,
//! and `-- memory`, `-- calls`, `-- pace`, `-- workers` or `-- speed` measure only that. All are ratios within one run: the emulator
//! runs on the same machine, and a machine does other work too.

// What fails leaves nothing to measure.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

mod bare;
mod stage;

use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;
use std::time::{Duration, Instant};

use enos_ota_campaign::journal::{BeginDetails, Journal};
use enos_ota_campaign::{Campaign, Ending, Finished, Settings};
use enos_ota_emulator::{MixedList, Quota};

use crate::stage::{Guilty, JOB, Stage, key, plan};

const CHUNK: usize = 200;
/// For the comparison with the bare loop, which has as many.
const CONCURRENCY: usize = 16;
const LATENCY: Duration = Duration::from_millis(20);

fn main() {
    let mut arguments: Vec<String> = env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if arguments.first().is_some_and(|first| first == "child") {
        return in_child(&arguments[1], arguments[2].parse().expect("a number of devices"));
    }
    let devices = match arguments.iter().position(|argument| argument.parse::<usize>().is_ok()) {
        Some(index) => arguments.remove(index).parse().expect("it was parsed before"),
        None => 1_000_000,
    };
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    if wanted("speed") {
        runtime.block_on(speed(devices));
    }
    if wanted("memory") {
        runtime.block_on(memory(devices));
    }
    if wanted("calls") {
        runtime.block_on(calls(devices.min(200_000)));
    }
    if wanted("pace") {
        runtime.block_on(pace());
    }
    if wanted("workers") {
        runtime.block_on(workers());
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.verify = false;
    settings
}

fn fixed() -> Settings {
    let mut settings = settings();
    settings.concurrency = NonZeroUsize::new(CONCURRENCY);
    settings
}

async fn run(campaign: Campaign) -> Finished {
    let finished = campaign.start().finish().await.expect("the campaign does not panic");
    assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
    finished
}

/// Devices a second, as a share of the bare loop's.
async fn speed(devices: usize) {
    println!("\n## Devices a second, {devices} devices in lists of {CHUNK}, {CONCURRENCY} calls at a time\n");
    println!("| | Share of a bare reqwest loop |\n|---|---|");
    let rounds = if devices > 200_000 { 3 } else { 5 };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut rate = Vec::new();
    for _ in 0..rounds {
        let bare = {
            let stage = Stage::set(devices, Guilty::None, |builder| builder).await;
            let plan = plan(devices, CHUNK);
            let begin = Instant::now();
            bare::retry(&stage, &plan, CONCURRENCY).await;
            begin.elapsed()
        };
        rate.push(devices as f64 / bare.as_secs_f64());
        let stage = Stage::set(devices, Guilty::None, |builder| builder).await;
        let campaign = Campaign::new(&stage.client, plan(devices, CHUNK), fixed());
        let begin = Instant::now();
        run(campaign).await;
        without.push(bare.as_secs_f64() / begin.elapsed().as_secs_f64());

        let stage = Stage::set(devices, Guilty::None, |builder| builder).await;
        let folder = tempfile::tempdir().expect("a folder for the journal");
        let plan = plan(devices, CHUNK);
        let path = folder.path().join("journal.jsonl");
        let journal = Journal::create(&path, &plan, BeginDetails::default()).expect("the journal is new");
        let campaign = Campaign::new(&stage.client, plan, fixed()).journal(journal);
        let begin = Instant::now();
        run(campaign).await;
        with.push(bare.as_secs_f64() / begin.elapsed().as_secs_f64());
    }
    println!("| without a journal | {:.2} |", median(&mut without));
    println!(
        "| with a journal, synced before and after each call | {:.2} |",
        median(&mut with)
    );
    println!("\nThe bare loop: {:.0} devices a second.", median(&mut rate));
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The most memory that a process with a campaign takes. The emulator is in another.
async fn memory(devices: usize) {
    println!("\n## Memory, {devices} devices, with a journal\n\n| Peak of the process | Bytes a device |\n|---|---|");
    let stage = Stage::set(devices, Guilty::None, |builder| builder).await;
    let program = env::current_exe().expect("this program has a path");
    let base_url = stage.emulator.base_url().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["child", &base_url, &devices.to_string()])
            .output()
            .expect("this program starts again")
    })
    .await
    .expect("the child is waited for");
    let text = String::from_utf8_lossy(&output.stdout);
    let kib: f64 = text.trim().parse().unwrap_or_else(|_| {
        panic_with(&String::from_utf8_lossy(&output.stderr));
        0.0
    });
    println!(
        "| {:.0} MB | {:.0} |",
        kib * 1024.0 / 1e6,
        kib * 1024.0 / devices as f64
    );
}

#[expect(clippy::panic, reason = "what fails leaves nothing to measure")]
fn panic_with(text: &str) {
    panic!("the child failed: {text}");
}

/// Runs a campaign, and tells the peak of its memory in KiB.
fn in_child(base_url: &str, devices: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let client = stage::client(base_url);
        let folder = tempfile::tempdir().expect("a folder for the journal");
        let plan = plan(devices, CHUNK);
        let path = folder.path().join("journal.jsonl");
        let journal = Journal::create(&path, &plan, BeginDetails::default()).expect("the journal is new");
        let finished = run(Campaign::new(&client, plan, settings()).journal(journal)).await;
        assert_eq!(finished.table.summary().accepted, devices);
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("0 kB").trim().trim_end_matches("kB").trim());
}

/// Calls, over the fewest that could do: one for each full list of devices that are failed.
async fn calls(devices: usize) {
    println!("\n## Calls over the fewest possible, {devices} devices in lists of {CHUNK}\n");
    println!("| Not failed | The platform refuses mixed lists | It retries the others |\n|---|---|---|");
    for guilty in [Guilty::PerMille(1), Guilty::PerMille(10), Guilty::PerMille(100)] {
        let mut cells = Vec::new();
        for mixed in [MixedList::Refuse, MixedList::Partial] {
            let stage = Stage::set(devices, guilty, |builder| builder.mixed_list(mixed)).await;
            let finished = run(Campaign::new(&stage.client, plan(devices, CHUNK), settings())).await;
            let failed = devices - guilty.count(devices);
            if mixed == MixedList::Refuse {
                assert_eq!(finished.table.summary().accepted, failed);
            }
            let made = finished.calls.retries + finished.calls.searches;
            cells.push(format!("{:.2}", made as f64 / failed.div_ceil(CHUNK) as f64));
        }
        println!("| {guilty} | {} | {} |", cells[0], cells[1]);
    }
}

/// How well the pace of a gateway is found that answers after [`LATENCY`].
async fn pace() {
    println!(
        "\n## The pace of a gateway with a hidden quota, {} ms latency, 30 s\n",
        LATENCY.as_millis()
    );
    println!("| Quota, calls/s | Used | Throttled | 90 % reached after |\n|---|---|---|---|");
    for (name, per_second, quota) in [
        ("50", 50, Quota::per_second(50)),
        ("200", 200, Quota::per_second(200)),
        ("1,000", 1000, Quota::per_second(1000)),
        ("50, in windows of 1 s", 50, Quota::windows(50)),
        ("200, in windows of 1 s", 200, Quota::windows(200)),
        ("1,000, in windows of 1 s", 1000, Quota::windows(1000)),
    ] {
        let measured = measure_pace(|builder| builder.quota(quota), settings(), Duration::from_secs(30)).await;
        let quota = f64::from(per_second);
        let reached = measured.reached(0.9 * quota);
        println!(
            "| {name} | {:.0} % | {:.2} % | {} |",
            measured.answered() / 30.0 / quota * 100.0,
            measured.throttled_percent(),
            reached.map_or("never".to_owned(), |seconds| format!("{seconds} s")),
        );
    }
}

/// How many more calls are made, without a quota, than by the bare loop with as many workers as people usually take.
async fn workers() {
    const TIME: Duration = Duration::from_secs(8);
    println!(
        "\n## Without a quota, {} ms latency, {} s\n",
        LATENCY.as_millis(),
        TIME.as_secs()
    );
    let own = measure_pace(|builder| builder, settings(), TIME).await;
    let devices = 120_000;
    let stage = Stage::set(devices, Guilty::None, |builder| builder.latency(LATENCY)).await;
    let plan = plan(devices, 1);
    let ended = tokio::time::timeout(TIME, bare::retry(&stage, &plan, CONCURRENCY)).await;
    assert!(ended.is_err(), "the loop has sent everything");
    let fixed = stage.emulator.counters().retry_calls_applied as f64;
    println!(
        "{:.1} times as many calls as a bare loop with {CONCURRENCY} calls at a time ({:.0} calls/s at the end, {:.0} by the loop).",
        own.answered() / fixed,
        own.last_second(),
        fixed / TIME.as_secs_f64(),
    );
}

/// Calls that were answered in each second.
struct Measured {
    answered: Vec<u64>,
    throttled: u64,
}

impl Measured {
    fn answered(&self) -> f64 {
        self.answered.iter().sum::<u64>() as f64
    }

    fn throttled_percent(&self) -> f64 {
        let throttled = self.throttled as f64;
        throttled * 100.0 / (self.answered() + throttled).max(1.0)
    }

    fn reached(&self, calls: f64) -> Option<usize> {
        self.answered
            .iter()
            .position(|answered| *answered as f64 >= calls)
            .map(|second| second + 1)
    }

    fn last_second(&self) -> f64 {
        self.answered.last().copied().unwrap_or_default() as f64
    }
}

async fn measure_pace(
    build: impl FnOnce(enos_ota_emulator::EmulatorBuilder) -> enos_ota_emulator::EmulatorBuilder,
    settings: Settings,
    time: Duration,
) -> Measured {
    // One device a call: it is the calls that count here.
    let devices = 120_000;
    let stage = Stage::set(devices, Guilty::None, |builder| build(builder.latency(LATENCY))).await;
    let running = Campaign::new(&stage.client, plan(devices, 1), settings).start();
    let controller = running.controller();
    let mut seconds = Vec::new();
    let mut before = stage.emulator.counters().retry_calls_applied;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    let drained = tokio::spawn(running.finish());
    for _ in 0..time.as_secs() {
        ticks.tick().await;
        let now = stage.emulator.counters().retry_calls_applied;
        seconds.push(now - before);
        before = now;
    }
    let throttled = stage.emulator.counters().throttled;
    controller.abandon();
    let _ = drained.await;
    debug_assert!(stage.emulator.job(JOB).is_some() && !key(0).is_empty());
    Measured {
        answered: seconds,
        throttled,
    }
}
