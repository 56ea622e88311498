//! `enos-ota emulator` as a process of its own, and interrupts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
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
    let address = first.strip_prefix("# listening on ").unwrap();
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

/// Starts an emulator and reads so many lines of what it prints.
fn started(home: &TempDir, args: &[&str], lines: usize) -> (Child, Vec<String>) {
    let mut emulator = spawn(program(home.path()).arg("emulator").args(args));
    let printed = BufReader::new(emulator.stdout.take().unwrap()).lines();
    let printed = printed.take(lines).map(|line| line.unwrap()).collect();
    (emulator, printed)
}

fn ended(emulator: Child) -> common::Finished {
    interrupt(&emulator);
    finished(emulator.wait_with_output().unwrap())
}

#[test]
fn a_shell_can_read_the_printed_configuration_whatever_the_fleet_is_called() {
    let home = TempDir::new().unwrap();
    fs::write(
        home.path().join("fleet.json"),
        r#"{"orgId":"o1; echo 'injected' $(id)"}"#,
    )
    .unwrap();
    let (emulator, lines) = started(&home, &["--print-config", "--fleet", "fleet.json"], 5);
    let script = format!(
        "{}\nprintf '%s|%s' \"$ENOS_ORG_ID\" \"$ENOS_BASE_URL\"",
        lines.join("\n")
    );
    let shell = Command::new("sh").args(["-euc", &script]).output().unwrap();
    let url = lines[0].strip_prefix("# listening on ").unwrap();
    assert_eq!(
        String::from_utf8(shell.stdout).unwrap(),
        format!("o1; echo 'injected' $(id)|{url}")
    );
    assert_eq!(ended(emulator).code, Some(0));
}

#[test]
fn other_machines_are_let_in_only_when_that_is_asked_for_and_with_a_warning() {
    let home = TempDir::new().unwrap();
    let refused = run(program(home.path()).args(["emulator", "--listen", "0.0.0.0:0"]));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--allow-remote"), "{}", refused.stderr);

    let (emulator, lines) = started(&home, &["--listen", "0.0.0.0:0", "--allow-remote"], 1);
    assert!(lines[0].starts_with("listening on http://0.0.0.0:"), "{lines:?}");
    let end = ended(emulator);
    assert!(
        end.stderr.contains("warning: other machines can reach this emulator"),
        "{}",
        end.stderr
    );

    // Loopback needs no warning, also if more was allowed.
    let (emulator, lines) = started(&home, &["--allow-remote"], 1);
    assert!(lines[0].starts_with("listening on http://127.0.0.1:"), "{lines:?}");
    assert!(!ended(emulator).stderr.contains("warning"));
}

#[test]
fn limits_of_calls_are_given_in_text() {
    let home = TempDir::new().unwrap();
    for (args, reason) in [
        (["--quota", "600"], "`600` is no limit"),
        (["--quota", "0/m"], "`0/m` is no limit"),
        (["--quota-headers", "rate-limit"], "--quota"),
        (["--nodes", "0"], "0 is not in 1..=255"),
    ] {
        let end = run(program(home.path()).arg("emulator").args(args));
        assert_eq!(end.code, Some(2), "{end:?}");
        assert!(end.stderr.contains(reason), "{reason}: {}", end.stderr);
    }
    let (emulator, lines) = started(&home, &["--quota", "1/d", "--quota-headers", "rate-limit"], 1);
    let address = lines[0].strip_prefix("listening on http://").unwrap();
    let call = || {
        let mut socket = TcpStream::connect(address).unwrap();
        let head = "POST /connect-service/v2.1/ota-jobs HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    };
    let taken = call();
    assert!(
        taken.starts_with("HTTP/1.1 200 ") && taken.contains("ratelimit-remaining: 0\r\n"),
        "{taken}"
    );
    let refused = call();
    assert!(
        refused.starts_with("HTTP/1.1 429 ") && refused.contains("retry-after: "),
        "{refused}"
    );
    ended(emulator);
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

#[test]
fn a_plan_made_with_one_emulator_fits_the_next() {
    let home = TempDir::new().unwrap();
    let planned = run(program(home.path()).args(["plan", "--emulator", "--failed", "-o", "plan.jsonl"]));
    assert_eq!(planned.code, Some(0), "{planned:?}");
    let applied = run(program(home.path()).args(["apply", "plan.jsonl", "--emulator", "--yes"]));
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(
        !applied.stderr.contains("Since the plan was made"),
        "{}",
        applied.stderr
    );
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

#[cfg(unix)]
#[test]
fn an_emulator_in_the_background_leads_the_shell_to_it_and_does_not_block() {
    let folder = TempDir::new().unwrap();
    let script = format!(
        "eval \"$('{0}' emulator --print-config --background)\" && '{0}' jobs list --output jsonl; kill $ENOS_EMULATOR_PID",
        env!("CARGO_BIN_EXE_enos-ota")
    );
    let mut shell = Command::new("/bin/sh");
    let end = run(shell.args(["-c", &script]).env("HOME", folder.path()));
    assert_eq!((end.code, end.stdout.lines().count()), (Some(0), 3), "{end:?}");
    let mut refused = program(folder.path());
    let end = run(refused.args(["emulator", "--print-config", "--background", "--listen", "0.0.0.0:0"]));
    assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
    assert!(
        end.stderr.starts_with("error: the emulator cannot listen on 0.0.0.0:0"),
        "{end:?}"
    );
}
