//! Exit codes. They are decided here and nowhere else.

use std::process::ExitCode;

use enos_ota::{Error, ErrorKind};
use enos_ota_campaign::{Ending, Summary};

/// How the program ends. Scripts rely on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every device was accepted, or the command did what it was asked.
    Success,
    /// Some devices were not accepted, or a canary or another check has stopped the rest.
    NotAll,
    /// The command line, a setting or an input file is wrong.
    Usage,
    /// Authentication or permission.
    Denied,
    /// The job does not exist or is not running.
    Precondition,
    /// Gave up on transport or throttling.
    GaveUp,
    /// A defect, or the output or the journal could not be written.
    Internal,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::NotAll => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Precondition => 4,
            Self::GaveUp => 5,
            Self::Internal => 6,
            Self::Interrupted => 130,
        }
    }

    /// The end that an error of the SDK leads to.
    pub(crate) fn of_error(error: &Error) -> Self {
        // Whatever the token service refuses, the program is not authenticated.
        let of_token = error
            .operation()
            .is_some_and(|operation| operation.starts_with("token/"));
        match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::UnknownCode if of_token => Self::Denied,
            ErrorKind::Config => Self::Usage,
            ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => Self::Denied,
            ErrorKind::Precondition => Self::Precondition,
            ErrorKind::Refused | ErrorKind::InvalidArgument | ErrorKind::UnknownCode => Self::NotAll,
            ErrorKind::Resolve
            | ErrorKind::Tls
            | ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::ConnectionLost
            | ErrorKind::Redirect
            | ErrorKind::Throttled
            | ErrorKind::Service
            | ErrorKind::NoSuchApi
            | ErrorKind::RequestTooLarge
            | ErrorKind::HttpStatus
            | ErrorKind::EmptyAnswer
            | ErrorKind::HtmlAnswer
            | ErrorKind::TruncatedAnswer
            | ErrorKind::AnswerTooLarge
            | ErrorKind::MalformedAnswer => Self::GaveUp,
            // `Internal`, and kinds that a later version of the SDK adds.
            _ => Self::Internal,
        }
    }

    /// The end that a campaign leads to.
    pub(crate) fn of_ending(ending: &Ending, summary: Summary) -> Self {
        match ending {
            Ending::Complete if summary.accepted == summary.requested => Self::Success,
            Ending::Complete | Ending::TooManyRefused { .. } | Ending::WaveFailed { .. } => Self::NotAll,
            Ending::Stopped(error) => Self::of_error(error),
            Ending::GaveUp(error) => match Self::of_error(error) {
                // Whatever the last answer was: there was none that the campaign could go on from.
                Self::NotAll => Self::GaveUp,
                exit => exit,
            },
            Ending::Interrupted => Self::Interrupted,
            // The journal could not be written, the library has a defect, or an end that a later version of it adds.
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
