//! In which order devices are sent, and where the waves end.

use std::collections::BTreeMap;

use crate::devices::{DeviceId, Devices};
use crate::settings::Waves;

/// How many devices have been sent at the end of each wave. The last is all of them.
pub(crate) fn ends(waves: Option<&Waves>, planned: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = waves
        .iter()
        .flat_map(|waves| waves.steps.iter())
        .map(|step| step.of(planned))
        .filter(|end| *end > 0 && *end < planned)
        .collect();
    ends.push(planned);
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// The order in which devices are sent: that of the plan, but for the waves before the last.
///
/// These take devices of every product and every reason of failure in turn, so that a few devices show what is to be
/// expected of all of them.
pub(crate) fn order(devices: &Devices, waves: Option<&Waves>) -> Vec<DeviceId> {
    let ends = ends(waves, devices.len());
    let first = match ends.as_slice() {
        [.., before_last, _] => *before_last,
        _ => return devices.ids().collect(),
    };
    let mut groups: BTreeMap<(Option<&str>, Option<&str>), Vec<DeviceId>> = BTreeMap::new();
    for id in devices.ids() {
        let facts = devices.facts(id);
        groups.entry((facts.product_key, facts.reason)).or_default().push(id);
    }
    let mut chosen = Vec::with_capacity(devices.len());
    let mut is_chosen = vec![false; devices.len()];
    let mut turn = 0;
    while chosen.len() < first {
        for group in groups.values() {
            if chosen.len() < first
                && let Some(id) = group.get(turn)
            {
                chosen.push(*id);
                is_chosen[id.index()] = true;
            }
        }
        turn += 1;
    }
    chosen.extend(devices.ids().filter(|id| !is_chosen[id.index()]));
    chosen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::devices::TaskFacts;
    use crate::settings::WaveSize;

    fn waves(steps: &[WaveSize]) -> Waves {
        Waves {
            steps: steps.to_vec(),
            success_percent: 50.0,
            timeout: Duration::from_mins(1),
        }
    }

    #[test]
    fn waves_end_where_they_were_told_to_and_the_last_takes_the_rest() {
        let steps = [WaveSize::Percent(1.0), WaveSize::Devices(20), WaveSize::Percent(100.0)];
        assert_eq!(ends(Some(&waves(&steps)), 1000), [10, 20, 1000]);
        assert_eq!(ends(Some(&waves(&[WaveSize::Devices(20)])), 5), [5]);
        assert_eq!(ends(Some(&waves(&[WaveSize::Percent(0.0)])), 5), [1, 5]);
        assert_eq!(ends(None, 5), [5]);
        assert_eq!(ends(None, 0), [0]);
    }

    #[test]
    fn a_canary_has_devices_of_every_product_and_reason_in_turn() {
        let mut devices = Devices::new();
        for number in 0..90 {
            let facts = TaskFacts {
                product_key: Some(if number < 80 { "pump" } else { "valve" }),
                reason: Some(if number % 2 == 0 { "download" } else { "timeout" }),
                ..TaskFacts::default()
            };
            devices.push(&format!("d{number:02}"), &facts).unwrap();
        }
        let order = order(&devices, Some(&waves(&[WaveSize::Devices(8)])));
        let canary: Vec<_> = order[..8].iter().map(|id| devices.key(*id)).collect();
        assert_eq!(canary, ["d00", "d01", "d80", "d81", "d02", "d03", "d82", "d83"]);
        let mut all = order.clone();
        all.sort_unstable();
        assert_eq!(all, devices.ids().collect::<Vec<_>>());
    }
}
