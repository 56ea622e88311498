//! The decisions, played against a platform that is made up: with every behaviour that is not documented.

use proptest::prelude::*;

use super::*;
use crate::devices::TaskFacts;
use crate::outcome::Summary;

/// What the platform does with a list in which not every task is failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mixed {
    /// It refuses the list, and retries none.
    Refuse,
    /// It retries those that are failed, and answers 0.
    Partial,
    /// It retries those that are failed, and answers 24621 all the same.
    PartialRefused,
}

#[derive(Clone, Copy, Debug)]
struct World {
    mixed: Mixed,
    /// Percent of the calls that are lost before, and after, they are carried out.
    lost_before: u32,
    lost_after: u32,
    /// Percent of the former that are carried out later.
    late: u32,
    throttled: u32,
    /// The most devices that a call may carry.
    most: usize,
    can_search: bool,
    /// Whether the campaign has selected the tasks that were failed. Some no longer are.
    facts: bool,
}

const CALM: World = World {
    mixed: Mixed::Refuse,
    lost_before: 0,
    lost_after: 0,
    late: 0,
    throttled: 0,
    most: usize::MAX,
    can_search: true,
    facts: true,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Failed,
    Retried {
        at: Duration,
    },
    /// In another state from the beginning.
    Other,
    Absent,
}

struct Platform {
    world: World,
    tasks: Vec<State>,
    applied: Vec<u32>,
    retries: usize,
    searches: usize,
    random: u64,
    /// Calls that are on their way, and when they arrive.
    late: Vec<(Duration, Vec<DeviceId>)>,
}

/// Reads are as much behind.
const BEHIND: Duration = Duration::from_secs(2);
/// The wall clock at the beginning.
const BEGAN_MS: i64 = 1_700_000_000_000;

fn wall(now: Duration) -> i64 {
    BEGAN_MS + i64::try_from(now.as_millis()).unwrap()
}

impl Platform {
    fn chance(&mut self, percent: u32) -> bool {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 100 < u64::from(percent)
    }

    fn retry(&mut self, devices: &[DeviceId], now: Duration) -> CallEnd {
        self.retries += 1;
        if self.chance(self.world.throttled) {
            return CallEnd::Throttled;
        }
        if self.chance(self.world.lost_before) {
            if self.chance(self.world.late) {
                let later = Duration::from_millis(self.random % 6000);
                self.late.push((now + later, devices.to_vec()));
            }
            return CallEnd::Lost;
        }
        let end = self.carry_out(devices, now);
        if end != CallEnd::TooMany && self.chance(self.world.lost_after) {
            return CallEnd::Lost;
        }
        end
    }

    fn arrive(&mut self, now: Duration) {
        let (arrived, late) = self.late.drain(..).partition(|(at, _)| *at <= now);
        self.late = late;
        for (at, devices) in arrived {
            self.carry_out(&devices, at);
        }
    }

    fn carry_out(&mut self, devices: &[DeviceId], now: Duration) -> CallEnd {
        if devices.len() > self.world.most {
            return CallEnd::TooMany;
        }
        let failed: Vec<_> = devices
            .iter()
            .filter(|id| self.tasks[id.index()] == State::Failed)
            .collect();
        let mixed = failed.len() < devices.len();
        if !mixed || self.world.mixed != Mixed::Refuse {
            for id in &failed {
                self.tasks[id.index()] = State::Retried { at: now };
                self.applied[id.index()] += 1;
            }
        }
        let refused = mixed && (self.world.mixed != Mixed::Partial || failed.is_empty());
        if refused { CallEnd::NotFailed } else { CallEnd::Accepted }
    }

    fn search(&mut self, question: Question, devices: &[DeviceId], now: Duration) -> LookEnd {
        let shown = |device: &DeviceId| {
            let (status, updated) = match self.tasks[device.index()] {
                State::Absent => return None,
                State::Failed => (Status::Failed, BEGAN_MS - 3_600_000),
                State::Retried { at } if at + BEHIND > now => (Status::Failed, BEGAN_MS - 3_600_000),
                State::Retried { at } => (Status::UnderWay, wall(at)),
                State::Other => (Status::Succeeded, BEGAN_MS - 7_200_000),
            };
            let asked = match question {
                Question::Everything => true,
                Question::NotFailed => status != Status::Failed,
                Question::Ended => status != Status::UnderWay,
                Question::Failed => status == Status::Failed,
            };
            asked.then_some(Row {
                device: *device,
                status,
                updated_ms: Some(updated),
                reason: None,
            })
        };
        let rows: Vec<_> = devices.iter().filter_map(shown).collect();
        self.searches += rows.len().div_ceil(200).max(1);
        if !self.world.can_search {
            return LookEnd::Never;
        }
        if self.chance(self.world.lost_before) {
            return LookEnd::Again;
        }
        LookEnd::Rows(rows)
    }
}

struct Played {
    outcomes: Vec<Option<Outcome>>,
    platform: Platform,
}

