//! What a journal says of a campaign, in words.

use std::borrow::Cow;

use enos_ota_campaign::journal::TornTail;
use enos_ota_campaign::{Criteria, Exclusion, LeftOut, Pattern, Selection};

use crate::text::{counted, number, time, visible};

/// A command line as it could be given to a POSIX shell.
pub(crate) fn command(arguments: &[String]) -> String {
    let quoted: Vec<_> = arguments
        .iter()
        .map(|argument| {
            let plain = !argument.is_empty()
                && argument
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c));
            if plain {
                argument.clone()
            } else {
                format!("'{}'", argument.replace('\'', r"'\''"))
            }
        })
        .collect();
    visible(&quoted.join(" ")).into_owned()
}

/// How a campaign ended, by the word that its journal has for it. `None` if it has not.
pub(crate) fn ending(how: Option<&str>) -> Cow<'_, str> {
    Cow::Borrowed(match how {
        None => "has not ended: it is still running, or was cut off",
        Some("complete") => "complete: all that was planned was done",
        Some("stopped") => "stopped by an error after which further calls made no sense",
        Some("gaveUp") => "gave up, as the gateway answered nothing for too long",
        Some("tooManyRefused") => "stopped, as too many devices were refused",
        Some("waveFailed") => "stopped, as not enough devices of a wave succeeded in time",
        Some("interrupted") => "interrupted",
        Some("journal") => "stopped, as the journal could not be written",
        Some("panicked") => "stopped by a defect of the program",
        Some(other) => return visible(other),
    })
}

/// What it means that a journal ends in the middle of a line.
pub(crate) fn torn(torn: &TornTail) -> String {
    format!(
        "its last line, number {} with {} bytes, is not whole and does not count: what it told is not known",
        torn.line, torn.bytes
    )
}

/// How the devices were chosen, each criterion for itself.
pub(crate) fn selection(selection: &Selection) -> Vec<String> {
    let mut told = Vec::new();
    match selection {
        Selection::Failed(criteria) => {
            told.push("all failed tasks of the job".to_owned());
            of_criteria(criteria, &mut told);
        }
        Selection::Named(named) => {
            told.push(format!("{} named by a person", counted(named.given(), "device")));
            if named.repeated() > 0 {
                told.push(format!("{} of them named again", number(named.repeated())));
            }
        }
        _ => told.push("in a way that this program does not know".to_owned()),
    }
    told.extend(selection.exclude().map(excluded));
    told
}

fn of_criteria(criteria: &Criteria, told: &mut Vec<String>) {
    fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
        texts
            .map(|text| format!("“{}”", visible(text)))
            .collect::<Vec<_>>()
            .join(" or ")
    }

    for (patterns, what) in [
        (&criteria.reason, "with a reason like"),
        (&criteria.not_reason, "without a reason like"),
    ] {
        if !patterns.is_empty() {
            told.push(format!("{what} {}", list(patterns.iter().map(Pattern::as_str))));
        }
    }
    for (versions, what) in [
        (&criteria.from_version, "upgraded from"),
        (&criteria.to_version, "upgraded to"),
    ] {
        if !versions.is_empty() {
            told.push(format!("{what} {}", list(versions.iter().map(String::as_str))));
        }
    }
    if !criteria.cause.is_empty() {
        let causes = criteria.cause.iter().map(ToString::to_string);
        told.push(format!("with the cause {}", causes.collect::<Vec<_>>().join(" or ")));
    }
    if let Some(since) = criteria.since_ms {
        told.push(format!("changed since {}", time(since)));
    }
    told.push(
        if criteria.include_cancelled {
            "also those that a person cancelled"
        } else {
            "not those that a person cancelled"
        }
        .to_owned(),
    );
}

fn excluded(exclusion: &Exclusion) -> String {
    format!("without {} of a list", counted(exclusion.len(), "device"))
}

/// What was read and left out, if anything was.
pub(crate) fn left_out(left_out: &LeftOut) -> Option<String> {
    let reasons: Vec<_> = [
        (left_out.no_key, "without a device key"),
        (left_out.other, "not asked for"),
        (left_out.excluded, "on the list of those to leave out"),
        (left_out.cancelled, "cancelled by a person"),
        (left_out.by_version, "of other versions"),
        (left_out.by_time, "changed before"),
        (left_out.by_cause, "failed for another cause"),
        (left_out.by_reason, "failed for another reason"),
    ]
    .into_iter()
    .filter(|(tasks, _)| *tasks > 0)
    .map(|(tasks, why)| format!("{} {why}", number(tasks)))
    .collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_given_to_a_shell() {
        let arguments = ["enos-ota", "retry", "--reason", "*it's*", "", "a\x1bb"].map(str::to_owned);
        assert_eq!(
            command(&arguments),
            r"enos-ota retry --reason '*it'\''s*' '' 'a\u{1b}b'"
        );
    }
}
