//! `enos-ota sign`: the vectors through the program, with bodies from every source.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::fs;
use std::path::Path;

use common::{Finished, program, run, run_with_input};
use serde_json::Value;
use tempfile::TempDir;

const URL: &str = "https://apigw.example.com/m/v1/b?k3=v3&k1=v1&k2=v2";
const BODY: &str = "{\n  \"count\": 20,\n  \"page\": 1,\n  \"desc\": \"描述\"\n}";
const SIGNATURE: &str = "59828328f6c1f9771015dc74e4929ae30f518a35a3d2353972c2ea46556fc981";

fn sign(home: &Path, args: &[&str]) -> std::process::Command {
    let mut command = program(home);
    command
        .args([
            "sign",
            "--access-token",
            "xxxxaaaxxxx",
            "--timestamp",
            "1572574909697",
            "--url",
            URL,
        ])
        .args(args)
        .env("ENOS_APP_SECRET", "xxxappSecretxxx");
    command
}

fn signature(end: &Finished) -> &str {
    assert_eq!(end.code, Some(0), "{end:?}");
    end.stdout
        .lines()
        .find_map(|line| line.strip_prefix("apim-signature: "))
        .unwrap()
}

#[test]
fn the_published_example_is_reproduced_from_every_source_of_the_body() {
    let home = TempDir::new().unwrap();
    fs::write(home.path().join("body.json"), BODY).unwrap();
    for mut command in [
        sign(home.path(), &["--data", BODY]),
        sign(home.path(), &["--data", "@body.json"]),
    ] {
        let end = run(&mut command);
        assert_eq!(signature(&end), SIGNATURE);
        assert_eq!(
            end.stdout,
            format!("apim-accesstoken: xxxxaaaxxxx\napim-timestamp: 1572574909697\napim-signature: {SIGNATURE}\n")
        );
    }
    let end = run_with_input(
        &mut sign(home.path(), &["--method", "POST", "--data", "@-"]),
        BODY.as_bytes(),
    );
    assert_eq!(signature(&end), SIGNATURE);
}

#[test]
fn a_line_feed_at_the_end_of_the_body_is_signed() {
    let home = TempDir::new().unwrap();
    let end = run_with_input(
        &mut sign(home.path(), &["--data", "@-"]),
        format!("{BODY}\n").as_bytes(),
    );
    assert_ne!(signature(&end), SIGNATURE);
}

#[test]
fn every_vector_is_reproduced() {
    let home = TempDir::new().unwrap();
    let vectors: Value = serde_json::from_str(enos_ota_sign::VECTORS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for vector in vectors["signing"].as_array().unwrap() {
        let mut command = program(home.path());
        command
            .args([
                "sign",
                "--url",
                &text(&vector["url"]),
                "--method",
                &text(&vector["method"]),
            ])
            .args(["--timestamp", &vector["timestamp"].to_string()])
            .env("ENOS_ACCESS_TOKEN", text(&vector["access_token"]))
            .env("ENOS_APP_SECRET", text(&vector["app_secret"]));
        if let Some(body) = vector["body"].as_str() {
            command.args(["--data", body]);
        }
        assert_eq!(
            signature(&run(&mut command)),
            text(&vector["signature"]),
            "{}",
            vector["name"]
        );
    }
}

#[test]
fn the_explanation_masks_token_and_secret() {
    let home = TempDir::new().unwrap();
    let end = run(&mut sign(home.path(), &["--data", "{}", "--explain"]));
    assert!(
        end.stdout
            .ends_with("string to sign: ***k1v1k2v2k3v3{}1572574909697***\n"),
        "{}",
        end.stdout
    );
    assert!(!end.stdout.contains("xxxappSecretxxx"));
}

#[test]
fn what_cannot_be_signed_is_named() {
    let home = TempDir::new().unwrap();
    for (args, message) in [
        (&["--url", "not a url"][..], "`not a url` is not a URL"),
        (
            &["--url", "https://h/?flag&k=1"],
            "the query parameter `flag` has no `=`",
        ),
        (
            &["--url", "https://h/?k=1&k=2"],
            "the query parameter `k` occurs more than once",
        ),
        (
            &["--url", "https://h/", "--data", "@missing"],
            "the body file missing cannot be read",
        ),
        (
            &["--url", "https://h/", "--timestamp", "now"],
            "invalid value 'now' for '--timestamp",
        ),
    ] {
        let mut command = program(home.path());
        command
            .arg("sign")
            .args(args)
            .env("ENOS_ACCESS_TOKEN", "t")
            .env("ENOS_APP_SECRET", "s");
        let end = run(&mut command);
        assert_eq!((end.code, end.stdout.as_str()), (Some(2), ""), "{end:?}");
        assert!(end.stderr.contains(message), "{}", end.stderr);
    }
    let end = run(program(home.path()).args(["sign", "--url", URL]));
    assert!(end.stderr.contains("no access token is given"), "{}", end.stderr);
    let end = run(program(home.path()).args(["sign", "--url", URL, "--access-token", "t"]));
    assert!(
        end.stderr.contains("not configured: app secret is missing"),
        "{}",
        end.stderr
    );
}
