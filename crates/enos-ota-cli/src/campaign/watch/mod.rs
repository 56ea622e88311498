//! Follows devices to the end of their upgrades, without retrying anything.

mod end;
mod followed;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use enos_ota::{JobId, WaitReason};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{Devices, Ending, Event, Fate, Phase, Progress, TaskFacts, WatchEnd, WatchEvent, Watcher};
use tokio::time::MissedTickBehavior;

use end::{End, write_end};
use followed::{Followed, accepted, watcher};

use super::display::{Display, TICK};
use super::journals;
use super::progress_view::ProgressView;
use crate::args::{Output, duration_in_words};
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
    for key in keys {
        devices
            .push(key.as_ref(), &TaskFacts::default())
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    let followed = Followed {
        watcher: watcher(&session.client, &job_id, devices)?,
        job_id,
        org_id: session.client.org_id().clone(),
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
    let followed = accepted(&session.client, recovered)?;
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
        let mut results = Results::new(self.output, followed.watcher.devices().len());
        let (job_id, org_id) = (followed.job_id.clone(), followed.org_id.clone());
        // Those whose end was written to standard output, by key: the numbers change when the journal is read anew.
        let mut told = Devices::new();
        let (watcher, end) = loop {
            let goes_on = followed.goes_on;
            let (watcher, end) = self.follow(followed, &mut results, &mut told).await?;
            let wait = match &end {
                _ if !goes_on => None,
                // The journal may tell of more by now.
                End::TimeIsUp if Instant::now() < self.deadline => Some(Duration::ZERO),
                End::AllEnded => Some(IDLE.min(self.deadline.saturating_duration_since(Instant::now()))),
                _ => None,
            };
            let (Some(wait), Some(path)) = (wait, self.journal.clone()) else {
                break (watcher, end);
            };
            if !self.pause(wait).await {
                break (watcher, End::Interrupted(self.interrupts.exit()));
            }
            let recovered = journals::read(&path)?;
            followed = accepted(&self.session.client, &recovered)?;
            followed.take_over(&watcher);
            let nothing_new =
                matches!(end, End::AllEnded) && followed.watcher.devices().len() == watcher.devices().len();
            if nothing_new && (!followed.goes_on || followed.is_silent() || Instant::now() >= self.deadline) {
                if followed.goes_on {
                    self.display.say(format_args!(
                        "the campaign has not ended, and nothing was written to its journal for {}",
                        duration_in_words(followed.silence())
                    ));
                }
                break (watcher, end);
            }
        };
        self.display.close();
        write_end(results, self.session, &job_id, &org_id, &watcher, &end)
    }

    /// Follows devices until all have ended, the time is up, or the journal is to be read anew.
    async fn follow(
        &mut self,
        followed: Followed,
        results: &mut Results,
        told: &mut Devices,
    ) -> Result<(Watcher, End), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let time = if followed.goes_on { left.min(REREAD) } else { left };
        let mut watcher = followed.watcher.timeout(time);
        for id in watcher.devices().ids() {
            let sight = watcher.sight(id);
            tell(results, told, watcher.devices().key(id), sight.fate, sight.reason);
        }
        results.flush();
        let mut view = ProgressView::of_watch(&watcher);
        let following = watcher.unfinished().count();
        if following > 0 {
            let begins = Event::Following {
                devices: following,
                to_the_end: true,
            };
            self.display.event(&view, &begins);
        }
        let begun = Instant::now();
        let shared_terminal = io::stdout().is_terminal();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = self.interrupts.next() => return Ok((watcher, End::Interrupted(self.interrupts.exit()))),
                _ = ticks.tick() => {
                    let progress = progress(&watcher, begun.elapsed());
                    view.take_progress(&progress);
                    self.display.progress(&view, &progress);
                }
                event = watcher.next() => {
                    let Some(event) = event else { break };
                    let Some(event) = as_of_campaign(event) else { continue };
                    view.take_event(&event);
                    if let Event::Seen { devices: seen, fate, reason } = &event {
                        let mut tell_all = || {
                            for id in seen {
                                tell(results, told, watcher.devices().key(*id), *fate, reason.as_deref());
                            }
                            results.flush();
                        };
                        if shared_terminal {
                            self.display.suspend(tell_all);
                        } else {
                            tell_all();
                        }
                    }
                    self.display.event(&view, &event);
                }
            }
        }
        let end = match watcher.end() {
            Some(WatchEnd::AllEnded) => End::AllEnded,
            Some(WatchEnd::Failed(error)) => End::Failed(Ending::GaveUp(error.clone())),
            // The time is up, or an end that a later version of the library adds.
            _ => End::TimeIsUp,
        };
        Ok((watcher, end))
    }

    /// Waits. `false` if the user interrupts.
    async fn pause(&mut self, wait: Duration) -> bool {
        tokio::select! {
            () = self.interrupts.next() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// How a watch stands, as the display shows it.
fn progress(watcher: &Watcher, elapsed: Duration) -> Progress {
    let mut progress = Progress::default();
    progress.phase = Phase::Watching;
    progress.summary.accepted = watcher.devices().len();
    progress.fates = watcher.fates();
    progress.calls.searches = watcher.calls();
    progress.elapsed = elapsed;
    progress
}

/// What is seen by a watch, as if a campaign had seen it, for the display.
fn as_of_campaign(event: WatchEvent) -> Option<Event> {
    match event {
        WatchEvent::Seen { devices, fate, reason } => Some(Event::Seen { devices, fate, reason }),
        WatchEvent::Learned(message) => Some(Event::Learned { message }),
        WatchEvent::Waiting(waiting) => Some(match waiting.why {
            WaitReason::Throttled => Event::Throttled {
                pause: waiting.wait,
                quota: None,
            },
            WaitReason::TokenExpired => Event::Trouble {
                message: "the gateway does not accept the access token yet".into(),
            },
            _ => Event::Trouble {
                message: "the gateway does not answer".into(),
            },
        }),
        _ => None,
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
