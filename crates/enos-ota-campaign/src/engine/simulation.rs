//! The decisions, played against a platform that is made up: with every behaviour that is not documented.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::knowledge::Before;
use super::schedule::Scheduler;
use super::*;
use crate::devices::{Devices, TaskFacts};
use crate::outcome::Summary;
use crate::wait::{Next, Wait};

/// What the platform does with a list in which not every task is failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mixed {
    /// It refuses the list, and retries none.
    Refuse,
    /// It retries those that are failed, and answers 0.
    PartialAccepted,
    /// It retries those that are failed, and answers 24621 all the same.
    PartialRefused,
}

/// What moves the time of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Updates {
    /// Its status.
    ByStatus,
    /// A sweep, too, every so often, for so many of a hundred tasks.
    BySweep { every: Duration, percent: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    ByKey,
    WholeJob,
    Denied,
}

#[derive(Clone, Copy, Debug)]
struct World {
    mixed: Mixed,
    updates: Updates,
    /// Whether a retry gives a task another id.
    new_ids: bool,
    search: Search,
    behind: Duration,
    /// Percent of the calls that are lost before, and after, they are carried out.
    lost_before: u32,
    lost_after: u32,
    /// Percent of the former that are carried out later.
    late: u32,
    /// Percent of the retries that fail again within 2.5 s.
    fails_again: u32,
    throttled: u32,
    /// The most devices that a call may carry.
    most: usize,
    /// Whether the campaign has selected the tasks that were failed. Some no longer are.
    selected: bool,
    /// Another operator retries so many of a thousand failed tasks a second.
    elsewhere: u32,
}

const CALM: World = World {
    mixed: Mixed::Refuse,
    updates: Updates::ByStatus,
    new_ids: false,
    search: Search::ByKey,
    behind: Duration::from_secs(2),
    lost_before: 0,
    lost_after: 0,
    late: 0,
    fails_again: 0,
    throttled: 0,
    most: usize::MAX,
    selected: true,
    elsewhere: 0,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Failed,
    Retried {
        again_at: Option<Duration>,
    },
    /// In another state from the beginning.
    Other,
    Absent,
}

/// A change of a task, and when it was.
#[derive(Clone, Copy, Debug)]
struct Version {
    state: State,
    at: Duration,
    id: u64,
    /// When the platform wrote it.
    updated_ms: i64,
}

struct Platform {
    world: World,
    /// Every version of every task, as reads may be behind.
    tasks: Vec<Vec<Version>>,
    applied: Vec<u32>,
    /// How often by somebody else.
    elsewhere: Vec<u32>,
    retries: usize,
    searches: usize,
    random: u64,
    /// Calls that are on their way, and when they arrive.
    late: Vec<(Duration, Vec<DeviceId>)>,
    told: Duration,
}

/// The wall clock of the platform at the beginning.
const BEGAN_MS: i64 = 1_700_000_000_000;
const LONG_AGO_MS: i64 = BEGAN_MS - 3_600_000;

fn wall(now: Duration) -> i64 {
    BEGAN_MS + i64::try_from(now.as_millis()).unwrap()
}

impl Platform {
    fn new(world: World, tasks: &[State], seed: u64) -> Self {
        let version = |state: &State| Version {
            state: *state,
            at: Duration::ZERO,
            id: 1,
            updated_ms: LONG_AGO_MS,
        };
        Self {
            world,
            tasks: tasks.iter().map(|state| vec![version(state)]).collect(),
            applied: vec![0; tasks.len()],
            elsewhere: vec![0; tasks.len()],
            retries: 0,
            searches: 0,
            random: seed | 1,
            late: Vec::new(),
            told: Duration::ZERO,
        }
    }

    fn next_random(&mut self) -> u64 {
        // xorshift64
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.next_random() % 100 < u64::from(percent)
    }

    fn current(&self, index: usize) -> Version {
        *self.tasks[index].last().unwrap()
    }

