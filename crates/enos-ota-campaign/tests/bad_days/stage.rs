//! A fleet in an emulator, campaigns in virtual time, and the promise.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use enos_ota::{Client, Clock, Credentials, JobId, RetryPolicy, SystemClock};
use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::{BeginDetails, Journal, Operator, Recovered};
use enos_ota_campaign::{
    Campaign, DeviceTable, Devices, Ending, Event, Finished, Outcome, Plan, Running, Selection, Settings, Summary,
    TaskFacts, Time, VirtualClock,
};
use enos_ota_emulator::{self as emulated, Emulator, EmulatorBuilder, Fleet, Job, ManualClock, MixedList, Task, Waits};
use tempfile::TempDir;

pub(crate) const ORG: &str = "o15724268424841";
pub(crate) const JOB: &str = "66f2a1c0d4e5b6a798011e07";
/// The emulator's clock at the beginning of a test in virtual time.
pub(crate) const BEGAN_MS: i64 = 1_790_000_000_000;
/// When the tasks had come to the state in which they are at the beginning. It is longer ago than the clocks can differ:
/// what changed shortly before a call, nobody can tell from what the call did.
pub(crate) const LONG_AGO_MS: i64 = 1_700_000_000_000;

type Alarm = (i64, Box<dyn FnOnce() + Send>);

/// The emulator's clock, for the client's signatures and the campaign's waits.
pub(crate) struct Moved {
    clock: ManualClock,
    alarm: Mutex<Option<Alarm>>,
}

impl Moved {
    fn ring(&self) {
        let mut alarm = self.alarm.lock().unwrap();
        if let Some((_, what)) = alarm.take_if(|(at, _)| *at <= emulated::Clock::now_ms(&self.clock)) {
            what();
        }
    }
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clock.fmt(f)
    }
}

impl Clock for Moved {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.clock)
    }

    fn unique_ms(&self) -> i64 {
        self.advance(Duration::from_millis(1));
        emulated::Clock::now_ms(&self.clock)
    }
}

impl VirtualClock for Moved {
    fn now_ms(&self) -> i64 {
        emulated::Clock::now_ms(&self.clock)
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.ring();
    }
}

/// How devices get into the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// A person named them, those that are not failed too.
    Named,
    /// A search has shown them to be failed. Those that are not failed have changed afterwards.
    Failed,
}

pub(crate) struct Stage {
    pub(crate) emulator: Arc<Emulator>,
    clock: Arc<Moved>,
    pub(crate) client: Client,
    pub(crate) time: Time,
    pub(crate) mixed: MixedList,
    folder: TempDir,
}

pub(crate) fn client_of(base_url: &str, (app_key, app_secret): (&str, &str), clock: Arc<dyn Clock>) -> Client {
    // Real time, in which a node of the gateway learns of a token; all else waits in virtual time.
    let waits = Duration::from_millis(100);
    Client::builder()
        .base_url(base_url)
        .credentials(Credentials::new(app_key, app_secret).unwrap())
        .org_id(ORG)
        .clock(clock)
        .retry_policy(RetryPolicy::default().with_waits(waits, waits))
        .build()
        .unwrap()
}

impl Stage {
    /// In real time.
    pub(crate) async fn set_in_real_time(
        mixed: MixedList,
        build: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let emulator = build(Emulator::builder().mixed_list(mixed)).start().await.unwrap();
        let clock = Arc::new(Moved {
            clock: ManualClock::starting_now(),
            alarm: Mutex::default(),
        });
        Self::of(emulator, mixed, Arc::new(SystemClock), Time::real(), clock)
    }

    /// In virtual time.
    pub(crate) async fn set(mixed: MixedList, build: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        Self::set_at(BEGAN_MS, mixed, build).await
    }

    pub(crate) async fn set_at(
        now_ms: i64,
        mixed: MixedList,
        build: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let clock = ManualClock::at_ms(now_ms);
        let builder = Emulator::builder()
            .clock(clock.clone())
            .waits(Waits::OnClock)
            .mixed_list(mixed);
        let emulator = build(builder).start().await.unwrap();
        let clock = Arc::new(Moved {
            clock,
            alarm: Mutex::default(),
        });
        let time = Time::simulated(Arc::clone(&clock) as Arc<dyn VirtualClock>);
        Self::of(emulator, mixed, Arc::clone(&clock) as Arc<dyn Clock>, time, clock)
    }

