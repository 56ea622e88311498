//! One call of *Retry OTA Task*, with its two lines in the journal.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::{Client, DeviceKeys, JobId};

use super::classify::{Verdict, classify_send};
use super::{Before, CallId};
use crate::devices::{DeviceId, Devices};
use crate::journal::{Journal, JournalError, LastSeen, Record};
use crate::time::Time;

/// A retry that is about to be sent.
pub(super) struct Send {
    pub(super) id: CallId,
    /// Its number in the journal.
    pub(super) call: u64,
    pub(super) sent_ms: i64,
    pub(super) before: Before,
    pub(super) apart: Option<DeviceId>,
    pub(super) last_seen: Vec<Option<LastSeen>>,
    pub(super) devices: Vec<DeviceId>,
    pub(super) keys: DeviceKeys,
}

/// How it ended.
pub(super) struct Sent {
    pub(super) id: CallId,
    pub(super) call: u64,
    pub(super) devices: Vec<DeviceId>,
    /// `None` if it was not sent, as the journal could not be written.
    pub(super) verdict: Option<Verdict>,
    pub(super) took: Duration,
    pub(super) journal: Result<(), Arc<JournalError>>,
}

impl Send {
    /// The record that it is sent with these devices.
    pub(super) fn record<'a>(&self, devices: &[DeviceId], table: &'a Devices) -> Record<'a> {
        Record::Sent {
            call: self.call,
            at: self.sent_ms,
            not_failed: self.before == Before::NotFailed,
            unseen: self.before == Before::Unknown,
            apart: table.keys_of(self.apart.as_slice()),
            last_seen: self.last_seen.clone(),
            devices: table.keys_of(devices),
        }
    }

    /// Writes that it is sent, sends it, and writes how it ended. All of it is durable when this returns.
    pub(super) async fn run(
        mut self,
        client: Client,
        job_id: JobId,
        table: Arc<Devices>,
        journal: Option<Journal>,
        time: Time,
    ) -> Sent {
        let mut sent = Sent {
            id: self.id,
            call: self.call,
            devices: std::mem::take(&mut self.devices),
            verdict: None,
            took: Duration::ZERO,
            journal: Ok(()),
        };
        if let Some(journal) = &journal {
            let record = self.record(&sent.devices, &table);
            if let Err(error) = journal.append(&record).await {
                sent.journal = Err(Arc::new(error));
                return sent;
            }
        }
        let began = time.elapsed();
        let verdict = classify_send(client.retry_task(&job_id, &self.keys).await, sent.devices.len());
        sent.took = time.elapsed().saturating_sub(began);
        if let Some(journal) = &journal {
            let record = answered_record(self.call, time.now_ms(), &verdict);
            sent.journal = journal.append(&record).await.map_err(Arc::new);
        }
        sent.verdict = Some(verdict);
        sent
    }
}

pub(super) fn answered_record(call: u64, at: i64, verdict: &Verdict) -> Record<'_> {
    let end = &verdict.end;
    Record::Answered {
        call,
        at,
        end: end.end,
        code: end.reply.code,
        message: end.reply.message.as_deref().map(Cow::Borrowed),
        request_id: end.reply.request_id.as_deref().map(Cow::Borrowed),
    }
}
