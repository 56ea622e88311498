//! The rows of a search, each read by itself: one that cannot be read does not cost its page.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use enos_ota_client::types::{JobInfo, PageInfo, SearchJobsResponse, SearchTasksResponse, TaskInfo};
use enos_ota_client::{self as generated, Effect, Envelope, Operation, ResponseValue};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A row of a search that could not be read.
///
/// It counts as a row of its page. What can be told of it is here, so that it can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRow {
    /// The place of the row among all results of the search, from 0.
    pub position: u64,
    /// The device, if the row is a task and its key can be read.
    pub device_key: Option<String>,
    /// The job, if its id can be read.
    pub job_id: Option<String>,
    /// What is wrong with the row. It may repeat texts of the platform: neutralise it where it is shown.
    pub why: String,
    /// The row as it came, at most its first 1,024 bytes. Bytes that are not UTF-8 are replaced by U+FFFD. Empty if the
    /// row was larger than an answer may be.
    pub raw: String,
    /// The length of the row in bytes; `None` if it is not known.
    pub len: Option<usize>,
}

impl UnreadableRow {
    /// The most bytes of a row that are kept.
    pub const RAW_BYTES: usize = 1024;

    /// A row whose answer is larger than is read, although it is alone on its page.
    pub(crate) fn too_large(position: u64) -> Self {
        Self {
            position,
            device_key: None,
            job_id: None,
            why: format!("the row is larger than {} MiB", enos_ota_client::MAX_ANSWER_BYTES >> 20),
            raw: String::new(),
            len: None,
        }
    }

    fn of(raw: &str, index: usize, why: String) -> Self {
        // An array would be read as the members in their order.
        let object = Some(raw).filter(|raw| raw.starts_with('{'));
        let loose: Loose<'_> = object
            .and_then(|raw| serde_json::from_str(raw).ok())
            .unwrap_or_default();
        let mut end = raw.len().min(Self::RAW_BYTES);
        while !raw.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            position: u64::try_from(index).unwrap_or(u64::MAX),
            device_key: text_of(loose.device_key),
            job_id: text_of(loose.job_id),
            why,
            raw: raw[..end].to_owned(),
            len: Some(raw.len()),
        }
    }

    pub(crate) fn identity(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        (&self.device_key, &self.job_id, &self.raw, self.len).hash(&mut hash);
        if self.len.is_none() {
            self.position.hash(&mut hash);
        }
        hash.finish()
    }
}

/// What names a row, whatever the rest of it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Loose<'a> {
    #[serde(borrow)]
    device_key: Option<&'a RawValue>,
    #[serde(borrow)]
    job_id: Option<&'a RawValue>,
}

fn text_of(value: Option<&RawValue>) -> Option<String> {
    let text: String = serde_json::from_str(value?.get()).ok()?;
    // It would be another's, if bytes of it were replaced.
    (!text.is_empty() && !text.contains(char::REPLACEMENT_CHARACTER)).then_some(text)
}

/// A row of a search that was read.
pub(crate) trait Row: DeserializeOwned + std::fmt::Debug + Send + Sync + 'static {
    /// Feeds what tells the row from others to a hash.
    fn identify(&self, hash: &mut DefaultHasher);

    /// A number that is the same for the same row, whenever it is read in this process.
    fn identity(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        self.identify(&mut hash);
        hash.finish()
    }
}

impl Row for TaskInfo {
    fn identify(&self, hash: &mut DefaultHasher) {
        match (&self.task_id, &self.device_key) {
            (None, None) => format!("{self:?}").hash(hash),
            (task_id, device_key) => (task_id, device_key, &self.job_id).hash(hash),
        }
    }
}

impl Row for JobInfo {
    fn identify(&self, hash: &mut DefaultHasher) {
        match &self.job_id {
            None => format!("{self:?}").hash(hash),
            job_id => job_id.hash(hash),
        }
    }
}

/// An answer that holds a page.
pub(crate) trait SearchAnswer: Envelope {
    type Row: Row;

    fn into_page(self) -> (Option<Vec<Self::Row>>, Option<PageInfo>);
}

impl SearchAnswer for SearchTasksResponse {
    type Row = TaskInfo;

    fn into_page(self) -> (Option<Vec<TaskInfo>>, Option<PageInfo>) {
        (self.data, self.pagination)
    }
}

impl SearchAnswer for SearchJobsResponse {
    type Row = JobInfo;