    fn is_failed(&self, index: usize) -> bool {
        self.current(index).state == State::Failed
    }

    fn change(&mut self, index: usize, state: State, id: u64, at: Duration) {
        self.tasks[index].push(Version {
            state,
            at,
            id,
            updated_ms: wall(at),
        });
    }

    /// Brings the platform to a time.
    fn advance(&mut self, now: Duration) {
        for index in 0..self.tasks.len() {
            let version = self.current(index);
            if let State::Retried { again_at: Some(at) } = version.state
                && at <= now
            {
                self.change(index, State::Failed, version.id, at);
            }
        }
        let (arrived, late) = self.late.drain(..).partition(|(at, _)| *at <= now);
        self.late = late;
        for (at, devices) in arrived {
            self.carry_out(&devices, at);
        }
        if self.world.elsewhere > 0 {
            let millis = u64::try_from(now.saturating_sub(self.told).as_millis()).unwrap();
            for index in 0..self.tasks.len() {
                let odds = u64::from(self.world.elsewhere) * millis;
                if self.is_failed(index) && self.next_random() % 1_000_000 < odds {
                    self.elsewhere[index] += 1;
                    self.retry_task(index, now);
                }
            }
        }
        self.told = now;
    }

    fn retry_task(&mut self, index: usize, now: Duration) {
        let again = self.chance(self.world.fails_again);
        let after = Duration::from_millis(300 + self.next_random() % 2200);
        let id = self.current(index).id + u64::from(self.world.new_ids);
        let again_at = again.then_some(now + after);
        self.change(index, State::Retried { again_at }, id, now);
    }

