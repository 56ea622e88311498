//! One device in JSON and CSV.

use std::borrow::Cow;

use enos_ota_campaign::Fate;
use serde::Serialize;

use crate::DeviceReport;
use crate::tally::Became;
use crate::text::rfc3339;

/// The members of an object, and the columns of a line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    device_key: Cow<'a, str>,
    job_id: Cow<'a, str>,
    product_key: Option<Cow<'a, str>>,
    from_version: Option<Cow<'a, str>>,
    to_version: Option<Cow<'a, str>>,
    reason: Option<Cow<'a, str>>,
    outcome: &'static str,
    code: Option<i64>,
    message: Option<Cow<'a, str>>,
    request_id: Option<Cow<'a, str>>,
    fate: Option<Fate>,
    failed_again_reason: Option<Cow<'a, str>>,
    sent_at: Option<String>,
    journal: Cow<'a, str>,
}

impl<'a> Row<'a> {
    /// `text` makes foreign texts harmless.
    pub(crate) fn of(device: &DeviceReport<'a>, text: impl Fn(&'a str) -> Cow<'a, str>) -> Self {
        let (facts, standing) = (&device.facts, device.standing);
        // What a search has shown means something of these alone.
        let accepted = device.became.outcome() == "accepted";
        let seen = device.became == Became::Unknown && standing.fate != Fate::NotSeen;
        Self {
            device_key: text(device.device_key),
            job_id: text(device.job_id),
            product_key: facts.product_key.map(&text),
            from_version: facts.from_version.map(&text),
            to_version: facts.to_version.map(&text),
            reason: facts.reason.map(&text),
            outcome: device.became.outcome(),
            code: standing.code,
            message: standing.message.map(&text),
            request_id: standing.request_id.map(&text),
            fate: (accepted || seen).then_some(standing.fate),
            failed_again_reason: standing.failed_again.map(&text),
            sent_at: device.sent_at_ms.map(rfc3339),
            journal: text(device.journal),
        }
    }
}
