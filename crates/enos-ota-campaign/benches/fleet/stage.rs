//! A fleet on an emulator, and a client of it.

use std::fmt;
use std::num::NonZeroUsize;

use enos_ota::{Client, Credentials};
use enos_ota_campaign::{Criteria, Devices, Plan, Selection, TaskFacts};
use enos_ota_emulator::{DEMO_APP_KEY, DEMO_APP_SECRET, Emulator, EmulatorBuilder, Fleet, Job, Pace, Task};

pub(crate) const ORG: &str = "o15724268424841";
pub(crate) const JOB: &str = "66f2a1c0d4e5b6a798011e07";

/// How many devices are not failed.
#[derive(Clone, Copy)]
pub(crate) enum Guilty {
    None,
    PerMille(usize),
}

impl Guilty {
    fn includes(self, number: usize) -> bool {
        match self {
            Self::None => false,
            // Spread, but not evenly.
            Self::PerMille(share) => number.wrapping_mul(2_654_435_761) % 1_000_003 % 1000 < share,
        }
    }

    pub(crate) fn count(self, devices: usize) -> usize {
        (0..devices).filter(|number| self.includes(*number)).count()
    }
}

impl fmt::Display for Guilty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::PerMille(share) if share % 10 == 0 => write!(f, "{} %", share / 10),
            Self::PerMille(share) => write!(f, "0.{share} %"),
        }
    }
}

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

impl Stage {
    pub(crate) async fn set(
        devices: usize,
        guilty: Guilty,
        build: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let tasks = (0..devices).map(|number| {
            if guilty.includes(number) {
                Task::succeeded(key(number))
            } else {
                Task::failed(key(number))
            }
        });
        let fleet = Fleet::new(ORG).job(Job::started(JOB).with_tasks(tasks));
        let builder = Emulator::builder().fleet(fleet).pace(Pace::frozen());
        let emulator = build(builder).start().await.expect("the emulator starts");
        Self {
            client: client(emulator.base_url()),
            emulator,
        }
    }
}

pub(crate) fn client(base_url: &str) -> Client {
    Client::builder()
        .base_url(base_url)
        .credentials(Credentials::new(DEMO_APP_KEY, DEMO_APP_SECRET).expect("the credentials are well-formed"))
        .org_id(ORG)
        .build()
        .expect("the settings are valid")
}

pub(crate) fn key(number: usize) -> String {
    format!("device-{number:07}")
}

/// All devices, as if they had been selected a moment ago.
pub(crate) fn plan(devices: usize, chunk: usize) -> Plan {
    let mut list = Devices::new();
    let facts = TaskFacts {
        product_key: Some("pump-controller"),
        from_version: Some("2.3.0"),
        to_version: Some("2.4.1"),
        reason: Some("Failed to download the firmware"),
        progress: Some(-2),
        updated_ms: Some(0),
        ..TaskFacts::default()
    };
    for number in 0..devices {
        list.push(&key(number), &facts).expect("the list has room");
    }
    Plan::new(
        JOB.parse().expect("the id is not empty"),
        ORG.parse().expect("the id is not empty"),
        Selection::Failed(Criteria::default()),
        NonZeroUsize::new(chunk).expect("a list is not empty"),
        0,
        list,
    )
}
