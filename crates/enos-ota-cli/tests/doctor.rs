//! The doctor finds where the path of a call stops: every failure is provoked here.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "common/tls.rs"]
mod tls;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use common::{APP_KEY, Finished, Gateway, SECRET, program, run};
use enos_ota_emulator::{DEMO_DENIED_ORG_ID, Fault, Quota, QuotaHeaders, Scope};
use serde_json::Value;
use tempfile::TempDir;
use tls::{Authority, Options};

/// The steps with their status, as `settings ok`.
fn steps(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().unwrap();
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    steps
        .iter()
        .map(|step| format!("{} {}", word(step, "step"), word(step, "status")))
        .collect()
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["step"] == name)
        .unwrap()
}

fn doctor(command: &mut Command, args: &[&str]) -> Finished {
    let end = run(command.arg("doctor").args(args));
    for output in [&end.stdout, &end.stderr] {
        assert!(!output.contains(SECRET), "{end:?}");
    }
    end
}

/// The walk stops at this step, with this exit code; the message or a hint says so. All before is told, nothing after it.
#[track_caller]
fn stops(command: &mut Command, args: &[&str], at: &str, exit: i32, why: &str) -> Value {
    let end = doctor(command, &[args, &["--output", "json"]].concat());
    assert_eq!(end.code, Some(exit), "{end:#?}");
    let report = end.json();
    assert_eq!(
        (&report["stoppedAt"], &report["exit"]),
        (&at.into(), &exit.into()),
        "{report:#}"
    );
    let told = steps(&report);
    assert_eq!(told.len(), 11, "{told:?}");
    let failed: Vec<_> = told.iter().filter(|step| step.ends_with(" failed")).collect();
    assert_eq!(failed, [&format!("{at} failed")], "{told:?}");
    let after = told.iter().skip_while(|step| !step.ends_with(" failed")).skip(1);
    assert!(after.into_iter().all(|step| step.ends_with(" skipped")), "{told:?}");
    let step = step(&report, at);
    let text = format!("{} {}", step["message"], step["hints"]);
    assert!(text.contains(why), "expected `{why}` in {text}");
    assert_ne!(step["hints"].as_array().unwrap().len(), 0, "{step}");
    assert!(end.stderr.ends_with(&format!("error: stopped at `{at}`\n")), "{end:?}");
    report
}

/// The program with settings of a gateway at this address.
fn towards(home: &TempDir, base_url: &str) -> Command {
    let mut command = program(home.path());
    command
        .env("ENOS_BASE_URL", base_url)
        .env("ENOS_APP_KEY", APP_KEY)
        .env("ENOS_APP_SECRET", SECRET)
        .env("ENOS_ORG_ID", "o1");
    command
}

/// A port at which nobody listens.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn all_is_well_with_a_gateway_that_answers() {
    let gateway = Gateway::start();
    let end = doctor(&mut gateway.command::<[&str; 0]>([]), &["--output", "json"]);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""), "{end:?}");
    let report = end.json();
    assert_eq!(
        (&report["schema"], &report["stoppedAt"]),
        (&"enos-ota/doctor/1".into(), &Value::Null)
    );
    assert_eq!(
        steps(&report),
        [
            "settings ok",
            "proxy ok",
            "dns ok",
            "tcp ok",
            "tls skipped",
            "clock ok",
            "token ok",
            "signature ok",
            "permission ok",
            "read ok",
            "limits ok"
        ]
    );
    let base_url = &report["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "base-url")
        .unwrap();
    assert_eq!(
        (&base_url["value"], &base_url["source"]),
        (&gateway.emulator.base_url().into(), &"ENOS_BASE_URL".into())
    );
    assert_eq!(step(&report, "dns")["facts"]["addresses"][0], "127.0.0.1");
    assert_eq!(step(&report, "read")["facts"]["totalSize"], 3);
    assert!(step(&report, "token")["facts"]["expiresInSeconds"].as_u64().unwrap() > 7000);
}

