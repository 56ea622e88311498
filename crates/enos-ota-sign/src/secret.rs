//! Values that must never be printed.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;
use zeroize::Zeroizing;

/// The secret of an application, as the EnOS Management Console shows it beside the access key.
///
/// It is wiped from memory when the last clone is dropped, and `Debug` does not print it. It is never sent: it only
/// goes into the hashes that sign requests.
#[derive(Clone)]
pub struct AppSecret(Arc<Zeroizing<String>>);

impl AppSecret {
    /// Takes over a secret.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }

    /// The secret itself, for a caller who hashes it by other means. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AppSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppSecret(***)")
    }
}

/// An access token of the gateway. `Debug` does not print it.
///
/// Clones share one copy, which is wiped when the last of them is dropped. The copy inside the HTTP header is marked
/// as sensitive, but it is not wiped.
#[derive(Clone)]
pub struct AccessToken(Arc<TokenText>);

struct TokenText {
    text: Zeroizing<String>,
    header: HeaderValue,
}

impl AccessToken {
    /// Takes over a token that was obtained elsewhere.
    ///
    /// # Errors
    ///
    /// [`TokenError`] if the token is empty or cannot stand in an HTTP header.
    pub fn new(token: impl Into<String>) -> Result<Self, TokenError> {
        let text = Zeroizing::new(token.into());
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        let mut header = HeaderValue::from_str(&text).map_err(|_| TokenError::NotAHeader)?;
        header.set_sensitive(true);
        Ok(Self(Arc::new(TokenText { text, header })))
    }

    /// The token itself, for a caller who signs or sends requests by other means. Do not log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.header.clone()
    }
}

impl PartialEq for AccessToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for AccessToken {}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(***)")
    }
}

/// A text that is no access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// It is empty.
    Empty,
    /// It has a character that an HTTP header cannot carry.
    NotAHeader,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the access token is empty",
            Self::NotAHeader => "the access token has a character that an HTTP header cannot carry",
        })
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        let token = AccessToken::new("hidden-token").unwrap();
        let printed = format!(
            "{:?} {token:?} {:?}",
            AppSecret::new("hidden-secret".into()),
            token.header()
        );
        assert!(!printed.contains("hidden"), "{printed}");
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
        assert_eq!(AccessToken::new("").unwrap_err(), TokenError::Empty);
        let error = AccessToken::new("hidden\ntoken").unwrap_err();
        assert_eq!(error, TokenError::NotAHeader);
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}
