//! Prints what comes of every quota, for those who change a number: with `--ignored --nocapture`.

use crate::gateway::{Form, Gateway, Headers, SECOND, ms, s};
use crate::run::{find_rate, used};
use enos_ota_rate::Window;

#[test]
#[ignore = "prints a table"]
fn seconds() {
    println!("| Quota, calls/s | Headers | Retry-After | Refused after | Used | Throttled | 90 % reached after |");
    println!("|---|---|---|---|---|---|---|");
    for headers in [Headers::None, Headers::Named] {
        for retry_after in [None, Some(SECOND)] {
            for throttled_latency in [20, 1] {
                for quota in [50.0, 200.0, 1000.0] {
                    for form in [
                        Form::Bucket(0.02),
                        Form::Bucket(0.1),
                        Form::Bucket(1.0),
                        Form::AnySecond,
                        Form::Clock(Window::Second),
                    ] {
                        let mut gateway = Gateway::with_quota(quota, form);
                        gateway.headers = headers;
                        gateway.retry_after = retry_after;
                        gateway.throttled_latency = ms(throttled_latency);
                        let run = find_rate(gateway, s(30));
                        println!(
                            "| {quota}, {form:?} | {headers:?} | {retry_after:?} | {throttled_latency} ms | {:.1} % | {:.2} % | {:.1} s |",
                            100.0 * used(&run, quota, s(30)),
                            100.0 * run.throttled_share(),
                            run.reached(0.9 * quota).unwrap_or(f64::INFINITY),
                        );
                    }
                }
            }
        }
    }
}

#[test]
#[ignore = "prints a table"]
fn windows() {
    println!(
        "| Quota | Headers | Retry-After | Clocks differ | Nodes | Used | Throttled | Throttled calls in each window |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (quota, window) in [(600.0, Window::Minute), (10_000.0, Window::Hour)] {
        let lasts = 10 * window.length();
        for headers in [Headers::None, Headers::Named, Headers::Unnamed, Headers::Both] {
            for (retry_after, honest) in [(None, false), (Some(SECOND), false), (None, true)] {
                for (skew, nodes) in [(0, 1), (0, 3), (1, 1), (-1, 1), (25, 1), (25, 3), (-200, 1)] {
                    let mut gateway = Gateway::with_quota(quota, Form::Clock(window));
                    gateway.headers = headers;
                    gateway.retry_after = retry_after;
                    gateway.honest_retry_after = honest;
                    gateway.own_clock_ms += skew * 1000;
                    gateway.nodes = nodes;
                    gateway.exchange = ms(1000);
                    let run = find_rate(gateway, lasts);
                    let futile = run.futile.iter().filter(|((of, _), _)| *of == window);
                    println!(
                        "| {quota} / {window:?} | {headers:?} | {} | {skew} s | {nodes} | {:.1} % | {:.2} % | {:?} |",
                        if honest {
                            "honest".to_owned()
                        } else {
                            format!("{retry_after:?}")
                        },
                        100.0 * used(&run, quota / window.length().as_secs_f64(), lasts),
                        100.0 * run.throttled_share(),
                        futile.map(|(_, calls)| *calls).collect::<Vec<_>>(),
                    );
                }
            }
        }
    }
}
