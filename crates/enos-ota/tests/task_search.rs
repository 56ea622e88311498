//! Searches on a gateway that answers oddly: rows that cannot be read, pages that repeat, waits that are asked for.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use common::server::{Received, Reply, Script, Server};
use enos_ota::search::Expression;
use enos_ota::{
    Client, ErrorKind, JobId, PageError, PageSize, RetryPolicy, SearchEvent, TaskReading, TaskSearch, WaitReason,
    Waiting,
};
use futures_util::TryStreamExt as _;
use tokio::time::Instant;

/// Which page was asked for, and how large.
fn asked(request: &Received) -> (u64, u64) {
    let page = &request.json()["pagination"];
    (page["pageNo"].as_u64().unwrap(), page["pageSize"].as_u64().unwrap())
}

fn rows_of(request: &Received, rows: u64) -> Range<u64> {
    let (no, size) = asked(request);
    ((no - 1) * size).min(rows)..(no * size).min(rows)
}

fn page(rows: impl IntoIterator<Item = String>, total: u64) -> Reply {
    let rows: Vec<_> = rows.into_iter().collect();
    Reply::json(&format!(
        r#"{{"code":0,"msg":"OK","data":[{}],"pagination":{{"totalSize":{total}}}}}"#,
        rows.join(",")
    ))
}

