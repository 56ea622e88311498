//! Where a setting comes from.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::env::Variable;

/// Where a setting comes from, in the words that the user knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Option(&'static str),
    Variable(&'static Variable),
    /// A profile, by name.
    Profile(Arc<str>),
    /// The plan or the journal.
    File,
    Emulator,
    Typed,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => f.write_str(name),
            Self::Variable(variable) => variable.fmt(f),
            Self::Profile(name) => write!(f, "profile `{name}`"),
            Self::File => f.write_str("the plan or journal"),
            Self::Emulator => f.write_str("the emulator"),
            Self::Typed => f.write_str("your answer"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

impl<T> Sourced<T> {
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

impl<T> Deref for Sourced<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Where the settings of a command come from. Errors of calls name it.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) base_url: Sourced<String>,
    pub(crate) app_key: Sourced<String>,
    /// Where the app secret comes from, such as a file and who named it.
    pub(crate) secret: String,
    pub(crate) org_id: Option<Sourced<String>>,
    pub(crate) ca_cert: Option<Origin>,
}

impl Sources {
    /// Which platform it is, for a question: `apim.example.com (profile prod)`. Production and test differ in nothing else.
    pub(crate) fn place(&self) -> String {
        let url = url::Url::parse(&self.base_url).ok();
        let host = url.as_ref().and_then(url::Url::host_str).unwrap_or(&self.base_url);
        let port = url.as_ref().and_then(url::Url::port);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let origin = match &self.base_url.origin {
            Origin::Profile(name) => format!("profile {name}"),
            other => format!("base URL from {other}"),
        };
        format!("{host}{port} ({origin})")
    }
}