    fn of(emulator: Emulator, mixed: MixedList, client_clock: Arc<dyn Clock>, time: Time, clock: Arc<Moved>) -> Self {
        let secrets = (emulator.app_key(), emulator.app_secret());
        Self {
            client: client_of(emulator.base_url(), secrets, client_clock),
            time,
            folder: tempfile::tempdir().unwrap(),
            emulator: Arc::new(emulator),
            clock,
            mixed,
        }
    }

    /// A client in the time of this stage for another address.
    pub(crate) fn client_for(&self, base_url: &str) -> Client {
        let secrets = (self.emulator.app_key(), self.emulator.app_secret());
        client_of(base_url, secrets, Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    /// Stops the emulator. The journal stays as long as what is given back.
    pub(crate) async fn close(self) -> TempDir {
        Arc::into_inner(self.emulator).unwrap().shutdown().await;
        self.folder
    }

    /// Makes something happen to the emulator when so much virtual time has passed.
    pub(crate) fn after(&self, time: Duration, what: impl FnOnce(&Emulator) + Send + 'static) {
        let emulator = Arc::clone(&self.emulator);
        let at = self.emulator.now_ms() + i64::try_from(time.as_millis()).unwrap();
        *self.clock.alarm.lock().unwrap() = Some((at, Box::new(move || what(&emulator))));
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    /// A journal with this plan, that nobody has open.
    pub(crate) async fn begin(&self, plan: &Plan, settings: &Settings) -> PathBuf {
        let path = self.path();
        self.create(&path, plan, settings).close().await.unwrap();
        path
    }

    pub(crate) fn create(&self, path: &Path, plan: &Plan, settings: &Settings) -> Journal {
        let begin = BeginDetails {
            base_url: self.emulator.base_url().to_owned(),
            by: operator(),
            at_ms: self.emulator.now_ms(),
            settings: serde_json::to_value(settings).unwrap(),
        };
        Journal::create(path, plan, begin).unwrap()
    }

    /// A campaign from its beginning, with a journal.
    pub(crate) fn campaign(&self, plan: Plan, settings: Settings) -> Campaign {
        let journal = self.create(&self.path(), &plan, &settings);
        Campaign::new(&self.client, plan, settings)
            .journal(journal)
            .time(self.time.clone())
    }

    /// The campaign of a journal, where that ends.
    pub(crate) fn resumed(&self, path: &Path) -> Campaign {
        let (journal, recovered) = Journal::open(path).unwrap();
        Campaign::resume(&self.client, journal, recovered, operator())
            .unwrap()
            .time(self.time.clone())
    }

    pub(crate) fn applied(&self, key: &str) -> u32 {
        self.emulator.retry_count(JOB, key).map_or(0, |count| count.applied)
    }

    /// How many devices were retried.
    pub(crate) fn retried(&self) -> usize {
        let tasks = self.emulator.tasks(JOB);
        let keys = tasks.iter().filter_map(|task| task.device_key.as_deref());
        keys.filter(|key| self.applied(key) > 0).count()
    }

    /// Resumes the campaign, which comes to its end, and sees to it that every device that was failed has been retried.
    pub(crate) async fn complete(&self) -> Finished {
        let path = self.path();
        let finished = finish(self.resumed(&path)).await;
        assert!(matches!(finished.ending, Ending::Complete), "{:?}", finished.ending);
        self.check(&finished.table);
        self.check_journal(&path, &finished.table);
        let devices = finished.table.devices();
        assert_eq!(self.retried(), failed_of(devices.len()));
        if self.mixed == MixedList::Refuse {
            assert_eq!(finished.table.summary().accepted, self.retried());
        }
        finished
    }

    /// What the ledger says is what the emulator has done.
    pub(crate) fn check(&self, ledger: &DeviceTable) {
        let mut counted = Summary {
            requested: ledger.devices().len(),
            ..Summary::default()
        };
        for id in ledger.devices().ids() {
            let key = ledger.devices().key(id);
            let standing = ledger.standing(id);
            let outcome = standing.outcome.unwrap_or_else(|| panic!("{key} is lost"));
            counted.add(outcome, 1);
            self.check_device(key, outcome, standing.message);
        }
        assert_eq!(ledger.summary(), counted);
        assert!(counted.adds_up(), "{counted:?}");
    }

    pub(crate) fn check_device(&self, key: &str, outcome: Outcome, message: Option<&str>) {
        let applied = self.applied(key);
        let told = format!("{key} was retried {applied} times, and is {outcome}: {message:?}");
        assert!(applied <= 1, "{told}");
        match outcome {
            // A list of which the platform said 0 may have had devices in it that were passed over.
            Outcome::Accepted => assert!(applied == 1 || self.mixed == MixedList::Partial, "{told}"),
            Outcome::Rejected | Outcome::Skipped => assert_eq!(applied, 0, "{told}"),
            Outcome::Unknown => {}
        }
    }

    /// The journal tells the same as the ledger of a campaign that is complete.
    pub(crate) fn check_journal(&self, path: &Path, ledger: &DeviceTable) -> Recovered {
        let recovered = Journal::read(path).unwrap();
        assert_eq!(recovered.summary(), ledger.summary());
        assert_eq!(recovered.open(), 0);
        assert_eq!(
            recovered.ended.as_ref().map(|ended| (&*ended.how, ended.open)),
            Some(("complete", 0))
        );
        for id in ledger.devices().ids() {
            let key = ledger.devices().key(id);
            let (told, known) = (recovered.standing(id), ledger.standing(id));
            assert_eq!(Some(told.state), known.outcome.map(DeviceState::Settled), "{key}");
            assert_eq!(told.fate, known.fate, "{key}");
            self.check_device(key, known.outcome.unwrap(), known.message);
        }
        recovered
    }
}

pub(crate) fn operator() -> Operator {
    Operator {
        who: "ann@host".to_owned(),
        command: Vec::new(),
        program: "a test".to_owned(),
    }
}

pub(crate) async fn finish(campaign: Campaign) -> Finished {
    finish_with(campaign, |_, _| ()).await
}

/// Calls `meanwhile` for each event, and sees to it that every device is told of at most once, and in the end is.
pub(crate) async fn finish_with(campaign: Campaign, mut meanwhile: impl FnMut(&Event, &Running)) -> Finished {
    let before = campaign.table().summary();
    let mut running = campaign.start();
    let mut told = HashSet::new();
    while let Some(event) = running.next_event().await {
        if let Event::Settled { devices, .. } = &event {
            for device in devices {
                assert!(told.insert(*device), "{device:?} is settled twice");
            }
        }
        meanwhile(&event, &running);
    }
    let finished = running.finish().await.unwrap();
    assert_eq!(told.len() + before.settled(), before.requested);
    finished
}

pub(crate) fn job_id() -> JobId {
    JOB.parse().unwrap()
}

pub(crate) fn key(number: usize) -> String {
    format!("device-{number:06}")
}

/// Whether the task of a device is failed at the beginning: that of nine in ten is.
pub(crate) fn is_failed(number: usize) -> bool {
    number % 10 != 7
}

pub(crate) fn task(number: usize) -> Task {
    let task = if is_failed(number) {
        Task::failed(key(number))
    } else {
        Task::succeeded(key(number))
    };
    task.update_time(LONG_AGO_MS).retry_outcome(emulated::Outcome::Succeeds)
}

pub(crate) fn fleet(size: usize) -> Fleet {
    Fleet::new(ORG).job(Job::started(JOB).with_tasks((0..size).map(task)))
}

/// How many devices of a fleet of this size are failed.
pub(crate) fn failed_of(size: usize) -> usize {
    (0..size).filter(|number| is_failed(*number)).count()
}

/// A plan for the first so many devices of the fleet.
pub(crate) fn plan(chosen: Chosen, size: usize, chunk: usize) -> Plan {
    let facts = match chosen {
        Chosen::Named => TaskFacts::default(),
        Chosen::Failed => TaskFacts {
            updated_ms: Some(LONG_AGO_MS),
            ..TaskFacts::default()
        },
    };
    let selection = match chosen {
        Chosen::Named => Selection::named(["x"]).unwrap(),
        Chosen::Failed => Selection::default(),
    };
    let mut devices = Devices::new();
    for number in 0..size {
        devices.push(&key(number), &facts).unwrap();
    }
    let chunk = NonZeroUsize::new(chunk).unwrap();
    Plan::new(job_id(), ORG.parse().unwrap(), selection, chunk, BEGAN_MS, devices)
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.concurrency = NonZeroUsize::new(4);
    settings
}
