//! The configuration file and its profiles.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::Deserialize;

use super::origin::{Origin, Sourced};
use super::unreadable;
use crate::env;
use crate::failure::Failure;
use crate::limited;

/// The profile that is taken if none is chosen.
pub(crate) const DEFAULT: &str = "default";

/// A configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// One profile of it. Paths are relative to the file's folder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    pub(crate) base_url: Option<String>,
    pub(crate) app_key: Option<String>,
    pub(crate) app_secret: Option<SecretText>,
    pub(crate) app_secret_file: Option<PathBuf>,
    /// Whether the secret is in the system's keyring.
    pub(crate) app_secret_keyring: Option<bool>,
    pub(crate) org_id: Option<String>,
    pub(crate) allow_http: Option<bool>,
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
}

/// Text that no `Debug` prints, and no complaint about its type.
#[derive(Clone)]
pub(crate) struct SecretText(String);

impl SecretText {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

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

/// A configuration file as it was found.
#[derive(Debug)]
pub(crate) struct Config {
    /// `None` if this user has no configuration folder.
    pub(crate) file: Option<Sourced<PathBuf>>,
    pub(crate) exists: bool,
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// A profile and where it was found.
#[derive(Clone, Debug)]
pub(crate) struct NamedProfile {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) profile: Profile,
}

impl NamedProfile {
    pub(crate) fn origin(&self) -> Origin {
        Origin::Profile(self.name.as_str().into())
    }

    pub(crate) fn beside(&self, file: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(file)
    }

    /// A text of it, if it is there.
    pub(crate) fn text(&self, get: impl FnOnce(&Profile) -> Option<&String>) -> Option<Sourced<String>> {
        get(&self.profile).map(|text| Sourced::new(text.clone(), self.origin()))
    }
}

impl Config {
    /// Reads the file that `--config` or the environment names, or the usual one, which need not be there.
    pub(crate) fn load(given: Option<&Path>) -> Result<Self, Failure> {
        let file = match given {
            Some(file) => Some(Sourced::new(file.to_owned(), Origin::Option("--config"))),
            None => match env::CONFIG.get()? {
                Some(file) => Some(Sourced::new(PathBuf::from(file), Origin::Variable(&env::CONFIG))),
                None => default_file().map(|file| Sourced::new(file, Origin::Default)),
            },
        };
        let none = |file| Self {
            file,
            exists: false,
            profiles: BTreeMap::new(),
        };
        let Some(found) = &file else {
            return Ok(none(None));
        };
        let text = match limited::text(found, limited::CONFIG) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && found.origin == Origin::Default => {
                return Ok(none(file));
            }
            Err(error) => return Err(unreadable("configuration file", found, &error)),
        };
        let config: ConfigFile = toml::from_str(&text).map_err(|error| {
            // The error's own text would quote the line, which may hold a secret.
            let place = error.span().map_or(String::new(), |span| {
                let line = 1 + text[..span.start.min(text.len())].matches('\n').count();
                format!(":{line}")
            });
            Failure::usage(format!(
                "{}{place}: {}",
                found.display(),
                error.message().trim_end().replace('\n', ", ")
            ))
        })?;
        Ok(Self {
            file,
            exists: true,
            profiles: config.profiles,
        })
    }

    /// The profile that is chosen, and how. `None` if none is, and there is no `default`.
    pub(crate) fn chosen(&self, given: Option<&str>) -> Result<Option<NamedProfile>, Failure> {
        let wanted = wanted(given)?;
        let (name, origin) = match &wanted {
            Some(wanted) => (wanted.as_str(), Some(&wanted.origin)),
            None => (DEFAULT, None),
        };
        match (self.profiles.get(name), &self.file, origin) {
            (Some(profile), Some(file), _) => Ok(Some(NamedProfile {
                name: name.to_owned(),
                file: file.value.clone(),
                profile: profile.clone(),
            })),
            (_, _, None) => Ok(None),
            (_, None, Some(origin)) => Err(Failure::usage(format!(
                "there is no profile `{name}` (from {origin}), because this user has no configuration folder"
            ))
            .with_hint("name the file with --config")),
            (_, Some(file), Some(origin)) => {
                let file = file.display();
                let failure = if self.exists {
                    Failure::usage(format!("there is no profile `{name}` (from {origin}) in {file}"))
                } else {
                    Failure::usage(format!(
                        "there is no profile `{name}` (from {origin}), because there is no {file}"
                    ))
                };
                let failure = match self.names() {
                    Some(names) => failure.with_hint(format!("its profiles are {names}")),
                    None => failure,
                };
                Err(failure.with_hint(format!("enos-ota login --profile {name}    sets it up")))
            }
        }
    }

    /// The names of its profiles, such as `prod`, `test`. `None` if there are none.
    pub(crate) fn names(&self) -> Option<String> {
        let names: Vec<_> = self.profiles.keys().map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Where the file is, for a message.
    pub(crate) fn place(&self) -> String {
        self.file
            .as_ref()
            .map_or_else(|| "config.toml".to_owned(), |file| file.display().to_string())
    }
}

/// The profile that the user asks for, and where.
pub(crate) fn wanted(given: Option<&str>) -> Result<Option<Sourced<String>>, Failure> {
    Ok(match given {
        Some(name) => Some(Sourced::new(name.to_owned(), Origin::Option("--profile"))),
        None => env::PROFILE
            .get()?
            .map(|name| Sourced::new(name, Origin::Variable(&env::PROFILE))),
    })
}

fn default_file() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("enos-ota").join("config.toml"))
}
