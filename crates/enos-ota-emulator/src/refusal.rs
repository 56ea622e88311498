//! What the gateway says when it refuses a request.

use axum::http::StatusCode;

/// The text that goes with an HTTP status.
///
/// Those of 400, 401, 403, 413, 429, 500 and 503 stand in the API guide of EnOS 2.0.8 to 2.1 (documented). That they are
/// the whole body, and the texts of 404, 502 and 504, are the Kong gateway's (inferred). Others have their reason phrase.
pub(crate) fn text(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Cannot process request body",
        401 => "Invalid authentication credentials",
        403 => "Your IP address is not allowed",
        404 => "no Route matched with those values",
        413 => "Request size limit exceeded",
        429 => "API rate limit exceeded",
        500 => "An unexpected error occurred",
        502 => "An invalid response was received from the upstream server",
        503 => "Service unavailable",
        504 => "The upstream server is timing out",
        _ => status.canonical_reason().unwrap_or("Unknown"),
    }
}
