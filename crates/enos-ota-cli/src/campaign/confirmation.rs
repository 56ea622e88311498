//! Whether the accepted devices were seen to have left `failed`, in words that claim no more than was seen.

use enos_ota_campaign::Finished;

use crate::text::{counted, thousands};

/// What the searches after the last call have shown of the accepted devices. The sum is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// Seen to have left `failed`, and not to have failed again.
    pub(crate) confirmed: usize,
    /// Seen to have left `failed`, and to have failed again.
    pub(crate) failed_again: usize,
    /// Seen to be failed as before.
    pub(crate) still_failed: usize,
    /// Without a task now.
    pub(crate) gone: usize,
    /// Not seen.
    pub(crate) not_confirmed: usize,
    /// Why these were not seen, if that is known.
    pub(crate) why: Option<String>,
}

impl Confirmation {
    pub(crate) fn of(finished: &Finished) -> Self {
        let Some(seen) = &finished.confirmation else {
            return Self::default();
        };
        Self {
            confirmed: seen.confirmed,
            failed_again: seen.failed_again,
            still_failed: seen.still_failed,
            gone: seen.gone,
            not_confirmed: seen.not_confirmed,
            why: seen.why.clone(),
        }
    }

    /// What was seen, for a line with other figures. `None` if nothing was.
    pub(crate) fn seen(&self) -> Option<String> {
        let left = self.confirmed + self.failed_again;
        if left == 0 {
            return None;
        }
        let again = match self.failed_again {
            0 => String::new(),
            count => format!(", {} of these failed again", thousands(count)),
        };
        Some(format!("{} seen to have left `failed`{again}", thousands(left)))
    }

    /// What the user must not take for confirmed, a line for each. Of upgrades that were `followed`, it is told elsewhere
    /// what was seen.
    pub(crate) fn warnings(&self, followed: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if self.still_failed > 0 && !followed {
            lines.push(format!(
                "{} still failed although the retry was accepted",
                counted(self.still_failed, "task")
            ));
        }
        if self.not_confirmed > 0 {
            let all = self.confirmed + self.failed_again + self.still_failed + self.gone + self.not_confirmed;
            let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
            lines.push(format!(
                "{} of {} accepted were not seen to have left `failed`{why}",
                thousands(self.not_confirmed),
                counted(all, "device"),
            ));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_seen_is_said_to_be_confirmed() {
        let all = Confirmation {
            confirmed: 4500,
            ..Confirmation::default()
        };
        assert_eq!(all.seen().as_deref(), Some("4,500 seen to have left `failed`"));
        assert!(all.warnings(false).is_empty());

        let part = Confirmation {
            confirmed: 590,
            failed_again: 10,
            still_failed: 1,
            gone: 0,
            not_confirmed: 1199,
            why: Some("every search was refused: 99400 Invalid Argument".to_owned()),
        };
        assert_eq!(
            part.seen().as_deref(),
            Some("600 seen to have left `failed`, 10 of these failed again")
        );
        assert_eq!(
            part.warnings(false),
            [
                "1 task still failed although the retry was accepted",
                "1,199 of 1,800 devices accepted were not seen to have left `failed`: every search was refused: 99400 \
                 Invalid Argument",
            ]
        );

        let none = Confirmation {
            not_confirmed: 1,
            ..Confirmation::default()
        };
        assert_eq!(none.seen(), None);
        assert_eq!(
            none.warnings(true),
            ["1 of 1 device accepted were not seen to have left `failed`"]
        );
    }
}
