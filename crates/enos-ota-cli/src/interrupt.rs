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
    seen: bool,
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
            seen: false,
        })
    }

    /// Waits for the next interrupt.
    pub(crate) async fn next(&mut self) {
        self.signal.recv().await;
        self.seen = true;
    }

    /// Whether there was any.
    pub(crate) fn pending(&self) -> bool {
        self.seen
    }
}
