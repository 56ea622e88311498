//! Carrying out a plan.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use enos_ota::Client;
use futures_util::Stream;
use serde::Deserialize as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::control::Controller;
use crate::devices::DeviceId;
use crate::ending::Finished;
use crate::engine::{Parts, Runner};
use crate::event::{Event, Progress};
use crate::journal::{Journal, Operator, Record, Recovered};
use crate::outcome::{Fate, Outcome};
use crate::plan::Plan;
use crate::settings::Settings;
use crate::state::DeviceTable;
use crate::time::Time;

/// A plan that is to be carried out.
///
/// [`start`](Self::start) runs it in a task of its own.
#[derive(Debug)]
pub struct Campaign {
    parts: Parts,
    /// What was settled before there was a journal to write it to.
    unwritten: Vec<Record<'static>>,
}

impl Campaign {
    /// A campaign that carries out a plan from its beginning.
    ///
    /// The client's organization must be the plan's; its own retry policy is only used to get access tokens.
    #[must_use]
    pub fn new(client: &Client, plan: Plan, settings: Settings) -> Self {
        let table = DeviceTable::new(Arc::clone(&plan.devices));
        Self::of(client, plan, settings, table)
    }

    fn of(client: &Client, plan: Plan, settings: Settings, table: DeviceTable) -> Self {
        Self {
            parts: Parts {
                // The waits stay those of the client: a token that is not known everywhere yet is waited for.
                client: client.with_retry_policy(client.retry_policy().clone().with_max_attempts(NonZeroU32::MIN)),
                plan,
                settings,
                journal: None,
                time: Time::real(),
                table,
                last_call: 0,
                waves_passed: 0,
                says_unseen: true,
                resumed: false,
            },
            unwritten: Vec::new(),
        }
    }

    /// A campaign that goes on where a journal ends, with the settings that it was begun with.
    ///
    /// Devices that are known to be accepted are not sent again. Those whose call has no answer in the journal are
    /// searched for first.
    ///
    /// # Errors
    ///
    /// If the settings in the journal cannot be read, for example because a later version wrote them.
    pub fn resume(
        client: &Client,
        journal: Journal,
        recovered: Recovered,
        by: Operator,
    ) -> Result<Self, serde_json::Error> {
        let settings = Settings::deserialize(&recovered.begin.settings)?;
        let says_unseen = recovered.begin.settings.get("lookup").is_some();
        let mut campaign = Self::of(client, recovered.plan, settings, recovered.table);
        campaign.parts.says_unseen = says_unseen;
        campaign.parts.resumed = true;
        campaign.parts.last_call = recovered.last_call;
        campaign.parts.waves_passed = recovered.waves.iter().filter(|wave| wave.passed).count();
        let record = Record::Resumed {
            at: campaign.parts.time.now_ms(),
            by,
        };
        journal.append_soon(&record);
        campaign.parts.journal = Some(journal);
        campaign.apply(&record, &[]);
        Ok(campaign)
    }

    /// Writes down what is done, so that another process can go on with it.
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        for record in self.unwritten.drain(..) {
            journal.append_soon(&record);
        }
        self.parts.journal = Some(journal);
        self
    }

    /// Sets where the time comes from: the machine, by default.
    #[must_use]
    pub fn time(mut self, time: Time) -> Self {
        self.parts.time = time;
        self
    }

    /// Gives devices an outcome before anything is sent, such as `skipped` because their attempts are used up. Devices
    /// that have an outcome keep it.
    pub fn settle(&mut self, devices: &[DeviceId], outcome: Outcome, message: &str) {
        let open = |id: &&DeviceId| self.parts.table.standing(**id).outcome.is_none();
        let open: Vec<_> = devices.iter().filter(open).copied().collect();
        if open.is_empty() {
            return;
        }
        let all = Arc::clone(self.parts.table.devices());
        let record = Record::Settled {
            at: self.parts.time.now_ms(),
            outcome,
            code: None,
            message: Some(Cow::Owned(message.to_owned())),
            request_id: None,
            elsewhere: false,
            devices: open.iter().map(|id| Cow::Owned(all.key(*id).to_owned())).collect(),
        };
        self.apply(&record, &open);
        match &self.parts.journal {
            Some(journal) => journal.append_soon(&record),
            None => self.unwritten.push(record),
        }
    }

    /// Takes what is known already of devices that were accepted, such as from a journal that another process writes.
    ///
    /// Devices whose upgrade has ended are not followed any more. Others than accepted ones are ignored.
    pub fn see(&mut self, devices: &[DeviceId], fate: Fate, reason: Option<&str>) {
        let accepted = |id: &&DeviceId| self.parts.table.standing(**id).outcome == Some(Outcome::Accepted);
        let accepted: Vec<_> = devices.iter().filter(accepted).copied().collect();
        let record = Record::Seen {
            at: self.parts.time.now_ms(),
            fate,
            reason: reason.map(|reason| Cow::Owned(reason.to_owned())),
            devices: Vec::new(),
        };
        self.apply(&record, &accepted);
    }

    fn apply(&mut self, record: &Record<'_>, devices: &[DeviceId]) {
        // What could contradict the table was left out.
        if let Err(contradiction) = self.parts.table.apply(record, devices) {
            tracing::error!(%contradiction, "a record was not applied");
        }
    }

    /// What is known of every device before the start.
    #[must_use]
    pub fn table(&self) -> &DeviceTable {
        &self.parts.table
    }

    /// Begins.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with time and I/O enabled.
    #[must_use]
    pub fn start(self) -> Running {
        let (events, receiver) = mpsc::channel(256);
        let (progress, seen) = watch::channel(Progress {
            summary: self.parts.table.summary(),
            ..Progress::default()
        });
        let (control, orders) = Controller::new();
        let task = tokio::spawn(Runner::new(self.parts, events, progress, orders).run());
        Running {
            events: receiver,
            progress: seen,
            control,
            task,
        }
    }
}

/// A campaign that runs. As a stream, it gives its events; they end with the campaign.
///
/// The campaign waits while nobody takes its events; dropped events are not missed. It goes on if this is dropped.
#[derive(Debug)]
pub struct Running {
    events: mpsc::Receiver<Event>,
    progress: watch::Receiver<Progress>,
    control: Controller,
    task: JoinHandle<Finished>,
}

impl Running {
    /// The next event; `None` at the end.
    pub async fn next_event(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// How the campaign stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// A handle that stops the campaign.
    #[must_use]
    pub fn controller(&self) -> Controller {
        self.control.clone()
    }

    /// Waits for the end. Events that were not taken are lost.
    ///
    /// # Errors
    ///
    /// If the campaign panicked, or the runtime shuts down.
    pub async fn finish(mut self) -> Result<Finished, tokio::task::JoinError> {
        self.events.close();
        self.task.await
    }
}

impl Stream for Running {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_recv(context)
    }
}
