//! `enos-ota sign`

use std::io::{self, IsTerminal as _, Write as _};

use enos_ota::sign::{self, Unsigned};
use enos_ota::{AccessToken, AppSecret, Clock as _, SystemClock};
use url::Url;

use crate::args::Sign;
use crate::body;
use crate::config::{self, SecretOptions};
use crate::console;
use crate::curl;
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::visible;

/// How long after its timestamp the platform takes a request, which it documents.
const WINDOW_MS: i64 = 15 * 60 * 1000;

pub(crate) fn run(args: &Sign) -> Result<Exit, Failure> {
    let url = Url::parse(&args.url).map_err(|error| {
        Failure::usage(format!("--url: `{}` is not a URL: {error}", args.url))
            .with_hint("expected something like https://apim-gateway.example.com/some/v1/api?orgId=o1")
    })?;
    let body = args.data.as_deref().map(body::read).transpose()?.unwrap_or_default();
    let token = match &args.access_token {
        Some(token) => token.clone(),
        None => env::ACCESS_TOKEN.get()?.ok_or_else(|| {
            Failure::usage("no access token is given").with_hint(format!(
                "give --access-token or set {}; `enos-ota token` gets one",
                env::ACCESS_TOKEN
            ))
        })?,
    };
    let token = AccessToken::new(token).map_err(enos_ota::Error::from)?;
    let secret = config::app_secret(&SecretOptions {
        app_secret_file: args.app_secret_file.as_deref(),
        allow_open_file: args.allow_open_secret_file,
        profile: args.profile.as_deref(),
        config: args.config.as_deref(),
    })?;
    let unsigned = Unsigned {
        access_token: &token,
        query: url.query().unwrap_or_default(),
        body: &body,
        timestamp_ms: args.timestamp.unwrap_or_else(|| SystemClock.now_ms()),
    };

    if args.curl {
        return print_curl(args, &unsigned, &secret);
    }
    let mut out = io::stdout().lock();
    let refuse = |error: sign::SignError| Failure::usage(format!("--url: {error}"));
    for (name, value) in sign::headers(&unsigned, &secret).map_err(refuse)? {
        out.write_all(name.as_str().as_bytes())?;
        out.write_all(b": ")?;
        out.write_all(value.as_bytes())?;
        out.write_all(b"\n")?;
    }
    if args.explain {
        let text = sign::explain(&unsigned).map_err(refuse)?;
        if out.is_terminal() {
            writeln!(out, "string to sign: {}", visible(&text))?;
        } else {
            writeln!(out, "string to sign: {text}")?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}

/// A command that can be carried out until the timestamp is too old.
fn print_curl(args: &Sign, unsigned: &Unsigned<'_>, secret: &AppSecret) -> Result<Exit, Failure> {
    let mut headers = Vec::new();
    for (name, value) in sign::headers(unsigned, secret).map_err(|error| Failure::usage(format!("--url: {error}")))? {
        let stays = name.as_str() == sign::ACCESS_TOKEN_HEADER.as_str() && args.access_token.is_none();
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.push((name.to_string(), (!stays).then_some(value)));
    }
    let body = args.data.is_some().then_some(unsigned.body);
    let method = match &args.method {
        Some(method) => method.to_ascii_uppercase(),
        None if body.is_some() => "POST".to_owned(),
        None => "GET".to_owned(),
    };
    let command = curl::signed(&method, &args.url, body, &headers)?;
    writeln!(io::stdout(), "{command}")?;
    let until = unsigned.timestamp_ms.saturating_add(WINDOW_MS);
    if let Ok(until) = jiff::Timestamp::from_millisecond(until) {
        let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
        console::note(format_args!(
            "the platform takes it until {until}, 15 minutes after its timestamp"
        ));
    }
    Ok(Exit::Success)
}
