//! Follows devices to the end of their upgrades, without retrying anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enos_ota::{Clock as _, JobId, OrgId, SystemClock};
use enos_ota_campaign::journal::Recovered;
use enos_ota_campaign::{
    Campaign, DeviceId, DeviceState, DeviceTable, Devices, Ending, Event, Fate, Outcome, Plan, Selection, Settings,
    TaskFacts,
};
use serde::Serialize;

use super::display::Display;
use super::{conduct, ending, journals};
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
    devices: Devices,
    known: Vec<(DeviceId, Fate, Option<Arc<str>>)>,
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

fn accepted(recovered: &Recovered) -> Result<Followed, Failure> {
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
            known.push((
                followed,
                standing.fate,
                recovered.standing(id).failed_again.map(Into::into),
            ));
        }
    }
    Ok(Followed {
        job_id: recovered.plan.job_id.clone(),
        org_id: recovered.plan.org_id.clone(),
        devices,
        known,
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
        write_end(results, &job_id, &org_id, &ledger, &end)
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

impl Followed {
    /// Takes over what was seen before.
    fn take_over(&mut self, ledger: &DeviceTable) {
        for id in ledger.devices().ids() {
            let standing = ledger.standing(id);
            if standing.fate.is_final()
                && let Some(id) = self.devices.find(ledger.devices().key(id))
            {
                self.known
                    .push((id, standing.fate, standing.failed_again.map(Into::into)));
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
    fn of(ledger: &DeviceTable) -> Self {
        Self {
            followed: ledger.devices().len(),
            upgrades: Upgrades::of(ledger),
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
    job_id: &JobId,
    org_id: &OrgId,
    ledger: &DeviceTable,
    end: &End,
) -> Result<Exit, Failure> {
    let devices = ledger.devices();
    let line = |id| {
        let standing = ledger.standing(id);
        FateLine {
            device_key: devices.key(id),
            fate: standing.fate,
            reason: standing.failed_again,
        }
    };
    // The others were told when they ended.
    for id in devices.ids().filter(|id| !ledger.standing(*id).fate.is_final()) {
        results.followed(&line(id));
    }
    let sums = Sums::of(ledger);
    let head = Head {
        schema: "enos-ota/watch/1",
        job_id: job_id.as_str(),
        org_id: org_id.as_str(),
        summary: sums,
        more: NoMore {},
    };
    results.end(&head, || devices.ids().map(line));
    results.tell_unlisted();
    ending::tell_reasons(ledger);
    let sentence = sums.sentence();
    let exit = match end {
        End::Failed(ending) => {
            if let Ending::Stopped(error) | Ending::GaveUp(error) = ending {
                console::error(with_causes(error));
                console::hint(error.remedy());
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
