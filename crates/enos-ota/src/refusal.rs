//! Refusals in the gateway's own words: `{"message": "..."}`, with neither `code` nor `status`.
//!
//! The seven texts and their HTTP statuses are on the vendor's page [Getting started, 3.0.0][page]: 400 *Cannot process
//! request body*, 401 *Invalid authentication credentials*, 403 *Your IP address is not allowed*, 413 *Request size limit
//! exceeded*, 429 *API rate limit exceeded*, 500 *An unexpected error occurred*, 503 *Service unavailable*. That the body
//! has this form, and 404 *no Route matched with those values*, is inferred: the texts are those of the Kong gateway.
//!
//! [page]: https://support.enos-iot.com/docs/api/en/3.0.0/gettingstarted

use serde::Deserialize;

/// What the gateway says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    /// Later versions of Kong send one.
    #[serde(default)]
    pub(crate) request_id: Option<String>,
}

impl Refusal {
    /// Reads a body that is known to report no code.
    pub(crate) fn of_body(body: &[u8]) -> Option<Self> {
        // Without this, an array would be read as the members in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

/// What to do about a refusal by the gateway, where more is known than its kind says.
pub(crate) fn remedy(status: u16, message: &str, outcome_unknown: bool) -> Option<&'static str> {
    Some(match status {
        400 => {
            "The gateway could not read the request, and did not pass it on. Check whether a proxy in between changes \
             requests."
        }
        401 => {
            "Try again in some seconds: a node of the gateway may not know a new access token yet. If it stays so, check \
             app key and secret, that they belong to this gateway, and the clock of this machine."
        }
        403 if message.to_ascii_lowercase().contains("ip address") => {
            "The owner of the API has restricted it to certain IP addresses. Have the address of this machine, or of its \
             proxy, allowed in the EnOS Management Console."
        }
        404 => {
            "Check the base URL: it is the address of the API gateway, without the path of an API. If it is right, the API \
             is not published on this gateway."
        }
        413 => "Send fewer devices in a call: the owner of the API has limited the size of a request.",
        503 if outcome_unknown => {
            "The call may have been carried out: search the jobs or tasks before you send it again. If it stays so, the \
             API may be switched off for this application, which the gateway reports in the same way."
        }
        503 => {
            "Try again later. If it stays so, the API may be switched off for this application, which the gateway reports \
             in the same way."
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_a_text_is_a_refusal() {
        let of = |body: &str| Refusal::of_body(body.as_bytes());
        assert_eq!(of(r#"{"message":"no"}"#).unwrap().message, "no");
        let kong_3 = of(r#" {"message":"no","request_id":"abc"}"#).unwrap();
        assert_eq!(kong_3.request_id.as_deref(), Some("abc"));
        for body in ["", "no", "[\"no\"]", "{}", r#"{"message":7}"#, r#"{"msg":"no"}"#] {
            assert_eq!(of(body), None, "{body}");
        }
    }
}
