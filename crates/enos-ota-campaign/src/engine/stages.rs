//! How far the upgrades are that are being followed, for those who watch.

use std::collections::HashMap;

use crate::devices::DeviceId;
use crate::event::Stages;

/// What was seen last of each upgrade that is under way.
#[derive(Debug, Default)]
pub(super) struct SeenStages {
    percent: HashMap<DeviceId, u8>,
    waiting: usize,
    /// The sum over all.
    sum: u64,
}

impl SeenStages {
    /// Takes the progress of a task that is under way. One that is not told, or no share, is none.
    pub(super) fn see(&mut self, device: DeviceId, progress: Option<i32>) {
        let percent = progress.map_or(0, |progress| progress.clamp(0, 100));
        let percent = u8::try_from(percent).unwrap_or_default();
        self.forget(device);
        self.percent.insert(device, percent);
        self.waiting += usize::from(percent == 0);
        self.sum += u64::from(percent);
    }

    /// It has ended.
    pub(super) fn forget(&mut self, device: DeviceId) {
        if let Some(percent) = self.percent.remove(&device) {
            self.waiting -= usize::from(percent == 0);
            self.sum -= u64::from(percent);
        }
    }

    pub(super) fn stages(&self) -> Option<Stages> {
        let upgrading = self.percent.len() - self.waiting;
        (!self.percent.is_empty()).then_some(Stages {
            waiting: self.waiting,
            upgrading,
            percent: self.sum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Devices, TaskFacts};

    #[test]
    fn the_latest_progress_of_each_device_counts_until_it_has_ended() {
        let mut devices = Devices::new();
        let mut id = |key: &str| devices.push(key, &TaskFacts::default()).unwrap().0;
        let (one, other) = (id("d-001"), id("d-002"));
        let mut seen = SeenStages::default();
        assert_eq!(seen.stages(), None);
        seen.see(one, Some(30));
        seen.see(one, Some(40));
        seen.see(other, None);
        let stages = |waiting, upgrading, percent| {
            Some(Stages {
                waiting,
                upgrading,
                percent,
            })
        };
        assert_eq!(seen.stages(), stages(1, 1, 40));
        seen.see(other, Some(i32::MAX));
        assert_eq!(seen.stages(), stages(0, 2, 140));
        seen.forget(one);
        seen.forget(one);
        seen.see(other, Some(-7));
        assert_eq!(seen.stages(), stages(1, 0, 0));
    }
}
