//! A client made of the settings, and the emulator that it speaks to, if it is one inside this program.

use std::sync::Arc;

use enos_ota::{Client, ClientBuilder, Error, OrgId};
use enos_ota_emulator::Emulator;

use crate::args::{Connection, Target};
use crate::config::{Origin, Resolved, Sourced, Sources};
use crate::demo;
use crate::failure::Failure;

/// A builder with all settings but the organization.
pub(crate) struct Settings {
    pub(crate) builder: ClientBuilder,
    pub(crate) sources: Arc<Sources>,
    /// The emulator stops when this is dropped.
    emulator: Option<Emulator>,
}

impl Settings {
    /// For calls that name the organization themselves, or need none.
    pub(crate) async fn of(connection: &Connection) -> Result<Self, Failure> {
        Self::with(connection, None, None, false).await
    }

    /// For calls in an organization, which has to be set.
    pub(crate) async fn of_target(target: &Target) -> Result<Self, Failure> {
        Self::with(&target.connection, target.org_id.as_ref(), None, true).await
    }

    async fn with(
        connection: &Connection,
        org_id: Option<&String>,
        fallback: Option<&str>,
        needs_org: bool,
    ) -> Result<Self, Failure> {
        if connection.emulator {
            let emulator = demo::start().await?;
            let of_emulator = |text: &str| Sourced::new(text.to_owned(), Origin::Emulator);
            let sources = Sources {
                base_url: of_emulator(emulator.base_url()),
                app_key: of_emulator(emulator.app_key()),
                secret: Origin::Emulator.to_string(),
                org_id: Some(org_id.map_or_else(
                    || of_emulator(emulator.org_id()),
                    |org_id| Sourced::new(org_id.clone(), Origin::Option("--org-id")),
                )),
                ca_cert: None,
            };
            return Ok(Self {
                builder: connection.tune(demo::client_of(&emulator)?),
                sources: Arc::new(sources),
                emulator: Some(emulator),
            });
        }
        let Resolved { builder, sources } = connection.resolve(org_id, fallback, needs_org)?;
        Ok(Self {
            builder,
            sources,
            emulator: None,
        })
    }

    /// What to say of a call that failed.
    pub(crate) fn failed(&self, error: Error) -> Failure {
        Failure::of_call(error, &self.sources)
    }
}

/// A client for the calls of a command.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Where the gateway is, without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) sources: Arc<Sources>,
    _emulator: Option<Emulator>,
}

impl Session {
    pub(crate) async fn open(target: &Target) -> Result<Self, Failure> {
        Self::open_in(target, None).await
    }

    /// As [`open`](Self::open), with an organization that holds if none is set.
    pub(crate) async fn open_in(target: &Target, org_id: Option<&OrgId>) -> Result<Self, Failure> {
        let fallback = org_id.map(|org_id| org_id.as_str());
        let settings = Settings::with(&target.connection, target.org_id.as_ref(), fallback, true).await?;
        let sources = settings.sources;
        let org_id = sources.org_id.as_ref().map(|org_id| org_id.value.clone());
        let client = settings
            .builder
            .org_id(org_id.unwrap_or_default())
            .build()
            .map_err(|error| Failure::of_call(error, &sources))?;
        Ok(Self {
            client,
            base_url: sources.base_url.trim_end_matches('/').to_owned(),
            sources,
            _emulator: settings.emulator,
        })
    }

    /// What to say of a call that failed.
    pub(crate) fn failed(&self, error: Error) -> Failure {
        Failure::of_call(error, &self.sources)
    }
}
