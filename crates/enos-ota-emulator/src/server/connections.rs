//! The connections of the server: how many there may be, and how long a client may take to send the head of a request.
//!
//! Connections that send nothing, or half a head, must not lock others out. So a head has a limit of time, and when there
//! are too many connections, the one that has been without a request for longest is closed for a new one. A connection
//! that is idle between requests has no limit of time: to be cut then would look like a fault that nobody asked for.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::waits::late;

/// What a connection is at.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It is new, or a head has begun to come in; since when.
    Head(Instant),
    /// It has had an answer and no more; since when.
    Idle(Instant),
    /// A request is being received or answered.
    Busy,
    /// It is being closed, and takes no request any more.
    Closing,
}

/// One connection, as seen from outside it.
#[derive(Debug)]
pub(super) struct Activity {
    phase: Mutex<Phase>,
    /// A head has begun.
    begun: Notify,
    /// A connection of this server has become idle.
    idle: Arc<Notify>,
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, Phase> {
        // A panic elsewhere leaves the phase whole: nothing below stops halfway.
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a head has come in whole. `None` if the connection is being closed.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Request> {
        let mut phase = self.lock();
        match *phase {
            Phase::Closing => None,
            Phase::Head(_) | Phase::Idle(_) | Phase::Busy => {
                *phase = Phase::Busy;
                Some(Request(Arc::clone(self)))
            }
        }
    }

    /// Notes that bytes have come in.
    fn received(&self) {
        let mut phase = self.lock();
        if let Phase::Idle(_) = *phase {
            *phase = Phase::Head(Instant::now());
            drop(phase);
            self.begun.notify_one();
        }
    }

    /// Since when there has been no request; `None` if there is one.
    fn without_request_since(&self) -> Option<Instant> {
        match *self.lock() {
            Phase::Head(since) | Phase::Idle(since) => Some(since),
            Phase::Busy | Phase::Closing => None,
        }
    }

    /// Lets no further request begin. False if there is one.
    fn close(&self) -> bool {
        let mut phase = self.lock();
        let closes = !matches!(*phase, Phase::Busy);
        if closes {
            *phase = Phase::Closing;
        }
        closes
    }

    /// Comes back when a head has taken longer than `limit`.
    pub(super) async fn head_is_late(&self, limit: Duration) {
        loop {
            let since = match *self.lock() {
                Phase::Head(since) => Some(since),
                Phase::Idle(_) | Phase::Busy | Phase::Closing => None,
            };
            match since {
                Some(since) if since.elapsed() >= limit => {
                    if self.close() {
                        return;
                    }
                }
                Some(since) => late(since, limit).await,
                None => self.begun.notified().await,
            }
        }
    }
}

/// A request that is being received or answered. When this is dropped, the connection is idle.
#[derive(Debug)]
pub(super) struct Request(Arc<Activity>);

impl Request {
    /// The body of its answer: the request is answered when that has been sent.
    pub(super) fn answer(self, body: Body) -> AnswerBody {
        AnswerBody { body, _request: self }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut phase = self.0.lock();
        if let Phase::Busy = *phase {
            *phase = Phase::Idle(Instant::now());
            self.0.idle.notify_one();
        }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct AnswerBody {
    body: Body,
    _request: Request,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells when bytes come in.
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) activity: Arc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
}

/// All connections of a server.
pub(super) struct Connections {
    most: usize,
    tasks: JoinSet<()>,
    known: HashMap<Id, (AbortHandle, Arc<Activity>)>,
    idle: Arc<Notify>,
}

impl Connections {
    /// At most so many; 0 counts as 1.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            tasks: JoinSet::new(),
            known: HashMap::new(),
            idle: Arc::new(Notify::new()),
        }
    }

    /// Whether one more can be taken, perhaps in place of another.
    pub(super) fn has_room(&self) -> bool {
        self.known.len() < self.most || self.longest_without_request().is_some()
    }

    pub(super) fn add<F>(&mut self, serve: impl FnOnce(Arc<Activity>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if self.known.len() >= self.most {
            self.close_one();
        }
        let activity = Arc::new(Activity {
            phase: Mutex::new(Phase::Head(Instant::now())),
            begun: Notify::new(),
            idle: Arc::clone(&self.idle),
        });
        let task = self.tasks.spawn(serve(Arc::clone(&activity)));
        self.known.insert(task.id(), (task, activity));
    }

    fn longest_without_request(&self) -> Option<Id> {
        let without = self
            .known
            .iter()
            .filter_map(|(id, (_, activity))| Some((activity.without_request_since()?, *id)));
        without.min_by_key(|(since, _)| *since).map(|(_, id)| id)
    }

    /// Closes the connection that has been without a request for longest. False if all have one.
    pub(super) fn close_one(&mut self) -> bool {
        // It may get a request between the two steps; then the next is tried.
        while let Some(id) = self.longest_without_request() {
            if let Some((task, activity)) = self.known.get(&id)
                && activity.close()
            {
                task.abort();
                self.known.remove(&id);
                return true;
            }
        }
        false
    }

    /// Allows fewer connections from here on, because the process could not have one more.
    pub(super) fn allow_fewer(&mut self) {
        // An eighth is left to what else the process opens; a few connections there must be.
        let fewer = (self.known.len() - self.known.len() / 8).max(8);
        self.most = self.most.min(fewer);
        while self.known.len() >= self.most && self.close_one() {}
    }

    /// Comes back when a connection has ended, or has become idle.
    pub(super) async fn changed(&mut self) {
        tokio::select! {
            Some(ended) = self.tasks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                self.known.remove(&id);
            }
            () = self.idle.notified() => {}
        }
    }

    /// Closes all.
    pub(super) async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}
