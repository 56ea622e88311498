//! What `--print-curl` prints works, and has no secret in it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Finished, Gateway, SECRET, run};
use enos_ota_emulator::{DEMO_JOB_ID, DEMO_STOPPED_JOB_ID};

/// What the program prints in place of the calls.
fn printed(gateway: &Gateway, args: &[&str]) -> String {
    let end = gateway.run([args, &["--print-curl"]].concat());
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    assert!(gateway.emulator.requests().is_empty(), "{args:?} sent something");
    assert!(!end.stdout.contains(SECRET), "{}", end.stdout);
    end.stdout
}

/// Carries a script out, as a person does who has the settings in the environment.
fn carried_out(gateway: &Gateway, script: &str) -> Finished {
    let settings = gateway.command::<[&str; 0]>([]);
    let folder = Path::new(env!("CARGO_BIN_EXE_enos-ota")).parent().unwrap();
    let path = std::env::join_paths(
        [folder.to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(script)
        .env_clear()
        .env("PATH", path.unwrap())
        .current_dir(gateway.folder.path());
    for (name, value) in settings.get_envs().filter(|(name, _)| *name != "PATH") {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    run(&mut shell)
}

#[test]
fn the_printed_scripts_make_the_calls() {
    for (args, action) in [
        (&["jobs", "list", "--status", "started"][..], "search"),
        (&["jobs", "get", DEMO_JOB_ID], "get"),
        (&["jobs", "start", DEMO_STOPPED_JOB_ID], "start"),
        (&["jobs", "stop", DEMO_JOB_ID], "stop"),
        (&["jobs", "delete", DEMO_STOPPED_JOB_ID], "delete"),
        (
            &["tasks", "list", "--job-id", DEMO_JOB_ID, "--status", "failed"],
            "searchTask",
        ),
        (&["retry", "--job-id", DEMO_JOB_ID, "pump-01", "pump-02"], "retryTask"),
    ] {
        let gateway = Gateway::start();
        let script = printed(&gateway, args);
        assert!(script.contains(&format!("action={action}&")), "{script}");
        let end = carried_out(&gateway, &script);
        assert_eq!((end.code, &end.json()["code"]), (Some(0), &0.into()), "{script}{end:?}");
    }
}

#[test]
fn many_devices_are_as_many_calls_as_they_would_be() {
    let gateway = Gateway::start();
    let retry = [
        "retry",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-02",
        "pump-03",
        "--chunk-size",
        "2",
    ];
    let script = printed(&gateway, &retry);
    assert_eq!(script.matches("curl --globoff").count(), 2, "{script}");
    let failed = gateway.run(["retry", "--job-id", DEMO_JOB_ID, "--failed", "--print-curl"]);
    assert_eq!(failed.code, Some(2), "{failed:?}");
    assert!(failed.stderr.contains("--status failed --print-curl"), "{failed:?}");
}

#[test]
fn any_api_can_be_printed_with_what_a_shell_would_not_leave_alone() {
    let gateway = Gateway::start();
    let org_id = format!("orgId={}", gateway.emulator.org_id());
    let body = r#"{"expression":"status='failed' and desc='it''s & $HOME'","pagination":{"pageNo":1,"pageSize":1}}"#;
    let api = [
        "api",
        "post",
        "/connect-service/v2.1/ota-jobs",
        "--query",
        "action=searchTask",
        "--query",
        &org_id,
        "--data",
        body,
    ];
    let direct = gateway.run(api);
    let other = Gateway::start();
    let script = printed(&other, &api);
    let end = carried_out(&other, &script);
    assert_eq!(end.json()["code"], direct.json()["code"], "{script}{end:?}");
}

#[test]
fn a_signed_command_leaves_the_token_where_it_came_from() {
    let gateway = Gateway::start();
    let token = gateway.run(["token"]).stdout.trim().to_owned();
    let url = format!(
        "{}/connect-service/v2.1/ota-jobs?action=get&orgId={}&jobId={DEMO_JOB_ID}",
        gateway.emulator.base_url(),
        gateway.emulator.org_id()
    );
    let end = run(gateway
        .command(["sign", "--curl", "--url", &url])
        .env("ENOS_ACCESS_TOKEN", &token));
    assert!(!end.stdout.contains(&token) && !end.stdout.contains(SECRET), "{end:?}");
    assert!(end.stderr.contains("15 minutes after its timestamp"), "{end:?}");
    let script = format!("ENOS_ACCESS_TOKEN={token}\n{}", end.stdout);
    assert_eq!(carried_out(&gateway, &script).json()["code"], 0);
    let given = gateway.run(["sign", "--curl", "--access-token", &token, "--url", &url]);
    assert_eq!(carried_out(&gateway, &given.stdout).json()["code"], 0);
}
