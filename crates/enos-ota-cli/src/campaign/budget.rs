//! Devices that are not retried because they had their attempts, or because no retry would mend them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use enos_ota::text::with_causes;
use enos_ota_campaign::{Budget, BudgetVerdict, Campaign, DeviceId, History, Outcome, Plan};

use super::journals;
use crate::args::RetryOptions;
use crate::failure::Failure;
use crate::text::counted;

/// Devices that are not sent, by what is said of them.
#[derive(Default)]
pub(crate) struct OverBudget {
    lists: BTreeMap<String, Vec<DeviceId>>,
    exhausted: usize,
    permanent: usize,
}

/// Whether the options need to know of which product named devices are, and why they failed.
pub(crate) fn needs_facts(how: &RetryOptions) -> bool {
    // A canary has devices of every product and reason.
    limits(how) || how.canary.is_some() || how.waves.is_some()
}

fn limits(how: &RetryOptions) -> bool {
    how.max_attempts.is_some() || !how.permanent_reason.is_empty()
}

impl OverBudget {
    pub(crate) fn of(how: &RetryOptions, plan: &Plan) -> Result<Self, Failure> {
        let mut over_budget = Self::default();
        if !limits(how) {
            return Ok(over_budget);
        }
        let budget = Budget {
            max_attempts: how.max_attempts.map(std::num::NonZeroU32::get),
            permanent_reasons: how.permanent_reason.iter().cloned().collect(),
        };
        let history = match budget.max_attempts {
            Some(_) => read_history(how.history.as_ref(), plan)?,
            None => History::default(),
        };
        for id in plan.devices.ids() {
            let verdict = budget.verdict(&plan.devices.facts(id), history.attempts(id));
            match verdict {
                BudgetVerdict::Exhausted { .. } => over_budget.exhausted += 1,
                BudgetVerdict::Permanent { .. } => over_budget.permanent += 1,
                _ => continue,
            }
            over_budget
                .lists
                .entry(format!("not sent: {verdict}"))
                .or_default()
                .push(id);
        }
        Ok(over_budget)
    }

    pub(crate) fn in_words(&self) -> Option<String> {
        let parts: Vec<_> = [
            (self.exhausted, "retried as often as --max-attempts allows"),
            (self.permanent, "failed for a reason that no retry mends"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, why)| format!("{} {why}", counted(count, "device")))
        .collect();
        (!parts.is_empty()).then(|| format!("Skipped: {}.", parts.join(", ")))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.exhausted + self.permanent
    }

    /// Gives the devices their outcome.
    pub(crate) fn settle(&self, campaign: &mut Campaign) {
        for (message, devices) in &self.lists {
            campaign.settle(devices, Outcome::Skipped, message);
        }
    }
}

fn read_history(folder: Option<&PathBuf>, plan: &Plan) -> Result<History, Failure> {
    let folder = match folder {
        // A slip of the pen would give every device all its attempts anew.
        Some(folder) if !folder.is_dir() => {
            return Err(Failure::usage(format!(
                "--history: there is no folder {}",
                folder.display()
            )));
        }
        Some(folder) => folder.clone(),
        None => journals::default_folder()?,
    };
    History::read(&folder, plan).map_err(|error| Failure::usage(with_causes(&error)))
}