#[test]
fn the_report_for_people_has_each_step_on_its_line() {
    let gateway = Gateway::start();
    let end = doctor(&mut gateway.command::<[&str; 0]>([]), &[]);
    assert_eq!(end.code, Some(0), "{end:?}");
    for text in [
        "ok       settings    complete\n",
        "base-url    http://127.0.0.1:",
        "(ENOS_BASE_URL)\n",
        "skipped  tls         plain http\n",
        "ok       signature   the gateway accepts it\n",
        "Device Management: Full Access",
        "A signed call works.\n",
    ] {
        assert!(end.stdout.contains(text), "expected `{text}` in {}", end.stdout);
    }
}

#[test]
fn limits_that_the_gateway_announces_are_told() {
    let gateway = Gateway::start_with(|builder| {
        builder.quota("600/m".parse::<Quota>().unwrap().headers(QuotaHeaders::XRateLimit))
    });
    let report = doctor(&mut gateway.command::<[&str; 0]>([]), &["--output", "json"]).json();
    let limit = &step(&report, "limits")["facts"]["limits"][0];
    assert_eq!((&limit["window"], &limit["limit"]), (&"minute".into(), &600.into()));
}

#[test]
fn the_emulator_inside_the_program_is_well() {
    let home = TempDir::new().unwrap();
    let end = doctor(&mut program(home.path()), &["--emulator"]);
    assert_eq!(end.code, Some(0), "{end:?}");
}

#[test]
fn missing_settings_stop_at_once() {
    let home = TempDir::new().unwrap();
    stops(&mut program(home.path()), &[], "settings", 2, "app key");
}

#[test]
fn a_wrong_host_name_stops_at_the_name_service() {
    let home = TempDir::new().unwrap();
    let mut command = towards(&home, "https://no-such-gateway.invalid");
    stops(&mut command, &[], "dns", 5, "no-such-gateway.invalid");
}

#[test]
fn a_closed_port_stops_at_the_connection() {
    let home = TempDir::new().unwrap();
    let mut command = towards(&home, &format!("http://{}", closed_port()));
    let report = stops(&mut command, &[], "tcp", 5, "ENOS_BASE_URL");
    assert_eq!(step(&report, "dns")["status"], "ok");
}

#[test]
fn a_dead_proxy_stops_at_the_proxy() {
    let gateway = Gateway::start();
    let proxy = format!("http://me:{SECRET}@{}", closed_port());
    let report = stops(
        &mut gateway.command::<[&str; 0]>([]),
        &["--proxy", &proxy],
        "proxy",
        5,
        "connect",
    );
    assert_eq!(step(&report, "dns")["status"], "skipped");
}

#[test]
fn a_good_certificate_is_shown() {
    let (home, authority) = (TempDir::new().unwrap(), Authority::new());
    let root = authority.root_file(home.path());
    let server = authority.serve(Options::default());
    let mut command = towards(&home, &format!("https://{server}"));
    let report = stops(&mut command, &["--ca-cert", &root], "token", 5, "");
    let tls = step(&report, "tls");
    assert_eq!(
        (&tls["status"], &tls["facts"]["names"][0]),
        (&"ok".into(), &"127.0.0.1".into()),
        "{tls}"
    );
    assert_eq!(
        (&tls["facts"]["selfSigned"], &tls["facts"]["isAuthority"]),
        (&false.into(), &false.into())
    );
    assert!(
        tls["facts"]["issuer"].as_str().unwrap().contains("Test Authority"),
        "{tls}"
    );
}

