//! Making calls, and judging what their ends mean for a campaign.

use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::{Expression, Tasks, ValueError, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Accepted, Client, Error, ErrorKind, Integer, JobId, Page, PageSize, TaskStatus};

use crate::core::{LookEnd, Note, Question, Row, Status, is_searchable};
use crate::devices::{DeviceId, Devices};
use crate::journal::CallEnd;

/// What the end of a retry means.
#[derive(Debug)]
pub(crate) struct SendEnd {
    pub(crate) end: CallEnd,
    pub(crate) note: Arc<Note>,
    /// The wait that the gateway asked for.
    pub(crate) retry_after: Option<Duration>,
    /// What went wrong, if anything did.
    pub(crate) error: Option<Error>,
    /// The list was refused, and perhaps only for its length.
    pub(crate) about_size: bool,
    pub(crate) fatal: Fatal,
}

/// Whether a campaign can go on after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fatal {
    No,
    /// Not if it comes again and again: once the gateway has answered, it may be a passing trouble of something between.
    IfRepeated,
    /// Every further call would end in the same way.
    Yes,
}

pub(crate) fn judge_send(result: Result<Accepted, Error>, devices: usize) -> SendEnd {
    let error = match result {
        Ok(accepted) => {
            return SendEnd {
                end: CallEnd::Accepted,
                note: Arc::new(Note {
                    code: Some(0),
                    message: None,
                    request_id: accepted.request_id.map(Into::into),
                }),
                retry_after: None,
                error: None,
                about_size: false,
                fatal: Fatal::No,
            };
        }
        Err(error) => error,
    };
    let (end, fatal) = ends(&error, devices);
    SendEnd {
        end,
        note: Arc::new(note_of(&error)),
        retry_after: error.retry_after(),
        about_size: end == CallEnd::TooMany && (is_too_large(&error) || speaks_of_size(&error)),
        error: Some(error),
        fatal,
    }
}

fn ends(error: &Error, devices: usize) -> (CallEnd, Fatal) {
    let retryable = error.is_retryable() || error.is_throttled();
    if error.never_sent() {
        let end = if error.is_throttled() {
            CallEnd::Throttled
        } else {
            CallEnd::NotSent
        };
        return (end, if retryable { Fatal::No } else { Fatal::IfRepeated });
    }
    if error.outcome_unknown() {
        return (CallEnd::Lost, if retryable { Fatal::No } else { Fatal::IfRepeated });
    }
    match error.kind() {
        ErrorKind::Throttled => (CallEnd::Throttled, Fatal::No),
        ErrorKind::Refused => (CallEnd::NotFailed, Fatal::No),
        ErrorKind::Precondition => (CallEnd::Refused, Fatal::Yes),
        // What the platform finds wrong with a list may be its length. If it is a device, halving finds that too.
        ErrorKind::InvalidArgument if devices > 1 => (CallEnd::TooMany, Fatal::No),
        ErrorKind::HttpStatus | ErrorKind::RequestTooLarge if is_too_large(error) && devices > 1 => (CallEnd::TooMany, Fatal::No),
        ErrorKind::InvalidArgument | ErrorKind::UnknownCode => (CallEnd::Refused, Fatal::No),
        // Surely not carried out, and it may be tomorrow.
        _ if retryable => (CallEnd::NotSent, Fatal::No),
        _ => (CallEnd::Refused, Fatal::IfRepeated),
    }
}

