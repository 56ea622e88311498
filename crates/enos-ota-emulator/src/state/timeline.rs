//! The running time of a job: wall-clock time, less the time for which the job was stopped.
//!
//! Tasks are dated in running time, so that stopping a job of a million tasks stops them all at once, and a task's
//! state can be worked out whenever somebody asks for it.

/// So far back can a stale read look: what a call has changed is remembered for that long.
pub(crate) const LONGEST_LAG_MS: i64 = 10_000;

/// A stretch of time through which the job ran.
#[derive(Debug)]
struct Stretch {
    /// When it began, in wall-clock milliseconds.
    wall: i64,
    /// When it ended; `None` while it lasts.
    end: Option<i64>,
    /// How long the job had run before it.
    running: i64,
}

#[derive(Debug, Default)]
pub(super) struct Timeline {
    stretches: Vec<Stretch>,
    /// For how long the job has run in all, if it is stopped now.
    stopped_at: Option<i64>,
    /// Whether the job ran from the first moment, so that it counts as running before that too.
    began_running: bool,
}

/// What a job was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// For how long it had run.
    pub(super) running: i64,
    /// Whether it ran.
    pub(super) is_running: bool,
}

impl Timeline {
    pub(super) fn started(wall: i64) -> Self {
        Self {
            stretches: vec![Stretch {
                wall,
                end: None,
                running: 0,
            }],
            stopped_at: None,
            began_running: true,
        }
    }

    pub(super) fn stopped() -> Self {
        Self {
            stretches: Vec::new(),
            stopped_at: Some(0),
            began_running: false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.stopped_at.is_none()
    }

    pub(super) fn start(&mut self, wall: i64) {
        if let Some(running) = self.stopped_at.take() {
            self.stretches.push(Stretch {
                wall,
                end: None,
                running,
            });
        }
    }

    pub(super) fn stop(&mut self, wall: i64) {
        if self.is_running() {
            self.stopped_at = Some(self.running_at(wall));
            if let Some(last) = self.stretches.last_mut() {
                last.end = Some(wall.max(last.wall));
            }
        }
    }

    /// What the job is at the present time `wall`.
    pub(super) fn now(&self, wall: i64) -> Moment {
        Moment {
            running: self.running_at(wall),
            is_running: self.is_running(),
        }
    }

    /// What the job was at an earlier time, for readers that are shown the past.
    pub(super) fn then(&self, wall: i64) -> Moment {
        let Some(stretch) = self.stretches.iter().rfind(|stretch| stretch.wall <= wall) else {
            return Moment {
                running: 0,
                is_running: self.began_running,
            };
        };
        let ended = stretch.end.filter(|end| *end <= wall);
        Moment {
            running: stretch.running + (ended.unwrap_or(wall) - stretch.wall),
            is_running: ended.is_none(),
        }
    }

    /// For how long the job has run by the present time `wall`.
    pub(super) fn running_at(&self, wall: i64) -> i64 {
        match (self.stopped_at, self.stretches.last()) {
            (Some(running), _) => running,
            // A clock that was set back does not make the job run backward.
            (None, Some(last)) => last.running + (wall - last.wall).max(0),
            (None, None) => 0,
        }
    }

    /// The wall-clock time at which the job had run for so long; `None` if that lies before its first start.
    pub(super) fn wall_at(&self, running: i64) -> Option<i64> {
        let index = self.stretches.partition_point(|stretch| stretch.running <= running);
        let stretch = self.stretches.get(index.checked_sub(1)?)?;
        Some(stretch.wall + (running - stretch.running))
    }
}

#[cfg(test)]
mod tests;
