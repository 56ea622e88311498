//! `enos-ota token`

use std::io::{self, Write as _};

use serde::Serialize;

use crate::args::{Token, TokenOutput};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::session::Settings;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenObject<'a> {
    schema: &'static str,
    access_token: &'a str,
    expires_in_seconds: u64,
}

pub(crate) async fn run(args: &Token) -> Result<Exit, Failure> {
    let settings = Settings::of(&args.connection).await?;
    let tokens = settings
        .builder
        .clone()
        .build_token_source()
        .map_err(|error| settings.failed(error))?;
    let token = tokens.token().await.map_err(|error| settings.failed(error))?;
    let mut out = io::stdout().lock();
    match args.output {
        TokenOutput::Text => writeln!(out, "{}", token.expose())?,
        TokenOutput::Json => {
            let object = TokenObject {
                schema: "enos-ota/token/1",
                access_token: token.expose(),
                expires_in_seconds: tokens.remaining_life().unwrap_or_default().as_secs(),
            };
            json::print(&mut out, &object)?;
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}
