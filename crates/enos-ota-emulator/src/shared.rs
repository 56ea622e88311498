//! What all connections of an emulator have in common.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::answer::Integers;
use crate::clock::{Clock, SkewedClock};
use crate::faults::FaultQueue;
use crate::gateway::GatewayStyle;
use crate::gateway::gate::Gate;
use crate::gateway::nodes::Nodes;
use crate::journal::{Counters, Journal};
use crate::random::Random;
use crate::readings::Readings;
use crate::state::World;
use crate::token::TokenService;
use crate::waits::Waiting;

pub(crate) struct Shared {
    /// Where the emulator listens.
    pub(crate) address: SocketAddr,
    pub(crate) allow_remote: bool,
    /// So long a client may take to send the head of a request, and so long for the body.
    pub(crate) request_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) clock: SkewedClock,
    pub(crate) gateway_style: GatewayStyle,
    pub(crate) readings: Readings,
    pub(crate) gate: Gate,
    pub(crate) nodes: Nodes,
    /// So long each request waits before it is looked at.
    pub(crate) latency: Duration,
    pub(crate) waiting: Waiting,
    pub(crate) integers: Integers,
    pub(crate) misspell_status: bool,
    pub(crate) max_request_bytes: usize,
    pub(crate) faults: FaultQueue,
    pub(crate) journal: Journal,
    pub(crate) inner: Mutex<Inner>,
    /// Turns to true, or loses its sender, when the emulator shuts down.
    pub(crate) closing: watch::Receiver<bool>,
}

/// What changes. Held only for as long as one request takes to be answered, and never across an `await`.
pub(crate) struct Inner {
    pub(crate) world: World,
    pub(crate) tokens: TokenService,
    pub(crate) random: Random,
    pub(crate) counters: Counters,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in a request must not take down all later ones, which would hide the first.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, and the time at which it was got. Were the time read before, two threads could act in another order
    /// than that of their times, and to the world it would look as if the clock had been set back.
    pub(crate) fn lock_now(&self) -> (MutexGuard<'_, Inner>, i64) {
        let inner = self.lock();
        let now = self.now();
        (inner, now)
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Comes back when the emulator shuts down.
    pub(crate) async fn closed(&self) {
        // An error means that the sender is gone, which happens when the emulator is dropped.
        let _ = self.closing.clone().wait_for(|closing| *closing).await;
    }
}
