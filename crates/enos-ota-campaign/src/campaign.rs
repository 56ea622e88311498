//! Carrying out a plan.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use enos_ota::{Client, Error, RetryPolicy};
use futures_util::Stream;
use serde::Deserialize as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::core::Note;
use crate::devices::DeviceId;
use crate::drive::{Drive, settled_record};
use crate::event::{Calls, Event, Progress};
use crate::journal::{Journal, JournalError, Operator, Record, Recovered, State};
use crate::ledger::{Ledger, Open};
use crate::outcome::{Fate, Outcome};
use crate::plan::Plan;
use crate::settings::Settings;
use crate::time::Time;

/// A plan that is to be carried out.
///
/// [`start`](Self::start) runs it in a task of its own.
#[derive(Debug)]
pub struct Campaign {
    pub(crate) client: Client,
    /// Without its devices, which the ledger has.
    pub(crate) plan: Plan,
    pub(crate) settings: Settings,
    pub(crate) journal: Option<Journal>,
    pub(crate) time: Time,
    pub(crate) ledger: Ledger,
    /// Calls in the journal so far.
    pub(crate) last_call: u64,
    /// Waves that an earlier run has passed.
    pub(crate) waves_passed: usize,
    /// Devices whose call an earlier run has left without an answer, by when it was sent, by the wall clock, and whether
    /// it was known that they are not failed.
    pub(crate) doubts: BTreeMap<(i64, bool), Vec<DeviceId>>,
    /// Devices whose call was refused in an earlier run, before it was known which were guilty, by when it was sent.
    pub(crate) suspects: BTreeMap<i64, Vec<DeviceId>>,
    /// When the first run began, by the wall clock, if this is a later one.
    pub(crate) begun_ms: Option<i64>,
    /// What was settled before there was a journal to write it to.
    unwritten: Vec<(Vec<DeviceId>, Outcome, Arc<Note>)>,
}

impl Campaign {
    /// A campaign that carries out a plan from its beginning.
    ///
    /// The client's organization must be the plan's; its own retry policy is only used to get access tokens.
    #[must_use]
    pub fn new(client: &Client, mut plan: Plan, settings: Settings) -> Self {
        let ledger = Ledger::new(Arc::new(std::mem::take(&mut plan.devices)));
        Self {
            client: client.with_retry_policy(RetryPolicy::never()),
            plan,
            settings,
            journal: None,
            time: Time::real(),
            ledger,
            last_call: 0,
            waves_passed: 0,
            doubts: BTreeMap::new(),
            suspects: BTreeMap::new(),
            begun_ms: None,
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
        mut recovered: Recovered,
        by: Operator,
    ) -> Result<Self, serde_json::Error> {
        let settings = Settings::deserialize(&recovered.begin.settings)?;
        let last_call = recovered.last_call;
        let waves_passed = recovered.waves.iter().filter(|wave| wave.passed).count();
        let devices = std::mem::take(&mut recovered.plan.devices);
        let plan = Plan {
            devices,
            ..recovered.plan.clone()
        };
        let mut campaign = Self::new(client, plan, settings);
        campaign.last_call = last_call;
        campaign.waves_passed = waves_passed;
        campaign.begun_ms = Some(recovered.begin.at_ms);
        campaign.restore(&recovered);
        journal.append_soon(&Record::Resumed {
            at: campaign.time.now_ms(),
            by,
        });
        campaign.journal = Some(journal);
        Ok(campaign)
    }

    /// Brings the ledger where the journal ends.
    fn restore(&mut self, recovered: &Recovered) {
        for (index, standing) in recovered.standings.iter().enumerate() {
            let id = DeviceId::new(index);
            let note = || {
                Arc::new(Note {
                    code: recovered.code(id),
                    message: recovered.message(id).map(Into::into),
                    request_id: recovered.request_id(id).map(Into::into),
                })
            };
            match standing.state {
                State::Waiting => {}
                State::InDoubt { sent_at_ms, not_failed } => {
                    self.ledger.set_open(&[id], Open::InDoubt);
                    self.doubts.entry((sent_at_ms, not_failed)).or_default().push(id);
                }
                State::Refused { sent_at_ms } => {
                    self.ledger.suspect(&[id], &note());
                    self.suspects.entry(sent_at_ms).or_default().push(id);
                }
                State::Settled(outcome) => {
                    self.ledger.settle(&[id], outcome, &note());
                    if standing.fate != Fate::NotSeen {
                        self.ledger.see(&[id], standing.fate, recovered.failed_again(id));
                    }
                }
            }
        }
    }

    /// Writes down what is done, so that another process can go on with it.
    #[must_use]
    pub fn journal(mut self, journal: Journal) -> Self {
        for (devices, outcome, note) in std::mem::take(&mut self.unwritten) {
            let record = settled_record(&self.ledger, self.time.now_ms(), &devices, outcome, &note);
            journal.append_soon(&record);
        }
        self.journal = Some(journal);
        self
    }

    /// Sets where the time comes from: the machine, by default.
    #[must_use]
    pub fn time(mut self, time: Time) -> Self {
        self.time = time;
        self
    }

    /// Gives devices an outcome before anything is sent, such as `skipped` because their attempts are used up.
    pub fn settle(&mut self, devices: &[DeviceId], outcome: Outcome, message: &str) {
        let note = Arc::new(Note {
            message: Some(message.into()),
            ..Note::default()
        });
        let settled = self.ledger.settle(devices, outcome, &note);
        match &self.journal {
            Some(journal) => {
                let record = settled_record(&self.ledger, self.time.now_ms(), &settled, outcome, &note);
                journal.append_soon(&record);
            }
            None => self.unwritten.push((settled, outcome, note)),
        }
    }

    /// Tells what is known already of devices that were accepted, such as from a journal that another process writes.
    ///
    /// Devices whose upgrade has ended are not followed any more.
    pub fn see(&mut self, devices: &[DeviceId], fate: Fate, reason: Option<&str>) {
        self.ledger.see(devices, fate, reason);
    }

    /// What is known of every device before the start.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
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
            summary: self.ledger.summary(),
            ..Progress::default()
        });
        let (control, orders) = watch::channel(Order::GoOn);
        let task = tokio::spawn(Drive::new(self, events, progress, orders).run());
        Running {
            events: receiver,
            progress: seen,
            control: Controller(Arc::new(control)),
            task,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    GoOn,
    Drain,
    Abandon,
}