/// Whether the platform's text complains about the length of the list. How it would say so is not documented.
fn speaks_of_size(error: &Error) -> bool {
    const WORDS: [&str; 9] = [
        "size",
        "length",
        "limit",
        "exceed",
        "too many",
        "too long",
        "too large",
        "maximum",
        "at most",
    ];
    let text = error.platform_message().unwrap_or_default().to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

fn is_too_large(error: &Error) -> bool {
    matches!(error.status().map(|status| status.as_u16()), Some(413 | 414 | 431))
}

/// What there is to say of a failed call, for its devices.
pub(crate) fn note_of(error: &Error) -> Note {
    // Of a call that was never sent, the code would be another's: the token service's.
    let code = error.code().filter(|_| !error.never_sent());
    let text = code.and_then(|_| error.platform_message().or(error.code_info().map(|info| info.message)));
    Note {
        code,
        message: Some(match text {
            Some(text) => text.into(),
            None => with_causes(error).into(),
        }),
        request_id: error.request_id().map(Into::into),
    }
}

/// An error and its causes on one line. A cause that only repeats what stands before it is left out.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// A search for named devices, read page by page.
#[derive(Debug)]
pub(crate) struct Search {
    expression: Expression<Tasks>,
    next_page: u32,
    total: Option<i64>,
    read: i64,
    rows: Vec<Row>,
    /// How often it was begun anew, because the total moved while it was read.
    begun: u32,
}

/// What a page leads to.
#[derive(Debug)]
pub(crate) enum AfterPage {
    More(Search),
    Ended(LookEnd),
}

impl Search {
    /// `None` if not one of the devices can be searched for.
    pub(crate) fn new(job_id: &JobId, devices: &Devices, question: Question, ids: &[DeviceId]) -> Option<Self> {
        Some(Self {
            expression: expression(job_id, devices, question, ids).ok()?,
            next_page: 1,
            total: None,
            read: 0,
            rows: Vec::new(),
            begun: 1,
        })
    }

    pub(crate) async fn read_page(&self, client: &Client, page_size: PageSize) -> Result<Page<TaskInfo>, Error> {
        client.search_tasks(&self.expression, self.next_page, page_size).await
    }

    pub(crate) fn take(
        mut self,
        page: Result<Page<TaskInfo>, Error>,
        devices: &Devices,
        page_size: PageSize,
    ) -> AfterPage {
        const MOST_BEGINNINGS: u32 = 5;
        let page = match page {
            Ok(page) => page,
            Err(error) => return AfterPage::Ended(ends_of_search(&error)),
        };
        let count = i64::try_from(page.items.len()).unwrap_or(i64::MAX);
        let moved = matches!((self.total, page.total_size), (Some(before), Some(now)) if before != now);
        if moved && self.begun < MOST_BEGINNINGS {
            return AfterPage::More(Self {
                next_page: 1,
                total: None,
                read: 0,
                rows: Vec::new(),
                begun: self.begun + 1,
                ..self
            });
        }
        self.total = page.total_size.or(self.total);
        self.read += count;
        self.rows
            .extend(page.items.into_iter().filter_map(|task| row(task, devices)));
        let done = count == 0
            || match self.total {
                Some(total) => self.read >= total,
                None => count < i64::from(page_size.get()),
            };
        if done {
            return AfterPage::Ended(LookEnd::Rows(self.rows));
        }
        self.next_page += 1;
        AfterPage::More(self)
    }
}

fn ends_of_search(error: &Error) -> LookEnd {
    // What the token service says is not about the search.
    if error.never_sent() {
        return LookEnd::Again;
    }
    match error.kind() {
        ErrorKind::InvalidArgument => LookEnd::TooMany,
        _ if is_too_large(error) => LookEnd::TooMany,
        ErrorKind::PermissionDenied | ErrorKind::Precondition | ErrorKind::Refused | ErrorKind::UnknownCode
            if error.code().is_some() =>
        {
            LookEnd::Never
        }
        _ => LookEnd::Again,
    }
}

/// Whether a search that failed is worth to be repeated.
pub(crate) fn fatal_of_search(error: &Error) -> Fatal {
    if ends_of_search(error) != LookEnd::Again || error.is_retryable() || error.is_throttled() {
        return Fatal::No;
    }
    match error.kind() {
        // No answer of the platform: of a proxy, or cut off.
        ErrorKind::HtmlAnswer | ErrorKind::MalformedAnswer | ErrorKind::HttpStatus => Fatal::No,
        _ => Fatal::IfRepeated,
    }
}

fn expression(
    job_id: &JobId,
    devices: &Devices,
    question: Question,
    ids: &[DeviceId],
) -> Result<Expression<Tasks>, ValueError> {
    let keys = ids.iter().map(|id| devices.key(*id)).filter(|key| is_searchable(key));
    let job = tasks::JOB_ID.equals(job_id.as_str())?;
    let named = tasks::DEVICE_KEY.is_in(keys)?;
    let statuses: &[&str] = match question {
        Question::Everything => return Ok(Expression::all([job, named])),
        Question::NotFailed => &["init", "published", "upgrading", "succeeded"],
        Question::Ended => &["succeeded", "failed"],
        Question::Failed => &["failed"],
    };
    Ok(Expression::all([job, named, tasks::STATUS.is_in(statuses)?]))
}

fn row(task: TaskInfo, devices: &Devices) -> Option<Row> {
    let device = devices.find(task.device_key.as_deref()?)?;
    let status = match task.status? {
        TaskStatus::Failed => Status::Failed,
        TaskStatus::Succeeded => Status::Succeeded,
        // `init`, `published`, `upgrading`, and what a later version of the platform may add.
        _ => Status::UnderWay,
    };
    Some(Row {
        device,
        status,
        updated_ms: task.update_time.map(Integer::get),
        reason: (status == Status::Failed)
            .then_some(task.desc)
            .flatten()
            .map(Into::into),
    })
}
