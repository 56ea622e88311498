//! All short schedules of what can happen to a token: none has two requests under way, a caller who is forgotten, or a dead
//! token while a fresh one is at hand.
//!
//! Callers wait by means of tokio, which a model checker of threads cannot step through. So this goes through the orders of
//! events instead, over sockets and in frozen time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::builder;
use common::server::{Gate, Reply, Script, Server};
use common::time::{Frozen, freeze};
use enos_ota::{AccessToken, Error, TokenSource};
use tokio::task::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// A caller asks for a token.
    Ask,
    /// The request under way is answered with a token.
    Land,
    /// It is refused.
    Fail,
    /// The gateway calls the token dead that was handed out last.
    Die,
    /// A caller who waits gives up.
    Leave,
    /// The time of renewal passes, and the token lives on.
    Due,
    /// The life of every token passes.
    Expire,
}

use Event::{Ask, Die, Due, Expire, Fail, Land, Leave};

const EVENTS: [Event; 7] = [Ask, Land, Fail, Die, Leave, Due, Expire];
/// No token; a token at hand; one that is being renewed; two callers who wait.
const BEGINNINGS: [&[Event]; 4] = [&[], &[Ask, Land], &[Ask, Land, Due, Ask], &[Ask, Ask]];
/// How many events follow. With 4, all hold as well, and take minutes.
const LENGTH: u32 = 3;
const LIFE: Duration = Duration::from_secs(20);
/// More requests than a schedule can lead to.
const REQUESTS: usize = 24;

struct Stage {
    server: Server,
    source: TokenSource,
    gates: Arc<[Gate]>,
    /// Requests that were answered.
    answered: usize,
    waiting: Vec<JoinHandle<Result<AccessToken, Error>>>,
    last: Option<AccessToken>,
    dead: HashSet<String>,
}

/// Lets every task come as far as it can, over the sockets too, which the runtime looks after only now and then.
async fn settle() {
    for _ in 0..400 {
        tokio::task::yield_now().await;
    }
}

impl Stage {
    /// The request of the same number is refused if it is among these.
    async fn set(refused: Vec<bool>) -> Self {
        let gates: Arc<[Gate]> = (0..REQUESTS).map(|_| Gate::closed()).collect();
        let (refused, count) = (Arc::new(refused), Arc::new(AtomicUsize::new(0)));
        let reply = || {
            let (gates, refused, count) = (Arc::clone(&gates), Arc::clone(&refused), Arc::clone(&count));
            Reply::of(move |_| {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let reply = match refused.get(number) {
                    Some(true) => Reply::status(1003),
                    _ => Reply::granted(&format!("token-{number}"), LIFE.as_secs()),
                };
                reply.behind(&gates[number])
            })
        };
        let script = Script::default()
            .gets((0..REQUESTS).map(|_| reply()))
            .refreshes((0..REQUESTS).map(|_| reply()));
        let server = Server::start(script).await;
        let source = builder(&server.url())
            .timeout(None)
            .attempt_timeout(Duration::from_hours(24))
            .build_token_source()
            .unwrap();
        Self {
            server,
            source,
            gates,
            answered: 0,
            waiting: Vec::new(),
            last: None,
            dead: HashSet::new(),
        }
    }

    fn under_way(&self) -> usize {
        self.server.token_requests().len() - self.answered
    }

    /// `false` if this cannot happen now.
    async fn happen(&mut self, event: Event, time: &Frozen) -> bool {
        match event {
            Ask => {
                let fresh = self.source.remaining_life().is_some();
                let source = self.source.clone();
                self.waiting.push(tokio::spawn(async move { source.token().await }));
                settle().await;
                let asked = self.waiting.last().unwrap();
                assert!(
                    !fresh || asked.is_finished(),
                    "a fresh token is at hand, and the caller waits"
                );
            }
            Land | Fail => {
                if self.under_way() == 0 {
                    return false;
                }
                self.gates[self.answered].open();
                self.answered += 1;
                settle().await;
            }
            Die => {
                let Some(token) = self.last.take() else {
                    return false;
                };
                self.source.discard(&token);
                self.dead.insert(token.expose().to_owned());
            }
            Leave => match self.waiting.pop() {
                Some(caller) => {
                    caller.abort();
                    tokio::task::yield_now().await;
                }
                None => return false,
            },
            Due => time.advance(Duration::from_millis(18_500)).await,
            Expire => time.advance(LIFE).await,
        }
        true
    }

    async fn check(&mut self) {
        let under_way = self.under_way();
        assert!(under_way <= 1, "{under_way} requests are under way");
        for caller in std::mem::take(&mut self.waiting) {
            if !caller.is_finished() {
                assert_eq!(under_way, 1, "a caller waits for nothing");
                self.waiting.push(caller);
                continue;
            }
            if let Ok(token) = caller.await.unwrap() {
                assert!(!self.dead.contains(token.expose()), "a dead token was handed out");
                self.last = Some(token);
            }
        }
    }

    /// All requests are answered now.
    async fn end(mut self) {
        for gate in &*self.gates {
            gate.open();
        }
        let source = self.source.clone();
        self.waiting.push(tokio::spawn(async move { source.token().await }));
        for caller in std::mem::take(&mut self.waiting) {
            for _ in 0..50 {
                if !caller.is_finished() {
                    settle().await;
                }
            }
            assert!(caller.is_finished(), "a caller was forgotten");
        }
    }
}

/// Whether the whole schedule was possible.
async fn play(schedule: &[Event], time: &Frozen) -> bool {
    let answers = schedule.iter().filter(|event| matches!(event, Land | Fail));
    let mut stage = Stage::set(answers.map(|event| *event == Fail).collect()).await;
    for event in schedule {
        if !stage.happen(*event, time).await {
            return false;
        }
        stage.check().await;
    }
    stage.end().await;
    true
}

#[tokio::test]
async fn no_schedule_has_two_requests_a_forgotten_caller_or_a_dead_token() {
    let time = freeze();
    let mut played = 0;
    for beginning in BEGINNINGS {
        for number in 0..EVENTS.len().pow(LENGTH) {
            let rest = (0..LENGTH).map(|digit| EVENTS[number / EVENTS.len().pow(digit) % EVENTS.len()]);
            let schedule: Vec<_> = beginning.iter().copied().chain(rest).collect();
            // So that a failure tells which.
            let shown = Shown(&schedule);
            played += usize::from(play(&schedule, &time).await);
            std::mem::forget(shown);
        }
    }
    assert!(played > 300, "{played} schedules were possible");
}

/// Prints the schedule if the test fails within it.
struct Shown<'s>(&'s [Event]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("in the schedule {:?}", self.0);
    }
}
