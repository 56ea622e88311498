//! Lets a campaign run, shows it, and obeys signals.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use enos_ota_campaign::{Campaign, Devices, Event, Finished, Settings};
use tokio::time::MissedTickBehavior;

use super::display::{Display, TICK};
use super::progress_view::ProgressView;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::{Interrupts, Stop};

/// Runs a campaign to its end. `tell` writes what becomes of devices to standard output.
pub(crate) async fn run(
    campaign: Campaign,
    settings: &Settings,
    display: &mut Display,
    interrupts: &mut Interrupts,
    mut tell: impl FnMut(&Event, &Devices),
) -> Result<Finished, Failure> {
    let devices = Arc::clone(campaign.table().devices());
    let mut view = ProgressView::new(campaign.table(), settings);
    let shared_terminal = io::stdout().is_terminal();
    let mut running = campaign.start();
    let controller = running.controller();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = interrupts.next() => {
                if interrupts.first() {
                    controller.drain();
                    let word = interrupts.stop().map_or("Interrupted", Stop::word);
                    display.say(format_args!(
                        "{word}. Waiting for the calls under way; interrupt again to abandon them."
                    ));
                } else {
                    controller.abandon();
                }
            }
            _ = ticks.tick() => {
                let progress = running.progress();
                view.take_progress(&progress);
                display.progress(&view, &progress);
            }
            event = running.next_event() => {
                let Some(event) = event else { break };
                view.take_event(&event);
                match event {
                    Event::Settled { .. } | Event::Seen { .. } if shared_terminal => {
                        display.suspend(|| tell(&event, &devices));
                    }
                    _ => tell(&event, &devices),
                }
                display.event(&view, &event);
            }
        }
    }
    running
        .finish()
        .await
        .map_err(|error| Failure::new(Exit::Internal, format!("a defect in this program: {error}")))
}
