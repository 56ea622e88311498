//! What can be explained. The texts are those of the document, of the SDK and of the exit codes; only the outcomes of
//! devices, which have no other home that a program can read, are written here.

use std::fmt::Display;
use std::iter;

use enos_ota::{Category, CodeInfo, ErrorCode as _, FailureCause, GatewayErrorCode, GatewayRefusal, OperationDoc};
use enos_ota_campaign::{Fate, Outcome};
use serde::Serialize;

use crate::exit::Exit;

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    PlatformCode,
    GatewayCode,
    GatewayRefusal,
    ExitCode,
    Outcome,
    Fate,
    FailureCause,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// A number or a word.
    pub(super) code: String,
    /// What the SDK calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'static str>,
    pub(super) title: String,
    pub(super) meaning: String,
    pub(super) remedy: String,
    /// The operations that answer it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) operations: Vec<&'static str>,
    /// The permissions that those need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) permissions: Vec<NeededPermission>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NeededPermission {
    pub(super) operation: &'static str,
    pub(super) versions: &'static str,
    pub(super) permission: &'static str,
}

impl Entry {
    fn new(kind: Kind, code: &impl Display, title: &str, meaning: &str, remedy: &str) -> Self {
        Self {
            kind,
            code: code.to_string(),
            name: None,
            title: title.to_owned(),
            meaning: meaning.to_owned(),
            remedy: remedy.to_owned(),
            operations: Vec::new(),
            permissions: Vec::new(),
        }
    }

    fn of_code(kind: Kind, info: &CodeInfo) -> Self {
        Self {
            name: Some(info.name),
            ..Self::new(kind, &info.code, info.message, info.description, info.remedy)
        }
    }

    /// What it can be asked for by.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        iter::once(self.code.as_str()).chain(self.name)
    }
}

/// All entries, in the order in which they are told.
pub(super) fn all() -> Vec<Entry> {
    let mut entries = platform_codes();
    entries.extend(
        GatewayErrorCode::ALL
            .iter()
            .map(|info| Entry::of_code(Kind::GatewayCode, info)),
    );
    entries.extend(GatewayRefusal::ALL.iter().map(|refusal| {
        let title = format!("HTTP {}: {}", refusal.status, refusal.message);
        Entry::new(
            Kind::GatewayRefusal,
            &refusal.status,
            &title,
            refusal.description,
            refusal.remedy,
        )
    }));
    entries.extend(Exit::ALL.map(|exit| {
        let (meaning, remedy) = exit.explanation();
        Entry::new(
            Kind::ExitCode,
            &exit.code(),
            &format!("exit code {}", exit.code()),
            meaning,
            remedy,
        )
    }));
    entries.extend(Outcome::ALL.map(outcome));
    entries.extend(Fate::ALL.map(fate));
    entries.extend((-5..0).filter_map(failure_cause));
    entries
}

/// The codes of all operations. Where operations mean the same by a number, it is one entry.
fn platform_codes() -> Vec<Entry> {
    let mut found: Vec<(&CodeInfo, Vec<&OperationDoc>)> = Vec::new();
    for operation in OperationDoc::ALL {
        for info in operation.codes {
            match found.iter_mut().find(|(known, _)| *known == info) {
                Some((_, operations)) => operations.push(operation),
                None => found.push((info, vec![operation])),
            }
        }
    }
    found.sort_by_key(|(info, _)| info.code);
    found
        .into_iter()
        .map(|(info, operations)| Entry {
            operations: operations.iter().map(|operation| operation.id).collect(),
            permissions: if info.category == Category::Permission {
                operations.iter().flat_map(|operation| permissions(operation)).collect()
            } else {
                Vec::new()
            },
            ..Entry::of_code(Kind::PlatformCode, info)
        })
        .collect()
}

fn permissions(operation: &OperationDoc) -> impl Iterator<Item = NeededPermission> {
    operation.permissions.iter().map(|needed| NeededPermission {
        operation: operation.id,
        versions: needed.versions,
        permission: needed.permission,
    })
}

fn outcome(outcome: Outcome) -> Entry {
    let (meaning, remedy) = match outcome {
        Outcome::Accepted => (
            "The platform accepted the call that carried the device, or a search showed that this call retried its task.",
            "Nothing, or follow the upgrade with --watch or `enos-ota watch`: an accepted retry can still fail.",
        ),
        Outcome::Rejected => (
            "The platform refused the device. The code and the message say why.",
            "Look the code up with `enos-ota explain CODE`. The task of the device may not be failed, or not exist.",
        ),
        Outcome::Skipped => (
            "The device was not sent, or surely not retried. The message says why.",
            "Mend the cause, then retry it, or go on with `enos-ota resume`.",
        ),
        Outcome::Unknown => (
            "The device was sent, and whether it was retried could not be found out.",
            "Look at its task with `enos-ota tasks list`; retry it if it is still failed.",
        ),
    };
    Entry::new(Kind::Outcome, &outcome, "outcome of a device", meaning, remedy)
}

fn fate(fate: Fate) -> Entry {
    let (meaning, remedy) = match fate {
        Fate::NotSeen => (
            "The device was accepted, and nobody has looked at its upgrade since.",
            "Follow it with `enos-ota watch`.",
        ),
        Fate::StillFailed => (
            "The task is still failed, unchanged, although the platform accepted the retry.",
            "Retry it once more. If it stays, ask the platform's support with the request id.",
        ),
        Fate::UnderWay => (
            "The task has left `failed`, and the upgrade has not ended.",
            "Wait, or follow it with `enos-ota watch`.",
        ),
        Fate::Succeeded => ("The upgrade succeeded.", "Nothing."),
        Fate::FailedAgain => (
            "The upgrade failed again after its retry.",
            "Look at the reason in `enos-ota report`, and at the device, before another retry.",
        ),
        Fate::Gone => (
            "The job has no task for the device any more.",
            "Check whether the device was removed, or the job deleted.",
        ),
    };
    Entry::new(Kind::Fate, &fate, "what became of an accepted device", meaning, remedy)
}

/// The numbers are those of the vendor's device SDKs; that the platform passes them on is inferred.
fn failure_cause(progress: i64) -> Option<Entry> {
    let cause = FailureCause::of_progress(progress)?;
    let meaning = format!(
        "The progress of a failed task: {cause}. Inferred from the vendor's device SDKs; the platform's pages only say that \
         a negative progress means failure."
    );
    let remedy = "Look at the device, then retry the task. `enos-ota retry --cause` selects by it.";
    Some(Entry::new(
        Kind::FailureCause,
        &progress,
        &cause.to_string(),
        &meaning,
        remedy,
    ))
}
