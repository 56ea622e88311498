//! Settings: options before environment variables before a profile. A conflict is an error, not a guess.

mod file;
mod missing;
mod origin;
mod secret;
mod shown;
mod write;

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use enos_ota::{Client, ClientBuilder, Credentials, ProxyUrl, RetryPolicy};

pub(crate) use file::{Config, DEFAULT, NamedProfile, Profile, wanted};
use missing::Need;
pub(crate) use origin::{Origin, Sourced, Sources};
pub(crate) use secret::{SecretOptions, SecretSource, app_secret, given_secret, only_line};
pub(crate) use shown::{Setting, settings, settings_of_emulator};
pub(crate) use write::{NewProfile, save};

use crate::args::Connection;
use crate::calls;
use crate::env::{self, Variable};
use crate::failure::Failure;
use crate::limited;

/// All settings that some source has, each with that source.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) config: Config,
    pub(crate) profile: Option<NamedProfile>,
    pub(crate) base_url: Option<Sourced<String>>,
    pub(crate) app_key: Option<Sourced<String>>,
    pub(crate) secret: Option<SecretSource>,
    pub(crate) org_id: Option<Sourced<String>>,
    pub(crate) allow_http: Option<Sourced<bool>>,
    pub(crate) ca_cert: Option<Sourced<PathBuf>>,
    /// As it was given: perhaps with a password.
    pub(crate) proxy: Option<Sourced<String>>,
}

/// What the sources of settings come to.
pub(crate) struct Resolved {
    pub(crate) builder: ClientBuilder,
    pub(crate) sources: Arc<Sources>,
}

/// An option before a variable before a profile.
pub(crate) fn first(
    option: Option<&String>,
    name: &'static str,
    variable: &'static Variable,
    profile: Option<Sourced<String>>,
) -> Result<Option<Sourced<String>>, Failure> {
    Ok(match option {
        Some(value) => Some(Sourced::new(value.clone(), Origin::Option(name))),
        None => variable
            .get()?
            .map(|value| Sourced::new(value, Origin::Variable(variable)))
            .or(profile),
    })
}

impl Connection {
    fn secret_options(&self) -> SecretOptions<'_> {
        SecretOptions {
            app_secret_file: self.app_secret_file.as_deref(),
            allow_open_file: self.allow_open_secret_file,
            profile: self.profile.as_deref(),
            config: self.config.as_deref(),
        }
    }

    /// Looks all settings up, and reads no secret.
    pub(crate) fn find(&self, org_id: Option<&String>) -> Result<Found, Failure> {
        let config = Config::load(self.config.as_deref())?;
        let profile = config.chosen(self.profile.as_deref())?;
        let of_profile = |get: fn(&file::Profile) -> Option<&String>| profile.as_ref().and_then(|p| p.text(get));
        let given = SecretSource::given(&self.secret_options())?;
        let secret = match (given, &profile) {
            (Some(given), _) => Some(given),
            (None, Some(profile)) => SecretSource::of_profile(profile)?,
            (None, None) => None,
        };
        let file_of = |profile: &NamedProfile| {
            let file = profile.profile.ca_cert.as_ref()?;
            Some(Sourced::new(profile.beside(file), profile.origin()))
        };
        let allow_http = match &profile {
            _ if self.allow_http => Some(Sourced::new(true, Origin::Option("--allow-http"))),
            Some(profile) => profile
                .profile
                .allow_http
                .map(|allow| Sourced::new(allow, profile.origin())),
            None => None,
        };
        Ok(Found {
            base_url: first(
                self.base_url.as_ref(),
                "--base-url",
                &env::BASE_URL,
                of_profile(|p| p.base_url.as_ref()),
            )?,
            app_key: first(
                self.app_key.as_ref(),
                "--app-key",
                &env::APP_KEY,
                of_profile(|p| p.app_key.as_ref()),
            )?,
            secret,
            org_id: first(org_id, "--org-id", &env::ORG_ID, of_profile(|p| p.org_id.as_ref()))?,
            allow_http,
            ca_cert: match &self.ca_cert {
                Some(file) => Some(Sourced::new(file.clone(), Origin::Option("--ca-cert"))),
                None => profile.as_ref().and_then(file_of),
            },
            proxy: match &self.proxy {
                Some(proxy) => Some(Sourced::new(proxy.clone(), Origin::Option("--proxy"))),
                None => of_profile(|p| p.proxy.as_ref()),
            },
            config,
            profile,
        })
    }

    /// Looks all settings up, and makes a builder of them that has all but the organization. `fallback` is the
    /// organization if none is set, and `needs_org` whether there must be one.
    pub(crate) fn resolve(
        &self,
        org_id: Option<&String>,
        fallback: Option<&str>,
        needs_org: bool,
    ) -> Result<Resolved, Failure> {
        let mut found = self.find(org_id)?;
        found.org_id = found
            .org_id
            .or_else(|| fallback.map(|org_id| Sourced::new(org_id.to_owned(), Origin::File)));
        found.resolve(self, needs_org)
    }

    /// Sets what holds for every gateway, the emulator too.
    pub(crate) fn tune(&self, mut builder: ClientBuilder) -> ClientBuilder {
        builder = builder.user_agent(concat!("enos-ota-cli/", env!("CARGO_PKG_VERSION")));
        builder = builder.http2(self.http2);
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(attempts) = self.request_attempts.and_then(NonZeroU32::new) {
            calls::set_attempts(attempts.get());
            builder = builder.retry_policy(RetryPolicy::default().with_max_attempts(attempts));
        }
        builder
    }
}

