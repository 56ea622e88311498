//! Ctrl-C, once and again.

use std::io;

use crate::exit::Exit;
use crate::failure::Failure;

/// The interrupts of the user, from the moment that this was made.
pub(crate) struct Interrupts {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
    #[cfg(windows)]
    signal: tokio::signal::windows::CtrlC,
    seen: u32,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let signal = tokio::signal::windows::ctrl_c();
        let failed = |error: io::Error| Failure::new(Exit::Internal, format!("cannot listen for Ctrl-C: {error}"));
        Ok(Self {
            signal: signal.map_err(failed)?,
            seen: 0,
        })
    }

    /// Waits for the next interrupt.
    pub(crate) async fn next(&mut self) {
        self.signal.recv().await;
        self.seen = self.seen.saturating_add(1);
    }

    /// Whether there was any.
    pub(crate) fn pending(&self) -> bool {
        self.seen > 0
    }

    /// Whether the latest one was the first.
    pub(crate) fn first(&self) -> bool {
        self.seen == 1
    }
}
