//! Values that must never be printed.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::setting::Setting;

pub use enos_ota_sign::{AccessToken, AppSecret};

/// The access key of an application together with its secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    app_key: Arc<str>,
    app_secret: AppSecret,
}

impl Credentials {
    /// Pairs an access key with its secret.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if either is empty or has white space at an end, or a line break within: such values come
    /// from a file or variable that was cut or filled badly, and the platform would only say that they are wrong.
    pub fn new(app_key: impl Into<String>, app_secret: impl Into<String>) -> Result<Self, Error> {
        let app_key = app_key.into();
        let app_secret = AppSecret::new(app_secret.into());
        check_key_material("app key", Setting::AppKey, &app_key)?;
        check_key_material("app secret", Setting::AppSecret, app_secret.expose())?;
        Ok(Self {
            app_key: app_key.into(),
            app_secret,
        })
    }

    /// The access key. It is sent in clear to the token service and is not a secret.
    #[must_use]
    pub fn app_key(&self) -> &str {
        &self.app_key
    }

    /// The secret that belongs to the access key.
    #[must_use]
    pub fn app_secret(&self) -> &AppSecret {
        &self.app_secret
    }
}

fn check_key_material(what: &str, setting: Setting, value: &str) -> Result<(), Error> {
    let wrong = if value.is_empty() {
        "is empty"
    } else if value.trim() != value {
        "begins or ends with white space"
    } else if value.contains(char::is_control) {
        "contains a control character"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, format!("the {what} {wrong}")).with_setting(setting))
}

/// Replaces every occurrence of `secrets` in a text that somebody else wrote, also one that the end of the text cuts.
///
/// A gateway may well repeat in its complaint what it was sent.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    /// Fewer characters give nothing away, and end many a text by chance.
    const SHORTEST_PART: usize = 4;
    let mut out = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if out.contains(secret) {
            out = out.replace(secret, "***");
        }
        let part = (SHORTEST_PART..secret.len())
            .rev()
            .find(|&length| secret.is_char_boundary(length) && out.ends_with(&secret[..length]));
        if let Some(length) = part {
            out.truncate(out.len() - length);
            out.push_str("***");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        let credentials = Credentials::new("key-1", "hidden-secret").unwrap();
        let token = AccessToken::new("hidden-token").unwrap();
        let printed = format!("{credentials:?} {:?} {token:?}", credentials.app_secret());
        assert!(!printed.contains("hidden"), "{printed}");
        assert!(printed.contains("key-1"));
    }

    #[test]
    fn key_material_that_was_cut_or_filled_badly_is_refused() {
        for (key, secret, complaint) in [
            ("", "s", "the app key is empty"),
            ("k", "", "the app secret is empty"),
            ("k", "s\n", "the app secret begins or ends with white space"),
            (" k", "s", "the app key begins or ends with white space"),
            ("k", "a\nb", "the app secret contains a control character"),
        ] {
            let error = Credentials::new(key, secret).unwrap_err();
            assert_eq!(error.to_string(), complaint);
            assert_eq!(error.kind(), ErrorKind::Config);
        }
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
        let error = AccessToken::new("hidden\ntoken").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }

    #[test]
    fn redaction_removes_every_occurrence() {
        assert_eq!(redact("tok=abc; again abc", &["abc", ""]), "tok=***; again ***");
    }

    #[test]
    fn redaction_removes_a_secret_that_the_end_cuts() {
        for (text, redacted) in [
            ("sent secret-tok", "sent ***"),
            ("sent secr", "sent ***"),
            ("sent sec", "sent sec"),
            ("secret-token secret-", "*** ***"),
            ("secret of another", "secret of another"),
        ] {
            assert_eq!(redact(text, &["secret-token"]), redacted);
        }
    }
}
