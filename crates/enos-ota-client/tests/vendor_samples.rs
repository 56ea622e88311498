//! What the vendor's own samples send and show can be read, and is written as it was.

#![allow(clippy::unwrap_used)]

use enos_ota_client::types::{CreateJobRequest, SearchJobsResponse, SearchTasksResponse, UpgradeScope};
use enos_ota_client::{GatewayRefusal, Integer};
use serde_json::{Value, json};

/// The scopes of the vendor's Python sample: by attributes with integers, by tags, and by trees whose `includedNotes`
/// is an empty text or null.
fn scopes() -> [Value; 4] {
    [
        json!({"type": "partial", "attributes": {"Int_Attribute": [100, 1000]}}),
        json!({"type": "partial", "tags": {"site": ["north", "south"]}}),
        json!({"type": "partial", "assetTrees": [{"treeId": "tree", "includedNotes": ""}]}),
        json!({"type": "partial", "assetTrees": [{"treeId": "tree", "includedNotes": ["node", 1, {"id": 2}]}]}),
    ]
}

#[test]
fn scopes_with_values_of_any_type_are_read_and_written_as_they_are() {
    for sample in scopes() {
        let scope: UpgradeScope = serde_json::from_value(sample.clone()).unwrap();
        assert_eq!(serde_json::to_value(&scope).unwrap(), sample);
    }
    for attributes in [
        json!({"a": null}),
        json!({"a": "text"}),
        json!({"a": [1.5, true, null, {"b": []}]}),
        json!({}),
    ] {
        let sample = json!({"type": "partial", "attributes": attributes, "tags": attributes});
        let scope: UpgradeScope = serde_json::from_value(sample.clone()).unwrap();
        assert_eq!(serde_json::to_value(&scope).unwrap(), sample);
    }
}

#[test]
fn notes_that_are_null_mean_the_same_as_none() {
    let sample = json!({"type": "partial", "assetTrees": [{"treeId": "tree", "includedNotes": null}]});
    let scope: UpgradeScope = serde_json::from_value(sample).unwrap();
    let trees = scope.asset_trees.unwrap();
    assert!(trees[0].included_notes.as_ref().is_none_or(Value::is_null));
}

/// One job with such a scope once made all jobs of its page unreadable.
#[test]
fn a_page_of_jobs_with_such_scopes_is_read_whole() {
    let jobs: Vec<_> = scopes()
        .into_iter()
        .map(|scope| json!({"jobId": "5ed758ca49f032b4663063aa", "upgradePolicy": null, "upgradeScope": scope}))
        .collect();
    let page = json!({"code": 0, "msg": "OK", "data": jobs});
    let page: SearchJobsResponse = serde_json::from_value(page).unwrap();
    assert_eq!(page.data.unwrap().len(), 4);
}

#[test]
fn a_request_that_counts_in_quotes_is_read() {
    let sample = json!({
        "type": "upgrade",
        "upgradeScope": {"type": "partial", "deviceKeys": ["deviceKey1"]},
        "upgradePolicy": "incremental",
        "enableUpgradeRequest": true,
        "retryPolicy": {"enableRetry": true, "retryInterval": "10", "retryCount": 5},
    });
    let job: CreateJobRequest = serde_json::from_value(sample).unwrap();
    assert_eq!(job.retry_policy.unwrap().retry_interval.map(Integer::get), Some(10));
}

/// -1 to -5 are those of the vendor's device SDKs; what is below is the device maker's own.
#[test]
fn progress_is_any_number() {
    for progress in [0, 100, -1, -5, -6, -42, i64::MIN] {
        let page = json!({"code": 0, "data": [{"deviceKey": "pump-1", "progress": progress, "status": "failed"}]});
        let page: SearchTasksResponse = serde_json::from_value(page).unwrap();
        assert_eq!(page.data.unwrap()[0].progress.map(Integer::get), Some(progress));
    }
}

#[test]
fn refusals_of_the_gateway_are_known_by_their_status() {
    let known: Vec<_> = GatewayRefusal::ALL
        .iter()
        .map(|refusal| (refusal.status, refusal.message))
        .collect();
    assert_eq!(
        known,
        [
            (400, "Cannot process request body"),
            (401, "Invalid authentication credentials"),
            (403, "Your IP address is not allowed"),
            (404, "no Route matched with those values"),
            (413, "Request size limit exceeded"),
            (429, "API rate limit exceeded"),
            (500, "An unexpected error occurred"),
            (503, "Service unavailable"),
        ]
    );
    assert_eq!(
        GatewayRefusal::of_status(429).map(|refusal| refusal.message),
        Some("API rate limit exceeded")
    );
    assert_eq!(GatewayRefusal::of_status(418), None);
}
