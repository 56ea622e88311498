//! What is said when the following has ended.

use enos_ota::{JobId, OrgId};
use enos_ota_campaign::{Ending, Fate, Watcher};
use serde::Serialize;

use super::super::ending;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::results::{FateLine, Head, NoMore, Results};
use crate::session::Session;
use crate::text::{counted, thousands};
use crate::upgrades::Upgrades;

/// How the following of devices ended.
pub(super) enum End {
    AllEnded,
    TimeIsUp,
    Interrupted(Exit),
    Failed(Ending),
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    followed: usize,
    #[serde(flatten)]
    upgrades: Upgrades,
}

impl Sums {
    fn of(watcher: &Watcher) -> Self {
        Self {
            followed: watcher.devices().len(),
            upgrades: Upgrades::of_fates(watcher.fates()),
        }
    }

    fn sentence(self) -> String {
        let upgrades = self.upgrades;
        let parts: Vec<_> = [
            (upgrades.succeeded, "succeeded"),
            // Nobody has retried them here.
            (upgrades.failed_again, "failed"),
            (upgrades.gone, "without a task"),
            (upgrades.still_failed, "still failed"),
            (upgrades.under_way, "under way"),
            (upgrades.not_seen, "not looked at"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", thousands(count)))
        .collect();
        if parts.is_empty() {
            "no device to follow".to_owned()
        } else {
            format!("{}: {}", counted(self.followed, "device"), parts.join(", "))
        }
    }
}

pub(super) fn write_end(
    mut results: Results,
    session: &Session,
    job_id: &JobId,
    org_id: &OrgId,
    watcher: &Watcher,
    end: &End,
) -> Result<Exit, Failure> {
    let devices = watcher.devices();
    let line = |id| {
        let sight = watcher.sight(id);
        FateLine {
            device_key: devices.key(id),
            fate: sight.fate,
            reason: sight.reason,
        }
    };
    // The others were told when they ended.
    for id in watcher.unfinished() {
        results.followed(&line(id));
    }
    let sums = Sums::of(watcher);
    let head = Head {
        schema: "enos-ota/watch/1",
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        summary: sums,
        more: NoMore {},
    };
    results.end(&head, || devices.ids().map(line));
    results.tell_unlisted();
    let failed = devices.ids().map(|id| watcher.sight(id));
    ending::tell_reasons(
        failed
            .filter(|sight| sight.fate == Fate::FailedAgain)
            .map(|sight| sight.reason),
    );
    let sentence = sums.sentence();
    let exit = match end {
        End::Failed(ending) => {
            if let Ending::Stopped(error) | Ending::GaveUp(error) = ending {
                console::failure(&session.failed(error.clone()));
            }
            console::error(format_args!("stopped; {sentence}"));
            Exit::of_ending(ending, None)
        }
        End::Interrupted(exit) => {
            console::error(format_args!("interrupted; {sentence}"));
            *exit
        }
        End::AllEnded | End::TimeIsUp if sums.upgrades.succeeded == sums.followed => {
            console::note(sentence);
            Exit::Success
        }
        End::AllEnded => {
            console::error(sentence);
            Exit::NotAll
        }
        End::TimeIsUp => {
            console::error(format_args!("the time is up; {sentence}"));
            Exit::NotAll
        }
    };
    results.conclude(exit)
}
