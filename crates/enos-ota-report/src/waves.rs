//! The waves of a campaign.

use enos_ota_campaign::DeviceState;
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{Fate, Outcome};

/// A wave: the accepted devices in it, and what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) number: usize,
    /// When it was judged. The last wave never is.
    pub(crate) judged_ms: Option<i64>,
    pub(crate) devices: usize,
    /// The accepted devices of this wave and the earlier ones.
    pub(crate) so_far: usize,
    pub(crate) succeeded: usize,
    /// Failed again, or gone.
    pub(crate) failed: usize,
    pub(crate) passed: Option<bool>,
}

impl Wave {
    pub(crate) fn verdict(&self) -> &'static str {
        match self.passed {
            Some(true) => "passed",
            Some(false) => "not passed",
            None => "not judged",
        }
    }
}

/// The waves that were judged, as the journal tells of them, and the one after these, as its devices stand at the end.
pub(crate) fn waves(recovered: &Recovered) -> Vec<Wave> {
    let mut so_far = 0_usize;
    let mut waves: Vec<Wave> = Vec::with_capacity(recovered.waves.len() + 1);
    for wave in &recovered.waves {
        so_far = so_far.saturating_add(wave.devices);
        waves.push(Wave {
            number: wave.wave,
            judged_ms: Some(wave.at_ms),
            devices: wave.devices,
            so_far,
            succeeded: wave.succeeded,
            failed: wave.failed,
            passed: Some(wave.passed),
        });
    }
    if let Some(last) = recovered.waves.last()
        && last.passed
        && recovered.calls.len() > last.calls
    {
        let mut rest = Wave {
            number: last.wave.saturating_add(1),
            judged_ms: None,
            devices: 0,
            so_far,
            succeeded: 0,
            failed: 0,
            passed: None,
        };
        for id in recovered.plan.devices.ids() {
            let standing = recovered.standing(id);
            let is_later = recovered.last_call_of(id).is_some_and(|call| call >= last.calls);
            if standing.state == DeviceState::Settled(Outcome::Accepted) && is_later {
                rest.devices += 1;
                rest.succeeded += usize::from(standing.fate == Fate::Succeeded);
                rest.failed += usize::from(matches!(standing.fate, Fate::FailedAgain | Fate::Gone));
            }
        }
        rest.so_far = so_far.saturating_add(rest.devices);
        waves.push(rest);
    }
    waves
}
