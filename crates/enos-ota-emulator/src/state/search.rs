//! `search` and `searchTask`: what meets an expression, a page of it.
//!
//! A job may have a million tasks, of which a page has 200 at most. Jobs that an expression rules out are not looked
//! into; devices that it names are found by hash; if it asks for nothing but states, their tasks are known, with their
//! number; the rest is gone through without allocating anything, for their number; and only what is on the page is put
//! together.

use std::cmp::Reverse;
use std::ops::Range;

use super::by_status::Matching;
use super::seen::Seen;
use super::task::View;
use super::{When, World};
use crate::expression::Operator::{Equals, In, Like};
use crate::expression::{Criterion, Expression, Field, Language, Operator, Test};
use crate::model::{JobInfo, StringI18n, TaskInfo, default_name};

/// By what jobs can be searched: documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobField {
    ProductKey,
    FirmwareId,
    FirmwareVersion,
    FirmwareName,
    Name,
    Type,
    Status,
}

impl Field for JobField {
    const ALL: &'static [(&'static str, Self, &'static [Operator])] = &[
        ("productKey", Self::ProductKey, &[Equals, In]),
        ("firmwareId", Self::FirmwareId, &[Equals, In]),
        ("firmwareVersion", Self::FirmwareVersion, &[Equals, In]),
        ("firmwareName", Self::FirmwareName, &[Like]),
        ("name", Self::Name, &[Like]),
        ("type", Self::Type, &[Equals]),
        ("status", Self::Status, &[Equals]),
    ];
}

/// By what tasks can be searched: documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskField {
    JobId,
    DeviceKey,
    FromVersion,
    ToVersion,
    Status,
    Desc,
}

impl Field for TaskField {
    const ALL: &'static [(&'static str, Self, &'static [Operator])] = &[
        ("jobId", Self::JobId, &[Equals, In]),
        ("deviceKey", Self::DeviceKey, &[Equals, In]),
        ("fromVersion", Self::FromVersion, &[Equals, In]),
        ("toVersion", Self::ToVersion, &[Equals, In]),
        ("status", Self::Status, &[Equals, In]),
        ("desc", Self::Desc, &[Equals, In]),
    ];
}

/// A page of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) size: usize,
}

impl Page {
    /// The places of the result that are on the page.
    fn places(self) -> Range<usize> {
        let before = usize::try_from(self.number.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = before.saturating_mul(self.size);
        start..start.saturating_add(self.size)
    }
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) items: Vec<T>,
    /// How much there is on all pages.
    pub(crate) total: usize,
}

impl World {
    /// Searches jobs, the latest first (documented). Of several that were created in the same millisecond the later one
    /// is first.
    pub(crate) fn search_jobs(
        &mut self,
        org_id: &str,
        expression: &Expression<JobField>,
        page: Page,
        when: When,
    ) -> Found<JobInfo> {
        self.advance(when.now);
        let mut jobs = self.seen(org_id, when);
        jobs.retain(|(_, seen)| {
            let mut alternatives = expression.0.iter();
            alternatives.any(|criteria| criteria.iter().all(|criterion| job_passes(seen, criterion)))
        });
        jobs.sort_by_key(|(number, seen)| Reverse((seen.job.info.create_time, *number)));
        let places = page.places();
        Found {
            total: jobs.len(),
            items: jobs
                .iter()
                .skip(places.start)
                .take(page.size)
                .map(|(_, seen)| seen.info())
                .collect(),
        }
    }

    /// Searches tasks: job by job in the order in which these were created, and in a job in the order in which it has
    /// them. The platform documents no order; this one stays the same from page to page.
    pub(crate) fn search_tasks(
        &mut self,
        org_id: &str,
        expression: &Expression<TaskField>,
        page: Page,
        when: When,
    ) -> Found<TaskInfo> {
        self.advance(when.now);
        let mut pager = Pager {
            places: page.places(),
            items: Vec::new(),
            total: 0,
        };
        for (_, seen) in self.seen(org_id, when) {
            search_job(&seen, expression, &mut pager);
        }
        Found {
            items: pager.items,
            total: pager.total,
        }
    }
}

/// Counts what is found, and keeps what is on the page.
struct Pager {
    places: Range<usize>,
    items: Vec<TaskInfo>,
    total: usize,
}

impl Pager {
    fn take(&mut self, seen: &Seen<'_>, index: usize) {
        if self.places.contains(&self.total) {
            self.items.push(seen.task(index));
        }
        self.total += 1;
    }

    /// The same for so many tasks, of which `from` gives those after the first few, without looking at those that are not
    /// on the page.
    fn take_all<T: Iterator<Item = usize>>(&mut self, seen: &Seen<'_>, count: usize, from: impl FnOnce(usize) -> T) {
        let first = self.places.start.saturating_sub(self.total).min(count);
        let last = self.places.end.saturating_sub(self.total).min(count);
        let on_page = from(first).take(last - first);
        self.items.extend(on_page.map(|index| seen.task(index)));
        self.total += count;
    }
}