    fn into_page(self) -> (Option<Vec<JobInfo>>, Option<PageInfo>) {
        (self.data, self.pagination)
    }
}

/// A search whose rows are read one by one if the page cannot be read as a whole.
pub(crate) struct RowByRow<O>(pub(crate) O);

impl<O> Operation for RowByRow<O>
where
    O: Operation,
    O::Response: SearchAnswer,
{
    const OPERATION_ID: &'static str = O::OPERATION_ID;
    const ACTION: &'static str = O::ACTION;
    const EFFECT: Effect = O::EFFECT;
    type Response = Found<<O::Response as SearchAnswer>::Row>;
    type ErrorCode = O::ErrorCode;

    async fn send<'c>(
        &'c self,
        client: &'c generated::Client,
    ) -> Result<ResponseValue<Self::Response>, generated::Error<()>> {
        match self.0.send(client).await {
            Ok(response) => {
                let (status, headers) = (response.status(), response.headers().clone());
                Ok(ResponseValue::new(Found::of(response.into_inner()), status, headers))
            }
            Err(generated::Error::InvalidResponsePayload(body, source)) => match Found::read(&body) {
                Some(found) => Ok(ResponseValue::new(found, StatusCode::OK, HeaderMap::new())),
                None => Err(generated::Error::InvalidResponsePayload(body, source)),
            },
            Err(error) => Err(error),
        }
    }
}

/// What a search has found on a page.
#[derive(Debug)]
pub(crate) struct Found<R> {
    code: i64,
    gateway_status: Option<i64>,
    message: Option<String>,
    pub(crate) request_id: Option<String>,
    /// `None` if the answer has none.
    pub(crate) rows: Option<Vec<R>>,
    pub(crate) unreadable: Vec<UnreadableRow>,
    pub(crate) pagination: Option<PageInfo>,
}

impl<R> Envelope for Found<R> {
    const SUCCESS: i64 = 0;

    fn code(&self) -> i64 {
        self.code
    }

    fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    fn gateway_status(&self) -> Option<i64> {
        self.gateway_status
    }
}

/// An answer whose rows are not read yet.
#[derive(Deserialize)]
struct Unread<'a> {
    code: i64,
    #[serde(default)]
    apim_status: Option<i64>,
    #[serde(default, borrow)]
    msg: Option<&'a RawValue>,
    #[serde(default, rename = "requestId", borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    pagination: Option<PageInfo>,
}

impl<R: Row> Found<R> {
    fn of(answer: impl SearchAnswer<Row = R>) -> Self {
        let (code, gateway_status) = (answer.code(), answer.gateway_status());
        let message = answer.message().map(str::to_owned);
        let request_id = answer.request_id().map(str::to_owned);
        let (rows, pagination) = answer.into_page();
        Self {
            code,
            gateway_status,
            message,
            request_id,
            rows,
            unreadable: Vec::new(),
            pagination,
        }
    }

    /// Reads the rows one by one. `None` if the answer is no success, or is not a page for another reason than its rows.
    fn read(body: &[u8]) -> Option<Self> {
        let text = Lossy::of(body);
        let unread: Unread<'_> = serde_json::from_str(&text.text).ok()?;
        if unread.code != 0 || unread.apim_status.is_some_and(|status| status != 0) {
            return None;
        }
        let (mut rows, mut unreadable) = (Vec::with_capacity(unread.data.len()), Vec::new());
        for (index, raw) in unread.data.into_iter().enumerate() {
            let raw = raw.get();
            match read_row(raw, text.is_damaged(raw)) {
                Ok(row) => rows.push(row),
                Err(why) => unreadable.push(UnreadableRow::of(raw, index, why)),
            }
        }
        let text_of = |value: Option<&RawValue>| serde_json::from_str(value?.get()).ok();
        Some(Self {
            code: unread.code,
            gateway_status: unread.apim_status,
            message: text_of(unread.msg),
            request_id: text_of(unread.request_id),
            rows: Some(rows),
            unreadable,
            pagination: unread.pagination,
        })
    }
}

fn read_row<R: Row>(raw: &str, damaged: bool) -> Result<R, String> {
    if damaged {
        return Err("it has bytes that are not UTF-8".to_owned());
    }
    if !raw.starts_with('{') {
        return Err("it is not an object".to_owned());
    }
    serde_json::from_str(raw).map_err(|error| {
        let text = error.to_string();
        let place = text.rfind(" at line ").unwrap_or(text.len());
        text[..place].to_owned()
    })
}

