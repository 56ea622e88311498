//! Bad days: whatever happens to the process, the disk, the clock, the gateway or the job, no device is lost, none is
//! counted twice, none that was accepted is sent again, and what is said at the end is what the platform has done.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod chance;
mod clocks;
mod disk;
mod earlier;
mod evidence;
mod gateway;
mod inputs;
mod interrupts;
mod jobs;
mod journals;
mod kills;
mod process;
mod stage;
mod waves;
