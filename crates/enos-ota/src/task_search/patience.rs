//! Whether a page that could not be read is asked for again. This module decides; the search acts.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Reach};
use crate::retry::{Decision, Failure, RetryPolicy};

/// Why a search waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// The gateway asks for fewer calls.
    Throttled,
    /// The gateway says that the access token is dead, also after it was replaced. A gateway of several nodes may say so
    /// for a while of a token that another node has just granted.
    TokenExpired,
    /// The last call had no answer, or the platform failed.
    NotAnswered,
}

/// A search waits before it asks for a page again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// Why.
    pub why: WaitReason,
    /// For how long.
    pub wait: Duration,
    /// Whether the gateway has asked for a wait of that length.
    pub asked_for: bool,
    /// The page, from 1.
    pub page_no: u32,
    /// How many times the page was asked for.
    pub attempts: u32,
}

/// What is known of a page that could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    /// How many times the page was asked for.
    pub(super) attempts: u32,
    /// How many answers in a row asked for fewer calls, whatever page was asked for.
    pub(super) throttled: u32,
    /// Since the page could not be read for the first time.
    pub(super) since: Duration,
    /// Till the end that the caller has set.
    pub(super) time_left: Option<Duration>,
    /// Whether the gateway has answered a search before.
    pub(super) answered: bool,
}

/// How patient a search is.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    pub(super) patience: Duration,
    pub(super) policy: RetryPolicy,
}

/// How long to wait if the gateway asks for fewer calls and does not say when: 1 s, 4 s, 16 s, then every minute. Limits
/// of a second and of a minute are known, and a call in vain counts against some of them.
const THROTTLED: (Duration, u32, Duration) = (Duration::from_secs(1), 4, Duration::from_mins(1));
/// How long to wait for a token that all nodes know.
const DEAD_TOKEN: (Duration, u32, Duration) = (Duration::from_millis(500), 2, Duration::from_secs(5));
/// How long a gateway that has answered before may call every token dead.
const DEAD_TOKENS: Duration = Duration::from_secs(30);
/// How long to wait for a gateway that does not answer.
const UNANSWERED: (Duration, u32, Duration) = (Duration::from_millis(500), 2, Duration::from_secs(10));
/// A gateway that asks for no wait at all, again and again, is not asked without a pause.
const LEAST_THROTTLED: Duration = Duration::from_millis(20);
/// How long a token that is dead from the first call on may be one that a node does not know yet.
const UNKNOWN_TOKEN: Duration = Duration::from_secs(3);

impl Patience {
    /// How long to wait before a page is asked for again, or why it is not.
    pub(super) fn decide(&self, error: Error, trouble: &Trouble, jitter: f64) -> Result<(WaitReason, Duration), Error> {
        let in_all = |error: Error| match error.operation() {
            Some(operation) => {
                let reach = error.reach();
                error.in_operation(operation, trouble.attempts, reach)
            }
            None => error,
        };
        let left_of = |patience: Duration| {
            let left = patience.saturating_sub(trouble.since);
            trouble.time_left.map_or(left, |time| left.min(time))
        };
        if error.is_throttled() {
            let pause = LEAST_THROTTLED.saturating_mul(trouble.throttled.min(50));
            let wait = match error.retry_after() {
                Some(asked) => asked.max(pause),
                None => growing(THROTTLED, trouble.throttled),
            };
            let left = left_of(self.patience);
            return if wait <= left {
                Ok((WaitReason::Throttled, wait))
            } else {
                Err(in_all(too_long(error, left)))
            };
        }
        // Without a code, it may be the signature that is refused, and that stays so.
        let of_token = error.token_died() && (trouble.answered || error.code().is_some());
        if of_token {
            let patience = if trouble.answered { DEAD_TOKENS } else { UNKNOWN_TOKEN };
            let wait = growing(DEAD_TOKEN, trouble.attempts);
            return if wait <= left_of(self.patience.min(patience)) {
                Ok((WaitReason::TokenExpired, wait))
            } else {
                Err(in_all(error))
            };
        }
        if !error.is_retryable() {
            return Err(in_all(error));
        }
        if trouble.answered {
            let wait = error
                .retry_after()
                .unwrap_or_default()
                .max(growing(UNANSWERED, trouble.attempts));
            return if wait <= left_of(self.patience) {
                Ok((WaitReason::NotAnswered, wait))
            } else {
                Err(in_all(error))
            };
        }
        // Nobody knows yet whether there is anyone to answer: then it is as of any other call.
        let failure = Failure::of(&error, trouble.attempts, Some(left_of(self.patience)));
        match self.policy.decide(&failure, jitter) {
            Decision::Continue(wait) => Ok((WaitReason::NotAnswered, wait)),
            Decision::Permanent | Decision::Exhausted => Err(in_all(error)),
        }
    }
}

/// The first wait, that grows by a factor up to the longest.
fn growing((first, factor, longest): (Duration, u32, Duration), times: u32) -> Duration {
    // More steps than that lead beyond any longest.
    let steps = times.saturating_sub(1).min(15);
    first.saturating_mul(factor.saturating_pow(steps)).min(longest)
}

