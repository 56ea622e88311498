//! A client made of the settings, and the emulator that it speaks to, if it is one inside this program.

use enos_ota::{Client, ClientBuilder, OrgId};
use enos_ota_emulator::Emulator;

use crate::args::{Connection, Target};
use crate::config::missing_org_id;
use crate::demo;
use crate::failure::Failure;

/// A builder with all settings but the organization.
pub(crate) struct Settings {
    pub(crate) builder: ClientBuilder,
    pub(crate) base_url: String,
    pub(crate) org_id: Option<String>,
    /// The emulator stops when this is dropped.
    pub(crate) emulator: Option<Emulator>,
}

impl Settings {
    pub(crate) async fn of(connection: &Connection, org_id: Option<&str>) -> Result<Self, Failure> {
        if connection.emulator {
            let emulator = demo::start().await?;
            let builder = connection.tune(demo::client_of(&emulator)?);
            let org_id = org_id.unwrap_or(emulator.org_id()).to_owned();
            return Ok(Self {
                builder,
                base_url: emulator.base_url().to_owned(),
                org_id: Some(org_id),
                emulator: Some(emulator),
            });
        }
        let resolved = connection.resolve(org_id)?;
        Ok(Self {
            builder: resolved.builder,
            base_url: resolved.base_url,
            org_id: resolved.org_id,
            emulator: None,
        })
    }
}

/// A client for the calls of a command.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Where the gateway is, without a slash at the end.
    pub(crate) base_url: String,
    _emulator: Option<Emulator>,
}

impl Session {
    pub(crate) async fn open(target: &Target) -> Result<Self, Failure> {
        Self::open_in(target, None).await
    }

    /// As [`open`](Self::open), with an organization that holds if none is set.
    pub(crate) async fn open_in(target: &Target, org_id: Option<&OrgId>) -> Result<Self, Failure> {
        let settings = Settings::of(&target.connection, target.org_id.as_deref()).await?;
        let org_id = settings
            .org_id
            .or_else(|| org_id.map(|org_id| org_id.as_str().to_owned()))
            .ok_or_else(missing_org_id)?;
        Ok(Self {
            client: settings.builder.org_id(org_id).build()?,
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            _emulator: settings.emulator,
        })
    }
}
