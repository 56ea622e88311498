//! The calls of this program, as the SDK's traces tell of them: each that ended for `-v`, and one that keeps waiting.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::console;

/// The span of a call, and the module of its attempts.
const CALL: &str = "enos_ota";
const ATTEMPTS: &str = "enos_ota::client";
/// After so long, somebody who looks at a terminal is told that the program waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// One who has been told of one call needs not be told of the next at once.
const SAME_TROUBLE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(200);

/// A call under way.
struct Call {
    operation: String,
    begun: Instant,
    attempt: u64,
    code: Option<i64>,
    told: Option<u64>,
}

static CALLS: Mutex<Option<HashMap<Id, Call>>> = Mutex::new(None);
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);
/// How many attempts a call has.
static ATTEMPTS_OF_CALL: AtomicU32 = AtomicU32::new(5);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is told is no longer right at the worst.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn set_attempts(attempts: u32) {
    ATTEMPTS_OF_CALL.store(attempts, Ordering::Relaxed);
}

/// What is drawn while calls are made, beside which nothing else may be written.
pub(crate) fn set_bar(bar: Option<ProgressBar>) {
    *lock(&BAR) = bar;
}

/// Sees the calls.
pub(crate) struct Calls {
    /// Whether each call that has ended is worth a line.
    pub(crate) tell: bool,
}

impl Calls {
    /// Whether a trace is of those that this needs.
    pub(crate) fn concerns(metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            metadata.name() == CALL
        } else {
            metadata.target() == ATTEMPTS
        }
    }
}

/// The members of a trace that are looked at.
#[derive(Default)]
struct Members {
    operation: Option<String>,
    attempts: Option<u64>,
    code: Option<i64>,
    waits: bool,
}

impl Visit for Members {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "attempts" {
            self.attempts = Some(value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "code" {
            self.code = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "operation" {
            self.operation = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.waits |= field.name() == "wait";
    }
}

impl<S: Subscriber> Layer<S> for Calls {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut members = Members::default();
        attributes.record(&mut members);
        let call = Call {
            operation: members.operation.unwrap_or_default(),
            begun: Instant::now(),
            attempt: 1,
            code: None,
            told: None,
        };
        lock(&CALLS).get_or_insert_default().insert(id.clone(), call);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut members = Members::default();
        values.record(&mut members);
        if let Some(call) = lock(&CALLS).get_or_insert_default().get_mut(id) {
            call.code = members.code.or(call.code);
            call.attempt = members.attempts.unwrap_or(call.attempt);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut members = Members::default();
        event.record(&mut members);
        if let (Some(attempts), true, Some(id)) = (members.attempts, members.waits, context.current_span().id())
            && let Some(call) = lock(&CALLS).get_or_insert_default().get_mut(id)
        {
            call.attempt = attempts.saturating_add(1);
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let call = lock(&CALLS).get_or_insert_default().remove(&id);
        if self.tell
            && let Some(call) = call
        {
            console::note(call.in_words());
        }
    }
}

impl Call {
    /// `call: retryTask, 24621, 2 attempts, 0.3 s`
    fn in_words(&self) -> String {
        let code = self.code.map_or_else(String::new, |code| format!(", {code}"));
        let attempts = match self.attempt {
            1 => String::new(),
            attempts => format!(", {attempts} attempts"),
        };
        let time = self.begun.elapsed();
        let time = if time < PATIENCE {
            format!("{} ms", time.as_millis())
        } else {
            format!("{:.1} s", time.as_secs_f64())
        };
        format!("call: {}{code}{attempts}, {time}", self.operation)
    }
}

/// Tells a person who waits that there is no answer yet, for as long as the program runs.
pub(crate) async fn tell_of_waiting() {
    let mut last: Option<Instant> = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(line) = next_line(&mut last) else { continue };
        match lock(&BAR).as_ref() {
            // What is drawn tells how things go.
            Some(bar) if !bar.message().is_empty() => {}
            Some(bar) => bar.suspend(|| console::note(line)),
            None => console::note(line),
        }
    }
}

/// What to say of the call that waits longest. Each of its attempts is told once.
fn next_line(last: &mut Option<Instant>) -> Option<String> {
    let mut calls = lock(&CALLS);
    let call = calls.as_mut()?.values_mut().min_by_key(|call| call.begun)?;
    let is_known = call.told.is_some();
    let recently = |time: Duration| last.is_some_and(|last| last.elapsed() < time);
    if call.begun.elapsed() < PATIENCE
        || call.told == Some(call.attempt)
        || recently(if is_known { PATIENCE } else { SAME_TROUBLE })
    {
        return None;
    }
    call.told = Some(call.attempt);
    *last = Some(Instant::now());
    Some(match call.attempt {
        1 => "no answer yet".to_owned(),
        attempt => format!(
            "no answer yet, attempt {attempt} of {}",
            ATTEMPTS_OF_CALL.load(Ordering::Relaxed)
        ),
    })
}
