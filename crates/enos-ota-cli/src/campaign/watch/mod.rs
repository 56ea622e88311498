//! Follows devices to the end of their upgrades, without retrying anything.

mod end;
mod followed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enos_ota::{Clock as _, JobId, SystemClock};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{
    Campaign, DeviceTable, Devices, Ending, Event, Fate, Outcome, Plan, Selection, Settings, TaskFacts,
};

use end::{End, write_end};
use followed::{Followed, accepted};

use super::display::Display;
use super::{conduct, journals};
use crate::args::{Output, duration_in_words};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::results::{FateLine, Results};
use crate::session::Session;

/// How often the journal of a campaign that goes on is read anew.
const REREAD: Duration = Duration::from_secs(30);
/// How long to wait for a journal in which no accepted device is left to follow.
const IDLE: Duration = Duration::from_secs(5);

/// Follows devices of a job; of none of them is known since when it is as it is.
pub(crate) async fn named<K: AsRef<str>>(
    session: &Session,
    job_id: JobId,
    keys: impl IntoIterator<Item = K>,
    timeout: Duration,
    output: Output,
) -> Result<Exit, Failure> {
    let mut devices = Devices::new();
    // A task that is failed has failed, whenever that was.
    let facts = TaskFacts {
        updated_ms: Some(0),
        ..TaskFacts::default()
    };
    for key in keys {
        devices
            .push(key.as_ref(), &facts)
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    let followed = Followed {
        job_id,
        org_id: session.client.org_id().clone(),
        devices,
        known: Vec::new(),
        goes_on: false,
        last_at_ms: 0,
    };
    Watch::new(session, timeout, output, None)?.run(followed).await
}

/// Follows the accepted devices of a journal.
pub(crate) async fn journal(
    session: &Session,
    path: &Path,
    recovered: &Recovered,
    timeout: Duration,
    output: Output,
) -> Result<Exit, Failure> {
    let followed = accepted(recovered)?;
    Watch::new(session, timeout, output, Some(path.to_owned()))?
        .run(followed)
        .await
}

struct Watch<'a> {
    session: &'a Session,
    deadline: Instant,
    journal: Option<PathBuf>,
    output: Output,
    interrupts: Interrupts,
    display: Display,
}

impl<'a> Watch<'a> {
    fn new(session: &'a Session, timeout: Duration, output: Output, journal: Option<PathBuf>) -> Result<Self, Failure> {
        Ok(Self {
            session,
            deadline: Instant::now() + timeout,
            journal,
            output,
            interrupts: Interrupts::listen()?,
            display: Display::new(true),
        })
    }

    async fn run(mut self, mut followed: Followed) -> Result<Exit, Failure> {
        let mut results = Results::new(self.output, followed.devices.len());
        let (job_id, org_id) = (followed.job_id.clone(), followed.org_id.clone());
        // Those whose end was written to standard output, by key: the numbers change when the journal is read anew.
        let mut told = Devices::new();
        let (ledger, end) = loop {
            let goes_on = followed.goes_on;
            let (ledger, end) = self.follow(followed, &mut results, &mut told).await?;
            let wait = match &end {
                _ if !goes_on => None,
                // The journal may tell of more by now.
                End::TimeIsUp if Instant::now() < self.deadline => Some(Duration::ZERO),
                End::AllEnded => Some(IDLE.min(self.deadline.saturating_duration_since(Instant::now()))),
                _ => None,
            };
            let (Some(wait), Some(path)) = (wait, self.journal.clone()) else {
                break (ledger, end);
            };
            if !self.pause(wait).await {
                break (ledger, End::Interrupted(self.interrupts.exit()));
            }
            let recovered = journals::read(&path)?;
            followed = accepted(&recovered)?;
            followed.take_over(&ledger);
            let nothing_new = matches!(end, End::AllEnded) && followed.devices.len() == ledger.devices().len();
            if nothing_new && (!followed.goes_on || followed.is_silent() || Instant::now() >= self.deadline) {
                if followed.goes_on {
                    self.display.say(format_args!(
                        "the campaign has not ended, and nothing was written to its journal for {}",
                        duration_in_words(followed.silence())
                    ));
                }
                break (ledger, end);
            }
        };
        self.display.close();
        write_end(results, self.session, &job_id, &org_id, &ledger, &end)
    }

    /// Follows devices until all have ended, the time is up, or the journal is to be read anew.
    async fn follow(
        &mut self,
        followed: Followed,
        results: &mut Results,
        told: &mut Devices,
    ) -> Result<(DeviceTable, End), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut settings = Settings::default();
        settings.watch = Some(left);
        let plan = Plan::new(
            followed.job_id,
            followed.org_id,
            Selection::default(),
            std::num::NonZeroUsize::MIN,
            SystemClock.now_ms(),
            followed.devices,
        );
        let mut campaign = Campaign::new(&self.session.client, plan, settings.clone());
        let devices = Arc::clone(campaign.table().devices());
        // All have their outcome, so nothing is retried.
        let all: Vec<_> = devices.ids().collect();
        campaign.settle(&all, Outcome::Accepted, "");
        for (id, fate, reason) in &followed.known {
            campaign.see(&[*id], *fate, reason.as_deref());
            tell(results, told, devices.key(*id), *fate, reason.as_deref());
        }
        results.flush();
        let at_most = followed.goes_on.then_some(REREAD);
        let tell_seen = |event: &Event, devices: &Devices| {
            if let Event::Seen {
                devices: seen,
                fate,
                reason,
            } = event
            {
                for id in seen {
                    tell(results, told, devices.key(*id), *fate, reason.as_deref());
                }
                results.flush();
            }
        };
        let finished = conduct::run(
            campaign,
            &settings,
            &mut self.display,
            &mut self.interrupts,
            at_most,
            tell_seen,
        )
        .await?;
        let all_ended = devices.ids().all(|id| finished.table.standing(id).fate.is_final());
        let end = match finished.ending {
            _ if self.interrupts.stop().is_some() => End::Interrupted(self.interrupts.exit()),
            Ending::Complete | Ending::Interrupted if all_ended => End::AllEnded,
            Ending::Complete | Ending::Interrupted => End::TimeIsUp,
            ending => End::Failed(ending),
        };
        if let Some(why) = finished.confirmation.and_then(|seen| seen.why) {
            self.display.say(console::warning_line(format_args!(
                "not all devices could be seen: {why}"
            )));
        }
        Ok((finished.table, end))
    }

    /// Waits. `false` if the user interrupts.
    async fn pause(&mut self, wait: Duration) -> bool {
        tokio::select! {
            () = self.interrupts.next() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// Tells of a device once it has ended.
fn tell(results: &mut Results, told: &mut Devices, device_key: &str, fate: Fate, reason: Option<&str>) {
    if fate.is_final() && told.push(device_key, &TaskFacts::default()).is_ok_and(|(_, new)| new) {
        results.followed(&FateLine {
            device_key,
            fate,
            reason,
        });
    }
}
