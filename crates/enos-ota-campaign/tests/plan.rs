//! Plans are written, read, checked and compared with the platform.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod platform;

use std::error::Error as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use enos_ota_campaign::{
    Criteria, Devices, Exclusion, PLAN_SCHEMA, Patterns, Plan, PlanError, PlanProblem, Selection, TaskFacts,
};
use enos_ota_emulator::{DEMO_FLEET_JOB_ID, Fleet};
use platform::{keys, start};

fn device(devices: &mut Devices, key: &str, reason: Option<&str>, from: &str) {
    let facts = TaskFacts {
        product_key: Some("pump"),
        from_version: Some(from),
        to_version: Some("2.4.1"),
        reason,
        progress: Some(-4),
        updated_ms: Some(1_767_323_045_000),
        ..TaskFacts::default()
    };
    devices.push(key, &facts).unwrap();
}

fn plan_of(devices: Devices) -> Plan {
    Plan::new(
        "5ed758ca49f032b4663063aa".parse().unwrap(),
        "o1".parse().unwrap(),
        Selection::default(),
        NonZeroUsize::new(1000).unwrap(),
        1_767_323_045_000,
        devices,
    )
}

fn small() -> Plan {
    let mut devices = Devices::new();
    device(&mut devices, "pump-02", Some("no \"space\""), "2.3.0");
    device(&mut devices, "pump-01", Some("timeout"), "2.3.0");
    device(&mut devices, "pump-03", None, "2.2.0");
    plan_of(devices)
}

