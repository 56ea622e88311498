//! `enos-ota watch`

use std::path::Path;

use enos_ota::PageSize;
use enos_ota::search::{Expression, tasks};
use futures_util::TryStreamExt as _;

use crate::args::{Keys, Watch};
use crate::campaign::{journals, watch};
use crate::device_keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::{self, looks_like_a_job_id};
use crate::session::Session;

pub(crate) async fn run(args: &Watch) -> Result<Exit, Failure> {
    let (timeout, output) = (args.give_up_after, args.output);
    let Some((job_id, devices)) = job_of(args) else {
        let path = match args.names.as_slice() {
            [] => journals::last()?,
            [path] => journals::locate(Path::new(path)),
            _ => {
                return Err(Failure::usage("several journals were given, or devices without a job")
                    .with_hint("give one journal, or the job before its devices"));
            }
        };
        if args.device_keys_file.is_some() {
            return Err(Failure::usage("--device-keys-file names devices, but no job is given")
                .with_hint("give the job, by its id of 24 hexadecimal digits or with --job-id"));
        }
        let recovered = journals::read(&path)?;
        let session = Session::open_in(&args.target, Some(&recovered.plan.org_id)).await?;
        journals::check_target(&session, &recovered, args.target.connection.base_url.is_some())?;
        return watch::journal(&session, &path, &recovered, timeout, output).await;
    };
    let job_id = job::parse_job_id(job_id)?;
    let keys = Keys {
        device_keys: devices.to_vec(),
        device_keys_file: args.device_keys_file.clone(),
    };
    let named = if keys.is_empty() {
        None
    } else {
        Some(device_keys::of(&keys)?)
    };
    let session = Session::open(&args.target).await?;
    let keys: Vec<String> = match named {
        Some(keys) => keys.iter().map(|key| key.as_str().to_owned()).collect(),
        None => not_ended(&session, job_id.as_str()).await?,
    };
    watch::named(&session, job_id, keys, timeout, output).await
}

/// The job and its devices, unless it is a journal that is named.
fn job_of(args: &Watch) -> Option<(&str, &[String])> {
    if let Some(job_id) = &args.job_id {
        return Some((job_id, &args.names));
    }
    let (first, rest) = args.names.split_first()?;
    (looks_like_a_job_id(first) && !Path::new(first).exists()).then_some((first.as_str(), rest))
}

/// The devices of a job whose upgrades have not ended.
async fn not_ended(session: &Session, job_id: &str) -> Result<Vec<String>, Failure> {
    let criteria = [
        tasks::JOB_ID.equals(job_id),
        tasks::STATUS.is_in(["init", "published", "upgrading"]),
    ];
    let criteria: Result<Vec<_>, _> = criteria.into_iter().collect();
    let expression = Expression::all(criteria.map_err(|error| Failure::usage(error.to_string()))?);
    let mut pages = session.client.task_pages(&expression, PageSize::new(PageSize::MAX)?);
    let mut keys = Vec::new();
    while let Some(page) = pages.try_next().await.map_err(|error| session.failed(error))? {
        keys.extend(page.items.into_iter().filter_map(|task| task.device_key));
    }
    Ok(keys)
}
