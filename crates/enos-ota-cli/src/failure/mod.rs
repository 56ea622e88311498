//! Errors of the program itself: one line that says what is wrong, and hints that say what to do.

mod call;
mod object;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use enos_ota::Error;

use crate::config::Sources;
use crate::exit::Exit;
use call::Call;

/// Why the program ends before its work is done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output has had enough of it, which is no error.
    ReaderGone,
    /// The user was asked, and did not say yes.
    Cancelled,
    /// A call, or what was to be one.
    Call(Box<Call>),
    /// Anything else.
    Told {
        exit: Exit,
        message: String,
        hints: Vec<String>,
    },
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told {
            exit,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Something that the user gave is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A call with these settings has failed.
    pub(crate) fn of_call(error: Error, sources: &Arc<Sources>) -> Self {
        Self::Call(Box::new(Call::new(error, Some(Arc::clone(sources)))))
    }

    /// What was to be done, such as `page 1 could not be read`, if it says more than the error alone.
    pub(crate) fn while_doing(mut self, what: impl Into<String>) -> Self {
        if let Self::Call(call) = &mut self {
            call.context = Some(what.into());
        }
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        match &mut self {
            Self::ReaderGone | Self::Cancelled => {}
            Self::Call(call) => call.more_hints.push(hint.into()),
            Self::Told { hints, .. } => hints.push(hint.into()),
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::ReaderGone => Exit::Success,
            Self::Cancelled => Exit::NotAll,
            Self::Call(call) => Exit::of_error(&call.error),
            Self::Told { exit, .. } => *exit,
        }
    }

    /// What to do, a line each.
    pub(crate) fn hints(&self) -> Vec<String> {
        match self {
            Self::ReaderGone | Self::Cancelled => Vec::new(),
            Self::Call(call) => call.hints(),
            Self::Told { hints, .. } => hints.clone(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderGone => f.write_str("the reader of the output has gone"),
            Self::Cancelled => f.write_str("Cancelled; nothing was sent."),
            Self::Call(call) => f.write_str(&call.message()),
            Self::Told { message, .. } => f.write_str(message),
        }
    }
}

impl StdError for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(Box::new(Call::new(error, None)))
    }
}

/// A write to standard output that failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::new(Exit::Internal, format!("the output could not be written: {error}"))
        }
    }
}
