use super::*;

#[test]
fn a_date_beyond_what_http_can_write_is_the_last_that_it_can() {
    let date = retry_after(RetryAfter::DateInSeconds(u32::MAX), i64::MAX);
    assert_eq!(date, "Fri, 31 Dec 9999 23:59:59 GMT");
}
