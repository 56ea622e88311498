//! The HTTP server: hyper on a listener, so that a connection can be closed in the middle of anything.

mod admin;
mod connections;
mod own_origin;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use self::connections::{Activity, Connections, Watched};
use crate::apply::Service;
use crate::service;
use crate::shared::Shared;
use crate::token::TokenCall;
use crate::wire::{self, Closed, CutConnection};

/// The head of a request may have so many bytes and headers; a bigger one is answered 431.
const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// Serves until the emulator shuts down; then all connections are closed, whatever they are at.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>) {
    let router = TowerToHyperService::new(router(Arc::clone(&shared)));
    let mut connections = Connections::new(shared.max_connections);
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.has_room() => {
                if let Ok((stream, _)) = accepted {
                    shared.lock().counters.connections += 1;
                    let (router, shared) = (router.clone(), Arc::clone(&shared));
                    connections.add(|activity| connection(stream, activity, router, shared));
                } else {
                    // Mostly that the process has too many files open: others must be closed first.
                    connections.allow_fewer();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
            () = connections.changed() => {}
            () = shared.closed() => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    activity: Arc<Activity>,
    router: TowerToHyperService<Router>,
    shared: Arc<Shared>,
) {
    // Without it a slow body would be held back until its pieces fill a packet. A failure costs only that.
    let _ = stream.set_nodelay(true);
    let request_timeout = shared.request_timeout;
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let begun = activity.begin();
        let response = router.call(request);
        let shared = Arc::clone(&shared);
        async move {
            let begun = begun.ok_or(Closed)?;
            match response.await {
                Ok(mut response) if response.extensions().get::<CutConnection>().is_none() => {
                    // Otherwise hyper puts in the time of the system.
                    if let Ok(date) = HeaderValue::try_from(wire::http_date(shared.now())) {
                        response.headers_mut().insert(DATE, date);
                    }
                    Ok(response.map(|body| begun.answer(body)))
                }
                // hyper closes a connection whose service fails without a word, which is what is wanted.
                Ok(_) => Err(Closed),
                Err(never) => match never {},
            }
        }
    });
    let watched = Watched {
        stream,
        activity: Arc::clone(&activity),
    };
    // hyper's own limit for a head counts from the end of the request before, so that it would cut idle connections.
    let serving = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(MOST_HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(watched), service);
    tokio::select! {
        // An error is a client that has gone, or a cut that was asked for.
        _ = serving => {}
        () = activity.head_is_late(request_timeout) => {}
    }
}

fn router(shared: Arc<Shared>) -> Router {
    let platform = |service: Service| {
        any(move |State(shared): State<Arc<Shared>>, request: Request| service::serve(shared, service, request))
    };
    let check = from_fn_with_state(Arc::clone(&shared), own_origin::check);
    let admin = admin::router().layer(check);
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
        .nest("/_emulator", admin)
        .fallback(unknown_path)
        .with_state(shared)
}

async fn unknown_path(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    service::unknown_path(&shared, &request)
}
