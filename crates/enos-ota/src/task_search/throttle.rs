//! A gateway that asks for fewer calls is asked by one call at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync;
use tokio::time::Instant;

/// Holds calls back while the gateway asks for fewer. When the wait is over, one call is made, and the others only if it
/// is answered.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
    /// Held by the one that asks.
    gate: sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` if nothing is known against a call.
    held_until: Option<Instant>,
    /// How many times in a row the gateway has asked for fewer calls. Those that were under way at the same time count
    /// once.
    refusals: u32,
    /// Counts what has happened, so that a call knows whether it was under way.
    turn: u64,
}

/// Lets a call be made.
pub(super) struct Pass<'t> {
    turn: u64,
    _asks: Option<sync::MutexGuard<'t, ()>>,
}

impl Throttle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_until(&self) -> Option<Instant> {
        self.state().held_until
    }

    /// Waits until a call may be made.
    pub(super) async fn pass(&self) -> Pass<'_> {
        let mut asks = None;
        if self.held_until().is_some() {
            let gate = self.gate.lock().await;
            // Another one may have been answered meanwhile, or have been asked to wait longer.
            while let Some(until) = self.held_until() {
                if until <= Instant::now() {
                    asks = Some(gate);
                    break;
                }
                tokio::time::sleep_until(until).await;
            }
        }
        Pass {
            turn: self.state().turn,
            _asks: asks,
        }
    }

    /// A call was answered.
    pub(super) fn ended(&self) {
        let mut state = self.state();
        state.held_until = None;
        state.refusals = 0;
    }

    /// The gateway asked for fewer calls. Tells how many times in a row it did.
    pub(super) fn refused(&self, pass: &Pass<'_>) -> u32 {
        let mut state = self.state();
        if pass.turn == state.turn || state.refusals == 0 {
            state.turn += 1;
            state.refusals = state.refusals.saturating_add(1);
        }
        state.refusals
    }

    /// No call is made until then.
    pub(super) fn hold(&self, until: Instant) {
        let mut state = self.state();
        state.held_until = Some(state.held_until.map_or(until, |held| held.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_together_are_refused_once() {
        let throttle = Throttle::default();
        let (a, b) = (throttle.pass().await, throttle.pass().await);
        assert_eq!((throttle.refused(&a), throttle.refused(&b)), (1, 1));
        throttle.hold(Instant::now() + Duration::from_secs(1));
        let again = throttle.pass().await;
        assert_eq!(throttle.refused(&again), 2);
        throttle.ended();
        assert_eq!(throttle.refused(&throttle.pass().await), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_asks_for_all() {
        let throttle = Throttle::default();
        let begun = Instant::now();
        throttle.hold(begun + Duration::from_secs(7));
        let asks = throttle.pass().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(7));
        let other = tokio::time::timeout(Duration::from_mins(1), throttle.pass()).await;
        assert!(other.is_err(), "two ask at a time");
        throttle.ended();
        drop(asks);
        throttle.pass().await;
        throttle.pass().await;
    }
}
