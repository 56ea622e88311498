//! A server on a socket that says exactly what a test wants, also what no HTTP library would say.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// What stands between method and protocol: path and query, or a whole URL if it was sent to a proxy.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn token(&self) -> &str {
        self.header("apim-accesstoken").unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn is_get(&self) -> bool {
        self.target.ends_with("/apim-token-service/v2.0/token/get")
    }

    pub(crate) fn is_refresh(&self) -> bool {
        self.target.ends_with("/apim-token-service/v2.0/token/refresh")
    }

    pub(crate) fn is_call(&self) -> bool {
        self.target.contains("/connect-service/v2.1/ota-jobs?")
    }
}

/// Holds an answer back until it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self) {
        self.0.close();
    }

    async fn passed(&self) {
        // A closed semaphore is an open gate, for all who wait and all who come.
        let _ = self.0.acquire().await;
    }
}

pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Gate),
    /// So many bytes of nothing in particular, as far as the other side takes them.
    Flood(usize),
    /// Says nothing more, and leaves the connection open.
    Hang,
    Close,
}

/// What is answered to one request.
pub(crate) enum Reply {
    Steps(Vec<Step>),
    /// An answer that depends on the request.
    Of(Box<dyn FnOnce(&Received) -> Reply + Send>),
}

impl Reply {
    pub(crate) fn of(reply: impl FnOnce(&Received) -> Self + Send + 'static) -> Self {
        Self::Of(Box::new(reply))
    }

    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Steps(vec![Step::Send(bytes.into()), Step::Close])
    }

    pub(crate) fn http(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        Self::Steps(vec![Step::Send(message(status, headers, body, body.len()))])
    }

    pub(crate) fn json(body: &str) -> Self {
        Self::http(200, &[("content-type", "application/json;charset=UTF-8")], body)
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::http(status, &[("content-type", "text/html")], body)
    }

    /// An answer of the token service.
    pub(crate) fn granted(token: &str, expire: u64) -> Self {
        Self::json(&format!(
            r#"{{"status":0,"msg":"SUCCESS","business":"apim-token-service","data":{{"accessToken":"{token}","expire":{expire}}}}}"#
        ))
    }

    /// A failure of the token service, or of the gateway.
    pub(crate) fn status(status: i64) -> Self {
        Self::json(&format!(
            r#"{{"status":{status},"msg":"as it says","business":"apim-token-service","data":null}}"#
        ))
    }

    /// An answer of the OTA service.
    pub(crate) fn code(code: i64) -> Self {
        Self::json(&format!(
            r#"{{"code":{code},"msg":"as it says","requestId":"request-1","data":null}}"#
        ))
    }

    /// The connection is closed without a word.
    pub(crate) fn cut() -> Self {
        Self::Steps(vec![Step::Close])
    }

    /// There is never an answer.
    pub(crate) fn silence() -> Self {
        Self::Steps(vec![Step::Hang])
    }

    /// The head and the first bytes come, and the connection stays open.
    pub(crate) fn stuck(body: &str) -> Self {
        Self::Steps(vec![Step::Send(message(200, &[], body, body.len() + 100)), Step::Hang])
    }

    /// The connection is closed before the end of the body that the head promises.
    pub(crate) fn cut_off(status: u16, body: &str) -> Self {
        Self::Steps(vec![
            Step::Send(message(status, &[], body, body.len() + 100)),
            Step::Close,
        ])
    }

    /// A body that begins as given and goes on for so many bytes.
    pub(crate) fn flood(status: u16, body: &str, bytes: usize) -> Self {
        Self::Steps(vec![
            Step::Send(message(status, &[], body, body.len() + bytes)),
            Step::Flood(bytes),
            Step::Close,
        ])
    }

    /// The same without saying beforehand how much it will be.
    pub(crate) fn unannounced_flood(status: u16, body: &str, bytes: usize) -> Self {
        Self::Steps(vec![
            Step::Send(format!("HTTP/1.1 {status} Reason\r\nconnection: close\r\n\r\n{body}").into_bytes()),
            Step::Flood(bytes),
            Step::Close,
        ])
    }

    /// The same answer, after which the connection is closed.
    pub(crate) fn closing(self) -> Self {
        self.with(|steps| steps.push(Step::Close))
    }

    /// The same answer, once the gate is open.
    pub(crate) fn behind(self, gate: &Gate) -> Self {
        self.with(|steps| steps.insert(0, Step::Wait(gate.clone())))
    }

    fn with(self, change: impl FnOnce(&mut Vec<Step>)) -> Self {
        match self {
            Self::Steps(mut steps) => {
                change(&mut steps);
                Self::Steps(steps)
            }
            Self::Of(_) => panic!("change the reply that the request leads to instead"),
        }
    }

    fn into_steps(self, request: &Received) -> Vec<Step> {
        match self {
            Self::Steps(steps) => steps,
            Self::Of(reply) => reply(request).into_steps(request),
        }
    }
}

