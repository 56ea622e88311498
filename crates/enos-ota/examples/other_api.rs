//! Signs a request to another API of the platform. Neither path nor host are part of the signature, and one token serves
//! every API that the application may call.
//!
//! ```sh
//! export ENOS_BASE_URL=https://apim-gateway.example.com ENOS_APP_KEY=... ENOS_APP_SECRET=...
//! cargo run --example other_api -- '/some-service/v1.0/things?orgId=o1'
//! ```

use std::env;
use std::error::Error;

use enos_ota::{Client, Clock as _, Credentials, SystemClock, TokenSource, reqwest, sign};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base_url = env::var("ENOS_BASE_URL")?;
    let credentials = Credentials::new(env::var("ENOS_APP_KEY")?, env::var("ENOS_APP_SECRET")?)?;
    let tokens = Client::builder()
        .base_url(&base_url)
        .credentials(credentials.clone())
        .build_token_source()?;
    let path = env::args().nth(1).ok_or("no path was given")?;
    println!("{}", get(&format!("{base_url}{path}"), &tokens, &credentials).await?);
    Ok(())
}

/// Makes a signed GET request, and returns the body of the response.
pub(crate) async fn get(url: &str, tokens: &TokenSource, credentials: &Credentials) -> Result<String, Box<dyn Error>> {
    // A redirect would take the access token to another host.
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut request = http.get(url).build()?;
    let token = tokens.token().await?;
    // As the last step: a later change of query or body would make the signature wrong.
    sign::sign_request(&mut request, &token, SystemClock.now_ms(), credentials.app_secret())?;
    Ok(http.execute(request).await?.text().await?)
}
