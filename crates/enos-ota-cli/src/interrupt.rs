//! The signals that ask the program to stop: Ctrl-C, SIGTERM, and SIGHUP when the terminal goes.
//!
//! All drain: what is under way is waited for, the results are written, and the command to resume is told. A second one,
//! of whichever kind, abandons what is under way.

use std::io;

use crate::exit::Exit;
use crate::failure::Failure;

/// Who asked for the stop. Shells see it in the exit code, as they would if the signal had ended the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Ctrl-C, or SIGINT.
    Interrupt,
    /// SIGTERM: a service manager, `kill`, a container that is stopped.
    #[cfg_attr(windows, expect(dead_code, reason = "there is no such signal"))]
    Terminate,
    /// SIGHUP: the terminal or the connection has gone.
    #[cfg_attr(windows, expect(dead_code, reason = "there is no such signal"))]
    HangUp,
}

impl Stop {
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
            Self::HangUp => Exit::HungUp,
        }
    }

    /// As the first word of a message.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Interrupt => "Interrupted",
            Self::Terminate => "Asked to terminate",
            Self::HangUp => "Hung up",
        }
    }
}

/// The requests to stop, from the moment that this was made.
pub(crate) struct Interrupts {
    signals: Signals,
    seen: u32,
    first: Option<Stop>,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(Exit::Internal, format!("cannot listen for signals: {error}"));
        Ok(Self {
            signals: Signals::listen().map_err(failed)?,
            seen: 0,
            first: None,
        })
    }

    /// Waits for the next request to stop.
    pub(crate) async fn next(&mut self) {
        let stop = self.signals.next().await;
        self.seen = self.seen.saturating_add(1);
        self.first.get_or_insert(stop);
    }

    /// What began the stop, if anything has.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.first
    }

    /// Whether the latest one was the first.
    pub(crate) fn first(&self) -> bool {
        self.seen == 1
    }

    /// How the program ends if something has stopped it.
    pub(crate) fn exit(&self) -> Exit {
        self.first.map_or(Exit::Interrupted, Stop::exit)
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` if the program was started so that a hang-up does not concern it, as `nohup` does.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if is_ignored(SignalKind::hangup().as_raw_value()) {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    async fn next(&mut self) -> Stop {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
            _ = hang_up => Stop::HangUp,
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Stop {
        self.0.recv().await;
        Stop::Interrupt
    }
}

/// Whether a signal is ignored. To ask the system itself takes unsafe code; Linux tells it in a file as well.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return false;
    };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1)
}

/// Lets a write beyond the limit for the size of files fail, instead of ending the program without a word.
pub(crate) fn survive_file_size_limit() {
    // The number is that of every system that is built for, but for Linux on MIPS, where it is another signal.
    #[cfg(all(unix, not(any(target_arch = "mips", target_arch = "mips64"))))]
    {
        const SIGXFSZ: i32 = 25;
        // Tokio keeps a handler once it is there. Without it, all is as before.
        let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ));
    }
}
