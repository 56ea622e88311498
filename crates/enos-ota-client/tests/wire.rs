//! What goes over the wire and what comes back, byte by byte, on a loopback socket.

#![allow(clippy::unwrap_used)]

mod common;

use std::error::Error as StdError;
use std::sync::{Arc, Mutex};

use enos_ota_client::operations::{Operation, RetryTask};
use enos_ota_client::types::{Acknowledgement, RetryTaskRequest};
use enos_ota_client::{
    Authorize, Authorizer, Client, DeviceKeys, Envelope as _, Error, JobId, MAX_ANSWER_BYTES, OrgId, ResponseValue,
    reqwest,
};
use http_body_util::LengthLimitError;

use crate::common::{PUBLISHED_ANSWER, Server, chunked, header, ok};

/// URL and body.
type Seen = (String, Vec<u8>);

/// Adds a header, and keeps the URL and the body that it was shown.
#[derive(Debug)]
struct Signer {
    token: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Signer {
    fn new(token: &'static str) -> Self {
        let seen = Arc::default();
        Self { token, seen }
    }
}

impl Authorize for Signer {
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
        let body = request
            .body()
            .and_then(reqwest::Body::as_bytes)
            .unwrap_or_default()
            .to_vec();
        self.seen.lock().unwrap().push((request.url().to_string(), body));
        request.headers_mut().insert("apim-accesstoken", self.token.parse()?);
        Ok(())
    }
}

fn client(server: &Server) -> Client {
    Client::new(&server.base_url, Authorizer::new(Signer::new("a-token")))
}

fn body() -> RetryTaskRequest {
    RetryTaskRequest::new(DeviceKeys::parse(["deviceKey1", "deviceKey2"]).unwrap())
}

fn ids() -> (OrgId, JobId) {
    ("yourOrgId".parse().unwrap(), "yourJobId".parse().unwrap())
}

async fn retry(client: &Client) -> Result<ResponseValue<Acknowledgement>, Error> {
    let (organization, job) = ids();
    RetryTask::new(&organization, &job, &body()).send(client).await
}

#[tokio::test]
async fn a_request_is_what_the_document_says() {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    retry(&client(&server)).await.unwrap();
    let request = server.request.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let line = head.lines().next().unwrap();
    assert_eq!(
        line,
        "POST /connect-service/v2.1/ota-jobs?action=retryTask&jobId=yourJobId&orgId=yourOrgId HTTP/1.1"
    );
    assert_eq!(body, r#"{"deviceKeys":["deviceKey1","deviceKey2"]}"#);
    assert_eq!(header(head, "content-type"), Some("application/json"));
    assert_eq!(header(head, "accept"), Some("application/json"));
    assert_eq!(header(head, "apim-accesstoken"), Some("a-token"));
    assert_eq!(header(head, "api-version"), None);
}

#[tokio::test]
async fn the_published_answer_is_read() {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let answer = retry(&client(&server)).await.unwrap();
    assert_eq!(answer.code(), 0);
    assert_eq!(answer.message(), Some("OK"));
    assert_eq!(answer.request_id(), Some("8e5d4643-1d13-4dd1-8896-e407f16381df"));
    assert_eq!(answer.gateway_status(), None);
    assert_eq!(answer.data, None);
}

#[tokio::test]
async fn a_failure_is_an_answer_like_any_other() {
    let server = Server::answering(ok(r#"{"code":24621,"apim_status":4011}"#)).await;
    let answer = retry(&client(&server)).await.unwrap();
    assert_eq!((answer.code(), answer.gateway_status()), (24621, Some(4011)));
    assert_eq!((answer.message(), answer.request_id()), (None, None));
}

#[tokio::test]
async fn a_space_in_the_query_is_never_a_plus() {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let (organization, job): (OrgId, JobId) = ("a b+c".parse().unwrap(), "&=#é".parse().unwrap());
    RetryTask::new(&organization, &job, &body())
        .send(&client(&server))
        .await
        .unwrap();
    let request = server.request.await.unwrap();
    assert!(
        request.contains("?action=retryTask&jobId=%26%3D%23%C3%A9&orgId=a%20b%2Bc HTTP/1.1"),
        "{request}"
    );
}

#[tokio::test]
async fn the_authorizer_sees_what_is_sent() {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let signer = Signer::new("a-token");
    let seen = Arc::clone(&signer.seen);
    let client = Client::new(&server.base_url, Authorizer::new(signer));
    let (organization, job): (OrgId, JobId) = ("a b".parse().unwrap(), "j".parse().unwrap());
    RetryTask::new(&organization, &job, &body())
        .send(&client)
        .await
        .unwrap();

    let request = server.request.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let target = head.split(' ').nth(1).unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        *seen,
        [(format!("{}{target}", server.base_url), body.as_bytes().to_vec())]
    );
}

#[tokio::test]
async fn what_the_authorizer_refuses_is_not_sent() {
    #[derive(Debug)]
    struct NoToken;
    impl std::fmt::Display for NoToken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("there is no token")
        }
    }
    impl StdError for NoToken {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&std::fmt::Error)
        }
    }
    struct Refuse;
    impl Authorize for Refuse {
        fn authorize(&self, _: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
            Err(Box::new(NoToken))
        }
    }
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let client = Client::new(&server.base_url, Authorizer::new(Refuse));
    let Err(Error::Custom(text)) = retry(&client).await else {
        unreachable!("the authorizer has refused");
    };
    assert_eq!(text, format!("there is no token: {}", std::fmt::Error));
    assert!(!server.request.is_finished());
}