fn text(plan: &Plan) -> String {
    let mut text = Vec::new();
    plan.write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn read(text: &str) -> Result<Plan, PlanError> {
    Plan::read(text.as_bytes(), "p.jsonl")
}

/// What is said of a plan that cannot be read, and the cause beneath.
fn refused(text: &str) -> (String, Option<String>) {
    let error = read(text).unwrap_err();
    (error.to_string(), error.source().map(ToString::to_string))
}

#[test]
fn a_plan_is_a_header_and_a_line_for_each_device_sorted_by_key() {
    let expected = concat!(
        r#"{"schema":"enos-ota/plan/1","jobId":"5ed758ca49f032b4663063aa","orgId":"o1","selection":{"failed":{}},"#,
        r#""devices":3,"reasons":{"no \"space\"":1,"timeout":1},"chunkSize":1000,"#,
        r#""sha256":"70c11b3d0ffb0fe888ca0e4b6f69309b6816188cbc6b7d2fd11a64a9075e8840","created":"2026-01-02T03:04:05Z"}
{"deviceKey":"pump-01","productKey":"pump","fromVersion":"2.3.0","toVersion":"2.4.1","reason":"timeout","progress":-4,"updateTime":1767323045000}
{"deviceKey":"pump-02","productKey":"pump","fromVersion":"2.3.0","toVersion":"2.4.1","reason":"no \"space\"","progress":-4,"updateTime":1767323045000}
{"deviceKey":"pump-03","productKey":"pump","fromVersion":"2.2.0","toVersion":"2.4.1","progress":-4,"updateTime":1767323045000}
"#
    );
    assert_eq!(text(&small()), expected);
}

#[test]
fn what_was_written_is_read() {
    let mut plan = small();
    plan.left_out.cancelled = 7;
    plan.moved = true;
    plan.selection = Selection::Failed(Criteria {
        reason: Patterns::parse(["*"]).unwrap(),
        ..Criteria::default()
    });
    let written = text(&plan);
    assert!(written.contains(r#""leftOut":{"cancelled":7},"moved":true,"#));
    let again = read(&written).unwrap();
    assert_eq!(again.header(), plan.header());
    assert_eq!(text(&again), written);
    for id in plan.devices.ids() {
        assert_eq!(again.devices.facts(id), plan.devices.facts(id));
    }
    // Line ends of another system, a byte order mark and blank lines do no harm.
    let foreign = format!("\u{feff}{}\r\n\r\n", written.replace('\n', "\r\n"));
    assert_eq!(text(&read(&foreign).unwrap()), written);
    // The last line end may be missing.
    assert_eq!(text(&read(written.trim_end()).unwrap()), written);
}

#[test]
fn a_plan_without_devices_is_one() {
    let empty = plan_of(Devices::new());
    let again = read(&text(&empty)).unwrap();
    assert!(again.devices.is_empty() && again.summary().devices == 0);
}

#[test]
fn a_plan_that_was_edited_is_refused_and_the_error_says_what_to_do() {
    let written = text(&small());
    let lines: Vec<_> = written.lines().collect();
    let advice = "make a new plan, and to leave devices out, give a file of their keys (--exclude-file)";
    for fewer in [&lines[..3], &lines[..1], &[lines[0], lines[3]][..]] {
        assert_eq!(
            refused(&fewer.join("\n")),
            (
                format!(
                    "p.jsonl: the header tells of 3 devices, and there are {}: the plan was changed or cut off; {advice}",
                    fewer.len() - 1
                ),
                None
            )
        );
    }
    assert_eq!(
        refused(&written.replace("pump-02", "pump-04")),
        (
            format!(
                "p.jsonl: the devices do not match the header's hash, so they were changed since the plan was made; {advice}"
            ),
            None
        )
    );
    // In another order they are the same devices, and stay in that order.
    let moved = [lines[0], lines[3], lines[1], lines[2]].join("\n");
    assert_eq!(keys(&read(&moved).unwrap().devices), ["pump-03", "pump-01", "pump-02"]);

    assert_eq!(
        refused(&format!("{written}{}\n", lines[2])),
        (
            "p.jsonl, line 5: the device `pump-02` is there for the second time; make a new plan".to_owned(),
            None
        )
    );
    assert_eq!(
        refused(&written.replace("pump-02", "")),
        (
            "p.jsonl, line 3: the device cannot be taken; make a new plan".to_owned(),
            Some("a device key is empty".to_owned())
        )
    );
    let (text, source) = refused(&written.replace("deviceKey", "key"));
    assert_eq!(
        text,
        format!(
            "p.jsonl, line 2: this is not a device of a plan, and `{{\"deviceKey\":\"…\",…}}` was expected; {advice}"
        )
    );
    assert!(source.unwrap().starts_with("missing field `deviceKey` (column "));
    let (text, source) = refused(&written.replace("\"timeout\",\"progress\"", "\"timeout\"|\"progress\""));
    assert!(text.starts_with("p.jsonl, line 2: "), "{text}");
    assert!(source.unwrap().contains("column"));
}

#[test]
fn what_is_no_plan_is_refused() {
    assert_eq!(
        refused(""),
        (
            "p.jsonl is empty, and a plan was expected; give a plan file, or make one".to_owned(),
            None
        )
    );
    let no_header = "p.jsonl, line 1: this is not the header of a plan, which has `\"schema\":\"enos-ota/plan/1\"`; give a plan file, \
         or make one";
    for other in ["pump-01\n", "{}", "\n", "[1]", "\u{0}"] {
        let (text, source) = refused(other);
        assert_eq!(text, no_header, "{other:?}");
        assert!(source.is_some());
    }
    let not_utf8 = Plan::read(&b"\xff\xfe{"[..], "p.jsonl").unwrap_err();
    assert_eq!(not_utf8.to_string(), no_header);
    for (schema, said) in [
        (
            "enos-ota/plan/2",
            "the schema is `enos-ota/plan/2`, and this version reads `enos-ota/plan/1`; use the version that wrote the plan, \
             or make a new plan",
        ),
        (
            "enos-ota/journal/1",
            "this is the journal of a campaign, and a plan was expected; give the plan file, or resume the campaign with its \
             journal",
        ),
        (
            "cats/1",
            "the schema is `cats/1`, and `enos-ota/plan/1` was expected; give a plan file, or make one",
        ),
    ] {
        let (text, _) = refused(&format!("{{\"record\":\"begin\",\"schema\":\"{schema}\"}}\nmore\n"));
        assert_eq!(text, format!("p.jsonl, line 1: {said}"));
    }
    let written = text(&small());
    for (good, bad, said) in [
        (
            "2026-01-02T03:04:05Z",
            "yesterday",
            "p.jsonl: `created` is `yesterday`, and a time as in RFC 3339 was expected; make a new plan",
        ),
        (
            "5ed758ca49f032b4663063aa",
            "",
            "p.jsonl: `jobId` is ``, and the id of a job was expected; make a new plan",
        ),
        (
            "\"o1\"",
            "\"\"",
            "p.jsonl: `orgId` is ``, and the id of an organization was expected; make a new plan",
        ),
    ] {
        assert_eq!(refused(&written.replacen(good, bad, 1)).0, said);
    }
    let (text, source) = refused(&written.replacen("\"chunkSize\":1000", "\"chunkSize\":0", 1));
    assert_eq!(text, no_header);
    assert!(source.unwrap().contains("nonzero"));
}

#[test]
fn a_plan_is_saved_whole_and_overwrites_nothing_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.jsonl");
    let plan = small();
    plan.save(&path, false).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text(&plan));
    assert_eq!(Plan::load(&path).unwrap().header(), plan.header());

    fs::write(&path, "precious").unwrap();
    let error = plan.save(&path, false).unwrap_err();
    assert!(
        matches!(&error, PlanError::Exists(existing) if *existing == path),
        "{error}"
    );
    assert!(error.to_string().ends_with("choose another name"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    plan.save(&path, true).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text(&plan));

    // Nothing else is left in the folder, not even after a failure.
    let missing = folder.path().join("no/such/plan.jsonl");
    let error = plan.save(&missing, false).unwrap_err();
    assert!(
        error.to_string().contains("could not be written") && error.source().is_some(),
        "{error}"
    );
    assert!(plan.save(folder.path().join(".."), true).is_err());
    fs::create_dir(folder.path().join("d")).unwrap();
    assert!(plan.save(folder.path().join("d"), true).is_err());
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");

    let error = Plan::load(&missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the plan {} could not be read", missing.display())
    );
    // A link to nowhere is a file that is there, too.
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(Path::new("nowhere"), &link).unwrap();
        assert!(matches!(plan.save(&link, false), Err(PlanError::Exists(_))));
    }
}

#[test]
fn a_plan_is_for_one_job_in_one_organization() {
    let plan = small();
    let (job, other): (enos_ota::JobId, enos_ota::JobId) = (plan.job_id.clone(), "j2".parse().unwrap());
    plan.check_target(&job, &"o1".parse().unwrap()).unwrap();
    let problem = plan.check_target(&other, &"o1".parse().unwrap()).unwrap_err();
    assert!(matches!(problem, PlanProblem::OtherJob { .. }));
    assert_eq!(
        problem.to_string(),
        "the plan is for job 5ed758ca49f032b4663063aa, and job j2 was asked for; name the plan's job, or make a plan for \
         the other"
    );
    let problem = plan.check_target(&other, &"o2".parse().unwrap()).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "the plan is for organization o1, and the calls would be made in o2; use the plan's organization, or make a plan \
         for the other"
    );
}

