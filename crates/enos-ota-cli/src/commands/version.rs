//! `enos-ota version`

use std::io::{self, Write as _};

use enos_ota::enos_ota_client::{Client, ClientInfo as _};
use serde::Serialize;

use crate::args::{ObjectOutput, Version};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    schema: &'static str,
    version: &'static str,
    /// Not known of a build outside of a repository, and of one for development.
    commit: Option<&'static str>,
    spec_version: &'static str,
    target: &'static str,
    profile: &'static str,
    tls: &'static str,
}

pub(crate) fn run(args: &Version) -> Result<Exit, Failure> {
    let about = About {
        schema: "enos-ota/version/1",
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("ENOS_OTA_COMMIT"),
        spec_version: Client::api_version(),
        target: env!("ENOS_OTA_TARGET"),
        profile: if cfg!(debug_assertions) { "debug" } else { "release" },
        tls: "rustls",
    };
    let mut out = io::stdout().lock();
    match args.output {
        ObjectOutput::Json => json::print(&mut out, &about)?,
        ObjectOutput::Text => {
            writeln!(out, "enos-ota {}", about.version)?;
            for (name, value) in [
                ("commit", about.commit.unwrap_or("unknown")),
                ("spec", about.spec_version),
                ("target", about.target),
                ("profile", about.profile),
                ("TLS", "rustls, with the certificates of the operating system"),
            ] {
                writeln!(out, "{name:<8} {value}")?;
            }
        }
    }
    Ok(Exit::Success)
}
