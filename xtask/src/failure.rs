//! Why a command could not do its work, for people.

use std::error::Error;
use std::fmt;

use crate::spec::LoadError;

/// What went wrong, as it is to be printed, and why.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// With no cause but what the message says.
    pub fn new(message: impl Into<String>) -> Self {
        let (message, cause) = (message.into(), None);
        Self { message, cause }
    }

    /// Adds the cause, which the message does not repeat.
    #[must_use]
    pub fn because(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as _)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let message = error.to_string();
        match error {
            LoadError::Unreadable(_, cause) => Self::new(message).because(cause),
            LoadError::Wrong(_) => Self::new(message),
        }
    }
}
