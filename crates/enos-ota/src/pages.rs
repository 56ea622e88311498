//! Reading the results of a search page by page.

// Numbers come from outside here.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use std::collections::HashSet;
use std::future::Future;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash as _, Hasher};
use std::num::NonZeroU8;

use enos_ota_client::Integer;
use futures_util::stream::{self, Stream};

use crate::error::{Error, ErrorKind, Reach};
use crate::rows::{Found, Row, UnreadableRow};

/// How many results to a page: 1 to 200, 50 by default, which is the most that the platform advises.
///
/// Source: [Search Device Task, 2.4.0][page].
///
/// [page]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/search_device_task.html
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(NonZeroU8);

impl PageSize {
    /// The greatest that the platform takes.
    pub const MAX: u8 = 200;

    /// Checks a page size.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] if it is 0 or more than [`PageSize::MAX`].
    pub fn new(size: u8) -> Result<Self, Error> {
        NonZeroU8::new(size)
            .filter(|size| size.get() <= Self::MAX)
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Config,
                    format!("a page of {size} results was asked for; expected 1 to {}", Self::MAX),
                )
            })
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0.get()
    }

    /// The greatest that the platform takes.
    pub(crate) const GREATEST: Self = Self(NonZeroU8::MIN.saturating_add(Self::MAX - 1));

    /// At most so many results.
    pub(crate) fn capped(self, most: usize) -> Self {
        match u8::try_from(most).ok().and_then(NonZeroU8::new) {
            Some(most) => Self(self.0.min(most)),
            None => self,
        }
    }

    /// Pages that together hold the same rows as one of this size: how large they are, and how many. `None` for a page of
    /// one row.
    fn parts(self) -> Option<(Self, i64)> {
        let size = self.get();
        let parts = (2..=size).find(|parts| size.is_multiple_of(*parts))?;
        Some((Self::new(size.checked_div(parts)?).ok()?, parts.into()))
    }
}

impl Default for PageSize {
    fn default() -> Self {
        const FIFTY: NonZeroU8 = NonZeroU8::MIN.saturating_add(49);
        Self(FIFTY)
    }
}

/// One page of a search.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Rows of the page that could not be read, each told apart. They are not among the items.
    pub unreadable: Vec<UnreadableRow>,
    /// Number of the page, from 1.
    pub page_no: i64,
    /// How many results there are in all, as this page's answer tells; `None` if it does not.
    pub total_size: Option<i64>,
    /// Whether the total differs from what an earlier page of the same search told.
    ///
    /// Results have come or gone while the search was read, so some may have been missed and others read twice: a page is
    /// a window on a list that has moved. Read the search again if it has to be complete.
    pub total_changed: bool,
}

/// What an answer holds of a page.
#[derive(Debug)]
pub(crate) struct RawPage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) unreadable: Vec<UnreadableRow>,
    /// Never negative.
    pub(crate) total_size: Option<i64>,
}

impl<T> RawPage<T> {
    /// The page that an answer holds.
    ///
    /// An answer without rows says that there are none only if its total says so too.
    pub(crate) fn new(found: Found<T>, page_no: i64, page_size: PageSize) -> Result<Self, Error> {
        let total_size = found
            .pagination
            .as_ref()
            .and_then(|pagination| pagination.total_size)
            .map(Integer::get)
            .filter(|total| *total >= 0);
        let before = rows_before(page_no, page_size);
        let Some(items) = found.rows.or_else(|| {
            let none = total_size.is_some_and(|total| u64::try_from(total).unwrap_or(0) <= before);
            none.then(Vec::new)
        }) else {
            return Err(Error::new(
                ErrorKind::MalformedAnswer,
                "the answer reports success, but neither has results in it nor says that there are none",
            )
            .with_reach(Reach::Refused)
            .with_request_id(found.request_id));
        };
        let mut unreadable = found.unreadable;
        for row in &mut unreadable {
            row.position = row.position.saturating_add(before);
        }
        Ok(Self {
            items,
            unreadable,
            total_size,
        })
    }

    /// How many rows the page has, whether they could be read or not.
    pub(crate) fn len(&self) -> usize {
        self.items.len().saturating_add(self.unreadable.len())
    }

    pub(crate) fn into_page(self, page_no: i64, total_changed: bool) -> Page<T> {
        Page {
            items: self.items,
            unreadable: self.unreadable,
            page_no,
            total_size: self.total_size,
            total_changed,
        }
    }
}

/// How many rows lie before a page.
fn rows_before(page_no: i64, page_size: PageSize) -> u64 {
    u64::try_from(page_no.saturating_sub(1))
        .unwrap_or(0)
        .saturating_mul(page_size.get().into())
}

