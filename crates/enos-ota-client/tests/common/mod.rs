//! A server on a loopback socket.

#![allow(dead_code)]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The answer that the platform's page on this operation shows.
pub(crate) const PUBLISHED_ANSWER: &str =
    r#"{"code":0,"msg":"OK","requestId":"8e5d4643-1d13-4dd1-8896-e407f16381df","data":null}"#;

/// Answers one request and returns what it was.
pub(crate) struct Server {
    pub(crate) base_url: String,
    pub(crate) request: JoinHandle<String>,
}

impl Server {
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let request = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !is_complete(&request) {
                let read = stream.read_buf(&mut request).await.unwrap();
                assert_ne!(read, 0, "the connection was closed in the middle of the request");
            }
            // A client that has had enough closes its end.
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
            String::from_utf8(request).unwrap()
        });
        Self { base_url, request }
    }
}

fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    body.len() == header(head, "content-length").map_or(0, |length| length.parse().unwrap())
}

pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub(crate) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn chunked(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}