fn message(status: u16, headers: &[(&str, &str)], body: &str, promised: usize) -> Vec<u8> {
    use std::fmt::Write as _;

    let mut text = format!("HTTP/1.1 {status} Reason\r\ncontent-length: {promised}\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

/// What a server answers, endpoint by endpoint, in order. What is left out or used up succeeds: tokens are called
/// `token-1`, `token-2` and so on, and live for two hours.
#[derive(Default)]
pub(crate) struct Script {
    gets: VecDeque<Reply>,
    refreshes: VecDeque<Reply>,
    calls: VecDeque<Reply>,
    granted: u32,
}

impl Script {
    pub(crate) fn gets(mut self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.gets = replies.into_iter().collect();
        self
    }

    pub(crate) fn refreshes(mut self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.refreshes = replies.into_iter().collect();
        self
    }

    pub(crate) fn calls(mut self, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.calls = replies.into_iter().collect();
        self
    }

    fn next(&mut self, request: &Received) -> Reply {
        let queue = if request.is_get() {
            &mut self.gets
        } else if request.is_refresh() {
            &mut self.refreshes
        } else {
            &mut self.calls
        };
        if let Some(reply) = queue.pop_front() {
            return reply;
        }
        if request.is_call() {
            return Reply::code(0);
        }
        if request.is_get() || request.is_refresh() {
            self.granted += 1;
            return Reply::granted(&format!("token-{}", self.granted), 7200);
        }
        Reply::http(404, &[], "nothing here")
    }
}

struct Shared {
    script: Mutex<Script>,
    requests: watch::Sender<Vec<Received>>,
    flooded: AtomicUsize,
}

/// A server on a loopback port. It stops with the runtime.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(script: Script) -> Self {
        Self::start_with(script, |stream| async { Ok(stream) }).await
    }

    /// A server whose connections begin with a handshake, such as that of TLS.
    pub(crate) async fn start_with<S, F>(
        script: Script,
        handshake: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            requests: watch::Sender::default(),
            flooded: AtomicUsize::new(0),
        });
        let listening = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let stream = handshake(stream);
                    let shared = Arc::clone(&shared);
                    tokio::spawn(async move {
                        // A client that has gone away is what many tests are about.
                        if let Ok(stream) = stream.await {
                            let _ = converse(stream, &shared).await;
                        }
                    });
                }
            }
        });
        Self {
            address,
            shared,
            listening,
        }
    }

    /// Takes no more connections: whoever comes is refused.
    pub(crate) async fn stop(&mut self) {
        self.listening.abort();
        let _ = (&mut self.listening).await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests, in the order of arrival.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.requests.borrow().clone()
    }

    fn only(&self, which: impl Fn(&Received) -> bool) -> Vec<Received> {
        self.requests().into_iter().filter(which).collect()
    }

    pub(crate) fn gets(&self) -> Vec<Received> {
        self.only(Received::is_get)
    }

    pub(crate) fn refreshes(&self) -> Vec<Received> {
        self.only(Received::is_refresh)
    }

    pub(crate) fn token_requests(&self) -> Vec<Received> {
        self.only(|request| request.is_get() || request.is_refresh())
    }

    pub(crate) fn calls(&self) -> Vec<Received> {
        self.only(Received::is_call)
    }

    /// Returns when so many requests have come.
    pub(crate) async fn received(&self, requests: usize) {
        let mut seen = self.shared.requests.subscribe();
        seen.wait_for(|seen| seen.len() >= requests).await.unwrap();
    }

    /// How many bytes of floods were taken.
    pub(crate) fn flooded(&self) -> usize {
        self.shared.flooded.load(Ordering::SeqCst)
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await? {
        let reply = shared.script.lock().unwrap().next(&request);
        shared.requests.send_modify(|requests| requests.push(request.clone()));
        for step in reply.into_steps(&request) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Wait(gate) => gate.passed().await,
                Step::Flood(bytes) => flood(&mut stream, bytes, &shared.flooded).await?,
                Step::Hang => std::future::pending().await,
                Step::Close => return stream.shutdown().await,
            }
            stream.flush().await?;
        }
    }
    Ok(())
}

async fn flood(stream: &mut (impl AsyncWrite + Unpin), bytes: usize, flooded: &AtomicUsize) -> io::Result<()> {
    let piece = vec![b'x'; 1 << 14];
    let mut left = bytes;
    while left > 0 {
        let taken = stream.write(&piece[..left.min(piece.len())]).await?;
        flooded.fetch_add(taken, Ordering::SeqCst);
        left -= taken;
    }
    Ok(())
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Received>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let mut request = Received {
        method: first.next().unwrap().to_owned(),
        target: first.next().unwrap().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    Ok(Some(request))
}
