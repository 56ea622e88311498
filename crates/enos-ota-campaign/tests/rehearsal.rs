//! A plan is rehearsed on an emulator, with the tasks of a job on another.
#![cfg(feature = "rehearsal")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod platform;

use std::num::NonZeroUsize;
use std::time::Duration;

use enos_ota::JobId;
use enos_ota_campaign::rehearsal::{Assumptions, Stage};
use enos_ota_campaign::{Ending, Fate, Finished, Outcome, Plan, Selection, Settings};
use enos_ota_emulator::{DEMO_FLEET_JOB_ID, Fault, Fleet, Scope};
use platform::start;

async fn rehearse(settings: Settings, assumptions: Assumptions) -> (Finished, usize) {
    let (emulator, client) = start(Fleet::demo()).await;
    let job: JobId = DEMO_FLEET_JOB_ID.parse().unwrap();
    let selection = Selection::default();
    let selected = selection.read(&client, &job, |_| ()).await.unwrap();
    let (org, chunk) = (client.org_id().clone(), NonZeroUsize::new(20).unwrap());
    let plan = Plan::of_selected(job, org, selection, chunk, 0, selected);
    let planned = plan.devices.len();
    let stage = Stage::set(&client, &plan, assumptions).await.unwrap();
    let finished = stage.begin(plan, settings).finish().await.unwrap();
    for id in finished.table.devices().ids() {
        let key = finished.table.devices().key(id);
        let here = stage.emulator().retry_count(DEMO_FLEET_JOB_ID, key).unwrap().applied;
        let accepted = finished.table.standing(id).outcome == Some(Outcome::Accepted);
        assert_eq!(here, u32::from(accepted), "{key}");
        // Nothing has happened where the job really is.
        assert_eq!(emulator.retry_count(DEMO_FLEET_JOB_ID, key).unwrap().named, 0, "{key}");
    }
    (finished, planned)
}

#[tokio::test]
async fn a_rehearsal_tells_what_would_be_done_and_does_nothing() {
    let mut settings = Settings::default();
    settings.watch = Some(Duration::from_hours(1));
    let (finished, planned) = rehearse(settings, Assumptions::default()).await;
    assert!(matches!(finished.ending, Ending::Complete));
    assert_eq!(finished.table.summary().accepted, planned);
    assert_eq!(finished.calls.retries, planned.div_ceil(20) as u64);
    assert_eq!(finished.table.fates()[0], planned);
}

#[tokio::test]
async fn assumptions_about_devices_and_faults_on_the_way_show_in_it() {
    let mut settings = Settings::default();
    settings.watch = Some(Duration::from_hours(1));
    let mut assumptions = Assumptions::default();
    assumptions.success_percent = 50.0;
    assumptions.faults = vec![
        Fault::cut_after_applying().on(Scope::Jobs).probability(0.3).forever(),
        Fault::latency(Duration::from_secs(1)).on(Scope::Jobs).forever(),
    ];
    let (finished, planned) = rehearse(settings, assumptions).await;
    assert!(matches!(finished.ending, Ending::Complete));
    assert_eq!(finished.table.summary().accepted, planned);
    let count = |fate| {
        let ids = finished.table.devices().ids();
        ids.filter(|id| finished.table.standing(*id).fate == fate).count()
    };
    let (succeeded, failed) = (count(Fate::Succeeded), count(Fate::FailedAgain));
    assert_eq!(succeeded + failed, planned);
    assert!(succeeded > planned / 4 && failed > planned / 4, "{succeeded} {failed}");
    assert!(finished.calls.lost > 0);
}
