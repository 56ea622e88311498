//! Which devices are meant: from the options, and from the platform.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::text::with_causes;
use enos_ota::{Clock as _, ErrorKind, EvenPace, JobId, Pacer, SystemClock};
use enos_ota_campaign::{
    Count, Criteria, DeviceId, Devices, Exclusion, Named, OddRows, Plan, Reader, SelectError, Selection, TaskFacts,
    TaskState,
};

use super::display::Display;
use crate::args::{self, Connection, Keys};
use crate::console;
use crate::device_keys;
use crate::exit::{Exit, blames_organization};
use crate::failure::Failure;
use crate::listing;
use crate::session::Session;
use crate::text::{counted, visible};

/// The selection that the options speak of.
pub(crate) fn selection(keys: &Keys, criteria: &args::Criteria) -> Result<Selection, Failure> {
    if criteria.failed && !keys.is_empty() {
        return Err(
            Failure::usage("devices are named, and --failed takes all that have failed")
                .with_hint("leave out either; --exclude-file leaves devices out of --failed"),
        );
    }
    let exclude = criteria.exclude_file.as_deref().map(exclusion).transpose()?;
    if criteria.failed {
        return Ok(Selection::Failed(Criteria {
            reason: criteria.reason.iter().cloned().collect(),
            not_reason: criteria.not_reason.iter().cloned().collect(),
            from_version: criteria.from_version.clone(),
            to_version: criteria.to_version.clone(),
            cause: criteria.cause.clone(),
            since_ms: since(criteria),
            exclude,
            include_cancelled: criteria.include_cancelled,
        }));
    }
    if keys.is_empty() {
        return Err(Failure::usage("no device keys were given").with_hint(
            "name devices, or a file of them with --device-keys-file; --failed takes all failed tasks of the job",
        ));
    }
    let keys = device_keys::of(keys)?;
    let named = Named::new(keys.iter().map(|key| key.as_str())).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Selection::Named(match exclude {
        Some(exclude) => named.excluding(exclude),
        None => named,
    }))
}

/// The time of `--since`. How it was read is said, since the files of a campaign are in UTC.
fn since(criteria: &args::Criteria) -> Option<i64> {
    let since = criteria.since.as_ref()?;
    if let Some(read_as) = &since.read_as {
        console::note(format_args!("since {read_as}"));
    }
    Some(since.ms)
}

fn exclusion(file: &Path) -> Result<Exclusion, Failure> {
    let mut devices = Devices::new();
    for key in device_keys::any_of_file(file)? {
        devices
            .push(key.as_str(), &TaskFacts::default())
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(Exclusion::new(devices))
}

/// A plan, and what the platform has told besides.
pub(crate) struct SelectedPlan {
    pub(crate) plan: Plan,
    /// Named devices that were looked up and are not failed.
    pub(crate) not_failed: Vec<DeviceId>,
    /// Named devices that were looked up and have no task in the job.
    pub(crate) gone: Vec<DeviceId>,
    /// Why all the failed tasks of the job failed, if none of them was selected.
    pub(crate) reasons_of_all: Vec<Count>,
}

impl From<Plan> for SelectedPlan {
    fn from(plan: Plan) -> Self {
        Self {
            plan,
            not_failed: Vec::new(),
            gone: Vec::new(),
            reasons_of_all: Vec::new(),
        }
    }
}

/// Whether devices that a person has named are looked up before anything is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// What is known of their tasks is asked for.
    Needed,
    /// Should an answer be lost, then how a task stood before tells whether it was retried. If searches alone are
    /// refused, the devices are sent all the same.
    Wanted,
    /// The user does without.
    No,
}

/// What no device was retried for.
pub(crate) struct Unread {
    pub(crate) failure: Failure,
    /// The devices, as far as they are known without the platform.
    pub(crate) devices: Devices,
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            devices: Devices::new(),
        }
    }
}

/// Reads the platform, at no more than so many calls a second. A page is given up when `--timeout` is over.
pub(crate) fn reader<'s>(
    session: &'s Session,
    connection: &Connection,
    rate: Option<f64>,
    look_up: LookUp,
) -> Reader<'s> {
    let patience = match look_up {
        LookUp::Needed => Duration::from_mins(5),
        // The window of a limit. The retries have a patience of their own.
        LookUp::Wanted | LookUp::No => Duration::from_mins(1),
    };
    let pacer = rate.map(|rate| {
        let distance = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        Arc::new(EvenPace::every(distance)) as Arc<dyn Pacer>
    });
    Reader::new(&session.client)
        .patience(connection.timeout.map_or(patience, |given| given.min(patience)))
        .pacer(pacer)
}

/// Whether so many devices are looked up that one wants to see how far it has come.
pub(crate) fn takes_time(selection: &Selection, chunk_size: NonZeroUsize) -> bool {
    !matches!(selection, Selection::Named(named) if named.given() <= chunk_size.get())
}

