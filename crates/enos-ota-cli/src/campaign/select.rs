//! Which devices are meant: from the options, and from the platform.

use std::num::NonZeroUsize;
use std::path::Path;

use enos_ota::{Clock as _, ErrorKind, JobId, SystemClock};
use enos_ota_campaign::{
    Criteria, Devices, Exclusion, Named, Plan, Reader, SelectError, Selection, TaskFacts, TaskState, read_named,
};

use super::display::Display;
use crate::args::{self, Keys};
use crate::console;
use crate::device_keys;
use crate::exit::{Exit, blames_organization};
use crate::failure::{Failure, with_causes};
use crate::session::Session;
use crate::text::visible;

/// The selection that the options speak of.
pub(crate) fn selection(keys: &Keys, criteria: &args::Criteria) -> Result<Selection, Failure> {
    let exclude = criteria.exclude_file.as_deref().map(exclusion).transpose()?;
    if criteria.failed {
        return Ok(Selection::Failed(Criteria {
            reason: criteria.reason.iter().cloned().collect(),
            not_reason: criteria.not_reason.iter().cloned().collect(),
            from_version: criteria.from_version.clone(),
            to_version: criteria.to_version.clone(),
            cause: criteria.cause.clone(),
            since_ms: criteria.since,
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

fn exclusion(file: &Path) -> Result<Exclusion, Failure> {
    let mut devices = Devices::new();
    for key in device_keys::any_of_file(file)? {
        devices
            .push(key.as_str(), &TaskFacts::default())
            .map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(Exclusion::new(devices))
}

/// A plan, and how the tasks of named devices stood when they were looked up.
pub(crate) struct Chosen {
    pub(crate) plan: Plan,
    pub(crate) not_failed: usize,
    pub(crate) gone: usize,
}

impl From<Plan> for Chosen {
    fn from(plan: Plan) -> Self {
        Self {
            plan,
            not_failed: 0,
            gone: 0,
        }
    }
}

/// Whether devices that a person has named are looked up before anything is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LookUp {
    /// What is known of their tasks is asked for.
    Needed,
    /// If the platform lets them be searched for. Should an answer be lost, it is known then that a device was failed
    /// before, and when; without that, one that has failed again cannot be told from one that was never retried.
    IfAllowed,
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

/// Whether so many devices are looked up that one wants to see how far it has come.
pub(crate) fn takes_time(selection: &Selection, chunk_size: NonZeroUsize) -> bool {
    !matches!(selection, Selection::Named(named) if named.given() <= chunk_size.get())
}

/// Reads the devices from the platform, whole, before anything is done with them.
pub(crate) async fn read(
    session: &Session,
    job_id: &JobId,
    selection: Selection,
    chunk_size: NonZeroUsize,
    look_up: LookUp,
    display: &mut Display,
) -> Result<Chosen, Unread> {
    if matches!(selection, Selection::Failed(_)) {
        display.announce(format_args!(
            "reading the failed tasks of the job {}",
            visible(job_id.as_str())
        ));
    }
    let created_ms = SystemClock.now_ms();
    let selected = Reader::new(&session.client)
        .read(&selection, job_id, |progress| display.reading(&progress))
        .await
        .map_err(|error| unread(&error, session))?;
    if selected.read == 0 && matches!(selection, Selection::Failed(_)) {
        check_job(session, job_id).await?;
    }
    let plan = Plan::of_selected(
        job_id.clone(),
        session.client.org_id().clone(),
        selection,
        chunk_size,
        created_ms,
        selected,
    );
    let mut chosen = Chosen::from(plan);
    let named = matches!(chosen.plan.selection, Selection::Named(_));
    if named && look_up != LookUp::No {
        let found = read_named(&session.client, job_id, &chosen.plan.devices, |progress| {
            display.reading(&progress);
        })
        .await;
        match found {
            Ok(found) => {
                chosen.not_failed = found.count(TaskState::UnderWay) + found.count(TaskState::Succeeded);
                chosen.gone = found.count(TaskState::Gone);
                chosen.plan.devices = found.devices;
            }
            Err(error) if look_up == LookUp::IfAllowed && concerns_searches_alone(&error) => {
                console::warning(format_args!(
                    "the devices were not looked up before the retry: {}",
                    with_causes(&error)
                ));
            }
            Err(error) => {
                return Err(Unread {
                    failure: unread(&error, session),
                    devices: chosen.plan.devices,
                });
            }
        }
    }
    Ok(chosen)
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

/// Looks whether there is a job at all: a search for the tasks of one that is not there finds none.
async fn check_job(session: &Session, job_id: &JobId) -> Result<(), Failure> {
    match session.client.get_job(job_id).await {
        Err(error) if error.kind() == ErrorKind::Precondition => Err(error.into()),
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
        SelectError::Search { source, .. } if blames_organization(source) => {
            Failure::wrong_organization(session.client.org_id().as_str(), &session.base_url)
        }
        SelectError::Search { source, .. } => {
            Failure::new(Exit::of_error(source), with_causes(error)).with_hint(source.remedy())
        }
        _ => Failure::usage(with_causes(error)),
    }
}
