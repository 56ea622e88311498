//! Selections are read from the emulator.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod platform;

use std::num::NonZeroUsize;
use std::time::Duration;

use enos_ota::types::TaskInfo;
use enos_ota::{DeviceKeys, JobId, PageSize};
use enos_ota_campaign::{
    Cause, Criteria, Devices, Exclusion, LeftOut, Patterns, ReadProgress, Reader, Seen, SelectError, Selected,
    Selection, TaskFacts, TaskState, Verdict, Why, read_named,
};
use enos_ota_emulator::{
    Action, DEMO_FLEET_JOB_ID, DEMO_JOB_ID, Emulator, Fault, Fleet, Job, ManualClock, Outcome, Pace, Scope, Task,
};
use platform::{keys, reader, start, start_with};

fn job(id: &str) -> JobId {
    id.parse().unwrap()
}

fn list<'k>(keys: impl IntoIterator<Item = &'k str>) -> Devices {
    let mut devices = Devices::new();
    for key in keys {
        devices.push(key, &TaskFacts::default()).unwrap();
    }
    devices
}

/// What is selected of the pumps of the demo fleet.
async fn of_pumps(criteria: Criteria) -> (Vec<String>, LeftOut) {
    let (_emulator, client) = start(Fleet::demo()).await;
    let selected = Selection::Failed(criteria)
        .read(&client, &job(DEMO_JOB_ID), |_| ())
        .await
        .unwrap();
    assert_eq!(selected.read, selected.devices.len() + selected.left_out.total());
    assert!(!selected.moved && selected.readings == 1);
    (keys(&selected.devices), selected.left_out)
}

fn pumps(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("pump-{n:02}")).collect()
}

#[tokio::test]
async fn all_failed_tasks_are_selected_but_those_that_a_person_has_cancelled() {
    let (found, left_out) = of_pumps(Criteria::default()).await;
    assert_eq!(found, pumps(1..=9));
    assert_eq!((left_out.cancelled, left_out.total()), (1, 1));
    let (found, left_out) = of_pumps(Criteria {
        include_cancelled: true,
        ..Criteria::default()
    })
    .await;
    assert_eq!(found, pumps(1..=10));
    assert!(left_out.is_empty());
}

#[tokio::test]
async fn reasons_are_wanted_or_not_wanted() {
    let patterns = |patterns: &[&str]| Patterns::parse(patterns.iter().copied()).unwrap();
    let (found, left_out) = of_pumps(Criteria {
        reason: patterns(&["*TIMED OUT*", "failed to * the firmware*"]),
        not_reason: patterns(&["*flash*"]),
        ..Criteria::default()
    })
    .await;
    assert_eq!(found, pumps([1, 2, 3, 4, 5, 8, 9]));
    assert_eq!((left_out.by_reason, left_out.cancelled, left_out.total()), (2, 1, 3));
}

#[tokio::test]
async fn causes_are_told_by_the_progress() {
    let of = |cause: &[Cause]| {
        of_pumps(Criteria {
            cause: cause.to_vec(),
            ..Criteria::default()
        })
    };
    assert_eq!(of(&[Cause::Download]).await.0, pumps([1, 2, 3]));
    assert_eq!(of(&[Cause::Verification]).await.0, pumps([4, 5]));
    assert_eq!(of(&[Cause::Write, Cause::Ignored]).await.0, pumps([6, 7]));
    let (found, left_out) = of(&[Cause::Unspecified]).await;
    assert_eq!(found, pumps([8, 9]));
    assert_eq!((left_out.by_cause, left_out.cancelled), (7, 1));
}

