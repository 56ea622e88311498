//! Answers are read whatever they lack, and whatever they have beside what is documented.

#![allow(clippy::unwrap_used)]

use enos_ota_client::types::{
    Acknowledgement, AssetTreeScope, CancelTaskRequest, CreateJobRequest, CreateJobResponse, CreatedJob,
    GetJobResponse, JobInfo, PageInfo, PageRequest, RetryPolicy, RetryTaskRequest, SchedulePolicy, SearchJobsResponse,
    SearchRequest, SearchTasksResponse, StringI18n, TaskInfo, UpgradeScope,
};
use enos_ota_client::{
    DeviceKey, DeviceKeys, Envelope, FirmwareId, Integer, JobId, JobStatus, JobType, OrgId, TaskStatus, UpgradePolicy,
    UpgradeScopeType,
};
use serde_json::{Map, Value, json};

/// The document that the types were generated from.
fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/ota-jobs.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Reads a value as the type of this name, and writes it again.
fn again(name: &str, value: &Value) -> serde_json::Result<Value> {
    macro_rules! by_name {
        ($($ty:ident)*) => {
            match name {
                $(stringify!($ty) => serde_json::from_value::<$ty>(value.clone()).and_then(serde_json::to_value),)*
                _ => unreachable!("the type `{name}` is not listed here"),
            }
        };
    }
    by_name! {
        Acknowledgement AssetTreeScope CancelTaskRequest CreateJobRequest CreateJobResponse CreatedJob DeviceKey
        DeviceKeys FirmwareId GetJobResponse Integer JobId JobInfo JobStatus JobType OrgId PageInfo PageRequest
        RetryPolicy RetryTaskRequest SchedulePolicy SearchJobsResponse SearchRequest SearchTasksResponse StringI18n
        TaskInfo TaskStatus UpgradePolicy UpgradeScope UpgradeScopeType
    }
}

/// A member that is null means the same as one that is not there.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Every media type in the document.
fn contents<'a>(node: &'a Value, found: &mut Vec<&'a Value>) {
    if let Some(content) = node.get("content") {
        found.push(&content["application/json"]);
    }
    if let Some(members) = node.as_object() {
        members.values().for_each(|member| contents(member, found));
    }
}

fn schema_name(schema: &Value) -> &str {
    schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap()
}

#[test]
fn every_example_of_the_document_is_read_and_written_as_it_is() {
    let document = document();
    let mut examples = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        examples.extend(schema.get("example").map(|example| (name.as_str(), example)));
    }
    let mut media_types = Vec::new();
    contents(&document["paths"], &mut media_types);
    for media_type in media_types {
        for example in media_type["examples"].as_object().unwrap().values() {
            examples.push((schema_name(&media_type["schema"]), &example["value"]));
        }
    }
    assert!(examples.len() > 30, "{}", examples.len());
    for (name, example) in examples {
        let written = again(name, example).unwrap_or_else(|error| unreachable!("{name}: {error}: {example}"));
        assert_eq!(written, without_nulls(example), "{name}");
    }
}

/// The schemas of answers and all that they refer to, by name.
fn schemas_of_answers(document: &Value) -> Vec<String> {
    fn collect(document: &Value, node: &Value, names: &mut Vec<String>) {
        match node {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let name = reference.rsplit('/').next().unwrap().to_owned();
                    if !names.contains(&name) {
                        names.push(name);
                        collect(document, document.pointer(&reference[1..]).unwrap(), names);
                    }
                }
                members.values().for_each(|member| collect(document, member, names));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(document, item, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            collect(document, &operation["responses"], &mut names);
        }
    }
    names
}