#[tokio::test]
async fn another_authorizer_leaves_the_first_client_alone() {
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let signer = Signer::new("a-token");
    let seen_by_first = Arc::clone(&signer.seen);
    let first = Client::new(&server.base_url, Authorizer::new(signer));
    let second = first.with_authorizer(Authorizer::from(Arc::new(Signer::new("another-token"))));
    retry(&second).await.unwrap();
    assert!(
        server
            .request
            .await
            .unwrap()
            .contains("apim-accesstoken: another-token\r\n")
    );
    assert!(seen_by_first.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_of_any_other_status_is_handed_over_as_it_is() {
    let page = "<html>Bad Gateway</html>";
    for answer in [ok(page), chunked(page)] {
        let server = Server::answering(answer.replace("200 OK", "502 Bad Gateway")).await;
        let Err(Error::UnexpectedResponse(response)) = retry(&client(&server)).await else {
            unreachable!("502 is not in the document");
        };
        assert_eq!(response.status(), 502);
        assert_eq!(response.url().host_str(), Some("127.0.0.1"));
        assert_eq!(response.url().path(), "/connect-service/v2.1/ota-jobs");
        assert_eq!(response.text().await.unwrap(), page);
    }
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let huge = " ".repeat(MAX_ANSWER_BYTES + 1);
    for answer in [ok(&huge), chunked(&huge)] {
        let server = Server::answering(answer).await;
        let Err(Error::ResponseBodyError(error)) = retry(&client(&server)).await else {
            unreachable!("the answer is too long");
        };
        let sources = std::iter::successors(Some(&error as &dyn StdError), |&error| error.source());
        assert_eq!(
            sources.filter(|error| error.is::<LengthLimitError>()).count(),
            1,
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_of_the_greatest_length_is_read() {
    let padding = " ".repeat(MAX_ANSWER_BYTES - PUBLISHED_ANSWER.len());
    let greatest = format!("{PUBLISHED_ANSWER}{padding}");
    for answer in [ok(&greatest), chunked(&greatest)] {
        let server = Server::answering(answer).await;
        assert_eq!(retry(&client(&server)).await.unwrap().code(), 0);
    }
}

#[test]
fn a_client_shows_nothing_of_its_authorizer() {
    let client = Client::new("http://127.0.0.1:1", Authorizer::new(Signer::new("a-secret")));
    let shown = format!("{client:?}");
    assert!(shown.contains("Authorizer(..)"), "{shown}");
    assert!(!shown.contains("a-secret"), "{shown}");
}

#[tokio::test]
async fn any_operation_can_be_sent_from_another_thread() {
    async fn code<O: Operation>(operation: O, client: Client) -> Result<i64, Error> {
        operation.send(&client).await.map(|answer| answer.code())
    }
    let server = Server::answering(ok(PUBLISHED_ANSWER)).await;
    let client = client(&server);
    let task = tokio::spawn(async move {
        let (organization, job) = ids();
        let body = body();
        code(RetryTask::new(&organization, &job, &body), client).await
    });
    assert_eq!(task.await.unwrap().unwrap(), 0);
    assert_eq!((RetryTask::OPERATION_ID, RetryTask::ACTION), ("retryTask", "retryTask"));
}

#[tokio::test]
async fn the_authorizer_sees_the_head_of_an_answer_that_cannot_be_decoded() {
    #[derive(Default)]
    struct Head(Mutex<Option<(u16, String)>>);
    impl Authorize for Head {
        fn authorize(&self, _: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
            Ok(())
        }

        fn answered(&self, status: reqwest::StatusCode, headers: &reqwest::header::HeaderMap) {
            let kind = headers["content-type"].to_str().unwrap().to_owned();
            *self.0.lock().unwrap() = Some((status.as_u16(), kind));
        }
    }
    let server = Server::answering(ok("not JSON")).await;
    let head = Arc::new(Head::default());
    let client = Client::new(&server.base_url, Authorizer::from(Arc::clone(&head)));
    let error = retry(&client).await.unwrap_err();
    assert!(matches!(error, Error::InvalidResponsePayload(..)), "{error:?}");
    assert_eq!(*head.0.lock().unwrap(), Some((200, "application/json".to_owned())));
}
