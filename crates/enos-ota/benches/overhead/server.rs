//! A server that does as little as possible: it reads each request to its end and gives a fixed answer.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};

/// As long as those of the platform.
pub(crate) const ACCESS_TOKEN: &str = "APP_TOKEN_50c8a8c1fae84f9c97c1";

/// Starts the server on a thread of its own, which lasts as long as the program, and returns its address.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("the socket is bound");
    listener.set_nonblocking(true).expect("the socket can be polled");
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built")
            .block_on(serve(listener));
    });
    format!("http://{address}")
}

async fn serve(listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket can be polled");
    loop {
        let (stream, _) = listener.accept().await.expect("the client connects");
        stream
            .set_nodelay(true)
            .expect("the socket has no delay to be switched off");
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer)),
        );
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_token_request = request.uri().path().starts_with("/apim-token-service/");
    // A request that breaks off has nobody who waits for the answer.
    let _ = request.into_body().collect().await;
    let body = if is_token_request {
        Bytes::from(format!(
            r#"{{"status":0,"msg":"success","business":"apim-token-service","data":{{"accessToken":"{ACCESS_TOKEN}","expire":7200}}}}"#
        ))
    } else {
        Bytes::from_static(br#"{"code":0,"msg":"OK","requestId":"4873095e-621d-4cfd-bc2c-edb520f574ea","data":null}"#)
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(
        CONTENT_TYPE,
        hyper::header::HeaderValue::from_static("application/json;charset=UTF-8"),
    );
    Ok(response)
}