/// Reads a page. If its answer is larger than is read, the same rows are read in smaller pages, down to the single row
/// that is too large, which then counts as unreadable.
///
/// # Errors
///
/// If a part cannot be read for another reason, or if nothing shows that the trouble is with single rows.
pub(crate) async fn read_in_parts<T, R>(
    page_no: i64,
    page_size: PageSize,
    fetch: impl Fn(i64, PageSize) -> R,
) -> Result<RawPage<T>, Error>
where
    R: Future<Output = Result<RawPage<T>, Error>>,
{
    /// So many rows in a row are too large, and none was read: then it is not the rows that are too large.
    const HOPELESS: usize = 3;
    let mut whole = RawPage {
        items: Vec::new(),
        unreadable: Vec::new(),
        total_size: None,
    };
    let mut read = false;
    // The last is the next to be read.
    let mut parts = vec![(page_no, page_size)];
    while let Some((page_no, page_size)) = parts.pop() {
        let before = rows_before(page_no, page_size);
        if whole
            .total_size
            .is_some_and(|total| u64::try_from(total).unwrap_or(0) <= before)
        {
            break;
        }
        match fetch(page_no, page_size).await {
            Ok(part) => {
                read = true;
                whole.items.extend(part.items);
                whole.unreadable.extend(part.unreadable);
                whole.total_size = part.total_size.or(whole.total_size);
            }
            Err(error) if error.kind() != ErrorKind::AnswerTooLarge => return Err(error),
            Err(error) => match page_size.parts() {
                Some((smaller, parts_of_it)) => {
                    let first = page_no.saturating_sub(1).saturating_mul(parts_of_it).saturating_add(1);
                    parts.extend((0..parts_of_it).rev().map(|part| (first.saturating_add(part), smaller)));
                }
                None if !read && whole.unreadable.len().saturating_add(1) >= HOPELESS => return Err(error),
                None => whole.unreadable.push(UnreadableRow::too_large(before)),
            },
        }
    }
    Ok(whole)
}

/// Notices a search that repeats itself: that answers the same page whatever page is asked for, say.
#[derive(Debug, Default)]
pub(crate) struct Novelty {
    rows: IdSet,
    pages: IdSet,
    /// How many pages in a row have brought nothing new.
    stale: u32,
}

/// What a page has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// How many of its rows were on an earlier page.
    pub(crate) repeated: u64,
    /// Whether the search repeats itself, so that reading on would bring nothing.
    pub(crate) search_repeats: bool,
}

impl Novelty {
    /// More rows are not remembered: what is read without end must not fill the memory.
    const ROWS: usize = 1 << 24;
    /// So many pages in a row without a new row are no accident, even if they are short.
    const STALE: u32 = 2;
    /// The same of a list that is seen to move.
    const STALE_OF_MOVING: u32 = 8;

    pub(crate) fn take<T: Row>(&mut self, page: &RawPage<T>, total_changed: bool) -> News {
        if page.len() == 0 {
            return News {
                repeated: 0,
                search_repeats: false,
            };
        }
        if self.rows.len() >= Self::ROWS {
            self.rows.clear();
            self.pages.clear();
        }
        let ids = page.items.iter().map(Row::identity);
        let ids = ids.chain(page.unreadable.iter().map(UnreadableRow::identity));
        let mut whole = DefaultHasher::new();
        let mut repeated = 0_u64;
        for id in ids {
            id.hash(&mut whole);
            repeated = repeated.saturating_add(u64::from(!self.rows.insert(id)));
        }
        let same_page = !self.pages.insert(whole.finish()) && page.len() > 1;
        let stale = usize::try_from(repeated).is_ok_and(|repeated| repeated == page.len());
        self.stale = if stale { self.stale.saturating_add(1) } else { 0 };
        let patience = if total_changed {
            Self::STALE_OF_MOVING
        } else {
            Self::STALE
        };
        News {
            repeated,
            search_repeats: stale && (same_page || self.stale >= patience),
        }
    }
}

/// Numbers that are hashes already.
type IdSet = HashSet<u64, BuildHasherDefault<AsIs>>;

#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// What to say of a search that repeats itself.
pub(crate) fn repeats(page_no: i64, total: Option<i64>) -> Error {
    let told = total.map_or_else(String::new, |total| format!(", although it tells of {total} results"));
    Error::new(
        ErrorKind::MalformedAnswer,
        format!("the search repeats itself: page {page_no} has nothing that was not on an earlier page{told}"),
    )
    .with_reach(Reach::Refused)
    .with_note(Some(
        "The platform does not turn the pages of this search. Narrow the search until its results fit on one page."
            .to_owned(),
    ))
}

