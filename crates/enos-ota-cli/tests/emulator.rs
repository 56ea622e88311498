//! `enos-ota emulator` as a process of its own, and interrupts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Gateway, finished, program, run};
use enos_ota_emulator::{Action, DEMO_JOB_ID, Fault, Scope};
use tempfile::TempDir;

fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_printed_configuration_leads_another_process_there_and_an_interrupt_ends_it() {
    let home = TempDir::new().unwrap();
    let mut emulator = spawn(program(home.path()).args(["emulator", "--print-config"]));
    let mut lines = BufReader::new(emulator.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let address = first.strip_prefix("listening on ").unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{first}");
    let mut retry = program(home.path());
    retry.args(["retry", "--job-id", DEMO_JOB_ID, "pump-01"]);
    for line in lines.take(4) {
        let line = line.unwrap();
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        retry.env(name, value);
    }
    let end = run(&mut retry);
    assert_eq!(end.code, Some(0), "{end:?}");
    interrupt(&emulator);
    let end = finished(emulator.wait_with_output().unwrap());
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn a_printed_fleet_can_be_edited_and_loaded() {
    let home = TempDir::new().unwrap();
    let fleet = run(program(home.path()).args(["emulator", "--print-fleet"])).stdout;
    let file = home.path().join("fleet.json");
    fs::write(&file, fleet.replace("pump-01", "well-01")).unwrap();
    let mut emulator = spawn(program(home.path()).args(["emulator", "--print-config", "--fleet", "fleet.json"]));
    let mut lines = BufReader::new(emulator.stdout.take().unwrap()).lines().skip(1);
    let mut retry = program(home.path());
    retry.args(["retry", "--job-id", DEMO_JOB_ID, "well-01"]);
    for line in lines.by_ref().take(4) {
        let line = line.unwrap();
        let (name, value) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        retry.env(name, value);
    }
    assert_eq!(run(&mut retry).code, Some(0));
    interrupt(&emulator);
    assert!(emulator.wait().unwrap().success());

    fs::write(&file, fleet.replace("\"failed\"", "\"broken\"")).unwrap();
    let end = run(program(home.path()).args(["emulator", "--fleet", "fleet.json"]));
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(
        end.stderr.contains("fleet.json: ") && end.stderr.contains("broken"),
        "{}",
        end.stderr
    );
}

#[test]
fn an_address_that_cannot_be_had_is_refused() {
    let home = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let end = run(program(home.path()).args(["emulator", "--listen", &address]));
    assert_eq!(end.code, Some(2), "{end:?}");
    assert!(
        end.stderr.contains(&format!("cannot listen on {address}")),
        "{}",
        end.stderr
    );
    let end = run(program(home.path()).args(["emulator", "--listen", "0.0.0.0:0"]));
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
}

/// Waits until the emulator has a request under way, as a process outside can only see it.
fn wait_for_a_call(gateway: &Gateway) {
    for _ in 0..2_000 {
        if gateway.emulator.counters().retry_calls > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("no call came");
}

#[test]
fn an_interrupt_finishes_the_call_under_way_and_skips_the_rest() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::delay_answer(Duration::from_millis(300)).on(Scope::Action(Action::RetryTask)));
    let child = spawn(&mut gateway.command([
        "retry",
        "--chunk-size",
        "1",
        "--concurrency",
        "1",
        "--output",
        "json",
        "--job-id",
        DEMO_JOB_ID,
        "pump-01",
        "pump-02",
    ]));
    wait_for_a_call(&gateway);
    interrupt(&child);
    let end = finished(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(130), "{end:?}");
    let result = end.json();
    assert_eq!(result["devices"][0]["outcome"], "accepted");
    assert_eq!(result["devices"][1]["outcome"], "skipped");
    assert_eq!(end.last_line(), "error: interrupted; 2 devices: 1 accepted, 1 skipped");
    assert_eq!(gateway.emulator.counters().retry_calls, 1);
}

#[test]
fn a_second_interrupt_abandons_the_call_and_says_that_its_outcome_is_unknown() {
    let gateway = Gateway::start();
    gateway
        .emulator
        .faults()
        .push(Fault::delay_answer(Duration::from_secs(20)).on(Scope::Action(Action::RetryTask)));
    let mut child = spawn(&mut gateway.command(["retry", "--output", "json", "--job-id", DEMO_JOB_ID, "pump-01"]));
    wait_for_a_call(&gateway);
    interrupt(&child);
    // The program answers the first interrupt before it can be sent the second.
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let told = stderr
        .lines()
        .any(|line| line.unwrap().contains("interrupt again to abandon them"));
    assert!(told);
    interrupt(&child);
    let end = finished(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(130), "{end:?}");
    assert_eq!(end.json()["devices"][0]["outcome"], "unknown");
}
