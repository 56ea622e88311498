//! A campaign in small: records in an order that a campaign may write, and what follows from them.

use std::collections::BTreeMap;
use std::path::Path;

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::Seen;
use enos_ota_campaign::journal::{CallEnd, Journal, Record, Recovered};
use enos_ota_campaign::{Fate, Outcome, Summary};
use proptest::prelude::*;

use crate::common::{details, in_folder, key, keys, operator, plan, write};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    pub(crate) state: DeviceState,
    pub(crate) fate: Fate,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) code: Option<i64>,
    pub(crate) failed_again: Option<String>,
    call: Option<u64>,
}

/// What is known after some records.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) devices: Vec<Device>,
    open: BTreeMap<u64, Vec<usize>>,
    last_call: u64,
    now: i64,
    pub(crate) ended: BTreeMap<u64, Option<CallEnd>>,
    pub(crate) resumes: usize,
    pub(crate) waves: usize,
}

const ENDS: [CallEnd; 7] = [
    CallEnd::Accepted,
    CallEnd::NotFailed,
    CallEnd::Lost,
    CallEnd::Throttled,
    CallEnd::NotSent,
    CallEnd::TooMany,
    CallEnd::Refused,
];

impl Model {
    pub(crate) fn new(count: usize) -> Self {
        let device = Device {
            state: DeviceState::Waiting,
            fate: Fate::NotSeen,
            message: None,
            request_id: None,
            code: None,
            failed_again: None,
            call: None,
        };
        Self {
            devices: vec![device; count],
            open: BTreeMap::new(),
            last_call: 0,
            now: 1_000,
            ended: BTreeMap::new(),
            resumes: 0,
            waves: 0,
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut summary = Summary {
            requested: self.devices.len(),
            ..Summary::default()
        };
        for device in &self.devices {
            if let DeviceState::Settled(outcome) = device.state {
                summary.add(outcome, 1);
            }
        }
        summary
    }

    /// Some of the devices for which this holds.
    fn some(&self, salt: usize, which: impl Fn(&Device) -> bool) -> Vec<usize> {
        (0..self.devices.len())
            .filter(|number| which(&self.devices[*number]))
            .filter(|number| !(number * 7 + salt).is_multiple_of(3))
            .take(1 + salt % 5)
            .collect()
    }

    /// One more record; which one, the number says. Some numbers give none for now.
    pub(crate) fn step(&mut self, choice: u16) -> Option<Record<'static>> {
        let salt = usize::from(choice / 16);
        self.now += 10;
        let at = self.now;
        Some(match choice % 16 {
            0..=5 => {
                let devices = self.some(salt, |device| device.state == DeviceState::Waiting);
                if devices.is_empty() {
                    return None;
                }
                self.last_call += 1;
                let call = self.last_call;
                for number in &devices {
                    let device = &mut self.devices[*number];
                    device.state = DeviceState::InDoubt {
                        sent_at_ms: at,
                        before: Some(Seen::Failed),
                    };
                    device.call = Some(call);
                    (device.code, device.message, device.request_id) = (None, None, None);
                }
                self.open.insert(call, devices.clone());
                self.ended.insert(call, None);
                Record::Sent {
                    call,
                    at,
                    not_failed: false,
                    unseen: false,
                    last_seen: Vec::new(),
                    apart: Vec::new(),
                    devices: keys(devices),
                }
            }
            6..=9 => {
                // Not always the oldest: calls overtake each other.
                let call = *self.open.keys().nth(salt % self.open.len().max(1))?;
                self.answer(call, at, ENDS[salt % ENDS.len()])
            }
            10 | 11 => self.settle(at, salt)?,
            12 => {
                let devices = self.some(salt, |device| {
                    device.call.is_none()
                        && matches!(device.state, DeviceState::InDoubt { .. } | DeviceState::Refused { .. })
                });
                for number in &devices {
                    self.devices[*number].state = DeviceState::Waiting;
                }
                Record::Requeued {
                    at,
                    devices: keys(devices),
                }
            }
            13 => {
                let fate = Fate::ALL[salt % Fate::ALL.len()];
                let reason = (fate == Fate::FailedAgain).then(|| format!("reason {}", salt % 3));
                let devices = self.some(salt, |device| device.state == DeviceState::Settled(Outcome::Accepted));
                for number in &devices {
                    self.devices[*number].fate = fate;
                    self.devices[*number].failed_again.clone_from(&reason);
                }
                Record::Seen {
                    at,
                    fate,
                    reason: reason.map(Into::into),
                    devices: keys(devices),
                }
            }
            14 => {
                self.waves += 1;
                Record::Wave {
                    at,
                    wave: self.waves,
                    devices: 3,
                    succeeded: 2,
                    failed: 1,
                    passed: salt.is_multiple_of(2),
                }
            }
            _ => {
                self.resumes += 1;
                self.open.clear();
                for device in &mut self.devices {
                    device.call = None;
                }
                Record::Resumed {
                    at,
                    by: operator("bob@host"),
                }
            }
        })
    }

