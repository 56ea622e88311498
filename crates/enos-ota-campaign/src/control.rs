//! Stopping a campaign that runs.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    GoOn,
    Drain,
    Abandon,
}

/// Stops a campaign. Clones stop the same one.
#[derive(Clone, Debug)]
pub struct Controller(Arc<watch::Sender<Order>>);

impl Controller {
    pub(crate) fn new() -> (Self, watch::Receiver<Order>) {
        let (control, orders) = watch::channel(Order::GoOn);
        (Self(Arc::new(control)), orders)
    }

    /// Sends nothing new, and waits for the calls that are in flight.
    pub fn drain(&self) {
        self.0
            .send_if_modified(|order| std::mem::replace(order, Order::Drain.max(*order)) < Order::Drain);
    }

    /// Abandons the calls that are in flight. Whether their devices were retried is then in doubt; a journal has it.
    pub fn abandon(&self) {
        self.0.send_replace(Order::Abandon);
    }
}
