//! Exit codes. They are decided here and nowhere else.

use std::process::ExitCode;

use enos_ota::{Error, ErrorKind};
use enos_ota_campaign::{Ending, Finished, Settings, Summary};

use crate::interrupt::Stop;
use crate::upgrades::Upgrades;

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
    /// SIGTERM.
    Terminated,
    /// SIGHUP.
    HungUp,
}

const RESUMABLE: &str = "`enos-ota resume` goes on with a campaign where it stopped.";

/// Which upgrades were followed to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// None. What was accepted is all that counts.
    None,
    /// Those of a canary or of waves, until it was clear whether to go on.
    Canary,
    /// All.
    All,
}

impl Followed {
    /// Which are, with these settings.
    pub(crate) fn with(settings: &Settings) -> Self {
        match (settings.watch, &settings.waves) {
            (Some(_), _) => Self::All,
            (None, Some(_)) => Self::Canary,
            (None, None) => Self::None,
        }
    }

    /// Whether every upgrade that was followed has succeeded.
    fn have_succeeded(self, upgrades: &Upgrades, summary: Summary) -> bool {
        match self {
            Self::None => true,
            // The gate opens before all have ended, and the rest is not waited for.
            Self::Canary => upgrades.failed_again + upgrades.still_failed + upgrades.gone == 0,
            Self::All => upgrades.succeeded == summary.accepted,
        }
    }
}

impl Exit {
    /// All of them, by their codes.
    pub(crate) const ALL: [Self; 10] = [
        Self::Success,
        Self::NotAll,
        Self::Usage,
        Self::Denied,
        Self::Precondition,
        Self::GaveUp,
        Self::Internal,
        Self::HungUp,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// What the code means, and what to do then.
    pub(crate) fn explanation(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => (
                "Every device was accepted, or the command did what it was asked. With --watch, every upgrade succeeded.",
                "Nothing.",
            ),
            Self::NotAll => (
                "Some devices were not accepted, or an upgrade failed again; a canary, --abort-above or --max-drift may \
                 have stopped the rest. Of other commands: the platform refused what was asked.",
                "Read the outcome of each device on standard output; `enos-ota report` sums them up.",
            ),
            Self::Usage => (
                "The command line, a setting or an input file is wrong. Nothing was sent.",
                "Correct what the message names; `enos-ota doctor` shows where each setting comes from.",
            ),
            Self::Denied => (
                "The platform did not accept app key, app secret or signature, or the application may not do this.",
                "Run `enos-ota doctor`: it tells a wrong secret from a wrong clock and a missing permission.",
            ),
            Self::Precondition => (
                "The job or the organization does not exist, or the job is not running.",
                "Check the ids with `enos-ota jobs list`; start the job with `enos-ota jobs start`.",
            ),
            Self::GaveUp => (
                "There was no usable response: no connection, no answer in time, too many requests, or a failure of the \
                 platform.",
                "Run `enos-ota doctor`, then try again; `enos-ota resume` goes on with a campaign.",
            ),
            Self::Internal => (
                "The journal or the output could not be written, or the program has a defect.",
                "Check the disk that the message names. If it is a defect, report it.",
            ),
            Self::HungUp => ("The terminal was closed (SIGHUP).", RESUMABLE),
            Self::Interrupted => ("Interrupted with Ctrl-C (SIGINT).", RESUMABLE),
            Self::Terminated => ("Ended by another program (SIGTERM).", RESUMABLE),
        }
    }

    /// For scripts that read errors.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NotAll => "notAll",
            Self::Usage => "usage",
            Self::Denied => "denied",
            Self::Precondition => "precondition",
            Self::GaveUp => "gaveUp",
            Self::Internal => "internal",
            Self::HungUp => "hungUp",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::NotAll => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Precondition => 4,
            Self::GaveUp => 5,
            Self::Internal => 6,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The end that an error of the SDK leads to.
    pub(crate) fn of_error(error: &Error) -> Self {
        // Whatever the token service refuses, the program is not authenticated.
        let of_token = error.is_of_token_service();
        match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::UnknownCode if of_token => Self::Denied,
            ErrorKind::InvalidArgument if blames_organization(error) => Self::Precondition,
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

    /// The end that a campaign leads to. `stop` is what the user has stopped it with.
    pub(crate) fn of_campaign(finished: &Finished, followed: Followed, stop: Option<Stop>) -> Self {
        let summary = finished.table.summary();
        match &finished.ending {
            // A single list was refused, and the parameter that was wrong is not one of devices.
            Ending::Complete if summary.accepted == 0 && finished.refusal.as_ref().is_some_and(blames_organization) => {
                Self::Precondition
            }
            Ending::Complete
                if summary.accepted == summary.requested
                    && followed.have_succeeded(&Upgrades::of(&finished.table), summary) =>
            {
                Self::Success
            }
            ending => Self::of_ending(ending, stop),
        }
    }

    /// The end that the end of a campaign leads to, unless all went well.
    pub(crate) fn of_ending(ending: &Ending, stop: Option<Stop>) -> Self {
        match ending {
            Ending::Complete | Ending::TooManyRefused { .. } | Ending::WaveFailed { .. } => Self::NotAll,
            Ending::Stopped(error) => Self::of_error(error),
            Ending::GaveUp(error) => match Self::of_error(error) {
                // Whatever the last answer was: there was none that the campaign could go on from.
                Self::NotAll => Self::GaveUp,
                exit => exit,
            },
            Ending::Interrupted => stop.map_or(Self::Interrupted, Stop::exit),
            // The journal could not be written, the library has a defect, or an end that a later version of it adds.
            _ => Self::Internal,
        }
    }
}

/// Whether the platform does not know the organization: 99400 is its answer to any wrong parameter.
pub(crate) fn blames_organization(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidArgument && error.platform_message().is_some_and(|text| text.contains("orgId"))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