    fn answer(&mut self, call: u64, at: i64, end: CallEnd) -> Record<'static> {
        let message = format!("message {}", call % 4);
        let request_id = format!("r{call}");
        for number in self.open.remove(&call).unwrap() {
            let device = &mut self.devices[number];
            device.call = None;
            let DeviceState::InDoubt { sent_at_ms, .. } = device.state else {
                panic!("{device:?}");
            };
            device.state = match end {
                CallEnd::Accepted => DeviceState::Settled(Outcome::Accepted),
                CallEnd::NotFailed => DeviceState::Refused {
                    sent_at_ms,
                    before: Some(Seen::Failed),
                },
                CallEnd::Lost => DeviceState::InDoubt {
                    sent_at_ms,
                    before: Some(Seen::Failed),
                },
                _ => DeviceState::Waiting,
            };
            device.code = Some(24_621);
            device.message = Some(message.clone());
            device.request_id = Some(request_id.clone());
        }
        self.ended.insert(call, Some(end));
        Record::Answered {
            call,
            at,
            end,
            code: Some(24_621),
            message: Some(message.into()),
            request_id: Some(request_id.into()),
        }
    }

    fn settle(&mut self, at: i64, salt: usize) -> Option<Record<'static>> {
        let outcome = Outcome::ALL[salt % Outcome::ALL.len()];
        let devices = self.some(salt, |device| {
            device.call.is_none() && !matches!(device.state, DeviceState::Settled(_))
        });
        if devices.is_empty() {
            return None;
        }
        let message = salt.is_multiple_of(2).then(|| "said \"so\"\n\u{e9}".to_owned());
        for number in &devices {
            let device = &mut self.devices[*number];
            device.state = DeviceState::Settled(outcome);
            (device.code, device.message, device.request_id) = (None, message.clone(), None);
        }
        Some(Record::Settled {
            at,
            outcome,
            code: None,
            message: message.map(Into::into),
            request_id: None,
            elsewhere: false,
            devices: keys(devices),
        })
    }

    /// Checks that a journal tells the same.
    pub(crate) fn assert_told(&self, told: &Recovered) {
        assert_eq!(told.table.standings().len(), self.devices.len());
        for (number, device) in self.devices.iter().enumerate() {
            let id = told.plan.devices.find(&key(number)).unwrap();
            let standing = told.standing(id);
            let found = Device {
                state: standing.state,
                fate: standing.fate,
                message: told.standing(id).message.map(str::to_owned),
                request_id: told.standing(id).request_id.map(str::to_owned),
                code: told.standing(id).code,
                failed_again: told.standing(id).failed_again.map(str::to_owned),
                call: device.call,
            };
            assert_eq!(found, *device, "{number}");
        }
        assert_eq!(told.summary(), self.summary());
        let settled = |standing: &enos_ota_campaign::Standing<'_>| standing.outcome.is_some();
        assert_eq!(told.summary().settled(), told.table.standings().filter(settled).count());
        assert_eq!(told.summary().settled() + told.open(), told.summary().requested);
        assert_eq!(told.last_call, self.last_call);
        assert_eq!(told.resumes, self.resumes);
        assert_eq!(told.operators.len(), self.resumes + 1);
        assert_eq!(told.waves.len(), self.waves);
        let ended: BTreeMap<_, _> = told.calls.iter().map(|call| (call.call, call.end)).collect();
        assert_eq!(ended, self.ended);
    }
}

/// A journal of so many records, and what is known after each of them (first: after none).
pub(crate) async fn example(path: &Path, devices: usize, records: usize) -> Vec<Model> {
    let mut models = vec![Model::new(devices)];
    let journal = Journal::create(path, &plan(devices), details()).unwrap();
    let mut choice = 1_u16;
    while models.len() <= records {
        let mut model = models.last().unwrap().clone();
        choice = choice.wrapping_mul(25_173).wrapping_add(13_849);
        if let Some(record) = model.step(choice / 7) {
            journal.append_soon(&record);
            models.push(model);
        }
    }
    journal.close().await.unwrap();
    models
}

#[tokio::test]
async fn an_example_has_everything_in_it() {
    let (_folder, path) = in_folder();
    let models = example(&path, 12, 60).await;
    let text = std::fs::read_to_string(&path).unwrap();
    for kind in ["resumed", "sent", "answered", "settled", "requeued", "seen", "wave"] {
        assert!(text.contains(&format!(r#"{{"record":"{kind}""#)), "{kind}");
    }
    models.last().unwrap().assert_told(&Journal::read(&path).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_journal_tells_what_was_done(choices in prop::collection::vec(any::<u16>(), 0..120)) {
        let (_folder, path) = in_folder();
        let mut model = Model::new(20);
        let records: Vec<_> = choices.into_iter().filter_map(|choice| model.step(choice)).collect();
        let plan = plan(20);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(write(&path, &plan, &records));

        let told = Journal::read(&path).unwrap();
        model.assert_told(&told);
        prop_assert_eq!(told.plan.header(), plan.header());
        prop_assert_eq!(told.torn, None);
        let (_journal, opened) = Journal::open(&path).unwrap();
        prop_assert!(opened.table.standings().eq(told.table.standings()));
    }
}
