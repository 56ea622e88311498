//! What the platform says, before any fault has spoilt it.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::gateway::refusal;
use crate::model::{JobInfo, TaskInfo};
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
    Job(Box<JobInfo>),
    Jobs(Vec<JobInfo>),
    Tasks(Vec<TaskInfo>),
}

/// Where in a result a page lies. The form is documented for other operations of the platform.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    page_no: u64,
    page_size: usize,
    total_size: usize,
    /// Null in the published sample, and these searches cannot be sorted.
    sorted_by: Option<()>,
}

impl PageInfo {
    pub(crate) fn new(page: Page, total: usize) -> Self {
        Self {
            page_no: page.number,
            page_size: page.size,
            total_size: total,
            sorted_by: None,
        }
    }
}

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
    status: i64,
    msg: &'a str,
    business: &'a str,
    data: Option<Value>,
}

/// The same with the key as the samples of many doc versions spell it.
#[derive(Serialize)]
struct MisspeltStatusEnvelope<'a> {
    stauts: i64,
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
        let body = if misspelt {
            json(&MisspeltStatusEnvelope {
                stauts: status,
                msg,
                business,
                data,
            })
        } else {
            json(&StatusEnvelope {
                status,
                msg,
                business,
                data,
            })
        };
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
        Self::json(status, refusal::body(status), None)
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

pub(crate) fn json(value: &impl Serialize) -> Bytes {
    // Serializing fails only for maps whose keys are no strings and for failing writers: neither occurs here.
    serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from)
}
