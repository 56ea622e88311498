//! `enos-ota sign`

use std::io::{self, IsTerminal as _, Write as _};

use enos_ota::sign::{self, Unsigned};
use enos_ota::{AccessToken, Clock as _, SystemClock};
use url::Url;

use crate::args::Sign;
use crate::body;
use crate::config::{self, SecretOptions};
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::visible;

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