/// Reads pages one after the other, until the total is reached, a page is empty, or the search repeats itself.
pub(crate) struct Pager<F> {
    fetch: F,
    next: i64,
    read: i64,
    page_size: PageSize,
    total: Option<i64>,
    novelty: Novelty,
    done: bool,
}

impl<F> Pager<F> {
    pub(crate) fn new(page_size: PageSize, fetch: F) -> Self {
        Self {
            fetch,
            next: 1,
            read: 0,
            page_size,
            total: None,
            novelty: Novelty::default(),
            done: false,
        }
    }

    async fn next<T, R>(&mut self) -> Result<Option<Page<T>>, Error>
    where
        T: Row,
        F: FnMut(i64, PageSize) -> R,
        R: Future<Output = Result<RawPage<T>, Error>>,
    {
        if self.done {
            return Ok(None);
        }
        let raw = (self.fetch)(self.next, self.page_size).await?;
        let total_changed = match (self.total, raw.total_size) {
            (Some(before), Some(now)) => before != now,
            _ => false,
        };
        if self.novelty.take(&raw, total_changed).search_repeats {
            return Err(repeats(self.next, raw.total_size));
        }
        self.total = raw.total_size.or(self.total);
        let count = i64::try_from(raw.len()).unwrap_or(i64::MAX);
        self.read = self.read.saturating_add(count);
        // A platform that caps the page would send short ones, so where the total is known, a short page is no end.
        self.done = count == 0
            || match self.total {
                Some(total) => self.read >= total,
                None => count < i64::from(self.page_size.get()),
            };
        if count == 0 && self.next > 1 && !total_changed {
            return Ok(None);
        }
        let page = raw.into_page(self.next, total_changed);
        self.next = self.next.saturating_add(1);
        Ok(Some(page))
    }

    /// The pages as a stream, which ends after the first error.
    pub(crate) fn into_stream<T, R>(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send
    where
        F: FnMut(i64, PageSize) -> R + Send,
        R: Future<Output = Result<RawPage<T>, Error>> + Send,
        T: Row,
    {
        stream::try_unfold(self, |mut pager| async move {
            Ok(pager.next().await?.map(|page| (page, pager)))
        })
    }
}

#[cfg(test)]
mod tests {
    use enos_ota_client::types::TaskInfo;
    use futures_util::TryStreamExt as _;

    use super::*;

    fn page(keys: impl IntoIterator<Item = impl Into<String>>, total_size: Option<i64>) -> RawPage<TaskInfo> {
        let items = keys.into_iter().map(|key| TaskInfo {
            device_key: Some(key.into()),
            ..TaskInfo::default()
        });
        RawPage {
            items: items.collect(),
            unreadable: Vec::new(),
            total_size,
        }
    }

    /// Reads a search whose pages and totals are given, and tells the page numbers asked for.
    async fn read(size: u8, pages: &[(usize, Option<i64>)]) -> (Vec<usize>, Vec<bool>, i64) {
        let mut asked = 0;
        let got: Vec<Page<TaskInfo>> = Pager::new(PageSize::new(size).unwrap(), |page_no, _| {
            asked = page_no;
            let index = usize::try_from(page_no - 1).unwrap();
            let (count, total_size) = pages.get(index).copied().expect("no more pages should be asked for");
            let page = page((0..count).map(|row| format!("{page_no}-{row}")), total_size);
            async move { Ok(page) }
        })
        .into_stream()
        .try_collect()
        .await
        .unwrap();
        let sizes = got.iter().map(|page| page.items.len()).collect();
        (sizes, got.iter().map(|page| page.total_changed).collect(), asked)
    }

    #[tokio::test]
    async fn reading_ends_when_the_total_is_reached() {
        assert_eq!(read(2, &[(2, Some(5)), (2, Some(5)), (1, Some(5))]).await.0, [2, 2, 1]);
        // No page is asked for beyond a total that is a multiple of the page size.
        assert_eq!(read(2, &[(2, Some(4)), (2, Some(4))]).await.0, [2, 2]);
        assert_eq!(read(2, &[(0, Some(0))]).await.0, [0]);
    }

    #[tokio::test]
    async fn a_gateway_that_caps_the_page_is_read_to_the_end() {
        assert_eq!(
            read(200, &[(50, Some(120)), (50, Some(120)), (20, Some(120))]).await.0,
            [50, 50, 20]
        );
    }

    #[tokio::test]
    async fn without_a_total_a_short_page_is_the_last() {
        assert_eq!(read(2, &[(2, None), (1, None)]).await.0, [2, 1]);
        assert_eq!(read(2, &[(2, None), (0, None)]).await.0, [2]);
    }

