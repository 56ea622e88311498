//! When the calls were started that the gateway accepted.

use std::time::Duration;

/// The times are rounded down to this. A bucket of ten calls is emptied in few of these steps, so they are short.
pub(super) const STEP: Duration = Duration::from_millis(2);
/// Some four seconds are remembered.
const STEPS: usize = 2048;

#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// A ring of steps: the number of each since the beginning, and its calls.
    steps: Vec<(u128, u32)>,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            steps: vec![(0, 0); STEPS],
        }
    }
}

impl Sent {
    pub(super) fn add(&mut self, sent: Duration) {
        let number = number(sent);
        let step = &mut self.steps[index(number)];
        if step.0 < number {
            *step = (number, 1);
        } else if step.0 == number {
            step.1 = step.1.saturating_add(1);
        }
    }

    /// The calls of each step from one time to another, as far as they are remembered.
    pub(super) fn steps(&self, from: Duration, to: Duration) -> Vec<f64> {
        let (from, to) = (number(from), number(to));
        (from.max(to.saturating_sub(STEPS as u128 - 1))..=to)
            .map(|number| {
                let step = self.steps[index(number)];
                if step.0 == number { f64::from(step.1) } else { 0.0 }
            })
            .collect()
    }

    /// All calls after one time and up to another, as far as they are remembered.
    pub(super) fn between(&self, after: Duration, to: Duration) -> f64 {
        let (after, to) = (number(after), number(to));
        self.steps
            .iter()
            .filter(|(number, _)| (after < *number || after == 0) && *number <= to)
            .map(|(_, calls)| f64::from(*calls))
            .sum()
    }
}

fn number(time: Duration) -> u128 {
    time.as_nanos() / STEP.as_nanos()
}

fn index(number: u128) -> usize {
    (number % STEPS as u128) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn calls_are_counted_between_two_times() {
        let mut sent = Sent::default();
        for time in [0, 1, 10, 10, 500, 900] {
            sent.add(ms(time));
        }
        assert!((sent.between(ms(0), ms(10)) - 4.0).abs() < 0.1);
        assert!((sent.between(ms(10), ms(900)) - 2.0).abs() < 0.1);
        assert!((sent.steps(ms(8), ms(12)).iter().sum::<f64>() - 2.0).abs() < 0.1);
    }

    #[test]
    fn calls_of_long_ago_are_forgotten() {
        let mut sent = Sent::default();
        sent.add(ms(10));
        sent.add(ms(10 + 4096));
        // Too late: newer calls have taken its place.
        sent.add(ms(10));
        assert!((sent.between(Duration::ZERO, Duration::MAX) - 1.0).abs() < 0.1);
        assert_eq!(sent.steps(Duration::ZERO, Duration::MAX).len(), STEPS);
        assert!(sent.steps(ms(20), ms(10)).is_empty());
    }
}