#[tokio::test]
async fn versions_are_searched_for_and_compared_again() {
    let (emulator, client) = start(Fleet::demo()).await;
    let criteria = Criteria {
        from_version: vec!["3.1.4".to_owned()],
        to_version: vec!["3.3.0".to_owned(), "9".to_owned()],
        ..Criteria::default()
    };
    let selection = Selection::Failed(criteria.clone());
    let selected = selection.read(&client, &job(DEMO_FLEET_JOB_ID), |_| ()).await.unwrap();
    assert!(!selected.devices.is_empty());
    for id in selected.devices.ids() {
        assert_eq!(selected.devices.facts(id).from_version, Some("3.1.4"));
    }
    let searched = emulator.requests().pop().unwrap().search.unwrap();
    assert_eq!(
        searched.expression,
        format!(
            "jobId='{DEMO_FLEET_JOB_ID}' and status='failed' and fromVersion='3.1.4' and toVersion in ('3.3.0','9')"
        )
    );
    assert_eq!(searched.page_size, 200);
    // The platform searched for them, so none is read and left out.
    assert_eq!(selected.left_out.by_version, 0);

    // A version that cannot be written in an expression is compared here alone.
    let criteria = Criteria {
        from_version: vec!["3.1.4".to_owned(), "it's".to_owned()],
        ..Criteria::default()
    };
    let again = Selection::Failed(criteria)
        .read(&client, &job(DEMO_FLEET_JOB_ID), |_| ())
        .await
        .unwrap();
    assert_eq!(keys(&again.devices), keys(&selected.devices));
    assert!(again.left_out.by_version > 0);
    let searched = emulator.requests().pop().unwrap().search.unwrap();
    assert!(!searched.expression.contains("Version"));
}

#[tokio::test]
async fn tasks_that_changed_before_a_time_are_left_out() {
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks([
        Task::failed("a").update_time(999),
        Task::failed("b").update_time(1000),
        Task::failed("c").update_time(1001),
    ]));
    let (_emulator, client) = start(fleet).await;
    let selected = Selection::Failed(Criteria {
        since_ms: Some(1000),
        ..Criteria::default()
    })
    .read(&client, &job("j1"), |_| ())
    .await
    .unwrap();
    assert_eq!(keys(&selected.devices), ["b", "c"]);
    assert_eq!(selected.left_out.by_time, 1);
    // What the search told is kept.
    let facts = selected.devices.facts(selected.devices.find("b").unwrap());
    assert_eq!(
        (facts.updated_ms, facts.progress, facts.reason),
        (Some(1000), Some(-1), None)
    );
    assert_eq!(facts.product_key, Some("demoProduct"));
}

#[tokio::test]
async fn devices_are_excluded_by_key() {
    let exclude = Exclusion::new(list(["pump-02", "pump-01", "no-such-pump"]));
    let (found, left_out) = of_pumps(Criteria {
        exclude: Some(exclude),
        ..Criteria::default()
    })
    .await;
    assert_eq!(found, pumps(3..=9));
    assert_eq!((left_out.excluded, left_out.cancelled), (2, 1));
}

