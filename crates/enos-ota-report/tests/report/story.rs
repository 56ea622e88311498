//! Journals that are really written.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use enos_ota_campaign::journal::{BeginDetails, CallEnd, Journal, Keys, Operator, Record, Recovered};
use enos_ota_campaign::{Criteria, Devices, Fate, Outcome, Patterns, Plan, Selection, Summary, TaskFacts};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const JOB: &str = "5ed758ca49f032b4663063aa";
pub(crate) const OTHER_JOB: &str = "5ed758ca49f032b4663063ab";
/// 2026-01-02 03:04:05 UTC
pub(crate) const BEGUN: i64 = 1_767_323_045_000;
pub(crate) const DAY: i64 = 24 * 60 * 60 * 1000;

pub(crate) const VALVE: TaskFacts<'_> = TaskFacts {
    product_key: Some("valve"),
    from_version: Some("1.0.0"),
    to_version: Some("2.0.0"),
    reason: Some("download timed out"),
    progress: Some(-2),
    updated_ms: Some(BEGUN - 100_000),
    task: None,
    seen: None,
};

pub(crate) const PUMP: TaskFacts<'_> = TaskFacts {
    product_key: Some("pump"),
    reason: None,
    ..VALVE
};

/// A journal that is being written.
pub(crate) struct Story {
    _folder: TempDir,
    journal: Journal,
    path: PathBuf,
    pub(crate) at: i64,
    call: u64,
}

pub(crate) fn plan_of(job: &str, org: &str, devices: Devices) -> Plan {
    let selection = Selection::Failed(Criteria {
        not_reason: Patterns::parse(["*flash*"]).unwrap(),
        ..Criteria::default()
    });
    Plan::new(
        job.parse().unwrap(),
        org.parse().unwrap(),
        selection,
        NonZeroUsize::new(1000).unwrap(),
        BEGUN - 60_000,
        devices,
    )
}

pub(crate) fn plan(devices: &[(&str, &TaskFacts<'_>)]) -> Plan {
    let mut list = Devices::new();
    for (key, facts) in devices {
        list.push(key, facts).unwrap();
    }
    plan_of(JOB, "o1", list)
}

pub(crate) fn operator(who: &str) -> Operator {
    let command = ["enos-ota", "retry", JOB, "--not-reason", "*flash*"];
    Operator {
        who: who.to_owned(),
        command: command.map(str::to_owned).to_vec(),
        program: "enos-ota 0.1.0".to_owned(),
    }
}

pub(crate) fn keys<'a>(devices: &[&'a str]) -> Keys<'a> {
    devices.iter().copied().map(Cow::Borrowed).collect()
}

impl Story {
    pub(crate) fn begin(plan: &Plan, at: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = std::env::var_os("REPORT_TEST_FILE").map(PathBuf::from);
        let path = path.unwrap_or_else(|| folder.path().join("journal.jsonl"));
        let details = BeginDetails {
            base_url: "https://gateway.example/apim".to_owned(),
            by: operator("ops@depot"),
            at_ms: at,
            settings: json!({"rate": 20.0, "verify": true}),
        };
        Self {
            journal: Journal::create(&path, plan, details).unwrap(),
            _folder: folder,
            path,
            at,
            call: 0,
        }
    }

    pub(crate) fn write(&self, record: &Record<'_>) {
        self.journal.append_soon(record);
    }

    pub(crate) fn pass(&mut self, ms: i64) -> &mut Self {
        self.at += ms;
        self
    }

    pub(crate) fn sent(&mut self, devices: &[&str]) -> &mut Self {
        self.call += 1;
        self.write(&Record::Sent {
            call: self.call,
            at: self.at,
            not_failed: false,
            unseen: false,
            last_seen: Vec::new(),
            apart: Vec::new(),
            devices: keys(devices),
        });
        self
    }

    pub(crate) fn send(&mut self, devices: &[&str], end: CallEnd) -> &mut Self {
        self.sent(devices).pass(250).answer(end)
    }

    /// The answer to the last call.
    pub(crate) fn answer(&mut self, end: CallEnd) -> &mut Self {
        let (code, message) = match end {
            CallEnd::Accepted => (Some(0), "OK"),
            CallEnd::NotFailed => (Some(24_621), "Only failed tasks can be retried"),
            CallEnd::Refused => (Some(24_606), "Task not found"),
            CallEnd::Throttled => (Some(429), "Too many requests"),
            _ => (None, "connection reset"),
        };
        self.write(&Record::Answered {
            call: self.call,
            at: self.at,
            end,
            code,
            message: Some(message.into()),
            request_id: code.map(|_| format!("request-{}", self.call).into()),
        });
        self
    }

    pub(crate) fn settle(&mut self, devices: &[&str], outcome: Outcome, code: Option<i64>, message: &str) -> &mut Self {
        self.write(&Record::Settled {
            at: self.at,
            outcome,
            code,
            message: Some(message.into()),
            request_id: code.map(|_| format!("request-{}", self.call).into()),
            elsewhere: false,
            devices: keys(devices),
        });
        self
    }

    pub(crate) fn see(&mut self, devices: &[&str], fate: Fate, reason: Option<&str>) -> &mut Self {
        self.write(&Record::Seen {
            at: self.at,
            fate,
            reason: reason.map(Cow::Borrowed),
            devices: keys(devices),
        });
        self
    }

    pub(crate) fn requeue(&mut self, devices: &[&str]) -> &mut Self {
        self.write(&Record::Requeued {
            at: self.at,
            devices: keys(devices),
        });
        self
    }

    pub(crate) fn wave(
        &mut self,
        wave: usize,
        devices: usize,
        succeeded: usize,
        failed: usize,
        passed: bool,
    ) -> &mut Self {
        self.write(&Record::Wave {
            at: self.at,
            wave,
            devices,
            succeeded,
            failed,
            passed,
        });
        self
    }

    pub(crate) fn resume(&mut self) -> &mut Self {
        let (at, by) = (self.at, operator("night@depot"));
        self.write(&Record::Resumed { at, by });
        self
    }

    /// Accepted, rejected, skipped, unknown, open.
    pub(crate) fn end(&mut self, how: &str, [accepted, rejected, skipped, unknown, open]: [usize; 5]) -> &mut Self {
        let summary = Summary {
            requested: accepted + rejected + skipped + unknown + open,
            accepted,
            rejected,
            skipped,
            unknown,
        };
        let (at, how) = (self.at, how.into());
        self.write(&Record::Ended { at, how, summary, open });
        self
    }

    pub(crate) fn read(self) -> Recovered {
        self.read_with_lines().0
    }

    /// What the journal tells, and its file.
    pub(crate) fn read_with_lines(self) -> (Recovered, String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.journal.close()).unwrap();
        (
            Journal::read(&self.path).unwrap(),
            std::fs::read_to_string(&self.path).unwrap(),
        )
    }
}
