//! Errors of the program itself: one line that says what is wrong, and a hint that says what to do.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use enos_ota::{Error, ErrorKind};

use crate::exit::Exit;

/// Why the program ends before its work is done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// Something that the user gave is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The platform does not know the organization.
    pub(crate) fn wrong_organization(org_id: &str, base_url: &str) -> Self {
        Self::new(
            Exit::Precondition,
            format!("the platform at {base_url} does not know the organization {org_id}"),
        )
        .with_hint(
            "check the organization id (--org-id, ENOS_ORG_ID or the profile), and that the base URL is of its region",
        )
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the reader of our standard output has gone, which is no error.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.message == BROKEN_PIPE
    }
}

const BROKEN_PIPE: &str = "the reader of the output has gone";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match error.remedy() {
            remedy if remedy == ErrorKind::Config.remedy() => setting_hint(&error.to_string()),
            remedy => remedy,
        };
        Self::new(Exit::of_error(&error), with_causes(&error)).with_hint(hint)
    }
}

/// What to do about a setting that will not do. The SDK speaks of settings; here they have names.
fn setting_hint(message: &str) -> &'static str {
    const HINTS: [(&str, &str); 5] = [
        (
            "plain http",
            "--allow-http allows it, where nobody else can read the connection",
        ),
        (
            "the base URL",
            "expected is something like https://apim-gateway.example.com",
        ),
        (
            "the app ",
            "look at the file or variable that it comes from: a blank or a line break too many?",
        ),
        (
            "the root certificate",
            "--ca-cert, or `ca-cert` in the profile, must name a PEM file",
        ),
        (
            "path",
            "the path of an API begins with a slash, such as /connect-service/v2.1/ota-jobs",
        ),
    ];
    HINTS
        .iter()
        .find(|(about, _)| message.contains(about))
        .map_or("`enos-ota help retry` tells how each setting is given", |(_, hint)| {
            hint
        })
}

/// A write to standard output that failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::Success, BROKEN_PIPE)
        } else {
            Self::new(Exit::Internal, format!("the output could not be written: {error}"))
        }
    }
}

/// An error and its causes on one line. A cause that only repeats what stands before it is left out.
pub(crate) fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
