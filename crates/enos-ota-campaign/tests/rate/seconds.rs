use crate::gateway::*;
use crate::rate::*;
use crate::run::*;

/// Prints what comes of every quota, for those who change the numbers: with `--ignored --nocapture`.
#[test]
#[ignore = "prints a table"]
fn table() {
    println!("quota  form                throttled after  Retry-After  headers used  throttled  reached");
    for quota in [50.0, 200.0, 1000.0] {
        for headers in [Headers::None, Headers::Named, Headers::Both] {
            for retry_after in [None, Some(SECOND)] {
                for throttled in [20, 1] {
                    for form in [
                        Form::Bucket(0.1),
                        Form::Bucket(1.0),
                        Form::Bucket(0.02),
                        Form::AnySecond,
                        Form::Clock(Window::Second),
                    ] {
                        let gateway = Gateway {
                            headers,
                            retry_after,
                            throttled_latency: ms(throttled),
                            ..Gateway::with_quota(quota, form)
                        };
                        let run = find_rate(gateway, s(30));
                        let used = 100.0 * used(&run, quota, s(30));
                        let throttled = 100.0 * run.throttled_share();
                        let reached = run.reached(0.9 * quota).unwrap_or(f64::INFINITY);
                        println!(
                            "{}{quota:5} {form:?} {throttled:?} {retry_after:?} {headers:?} {used:4.1} %  {throttled:5.2} %  {reached:4.1} s",
                            if used < 90. || throttled > 2. { "BAD " } else { "    " }
                        );
                    }
                }
            }
        }
    }
    for (quota, window, hours) in [(600.0, Window::Minute, 0.5), (10_000.0, Window::Hour, 6.0)] {
        for headers in [Headers::None, Headers::Named, Headers::Unnamed, Headers::Both] {
            for retry_after in [0, 1, 2] {
                for skew in [0i64, 1000, -1000, 25_000, -200_000] {
                    for nodes in [1, 3] {
                        let mut gateway = Gateway {
                            headers,
                            honest_retry_after: retry_after == 2,
                            nodes,
                            exchange: if nodes > 1 { ms(1000) } else { ms(0) },
                            retry_after: (retry_after == 1).then_some(SECOND),
                            ..Gateway::with_quota(quota, Form::Clock(window))
                        };
                        gateway.own_clock_ms += skew;
                        let lasts = SECOND.mul_f64(3600.0 * hours);
                        let run = find_rate(gateway, lasts);
                        let used = 100.0 * used(&run, quota / window.length().as_secs_f64(), lasts);
                        let throttled = 100.0 * run.throttled_share();
                        let futile: Vec<_> = run
                            .futile
                            .iter()
                            .filter(|((of, _), _)| *of == window)
                            .map(|(_, n)| *n)
                            .collect();
                        println!(
                            "{}{quota:5}/{window:?} ra{retry_after} skew {skew} nodes {nodes} {headers:?} {used:4.1} %  {throttled:5.2} % {} {:?}",
                            if used < 90. || throttled > 2. { "BAD " } else { "    " },
                            run.most_futile(window, 2),
                            &futile[..futile.len().min(12)]
                        );
                    }
                }
            }
        }
    }
}