    #[tokio::test]
    async fn a_total_that_changes_is_told() {
        let (sizes, changed, _) = read(2, &[(2, Some(4)), (1, Some(3))]).await;
        assert_eq!((sizes, changed), (vec![2, 1], vec![false, true]));
        // Fewer than told, and no more to come: the last page says so.
        let (sizes, changed, _) = read(2, &[(2, Some(4)), (0, Some(2))]).await;
        assert_eq!((sizes, changed), (vec![2, 0], vec![false, true]));
    }

    #[test]
    fn page_sizes_are_those_that_the_platform_takes() {
        assert!(PageSize::new(0).is_err() && PageSize::new(201).is_err());
        assert_eq!(
            (PageSize::new(200).unwrap().get(), PageSize::default().get()),
            (200, 50)
        );
    }

    /// Reads a search of so many rows, of which some are too large for an answer; tells the rows that were read, the
    /// places of the others, and how many calls that took.
    async fn read_large(size: u8, rows: i64, large: &[i64]) -> Result<(usize, Vec<u64>, usize), Error> {
        let calls = std::cell::Cell::new(0);
        let whole = read_in_parts(1, PageSize::new(size).unwrap(), |page_no, size| {
            calls.set(calls.get() + 1);
            let size = i64::from(size.get());
            let asked = (page_no - 1) * size..(page_no * size).min(rows);
            let answer = if large.iter().any(|row| asked.contains(row)) {
                Err(Error::new(ErrorKind::AnswerTooLarge, "too large"))
            } else {
                Ok(page(asked.map(|row| row.to_string()), Some(rows)))
            };
            async { answer }
        })
        .await?;
        let places = whole.unreadable.iter().map(|row| row.position).collect();
        Ok((whole.items.len(), places, calls.get()))
    }

    #[tokio::test]
    async fn a_row_that_is_too_large_costs_itself_and_not_its_page() {
        let (read, places, calls) = read_large(200, 1_000, &[77]).await.unwrap();
        assert_eq!((read, places), (199, vec![77]));
        assert!(calls <= 17, "{calls}");
        assert_eq!(read_large(50, 10, &[0, 9]).await.unwrap().0, 8);
        assert_eq!(read_large(1, 1, &[]).await.unwrap(), (1, vec![], 1));
        assert_eq!(read_large(7, 7, &[3]).await.unwrap(), (6, vec![3], 8));
    }

    #[tokio::test]
    async fn a_body_without_end_is_not_read_row_by_row() {
        let all: Vec<_> = (0..200).collect();
        let error = read_large(200, 200, &all).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AnswerTooLarge);
    }

    fn repeats_at(pages: &[(&[&str], bool)]) -> Option<usize> {
        let mut novelty = Novelty::default();
        pages
            .iter()
            .position(|(keys, moved)| novelty.take(&page(keys.iter().copied(), None), *moved).search_repeats)
    }

    #[test]
    fn a_search_that_repeats_itself_is_told_from_a_list_that_moves() {
        // The same page, whatever is asked for.
        assert_eq!(repeats_at(&[(&["a", "b"], false), (&["a", "b"], false)]), Some(1));
        // The same rows in another order.
        let shuffled: &[(&[&str], bool)] = &[(&["a", "b", "c"], false), (&["b", "a"], false), (&["c", "a"], false)];
        assert_eq!(repeats_at(shuffled), Some(2));
        // One row came in front, so the last of the page before is the first of this one.
        assert_eq!(repeats_at(&[(&["a"], false), (&["a"], false), (&["b"], false)]), None);
        assert_eq!(repeats_at(&[(&["a"], false), (&["a"], true), (&["a"], true)]), None);
        assert_eq!(repeats_at(&[(&["a"][..], true); 9]), Some(8));
        assert_eq!(repeats_at(&[(&[], false), (&[], false)]), None);
    }

    #[tokio::test]
    async fn a_stream_of_pages_ends_when_the_search_repeats_itself() {
        let mut pages = Box::pin(
            Pager::new(PageSize::new(2).unwrap(), |_, _| async {
                Ok(page(["a", "b"], Some(1_000_000)))
            })
            .into_stream::<TaskInfo, _>(),
        );
        assert_eq!(pages.try_next().await.unwrap().unwrap().items.len(), 2);
        let error = pages.try_next().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the search repeats itself: page 2 has nothing that was not on an earlier page, although it tells of 1000000 \
             results"
        );
        assert!(pages.try_next().await.unwrap().is_none());
    }
}
