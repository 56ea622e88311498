//! Settings: options before environment variables before a profile. A conflict is an error, not a guess.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use enos_ota::{AppSecret, Client, ClientBuilder, Credentials, ProxyUrl, RetryPolicy};
use etcetera::BaseStrategy as _;
use serde::Deserialize;

use crate::args::Connection;
use crate::failure::Failure;
use crate::limited;
use crate::text::shell_word;

/// A configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// One profile of it. Paths are relative to the file's folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Profile {
    base_url: Option<String>,
    app_key: Option<String>,
    app_secret: Option<SecretText>,
    app_secret_file: Option<PathBuf>,
    org_id: Option<String>,
    allow_http: Option<bool>,
    ca_cert: Option<PathBuf>,
    proxy: Option<String>,
}

/// Text that no `Debug` prints, and no complaint about its type.
#[derive(Clone)]
struct SecretText(String);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            _ => Err(serde::de::Error::custom("`app-secret` must be text in quotes")),
        }
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A profile and where it was found.
#[derive(Debug)]
struct NamedProfile {
    name: String,
    file: PathBuf,
    profile: Profile,
}

/// The parts of the settings that name a secret.
#[derive(Debug, Default)]
pub(crate) struct SecretOptions<'a> {
    pub(crate) app_secret_file: Option<&'a Path>,
    /// Whether others may be able to read the file.
    pub(crate) allow_open_file: bool,
    pub(crate) profile: Option<&'a str>,
    pub(crate) config: Option<&'a Path>,
}

/// What the sources of settings come to.
pub(crate) struct Resolved {
    pub(crate) builder: ClientBuilder,
    pub(crate) base_url: String,
    /// If any source has one.
    pub(crate) org_id: Option<String>,
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

    /// Looks all settings up. The builder has all of them but the organization.
    pub(crate) fn resolve(&self, org_id: Option<&str>) -> Result<Resolved, Failure> {
        let options = self.secret_options();
        let profile = load_profile(&options)?;
        let of_profile = |get: fn(&Profile) -> Option<&String>| profile.as_ref().and_then(|p| get(&p.profile).cloned());

        let base_url = match &self.base_url {
            Some(url) => Some(url.clone()),
            None => variable("ENOS_BASE_URL")?.or_else(|| of_profile(|p| p.base_url.as_ref())),
        };
        let Some(base_url) = base_url else {
            return Err(self.not_configured(profile.as_ref()));
        };
        refuse_without_scheme(&base_url)?;

        let credentials = self.credentials(profile.as_ref(), &options)?;

        let org_id = match org_id {
            Some(org_id) => Some(org_id.to_owned()),
            None => variable("ENOS_ORG_ID")?.or_else(|| of_profile(|p| p.org_id.as_ref())),
        };

        let mut builder = self.tune(
            Client::builder()
                .base_url(&base_url)
                .credentials(credentials)
                .allow_http(self.allow_http || profile.as_ref().and_then(|p| p.profile.allow_http).unwrap_or(false)),
        );
        let ca_cert = match (&self.ca_cert, &profile) {
            (Some(file), _) => Some(file.clone()),
            (None, Some(p)) => p.profile.ca_cert.as_ref().map(|file| p.beside(file)),
            (None, None) => None,
        };
        if let Some(file) = ca_cert {
            let pem = limited::file(&file, limited::CERTIFICATES)
                .map_err(|error| unreadable("certificate file", &file, &error))?;
            builder = builder.root_certificate_pem(pem);
        }
        if let Some(proxy) = self.proxy.clone().or_else(|| of_profile(|p| p.proxy.as_ref())) {
            // What is wrong with it says nothing of the address, which may hold a password.
            let proxy = ProxyUrl::parse(&proxy).map_err(|error| {
                Failure::usage(error.to_string()).with_hint("it comes from --proxy, or `proxy` in the profile")
            })?;
            builder = builder.proxy_url(proxy)?;
        }
        Ok(Resolved {
            builder,
            base_url,
            org_id,
        })
    }