impl Played {
    fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for outcome in self.outcomes.iter().flatten() {
            summary.add(*outcome, 1);
        }
        summary
    }

    fn calls(&self) -> usize {
        self.platform.retries + self.platform.searches
    }
}

/// Plays a whole campaign, with so many calls at a time.
fn play(world: World, tasks: Vec<State>, at_a_time: usize, seed: u64) -> Played {
    let mut devices = Devices::new();
    for number in 0..tasks.len() {
        let facts = TaskFacts {
            updated_ms: world.facts.then_some(BEGAN_MS - 3_600_000),
            ..TaskFacts::default()
        };
        devices.push(&format!("device-{number}"), &facts).unwrap();
    }
    let limits = Limits {
        chunk: 200,
        look: 1000,
        page: 200,
        lag: Duration::from_millis(2500),
        lost: 10,
    };
    let count = tasks.len();
    let order = devices.ids().collect();
    let mut core = Core::new(Arc::new(devices), order, limits, world.facts);
    core.allow(count);
    let mut platform = Platform {
        world,
        applied: vec![0; count],
        tasks,
        retries: 0,
        searches: 0,
        random: seed | 1,
        late: Vec::new(),
    };
    let mut outcomes = vec![None; count];
    let mut now = Duration::ZERO;
    let mut under_way: VecDeque<(Ticket, Call)> = VecDeque::new();
    let note = Arc::new(Note::default());
    for step in 0.. {
        assert!(step < 200 * count + 10_000, "the campaign does not end");
        if under_way.len() < at_a_time {
            match core.next(now) {
                Next::Call(ticket, call) => {
                    under_way.push_back((ticket, call));
                    continue;
                }
                Next::At(at) if under_way.is_empty() => {
                    assert!(at > now, "the clock stands still");
                    now = at;
                    continue;
                }
                Next::WhenOneEnds => assert!(!under_way.is_empty()),
                Next::Done if under_way.is_empty() => break,
                Next::At(_) | Next::Done => {}
            }
        }
        let Some((ticket, call)) = under_way.pop_front() else {
            continue;
        };
        now += Duration::from_millis(20);
        platform.arrive(now);
        let steps = match call {
            Call::Send { devices: ids, .. } => {
                let end = platform.retry(&ids, now);
                let about_size = platform.chance(50);
                core.sent(ticket, end, &note, about_size, wall(now), now)
            }
            Call::Look(question, ids) => {
                let end = platform.search(question, &ids, now);
                core.looked(ticket, end, now)
            }
        };
        for step in steps {
            if let Step::Settle { devices, outcome, .. } = step {
                for id in devices {
                    let before = outcomes[id.index()].replace(outcome);
                    assert_eq!(before, None, "{id:?} is settled twice");
                }
            }
        }
    }
    Played { outcomes, platform }
}

fn fleet(size: usize, per_mille_guilty: usize) -> Vec<State> {
    (0..size)
        .map(|number| {
            if (number * 7919) % 1000 < per_mille_guilty {
                State::Other
            } else {
                State::Failed
            }
        })
        .collect()
}

#[test]
fn without_guilty_devices_no_call_is_wasted() {
    let played = play(CALM, fleet(100_000, 0), 16, 1);
    assert_eq!(played.summary().accepted, 100_000);
    assert_eq!(played.calls(), 500);
}

#[test]
fn the_calls_for_guilty_devices_are_few() {
    for (per_mille, mixed, most) in [
        (1, Mixed::Refuse, 1.3),
        (10, Mixed::Refuse, 1.3),
        (100, Mixed::Refuse, 1.4),
        (1, Mixed::Partial, 1.01),
        (10, Mixed::Partial, 1.02),
        (100, Mixed::Partial, 1.12),
    ] {
        let fleet = fleet(200_000, per_mille);
        let failed = fleet.iter().filter(|task| **task == State::Failed).count();
        let played = play(World { mixed, ..CALM }, fleet, 16, 1);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ratio = played.calls() as f64 / failed.div_ceil(200) as f64;
        println!("{per_mille} per mille guilty, {mixed:?}: {ratio:.3} of the least calls");
        assert!(ratio <= most, "{per_mille} per mille guilty, {mixed:?}: {ratio}");
    }
}

#[test]
fn one_device_that_does_not_exist_holds_up_nobody() {
    let mut tasks = fleet(1000, 0);
    tasks[500] = State::Absent;
    let played = play(CALM, tasks, 4, 1);
    assert_eq!((played.summary().accepted, played.summary().rejected), (999, 1));
    assert_eq!(played.outcomes[500], Some(Outcome::Rejected));
}

#[test]
fn where_nothing_can_be_searched_lists_are_halved() {
    let world = World {
        can_search: false,
        ..CALM
    };
    let played = play(world, fleet(1000, 5), 4, 1);
    let guilty = fleet(1000, 5).iter().filter(|task| **task == State::Other).count();
    assert_eq!(
        (played.summary().accepted, played.summary().rejected),
        (1000 - guilty, guilty)
    );
}