    fn retry(&mut self, devices: &[DeviceId], now: Duration) -> CallEnd {
        self.retries += 1;
        if self.chance(self.world.throttled) {
            return CallEnd::Throttled;
        }
        if self.chance(self.world.lost_before) {
            if self.chance(self.world.late) {
                let later = Duration::from_millis(self.next_random() % 6000);
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

    fn carry_out(&mut self, devices: &[DeviceId], now: Duration) -> CallEnd {
        if devices.len() > self.world.most {
            return CallEnd::TooMany;
        }
        let failed: Vec<_> = devices.iter().filter(|id| self.is_failed(id.index())).collect();
        let mixed = failed.len() < devices.len();
        let none = failed.is_empty();
        if !mixed || self.world.mixed != Mixed::Refuse {
            for id in failed.into_iter().map(|id| id.index()).collect::<Vec<_>>() {
                self.retry_task(id, now);
                self.applied[id] += 1;
            }
        }
        let refused = mixed && (self.world.mixed != Mixed::PartialAccepted || none);
        if refused { CallEnd::NotFailed } else { CallEnd::Accepted }
    }

    /// A task as a search shows it.
    fn shown(&self, index: usize, now: Duration) -> Option<Observation> {
        let seen = now.saturating_sub(self.world.behind);
        let mut versions = self.tasks[index].iter();
        let version = versions.rfind(|version| version.at <= seen || version.at.is_zero())?;
        let status = match version.state {
            State::Absent => return None,
            State::Failed => Status::Failed,
            State::Retried { .. } => Status::UnderWay,
            State::Other => Status::Succeeded,
        };
        let swept = match self.world.updates {
            Updates::ByStatus => i64::MIN,
            Updates::BySweep { every, percent } => {
                let sweeps = u64::try_from(seen.as_millis() / every.as_millis()).unwrap();
                let at = u32::try_from(sweeps).unwrap();
                // Which tasks a sweep touches is another matter each time.
                let last = (1..=at).rev().find(|sweep| {
                    let mix =
                        (u64::try_from(index).unwrap() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ u64::from(*sweep));
                    (mix >> 33) % 100 < percent
                });
                last.map_or(i64::MIN, |sweep| wall(every * sweep))
            }
        };
        Some(Observation {
            status,
            updated_ms: Some(version.updated_ms.max(swept)),
            task: Some(version.id),
            progress: None,
            reason: None,
        })
    }

    fn search(&mut self, lookup: &Lookup, now: Duration) -> LookupEnd {
        match self.world.search {
            Search::ByKey => {}
            Search::WholeJob if lookup.whole_job => {}
            Search::WholeJob => {
                self.searches += 1;
                return LookupEnd::Invalid;
            }
            Search::Denied => {
                self.searches += 1;
                return LookupEnd::Never("99403".into());
            }
        }
        let all: Vec<_> = (0..self.tasks.len()).map(DeviceId::new).collect();
        let devices = if lookup.whole_job { &all } else { &lookup.devices };
        let shown = |id: &DeviceId| {
            let task = self.shown(id.index(), now)?;
            let asked = match lookup.filter {
                StatusFilter::All => true,
                StatusFilter::NotFailed => task.status != Status::Failed,
                StatusFilter::Ended => task.status != Status::UnderWay,
                StatusFilter::Failed => task.status == Status::Failed,
            };
            asked.then_some((*id, task))
        };
        let tasks: Vec<_> = devices.iter().filter_map(shown).collect();
        self.searches += tasks.len().div_ceil(200).max(1);
        if self.chance(self.world.lost_before) {
            return LookupEnd::Again;
        }
        LookupEnd::Found(Found {
            tasks,
            ..Found::default()
        })
    }
}

struct Played {
    outcomes: Vec<Option<Outcome>>,
    elsewhere: Vec<bool>,
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

    /// What is said of every device is what the platform has done.
    fn check(&self) -> Result<(), String> {
        let world = self.platform.world;
        for (index, outcome) in self.outcomes.iter().enumerate() {
            let ours = self.platform.applied[index];
            // What is not failed any more when the campaign begins, somebody else has retried before. Where the first
            // call with it is lost, nothing tells.
            let lost = world.lost_before + world.lost_after > 0;
            let before = u32::from(world.selected && lost && !self.was_failed(index));
            let theirs = self.platform.elsewhere[index] + before;
            let said = format!("device {index} is {outcome:?}; retried {ours} times, and {theirs} times elsewhere");
            let right = match outcome {
                None => false,
                Some(Outcome::Accepted) => {
                    // Code 0 for a list is taken for all of it. After a lost answer, somebody else's retry looks the
                    // same.
                    ours > 0 || world.mixed == Mixed::PartialAccepted || theirs > 0
                }
                Some(Outcome::Rejected | Outcome::Skipped) => ours == 0,
                Some(Outcome::Unknown) => true,
            };
            // Where nothing tells a retried task that has failed again from one that was left alone.
            let told_apart = world.search == Search::ByKey && world.updates == Updates::ByStatus && theirs == 0;
            let told_apart = told_apart && world.mixed != Mixed::PartialRefused;
            let once = world.late > 0 || world.fails_again == 0 || !told_apart || ours <= 1;
            if !right || !once {
                return Err(said);
            }
            if self.elsewhere[index] && world.selected && world.elsewhere == 0 && self.was_failed(index) {
                return Err(format!("{said}: said to be retried elsewhere"));
            }
        }
        Ok(())
    }

    /// Whether the task was failed until this campaign retried it.
    fn was_failed(&self, index: usize) -> bool {
        self.platform.tasks[index][0].state == State::Failed
    }
}

struct Play {
    world: World,
    at_a_time: usize,
    chunk: usize,
    look_first: bool,
    seed: u64,
}

/// Plays a whole campaign, with so many calls at a time.
fn play(world: World, tasks: &[State], at_a_time: usize, seed: u64) -> Played {
    Play {
        world,
        at_a_time,
        chunk: 200,
        look_first: true,
        seed,
    }
    .run(tasks)
}

impl Play {
    fn run(&self, tasks: &[State]) -> Played {
        let mut devices = Devices::new();
        for number in 0..tasks.len() {
            let facts = TaskFacts {
                updated_ms: self.world.selected.then_some(LONG_AGO_MS),
                ..TaskFacts::default()
            };
            devices.push(&format!("device-{number}"), &facts).unwrap();
        }
        let limits = Limits {
            chunk: self.chunk,
            look: 1000,
            page: 200,
            lag: Duration::from_millis(2500),
            lost: 10,
        };
        let count = tasks.len();
        let order = devices.ids().collect();
        let before = |_| {
            if self.world.selected {
                Before::Failed
            } else {
                Before::Unknown
            }
        };
        let random = fastrand::Rng::with_seed(self.seed);
        let mut scheduler = Scheduler::new(
            Arc::new(devices),
            order,
            limits,
            self.look_first,
            Duration::ZERO,
            before,
            random,
        );
        scheduler.allow(count);
        let mut played = Played {
            outcomes: vec![None; count],
            elsewhere: vec![false; count],
            platform: Platform::new(self.world, tasks, self.seed),
        };
        let mut now = Duration::from_millis(1);
        let mut in_flight: VecDeque<(CallId, Call)> = VecDeque::new();
        let reply = Arc::new(Reply::default());
        for turn in 0.. {
            assert!(turn < 400 * count + 20_000, "the campaign does not end");
            if in_flight.len() < self.at_a_time {
                let next = scheduler.next(now);
                let steps = scheduler.take_steps();
                let learned = !steps.is_empty();
                played.take(steps);
                match next {
                    Next::Do(call) => {
                        in_flight.push_back(call);
                        continue;
                    }
                    Next::Wait(_) if learned => continue,
                    Next::Wait(Wait::Until(at)) if in_flight.is_empty() => {
                        assert!(at > now, "the clock stands still");
                        now = at;
                        continue;
                    }
                    Next::Wait(Wait::NextEnd) => assert!(!in_flight.is_empty()),
                    Next::Wait(Wait::Never) if in_flight.is_empty() => break,
                    Next::Wait(_) => {}
                }
            }
            let Some((id, call)) = in_flight.pop_front() else {
                continue;
            };
            now += Duration::from_millis(20);
            let platform = &mut played.platform;
            platform.advance(now);
            match call {
                Call::Send { devices, .. } => {
                    let end = SendEnd {
                        end: platform.retry(&devices, now),
                        reply: Arc::clone(&reply),
                        about_size: platform.chance(50),
                    };
                    scheduler.sent(id, end, now);
                }
                Call::Look(lookup) => {
                    let end = platform.search(&lookup, now);
                    scheduler.looked(id, end, now);
                }
            }
            played.take(scheduler.take_steps());
        }
        assert!(!scheduler.has_work(), "something is left");
        played
    }
}

impl Played {
    fn take(&mut self, steps: Vec<Step>) {
        for step in steps {
            let (devices, outcome, elsewhere) = match step {
                Step::Settle {
                    devices,
                    outcome,
                    elsewhere,
                    ..
                } => (devices, outcome, elsewhere),
                Step::GaveUp { devices, .. } => (devices, Outcome::Skipped, false),
                Step::Requeue(_) | Step::Left(_) | Step::Shrunk { .. } | Step::Learned(_) => continue,
            };
            for id in devices {
                let before = self.outcomes[id.index()].replace(outcome);
                assert_eq!(before, None, "{id:?} is settled twice");
                self.elsewhere[id.index()] = elsewhere;
            }
        }
    }
}

fn fleet(size: usize, per_mille_not_failed: usize) -> Vec<State> {
    (0..size)
        .map(|number| {
            if (number * 7919) % 1000 < per_mille_not_failed {
                State::Other
            } else {
                State::Failed
            }
        })
        .collect()
}

fn failed_of(fleet: &[State]) -> usize {
    fleet.iter().filter(|task| **task == State::Failed).count()
}

#[test]
fn where_all_are_failed_no_call_is_wasted() {
    let played = play(CALM, &fleet(100_000, 0), 16, 1);
    assert_eq!(played.summary().accepted, 100_000);
    assert_eq!(played.calls(), 500);
}

#[test]
fn the_calls_for_devices_that_are_not_failed_are_few() {
    for (per_mille, mixed, most) in [
        (1, Mixed::Refuse, 1.3),
        (10, Mixed::Refuse, 1.3),
        (100, Mixed::Refuse, 1.4),
        (1, Mixed::PartialAccepted, 1.01),
        (10, Mixed::PartialAccepted, 1.02),
        (100, Mixed::PartialAccepted, 1.12),
    ] {
        let fleet = fleet(100_000, per_mille);
        let played = play(World { mixed, ..CALM }, &fleet, 16, 1);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ratio = played.calls() as f64 / failed_of(&fleet).div_ceil(200) as f64;
        println!("{per_mille} per mille not failed, {mixed:?}: {ratio:.3} of the least calls");
        assert!(ratio <= most, "{per_mille} per mille not failed, {mixed:?}: {ratio}");
    }
}

#[test]
fn one_device_that_does_not_exist_holds_up_nobody() {
    let mut tasks = fleet(1000, 0);
    tasks[500] = State::Absent;
    let played = play(CALM, &tasks, 4, 1);
    assert_eq!((played.summary().accepted, played.summary().rejected), (999, 1));
    assert_eq!(played.outcomes[500], Some(Outcome::Rejected));
}

#[test]
fn where_nothing_can_be_searched_lists_are_halved() {
    let world = World {
        search: Search::Denied,
        ..CALM
    };
    let played = play(world, &fleet(1000, 5), 4, 1);
    let failed = failed_of(&fleet(1000, 5));
    assert_eq!(
        (played.summary().accepted, played.summary().rejected),
        (failed, 1000 - failed)
    );
}

#[test]
fn lists_shrink_until_the_platform_takes_them() {
    let world = World { most: 60, ..CALM };
    let played = play(world, &fleet(1000, 5), 4, 1);
    assert_eq!(played.summary().accepted, failed_of(&fleet(1000, 5)));
    assert!(played.calls() < 60, "{}", played.calls());
}

#[test]
fn where_devices_cannot_be_searched_for_by_key_two_searches_find_it_out() {
    let world = World {
        search: Search::WholeJob,
        selected: false,
        ..CALM
    };
    let fleet = fleet(2000, 10);
    let played = play(world, &fleet, 4, 1);
    played.check().unwrap();
    assert_eq!(played.summary().accepted, failed_of(&fleet));
    // Two that are refused, and one reading of the failed tasks.
    assert!(played.platform.searches <= 2 + 3 * 10, "{}", played.platform.searches);
}

#[test]
fn a_refused_list_of_devices_that_are_not_failed_makes_none_of_them_accepted() {
    for mixed in [Mixed::Refuse, Mixed::PartialRefused] {
        for selected in [false, true] {
            let world = World {
                mixed,
                selected,
                ..CALM
            };
            let played = play(world, &[State::Other; 2], 4, 1);
            assert_eq!(played.summary().accepted, 0, "{mixed:?}, selected: {selected}");
            played.check().unwrap();
        }
    }
}

#[test]
fn a_platform_that_retries_the_others_of_a_refused_list_is_found_out() {
    let world = World {
        mixed: Mixed::PartialRefused,
        ..CALM
    };
    let fleet = fleet(4_500, 50);
    let played = play(world, &fleet, 16, 1);
    played.check().unwrap();
    // What was sent before it was known, is not known.
    let Summary { accepted, unknown, .. } = played.summary();
    assert!(unknown <= 201, "{:?}", played.summary());
    assert!(accepted + unknown >= failed_of(&fleet), "{:?}", played.summary());
}

#[test]
fn what_another_operator_retries_is_said_to_be_retried_elsewhere() {
    let world = World { elsewhere: 150, ..CALM };
    let played = play(world, &fleet(4_500, 0), 2, 1);
    let ours = played.platform.applied.iter().filter(|applied| **applied > 0).count();
    assert_eq!(played.summary().accepted, ours);
    assert!(played.elsewhere.iter().filter(|elsewhere| **elsewhere).count() > 100);
    for (index, outcome) in played.outcomes.iter().enumerate() {
        assert_eq!(*outcome == Some(Outcome::Accepted), played.platform.applied[index] > 0);
    }
}

#[test]
fn a_time_that_moves_by_itself_makes_no_lost_device_accepted() {
    for (every, percent) in [(1, 100), (1, 10), (2, 50), (1, 2)] {
        let updates = Updates::BySweep {
            every: Duration::from_secs(every),
            percent,
        };
        let world = World {
            updates,
            lost_before: 12,
            ..CALM
        };
        let played = play(world, &fleet(4_500, 0), 4, 1);
        played.check().unwrap();
        assert_eq!(played.summary().accepted, 4_500, "{updates:?}");
    }
}

#[test]
fn a_time_that_moves_with_the_status_shows_that_a_device_was_retried_and_has_failed_again() {
    let world = World {
        lost_after: 30,
        fails_again: 50,
        ..CALM
    };
    for selected in [true, false] {
        let world = World { selected, ..world };
        let played = play(world, &fleet(4_500, 0), 4, 1);
        played.check().unwrap();
        assert!(played.platform.applied.iter().all(|applied| *applied <= 1));
        assert!(played.summary().accepted > 4_300, "{:?}", played.summary());
    }
}

fn mixed() -> impl Strategy<Value = Mixed> {
    prop_oneof![
        Just(Mixed::Refuse),
        Just(Mixed::PartialAccepted),
        Just(Mixed::PartialRefused)
    ]
}

fn updates() -> impl Strategy<Value = Updates> {
    prop_oneof![
        2 => Just(Updates::ByStatus),
        1 => (1_u64..4, 1_u64..=100).prop_map(|(every, percent)| Updates::BySweep {
            every: Duration::from_secs(every),
            percent,
        }),
    ]
}

fn search() -> impl Strategy<Value = Search> {
    prop_oneof![3 => Just(Search::ByKey), 1 => Just(Search::WholeJob), 1 => Just(Search::Denied)]
}

prop_compose! {
    fn world()(
        mixed in mixed(),
        updates in updates(),
        new_ids in any::<bool>(),
        search in search(),
        behind in prop_oneof![Just(0_u64), Just(2)],
        lost_before in 0_u32..30,
        lost_after in 0_u32..30,
        late in prop_oneof![3 => Just(0_u32), 1 => 0_u32..100],
        fails_again in prop_oneof![1 => Just(0_u32), 1 => 0_u32..100],
        throttled in 0_u32..20,
        most in prop_oneof![4 => Just(usize::MAX), 1 => 20_usize..200],
        selected in any::<bool>(),
    ) -> World {
        World {
            mixed,
            updates,
            new_ids,
            search,
            behind: Duration::from_secs(behind),
            lost_before,
            lost_after,
            late,
            // What a late call does to a task that has failed again in between, nobody can know. Neither can anybody,
            // without a search, tell tasks that were left alone from some that were retried and have failed again.
            fails_again: if late > 0 || (search == Search::Denied && mixed == Mixed::PartialRefused) {
                0
            } else {
                fails_again
            },
            throttled,
            most,
            selected,
            elsewhere: 0,
        }
    }
}

fn tasks() -> impl Strategy<Value = Vec<State>> {
    let state = prop_oneof![
        12 => Just(State::Failed),
        1 => Just(State::Other),
        1 => Just(State::Absent)
    ];
    prop::collection::vec(state, 1..500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_of_every_device_is_what_was_done(
        world in world(),
        tasks in tasks(),
        at_a_time in 1_usize..12,
        chunk in prop_oneof![Just(200_usize), 1_usize..60],
        seed in any::<u64>(),
    ) {
        let play = Play { world, at_a_time, chunk, look_first: true, seed };
        let played = play.run(&tasks);
        prop_assert_eq!(played.check(), Ok(()));
    }
}