/// Stops a campaign. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct Controller(Arc<watch::Sender<Order>>);

impl Controller {
    /// Sends nothing new, and waits for the calls that are under way.
    pub fn drain(&self) {
        self.0
            .send_if_modified(|order| std::mem::replace(order, Order::Drain.max(*order)) < Order::Drain);
    }

    /// Abandons the calls that are under way. Whether their devices were retried is then in doubt; a journal has it.
    pub fn abandon(&self) {
        self.0.send_replace(Order::Abandon);
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

/// A campaign that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// What is known of every device. Each has exactly one outcome.
    pub ledger: Ledger,
    /// Calls that were made.
    pub calls: Calls,
    /// How long it took.
    pub took: Duration,
    /// Devices whose outcome is only that of this run: a run that resumes the journal goes on with them.
    pub open: usize,
    /// The last refusal of a device, if any.
    pub refusal: Option<Error>,
    /// Whether the application may search: if not, nothing could be confirmed.
    pub could_search: bool,
}

/// How a campaign ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ending {
    /// All that was planned was done.
    Complete,
    /// An error after which further calls make no sense.
    Stopped(Error),
    /// The gateway has answered nothing for too long. With the last error.
    GaveUp(Error),
    /// Too many devices were refused.
    TooManyRefused {
        /// How many, in percent of those that the platform has answered for.
        percent: f64,
        /// Of how many.
        sample: usize,
    },
    /// Not enough devices of a wave succeeded in time.
    WaveFailed {
        /// Number of the wave, from 1.
        wave: usize,
        /// Its devices that were accepted.
        accepted: usize,
        /// How many of them succeeded.
        succeeded: usize,
    },
    /// [`Controller::drain`] or [`Controller::abandon`].
    Interrupted,
    /// The journal could not be written. Nothing was sent after that.
    Journal(Arc<JournalError>),
    /// A defect of this library.
    Panicked(String),
}

impl Ending {
    /// The name, as in the journal.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped(_) => "stopped",
            Self::GaveUp(_) => "gaveUp",
            Self::TooManyRefused { .. } => "tooManyRefused",
            Self::WaveFailed { .. } => "waveFailed",
            Self::Interrupted => "interrupted",
            Self::Journal(_) => "journal",
            Self::Panicked(_) => "panicked",
        }
    }

    /// What to say of devices that were not sent for it.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Complete => "not sent".to_owned(),
            Self::Stopped(error) => format!("not sent, because an earlier call failed: {error}"),
            Self::GaveUp(error) => format!("not sent, because the gateway did not answer: {error}"),
            Self::TooManyRefused { percent, sample } => {
                format!("not sent, because {percent:.1} % of {sample} devices were refused")
            }
            Self::WaveFailed {
                wave,
                accepted,
                succeeded,
            } => format!("not sent, because only {succeeded} of {accepted} devices of wave {wave} succeeded"),
            Self::Interrupted => "not sent: interrupted".to_owned(),
            Self::Journal(error) => format!("not sent, because the journal could not be written: {error}"),
            Self::Panicked(what) => format!("not sent, because of a defect in this program: {what}"),
        }
    }
}
