//! The token service: `POST /apim-token-service/v2.0/token/get` and `/refresh`.

use std::collections::{HashSet, VecDeque};

use enos_ota_client::GatewayErrorCode as Code;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::signature::token_encryption;

/// A timestamp may differ from the clock by so much. The general security page of the platform says so of API calls;
/// that the token service checks it too is assumed.
pub(crate) const TIMESTAMP_WINDOW_MS: i64 = 15 * 60 * 1000;

/// So many tokens are remembered, to tell one that has died from one that never was.
const REMEMBERED_TOKENS: usize = 1024;

/// What becomes of the old token when a new one is fetched with `token/refresh`. Not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub enum OldToken {
    /// It dies at once: the harder case for a client, so the default.
    #[default]
    Dies,
    /// It lives until its own expiry.
    LivesOn,
}

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeadToken {
    /// It was issued here, but has expired or has been replaced or killed.
    Expired,
    /// It was never issued here, or too long ago to be remembered, or the node has not heard of it yet.
    Unknown,
}

/// A failure of the token service, with what is to be said of it beyond the documented message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TokenError {
    pub(crate) code: Code,
    pub(crate) detail: Option<String>,
}

impl From<Code> for TokenError {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenCall {
    Get,
    Refresh,
}

#[derive(Debug)]
struct Token {
    value: String,
    expires_at: i64,
    /// The node that issued it.
    node: usize,
    /// When the other nodes know it.
    known_at: i64,
}

impl Token {
    fn lives(&self, now: i64) -> bool {
        now < self.expires_at
    }
}

/// Which tokens there are. Holds the app secret, so it has no `Debug`.
pub(crate) struct TokenService {
    app_key: String,
    app_secret: String,
    lifetime_ms: i64,
    old_token: OldToken,
    node_lag_ms: i64,
    /// The newest last. All but the newest are dead unless `old_token` says otherwise.
    tokens: VecDeque<Token>,
    used_encryptions: HashSet<String>,
    issued: u64,
}

impl TokenService {
    pub(crate) fn new(
        (app_key, app_secret): (String, String),
        lifetime_ms: i64,
        old_token: OldToken,
        node_lag_ms: i64,
    ) -> Self {
        Self {
            app_key,
            app_secret,
            lifetime_ms,
            old_token,
            node_lag_ms,
            tokens: VecDeque::new(),
            used_encryptions: HashSet::new(),
            issued: 0,
        }
    }

    pub(crate) fn app_secret(&self) -> &str {
        &self.app_secret
    }

    /// How many valid encryptions have been used up.
    pub(crate) fn used_encryptions(&self) -> u64 {
        self.used_encryptions.len() as u64
    }

    /// How many tokens have been issued.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// Answers a token request with the member `data` of the answer.
    pub(crate) fn answer(
        &mut self,
        call: TokenCall,
        body: &[u8],
        (now, node): (i64, usize),
        random: &mut Random,
    ) -> Result<Value, TokenError> {
        let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
            return Err(detailed(Code::InvalidParameter, "the body is no JSON object"));
        };
        let app_key = text(&request, "appKey")?;
        let encryption = text(&request, "encryption")?;
        let timestamp = timestamp(&request)?;
        let old = match call {
            TokenCall::Get => None,
            TokenCall::Refresh => Some(text(&request, "accessToken")?),
        };

        if app_key != self.app_key {
            return Err(Code::UnknownAppKey.into());
        }
        if encryption != token_encryption(app_key, &timestamp.as_sent, &self.app_secret) {
            return Err(Code::InvalidEncryption.into());
        }
        if self.used_encryptions.contains(encryption) {
            return Err(Code::RepeatedEncryption.into());
        }
        if now.abs_diff(timestamp.ms) > TIMESTAMP_WINDOW_MS.unsigned_abs() {
            return Err(detailed(
                Code::InvalidEncryption,
                "the timestamp is more than 15 minutes off",
            ));
        }
        // Only a valid encryption is used up: otherwise a wrong secret would be reported as a repetition.
        self.used_encryptions.insert(encryption.to_owned());

        match old {
            None => Ok(match self.tokens.back() {
                Some(token) if token.lives(now) => granted(token, now),
                Some(_) | None => self.issue((now, node), random),
            }),
            Some(old) => {
                // The token service knows the tokens of all nodes.
                let knows = |token: &Token| token.value == old && token.lives(now);
                if !self.tokens.iter().any(knows) {
                    return Err(Code::RefreshFailed.into());
                }
                if self.old_token == OldToken::Dies {
                    self.kill();
                }
                Ok(self.issue((now, node), random))
            }
        }
    }

    fn issue(&mut self, (now, node): (i64, usize), random: &mut Random) -> Value {
        let token = Token {
            value: random.token(),
            expires_at: now.saturating_add(self.lifetime_ms),
            node,
            known_at: now.saturating_add(self.node_lag_ms),
        };
        let data = granted(&token, now);
        if self.tokens.len() == REMEMBERED_TOKENS {
            self.tokens.pop_front();
        }
        self.tokens.push_back(token);
        self.issued += 1;
        data
    }

    /// Whether a token is good for a call to a node.
    pub(crate) fn check(&self, token: &str, now: i64, node: usize) -> Result<(), DeadToken> {
        match self.tokens.iter().rev().find(|known| known.value == token) {
            Some(known) if known.node != node && now < known.known_at => Err(DeadToken::Unknown),
            Some(known) if known.lives(now) => Ok(()),
            Some(_) => Err(DeadToken::Expired),
            None => Err(DeadToken::Unknown),
        }
    }

    /// Makes every token die.
    pub(crate) fn kill(&mut self) {
        for token in &mut self.tokens {
            token.expires_at = i64::MIN;
        }
    }
}

fn granted(token: &Token, now: i64) -> Value {
    // Rounded down: a client must not be told that the token lives longer than it does.
    json!({ "accessToken": token.value, "expire": (token.expires_at - now) / 1000 })
}

fn detailed(code: Code, detail: impl Into<String>) -> TokenError {
    TokenError {
        code,
        detail: Some(detail.into()),
    }
}

/// A member that must be text and not empty.
fn text<'a>(request: &'a Map<String, Value>, name: &str) -> Result<&'a str, TokenError> {
    match request.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        None | Some(Value::Null | Value::String(_)) => Err(detailed(Code::EmptyParameter, name)),
        Some(_) => Err(detailed(Code::InvalidParameter, format!("{name} is no text"))),
    }
}

struct Timestamp {
    ms: i64,
    /// The digits that are part of the hash.
    as_sent: String,
}

/// The timestamp: a number by the docs, text in what half of the known clients send.
fn timestamp(request: &Map<String, Value>) -> Result<Timestamp, TokenError> {
    let invalid = || detailed(Code::InvalidParameter, "timestamp is no whole number of milliseconds");
    let as_sent = match request.get("timestamp") {
        None | Some(Value::Null) => return Err(detailed(Code::EmptyParameter, "timestamp")),
        Some(Value::String(text)) if text.is_empty() => {
            return Err(detailed(Code::EmptyParameter, "timestamp"));
        }
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(invalid()),
    };
    let ms = as_sent.parse().map_err(|_| invalid())?;
    Ok(Timestamp { ms, as_sent })
}
