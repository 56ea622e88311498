//! Searches whose rows or pages are odd.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Job, token};
use enos_ota_emulator::{
    Action, DEMO_JOB_ID, DEMO_STOPPED_JOB_ID, Emulator, Fault, ManualClock, Oddity, Scope, TaskStatus,
};
use serde_json::{Value, json};

const NOW: i64 = 1_700_000_000_000;

async fn emulator() -> (Emulator, String) {
    let clock = ManualClock::at_ms(NOW);
    let emulator = Emulator::builder().clock(clock).start().await.unwrap();
    let token = token(&emulator).await;
    (emulator, token)
}

fn on_search(fault: Fault) -> Fault {
    fault.on(Scope::Action(Action::SearchTask))
}

/// The bytes that a search for the failed tasks of the demo job is answered with.
async fn search(emulator: &Emulator, token: &str, page: u64) -> Vec<u8> {
    let expression = format!("jobId='{DEMO_JOB_ID}' and status='failed'");
    let pagination = json!({ "pageNo": page, "pageSize": 4 });
    let body = json!({ "expression": expression, "pagination": pagination });
    let call = Job::action(emulator, token, "searchTask").body(body.to_string());
    let response = call.request(emulator).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether each row of an answer is as the fault-free answer has it.
fn untouched(bytes: &[u8], whole: &[u8]) -> Vec<bool> {
    let [found, whole]: [Value; 2] = [bytes, whole].map(|bytes| serde_json::from_slice(bytes).unwrap());
    let rows = |value: &Value| value["data"].as_array().unwrap().clone();
    rows(&found).iter().zip(rows(&whole)).map(|(a, b)| *a == b).collect()
}

#[tokio::test]
async fn one_row_of_a_page_can_be_what_no_decoder_takes() {
    let (emulator, token) = emulator().await;
    let whole = search(&emulator, &token, 1).await;

    emulator.faults().push(on_search(Fault::odd_row(Oddity::LoneSurrogate)));
    let odd = search(&emulator, &token, 1).await;
    assert!(
        contains(&odd, br#""desc":"\ud800""#),
        "{}",
        String::from_utf8_lossy(&odd)
    );
    assert!(serde_json::from_slice::<Value>(&odd).is_err());

    emulator.faults().push(on_search(Fault::odd_row(Oddity::InvalidUtf8)));
    let odd = search(&emulator, &token, 1).await;
    assert!(contains(&odd, b"\"desc\":\"\xff\"") && std::str::from_utf8(&odd).is_err());

    for (oddity, member, value) in [
        (Oddity::FractionalProgress, "progress", json!(-1.5)),
        (Oddity::ObjectDesc, "desc", json!({ "reason": "no text" })),
    ] {
        emulator.faults().push(on_search(Fault::odd_row(oddity)));
        let odd = search(&emulator, &token, 1).await;
        assert_eq!(untouched(&odd, &whole), [false, true, true, true]);
        let odd: Value = serde_json::from_slice(&odd).unwrap();
        assert_eq!(odd["data"][0][member], value);
    }

    emulator.faults().push(on_search(Fault::odd_row(Oddity::HugeDesc)));
    assert!(search(&emulator, &token, 1).await.len() > 9_000_000);
    assert_eq!(search(&emulator, &token, 1).await.len(), whole.len());
}

#[tokio::test]
async fn the_row_of_a_device_is_odd_on_whatever_page_it_is() {
    let (emulator, token) = emulator().await;
    let fault = Fault::odd_device(Oddity::ObjectDesc, "pump-06").forever();
    let pages = [search(&emulator, &token, 1).await, search(&emulator, &token, 2).await];
    emulator.faults().push(on_search(fault));
    let odd = search(&emulator, &token, 1).await;
    assert_eq!(untouched(&odd, &pages[0]), [true, true, true, true]);
    let odd = search(&emulator, &token, 2).await;
    assert_eq!(untouched(&odd, &pages[1]), [true, false, true, true]);
}

#[tokio::test]
async fn all_rows_can_be_of_another_job_or_organization() {
    let (emulator, token) = emulator().await;
    for (oddity, member, id) in [
        (Oddity::OtherJob, "jobId", "ffffffffffffffffffffffff"),
        (Oddity::OtherOrg, "orgId", "o00000000000000"),
    ] {
        emulator.faults().push(on_search(Fault::odd_page(oddity)));
        let found: Value = serde_json::from_slice(&search(&emulator, &token, 1).await).unwrap();
        let rows = found["data"].as_array().unwrap();
        assert_eq!(rows.len(), 4);
        for row in rows {
            assert_eq!((&row[member], &row["status"]), (&json!(id), &json!("succeeded")));
            let key = row["deviceKey"].as_str().unwrap();
            assert_eq!(common::task(&emulator, DEMO_JOB_ID, key).status, TaskStatus::Failed);
        }
    }
}

#[tokio::test]
async fn a_search_can_answer_its_first_page_for_every_page() {
    let (emulator, token) = emulator().await;
    let first = search(&emulator, &token, 1).await;
    emulator
        .faults()
        .push(on_search(Fault::repeat_first_page(1_000_000).forever()));
    for page in [1, 2, 250_000] {
        let found = search(&emulator, &token, page).await;
        assert_eq!(untouched(&found, &first), [true; 4]);
        let found: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(
            (&found["pagination"]["totalSize"], &found["pagination"]["pageNo"]),
            (&json!(1_000_000), &json!(page))
        );
    }
}

#[tokio::test]
async fn a_success_can_come_without_data() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(on_search(Fault::no_data()));
    let found: Value = serde_json::from_slice(&search(&emulator, &token, 1).await).unwrap();
    assert_eq!((&found["code"], &found["msg"]), (&json!(0), &json!("OK")));
    assert!(
        found.get("data").is_none() && found.get("pagination").is_none(),
        "{found}"
    );
}

#[tokio::test]
async fn rows_of_a_search_for_jobs_can_be_odd_too() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::odd_row(Oddity::ObjectDesc));
    let call = Job::action(&emulator, &token, "search");
    let found = call.send(&emulator).await.json();
    assert!(found["data"][0]["firmwareVersion"].is_object(), "{found}");
    assert!(found["data"][1]["firmwareVersion"].is_string(), "{found}");
}

#[tokio::test]
async fn an_answer_without_rows_stays_as_it_is() {
    let (emulator, token) = emulator().await;
    emulator.faults().push(Fault::odd_page(Oddity::OtherJob));
    let call = Job::action(&emulator, &token, "get").with("jobId", DEMO_STOPPED_JOB_ID);
    assert_eq!(call.send(&emulator).await.json()["data"]["jobId"], DEMO_STOPPED_JOB_ID);
}
