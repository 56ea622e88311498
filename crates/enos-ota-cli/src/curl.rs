//! A call as a shell script with curl, for `--print-curl`. The secret is left to `enos-ota`, and the token to the shell.

use std::error::Error as StdError;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use enos_ota::enos_ota_client::{Authorize, Authorizer, Client, Operation, reqwest};
use enos_ota::types::{PageRequest, SearchRequest};
use enos_ota::{OrgId, PageSize};
use url::Url;

use crate::args::{Connection, Target};
use crate::campaign::command_line::{connection_options, join};
use crate::config::{Found, Setting};
use crate::env;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::shell_word;

/// A request as it would be sent, but for what signs it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) body: Option<Vec<u8>>,
}

/// Where calls go. No secret is read.
pub(crate) struct Place<'a> {
    base_url: String,
    connection: &'a Connection,
    found: Found,
}

impl<'a> Place<'a> {
    pub(crate) fn of(connection: &'a Connection, org_id: Option<&String>) -> Result<Self, Failure> {
        let found = connection.find(org_id)?;
        let Some(base_url) = &found.base_url else {
            return Err(
                Failure::usage("no base URL is set").with_hint(format!("give --base-url, or set {}", env::BASE_URL))
            );
        };
        Ok(Self {
            base_url: base_url.value.trim().trim_end_matches('/').to_owned(),
            connection,
            found,
        })
    }

    pub(crate) fn of_target(target: &'a Target) -> Result<(Self, OrgId), Failure> {
        let place = Self::of(&target.connection, target.org_id.as_ref())?;
        let org_id = place.found.org_id.as_ref().and_then(|org_id| org_id.value.parse().ok());
        match org_id {
            Some(org_id) => Ok((place, org_id)),
            None => {
                Err(Failure::usage("no organization is set")
                    .with_hint(format!("give --org-id, or set {}", env::ORG_ID)))
            }
        }
    }

    /// Prints the call of an operation.
    pub(crate) async fn print<O: Operation>(&self, operation: &O) -> Result<Exit, Failure> {
        let recorder = Arc::new(Recorder::default());
        let client = Client::new(&self.base_url, Authorizer::from(Arc::clone(&recorder)));
        // It always fails: the recorder lets nothing be sent.
        let _ = operation.send(&client).await;
        let request = recorder.take().ok_or_else(|| {
            Failure::usage(format!("`{}` does not make a URL", self.base_url)).with_hint("look at the base URL")
        })?;
        self.print_request(&request)
    }

    pub(crate) fn print_request(&self, request: &Request) -> Result<Exit, Failure> {
        let mut out = io::stdout().lock();
        out.write_all(self.script(request)?.as_bytes())?;
        out.flush()?;
        Ok(Exit::Success)
    }

    /// The URL of a path with these query parameters, which are not encoded.
    pub(crate) fn url(&self, path: &str, query: &[(String, String)]) -> Result<String, Failure> {
        let refuse = || Failure::usage(format!("`{}{path}` is not a URL", self.base_url));
        let mut url = Url::parse(&format!("{}{path}", self.base_url)).map_err(|_| refuse())?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // As it is sent: whether the gateway takes a plus for a blank is not documented.
        Ok(url.as_str().replace('+', "%20"))
    }

    fn script(&self, request: &Request) -> Result<String, Failure> {
        let body = request
            .body
            .as_deref()
            .map(std::str::from_utf8)
            .transpose()
            .map_err(|_| Failure::usage("the body is not text, and cannot be written into a script"))?;
        // Both would take it for the name of a file.
        if body.is_some_and(|body| body.starts_with('@')) {
            return Err(Failure::usage(
                "a body that begins with @ cannot be written into a script",
            ));
        }
        let mut token = vec!["enos-ota".to_owned(), "token".to_owned()];
        token.extend(connection_options(self.connection));
        let mut sign = ["enos-ota", "sign", "--url", &request.url].map(str::to_owned).to_vec();
        let mut curl = [
            "curl",
            "--globoff",
            "--silent",
            "--show-error",
            "-X",
            &request.method,
            "-H",
            "@-",
        ]
        .map(str::to_owned)
        .to_vec();
        if let Some(body) = body {
            sign.extend(["--data".to_owned(), body.to_owned()]);
            let json = "Content-Type: application/json;charset=UTF-8";
            curl.extend(["-H", json, "--data-binary", body].map(str::to_owned));
        }
        sign.extend(secret_options(self.connection));
        if let Some(file) = &self.found.ca_cert {
            curl.extend(["--cacert".to_owned(), file.value.to_string_lossy().into_owned()]);
        }
        if let Some(proxy) = Setting::of_proxy(&self.found) {
            curl.extend(["--proxy".to_owned(), proxy]);
        }
        curl.push(request.url.clone());
        let access_token = env::ACCESS_TOKEN.name;
        Ok(format!(
            "# Gets an access token, signs the request now, and sends it. The app secret is read by enos-ota alone.\n\
             {access_token}=$({}) || exit\nexport {access_token}\n{} |\n  {}\n",
            join(&token),
            join(&sign),
            join(&curl)
        ))
    }
}

/// The options of a connection that `enos-ota sign` has too.
fn secret_options(connection: &Connection) -> Vec<String> {
    let file = |path: &std::path::PathBuf| path.to_string_lossy().into_owned();
    let mut words = Vec::new();
    for (name, value) in [
        ("--app-secret-file", connection.app_secret_file.as_ref().map(file)),
        ("--profile", connection.profile.clone()),
        ("--config", connection.config.as_ref().map(file)),
    ] {
        words.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
    }
    if connection.allow_open_secret_file {
        words.push("--allow-open-secret-file".to_owned());
    }
    words
}

/// A page of a search, as the SDK asks for it.
pub(crate) fn search(expression: &str, page_size: PageSize) -> SearchRequest {
    SearchRequest {
        expression: Some(expression).filter(|text| !text.is_empty()).map(str::to_owned),
        pagination: Some(PageRequest {
            page_no: 1,
            page_size: page_size.get().into(),
        }),
    }
}

/// Keeps the request that the generated client would send, and lets it not be sent.
#[derive(Default)]
struct Recorder(Mutex<Option<Request>>);

impl Recorder {
    fn take(&self) -> Option<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Authorize for Recorder {
    fn authorize(&self, request: &mut reqwest::Request) -> Result<(), Box<dyn StdError + Send + Sync>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Request {
            method: request.method().to_string(),
            url: request.url().to_string(),
            body: request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec),
        });
        Err("it is only printed".into())
    }
}

/// A call that is signed already, as one command. The token stays in the variable if it came from there.
pub(crate) fn signed(
    method: &str,
    url: &str,
    body: Option<&[u8]>,
    headers: &[(String, Option<String>)],
) -> Result<String, Failure> {
    let mut words = vec!["curl --globoff -X".to_owned(), shell_word(method)];
    for (name, value) in headers {
        words.push("-H".to_owned());
        words.push(match value {
            Some(value) => shell_word(&format!("{name}: {value}")),
            None => format!("\"{name}: ${}\"", env::ACCESS_TOKEN.name),
        });
    }
    if let Some(body) = body {
        let body = std::str::from_utf8(body)
            .ok()
            .filter(|body| !body.starts_with('@'))
            .ok_or_else(|| {
                Failure::usage("the body cannot be written into a command: it is not text, or begins with @")
            })?;
        words.extend([
            "-H".to_owned(),
            shell_word("Content-Type: application/json;charset=UTF-8"),
        ]);
        words.extend(["--data-binary".to_owned(), shell_word(body)]);
    }
    words.push(shell_word(url));
    Ok(words.join(" "))
}
