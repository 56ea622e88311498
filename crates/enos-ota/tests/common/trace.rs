//! Everything that the crate says through `tracing`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A span or an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// The spans around an event, the outermost first.
    pub(crate) spans: Vec<&'static str>,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Entry {
    pub(crate) fn message(&self) -> &str {
        self.fields.get("message").map_or("", String::as_str)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

#[derive(Clone, Debug, Default)]
struct Log {
    spans: Vec<(u64, Entry)>,
    events: Vec<Entry>,
}

/// What was traced on this thread while this lives.
pub(crate) struct Trace {
    log: Arc<Mutex<Log>>,
    _guard: DefaultGuard,
}

/// Collects all levels of all targets of the crate, on this thread: the test needs a single-threaded runtime.
pub(crate) fn collect() -> Trace {
    let log = Arc::default();
    let subscriber = Registry::default().with(Collector(Arc::clone(&log)));
    Trace {
        log,
        _guard: tracing::subscriber::set_default(subscriber),
    }
}

impl Trace {
    pub(crate) fn spans(&self) -> Vec<Entry> {
        let log = self.log.lock().unwrap();
        log.spans.iter().map(|(_, span)| span.clone()).collect()
    }

    pub(crate) fn events(&self) -> Vec<Entry> {
        self.log.lock().unwrap().events.clone()
    }

    /// All of it as text, to be searched.
    pub(crate) fn text(&self) -> String {
        format!("{:#?}", self.log.lock().unwrap())
    }
}

struct Collector(Arc<Mutex<Log>>);

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Collector {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("enos_ota")
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut span = Entry {
            name: attributes.metadata().name(),
            ..Entry::default()
        };
        attributes.record(&mut span);
        self.0.lock().unwrap().spans.push((id.into_u64(), span));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut log = self.0.lock().unwrap();
        // Ids are used again; the last span with this one is the living one.
        if let Some((_, span)) = log.spans.iter_mut().rev().find(|(span, _)| *span == id.into_u64()) {
            values.record(span);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context.event_scope(event).map(|scope| {
            let names = scope.from_root().map(|span| span.name());
            names.collect()
        });
        let mut entry = Entry {
            name: event.metadata().name(),
            spans: spans.unwrap_or_default(),
            ..Entry::default()
        };
        event.record(&mut entry);
        self.0.lock().unwrap().events.push(entry);
    }
}