#[test]
fn a_task_is_left_out_for_the_first_reason_there_is() {
    let task = |json: &str| -> TaskInfo { serde_json::from_str(json).unwrap() };
    let criteria = Criteria {
        reason: Patterns::parse(["*"]).unwrap(),
        not_reason: Patterns::parse(["bad*"]).unwrap(),
        from_version: vec!["1".to_owned()],
        to_version: vec!["2".to_owned()],
        cause: vec![Cause::Download],
        since_ms: Some(5),
        exclude: Some(Exclusion::new(list(["x"]))),
        include_cancelled: false,
    };
    let (taken, left) = (Verdict::Taken, Verdict::LeftOut);
    for (json, verdict) in [
        (r"{}", left(Why::NoKey)),
        (r#"{"deviceKey":""}"#, left(Why::NoKey)),
        (r#"{"deviceKey":"x","status":"succeeded"}"#, left(Why::Other)),
        (r#"{"deviceKey":"x","status":"failed"}"#, left(Why::Excluded)),
        (r#"{"deviceKey":"d","desc":"cancelled by user"}"#, left(Why::Cancelled)),
        (r#"{"deviceKey":"d"}"#, left(Why::Version)),
        (r#"{"deviceKey":"d","fromVersion":"1"}"#, left(Why::Version)),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2"}"#,
            left(Why::Time),
        ),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2","updateTime":4}"#,
            left(Why::Time),
        ),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2","updateTime":5}"#,
            left(Why::Cause),
        ),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2","updateTime":5,"progress":-7}"#,
            left(Why::Cause),
        ),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2","updateTime":5,"progress":-2,"desc":"Bad luck"}"#,
            left(Why::Reason),
        ),
        (
            r#"{"deviceKey":"d","fromVersion":"1","toVersion":"2","updateTime":"5","progress":"-2"}"#,
            taken,
        ),
    ] {
        assert_eq!(criteria.matches(&task(json)), verdict, "{json}");
        let why = match verdict {
            Verdict::Taken => None,
            Verdict::LeftOut(why) => Some(why),
        };
        let mut left_out = LeftOut::default();
        if let Some(why) = why {
            left_out.add(why);
        }
        assert_eq!(left_out.total(), usize::from(why.is_some()));
    }
    let all = Criteria::default();
    assert_eq!(all.matches(&task(r#"{"deviceKey":"d"}"#)), taken);
}

#[tokio::test]
async fn a_task_without_a_reason_is_matched_by_a_star_alone() {
    let fleet = Fleet::new("o1").job(Job::started("j1").task(Task::failed("a")));
    let (_emulator, client) = start(fleet).await;
    for (pattern, count) in [("*", 1), ("?*", 0), ("*x*", 0)] {
        let selection = Selection::Failed(Criteria {
            reason: Patterns::parse([pattern]).unwrap(),
            ..Criteria::default()
        });
        let selected = selection.read(&client, &job("j1"), |_| ()).await.unwrap();
        assert_eq!(selected.devices.len(), count, "{pattern}");
    }
}

#[test]
fn a_selection_is_written_as_it_was_said() {
    let selection = Selection::Failed(Criteria {
        reason: Patterns::parse(["*a*"]).unwrap(),
        not_reason: Patterns::parse(["b"]).unwrap(),
        from_version: vec!["1".to_owned()],
        to_version: vec!["2".to_owned()],
        cause: vec![Cause::Write],
        since_ms: Some(1_767_323_045_000),
        exclude: Some(Exclusion::new(list(["b", "a"]))),
        include_cancelled: true,
    });
    let json = serde_json::to_string(&selection).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"failed":{"reason":["*a*"],"notReason":["b"],"fromVersion":["1"],"toVersion":["2"],"cause":["write"],"#,
            r#""since":"2026-01-02T03:04:05Z","exclude":{"devices":2,"#,
            r#""sha256":"911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2"},"includeCancelled":true}}"#
        )
    );
    let again: Selection = serde_json::from_str(&json).unwrap();
    assert_eq!(again, selection);
    // Which devices it were is not known any more.
    let exclude = again.exclude().unwrap();
    assert!(!exclude.is_known() && !exclude.contains("a") && exclude.len() == 2);

    let named = Selection::named(["b", "a", "b"]).unwrap();
    let json = serde_json::to_string(&named).unwrap();
    assert_eq!(json, r#"{"named":{"given":3,"repeated":1}}"#);
    assert_eq!(serde_json::from_str::<Selection>(&json).unwrap(), named);
    assert_eq!(
        serde_json::to_string(&Selection::default()).unwrap(),
        r#"{"failed":{}}"#
    );
    for bad in [
        r#"{"failed":{"reason":[""]}}"#,
        r#"{"failed":{"cause":["bad luck"]}}"#,
        r#"{"failed":{"since":"yesterday"}}"#,
    ] {
        assert!(serde_json::from_str::<Selection>(bad).is_err(), "{bad}");
    }
    assert_eq!(
        "luck".parse::<Cause>().unwrap_err().to_string(),
        "`luck` is no cause of a failure; expected one of download, verification, write, ignored, unspecified, or \
         a negative number such as -7"
    );
}

#[test]
fn device_makers_have_causes_of_their_own() {
    let cause: Cause = "-17".parse().unwrap();
    assert_eq!(cause, Cause::Own(-17));
    // The same as by its name.
    assert_eq!("-2".parse::<Cause>().unwrap(), Cause::Download);
    for bad in ["0", "3", "-", "-99999999999", "Download"] {
        assert!(bad.parse::<Cause>().is_err(), "{bad}");
    }
    let criteria = Criteria {
        cause: vec![cause, Cause::Write],
        ..Criteria::default()
    };
    let json = serde_json::to_string(&criteria).unwrap();
    assert_eq!(json, r#"{"cause":["-17","write"]}"#);
    assert_eq!(serde_json::from_str::<Criteria>(&json).unwrap(), criteria);
    let task = |progress: i32| -> TaskInfo {
        serde_json::from_value(serde_json::json!({"deviceKey": "d", "progress": progress})).unwrap()
    };
    assert_eq!(criteria.matches(&task(-17)), Verdict::Taken);
    assert_eq!(criteria.matches(&task(-18)), Verdict::LeftOut(Why::Cause));
}

#[tokio::test]
async fn named_devices_are_merged_keep_their_order_and_are_not_looked_up() {
    let (emulator, client) = start(Fleet::demo()).await;
    let Selection::Named(named) = Selection::named(["pump-04", "pump-01", "pump-04", "other"]).unwrap() else {
        panic!("they were named");
    };
    let named = named.excluding(Exclusion::new(list(["other"])));
    assert_eq!(keys(named.devices().unwrap()), ["pump-04", "pump-01", "other"]);
    let selection = Selection::Named(named);
    let selected = selection.read(&client, &job(DEMO_JOB_ID), |_| ()).await.unwrap();
    assert_eq!(keys(&selected.devices), ["pump-04", "pump-01"]);
    assert_eq!(
        (
            selected.read,
            selected.merged,
            selected.left_out.excluded,
            selected.calls
        ),
        (4, 1, 1, 0)
    );
    assert_eq!(emulator.counters().job_calls, 0);
    assert!(Selection::named(["a", ""]).is_err());

    // The header of a plan does not have the keys.
    let json = serde_json::to_string(&selection).unwrap();
    let read: Selection = serde_json::from_str(&json).unwrap();
    let error = read.read(&client, &job(DEMO_JOB_ID), |_| ()).await.unwrap_err();
    assert!(matches!(error, SelectError::NoKeys), "{error}");

    let task = |json: &str| -> TaskInfo { serde_json::from_str(json).unwrap() };
    assert_eq!(selection.matches(&task(r#"{"deviceKey":"pump-01"}"#)), Verdict::Taken);
    for (json, why) in [
        (r#"{"deviceKey":"other"}"#, Why::Excluded),
        (r#"{"deviceKey":"pump-02"}"#, Why::Other),
        ("{}", Why::NoKey),
    ] {
        assert_eq!(selection.matches(&task(json)), Verdict::LeftOut(why));
    }
}

#[tokio::test]
async fn the_pages_are_read_several_at_a_time_and_told() {
    let fleet =
        Fleet::new("o1").job(Job::started("j1").with_tasks((0..1001).rev().map(|n| Task::failed(format!("d-{n:04}")))));
    let (emulator, client) = start(fleet).await;
    emulator.faults().push(
        Fault::delay_answer(Duration::from_millis(50))
            .on(Scope::Action(Action::SearchTask))
            .forever(),
    );
    let mut told: Vec<ReadProgress> = Vec::new();
    let begun = std::time::Instant::now();
    let selected = Reader::new(&client)
        .page_size(PageSize::new(50).unwrap())
        .concurrency(NonZeroUsize::new(10).unwrap())
        .read(&Selection::default(), &job("j1"), |progress| told.push(progress))
        .await
        .unwrap();
    // 21 calls, of which 10 at a time: one after the other would take more than a second.
    assert!(begun.elapsed() < Duration::from_millis(800), "{:?}", begun.elapsed());
    assert_eq!(
        (selected.devices.len(), selected.calls, selected.readings),
        (1001, 21, 1)
    );
    let sorted: Vec<_> = (0..1001).map(|n| format!("d-{n:04}")).collect();
    assert_eq!(keys(&selected.devices), sorted);
    let read: Vec<_> = told.iter().map(|progress| progress.read).collect();
    let expected: Vec<_> = (1..=20).map(|page| page * 50).chain([1001]).collect();
    assert_eq!(read, expected);
    assert!(
        told.iter()
            .all(|progress| progress.total == Some(1001) && progress.reading == 1)
    );
    assert_eq!(told.last().map(|last| (last.selected, last.calls)), Some((1001, 21)));
    let mut pages: Vec<_> = emulator
        .requests()
        .iter()
        .filter_map(|r| Some(r.search.as_ref()?.page_no))
        .collect();
    pages.sort_unstable();
    assert_eq!(pages, (1..=21).collect::<Vec<_>>());
}

/// A job of which 8 devices have failed, and 60 more fail one after the other, one a second.
fn failing() -> Fleet {
    let later = (0..60).map(|n| Task::init(format!("later-{n:02}")).outcome(Outcome::Fails));
    Fleet::new("o1").job(
        Job::started("j1")
            .maximum_concurrency(1)
            .with_tasks((0..8).map(|n| Task::failed(format!("d-{n}"))))
            .with_tasks(later),
    )
}

fn second_by_second() -> Pace {
    let (none, second) = (Duration::ZERO, Duration::from_secs(1));
    Pace::new(none, none, second).exact()
}

#[tokio::test]
async fn a_list_that_moves_is_read_again() {
    let clock = ManualClock::starting_now();
    let builder = Emulator::builder()
        .fleet(failing())
        .pace(second_by_second())
        .clock(clock.clone());
    let (_emulator, client) = start_with(builder).await;
    let mut readings = 0;
    let selected = reader(&client)
        .page_size(PageSize::new(4).unwrap())
        .read(&Selection::default(), &job("j1"), |progress| {
            readings = progress.reading;
            if progress.reading == 1 && progress.read == 4 {
                clock.advance(Duration::from_secs(1));
            }
        })
        .await
        .unwrap();
    assert_eq!((selected.readings, readings, selected.moved), (2, 2, false));
    // The ninth device came while the first two pages were read.
    assert_eq!((selected.devices.len(), selected.read, selected.merged), (9, 9, 0));
    assert_eq!(selected.calls, 2 + 3);
}

#[tokio::test]
async fn a_list_that_always_moves_is_read_so_often_and_then_taken_with_a_warning() {
    let clock = ManualClock::starting_now();
    let builder = Emulator::builder()
        .fleet(failing())
        .pace(second_by_second())
        .clock(clock.clone());
    let (_emulator, client) = start_with(builder).await;
    let selected = reader(&client)
        .page_size(PageSize::new(4).unwrap())
        .rereads(2)
        .read(&Selection::default(), &job("j1"), |progress| {
            if progress.read == 4 {
                clock.advance(Duration::from_secs(1));
            }
        })
        .await
        .unwrap();
    assert_eq!((selected.readings, selected.moved), (3, true));
    // Those of all readings, sorted: the last one read 8 of 8, 9 of 9, then 10 of 10 and the eleventh came.
    assert!(selected.devices.len() >= 10, "{selected:?}");
    let found = keys(&selected.devices);
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    assert!((0..8).all(|n| found.contains(&format!("d-{n}"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_are_retried_meanwhile_are_found_missing() {
    let fleet = Fleet::new("o1").job(Job::started("j1").with_tasks((0..40).map(|n| Task::failed(format!("d-{n:02}")))));
    let (_emulator, client) = start_with(Emulator::builder().fleet(fleet).pace(Pace::frozen())).await;
    let (id, other) = (job("j1"), client.clone());
    // The first four leave the list, and the others move up by four, after the first page was read.
    let selected: Selected = reader(&client)
        .page_size(PageSize::new(10).unwrap())
        .read(&Selection::default(), &id, |progress| {
            if progress.reading == 1 && progress.read == 10 {
                let devices = DeviceKeys::parse(["d-00", "d-01", "d-02", "d-03"]).unwrap();
                let retry = other.retry_task(&id, &devices);
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(retry)).unwrap();
            }
        })
        .await
        .unwrap();
    assert_eq!((selected.readings, selected.moved), (2, false));
    let expected: Vec<_> = (4..40).map(|n| format!("d-{n:02}")).collect();
    assert_eq!(keys(&selected.devices), expected);

    // Without a second reading, four are missed, and those that were retried are still there: it is told.
    let other = client.clone();
    let selected = reader(&client)
        .page_size(PageSize::new(10).unwrap())
        .rereads(0)
        .read(&Selection::default(), &id, |progress| {
            if progress.read == 10 {
                let devices = DeviceKeys::parse(["d-04", "d-05", "d-06", "d-07"]).unwrap();
                let retry = other.retry_task(&id, &devices);
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(retry)).unwrap();
            }
        })
        .await
        .unwrap();
    assert_eq!((selected.readings, selected.moved, selected.read), (1, true, 32));
}

#[tokio::test]
async fn between_readings_it_waits() {
    let clock = ManualClock::starting_now();
    let builder = Emulator::builder()
        .fleet(failing())
        .pace(second_by_second())
        .clock(clock.clone());
    let (_emulator, client) = start_with(builder).await;
    let begun = std::time::Instant::now();
    Reader::new(&client)
        .page_size(PageSize::new(4).unwrap())
        .reread_wait(Duration::from_millis(300))
        .read(&Selection::default(), &job("j1"), |progress| {
            if progress.reading == 1 && progress.read == 4 {
                clock.advance(Duration::from_secs(1));
            }
        })
        .await
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_failure_names_the_page_and_the_job() {
    let (emulator, client) = start(failing()).await;
    emulator
        .faults()
        .push(Fault::http(403).on(Scope::Action(Action::SearchTask)));
    let error = reader(&client)
        .read(&Selection::default(), &job("j1"), |_| ())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "page 1 of the tasks of job j1 could not be read");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.downcast_ref::<enos_ota::Error>().is_some());
    let error = reader(&client)
        .read(&Selection::default(), &job("it's"), |_| ())
        .await
        .unwrap_err();
    assert!(matches!(error, SelectError::JobId(_)), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("it's"));
}

#[tokio::test]
async fn a_gateway_that_asks_for_fewer_calls_is_asked_again() {
    let (emulator, client) = start(failing()).await;
    let throttled =
        || Fault::throttled(Some(enos_ota_emulator::RetryAfter::Seconds(0))).on(Scope::Action(Action::SearchTask));
    // More often than the client itself asks again.
    emulator.faults().push(throttled().times(12));
    let selected = reader(&client)
        .read(&Selection::default(), &job("j1"), |_| ())
        .await
        .unwrap();
    assert_eq!(selected.devices.len(), 8);
    emulator.faults().push(throttled().forever());
    let error = reader(&client)
        .patience(Duration::ZERO)
        .read(&Selection::default(), &job("j1"), |_| ())
        .await
        .unwrap_err();
    let SelectError::Search { source, .. } = error else {
        panic!("{error}");
    };
    assert!(source.is_throttled());
}

#[tokio::test]
async fn one_page_that_is_not_answered_does_not_lose_the_others() {
    let (emulator, client) = start(failing()).await;
    let client = client.with_retry_policy(enos_ota::RetryPolicy::never());
    let down = || Fault::http(503).on(Scope::Action(Action::SearchTask));
    let all = Selection::default();
    let reader = reader(&client).patience(Duration::from_secs(1));
    // Nobody knows yet whether there is anyone to answer.
    emulator.faults().push(down());
    let error = reader.read(&all, &job("j1"), |_| ()).await.unwrap_err();
    assert!(matches!(error, SelectError::Search { page_no: 1, .. }), "{error}");
    reader.read(&all, &job("j1"), |_| ()).await.unwrap();
    emulator.faults().push(down());
    let selected = reader.read(&all, &job("j1"), |_| ()).await.unwrap();
    assert_eq!(selected.devices.len(), 8);
    emulator.faults().push(down().forever());
    reader.read(&all, &job("j1"), |_| ()).await.unwrap_err();
    // A refusal is an answer.
    emulator.faults().clear();
    emulator
        .faults()
        .push(Fault::http(403).on(Scope::Action(Action::SearchTask)));
    reader.read(&all, &job("j1"), |_| ()).await.unwrap_err();
}

#[tokio::test]
async fn named_devices_are_looked_up_in_bulk() {
    let fleet = Fleet::new("o1")
        .job(
            Job::started("j1")
                .with_tasks((0..450).map(|n| Task::failed(format!("d-{n:03}")).desc("no space").update_time(n)))
                .with_tasks([
                    Task::succeeded("done"),
                    Task::init("init"),
                    Task::published("published"),
                    Task::upgrading("upgrading"),
                ]),
        )
        .job(Job::started("j2").task(Task::failed("elsewhere")));
    let (emulator, client) = start_with(Emulator::builder().fleet(fleet).pace(Pace::frozen())).await;
    let named: Vec<_> = (0..450).rev().map(|n| format!("d-{n:03}")).collect();
    let others = ["done", "init", "published", "upgrading", "elsewhere", "it's"];
    let mut devices = list(named.iter().map(String::as_str).chain(others));
    let known = TaskFacts {
        reason: Some("known before"),
        ..TaskFacts::default()
    };
    devices.push("gone", &known).unwrap();
    let mut told = Vec::new();
    let found = read_named(&client, &job("j1"), &devices, |progress| told.push(progress.selected))
        .await
        .unwrap();
    // 457 devices: three searches, each of one page.
    assert_eq!(
        (found.calls, emulator.counters().actions.of(Action::SearchTask).calls),
        (3, 3)
    );
    assert_eq!(told, [200, 400, 457]);
    assert_eq!(keys(&found.devices), keys(&devices));
    let state = |key| found.state(devices.find(key).unwrap());
    assert_eq!(found.count(TaskState::Failed), 450);
    assert_eq!(state("done"), TaskState::Succeeded);
    for key in ["init", "published", "upgrading"] {
        assert_eq!(state(key), TaskState::UnderWay);
    }
    assert_eq!((state("elsewhere"), state("gone")), (TaskState::Gone, TaskState::Gone));
    assert_eq!(state("it's"), TaskState::NotSearchable);
    let facts = found.devices.facts(found.devices.find("d-007").unwrap());
    assert_eq!(
        (facts.reason, facts.updated_ms, facts.to_version),
        (Some("no space"), Some(7), Some("1.1.0"))
    );
    let facts = found.devices.facts(found.devices.find("gone").unwrap());
    assert_eq!((facts.reason, facts.seen), (known.reason, Some(Seen::NoTask)));
    assert!(found.odd.is_none() && found.key_search_refused.is_none());
    // Nothing of a failure is known of a task that is not failed.
    let facts = found.devices.facts(found.devices.find("done").unwrap());
    assert_eq!((facts.reason, facts.progress, facts.updated_ms), (None, None, None));
    assert!(facts.to_version.is_some() && facts.task.is_some() && facts.seen == Some(Seen::NotFailed));
    let facts = found.devices.facts(found.devices.find("d-007").unwrap());
    assert!(facts.task.is_some() && facts.seen == Some(Seen::Failed));
    let longest = emulator
        .requests()
        .iter()
        .filter_map(|r| Some(r.search.as_ref()?.expression.len()))
        .max();
    assert!(longest < Some(3_000));
}

/// A job with devices of each sort, and a platform that does not search by device key.
async fn without_search_by_key(refusals: u32) -> (Emulator, enos_ota::Client) {
    let fleet = Fleet::new("o1").job(
        Job::started("j1")
            .with_tasks((0..450).map(|n| Task::failed(format!("d-{n:03}")).desc("no space")))
            .task(Task::failed("cancelled").desc("Cancelled by user"))
            .task(Task::succeeded("done")),
    );
    let (emulator, client) = start_with(Emulator::builder().fleet(fleet).pace(Pace::frozen())).await;
    emulator.faults().push(
        Fault::code(99_400, "Invalid Argument expression: deviceKey is not supported")
            .on(Scope::Action(Action::SearchTask))
            .times(refusals),
    );
    (emulator, client)
}

#[tokio::test]
async fn where_devices_cannot_be_searched_for_by_key_the_failed_tasks_are_read() {
    let (emulator, client) = without_search_by_key(2).await;
    let named: Vec<_> = (0..450).map(|n| format!("d-{n:03}")).collect();
    let devices = list(
        named
            .iter()
            .map(String::as_str)
            .chain(["cancelled", "done", "no-such", "it's"]),
    );
    let found = read_named(&client, &job("j1"), &devices, |_| ()).await.unwrap();
    assert_eq!(
        found.key_search_refused.as_ref().and_then(enos_ota::Error::code),
        Some(99_400)
    );
    assert_eq!(keys(&found.devices), keys(&devices));
    // Two in vain, and three pages: not one for each device.
    assert_eq!(
        (found.calls, emulator.counters().actions.of(Action::SearchTask).calls),
        (5, 5)
    );
    assert_eq!(
        (found.count(TaskState::Failed), found.count(TaskState::NotFailed)),
        (451, 3)
    );
    let facts = |key| found.devices.facts(found.devices.find(key).unwrap());
    assert_eq!(
        (facts("d-007").reason, facts("d-007").seen),
        (Some("no space"), Some(Seen::Failed))
    );
    // Whether it has a task cannot be told.
    assert_eq!(
        (facts("done").seen, facts("no-such").seen),
        (Some(Seen::NotFailed), Some(Seen::NotFailed))
    );
}

#[tokio::test]
async fn a_platform_that_takes_short_lists_of_keys_is_asked_in_short_lists() {
    let (_emulator, client) = without_search_by_key(1).await;
    let named: Vec<_> = (0..450).map(|n| format!("d-{n:03}")).collect();
    let devices = list(named.iter().map(String::as_str));
    let found = read_named(&client, &job("j1"), &devices, |_| ()).await.unwrap();
    assert!(found.key_search_refused.is_none());
    assert_eq!((found.calls, found.count(TaskState::Failed)), (1 + 23, 450));
    assert_eq!(keys(&found.devices), keys(&devices));
}

#[tokio::test]
async fn one_device_is_looked_up_with_one_search() {
    let (emulator, client) = without_search_by_key(0).await;
    let found = read_named(&client, &job("j1"), &list(["done"]), |_| ()).await.unwrap();
    assert_eq!((found.calls, found.count(TaskState::Succeeded)), (1, 1));
    let searched = emulator.requests().pop().unwrap().search.unwrap();
    assert_eq!(searched.expression, "jobId='j1' and deviceKey='done'");
}

#[tokio::test]
async fn a_hundred_thousand_devices_are_read_whole() {
    let fleet = Fleet::new("o1").job(
        Job::started("j1").with_tasks((0..100_000).map(|n| Task::failed(format!("device-{n:06}")).desc("no space"))),
    );
    let (_emulator, client) = start(fleet).await;
    let begun = std::time::Instant::now();
    let selected = Selection::default().read(&client, &job("j1"), |_| ()).await.unwrap();
    println!("{:?}", begun.elapsed());
    assert_eq!(
        (selected.devices.len(), selected.calls, selected.moved),
        (100_000, 500, false)
    );
}