#[test]
fn lists_shrink_until_the_platform_takes_them() {
    let world = World { most: 60, ..CALM };
    let played = play(world, fleet(10_000, 0), 4, 1);
    assert_eq!(played.summary().accepted, 10_000);
    assert!(played.calls() < 10_000 / 50 + 20, "{}", played.calls());
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        20 => Just(State::Failed),
        2 => Just(State::Other),
        1 => Just(State::Absent),
    ]
}

fn world() -> impl Strategy<Value = World> {
    (
        prop_oneof![Just(Mixed::Refuse), Just(Mixed::Partial), Just(Mixed::PartialRefused)],
        0..30_u32,
        0..30_u32,
        prop_oneof![Just(0), 0..100_u32],
        0..30_u32,
        prop_oneof![Just(usize::MAX), 1..300_usize],
        prop::bool::weighted(0.5),
    )
        .prop_map(|(mixed, lost_before, lost_after, late, throttled, most, facts)| World {
            mixed,
            lost_before,
            lost_after,
            late,
            throttled,
            most,
            can_search: true,
            facts,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_device_is_lost_or_retried_twice_and_what_is_said_is_true(
        world in world(),
        tasks in prop::collection::vec(state(), 0..1500),
        at_a_time in 1..20_usize,
        seed in any::<u64>(),
    ) {
        let before = tasks.clone();
        let played = play(world, tasks, at_a_time, seed);
        for (number, state) in before.into_iter().enumerate() {
            let applied = played.platform.applied[number];
            let outcome = played.outcomes[number];
            prop_assert!(applied <= 1, "device {} was retried {} times", number, applied);
            match outcome {
                None => prop_assert!(false, "device {} was lost", number),
                Some(Outcome::Accepted) => {
                    // In a list of which the platform said 0, it says nothing of single devices.
                    prop_assert!(
                        applied == 1 || world.mixed == Mixed::Partial,
                        "device {} was not retried",
                        number
                    );
                }
                // A call can be so late that nobody looks any more.
                Some(Outcome::Skipped) if world.late > 0 => {}
                Some(Outcome::Rejected | Outcome::Skipped) => {
                    prop_assert!(applied == 0, "device {} was retried, and is {:?}", number, outcome);
                }
                Some(Outcome::Unknown) => prop_assert!(false, "device {} could have been looked up", number),
            }
            if state == State::Failed && outcome != Some(Outcome::Accepted) {
                // Only answers that were lost again and again excuse it.
                prop_assert_eq!(outcome, Some(Outcome::Skipped));
                prop_assert!(world.lost_before + world.lost_after > 0);
            }
        }
    }
}

#[test]
fn a_named_device_that_was_looked_up_and_fails_again_after_a_lost_answer_is_not_sent_again() {
    const FAILED_MS: i64 = BEGAN_MS - 3_600_000;
    let mut devices = Devices::new();
    for number in 0..3 {
        let facts = TaskFacts {
            // The last one is not failed.
            updated_ms: (number < 2).then_some(FAILED_MS),
            ..TaskFacts::default()
        };
        devices.push(&format!("device-{number}"), &facts).unwrap();
    }
    let ids: Vec<_> = devices.ids().collect();
    let limits = Limits {
        chunk: 2,
        look: 1000,
        page: 200,
        lag: Duration::ZERO,
        lost: 10,
    };
    let mut core = Core::new(Arc::new(devices), ids.clone(), limits, false);
    core.allow(3);
    // Of the last one nothing is known.
    let Next::Call(ticket, Call::Look(Question::NotFailed, looked)) = core.next(Duration::ZERO) else {
        panic!("devices of which nothing is known are looked up first, with those around them");
    };
    assert_eq!(looked, ids);
    let succeeded = Row {
        device: ids[2],
        status: Status::Succeeded,
        updated_ms: None,
        reason: None,
    };
    core.looked(ticket, LookEnd::Rows(vec![succeeded]), Duration::ZERO);
    let Next::Call(ticket, Call::Send { devices, .. }) = core.next(Duration::ZERO) else {
        panic!("those that are failed are sent");
    };
    assert_eq!(devices, ids[..2]);
    core.sent(ticket, CallEnd::Lost, &Arc::default(), false, BEGAN_MS, Duration::ZERO);
    let Next::Call(ticket, Call::Look(Question::Everything, looked)) = core.next(Duration::ZERO) else {
        panic!("what became of them is looked up");
    };
    assert_eq!(looked, ids[..2]);
    let row = |device, updated_ms| Row {
        device,
        status: Status::Failed,
        updated_ms: Some(updated_ms),
        reason: None,
    };
    let rows = vec![row(ids[0], BEGAN_MS + 2000), row(ids[1], FAILED_MS)];
    let steps = core.looked(ticket, LookEnd::Rows(rows), Duration::ZERO);
    assert!(
        matches!(&steps[0], Step::Settle { devices, outcome: Outcome::Accepted, .. } if devices == &ids[..1]),
        "{steps:?}"
    );
    assert_eq!(steps[1..], [Step::Requeue(vec![ids[1]])]);
}