/// The gateway asks for a wait that is longer than the patience.
fn too_long(error: Error, left: Duration) -> Error {
    let Some(asked) = error.retry_after() else {
        return error;
    };
    let message = format!(
        "the gateway asks for a wait of {}, and there are {} left to wait",
        in_words(asked),
        in_words(left)
    );
    let mut told = Error::new(ErrorKind::Throttled, message)
        .with_reach(Reach::Refused)
        .with_retry_after(Some(asked))
        .with_request_id(error.request_id().map(str::to_owned));
    if let Some(status) = error.status() {
        told = told.with_status(status);
    }
    if let Some(code) = error.code() {
        told = told.with_code(code);
    }
    if let Some(operation) = error.operation() {
        told = told.in_operation(operation, error.attempts(), Reach::Refused);
    }
    told.with_source(error)
}

fn in_words(wait: Duration) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match wait.as_secs() {
        DAY.. => "more than a day".to_owned(),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const FIRST: Trouble = Trouble {
        attempts: 1,
        throttled: 1,
        since: Duration::ZERO,
        time_left: None,
        answered: false,
    };

    fn patience(seconds: u64) -> Patience {
        Patience {
            patience: Duration::from_secs(seconds),
            policy: RetryPolicy::default(),
        }
    }

    fn throttled(retry_after: Option<u64>) -> Error {
        Error::new(ErrorKind::Throttled, "too many")
            .with_status(StatusCode::TOO_MANY_REQUESTS)
            .with_retry_after(retry_after.map(Duration::from_secs))
            .in_operation("searchTasks", 1, Reach::Refused)
    }

    fn expired() -> Error {
        Error::new(ErrorKind::Unauthenticated, "1203")
            .with_code(1203)
            .with_dead_token()
    }

    fn waits(patience: &Patience, error: impl Fn() -> Error, answered: bool) -> (Vec<u64>, Duration) {
        let mut trouble = Trouble { answered, ..FIRST };
        let mut waits = Vec::new();
        while let Ok((_, wait)) = patience.decide(error(), &trouble, 1.0) {
            waits.push(u64::try_from(wait.as_millis()).unwrap());
            trouble.since += wait;
            trouble.attempts += 1;
            trouble.throttled += 1;
            assert!(waits.len() < 10_000);
        }
        (waits, trouble.since)
    }

    #[test]
    fn a_gateway_that_asks_for_fewer_calls_is_waited_for_by_time_and_not_by_count() {
        let (waited, whole) = waits(&patience(300), || throttled(None), false);
        assert_eq!(waited, [1_000, 4_000, 16_000, 60_000, 60_000, 60_000, 60_000]);
        assert!(whole <= Duration::from_mins(5));
        let (waited, _) = waits(&patience(300), || throttled(Some(60)), false);
        assert_eq!(waited, [60_000; 5]);
        let (waited, whole) = waits(&patience(60), || throttled(Some(0)), false);
        assert!(
            waited.len() < 150 && whole <= Duration::from_mins(1),
            "{}",
            waited.len()
        );
    }

    #[test]
    fn a_wait_that_is_longer_than_the_patience_is_refused_at_once() {
        for (asked, words) in [
            (61, "61 s"),
            (u64::MAX, "more than a day"),
            (u64::MAX / 1_000, "more than a day"),
        ] {
            let error = patience(60).decide(throttled(Some(asked)), &FIRST, 0.5).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the gateway asks for a wait of {words}, and there are 60 s left to wait")
            );
            assert!(error.is_throttled() && error.retry_after() == Some(Duration::from_secs(asked)));
            assert_eq!((error.operation(), error.attempts()), (Some("searchTasks"), 1));
        }
        // A caller's patience without end takes any wait, and nothing overflows.
        let endless = Patience {
            patience: Duration::MAX,
            ..patience(0)
        };
        assert!(endless.decide(throttled(Some(u64::MAX)), &FIRST, 0.5).is_ok());
        let ends = Trouble {
            time_left: Some(Duration::from_secs(5)),
            ..FIRST
        };
        assert!(endless.decide(throttled(Some(6)), &ends, 0.5).is_err());
    }

    #[test]
    fn a_dead_token_is_passing_trouble_once_the_gateway_has_answered() {
        let (waited, whole) = waits(&patience(300), expired, true);
        assert_eq!(waited[..6], [500, 1000, 2000, 4000, 5000, 5000]);
        assert!(whole <= DEAD_TOKENS && whole > DEAD_TOKENS / 2, "{waited:?}");
        let (waited, whole) = waits(&patience(300), expired, false);
        assert!(waited.len() > 1 && whole <= UNKNOWN_TOKEN, "{waited:?}");
        // HTTP 401 without a code may be the signature.
        let refused = || Error::new(ErrorKind::Unauthenticated, "HTTP 401").with_dead_token();
        assert_eq!(waits(&patience(300), refused, false).0, [0; 0]);
        assert!(!waits(&patience(300), refused, true).0.is_empty());
    }

    #[test]
    fn what_is_not_answered_is_waited_for_once_the_gateway_has_answered() {
        let down = || Error::new(ErrorKind::Service, "503").with_reach(Reach::Refused);
        let (waited, _) = waits(&patience(300), down, false);
        assert_eq!(waited.len(), 4);
        let (waited, whole) = waits(&patience(300), down, true);
        assert!(waited.len() > 20 && whole > Duration::from_mins(4));
        assert_eq!(waits(&patience(0), down, true).0, [0; 0]);
        let refused = || Error::new(ErrorKind::PermissionDenied, "no");
        assert_eq!(waits(&patience(300), refused, true).0, [0; 0]);
    }
}
