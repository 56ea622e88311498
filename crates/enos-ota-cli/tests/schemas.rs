//! The JSON Schemas of the site, against what the command really prints.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::Gateway;
use serde_json::Value as Json;

const JOB: &str = "66f2a1c0d4e5b6a798011e01";

/// The schema, without leave for members that it does not describe: a member of the output that is new must be described.
fn schema(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/schemas/{name}.json"));
    let mut schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    jsonschema::draft202012::new(&schema).unwrap()
}

fn close(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            if members.contains_key("properties") && members.contains_key("type") {
                members.insert("additionalProperties".into(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Json::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn check(name: &str, text: &str) {
    let schema = schema(name);
    let mut lines = 0;
    for line in text.lines() {
        lines += 1;
        let value: Json = serde_json::from_str(line).unwrap();
        let wrong: Vec<_> = schema
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(wrong, [""; 0], "{name}: {line}");
    }
    assert!(lines > 0, "{name}: nothing was printed");
}

#[test]
fn what_is_printed_is_what_the_schemas_say() {
    let gateway = Gateway::start();
    let print = |words: &[&str]| gateway.run(words);

    check(
        "retry-1",
        &print(&["retry", "--job-id", JOB, "pump-01", "pump-11", "--output", "json"]).stdout,
    );
    check(
        "retry-line-1",
        &print(&["retry", "--job-id", JOB, "pump-02", "pump-11", "--output", "jsonl"]).stdout,
    );
    check("list-1", &print(&["jobs", "list", "--output", "json"]).stdout);
    check(
        "list-1",
        &print(&["tasks", "list", "--job-id", JOB, "--output", "json"]).stdout,
    );
    check("token-1", &print(&["token", "--output", "json"]).stdout);
    let watched = print(&[
        "watch",
        "--job-id",
        JOB,
        "pump-01",
        "--watch-timeout",
        "1s",
        "--output",
        "jsonl",
    ]);
    check("watch-line-1", &watched.stdout);

    let plan = gateway.folder.path().join("plan.jsonl");
    let planned = print(&["plan", "--job-id", JOB, "--failed", "-o", plan.to_str().unwrap()]);
    assert_eq!(planned.code, Some(0), "{planned:?}");
    let text = fs::read_to_string(&plan).unwrap();
    let (header, devices) = text.split_once('\n').unwrap();
    check("plan-1", header);
    check("device-1", devices);

    let journal = gateway.folder.path().join("journal.jsonl");
    let journal = journal.to_str().unwrap();
    let applied = print(&[
        "apply",
        plan.to_str().unwrap(),
        "--yes",
        "--output",
        "json",
        "--journal",
        journal,
    ]);
    check("retry-1", &applied.stdout);
    check("report-1", &print(&["report", journal, "--format", "json"]).stdout);
    check("campaigns-1", &print(&["campaigns", "--output", "json"]).stdout);
}

#[test]
fn a_failure_is_an_object_too() {
    let gateway = Gateway::start();
    let missing = gateway.run(["jobs", "get", "66f2a1c0d4e5b6a798011eff", "--output", "json"]);
    check("error-1", &missing.stdout);
    let error = &missing.json()["error"];
    assert_eq!((&error["code"], &error["exit"]), (&24404.into(), &4.into()), "{error}");
    assert!(missing.stderr.starts_with("error: 24404 "), "{}", missing.stderr);

    let denied = common::run(
        gateway
            .command(["jobs", "list", "--output", "jsonl"])
            .env("ENOS_APP_SECRET", "wrong"),
    );
    check("error-1", &denied.stdout);
    assert_eq!(denied.json()["error"]["exit"], 3);

    // Standard output stays empty where the command line is wrong.
    let usage = gateway.run(["retry", "--job-id", JOB, "--output", "json"]);
    assert_eq!((usage.code, usage.stdout.as_str()), (Some(2), ""), "{usage:?}");
    let line = usage.stderr.lines().next().unwrap();
    check("error-1", line);
    assert!(line.contains("\"kind\":\"usage\""), "{line}");

    // What has its object already gets no second one.
    let refused = gateway.run([
        "retry",
        "--job-id",
        "66f2a1c0d4e5b6a798011eff",
        "--failed",
        "--yes",
        "--output",
        "json",
    ]);
    check("retry-1", &refused.stdout);
    assert!(
        gateway
            .run(["jobs", "get", "66f2a1c0d4e5b6a798011eff"])
            .stdout
            .is_empty()
    );
}