/// The settings of a client, none of which is missing.
pub(crate) struct Parts {
    pub(crate) base_url: Sourced<String>,
    pub(crate) app_key: Sourced<String>,
    pub(crate) secret: String,
    pub(crate) secret_source: String,
    pub(crate) org_id: Option<Sourced<String>>,
    pub(crate) allow_http: bool,
    pub(crate) ca_cert: Option<Sourced<PathBuf>>,
    pub(crate) proxy: Option<Sourced<String>>,
}

impl Parts {
    pub(crate) fn build(self, connection: &Connection) -> Result<Resolved, Failure> {
        let sources = Arc::new(Sources {
            base_url: self.base_url,
            app_key: self.app_key,
            secret: self.secret_source,
            org_id: self.org_id,
            ca_cert: self.ca_cert.as_ref().map(|file| file.origin.clone()),
        });
        let credentials = Credentials::new(sources.app_key.value.clone(), self.secret)
            .map_err(|error| Failure::of_call(error, &sources))?;
        let mut builder = connection.tune(
            Client::builder()
                .base_url(sources.base_url.value.clone())
                .credentials(credentials)
                .allow_http(self.allow_http),
        );
        if let Some(file) = &self.ca_cert {
            let pem = limited::file(file, limited::CERTIFICATES)
                .map_err(|error| unreadable("certificate file", file, &error))?;
            builder = builder.root_certificate_pem(pem);
        }
        if let Some(proxy) = &self.proxy {
            // What is wrong with it says nothing of the address, which may hold a password.
            let proxy = ProxyUrl::parse(proxy).map_err(|error| {
                Failure::usage(error.to_string()).with_hint(format!("it comes from {}", proxy.origin))
            })?;
            builder = builder.proxy_url(proxy)?;
        }
        Ok(Resolved { builder, sources })
    }
}

impl Found {
    fn missing(&self, needs_org: bool) -> Vec<Need> {
        [
            (Need::BaseUrl, self.base_url.is_none()),
            (Need::AppKey, self.app_key.is_none()),
            (Need::AppSecret, self.secret.is_none()),
            (Need::OrgId, needs_org && self.org_id.is_none()),
        ]
        .into_iter()
        .filter_map(|(need, missing)| missing.then_some(need))
        .collect()
    }

    fn resolve(self, connection: &Connection, needs_org: bool) -> Result<Resolved, Failure> {
        self.check_pair()?;
        let missing = self.missing(needs_org);
        let (Some(base_url), Some(app_key), Some(secret), []) =
            (self.base_url, self.app_key, self.secret, missing.as_slice())
        else {
            return Err(missing::failure(&self.config, self.profile.as_ref(), &missing));
        };
        refuse_without_scheme(&base_url)?;
        Parts {
            base_url,
            app_key,
            secret_source: secret.to_string(),
            secret: secret.read(connection.allow_open_secret_file)?,
            org_id: self.org_id,
            allow_http: self.allow_http.is_some_and(|allow| allow.value),
            ca_cert: self.ca_cert,
            proxy: self.proxy,
        }
        .build(connection)
    }

    /// Key and secret are a pair; half of one with half of another is a mistake that the platform would only call a wrong
    /// secret.
    fn check_pair(&self) -> Result<(), Failure> {
        let (Some(key), Some(secret), Some(profile)) = (&self.app_key, &self.secret, &self.profile) else {
            return Ok(());
        };
        let of_profile = SecretSource::of_profile(profile)?;
        let other_key = profile.profile.app_key.as_ref();
        let secret_is_of_profile = !matches!(
            secret,
            SecretSource::Variable
                | SecretSource::File {
                    origin: Origin::Option(_) | Origin::Variable(_),
                    ..
                }
        );
        let name = &profile.name;
        match (&key.origin, secret_is_of_profile) {
            (Origin::Profile(_), false) if of_profile.is_some() => Err(Failure::usage(format!(
                "the app secret comes from {secret}, but the app key from the profile `{name}`, which has a secret of its own"
            ))
            .with_hint(format!(
                "give the key of that secret with --app-key, or drop {}",
                secret.option()
            ))),
            (Origin::Profile(_), _) => Ok(()),
            (origin, true) if other_key.is_some_and(|other| *other != key.value) => Err(Failure::usage(format!(
                "the app key comes from {origin}, but the secret from the profile `{name}`, whose app key is another"
            ))
            .with_hint(format!("give the secret of that key with --app-secret-file, or drop {origin}"))),
            _ => Ok(()),
        }
    }
}

/// The most common slip. A password is not repeated.
fn refuse_without_scheme(base_url: &Sourced<String>) -> Result<(), Failure> {
    match with_scheme(base_url) {
        None => Ok(()),
        Some(completed) => Err(Failure::usage(format!(
            "the base URL `{}` (from {}) does not begin with https://",
            base_url.value, base_url.origin
        ))
        .with_hint(format!("did you mean {completed}?"))),
    }
}

/// A base URL without a scheme, with the usual one. `None` if it has one, or will not do even so.
pub(crate) fn with_scheme(base_url: &str) -> Option<String> {
    if base_url.contains("://") || base_url.contains('@') {
        return None;
    }
    let completed = format!("https://{base_url}");
    url::Url::parse(&completed).is_ok().then_some(completed)
}

pub(crate) fn unreadable(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("the {what} {} cannot be read: {error}", file.display()))
}
