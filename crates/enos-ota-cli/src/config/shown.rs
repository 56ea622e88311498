//! Settings as they are shown, each with its source. Nothing secret is among them.

use enos_ota::ProxyUrl;
use serde::Serialize;

use super::{Found, Origin, Sourced, Sources, wanted};
use crate::campaign::{command_line, journals};
use crate::env;
use crate::failure::Failure;

/// A setting as it is shown. Of the secret, only where it is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) value: Option<String>,
    pub(crate) source: Option<String>,
}

impl Setting {
    /// The address of the proxy that is set, without user name and password.
    pub(crate) fn of_proxy(found: &Found) -> Option<String> {
        let proxy = found.proxy.as_ref()?;
        ProxyUrl::parse(proxy).ok().map(|proxy| proxy.to_string())
    }

    fn new<T>(name: &'static str, value: Option<&Sourced<T>>, show: impl FnOnce(&T) -> String) -> Self {
        Self {
            name,
            value: value.map(|value| show(&value.value)),
            source: value.map(|value| value.origin.to_string()),
        }
    }
}

pub(crate) fn settings(found: &Found, profile: Option<&str>) -> Result<Vec<Setting>, Failure> {
    let text = Clone::clone;
    let chosen = match (wanted(profile)?, &found.profile) {
        (Some(wanted), _) => Some(wanted),
        (None, Some(profile)) => Some(Sourced::new(profile.name.clone(), Origin::Default)),
        (None, None) => None,
    };
    let journals = match env::JOURNAL_DIR.get()? {
        Some(folder) => Some(Sourced::new(folder.into(), Origin::Variable(&env::JOURNAL_DIR))),
        None => journals::default_folder()
            .ok()
            .map(|folder| Sourced::new(folder, Origin::Default)),
    };
    Ok(vec![
        Setting::new("config", found.config.file.as_ref(), |file| {
            let missing = if found.config.exists { "" } else { " (there is none)" };
            format!("{}{missing}", file.display())
        }),
        Setting::new("profile", chosen.as_ref(), text),
        Setting::new("base-url", found.base_url.as_ref(), |url| {
            command_line::without_password(url)
        }),
        Setting::new("app-key", found.app_key.as_ref(), text),
        Setting {
            name: "app-secret",
            value: found.secret.as_ref().map(|_| "(not shown)".to_owned()),
            source: found.secret.as_ref().map(ToString::to_string),
        },
        Setting::new("org-id", found.org_id.as_ref(), text),
        Setting::new("allow-http", found.allow_http.as_ref(), ToString::to_string),
        Setting::new("ca-cert", found.ca_cert.as_ref(), |file| file.display().to_string()),
        Setting::new("proxy", found.proxy.as_ref(), |proxy| {
            ProxyUrl::parse(proxy).map_or_else(|_| "(not an address)".to_owned(), |proxy| proxy.to_string())
        }),
        Setting::new("journals", journals.as_ref(), |folder| folder.display().to_string()),
    ])
}

/// The settings of the emulator inside this program.
pub(crate) fn settings_of_emulator(sources: &Sources) -> Vec<Setting> {
    let text = Clone::clone;
    vec![
        Setting::new("base-url", Some(&sources.base_url), text),
        Setting::new("app-key", Some(&sources.app_key), text),
        Setting::new("org-id", sources.org_id.as_ref(), text),
    ]
}
