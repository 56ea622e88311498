//! Is the gateway there? When to give up on it is a matter of time, not of how often it was called.

use std::time::Duration;

use enos_ota::{Error, ErrorKind};

use crate::rate::CallResult;
use crate::settings::Settings;

/// How long a gateway may refuse tokens that were just issued: several nodes do not learn of one at the same time.
const TOKEN_PATIENCE: Duration = Duration::from_secs(30);
/// Fewer failures in a row are chance.
const FEW: u32 = 5;

/// What calls have shown of the gateway.
#[derive(Debug, Default)]
pub(super) struct Contact {
    answered_at: Option<Duration>,
    /// Since when no call was answered.
    failing_since: Option<Duration>,
    failures: u32,
    throttled: u32,
}

impl Contact {
    pub(super) fn ended(&mut self, result: CallResult, took: Duration, now: Duration) {
        match result {
            CallResult::Answered => {
                *self = Self {
                    answered_at: Some(now),
                    ..Self::default()
                };
                return;
            }
            CallResult::Throttled { .. } => self.throttled = self.throttled.saturating_add(1),
            CallResult::Failed => {}
        }
        self.failing_since.get_or_insert(now.saturating_sub(took));
        self.failures = self.failures.saturating_add(1);
    }

    /// How long no call has been answered.
    pub(super) fn failing_for(&self, now: Duration) -> Duration {
        self.failing_since
            .map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// Whether an error may be passing that says that every further call would fail in the same way.
    pub(super) fn may_pass(&self, error: &Error, now: Duration) -> bool {
        if error.is_token_expired() {
            return self.may_learn_of_token(now);
        }
        self.answered_at.is_some() && self.failures < FEW
    }

    /// Whether nodes of the gateway may still learn of a fresh token. Where calls wait for a minute to pass, time alone tells
    /// little.
    fn may_learn_of_token(&self, now: Duration) -> bool {
        self.failing_for(now) < TOKEN_PATIENCE || self.failures < FEW
    }

    /// Whether to give up after an error that may pass.
    pub(super) fn is_hopeless(&self, error: &Error, settings: &Settings, now: Duration) -> bool {
        let asked = error.retry_after().unwrap_or_default();
        if asked > settings.longest_retry_after {
            return true;
        }
        let few = if self.answered_at.is_none() && never_reached(error) {
            settings.first_contact
        } else {
            FEW
        };
        if self.failures < few {
            return false;
        }
        let patience = match self.answered_at {
            // It speaks, and asks for patience.
            _ if self.throttled == self.failures => settings.patience,
            Some(_) => settings.patience,
            // Nobody is at this address.
            None if never_reached(error) => Duration::ZERO,
            None => settings.contact_patience,
        };
        self.failing_for(now) > patience
    }
}

fn never_reached(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Config | ErrorKind::Resolve | ErrorKind::Tls | ErrorKind::Connect
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_calls_a_minute_apart_did_not_know_may_be_known_to_the_next_ones() {
        let mut contact = Contact::default();
        for minute in 0..u64::from(FEW) {
            let now = Duration::from_mins(minute);
            contact.ended(CallResult::Failed, Duration::ZERO, now);
            let last = minute + 1 == u64::from(FEW);
            assert_eq!(contact.may_learn_of_token(now), !last, "after {minute} minutes");
        }
    }
}
