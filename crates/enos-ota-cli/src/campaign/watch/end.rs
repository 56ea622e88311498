//! What is said when the following has ended.

use enos_ota::{JobId, OrgId};
use enos_ota_campaign::{DeviceTable, Ending};
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
    fn of(ledger: &DeviceTable) -> Self {
        Self {
            followed: ledger.devices().len(),
            upgrades: Upgrades::of(ledger),
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

/// Writes the last lines, and decides the exit code.
pub(super) fn write_end(
    mut results: Results,
    session: &Session,
    job_id: &JobId,
    org_id: &OrgId,
    ledger: &DeviceTable,
    end: &End,
) -> Result<Exit, Failure> {
    let devices = ledger.devices();
    let line = |id| {
        let standing = ledger.standing(id);
        FateLine {
            device_key: devices.key(id),
            fate: standing.fate,
            reason: standing.failed_again,
        }
    };
    // The others were told when they ended.
    for id in devices.ids().filter(|id| !ledger.standing(*id).fate.is_final()) {
        results.followed(&line(id));
    }
    let sums = Sums::of(ledger);
    let head = Head {
        schema: "enos-ota/watch/1",
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        summary: sums,
        more: NoMore {},
    };
    results.end(&head, || devices.ids().map(line));
    results.tell_unlisted();
    ending::tell_reasons(ledger);
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
