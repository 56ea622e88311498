//! What is learned is applied to the table, written to the journal, and reported once it is on the disk.

use std::borrow::Cow;
use std::sync::Arc;

use super::Runner;
use crate::devices::DeviceId;
use crate::ending::Ending;
use crate::engine::Reply;
use crate::engine::follow::Follow;
use crate::event::{Event, Progress};
use crate::journal::Record;
use crate::outcome::Outcome;

impl Runner {
    /// Changes the table. Only those devices are given back for which it is news.
    pub(in crate::engine) fn apply(&mut self, record: &Record<'_>, devices: &[DeviceId]) -> Vec<DeviceId> {
        match self.table.apply(record, devices) {
            Ok(applied) => applied.devices,
            Err(contradiction) => {
                self.end_with(Ending::Panicked(contradiction));
                self.halt();
                Vec::new()
            }
        }
    }

    /// Changes the table and writes it down. What is reported from now on waits until that is on the disk.
    pub(in crate::engine) fn record(&mut self, record: &Record<'_>, devices: &[DeviceId]) -> Vec<DeviceId> {
        let news = self.apply(record, devices);
        if let Some(journal) = &self.journal {
            self.queued = journal.queue(record);
        }
        news
    }

    pub(in crate::engine) fn settle(&mut self, devices: &[DeviceId], outcome: Outcome, reply: &Reply, elsewhere: bool) {
        let open = |id: &&DeviceId| self.table.standing(**id).outcome.is_none();
        let devices: Vec<_> = devices.iter().filter(open).copied().collect();
        if devices.is_empty() {
            return;
        }
        let all = Arc::clone(self.table.devices());
        let record = settled_record(self.time.now_ms(), outcome, reply, elsewhere, all.keys_of(&devices));
        let settled = self.record(&record, &devices);
        if outcome == Outcome::Accepted {
            self.last_accepted_at = self.time.elapsed();
        }
        self.report_settled(settled, outcome, reply);
    }

    pub(in crate::engine) fn report_settled(&mut self, devices: Vec<DeviceId>, outcome: Outcome, reply: &Reply) {
        if devices.is_empty() {
            return;
        }
        self.report(Event::Settled {
            devices,
            outcome,
            code: reply.code,
            message: reply.message.clone(),
            request_id: reply.request_id.clone(),
        });
    }

    /// Reports an event once all that was recorded before it is on the disk.
    pub(in crate::engine) fn report(&mut self, event: Event) {
        self.outbox.push_back((self.queued, event));
    }

    pub(in crate::engine) async fn flush(&mut self) {
        let written = self.written.as_ref().map_or(u64::MAX, |written| *written.borrow());
        while let Some((after, event)) = self.outbox.pop_front() {
            if after > written {
                self.outbox.push_front((after, event));
                return;
            }
            // Nobody has to listen.
            let _ = self.events.send(event).await;
        }
    }

    /// Reports what is left, now that nothing more will be written.
    pub(in crate::engine) async fn flush_all(&mut self) {
        self.written = None;
        self.flush().await;
    }

    pub(in crate::engine) fn show(&self) {
        self.progress.send_replace(Progress {
            phase: self.phase,
            summary: self.table.summary(),
            fates: self.table.fates(),
            in_flight: self.in_flight.len(),
            calls: self.calls,
            rate: self.rate.rate(),
            concurrency: self.rate.concurrency(),
            elapsed: self.time.elapsed(),
            stages: self.follow.as_ref().and_then(Follow::stages),
        });
    }
}

pub(in crate::engine) fn settled_record<'a>(
    at: i64,
    outcome: Outcome,
    reply: &'a Reply,
    elsewhere: bool,
    devices: Vec<Cow<'a, str>>,
) -> Record<'a> {
    Record::Settled {
        at,
        outcome,
        code: reply.code,
        message: reply.message.as_deref().map(Cow::Borrowed),
        request_id: reply.request_id.as_deref().map(Cow::Borrowed),
        elsewhere,
        devices,
    }
}