#[test]
fn any_member_of_an_answer_may_be_null_or_missing() {
    let document = document();
    let mut members = 0;
    for name in schemas_of_answers(&document) {
        let schema = &document["components"]["schemas"][&name];
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            continue;
        };
        // Only the code is ever required.
        let required: Map<_, _> = schema.get("required").map_or_else(Map::new, |required| {
            assert_eq!(*required, json!(["code"]), "{name}");
            Map::from_iter([("code".to_owned(), json!(0))])
        });
        let least = Value::Object(required);
        assert_eq!(again(&name, &least).unwrap(), least, "{name}");
        for member in properties.keys().filter(|member| *member != "code") {
            let mut value = least.clone();
            value[member] = Value::Null;
            assert_eq!(again(&name, &value).unwrap(), least, "{name}.{member}");
            members += 1;
        }
    }
    assert!(members > 60, "{members}");
}

#[test]
fn a_member_that_is_not_documented_is_no_obstacle() {
    let document = document();
    for name in schemas_of_answers(&document) {
        let schema = &document["components"]["schemas"][&name];
        if schema["type"] == "object" {
            let value = json!({"code": 0, "submsg": "new", "more": {"and": ["more", 1, null]}});
            let expected = if schema.get("required").is_some() {
                json!({"code": 0})
            } else {
                json!({})
            };
            assert_eq!(again(&name, &value).unwrap(), expected, "{name}");
        }
    }
}

fn failures_are_read<R: Envelope + serde::de::DeserializeOwned>() {
    for answer in [
        r#"{"code":24404,"msg":"x","requestId":"y","data":null}"#,
        r#"{"code":24404,"msg":"x","requestId":"y"}"#,
        r#"{"code":24404,"msg":"x","requestId":"y","data":null,"submsg":"z","pagination":null,"apim":{"a":[1]}}"#,
    ] {
        let read: R = serde_json::from_str(answer).unwrap();
        assert_eq!(read.code(), 24404, "{answer}");
        assert_eq!(
            (read.message(), read.request_id(), read.gateway_status()),
            (Some("x"), Some("y"), None),
            "{answer}"
        );
    }
    let read: R = serde_json::from_str(r#"{"code":0,"apim_status":4011}"#).unwrap();
    assert_eq!((read.code(), R::SUCCESS, read.gateway_status()), (0, 0, Some(4011)));
    assert_eq!((read.message(), read.request_id()), (None, None));
}

#[test]
fn a_failure_is_read_by_every_type_of_answer() {
    failures_are_read::<Acknowledgement>();
    failures_are_read::<CreateJobResponse>();
    failures_are_read::<GetJobResponse>();
    failures_are_read::<SearchJobsResponse>();
    failures_are_read::<SearchTasksResponse>();
}

#[test]
fn a_page_of_tasks_is_read() {
    let page: SearchTasksResponse = serde_json::from_value(json!({
        "code": 0,
        "data": [
            {"taskId": "t", "deviceKey": "d", "status": "failed", "progress": "-2", "desc": null, "updateTime": 1.0},
            {"status": "paused"},
            {},
        ],
        "pagination": {"pageNo": "1", "pageSize": 50, "totalSize": 3, "sortedBy": null},
    }))
    .unwrap();
    let tasks = page.data.unwrap();
    assert_eq!(tasks[0].status, Some(TaskStatus::Failed));
    assert_eq!(tasks[0].progress.map(Integer::get), Some(-2));
    assert_eq!(tasks[0].update_time.map(Integer::get), Some(1));
    assert_eq!(tasks[1].status, Some(TaskStatus::Unknown("paused".into())));
    assert_eq!(tasks[2], TaskInfo::default());
    assert_eq!(page.pagination.unwrap().total_size.map(Integer::get), Some(3));
}

#[test]
fn a_policy_that_is_null_is_none() {
    let read = |policy: &str| serde_json::from_str::<JobInfo>(&format!(r#"{{"upgradePolicy":{policy}}}"#)).unwrap();
    assert_eq!(read("null").upgrade_policy, None);
    assert_eq!(
        read(r#""incremental""#).upgrade_policy,
        Some(UpgradePolicy::Incremental)
    );
}
