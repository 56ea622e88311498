//! The app secret: where it is, and reading it from there.

use std::fmt;
#[cfg(unix)]
use std::fs;
use std::path::{Path, PathBuf};

use super::file::{Config, NamedProfile};
use super::origin::{Origin, Sourced};
use super::{missing, unreadable};
use crate::args::Connection;
use crate::env;
use crate::failure::Failure;
use crate::keyring;
use crate::limited;
use crate::text::shell_word;

/// The parts of the settings that name a secret.
#[derive(Debug, Default)]
pub(crate) struct SecretOptions<'a> {
    pub(crate) app_secret_file: Option<&'a Path>,
    /// Whether others may be able to read the file.
    pub(crate) allow_open_file: bool,
    pub(crate) profile: Option<&'a str>,
    pub(crate) config: Option<&'a Path>,
}

/// Where a secret is.
#[derive(Clone, Debug)]
pub(crate) enum SecretSource {
    File { path: PathBuf, origin: Origin },
    Variable,
    Profile(Box<NamedProfile>),
    Keyring { app_key: String, origin: Origin },
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, origin } => write!(f, "{} ({origin})", path.display()),
            Self::Variable => env::APP_SECRET.fmt(f),
            Self::Profile(profile) => profile.origin().fmt(f),
            Self::Keyring { origin, .. } => write!(f, "{} ({origin})", keyring::NAME),
        }
    }
}

impl SecretSource {
    /// Where it is, without who said so.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Variable => env::APP_SECRET.to_string(),
            Self::Profile(profile) => profile.file.display().to_string(),
            Self::Keyring { .. } => keyring::NAME.to_owned(),
        }
    }

    /// What the user would leave out to do without it.
    pub(super) fn option(&self) -> String {
        match self {
            Self::File { origin, .. } | Self::Keyring { origin, .. } => origin.to_string(),
            Self::Variable | Self::Profile(_) => self.to_string(),
        }
    }

    /// The secret that an option or the environment gives.
    pub(super) fn given(options: &SecretOptions<'_>) -> Result<Option<Self>, Failure> {
        if let Some(file) = options.app_secret_file {
            return Ok(Some(Self::File {
                path: file.to_owned(),
                origin: Origin::Option("--app-secret-file"),
            }));
        }
        match (env::APP_SECRET.get()?, env::APP_SECRET_FILE.get()?) {
            (Some(_), Some(_)) => {
                let (secret, file) = (&env::APP_SECRET, &env::APP_SECRET_FILE);
                Err(Failure::usage(format!("both {secret} and {file} are set")).with_hint("unset one of the two"))
            }
            (Some(_), None) => Ok(Some(Self::Variable)),
            (None, Some(path)) => Ok(Some(Self::File {
                path: path.into(),
                origin: Origin::Variable(&env::APP_SECRET_FILE),
            })),
            (None, None) => Ok(None),
        }
    }

    /// The secret of a profile.
    pub(crate) fn of_profile(profile: &NamedProfile) -> Result<Option<Self>, Failure> {
        let origin = profile.origin();
        let parts = &profile.profile;
        let in_keyring = parts.app_secret_keyring == Some(true);
        let given = [
            ("app-secret", parts.app_secret.is_some()),
            ("app-secret-file", parts.app_secret_file.is_some()),
            ("app-secret-keyring", in_keyring),
        ];
        let mut given = given.into_iter().filter(|(_, given)| *given);
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            return Err(Failure::usage(format!(
                "the {origin} in {} has both {one} and {other}",
                profile.file.display()
            ))
            .with_hint("remove one of the two"));
        }
        Ok(match (&parts.app_secret_file, &parts.app_key) {
            (Some(file), _) => Some(Self::File {
                path: profile.beside(file),
                origin,
            }),
            (None, Some(app_key)) if in_keyring => Some(Self::Keyring {
                app_key: app_key.clone(),
                origin,
            }),
            (None, _) if parts.app_secret.is_some() => Some(Self::Profile(Box::new(profile.clone()))),
            (None, _) => None,
        })
    }

    pub(super) fn read(&self, allow_open_file: bool) -> Result<String, Failure> {
        match self {
            Self::File { path, .. } => read_file(path, allow_open_file),
            Self::Variable => env::APP_SECRET
                .get()?
                .ok_or_else(|| Failure::usage(format!("{} is not set", env::APP_SECRET))),
            Self::Profile(profile) => {
                refuse_open_file(&profile.file, "holds an app secret", "")?;
                let secret = profile.profile.app_secret.as_ref();
                Ok(secret.map(|secret| secret.expose().to_owned()).unwrap_or_default())
            }
            Self::Keyring { app_key, origin } => keyring::get(app_key)
                .map_err(|error| {
                    Failure::usage(format!(
                        "the app secret of {origin} could not be read from {}: {error}",
                        keyring::NAME
                    ))
                    .with_hint(format!("unlock the keyring, or set {}", env::APP_SECRET))
                })?
                .ok_or_else(|| {
                    Failure::usage(format!(
                        "{} has no secret of the app key {app_key}, from {origin}",
                        keyring::NAME
                    ))
                    .with_hint("enos-ota login    stores it again")
                }),
        }
    }
}

/// The app secret alone, for signing.
pub(crate) fn app_secret(options: &SecretOptions<'_>) -> Result<enos_ota::AppSecret, Failure> {
    let source = if let Some(source) = SecretSource::given(options)? {
        source
    } else {
        let config = Config::load(options.config)?;
        let profile = config.chosen(options.profile)?;
        let source = profile.as_ref().map(SecretSource::of_profile).transpose()?.flatten();
        source.ok_or_else(|| missing::failure(&config, profile.as_ref(), &[missing::Need::AppSecret]))?
    };
    Ok(enos_ota::AppSecret::new(source.read(options.allow_open_file)?))
}

/// The secret that an option or the environment gives, for `login`.
pub(crate) fn given_secret(connection: &Connection) -> Result<Option<Sourced<String>>, Failure> {
    let Some(source) = SecretSource::given(&connection.secret_options())? else {
        return Ok(None);
    };
    let origin = match &source {
        SecretSource::File { origin, .. } | SecretSource::Keyring { origin, .. } => origin.clone(),
        SecretSource::Variable => Origin::Variable(&env::APP_SECRET),
        SecretSource::Profile(profile) => profile.origin(),
    };
    let secret = source.read(connection.allow_open_secret_file)?;
    Ok(Some(Sourced::new(secret, origin)))
}

fn read_file(file: &Path, allow_open_file: bool) -> Result<String, Failure> {
    let text = limited::text(file, limited::SECRET).map_err(|error| unreadable("app secret file", file, &error))?;
    let file_name = file.display();
    let secret = only_line(&text).map_err(|wrong| {
        Failure::usage(format!("the app secret file {file_name} {wrong}")).with_hint("its only line must be the secret")
    })?;
    // Mounted secrets of container platforms are often readable by all inside the container.
    if !allow_open_file && !env::ALLOW_OPEN_SECRET_FILE.is_true()? {
        refuse_open_file(
            file,
            "is the app secret file",
            "; where that cannot be changed, --allow-open-secret-file takes it as it is",
        )?;
    }
    Ok(secret.to_owned())
}

/// A secret from a file or a pipe. An editor ends the line; nothing else may follow.
pub(crate) fn only_line(text: &str) -> Result<&str, &'static str> {
    let secret = text.strip_suffix('\n').unwrap_or(text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    match secret {
        "" => Err("is empty"),
        secret if secret.contains('\n') => Err("has more than one line"),
        secret => Ok(secret),
    }
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
