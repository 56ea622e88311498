//! `enos-ota watch`

use std::path::Path;

use enos_ota::PageSize;
use enos_ota::search::{Expression, tasks};
use futures_util::TryStreamExt as _;

use crate::args::Watch;
use crate::campaign::{journals, watch};
use crate::device_keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::job::job_id_of;
use crate::session::Session;

pub(crate) async fn run(args: &Watch) -> Result<Exit, Failure> {
    let (timeout, output) = (args.give_up_after, args.output);
    let Some(job_id) = &args.job_id else {
        let [path] = args.names.as_slice() else {
            return Err(Failure::usage("several journals were given, or devices without a job")
                .with_hint("give one journal, or the job of the devices with --job-id"));
        };
        if looks_like_a_job_id(path) && !Path::new(path).exists() {
            return Err(Failure::usage(format!("there is no journal {path}"))
                .with_hint(format!("it looks like a job id: enos-ota watch --job-id {path}")));
        }
        let path = Path::new(path);
        let recovered = journals::read(path)?;
        let session = Session::open_in(&args.target, Some(&recovered.plan.org_id)).await?;
        journals::check_target(&session, &recovered, args.target.connection.base_url.is_some())?;
        return watch::journal(&session, path, &recovered, timeout, output).await;
    };
    let job_id = job_id_of(Some(job_id), &args.target.connection, false)?;
    let named = match &args.device_keys_file {
        Some(path) => Some(device_keys::of_file(path)?),
        None if args.names.is_empty() => None,
        None => Some(device_keys::of_names(&args.names)?),
    };
    let session = Session::open(&args.target).await?;
    let keys: Vec<String> = match named {
        Some(keys) => keys.iter().map(|key| key.as_str().to_owned()).collect(),
        None => not_ended(&session, job_id.as_str()).await?,
    };
    watch::named(&session, job_id, keys, timeout, output).await
}

/// Ids of the platform are 24 hexadecimal digits in all of its samples.
fn looks_like_a_job_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