/// Reads the devices from the platform, whole, before anything is done with them.
pub(crate) async fn read(
    session: &Session,
    reader: &Reader<'_>,
    job_id: &JobId,
    selection: Selection,
    chunk_size: NonZeroUsize,
    look_up: LookUp,
    display: &mut Display,
) -> Result<SelectedPlan, Unread> {
    if matches!(selection, Selection::Failed(_)) {
        display.announce(format_args!(
            "reading the failed tasks of the job {}",
            visible(job_id.as_str())
        ));
    }
    let created_ms = SystemClock.now_ms();
    let selected = reader
        .read(&selection, job_id, |progress| display.reading(&progress))
        .await
        .map_err(|error| unread(&error, session))?;
    if selected.read == 0 && matches!(selection, Selection::Failed(_)) {
        check_job(session, job_id).await?;
    }
    warn_of_odd_rows(&selected.odd, display);
    if selected.repeats {
        return Err(repeats(selected.read).into());
    }
    let plan = Plan::of_selected(
        job_id.clone(),
        session.client.org_id().clone(),
        selection,
        chunk_size,
        created_ms,
        selected,
    );
    let mut chosen = SelectedPlan::from(plan);
    if chosen.plan.devices.is_empty() && matches!(chosen.plan.selection, Selection::Failed(_)) {
        chosen.reasons_of_all = reasons_of_all(session, reader, &chosen.plan, display).await;
    }
    if look_up == LookUp::No || !matches!(chosen.plan.selection, Selection::Named(_)) {
        return Ok(chosen);
    }
    let found = reader
        .look_up(job_id, &chosen.plan.devices, |progress| display.reading(&progress))
        .await;
    match found {
        Ok(found) => {
            if let Some(refusal) = &found.key_search_refused {
                display.say(console::warning_line(format_args!(
                    "the platform does not search for devices by their keys ({}): the failed tasks of the job were read \
                     instead",
                    visible(&refusal.to_string())
                )));
            }
            warn_of_odd_rows(&found.odd, display);
            for id in found.devices.ids() {
                match found.state(id) {
                    TaskState::UnderWay | TaskState::Succeeded | TaskState::NotFailed => chosen.not_failed.push(id),
                    TaskState::Gone => chosen.gone.push(id),
                    _ => {}
                }
            }
            chosen.plan.devices = Arc::new(found.devices);
        }
        Err(error) if look_up == LookUp::Needed || !concerns_searches_alone(&error) => {
            return Err(Unread {
                failure: unread(&error, session),
                devices: Arc::unwrap_or_clone(chosen.plan.devices),
            });
        }
        Err(error) => display.say(console::warning_line(format_args!(
            "the devices could not be looked up: {}; if an answer is lost, some may stay unknown",
            visible(&with_causes(&error))
        ))),
    }
    Ok(chosen)
}

/// Why the failed tasks of the job failed, whatever the criteria say. Nothing if that cannot be read now.
async fn reasons_of_all(session: &Session, reader: &Reader<'_>, plan: &Plan, display: &mut Display) -> Vec<Count> {
    if plan.left_out.by_reason + plan.left_out.by_cause == 0 {
        return Vec::new();
    }
    let all = Selection::Failed(Criteria {
        include_cancelled: true,
        ..Criteria::default()
    });
    let read = reader
        .read(&all, &plan.job_id, |progress| display.reading(&progress))
        .await;
    read.map_or_else(
        |_| Vec::new(),
        |selected| {
            unread_plan(session, &plan.job_id, plan.chunk_size, selected.devices)
                .summary()
                .reasons
        },
    )
}

/// Whether a retry may well be answered although a search is refused.
fn concerns_searches_alone(error: &SelectError) -> bool {
    match error {
        SelectError::Search { source, .. } => match source.kind() {
            ErrorKind::InvalidArgument => !blames_organization(source),
            ErrorKind::PermissionDenied | ErrorKind::UnknownCode => true,
            _ => false,
        },
        _ => false,
    }
}

/// Names the rows that were left out because they prove nothing.
fn warn_of_odd_rows(odd: &OddRows, display: &mut Display) {
    let named = odd.examples.len().min(listing::NAMED_ROWS);
    for row in &odd.examples[..named] {
        display.say(console::warning_line(listing::unreadable(row)));
    }
    if odd.unreadable > named {
        display.say(console::warning_line(format_args!(
            "{} more could not be read",
            counted(odd.unreadable - named, "task")
        )));
    }
    if odd.foreign > 0 {
        display.say(console::warning_line(format_args!(
            "the platform sent {} of other jobs or organizations, which were not asked for: they are left out",
            counted(odd.foreign, "task")
        )));
    }
}

/// The platform shows a part of the tasks only. Whoever goes on with that part takes it for all.
fn repeats(read: usize) -> Failure {
    Failure::new(
        Exit::GaveUp,
        format!(
            "the platform sends the same {} whatever page is asked for; the others are missing",
            counted(read, "task")
        ),
    )
    .with_hint("nothing was sent; name the devices instead of --failed, or tell the platform's support of the search")
}

/// Looks whether there is a job at all: a search for the tasks of one that is not there finds none.
async fn check_job(session: &Session, job_id: &JobId) -> Result<(), Failure> {
    match session.client.get_job(job_id).await {
        Err(error) if error.kind() == ErrorKind::Precondition => Err(session.failed(error)),
        // Whatever else is wrong, the search has been answered.
        _ => Ok(()),
    }
}

/// The plan that was not carried out.
pub(crate) fn unread_plan(session: &Session, job_id: &JobId, chunk_size: NonZeroUsize, devices: Devices) -> Plan {
    Plan::new(
        job_id.clone(),
        session.client.org_id().clone(),
        Selection::default(),
        chunk_size,
        SystemClock.now_ms(),
        devices,
    )
}

pub(crate) fn unread(error: &SelectError, session: &Session) -> Failure {
    match error {
        SelectError::Search { source, .. } => session.failed(source.clone()).while_doing(error.to_string()),
        _ => Failure::usage(with_causes(error)),
    }
}