    /// What is said if there is not even a gateway: all that is missing, and where it could stand.
    fn not_configured(&self, profile: Option<&NamedProfile>) -> Failure {
        let is_set = |name: &str| variable(name).is_ok_and(|value| value.is_some());
        let mut missing = vec!["base URL"];
        if self.app_key.is_none() && !is_set("ENOS_APP_KEY") && profile.is_none_or(|p| p.profile.app_key.is_none()) {
            missing.push("app key");
        }
        if self.app_secret_file.is_none()
            && !is_set("ENOS_APP_SECRET")
            && !is_set("ENOS_APP_SECRET_FILE")
            && !profile.is_some_and(NamedProfile::has_secret)
        {
            missing.push("app secret");
        }
        let names = missing.join(", no ");
        let (file, others) = other_profiles(self.config.as_deref());
        let failure = Failure::usage(format!("no {names} is set"));
        match (profile, file) {
            (None, Some(file)) if !others.is_empty() => failure.with_hint(format!(
                "{} has no profile `default`; its profiles are {}: choose one with --profile or ENOS_PROFILE",
                file.display(),
                others.join(", ")
            )),
            (_, file) => failure.with_hint(format!(
                "set ENOS_BASE_URL, ENOS_APP_KEY, ENOS_APP_SECRET and ENOS_ORG_ID, or write them into a profile of {}; \
                 --emulator needs none of them",
                file.map_or("config.toml".into(), |file| file.display().to_string())
            )),
        }
    }

    /// Sets what holds for every gateway, the emulator too.
    pub(crate) fn tune(&self, mut builder: ClientBuilder) -> ClientBuilder {
        builder = builder.user_agent(concat!("enos-ota-cli/", env!("CARGO_PKG_VERSION")));
        builder = builder.http2(self.http2);
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(attempts) = self.request_attempts.and_then(NonZeroU32::new) {
            builder = builder.retry_policy(RetryPolicy::default().with_max_attempts(attempts));
        }
        builder
    }

    fn credentials(&self, profile: Option<&NamedProfile>, options: &SecretOptions<'_>) -> Result<Credentials, Failure> {
        let profile_key = profile.and_then(|p| p.profile.app_key.clone());
        let given_key = match &self.app_key {
            Some(key) => Some((key.clone(), "--app-key")),
            None => variable("ENOS_APP_KEY")?.map(|key| (key, "ENOS_APP_KEY")),
        };
        let given_secret = given_secret(options)?;

        let pair = match (given_key, given_secret) {
            (Some((key, _)), Some((secret, _))) => (key, secret),
            // Key and secret are a pair; half of one with half of another is a mistake that the platform would only
            // call a wrong secret.
            (Some((key, origin)), None) => match profile {
                Some(p) if p.has_secret() => {
                    if profile_key.as_ref().is_some_and(|other| *other != key) {
                        return Err(Failure::usage(format!(
                            "the app key comes from {origin}, but the secret from the profile `{}`, whose app key is another",
                            p.name
                        ))
                        .with_hint(format!("give the secret of that key with --app-secret-file, or drop {origin}")));
                    }
                    (key, p.secret(options)?)
                }
                _ => return Err(missing_secret()),
            },
            (None, Some((secret, origin))) => match profile_key {
                Some(_) if profile.is_some_and(NamedProfile::has_secret) => {
                    return Err(Failure::usage(format!(
                        "the app secret comes from {origin}, but the app key from the profile `{}`, which has a secret of its own",
                        profile.map(|p| p.name.as_str()).unwrap_or_default()
                    ))
                    .with_hint(format!("give the key of that secret with --app-key, or drop {origin}")));
                }
                Some(key) => (key, secret),
                None => return Err(missing("app key", "--app-key", "ENOS_APP_KEY", "app-key")),
            },
            (None, None) => match (profile_key, profile) {
                (Some(key), Some(p)) if p.has_secret() => (key, p.secret(options)?),
                (Some(_), _) => return Err(missing_secret()),
                (None, _) => return Err(missing("app key", "--app-key", "ENOS_APP_KEY", "app-key")),
            },
        };
        Ok(Credentials::new(pair.0, pair.1)?)
    }
}

