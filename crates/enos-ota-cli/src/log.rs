//! What `-v` shows: events of this project's own crates, on standard error.
//!
//! Other crates are left out on purpose: an HTTP library's trace may print the headers that it sends.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::calls::Calls;
use crate::console::with_styles;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

static VERBOSE: AtomicBool = AtomicBool::new(false);

pub(crate) fn init(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let own = Targets::new().with_target("enos_ota", level);
    let color = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Stderr)
        .with_target(false)
        .with_ansi(color);
    VERBOSE.store(verbose > 0, Ordering::Relaxed);
    let calls = Calls { tell: verbose > 0 };
    tracing_subscriber::registry()
        .with(lines.with_filter(own))
        .with(calls.with_filter(filter_fn(Calls::concerns)))
        .init();
}

/// Standard error, on which the texts of the platform steer nothing.
struct Stderr;

impl Write for Stderr {
    /// The lines come whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(with_styles(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Whether more than warnings are shown.
pub(crate) fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}