#[test]
fn every_fault_of_a_certificate_stops_at_tls_and_is_shown() {
    let cases = [
        (
            "unknown authority",
            Options::default(),
            false,
            "isAuthority",
            Value::from(false),
        ),
        (
            "expired",
            Options {
                expired: true,
                ..Options::default()
            },
            true,
            "notAfter",
            "2020-01-31T00:00:00Z".into(),
        ),
        (
            "wrong host",
            Options {
                host: "other.example.com",
                ..Options::default()
            },
            true,
            "names",
            vec!["other.example.com"].into(),
        ),
        (
            "self-signed",
            Options {
                self_signed: true,
                ..Options::default()
            },
            false,
            "selfSigned",
            true.into(),
        ),
        (
            "authority",
            Options {
                self_signed: true,
                authority: true,
                ..Options::default()
            },
            false,
            "isAuthority",
            true.into(),
        ),
    ];
    for (what, options, trusted, fact, value) in cases {
        let (home, authority) = (TempDir::new().unwrap(), Authority::new());
        let root = authority.root_file(home.path());
        let server = authority.serve(options);
        let mut command = towards(&home, &format!("https://{server}"));
        let args: &[&str] = if trusted { &["--ca-cert", &root] } else { &[] };
        let report = stops(&mut command, args, "tls", 5, "certificate");
        assert_eq!(step(&report, "tls")["facts"][fact], value, "{what}: {report:#}");
        assert_eq!(step(&report, "tcp")["status"], "ok", "{what}");
    }
}

#[test]
fn https_to_a_port_of_plain_http_stops_at_tls() {
    let gateway = Gateway::start();
    let address = gateway.emulator.addr();
    let mut command = gateway.command::<[&str; 0]>([]);
    stops(
        command.env("ENOS_BASE_URL", format!("https://{address}")),
        &[],
        "tls",
        5,
        "TLS",
    );
}

#[test]
fn a_wrong_clock_stops_before_the_token() {
    for (skew_ms, told) in [(3_600_000, -3600), (-3_600_000, 3600)] {
        let gateway = Gateway::start_with(|builder| builder.clock_skew_ms(skew_ms));
        let report = stops(
            &mut gateway.command::<[&str; 0]>([]),
            &[],
            "clock",
            3,
            "clock of this machine",
        );
        let skew = step(&report, "clock")["facts"]["skewSeconds"].as_i64().unwrap();
        assert!((skew - told).abs() < 60, "{skew}");
    }
}

#[test]
fn a_wrong_secret_stops_at_the_token() {
    let gateway = Gateway::start();
    let mut command = gateway.command::<[&str; 0]>([]);
    stops(
        command.env("ENOS_APP_SECRET", "another"),
        &[],
        "token",
        3,
        "ENOS_APP_SECRET",
    );
}

#[test]
fn a_refused_signature_stops_there() {
    let refused = Fault::refused_by_gateway(401).on(Scope::Jobs).forever();
    let gateway = Gateway::start_with(|builder| builder.fault(refused));
    stops(
        &mut gateway.command::<[&str; 0]>([]),
        &["--timeout", "5s"],
        "signature",
        3,
        "401",
    );
}

#[test]
fn a_missing_permission_is_named_by_version() {
    let gateway = Gateway::start();
    let report = stops(
        &mut gateway.command::<[&str; 0]>([]),
        &["--org-id", DEMO_DENIED_ORG_ID],
        "permission",
        3,
        "Firmware: Read OTA",
    );
    assert_eq!(step(&report, "signature")["status"], "ok");
}

#[test]
fn a_wrong_organization_stops_at_the_read() {
    let gateway = Gateway::start();
    stops(
        &mut gateway.command::<[&str; 0]>([]),
        &["--org-id", "o000"],
        "read",
        4,
        "--org-id",
    );
}

#[test]
fn a_throttled_or_failing_service_stops_at_the_read() {
    for fault in [Fault::throttled(None), Fault::refused_by_gateway(503)] {
        let gateway = Gateway::start_with(|builder| builder.fault(fault.on(Scope::Jobs).forever()));
        stops(&mut gateway.command::<[&str; 0]>([]), &[], "read", 5, "HTTP");
    }
}

#[test]
fn a_server_that_is_no_gateway_stops_at_the_token() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let page = "<html><title>Sign in</title></html>";
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    let home = TempDir::new().unwrap();
    stops(
        &mut towards(&home, &format!("http://{address}")),
        &[],
        "token",
        5,
        "Sign in",
    );
}
