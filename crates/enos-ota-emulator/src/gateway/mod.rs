//! The gateway in front of the service: checks token, timestamp and signature of a call, and keeps quotas.

pub(crate) mod gate;
pub(crate) mod nodes;
pub(crate) mod quota;

use axum::http::{HeaderMap, StatusCode};
use enos_ota_client::{ErrorCode, GatewayErrorCode as Code};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::signature::{Query, request_signature};
use crate::token::{DeadToken, TIMESTAMP_WINDOW_MS, TokenService};

/// In which form the gateway rejects a call whose token, timestamp or signature is not good.
///
/// **No form is documented.** The platform lists the codes (1001 to 1204) for such calls, but shows no answer, so
/// a client should understand all of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GatewayStyle {
    /// HTTP 200 and the envelope of the token service,
    /// `{"status":1203,"msg":"...","business":"apim","data":null}`. The default, because every failure of which the
    /// platform publishes an answer is told in the body, under HTTP 200.
    #[default]
    Ok200,
    /// The same body with HTTP 401.
    Unauthorized401,
    /// HTTP 401 and `{"message":"Invalid authentication credentials"}`, whatever is wrong. The API guide documents status
    /// and text for EnOS 2.0.8 to 2.1; that bad tokens and signatures are refused so is not documented.
    Message401,
    /// HTTP 200 and `{"apim_status":4011}` for a token that has died, 4012 for one that is not known; the vendor's
    /// Python client knows these two numbers, from another way to log in. Other rejections are as in
    /// [`Ok200`](GatewayStyle::Ok200).
    ApimStatus,
}

/// Why a call is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) code: Code,
    detail: Option<String>,
    dead_token: Option<DeadToken>,
}

impl Rejection {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: Some(detail.into()),
            dead_token: None,
        }
    }

    pub(crate) fn into_answer(self, style: GatewayStyle) -> Answer {
        if style == GatewayStyle::ApimStatus
            && let Some(dead) = self.dead_token
        {
            return Answer::apim_status(match dead {
                DeadToken::Expired => 4011,
                DeadToken::Unknown => 4012,
            });
        }
        if style == GatewayStyle::Message401 {
            return Answer::refused(StatusCode::UNAUTHORIZED);
        }
        let msg = message(self.code, self.detail.as_deref());
        let answer = Answer::status(self.code.code(), &msg, "apim", None, false);
        match style {
            GatewayStyle::Unauthorized401 => answer.with_http_status(StatusCode::UNAUTHORIZED),
            GatewayStyle::Ok200 | GatewayStyle::Message401 | GatewayStyle::ApimStatus => answer,
        }
    }
}

/// The message of a code, with what the emulator knows beyond it.
pub(crate) fn message(code: Code, detail: Option<&str>) -> String {
    let message = code.message().unwrap_or_default();
    match detail {
        Some(detail) => format!("{message}: {detail}"),
        None => message.to_owned(),
    }
}

/// Checks a call. Neither the order of the checks nor the codes of a bad timestamp or signature are documented.
pub(crate) fn check(
    tokens: &TokenService,
    headers: &HeaderMap,
    query: &Query,
    body: &[u8],
    (now, node): (i64, usize),
) -> Result<(), Rejection> {
    let token = header(headers, "apim-accesstoken")?;
    let timestamp = header(headers, "apim-timestamp")?;
    let signature = header(headers, "apim-signature")?;

    let Ok(sent_at) = timestamp.parse::<i64>() else {
        return Err(Rejection::new(
            Code::InvalidParameter,
            "apim-timestamp is no whole number of milliseconds",
        ));
    };
    if now.abs_diff(sent_at) > TIMESTAMP_WINDOW_MS.unsigned_abs() {
        let detail = format!("apim-timestamp {sent_at} is more than 15 minutes off the gateway's clock, {now}");
        return Err(Rejection::new(Code::InvalidEncryption, detail));
    }
    tokens.check(token, now, node).map_err(|dead| Rejection {
        code: Code::AccessTokenExpired,
        detail: None,
        dead_token: Some(dead),
    })?;
    if signature != request_signature(token, query, body, timestamp, tokens.app_secret()) {
        return Err(Rejection::new(
            Code::InvalidEncryption,
            "apim-signature does not match the request",
        ));
    }
    Ok(())
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Rejection> {
    match headers.get(name).map(|value| value.to_str()) {
        Some(Ok(value)) if !value.is_empty() => Ok(value),
        None | Some(Ok(_)) => Err(Rejection::new(Code::EmptyParameter, name)),
        Some(Err(_)) => Err(Rejection::new(
            Code::InvalidParameter,
            format!("{name} is not ASCII text"),
        )),
    }
}