/// Finds the tasks of one job.
fn search_job(seen: &Seen<'_>, expression: &Expression<TaskField>, pager: &mut Pager) {
    let job_id = seen.job.id.as_str();
    // What of the expression is left to be decided, once it is known which job it is.
    let alternatives: Vec<Vec<&Criterion<TaskField>>> = expression
        .0
        .iter()
        .filter(|criteria| {
            let mut about_job = criteria.iter().filter(|criterion| criterion.field == TaskField::JobId);
            about_job.all(|criterion| criterion.test.passes(job_id))
        })
        .map(|criteria| {
            let rest = criteria.iter().filter(|criterion| criterion.field != TaskField::JobId);
            rest.collect()
        })
        .collect();
    if alternatives.is_empty() {
        return;
    }
    if alternatives.iter().any(Vec::is_empty) {
        let count = seen.job.tasks.len();
        return pager.take_all(seen, count, |first| first..count);
    }
    let passes = |index: usize| {
        let mut view = None;
        alternatives.iter().any(|criteria| {
            let mut criteria = criteria.iter();
            criteria.all(|criterion| task_passes(seen, index, criterion, &mut view))
        })
    };
    let take_each = |pager: &mut Pager, indexes: &mut dyn Iterator<Item = usize>| {
        for index in indexes.filter(|index| passes(*index)) {
            pager.take(seen, index);
        }
    };
    if let Some(indexes) = named_devices(seen, &alternatives) {
        take_each(pager, &mut indexes.into_iter());
    } else if let Some(tasks) = in_named_states(seen, &alternatives) {
        if alternatives.iter().flatten().all(|criterion| is_about_state(criterion)) {
            pager.take_all(seen, tasks.len(), |first| tasks.iter_from(first));
        } else {
            take_each(pager, &mut tasks.iter_from(0));
        }
    } else {
        take_each(pager, &mut (0..seen.job.tasks.len()));
    }
}

fn is_about_state(criterion: &Criterion<TaskField>) -> bool {
    criterion.field == TaskField::Status
}

/// The tasks in all states that an expression allows; `None` if one of its alternatives allows any state, or if the
/// states are not known by themselves.
fn in_named_states<'a>(seen: &'a Seen<'_>, alternatives: &[Vec<&Criterion<TaskField>>]) -> Option<Matching<'a>> {
    let statuses = seen.statuses()?;
    if !alternatives
        .iter()
        .all(|criteria| criteria.iter().any(|criterion| is_about_state(criterion)))
    {
        return None;
    }
    Some(statuses.tasks(|status| {
        alternatives.iter().any(|criteria| {
            let mut about_state = criteria.iter().filter(|criterion| is_about_state(criterion));
            about_state.all(|criterion| criterion.test.passes(status.as_str()))
        })
    }))
}

/// The tasks of the devices that an expression names, in the order of the job; `None` if it does not name them all.
fn named_devices(seen: &Seen<'_>, alternatives: &[Vec<&Criterion<TaskField>>]) -> Option<Vec<usize>> {
    let mut indexes = Vec::new();
    for criteria in alternatives {
        let named = criteria
            .iter()
            .find(|criterion| criterion.field == TaskField::DeviceKey)?;
        match &named.test {
            Test::Is(key) => indexes.extend(seen.job.place(key)),
            Test::In(keys) => indexes.extend(keys.iter().filter_map(|key| seen.job.place(key))),
            Test::Like(..) => return None,
        }
    }
    indexes.sort_unstable();
    indexes.dedup();
    Some(indexes)
}

/// `view` is worked out at most once a task, and only if it is needed.
fn task_passes<'a>(
    seen: &Seen<'a>,
    index: usize,
    criterion: &Criterion<TaskField>,
    view: &mut Option<View<'a>>,
) -> bool {
    let task = &seen.job.tasks[index];
    criterion.test.passes(match criterion.field {
        TaskField::JobId => &seen.job.id,
        TaskField::DeviceKey => &task.device_key,
        TaskField::FromVersion => &task.kind.from_version,
        TaskField::ToVersion => &task.kind.to_version,
        TaskField::Status => view.get_or_insert_with(|| seen.view(index)).status.as_str(),
        TaskField::Desc => view.get_or_insert_with(|| seen.view(index)).desc,
    })
}

fn job_passes(seen: &Seen<'_>, criterion: &Criterion<JobField>) -> bool {
    let (info, test) = (&seen.job.info, &criterion.test);
    let passes = |text: Option<&str>| text.is_some_and(|text| test.passes(text));
    match criterion.field {
        JobField::ProductKey => passes(info.product_key.as_deref()),
        JobField::FirmwareId => passes(info.firmware_id.as_deref()),
        JobField::FirmwareVersion => passes(info.firmware_version.as_deref()),
        JobField::FirmwareName => info.firmware_name.as_ref().is_some_and(|name| name_passes(name, test)),
        JobField::Name => info.name.as_ref().is_some_and(|name| name_passes(name, test)),
        JobField::Type => passes(info.type_.as_ref().map(AsRef::as_ref)),
        JobField::Status => test.passes(seen.status().as_str()),
    }
}

/// As the platform documents it for searches of devices: without a language, the default name and all others are
/// looked at; with one for which there is no name, the default name is.
fn name_passes(name: &StringI18n, test: &Test) -> bool {
    let default = default_name(Some(name));
    let mut others = name.i18n_value.iter().flatten();
    match test {
        Test::Like(Language::Any, _) => test.passes(default) || others.any(|(_, text)| test.passes(text)),
        Test::Like(Language::Locale(locale), _) => {
            let own = others.find(|(known, _)| known == locale);
            test.passes(own.map_or(default, |(_, text)| text))
        }
        Test::Like(Language::Default, _) | Test::Is(_) | Test::In(_) => test.passes(default),
    }
}