#[test]
fn a_summary_counts_by_reason_product_and_version() {
    let mut devices = Devices::new();
    for (key, reason, from) in [
        ("a", Some("x"), "1"),
        ("b", Some("y"), "1"),
        ("c", Some("y"), "2"),
        ("d", None, "1"),
    ] {
        device(&mut devices, key, reason, from);
    }
    devices.push("e", &TaskFacts::default()).unwrap();
    let summary = plan_of(devices).summary();
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "devices": 5,
            "reasons": [
                {"name": null, "devices": 2}, {"name": "y", "devices": 2}, {"name": "x", "devices": 1},
            ],
            "products": [{"name": "pump", "devices": 4}, {"name": null, "devices": 1}],
            "versions": [
                {"from": "1", "to": "2.4.1", "devices": 3},
                {"from": null, "to": null, "devices": 1},
                {"from": "2", "to": "2.4.1", "devices": 1},
            ],
        })
    );
}

#[test]
fn a_header_tells_the_most_frequent_reasons() {
    let mut devices = Devices::new();
    for n in 0..250 {
        let reason = if n < 50 {
            "often".to_owned()
        } else {
            format!("sector {n:03} is bad")
        };
        device(&mut devices, &format!("d-{n:03}"), Some(&reason), "1");
    }
    let reasons = plan_of(devices).header().reasons;
    assert_eq!((reasons.len(), reasons["often"]), (100, 50));
    assert!(reasons.contains_key("sector 050 is bad") && !reasons.contains_key("sector 249 is bad"));
}

#[tokio::test]
async fn a_plan_is_made_of_what_was_read() {
    let (emulator, client) = start(Fleet::demo()).await;
    let selection = Selection::Failed(Criteria {
        not_reason: Patterns::parse(["*flash space*"]).unwrap(),
        exclude: Some(Exclusion::new({
            let mut devices = Devices::new();
            devices.push("wt-041-yaw", &TaskFacts::default()).unwrap();
            devices
        })),
        ..Criteria::default()
    });
    let job_id: enos_ota::JobId = DEMO_FLEET_JOB_ID.parse().unwrap();
    let selected = selection.read(&client, &job_id, |_| ()).await.unwrap();
    let chunk_size = NonZeroUsize::new(1000).unwrap();
    let plan = Plan::of_selected(
        job_id,
        client.org_id().clone(),
        selection,
        chunk_size,
        emulator.now_ms(),
        selected,
    );
    assert_eq!(plan.devices.len() + plan.left_out.total(), 150);
    assert_eq!((plan.left_out.cancelled, plan.left_out.excluded), (10, 1));
    assert!(plan.left_out.by_reason > 0);
    let written = text(&plan);
    assert!(written.contains(r#""exclude":{"devices":1,"sha256":""#));
    assert!(!written.contains("wt-041-yaw") && !written.contains(emulator.base_url()));
    assert!(written.starts_with(&format!("{{\"schema\":\"{PLAN_SCHEMA}\"")));
    let again = read(&written).unwrap();
    assert_eq!(again.summary(), plan.summary());
    assert_eq!(again.summary().products.len(), 3);
}

#[test]
fn a_plan_of_a_hundred_thousand_devices_is_written_and_read_quickly() {
    let mut devices = Devices::new();
    for n in 0..100_000 {
        device(&mut devices, &format!("device-{n:06}"), Some("no space"), "1");
    }
    let plan = plan_of(devices);
    let written = text(&plan);
    assert_eq!(read(&written).unwrap().header(), plan.header());
}
