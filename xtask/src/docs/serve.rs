//! The site on this machine, built anew when a source changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use notify::{EventKind, RecursiveMode, Watcher as _};

use super::{DocsError, Files, Outside, SOURCES, build, inputs, write};
use crate::workspace;

type Shared = Arc<RwLock<Files>>;

/// An editor writes a file in several steps; this long after the last of them it is read.
const QUIET: Duration = Duration::from_millis(150);

pub(super) fn run(outside: &Outside, folder: &Path, port: u16) -> Result<(), DocsError> {
    let files = Shared::default();
    rebuild(outside, folder, &files);

    let (send, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is an event too, and building reads them all.
        if event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_))) {
            // Nobody listens any more when the program ends.
            let _ = send.send(());
        }
    })
    .map_err(|error| DocsError::Serve(format!("files cannot be watched: {error}")))?;
    for path in watched() {
        watcher
            .watch(&path, RecursiveMode::NonRecursive)
            .map_err(|error| DocsError::Serve(format!("{} cannot be watched: {error}", path.display())))?;
    }

    let served = Arc::clone(&files);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            while changes.recv().is_ok() {
                while changes.recv_timeout(QUIET).is_ok() {}
                rebuild(outside, folder, &files);
            }
        });
        let served = serve(served, port);
        // Ends the thread above, which would wait for changes for ever.
        drop(watcher);
        served
    })
}

/// The folders of the sources: an editor may replace a file, and a watch of the old one would not see the new one.
fn watched() -> Vec<PathBuf> {
    let root = workspace::root();
    SOURCES.iter().map(|(folder, _)| root.join(folder)).collect()
}

/// Builds the site. What is wrong is told, and the old site stays.
fn rebuild(outside: &Outside, folder: &Path, files: &Shared) {
    let built = inputs(outside).and_then(|inputs| build(&inputs));
    match built.and_then(|built| write(folder, &built).map(|()| built)) {
        Ok(built) => {
            let mut current = files.write().unwrap_or_else(PoisonError::into_inner);
            if *current != built {
                *current = built;
                eprintln!("built");
            }
        }
        Err(error) => eprintln!("{error}\nthe site stays as it was"),
    }
}

fn serve(files: Shared, port: u16) -> Result<(), DocsError> {
    let failed = |error: std::io::Error| DocsError::Serve(format!("cannot serve on port {port}: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        println!("listening on http://{address}");
        let router = Router::new().fallback(move |uri: Uri| std::future::ready(answer(&files, &uri)));
        axum::serve(listener, router).await.map_err(failed)
    })
}

fn answer(files: &Shared, uri: &Uri) -> Response {
    let name = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let files = files.read().unwrap_or_else(PoisonError::into_inner);
    let (status, name) = if files.contains_key(name) {
        (StatusCode::OK, name)
    } else {
        (StatusCode::NOT_FOUND, "404.html")
    };
    let headers = [
        (header::CONTENT_TYPE, media_type(name)),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let bytes = files.get(name).cloned().unwrap_or_default();
    (status, headers, bytes).into_response()
}

fn media_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("yaml") => "application/yaml; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_files_of_the_site_are_served() {
        let files = Shared::default();
        files.write().unwrap().insert("index.html".into(), b"start".to_vec());
        let status = |path: &str| answer(&files, &path.parse().unwrap()).status();
        assert_eq!(status("/"), StatusCode::OK);
        assert_eq!(status("/index.html?x=1"), StatusCode::OK);
        assert_eq!(status("/../Cargo.toml"), StatusCode::NOT_FOUND);
    }
}