fn row(number: u64) -> String {
    format!(r#"{{"deviceKey":"d{number}","jobId":"j1","taskId":"t{number}","status":"failed"}}"#)
}

fn whole_page(request: &Received, rows: u64) -> Reply {
    page(rows_of(request, rows).map(row), rows)
}

/// A server that answers every search so, however many there are; `odd` come first.
async fn server(odd: Vec<Reply>, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Server {
    let answer = Arc::new(answer);
    let answers = (0..2_000).map(|_| {
        let answer = Arc::clone(&answer);
        Reply::of(move |request| answer(request))
    });
    Server::start(Script::default().calls(odd.into_iter().chain(answers))).await
}

fn job() -> JobId {
    "j1".parse().unwrap()
}

fn failed() -> Expression<enos_ota::search::Tasks> {
    Expression::raw("jobId='j1' and status='failed'")
}

fn size(size: u8) -> PageSize {
    PageSize::new(size).unwrap()
}

fn search(client: &Client) -> TaskSearch {
    client.task_search(&job(), &failed()).page_size(size(10))
}

#[derive(Debug, Default)]
struct Read {
    keys: Vec<String>,
    foreign: usize,
    unreadable: Vec<u64>,
    waits: Vec<Waiting>,
}

impl Read {
    fn take(&mut self, event: SearchEvent) -> ControlFlow<()> {
        match event {
            SearchEvent::Page(page) => {
                self.keys
                    .extend(page.tasks.into_iter().filter_map(|task| task.device_key));
                self.foreign += page.foreign.len();
                self.unreadable.extend(page.unreadable.iter().map(|row| row.position));
            }
            SearchEvent::Waiting(waiting) => self.waits.push(waiting),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

async fn read(search: &TaskSearch) -> (Result<TaskReading, PageError>, Read) {
    let mut read = Read::default();
    let reading = search.read_all(|event| read.take(event)).await;
    (reading, read)
}

fn keys(rows: impl IntoIterator<Item = u64>) -> Vec<String> {
    rows.into_iter().map(|row| format!("d{row}")).collect()
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_cost_its_page() {
    let body = concat!(
        r#"{"code":0,"data":[{"deviceKey":"a"},{"deviceKey":"b","jobId":"j1","desc":"\ud800"},"#,
        r#"{"deviceKey":"c","progress":-1.5},{"deviceKey":"e","progress":-2}],"pagination":{"totalSize":4}}"#
    );
    let server = Server::start(Script::default().calls([Reply::json(body)])).await;
    let client = common::client(&server.url());
    let page = client.search_tasks(&failed(), 3, size(4)).await.unwrap();
    let keys: Vec<_> = page
        .items
        .iter()
        .map(|task| task.device_key.as_deref().unwrap())
        .collect();
    assert_eq!((keys, page.total_size), (vec!["a", "e"], Some(4)));
    let [b, c] = &*page.unreadable else {
        panic!("{:?}", page.unreadable);
    };
    assert_eq!(
        (b.device_key.as_deref(), b.job_id.as_deref(), b.position),
        (Some("b"), Some("j1"), 9)
    );
    assert_eq!(b.raw, r#"{"deviceKey":"b","jobId":"j1","desc":"\ud800"}"#);
    assert_eq!((c.device_key.as_deref(), c.position), (Some("c"), 10));
    assert!(c.why.contains("-1.5"), "{}", c.why);
}

#[tokio::test]
async fn a_byte_that_is_not_utf8_costs_the_row_that_has_it() {
    let mut body = br#"{"code":0,"data":[{"deviceKey":"a"},{"deviceKey":"b","desc":""#.to_vec();
    body.push(0xFF);
    body.extend(br#""},{"deviceKey":"c"}],"pagination":{"totalSize":3}}"#);
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    let server = Server::start(Script::default().calls([Reply::raw(answer)])).await;
    let pages: Vec<_> = common::client(&server.url())
        .task_pages(&failed(), size(3))
        .try_collect()
        .await
        .unwrap();
    assert_eq!((pages.len(), pages[0].items.len()), (1, 2));
    assert_eq!(pages[0].unreadable[0].device_key.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_job_that_cannot_be_read_does_not_cost_its_page() {
    let body =
        r#"{"code":0,"data":[{"jobId":"a"},{"jobId":"b","createTime":"yesterday"}],"pagination":{"totalSize":2}}"#;
    let server = Server::start(Script::default().calls([Reply::json(body)])).await;
    let page = common::client(&server.url())
        .search_jobs(&Expression::raw(""), 1, PageSize::default())
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.unreadable[0].job_id.as_deref()), (1, Some("b")));
}

#[tokio::test]
async fn an_answer_that_does_not_say_none_is_not_none() {
    for (body, is_none) in [
        (r#"{"code":0,"msg":"OK"}"#, false),
        (r#"{"code":0,"msg":"OK","data":null}"#, false),
        (r#"{"code":0,"pagination":{"pageNo":1}}"#, false),
        (r#"{"code":0,"data":null,"pagination":{"totalSize":3}}"#, false),
        (r#"{"code":0,"data":null,"pagination":{"totalSize":-1}}"#, false),
        (r#"{"code":0,"data":null,"pagination":{"totalSize":0}}"#, true),
        (r#"{"code":0,"data":[]}"#, true),
        (r#"{"code":0,"data":[],"pagination":{"totalSize":"0"}}"#, true),
    ] {
        let server = Server::start(Script::default().calls([Reply::json(body)])).await;
        match common::client(&server.url()).search_tasks(&failed(), 1, size(10)).await {
            Ok(page) => assert!(is_none && page.items.is_empty(), "{body}"),
            Err(error) => assert!(
                !is_none && error.kind() == ErrorKind::MalformedAnswer,
                "{body}: {error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn all_pages_are_read_in_order_and_a_platform_may_cap_them() {
    for (cap, calls) in [(10, 10), (7, 14)] {
        let server = server(vec![], move |request| {
            let (no, size) = asked(request);
            let size = size.min(cap);
            page(((no - 1) * size..(no * size).min(95)).map(row), 95)
        })
        .await;
        let (reading, read) = read(&search(&common::client(&server.url()))).await;
        let reading = reading.unwrap();
        assert_eq!(read.keys, keys(0..95));
        assert_eq!((reading.rows, reading.calls, reading.is_whole()), (95, calls, true));
    }
}

#[tokio::test]
async fn rows_of_another_job_or_organization_are_set_apart() {
    let odd = [
        row(0),
        row(1).replace("j1", "j2"),
        row(2).replace('{', r#"{"orgId":"another","#),
        row(3).replace('{', &format!(r#"{{"orgId":"{}","#, common::ORG_ID)),
        r#"{"deviceKey":"d4"}"#.to_owned(),
    ];
    let server = server(vec![], move |_| page(odd.clone(), 5)).await;
    let (reading, read) = read(&search(&common::client(&server.url()))).await;
    assert_eq!((read.keys, read.foreign), (keys([0, 3, 4]), 2));
    let reading = reading.unwrap();
    assert_eq!((reading.rows, reading.foreign), (5, 2));
}

#[tokio::test]
async fn a_search_that_repeats_itself_is_read_once() {
    let server = server(vec![], |_| page((0..10).map(row), 1_000_000)).await;
    let client = common::client(&server.url());
    let (reading, read) = read(&search(&client)).await;
    let reading = reading.unwrap();
    assert_eq!(read.keys, keys(0..10));
    assert_eq!((reading.repeats, reading.is_whole(), reading.rows), (true, false, 10));
    assert!(server.calls().len() < 20, "{}", server.calls().len());

    let mut pages = client.task_pages(&failed(), size(10));
    assert_eq!(pages.try_next().await.unwrap().unwrap().items.len(), 10);
    let error = pages.try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MalformedAnswer);
    assert!(error.to_string().contains("repeats itself"), "{error}");
    assert!(pages.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn one_row_a_page_is_read_at_the_pace_that_was_set_till_the_reader_breaks_off() {
    let server = server(vec![], |request| {
        let (no, _) = asked(request);
        page([row(no)], 1_000_000_000_000)
    })
    .await;
    let search = search(&common::client(&server.url())).rate(Duration::from_millis(10));
    let (mut pages, begun) = (0, Instant::now());
    let reading = search
        .read_all(|_| {
            pages += 1;
            if pages == 20 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await;
    assert!(reading.unwrap().stopped);
    assert!(begun.elapsed() >= Duration::from_millis(190), "{:?}", begun.elapsed());
    assert!(server.calls().len() < 40, "{}", server.calls().len());
}

#[tokio::test]
async fn a_row_that_is_too_large_is_named_by_its_place_and_the_others_are_read() {
    const LARGE: usize = enos_ota::enos_ota_client::MAX_ANSWER_BYTES + 1;
    let server = server(vec![], |request| {
        let rows = rows_of(request, 25);
        if rows.contains(&13) {
            Reply::flood(200, r#"{"code":0,"data":[{"desc":""#, LARGE)
        } else {
            whole_page(request, 25)
        }
    })
    .await;
    let client = common::client(&server.url());
    let (reading, read) = read(&search(&client)).await;
    assert_eq!(read.keys, keys((0..25).filter(|row| *row != 13)));
    assert_eq!(read.unreadable, [13]);
    let reading = reading.unwrap();
    assert_eq!((reading.unreadable, reading.is_whole()), (1, true));
    let pages: Vec<_> = client.task_pages(&failed(), size(10)).try_collect().await.unwrap();
    assert_eq!((pages.len(), pages[1].items.len()), (3, 9));
    assert!(pages[1].unreadable[0].why.contains("larger than 8 MiB"));
}

fn throttled(retry_after: Option<&str>) -> Reply {
    let headers: Vec<_> = retry_after.map(|wait| ("retry-after", wait)).into_iter().collect();
    Reply::http(429, &headers, r#"{"message":"API rate limit exceeded"}"#)
}

#[tokio::test]
async fn a_gateway_that_asks_for_fewer_calls_from_the_first_on_is_waited_for() {
    let server = server((0..4).map(|_| throttled(None)).collect(), |request| {
        whole_page(request, 95)
    })
    .await;
    let client = common::client(&server.url());
    let time = common::time::freeze();
    let begun = Instant::now();
    let task = tokio::spawn(async move { read(&search(&client)).await });
    let (reading, read) = time.run(task, Duration::from_millis(500)).await;
    assert_eq!((read.keys, reading.unwrap().calls), (keys(0..95), 14));
    let waits: Vec<_> = read
        .waits
        .iter()
        .map(|waiting| (waiting.why, waiting.wait.as_secs()))
        .collect();
    assert_eq!(waits, [1, 4, 16, 60].map(|wait| (WaitReason::Throttled, wait)));
    assert!(begun.elapsed() >= Duration::from_secs(81));
}

#[tokio::test]
async fn while_it_is_asked_for_fewer_calls_one_call_asks_for_all() {
    // The first page, the seven that are under way, and one more in vain.
    let refusals = (0..9).map(|_| throttled(Some("30")));
    let odd = std::iter::once(Reply::of(|request| whole_page(request, 95))).chain(refusals);
    let server = server(odd.collect(), |request| whole_page(request, 95)).await;
    let client = common::client(&server.url());
    let time = common::time::freeze();
    let task = tokio::spawn(async move {
        let eight = NonZeroUsize::new(8).unwrap();
        read(&search(&client).concurrency(eight)).await
    });
    let (reading, read) = time.run(task, Duration::from_secs(1)).await;
    assert_eq!((read.keys, reading.unwrap().calls), (keys(0..95), 19));
}

#[tokio::test]
async fn a_wait_beyond_the_patience_is_refused_at_once_however_long_it_is() {
    for (asked, words) in [
        ("18446744073709551615", "more than a day"),
        ("99999999999999999999999", "more than a day"),
        ("61", "61 s"),
    ] {
        let server = server(vec![throttled(Some(asked))], |request| whole_page(request, 5)).await;
        let search = search(&common::client(&server.url())).patience(Duration::from_mins(1));
        let (reading, _) = read(&search).await;
        let Err(error) = reading else {
            // A number that no header may have is none.
            assert_eq!(asked.len(), 23);
            continue;
        };
        assert_eq!((error.page_no, error.source.is_throttled()), (1, true));
        assert_eq!(
            error.source.to_string(),
            format!("the gateway asks for a wait of {words}, and there are 60 s left to wait")
        );
        assert_eq!(server.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_token_that_several_nodes_call_dead_does_not_lose_the_pages_that_were_read() {
    let expired = || Reply::status(1203);
    let odd = vec![
        Reply::of(|request| whole_page(request, 25)),
        Reply::of(|request| whole_page(request, 25)),
        expired(),
        expired(),
        expired(),
    ];
    let server = server(odd, |request| whole_page(request, 25)).await;
    let client = common::client(&server.url());
    let time = common::time::freeze();
    let task = tokio::spawn(async move {
        let one = NonZeroUsize::MIN;
        read(&search(&client).concurrency(one)).await
    });
    let (reading, read) = time.run(task, Duration::from_millis(100)).await;
    assert_eq!((read.keys, reading.unwrap().is_whole()), (keys(0..25), true));
    // How often the client itself has asked for another token does not matter here.
    for waiting in &read.waits {
        assert_eq!((waiting.why, waiting.page_no), (WaitReason::TokenExpired, 3));
    }
}

#[tokio::test]
async fn a_gateway_that_fails_is_waited_for_by_time_once_it_has_answered() {
    let down = || Reply::http(503, &[], r#"{"message":"Service unavailable"}"#);
    let first = Reply::of(|request| whole_page(request, 25));
    let odd = std::iter::once(first).chain((0..12).map(|_| down()));
    let server = server(odd.collect(), |request| whole_page(request, 25)).await;
    let client = common::client(&server.url());
    let time = common::time::freeze();
    let one = NonZeroUsize::MIN;
    let task = tokio::spawn(async move { read(&search(&client).concurrency(one)).await });
    let (reading, read) = time.run(task, Duration::from_secs(1)).await;
    assert_eq!((read.keys, read.waits.len()), (keys(0..25), 12));
    assert!(reading.unwrap().is_whole());
}

#[tokio::test]
async fn nobody_waits_for_a_gateway_that_has_never_answered() {
    let server = server((0..9).map(|_| Reply::http(503, &[], "")).collect(), |request| {
        whole_page(request, 5)
    })
    .await;
    let client = common::client(&server.url());
    let (reading, _) = read(&search(&client)).await;
    let error = reading.unwrap_err();
    assert_eq!((error.source.kind(), error.source.attempts()), (ErrorKind::Service, 5));
    assert_eq!(error.to_string(), "page 1 of the search could not be read");
    let never = client.with_retry_policy(RetryPolicy::never());
    assert_eq!(search(&never).read_page(1).await.unwrap_err().attempts(), 1);
}

#[tokio::test]
async fn a_deadline_holds_whatever_is_waited_for() {
    let silent = || vec![Reply::of(|request| whole_page(request, 25)), Reply::silence()];
    let throttled = || vec![throttled(Some("30"))];
    for odd in [silent(), throttled()] {
        let server = server(odd, |request| whole_page(request, 25)).await;
        let client = common::client(&server.url());
        let time = common::time::freeze();
        let task = tokio::spawn(async move {
            let deadline = Instant::now() + Duration::from_secs(20);
            let (reading, _) = read(&search(&client).deadline(Some(deadline))).await;
            (reading, Instant::now().saturating_duration_since(deadline))
        });
        let (reading, late) = time.run(task, Duration::from_millis(100)).await;
        let error = reading.unwrap_err();
        assert!(
            matches!(error.source.kind(), ErrorKind::Timeout | ErrorKind::Throttled),
            "{error:?}"
        );
        assert!(late < Duration::from_secs(1), "{late:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn rows_that_come_twice_are_counted() {
    let server = server(vec![], |request| {
        let (no, size) = asked(request);
        // A row came in front while the first page was read.
        let first = if no == 1 { 0 } else { (no - 1) * size - 1 };
        page((first..first + size).map(row), 30)
    })
    .await;
    let (reading, read) = read(&search(&common::client(&server.url()))).await;
    let reading = reading.unwrap();
    assert_eq!(
        (reading.repeated, reading.all_rows_came(), reading.is_whole()),
        (1, true, false)
    );
    assert_eq!(read.keys.iter().collect::<BTreeSet<_>>().len(), 29);
}
