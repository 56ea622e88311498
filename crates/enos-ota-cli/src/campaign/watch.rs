//! Follows devices to the end of their upgrades, without retrying anything.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use enos_ota::{Client, Clock as _, JobId, OrgId, SystemClock, WaitReason};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{
    DeviceState, Devices, Ending, Event, Fate, Outcome, Phase, Progress, TaskFacts, WatchEnd, WatchEvent, Watcher,
};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::display::{Display, TICK};
use super::picture::Picture;
use super::{ending, journals};
use crate::args::{Output, duration_in_words};
use crate::console;
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::interrupt::Interrupts;
use crate::results::{FateLine, Head, NoMore, Results};
use crate::session::Session;
use crate::text::{counted, thousands};
use crate::upgrades::Upgrades;

/// How often the journal of a campaign that goes on is read anew.
const REREAD: Duration = Duration::from_secs(30);
/// How long to wait for a journal in which no accepted device is left to follow.
const IDLE: Duration = Duration::from_secs(5);
/// A campaign that writes nothing for so long has been killed: no pause of the gateway is longer.
const SILENT: Duration = Duration::from_mins(6);

/// Devices to follow, and what is known of them.
struct Followed {
    job_id: JobId,
    org_id: OrgId,
    watcher: Watcher,
    /// Whether there may be more of them later.
    goes_on: bool,
    /// When the campaign last wrote something, in milliseconds since 1970-01-01 UTC.
    last_at_ms: i64,
}

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

fn watcher(client: &Client, job_id: &JobId, devices: Devices) -> Result<Watcher, Failure> {
    Ok(Watcher::new(client, job_id, devices)
        .map_err(|error| Failure::usage(with_causes(&error)))?
        .stages(false))
}

fn accepted(client: &Client, recovered: &Recovered) -> Result<Followed, Failure> {
    let all = &recovered.plan.devices;
    let mut devices = Devices::new();
    let mut known = Vec::new();
    for id in all.ids() {
        let standing = recovered.standing(id);
        if standing.state != DeviceState::Settled(Outcome::Accepted) {
            continue;
        }
        // Where its `updateTime` from before the campaign is not known, none is made up: times of two clocks tell nothing.
        let (followed, _) = devices
            .push(all.key(id), &all.facts(id))
            .map_err(|error| Failure::usage(error.to_string()))?;
        if standing.fate.is_final() {
            known.push((followed, id));
        }
    }
    let mut watcher = watcher(client, &recovered.plan.job_id, devices)?;
    for (followed, id) in known {
        let standing = recovered.standing(id);
        watcher.already(followed, standing.fate, standing.failed_again);
    }
    Ok(Followed {
        job_id: recovered.plan.job_id.clone(),
        org_id: recovered.plan.org_id.clone(),
        watcher,
        goes_on: recovered.ended.is_none(),
        last_at_ms: recovered.last_at_ms,
    })
}

struct Watch<'a> {
    session: &'a Session,
    deadline: Instant,
    journal: Option<PathBuf>,
    output: Output,
    interrupts: Interrupts,
    display: Display,
}

/// How the following of devices ended.
enum End {
    AllEnded,
    TimeIsUp,
    Interrupted(Exit),
    Failed(Ending),
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
        let mut picture = Picture::of_watch(&watcher);
        let following = watcher.unfinished().count();
        if following > 0 {
            let begins = Event::Following {
                devices: following,
                to_the_end: true,
            };
            self.display.event(&picture, &begins);
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
                    picture.take_progress(&progress);
                    self.display.progress(&picture, &progress);
                }
                event = watcher.next() => {
                    let Some(event) = event else { break };
                    let Some(event) = as_of_campaign(event) else { continue };
                    picture.take_event(&event);
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
                    self.display.event(&picture, &event);
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

impl Followed {
    /// Takes over what was seen before.
    fn take_over(&mut self, before: &Watcher) {
        for id in before.devices().ids() {
            let sight = before.sight(id);
            if sight.fate.is_final()
                && let Some(id) = self.watcher.devices().find(before.devices().key(id))
            {
                self.watcher.already(id, sight.fate, sight.reason);
            }
        }
    }

    fn silence(&self) -> Duration {
        Duration::from_millis(u64::try_from(SystemClock.now_ms() - self.last_at_ms).unwrap_or(0))
    }

    fn is_silent(&self) -> bool {
        self.silence() > SILENT
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

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    followed: usize,
    #[serde(flatten)]
    upgrades: Upgrades,
}

impl Sums {
    fn of(watcher: &Watcher) -> Self {
        Self {
            followed: watcher.devices().len(),
            upgrades: Upgrades::of_fates(watcher.fates()),
        }
    }

    fn sentence(self) -> String {
        let upgrades = self.upgrades;
        let parts: Vec<_> = [
            (upgrades.succeeded, "succeeded"),
            // Nobody has retried them here.
            (upgrades.failed_again, "failed"),
            (upgrades.gone, "without a task"),
            (upgrades.still_failed, "still failed"),
            (upgrades.under_way, "under way"),
            (upgrades.not_seen, "not looked at"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", thousands(count)))
        .collect();
        if parts.is_empty() {
            "no device to follow".to_owned()
        } else {
            format!("{}: {}", counted(self.followed, "device"), parts.join(", "))
        }
    }
}

fn write_end(
    mut results: Results,
    session: &Session,
    job_id: &JobId,
    org_id: &OrgId,
    watcher: &Watcher,
    end: &End,
) -> Result<Exit, Failure> {
    let devices = watcher.devices();
    let line = |id| {
        let sight = watcher.sight(id);
        FateLine {
            device_key: devices.key(id),
            fate: sight.fate,
            reason: sight.reason,
        }
    };
    // The others were told when they ended.
    for id in watcher.unfinished() {
        results.followed(&line(id));
    }
    let sums = Sums::of(watcher);
    let head = Head {
        schema: "enos-ota/watch/1",
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        summary: sums,
        more: NoMore {},
    };
    results.end(&head, || devices.ids().map(line));
    results.tell_unlisted();
    let failed = devices.ids().map(|id| watcher.sight(id));
    ending::tell_reasons(
        failed
            .filter(|sight| sight.fate == Fate::FailedAgain)
            .map(|sight| sight.reason),
    );
    let sentence = sums.sentence();
    let exit = match end {
        End::Failed(ending) => {
            if let Ending::Stopped(error) | Ending::GaveUp(error) = ending {
                console::failure(&session.failed(error.clone()));
            }
            console::error(format_args!("stopped; {sentence}"));
            Exit::of_ending(ending, None)
        }
        End::Interrupted(exit) => {
            console::error(format_args!("interrupted; {sentence}"));
            *exit
        }
        End::AllEnded | End::TimeIsUp if sums.upgrades.succeeded == sums.followed => {
            console::note(sentence);
            Exit::Success
        }
        End::AllEnded => {
            console::error(sentence);
            Exit::NotAll
        }
        End::TimeIsUp => {
            console::error(format_args!("the time is up; {sentence}"));
            Exit::NotAll
        }
    };
    results.conclude(exit)
}
