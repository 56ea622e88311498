use super::*;

#[test]
fn text_names_the_windows_on_the_clock() {
    assert_eq!("50/s".parse(), Ok(Quota::per(Window::Second, 50)));
    let all = Quota::per(Window::Second, 1)
        .and(Window::Minute, 2)
        .and(Window::Hour, 3)
        .and(Window::Day, 4);
    assert_eq!("1/s, 2/m,3/h ,4/d".parse(), Ok(all));
    for text in ["", "50", "0/m", "5/w", "-1/m", "5/m,", "m/5", "4294967296/d"] {
        assert!(text.parse::<Quota>().is_err(), "{text}");
    }
}

#[test]
fn json_says_the_same_of_every_form() {
    for quota in [
        Quota::per_second(50).burst(7),
        Quota::windows(3).retry_after(RetryAfter::Seconds(1)),
        Quota::per(Window::Day, 9)
            .and(Window::Minute, 2)
            .headers(QuotaHeaders::XRateLimit),
        Quota::per_second(5).and(Window::Hour, 100).body(FaultBody::Html),
    ] {
        let json = serde_json::to_string(&quota).unwrap();
        assert_eq!(serde_json::from_str::<Quota>(&json).unwrap(), quota, "{json}");
    }
}

#[test]
fn json_that_contradicts_itself_is_refused() {
    for (json, reason) in [
        ("{}", "no limit"),
        (r#"{"minute":0}"#, "a limit is 0"),
        (r#"{"minute":1,"burst":2}"#, "`burst` goes only with `perSecond`"),
        (r#"{"perSecond":1,"windows":2}"#, "exclude each other"),
        (r#"{"month":1}"#, "unknown field `month`"),
    ] {
        let error = serde_json::from_str::<Quota>(json).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
