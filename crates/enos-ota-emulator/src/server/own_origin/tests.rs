use super::*;

fn allowed(host: &[&str], origin: &[&str], allow_remote: bool) -> bool {
    let mut headers = HeaderMap::new();
    for (name, values) in [(HOST, host), (ORIGIN, origin)] {
        for value in values {
            headers.append(&name, value.parse().unwrap());
        }
    }
    refusal(&headers, ([127, 0, 0, 1], 8080).into(), allow_remote).is_none()
}

#[test]
fn only_loopback_with_the_right_port_is_a_host() {
    for host in [
        "127.0.0.1:8080",
        "127.9.9.9:8080",
        "[::1]:8080",
        "localhost:8080",
        "LocalHost:8080",
    ] {
        assert!(allowed(&[host], &[], false), "{host}");
    }
    for host in [
        "",
        "127.0.0.1",
        "127.0.0.1:8081",
        "localhost",
        "x.localhost:8080",
        "localhost.example.com:8080",
        "example.com:8080",
        "192.0.2.1:8080",
        "[::2]:8080",
        "user@127.0.0.1:8080",
        "127.0.0.1:8080, example.com",
    ] {
        assert!(!allowed(&[host], &[], false), "{host}");
    }
    assert!(!allowed(&[], &[], false));
    assert!(!allowed(&["127.0.0.1:8080", "example.com"], &[], false));
}

#[test]
fn only_the_emulator_is_an_origin() {
    let host = &["127.0.0.1:8080"];
    for origin in ["http://127.0.0.1:8080", "http://localhost:8080"] {
        assert!(allowed(host, &[origin], false), "{origin}");
    }
    for origin in [
        "null",
        "",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8081",
        "http://example.com",
        "http://127.0.0.1:8080.example.com",
    ] {
        assert!(!allowed(host, &[origin], false), "{origin}");
        assert!(!allowed(host, &[origin], true), "{origin}");
    }
    assert!(!allowed(host, &["http://127.0.0.1:8080", "http://example.com"], false));
}

#[test]
fn remote_access_allows_any_host_and_still_no_foreign_origin() {
    assert!(allowed(&["emulator:8080"], &[], true));
    assert!(allowed(&["emulator:9000"], &["http://emulator:9000"], true));
    assert!(!allowed(&["emulator:9000"], &["http://example.com"], true));
}
