//! An expression never selects more than was meant: values are quoted so that they stay values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../common/mod.rs"]
mod common;
mod reader;

use std::collections::BTreeSet;

use common::{ORG_ID, emulated};
use enos_ota::search::{Criterion, Expression, Tasks, ValueError, tasks};
use enos_ota::{Client, PageSize};
use enos_ota_emulator::{DEMO_JOB_ID, Emulator, Fleet, Job, Task};
use proptest::prelude::*;
use reader::Asked;

/// What somebody could try to break out of a value with, and what people have in theirs.
fn values() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "'", "\"", "\\", "''", "\\'", " and ", " or ", "=", ",", "(", ")", "in (", "status", "jobId", "failed", "%", "_",
            "*", ";", "--", "\n", "\0", "\u{2019}", "\u{ff07}", "升级失败", "", "#", "&", "+",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn criteria() -> impl Strategy<Value = Vec<(usize, Vec<String>)>> {
    prop::collection::vec((0..6_usize, prop::collection::vec(values(), 1..4)), 1..4)
}

/// One criterion, and what a reader should make of it.
fn criterion(field: usize, values: &[String]) -> Result<(Criterion<Tasks>, Asked), ValueError> {
    const FIELDS: [(enos_ota::search::Field<Tasks, enos_ota::search::EqualsOrIn>, &str); 6] = [
        (tasks::JOB_ID, "jobId"),
        (tasks::DEVICE_KEY, "deviceKey"),
        (tasks::FROM_VERSION, "fromVersion"),
        (tasks::TO_VERSION, "toVersion"),
        (tasks::STATUS, "status"),
        (tasks::DESC, "desc"),
    ];
    let (field, name) = FIELDS[field];
    let criterion = match values {
        [value] => field.equals(value)?,
        values => field.is_in(values)?,
    };
    Ok((criterion, (name.to_owned(), values.to_vec())))
}

fn needs_escaping(value: &str) -> bool {
    value.contains(['\'', '"', '\\']) || value.chars().any(char::is_control)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn an_expression_is_read_back_as_what_was_asked_for_or_is_refused(wanted in criteria(), all in any::<bool>()) {
        let made: Result<Vec<_>, _> = wanted.iter().map(|(field, values)| criterion(*field, values)).collect();
        let refused = wanted.iter().flat_map(|(_, values)| values).any(|value| needs_escaping(value));
        prop_assert_eq!(made.is_err(), refused, "a value that is easily quoted is taken, and no other");
        let Ok(made) = made else { return Ok(()) };
        let (criteria, asked): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        let word = if all || asked.len() == 1 { "and" } else { "or" };
        let expression = if all { Expression::all(criteria) } else { Expression::any(criteria) };
        prop_assert_eq!(reader::read(expression.as_str()), Some((word.to_owned(), asked)), "{}", expression);
    }
}

/// What the emulator, which has a reader of its own, finds.
async fn found(client: &Client, expression: &Expression<Tasks>) -> BTreeSet<String> {
    let page = client.search_tasks(expression, 1, PageSize::default()).await.unwrap();
    page.items.iter().map(|task| task.device_key.clone().unwrap()).collect()
}

fn text(value: impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .unwrap()
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn the_emulator_finds_the_tasks_that_were_meant_and_no_others() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let tasks_of_job = (0..8).map(|number| match number % 2 {
        0 => Task::failed(format!("pump-{number}")),
        _ => Task::succeeded(format!("pump-{number}")),
    });
    let fleet = Fleet::new(ORG_ID).job(Job::started(DEMO_JOB_ID).with_tasks(tasks_of_job));
    let emulator = runtime.block_on(Emulator::builder().fleet(fleet).start()).unwrap();
    let client = emulated(&emulator).build().unwrap();
    let all: Vec<(String, String)> = emulator
        .tasks(DEMO_JOB_ID)
        .into_iter()
        .map(|task| (text(task.device_key), text(task.status)))
        .collect();
    let (keys, statuses): (Vec<_>, BTreeSet<_>) = all.iter().cloned().unzip();
    assert!(keys.len() > 3 && statuses.len() > 1);

    let known = prop_oneof![
        2 => prop::sample::select(keys.clone()),
        1 => prop::sample::select(statuses.into_iter().collect::<Vec<_>>()),
        1 => values(),
    ];
    let lists = (
        prop::collection::vec(known.clone(), 1..4),
        prop::collection::vec(known, 1..4),
        any::<bool>(),
    );
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    };
    proptest!(config, |((named, status, every) in lists)| {
        let (Ok(by_key), Ok(by_status)) = (tasks::DEVICE_KEY.is_in(&named), tasks::STATUS.is_in(&status)) else {
            return Ok(());
        };
        let expression = if every {
            Expression::all([by_key, by_status])
        } else {
            Expression::any([by_key, by_status])
        };
        let meant = all.iter().filter(|(key, state)| {
            let (key, state) = (named.contains(key), status.contains(state));
            if every { key && state } else { key || state }
        });
        let meant: BTreeSet<_> = meant.map(|(key, _)| key.clone()).collect();
        prop_assert_eq!(runtime.block_on(found(&client, &expression)), meant, "{}", expression);
    });
}
