//! Time that stands still, so that timeouts and expiry are tested by the hour and without waiting.

use std::sync::mpsc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::advance;

/// While this lives, tokio's time moves only when a test advances it.
///
/// A paused clock alone jumps to the next timer whenever the runtime has nothing to do, and waiting for a socket counts
/// as that. It does not while a blocking task runs.
pub(crate) struct Frozen {
    _release: mpsc::Sender<()>,
}

/// Freezes the time of the current runtime, which must be single-threaded.
pub(crate) fn freeze() -> Frozen {
    tokio::time::pause();
    let (release, held) = mpsc::channel::<()>();
    tokio::task::spawn_blocking(move || held.recv());
    Frozen { _release: release }
}

impl Frozen {
    pub(crate) async fn advance(&self, by: Duration) {
        advance(by).await;
    }

    /// Lets time pass, a step at a time, until a task has ended.
    pub(crate) async fn run<T>(&self, task: JoinHandle<T>, step: Duration) -> T {
        while !task.is_finished() {
            // The runtime looks after its sockets only now and then, and without this a connection on loopback could take
            // seconds of this time.
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            advance(step).await;
        }
        task.await.unwrap()
    }
}
