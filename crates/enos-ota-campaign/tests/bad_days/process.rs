//! A campaign in another process, which is this test program again. The emulator and the time stay here.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use enos_ota::{Clock, SystemClock};
use enos_ota_campaign::journal::{Halt, Halted, Journal};
use enos_ota_campaign::{Campaign, Time, VirtualClock};
use enos_ota_emulator::{DEMO_APP_KEY, DEMO_APP_SECRET};
use serde::{Deserialize, Serialize};

use crate::stage::{client_of, operator};

const ORDERS: &str = "BAD_DAY_ORDERS";

/// What the other process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) journal: PathBuf,
    pub(crate) base_url: String,
    /// See [`Halt`].
    pub(crate) halt: Option<Stop>,
    pub(crate) in_time: InTime,
}

/// Which time the other process lives in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InTime {
    Real,
    /// That of the emulator, which is only moved by who waits.
    Virtual,
}

/// Where the other process stands still.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Stop {
    /// After so many records and bytes.
    Writing(usize, usize),
    /// When this record is on the disk, before anybody knows.
    Synced(usize),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Writing(records, bytes) => Self::Writing { records, bytes },
            Stop::Synced(record) => Self::Synced { record },
        }
    }
}

/// What the other process tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// It has opened the journal, which has this length.
    Opened { length: u64 },
    /// It could not.
    CannotOpen { error: String },
    /// It stands still. So much of the journal is on the disk, and so much of it have the calls been told of.
    Halted { synced: u64, told: u64 },
    /// The campaign has ended, with so many devices that the journal leaves open.
    Ended { how: String, message: String, open: usize },
}

/// The emulator's clock in another process.
#[derive(Debug)]
struct RemoteClock {
    address: String,
    now: AtomicI64,
}

impl RemoteClock {
    fn new(base_url: &str) -> Self {
        let clock = Self {
            address: base_url.strip_prefix("http://").unwrap().to_owned(),
            now: AtomicI64::new(0),
        };
        clock.advance(Duration::ZERO);
        clock
    }
}

impl VirtualClock for RemoteClock {
    fn now_ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    fn advance(&self, by: Duration) {
        let body = format!(r#"{{"ms":{}}}"#, by.as_millis());
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST /_emulator/clock/advance HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, json) = answer.split_once("\r\n\r\n").unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        self.now.fetch_max(json["nowMs"].as_i64().unwrap(), Ordering::SeqCst);
    }
}

impl Clock for RemoteClock {
    fn now_ms(&self) -> i64 {
        VirtualClock::now_ms(self)
    }

    fn unique_ms(&self) -> i64 {
        self.advance(Duration::from_millis(1));
        VirtualClock::now_ms(self)
    }
}

fn tell(told: &Told) {
    println!("told: {}", serde_json::to_string(told).unwrap());
}

#[tokio::test]
#[ignore = "a part of other tests"]
async fn carry_out() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let (journal, recovered) = match Journal::open(&orders.journal) {
        Ok(opened) => opened,
        Err(error) => {
            return tell(&Told::CannotOpen {
                error: error.to_string(),
            });
        }
    };
    tell(&Told::Opened {
        length: orders.journal.metadata().unwrap().len(),
    });
    if let Some(halt) = orders.halt {
        journal.halt(halt.into(), |halted| {
            let Halted { synced, told, .. } = halted;
            tell(&Told::Halted { synced, told });
        });
    }
    let (clock, time): (Arc<dyn Clock>, _) = match orders.in_time {
        InTime::Real => (Arc::new(SystemClock), Time::real()),
        InTime::Virtual => {
            let clock = Arc::new(RemoteClock::new(&orders.base_url));
            (Arc::clone(&clock) as _, Time::simulated(clock))
        }
    };
    let client = client_of(&orders.base_url, (DEMO_APP_KEY, DEMO_APP_SECRET), clock);
    // Nothing has been done yet: this is the beginning of the campaign.
    let campaign = if recovered.calls.is_empty() && recovered.settled.is_empty() && recovered.resumes == 0 {
        let settings = serde_json::from_value(recovered.begin.settings).unwrap();
        Campaign::new(&client, recovered.plan, settings).journal(journal)
    } else {
        Campaign::resume(&client, journal, recovered, operator()).unwrap()
    };
    let finished = campaign.time(time).start().finish().await.unwrap();
    tell(&Told::Ended {
        how: finished.ending.as_str().to_owned(),
        message: format!("{:?}", finished.ending),
        open: finished.open,
    });
}

/// The other process. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub(crate) fn start(orders: &Orders) -> Self {
        Self::start_limited(orders, None)
    }

    /// With files that can only grow to so many blocks of `ulimit -f`.
    pub(crate) fn start_limited(orders: &Orders, blocks: Option<u64>) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut command = match blocks {
            None => Command::new(program),
            Some(blocks) => {
                let mut shell = Command::new("sh");
                // Without the trap, the process would be killed and not told.
                shell
                    .args(["-c", r#"trap '' XFSZ; ulimit -f "$1"; shift; exec "$@""#, "sh"])
                    .arg(blocks.to_string())
                    .arg(program);
                shell
            }
        };
        command
            .args([
                "--exact",
                "process::carry_out",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ORDERS, serde_json::to_string(orders).unwrap())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What it tells next; `None` if it has ended.
    pub(crate) fn next(&mut self) -> Option<Told> {
        loop {
            let line = self.lines.next()?.unwrap();
            // The test program writes the name of the test before it.
            if let Some((_, told)) = line.split_once("told: ") {
                return Some(serde_json::from_str(told).unwrap());
            }
        }
    }

    pub(crate) fn opened(&mut self) -> u64 {
        match self.next() {
            Some(Told::Opened { length }) => length,
            other => panic!("{other:?}"),
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert!(!status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended, or have been killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many calls a part of a journal tells to have been sent.
pub(crate) fn sent_between(journal: &Path, from: u64, to: u64) -> usize {
    let bytes = std::fs::read(journal).unwrap();
    let (from, to) = (usize::try_from(from).unwrap(), usize::try_from(to).unwrap());
    let text = String::from_utf8_lossy(&bytes[from.min(to)..to]).into_owned();
    text.lines()
        .filter(|line| line.starts_with(r#"{"record":"sent""#))
        .count()
}