/// The app secret alone, for signing.
pub(crate) fn app_secret(options: &SecretOptions<'_>) -> Result<AppSecret, Failure> {
    if let Some((secret, _)) = given_secret(options)? {
        return Ok(AppSecret::new(secret));
    }
    match load_profile(options)? {
        Some(profile) if profile.has_secret() => Ok(AppSecret::new(profile.secret(options)?)),
        _ => Err(missing_secret()),
    }
}

/// The secret from an option or the environment, and which.
fn given_secret(options: &SecretOptions<'_>) -> Result<Option<(String, &'static str)>, Failure> {
    if let Some(file) = options.app_secret_file {
        return Ok(Some((read_secret(file, options)?, "--app-secret-file")));
    }
    match (variable("ENOS_APP_SECRET")?, variable("ENOS_APP_SECRET_FILE")?) {
        (Some(_), Some(_)) => {
            Err(Failure::usage("both ENOS_APP_SECRET and ENOS_APP_SECRET_FILE are set")
                .with_hint("unset one of the two"))
        }
        (Some(secret), None) => Ok(Some((secret, "ENOS_APP_SECRET"))),
        (None, Some(file)) => Ok(Some((read_secret(Path::new(&file), options)?, "ENOS_APP_SECRET_FILE"))),
        (None, None) => Ok(None),
    }
}

impl NamedProfile {
    fn beside(&self, file: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(file)
    }

    fn has_secret(&self) -> bool {
        self.profile.app_secret.is_some() || self.profile.app_secret_file.is_some()
    }

    fn secret(&self, options: &SecretOptions<'_>) -> Result<String, Failure> {
        match (&self.profile.app_secret, &self.profile.app_secret_file) {
            (Some(_), Some(_)) => Err(Failure::usage(format!(
                "the profile `{}` in {} has both app-secret and app-secret-file",
                self.name,
                self.file.display()
            ))
            .with_hint("remove one of the two")),
            (Some(secret), None) => {
                refuse_open_file(&self.file, "holds an app secret", "")?;
                Ok(secret.0.clone())
            }
            (None, Some(file)) => read_secret(&self.beside(file), options),
            (None, None) => Err(missing_secret()),
        }
    }
}

fn load_profile(options: &SecretOptions<'_>) -> Result<Option<NamedProfile>, Failure> {
    let wanted = match options.profile {
        Some(name) => Some((name.to_owned(), "--profile")),
        None => variable("ENOS_PROFILE")?.map(|name| (name, "ENOS_PROFILE")),
    };
    let named_file = match options.config {
        Some(file) => Some(file.to_owned()),
        None => variable("ENOS_CONFIG")?.map(PathBuf::from),
    };
    let Some(file) = named_file.clone().or_else(default_file) else {
        return match wanted {
            None => Ok(None),
            Some((name, _)) => Err(Failure::usage(format!(
                "there is no profile `{name}`, because this user has no configuration folder"
            ))
            .with_hint("name the file with --config")),
        };
    };
    let text = match limited::text(&file, limited::CONFIG) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && named_file.is_none() => {
            return match wanted {
                None => Ok(None),
                Some((name, origin)) => Err(Failure::usage(format!(
                    "there is no profile `{name}` ({origin}), because there is no {}",
                    file.display()
                ))
                .with_hint(
                    "create that file; `enos-ota help retry` tells which other ways there are to give settings",
                )),
            };
        }
        Err(error) => return Err(unreadable("configuration file", &file, &error)),
    };
    let mut config: ConfigFile = toml::from_str(&text).map_err(|error| {
        // The error's own text would quote the line, which may hold a secret.
        let place = error.span().map_or(String::new(), |span| {
            let line = 1 + text[..span.start.min(text.len())].matches('\n').count();
            format!(":{line}")
        });
        Failure::usage(format!(
            "{}{place}: {}",
            file.display(),
            error.message().trim_end().replace('\n', ", ")
        ))
    })?;
    let (name, required) = wanted.map_or_else(|| ("default".to_owned(), false), |(name, _)| (name, true));
    match config.profiles.remove(&name) {
        Some(profile) => Ok(Some(NamedProfile { name, file, profile })),
        None if required => {
            let names: Vec<_> = config.profiles.keys().map(|name| format!("`{name}`")).collect();
            let hint = if names.is_empty() {
                format!("add a table [profiles.{name}]")
            } else {
                format!("its profiles are {}", names.join(", "))
            };
            Err(Failure::usage(format!("there is no profile `{name}` in {}", file.display())).with_hint(hint))
        }
        None => Ok(None),
    }
}

