//! `--timeout` holds for every command that makes a call.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use common::{APP_KEY, SECRET, program, run};
use tempfile::TempDir;

#[test]
fn a_gateway_that_never_answers_is_given_up_in_time() {
    // The operating system takes the connections; nobody ever reads from them.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let folder = TempDir::new().unwrap();
    for args in [
        &["token", "--timeout", "1"][..],
        &[
            "api",
            "GET",
            "/connect-service/v2.1/ota-jobs?action=get",
            "--timeout",
            "1",
        ],
        &["jobs", "list", "--timeout", "1"],
    ] {
        let mut command = program(folder.path());
        command
            .args(args)
            .env("ENOS_BASE_URL", &base_url)
            .env("ENOS_APP_KEY", APP_KEY)
            .env("ENOS_APP_SECRET", SECRET)
            .env("ENOS_ORG_ID", "o1");
        let begun = Instant::now();
        let finished = run(&mut command);
        // An attempt alone would have 30 s.
        assert!(begun.elapsed() < Duration::from_secs(20), "{args:?}: {finished:#?}");
        assert_eq!(finished.code, Some(5), "{args:?}: {finished:#?}");
        assert!(
            finished.stderr.contains("the time of the call ran out"),
            "{finished:#?}"
        );
        assert!(!finished.stderr.contains("carried out"), "{finished:#?}");
    }
}
