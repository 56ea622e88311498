//! The signer that the generated client calls for every request.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::SystemTime;

use enos_ota_client::Authorize;

use crate::clock::{Clock, system_time};
use crate::secret::{AccessToken, AppSecret};
use crate::sign;

/// Signs the requests of the [generated client](enos_ota_client::Client) with one access token.
///
/// For those who use the generated client without [`Client`](crate::Client), and get the token from a
/// [`TokenSource`](crate::TokenSource) or elsewhere. The timestamp is taken when a request is signed.
#[derive(Clone, Debug)]
pub struct Signer {
    token: AccessToken,
    secret: AppSecret,
    clock: Arc<dyn Clock>,
}

impl Signer {
    /// Makes a signer from a token, the secret of the application that the token was made for, and a clock.
    #[must_use]
    pub fn new(token: AccessToken, secret: AppSecret, clock: Arc<dyn Clock>) -> Self {
        Self { token, secret, clock }
    }

    /// The time by the clock of the timestamps.
    pub(crate) fn now(&self) -> SystemTime {
        system_time(&*self.clock)
    }
}

impl Authorize for Signer {
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
        sign::sign_request(request, &self.token, self.clock.now_ms(), &self.secret)?;
        Ok(())
    }
}