/// The configuration file, and the names of its profiles, if it can be read.
fn other_profiles(given: Option<&Path>) -> (Option<PathBuf>, Vec<String>) {
    let variable = || variable("ENOS_CONFIG").ok().flatten().map(PathBuf::from);
    let file = given.map(Path::to_owned).or_else(variable).or_else(default_file);
    let config: Option<ConfigFile> = file
        .as_deref()
        .and_then(|file| limited::text(file, limited::CONFIG).ok())
        .and_then(|text| toml::from_str(&text).ok());
    let names = config.map(|config| config.profiles.into_keys().map(|name| format!("`{name}`")).collect());
    (file, names.unwrap_or_default())
}

/// The most common slip. A password is not repeated.
fn refuse_without_scheme(base_url: &str) -> Result<(), Failure> {
    if base_url.contains("://") || base_url.contains('@') || url::Url::parse(&format!("https://{base_url}")).is_err() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the base URL is not a URL: `{base_url}` does not begin with https://"
    ))
    .with_hint(format!("did you mean https://{base_url}?")))
}

fn default_file() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("enos-ota").join("config.toml"))
}

/// An environment variable. One that is set to nothing counts as not set.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!(
            "the environment variable {name} is not valid UTF-8"
        ))),
    }
}

fn read_secret(file: &Path, options: &SecretOptions<'_>) -> Result<String, Failure> {
    let text = limited::text(file, limited::SECRET).map_err(|error| unreadable("app secret file", file, &error))?;
    // An editor ends the line; nothing else may follow.
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(
            Failure::usage(format!("the app secret file {} is empty", file.display()))
                .with_hint("its only line must be the secret"),
        );
    }
    if secret.contains('\n') {
        return Err(
            Failure::usage(format!("the app secret file {} has more than one line", file.display()))
                .with_hint("its only line must be the secret"),
        );
    }
    // Mounted secrets of container platforms are often readable by all inside the container.
    if !options.allow_open_file && !is_true(variable("ENOS_ALLOW_OPEN_SECRET_FILE")?.as_deref()) {
        refuse_open_file(
            file,
            "is the app secret file",
            "; where that cannot be changed, --allow-open-secret-file takes it as it is",
        )?;
    }
    Ok(secret.to_owned())
}

fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("1" | "true" | "yes"))
}

/// A secret in a file that others can read is refused, as ssh does with a key.
fn refuse_open_file(file: &Path, what: &str, or_else: &str) -> Result<(), Failure> {
    if is_open(file) {
        return Err(Failure::usage(format!(
            "{} {what}, but other users of this machine can read it",
            file.display()
        ))
        .with_hint(format!("chmod 600 {}{or_else}", shell_word(&file.to_string_lossy()))));
    }
    Ok(())
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o077 != 0)
}

/// Elsewhere, access is not a matter of permission bits.
#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

pub(crate) fn unreadable(what: &str, file: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("the {what} {} cannot be read: {error}", file.display()))
}

fn missing(what: &str, option: &str, variable: &str, key: &str) -> Failure {
    Failure::usage(format!("no {what} is set")).with_hint(format!(
        "give {option}, set {variable}, or put `{key}` into a profile of config.toml; --emulator needs none of them"
    ))
}

fn missing_secret() -> Failure {
    Failure::usage("no app secret is set").with_hint(
        "set ENOS_APP_SECRET, name a file with --app-secret-file, or put `app-secret-file` into a profile of config.toml",
    )
}

pub(crate) fn missing_org_id() -> Failure {
    missing("organization id", "--org-id", "ENOS_ORG_ID", "org-id")
}
