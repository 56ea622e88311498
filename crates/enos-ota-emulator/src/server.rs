//! The HTTP server: hyper on a listener, so that a connection can be closed in the middle of anything.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::admin;
use crate::service::{self, Service};
use crate::shared::Shared;
use crate::token::TokenCall;
use crate::wire::{self, Closed, CutConnection};

/// Serves until the emulator shuts down; then all connections are closed, whatever they are at.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let router = TowerToHyperService::new(router(Arc::clone(&shared)));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.lock().counters.connections += 1;
                    connections.spawn(connection(stream, router.clone(), Arc::clone(&shared)));
                }
                // Mostly that the process has too many files open: others must be closed first.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            () = shared.closed() => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, router: TowerToHyperService<Router>, shared: Arc<Shared>) {
    // Without it a slow body would be held back until its pieces fill a packet. A failure costs only that.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let response = router.call(request);
        let shared = Arc::clone(&shared);
        async move {
            match response.await {
                Ok(mut response) if response.extensions().get::<CutConnection>().is_none() => {
                    // Otherwise hyper puts in the time of the system.
                    if let Ok(date) = HeaderValue::try_from(wire::http_date(shared.now())) {
                        response.headers_mut().insert(DATE, date);
                    }
                    Ok(response)
                }
                // hyper closes a connection whose service fails without a word, which is what is wanted.
                Ok(_) => Err(Closed),
                Err(never) => match never {},
            }
        }
    });
    // Without hyper's own limit of 30 s for the head of a request: an idle connection would be cut though nobody asked
    // for a fault. An error is a client that has gone, or a cut that was asked for.
    let _ = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn router(shared: Arc<Shared>) -> Router {
    let platform = |service: Service| {
        any(move |State(shared): State<Arc<Shared>>, request: Request| service::serve(shared, service, request))
    };
    Router::new()
        .route(
            "/apim-token-service/v2.0/token/get",
            platform(Service::Token(TokenCall::Get)),
        )
        .route(
            "/apim-token-service/v2.0/token/refresh",
            platform(Service::Token(TokenCall::Refresh)),
        )
        .route("/connect-service/v2.1/ota-jobs", platform(Service::Jobs))
        .nest("/_emulator", admin::router())
        .fallback(unknown_path)
        .with_state(shared)
}

async fn unknown_path(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    service::unknown_path(&shared, &request)
}
