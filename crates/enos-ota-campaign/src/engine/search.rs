//! One search: its expression, its pages, and the tasks that they show.

use std::collections::HashSet;
use std::sync::Arc;

use enos_ota::search::{Expression, Tasks, ValueError, tasks};
use enos_ota::types::TaskInfo;
use enos_ota::{Client, Error, Integer, JobId, OrgId, Page, PageSize, TaskStatus};

use super::{Found, Lookup, LookupEnd, Observation, Status, StatusFilter, is_searchable};
use crate::devices::{Devices, TaskFacts};

/// A search that is read page by page.
#[derive(Debug)]
pub(super) struct Search {
    expression: Expression<Tasks>,
    next_page: u32,
    total: Option<i64>,
    read: i64,
    found: Found,
    /// Rows that could not be read.
    unreadable: usize,
    /// What was read so far, whether it is of the plan or not.
    keys: HashSet<Box<str>>,
    /// How often it was begun anew, because the total moved while it was read.
    begun: u32,
}

/// What a page leads to.
#[derive(Debug)]
pub(super) enum AfterPage {
    More(Search),
    Ended(LookupEnd),
}

impl Search {
    /// `None` if not one of the devices can be searched for.
    pub(super) fn new(job_id: &JobId, devices: &Devices, lookup: &Lookup) -> Option<Self> {
        Some(Self::of(expression(job_id, devices, lookup).ok()?, 1))
    }

    fn of(expression: Expression<Tasks>, begun: u32) -> Self {
        Self {
            expression,
            next_page: 1,
            total: None,
            read: 0,
            found: Found::default(),
            unreadable: 0,
            keys: HashSet::new(),
            begun,
        }
    }

    pub(super) async fn read_page(&self, client: &Client, page_size: PageSize) -> Result<Page<TaskInfo>, Error> {
        client.search_tasks(&self.expression, self.next_page, page_size).await
    }

    /// Takes a page of a search for tasks of this job of this organization.
    pub(super) fn take(
        mut self,
        page: Page<TaskInfo>,
        (job_id, org_id): (&JobId, &OrgId),
        devices: &Devices,
        page_size: PageSize,
    ) -> AfterPage {
        const MOST_BEGINNINGS: u32 = 5;
        let count = i64::try_from(page.items.len() + page.unreadable.len()).unwrap_or(i64::MAX);
        let moved = matches!((self.total, page.total_size), (Some(before), Some(now)) if before != now);
        if moved && self.begun < MOST_BEGINNINGS {
            return AfterPage::More(Self::of(self.expression, self.begun + 1));
        }
        self.total = page.total_size.or(self.total);
        self.read = self.read.saturating_add(count);
        let mut news = !page.unreadable.is_empty();
        self.unreadable += page.unreadable.len();
        for row in &page.unreadable {
            self.found.unclear(row.device_key.as_deref(), devices);
        }
        for task in page.items {
            let Some(key) = task.device_key.as_deref() else {
                self.found.unclear(None, devices);
                continue;
            };
            news |= self.keys.insert(key.into());
            let other = |found: &Option<String>, asked: &str| found.as_deref().is_some_and(|found| found != asked);
            if other(&task.job_id, job_id.as_str()) || other(&task.org_id, org_id.as_str()) {
                // It was not asked for, so the platform has ignored the expression: what is not found here is not known.
                self.found.foreign += 1;
                self.found.any_unclear = true;
                continue;
            }
            let Some(id) = devices.find(key) else { continue };
            match observation(task) {
                Some(task) => self.found.tasks.push((id, task)),
                None => self.found.unclear.push(id),
            }
        }
        let done = count == 0
            || match self.total {
                Some(total) => self.read >= total,
                None => count < i64::from(page_size.get()),
            };
        if done {
            // Pages that move while they are read show some tasks twice, and others not at all.
            let total = self.total.and_then(|total| usize::try_from(total).ok());
            self.found.any_unclear |= total.is_some_and(|total| self.keys.len() + self.unreadable < total);
            return AfterPage::Ended(LookupEnd::Found(self.found));
        }
        if !news {
            return never("the platform's search repeats itself");
        }
        self.next_page = self.next_page.saturating_add(1);
        AfterPage::More(self)
    }
}

fn never(why: &str) -> AfterPage {
    AfterPage::Ended(LookupEnd::Never(why.into()))
}

fn expression(job_id: &JobId, devices: &Devices, lookup: &Lookup) -> Result<Expression<Tasks>, ValueError> {
    let mut parts = vec![tasks::JOB_ID.equals(job_id.as_str())?];
    if !lookup.whole_job {
        let keys = lookup.devices.iter().map(|id| devices.key(*id));
        parts.push(tasks::DEVICE_KEY.is_in(keys.filter(|key| is_searchable(key)))?);
    }
    match lookup.filter {
        StatusFilter::All => {}
        StatusFilter::NotFailed => parts.push(tasks::STATUS.is_in(["init", "published", "upgrading", "succeeded"])?),
        StatusFilter::Ended => parts.push(tasks::STATUS.is_in(["succeeded", "failed"])?),
        StatusFilter::Failed => parts.push(tasks::STATUS.is_in(["failed"])?),
    }
    Ok(Expression::all(parts))
}

fn observation(task: TaskInfo) -> Option<Observation> {
    let status = match task.status? {
        TaskStatus::Failed => Status::Failed,
        TaskStatus::Succeeded => Status::Succeeded,
        // `init`, `published`, `upgrading`, and what a later version of the platform may add.
        _ => Status::UnderWay,
    };
    Some(Observation {
        status,
        updated_ms: task.update_time.map(Integer::get),
        task: task.task_id.as_deref().map(TaskFacts::hash_of_task),
        progress: task.progress.and_then(|progress| i32::try_from(progress.get()).ok()),
        reason: task.desc.map(Arc::from),
    })
}

impl Found {
    /// A row cannot be read, but for its device key perhaps.
    fn unclear(&mut self, key: Option<&str>, devices: &Devices) {
        match key {
            // Others are not in the plan.
            Some(key) => self.unclear.extend(devices.find(key)),
            None => self.any_unclear = true,
        }
    }
}