/// A text in which bytes that are not UTF-8 were replaced, and where.
struct Lossy {
    text: String,
    replaced: Vec<usize>,
}

impl Lossy {
    fn of(bytes: &[u8]) -> Self {
        let (mut text, mut replaced) = (String::with_capacity(bytes.len()), Vec::new());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() {
                replaced.push(text.len());
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Self { text, replaced }
    }

    /// Whether bytes were replaced in this part of the text.
    fn is_damaged(&self, part: &str) -> bool {
        let range = self.range_of(part);
        let first = self.replaced.partition_point(|at| *at < range.start);
        self.replaced.get(first).is_some_and(|at| range.contains(at))
    }

    fn range_of(&self, part: &str) -> Range<usize> {
        // The part is borrowed from the text.
        let start = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        start..start.saturating_add(part.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Option<Found<TaskInfo>> {
        Found::read(body)
    }

    fn page(rows: &[&[u8]]) -> Vec<u8> {
        let mut body = br#"{"code":0,"msg":"OK","data":["#.to_vec();
        body.extend(rows.join(&b','));
        body.extend(br#"],"pagination":{"totalSize":9}}"#);
        body
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_and_the_others_are_read() {
        let odd: [(&[u8], Option<&str>, &str); 7] = [
            (br#"{"deviceKey":"d1","desc":"\ud800"}"#, Some("d1"), "hex escape"),
            (b"{\"deviceKey\":\"d1\",\"desc\":\"\xff\"}", Some("d1"), "UTF-8"),
            (br#"{"deviceKey":"d1","progress":-1.5}"#, Some("d1"), "-1.5"),
            (br#"{"deviceKey":"d1","desc":{"a":1}}"#, Some("d1"), "map"),
            (b"{\"deviceKey\":\"d\xff\"}", None, "UTF-8"),
            (b"null", None, "not an object"),
            (br#"["a","b"]"#, None, "not an object"),
        ];
        for (row, key, why) in odd {
            let body = page(&[br#"{"deviceKey":"d0","desc":"\ufffd"}"#, row, br#"{"deviceKey":"d2"}"#]);
            let found = read(&body).unwrap();
            let keys: Vec<_> = found
                .rows
                .unwrap()
                .into_iter()
                .map(|row| row.device_key.unwrap())
                .collect();
            assert_eq!(keys, ["d0", "d2"]);
            let [unreadable] = &*found.unreadable else {
                panic!("{:?}", found.unreadable);
            };
            assert_eq!((unreadable.position, unreadable.device_key.as_deref()), (1, key));
            assert!(unreadable.why.contains(why), "{}", unreadable.why);
            assert!(!unreadable.why.contains(" line "), "{}", unreadable.why);
            assert_eq!(unreadable.raw, String::from_utf8_lossy(row));
        }
    }

    #[test]
    fn of_a_long_row_the_beginning_is_kept() {
        let long = format!(r#"{{"jobId":"j1","desc":{{"a":"{}"}}}}"#, "é".repeat(5_000));
        let found = read(&page(&[long.as_bytes()])).unwrap();
        assert_eq!(found.unreadable[0].job_id.as_deref(), Some("j1"));
        assert_eq!(found.unreadable[0].len, Some(long.len()));
        assert!(found.unreadable[0].raw.len() <= UnreadableRow::RAW_BYTES);
        assert!(long.starts_with(&found.unreadable[0].raw));
    }

    #[test]
    fn what_is_not_a_page_is_not_made_one() {
        for body in [
            &b"{\"code\":24500,\"data\":[1]}"[..],
            b"{\"code\":0,\"apim_status\":4011,\"data\":[1]}",
            b"{\"code\":0,\"data\":{}}",
            b"{\"code\":0,\"data\":\"\"}",
            b"{\"code\":0}",
            b"{\"code\":\"0\",\"data\":[1]}",
            b"{\"code\":0,\"data\":[{\"deviceKey\":\"d\"}",
            b"<html>",
            b"",
        ] {
            assert!(read(body).is_none(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_costs_a_row_and_not_the_stack() {
        let deep = format!(
            r#"{{"deviceKey":"d","desc":{}1{}}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        let found = read(&page(&[deep.as_bytes(), br#"{"deviceKey":"d2"}"#])).unwrap();
        assert_eq!((found.rows.unwrap().len(), found.unreadable.len()), (1, 1));
    }
}
