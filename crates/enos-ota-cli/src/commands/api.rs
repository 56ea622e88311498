//! `enos-ota api`

use std::io::{self, IsTerminal as _, Write as _};

use enos_ota::RawRequest;
use enos_ota::reqwest::Method;

use crate::args::Api;
use crate::body;
use crate::curl::{Place, Request};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::session::Settings;
use crate::text::visible_but_for;

pub(crate) async fn run(args: &Api) -> Result<Exit, Failure> {
    let method = args.method.to_ascii_uppercase();
    let method: Method = method.parse().map_err(|_| {
        Failure::usage(format!("`{}` is not an HTTP method", args.method)).with_hint("expected GET, POST or the like")
    })?;
    let query = args
        .query
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::usage(format!("--query: `{pair}` is not a parameter")).with_hint("expected NAME=VALUE")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let body = args.data.as_deref().map(body::read).transpose()?;
    if !args.path.starts_with('/') {
        return Err(
            Failure::usage(format!("the path `{}` has no slash at its beginning", args.path))
                .with_hint(format!("did you mean /{}?", args.path)),
        );
    }
    if args.curl.print_curl {
        return print_curl(args, &method, &query, body);
    }
    let settings = Settings::of(&args.connection).await?;
    let client = settings
        .builder
        .clone()
        .build_raw()
        .map_err(|error| settings.failed(error))?;
    let answer = client
        .send(&RawRequest {
            method,
            path: args.path.clone(),
            query,
            body: body.map(Into::into),
        })
        .await
        .map_err(|error| settings.failed(error))?;

    let mut out = io::stdout().lock();
    if out.is_terminal() {
        let text = String::from_utf8_lossy(&answer.body);
        match json::pretty(&text) {
            Some(pretty) => out.write_all(pretty.as_bytes())?,
            None => out.write_all(visible_but_for(&text, |c| matches!(c, '\n' | '\t')).as_bytes())?,
        }
    } else {
        out.write_all(&answer.body)?;
    }
    let ends = answer.body.ends_with(b"\n") && !out.is_terminal();
    if !answer.body.is_empty() && !ends {
        writeln!(out)?;
    }
    out.flush()?;
    match answer.failure {
        None => Ok(Exit::Success),
        Some(failure) => Err(settings.failed(failure)),
    }
}

fn print_curl(args: &Api, method: &Method, query: &[(String, String)], body: Option<Vec<u8>>) -> Result<Exit, Failure> {
    let place = Place::of(&args.connection, None)?;
    place.print_request(&Request {
        method: method.to_string(),
        url: place.url(&args.path, query)?,
        body,
    })
}
