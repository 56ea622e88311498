//! What the platform says, before any fault has spoilt it.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use enos_ota_client::types::PageInfo;
use serde::Serialize;
use serde::ser::{Error as _, Serializer};
use serde_json::{Value, json};

use crate::model::{JobInfo, TaskInfo};
use crate::refusal;
use crate::state::Page;

pub(crate) const JSON: &str = "application/json;charset=UTF-8";
pub(crate) const PLAIN: &str = "text/plain;charset=UTF-8";
pub(crate) const HTML: &str = "text/html;charset=UTF-8";

/// An answer, with what the journal records of it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
    /// `code`, `status` or `apim_status`, whichever the envelope has.
    pub(crate) code: Option<i64>,
    pub(crate) request_id: Option<String>,
    /// Only for HTTP 405.
    allow: Option<Method>,
}

/// The envelope of the OTA service.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceEnvelope<'a, D, P> {
    code: i64,
    msg: &'a str,
    request_id: &'a str,
    data: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination: Option<P>,
}

/// The member `data` of an answer of the OTA service.
#[derive(Debug, Default, Serialize)]
#[serde(untagged)]
pub(crate) enum Data {
    /// Null.
    #[default]
    Nothing,
    Created {
        #[serde(rename = "jobId")]
        job_id: String,
    },
    Job(Box<ShownJob>),
    Jobs(Vec<ShownJob>),
    Tasks(Vec<TaskInfo>),
}

/// Where in a result a page lies. The form is documented for other operations of the platform.
pub(crate) fn page_info(page: Page, total: usize) -> PageInfo {
    let integer = |number: usize| i64::try_from(number).unwrap_or(i64::MAX).into();
    PageInfo {
        page_no: Some(i64::try_from(page.number).unwrap_or(i64::MAX).into()),
        page_size: Some(integer(page.size)),
        total_size: Some(integer(total)),
        // Null in the published sample, and these searches cannot be sorted.
        sorted_by: Some(Value::Null),
    }
}

/// A job with null for what it does not have, as the published sample shows one. The types of the spec leave it out.
fn job_with_nulls<S: Serializer>(job: &JobInfo, serializer: S) -> Result<S::Ok, S::Error> {
    let nulls = |value: &mut Value, members: &[&str]| {
        for member in members {
            if let Some(object) = value.as_object_mut() {
                object.entry(*member).or_insert(Value::Null);
            }
        }
    };
    let mut shown = serde_json::to_value(job).map_err(S::Error::custom)?;
    nulls(
        &mut shown,
        &["productKey", "name", "firmwareName", "enableUpgradeRequest"],
    );
    nulls(&mut shown, &["upgradePolicy", "retryPolicy", "schedulePolicy"]);
    if let Some(scope) = shown.get_mut("upgradeScope") {
        nulls(scope, &["versionNumbers", "deviceKeys"]);
    }
    shown.serialize(serializer)
}

/// A job as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct ShownJob(#[serde(serialize_with = "job_with_nulls")] pub(crate) JobInfo);

/// Whether whole numbers are answered as text. Only `code` never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integers {
    AsNumbers,
    AsText,
}

/// The same with all whole numbers as text.
fn numbers_as_text(value: &impl Serialize) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Number(number) => *value = Value::String(number.to_string()),
            Value::Array(elements) => elements.iter_mut().for_each(walk),
            Value::Object(members) => members.values_mut().for_each(walk),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    // Serializing fails only for maps whose keys are no strings: there are none here.
    let mut value = serde_json::to_value(value).unwrap_or_default();
    walk(&mut value);
    value
}

/// The envelope of the token service, which the gateway uses for its own rejections too (assumed).
#[derive(Serialize)]
struct StatusEnvelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    /// The same as the samples of many doc versions spell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    stauts: Option<i64>,
    msg: &'a str,
    business: &'a str,
    data: Option<Value>,
}

#[derive(Serialize)]
struct ApimStatus {
    apim_status: i64,
}

impl Answer {
    /// An answer of the OTA service without data.
    pub(crate) fn service(code: i64, msg: &str, request_id: String) -> Self {
        Self::enveloped(code, msg, request_id, (), None::<()>)
    }

    /// An answer of the OTA service to a call that succeeded.
    pub(crate) fn success(data: &Data, pagination: Option<&PageInfo>, integers: Integers, request_id: String) -> Self {
        let (code, msg) = (0, "OK");
        match integers {
            Integers::AsNumbers => Self::enveloped(code, msg, request_id, data, pagination),
            Integers::AsText => {
                let pagination = pagination.map(numbers_as_text);
                Self::enveloped(code, msg, request_id, numbers_as_text(data), pagination)
            }
        }
    }

    fn enveloped(
        code: i64,
        msg: &str,
        request_id: String,
        data: impl Serialize,
        pagination: Option<impl Serialize>,
    ) -> Self {
        let body = json(&ServiceEnvelope {
            code,
            msg,
            request_id: &request_id,
            data,
            pagination,
        });
        Self {
            request_id: Some(request_id),
            ..Self::json(StatusCode::OK, body, Some(code))
        }
    }

    /// An answer with a `status`: of the token service, or a rejection by the gateway.
    pub(crate) fn status(status: i64, msg: &str, business: &str, data: Option<Value>, misspelt: bool) -> Self {
        let body = json(&StatusEnvelope {
            status: (!misspelt).then_some(status),
            stauts: misspelt.then_some(status),
            msg,
            business,
            data,
        });
        Self::json(StatusCode::OK, body, Some(status))
    }

    /// An answer that consists of an `apim_status`, as the vendor's Python client knows it.
    pub(crate) fn apim_status(apim_status: i64) -> Self {
        Self::json(StatusCode::OK, json(&ApimStatus { apim_status }), Some(apim_status))
    }

    /// An answer that does not come from the platform but from the emulator itself.
    pub(crate) fn plain(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            content_type: PLAIN,
            body: Bytes::from(text.into()),
            code: None,
            request_id: None,
            allow: None,
        }
    }

    /// A refusal in the words of the platform's gateway.
    pub(crate) fn refused(status: StatusCode) -> Self {
        Self::json(status, refused_body(status), None)
    }

    pub(crate) fn method_not_allowed(allowed: &Method) -> Self {
        let text = format!("this path and action take {allowed} requests\n");
        Self {
            allow: Some(allowed.clone()),
            ..Self::plain(StatusCode::METHOD_NOT_ALLOWED, text)
        }
    }

    pub(crate) fn with_http_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn json(status: StatusCode, body: Bytes, code: Option<i64>) -> Self {
        Self {
            status,
            content_type: JSON,
            body,
            code,
            request_id: None,
            allow: None,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = response(self.status, self.content_type, Body::from(self.body));
        if let Some(Ok(allow)) = self.allow.map(|method| HeaderValue::from_str(method.as_str())) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

pub(crate) fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The body of a refusal by the gateway: neither `code` nor `status` is in it.
pub(crate) fn refused_body(status: StatusCode) -> Bytes {
    json(&json!({ "message": refusal::text(status) }))
}

pub(crate) fn json(value: &impl Serialize) -> Bytes {
    // Serializing fails only for maps whose keys are no strings and for failing writers: neither occurs here.
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}
