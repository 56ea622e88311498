//! Reading the results of a search page by page.

use std::future::Future;
use std::num::NonZeroU8;

use futures_util::stream::{self, Stream};

use crate::error::{Error, ErrorKind};

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
pub(crate) struct RawPage<T> {
    pub(crate) items: Vec<T>,
    pub(crate) total_size: Option<i64>,
}

/// Reads pages one after the other, until the total is reached or a page is empty.
pub(crate) struct Pager<F> {
    fetch: F,
    next: i64,
    read: i64,
    page_size: PageSize,
    total: Option<i64>,
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
            done: false,
        }
    }

    async fn next<T, R>(&mut self) -> Result<Option<Page<T>>, Error>
    where
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
        self.total = raw.total_size.or(self.total);
        let count = i64::try_from(raw.items.len()).unwrap_or(i64::MAX);
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
        let page = Page {
            items: raw.items,
            page_no: self.next,
            total_size: raw.total_size,
            total_changed,
        };
        self.next += 1;
        Ok(Some(page))
    }

    /// The pages as a stream, which ends after the first error.
    pub(crate) fn into_stream<T, R>(self) -> impl Stream<Item = Result<Page<T>, Error>> + Send
    where
        F: FnMut(i64, PageSize) -> R + Send,
        R: Future<Output = Result<RawPage<T>, Error>> + Send,
        T: Send,
    {
        stream::try_unfold(self, |mut pager| async move {
            Ok(pager.next().await?.map(|page| (page, pager)))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    /// Reads a search whose pages and totals are given, and tells the page numbers asked for.
    async fn read(size: u8, pages: &[(usize, Option<i64>)]) -> (Vec<usize>, Vec<bool>, i64) {
        let mut asked = 0;
        let got: Vec<Page<()>> = Pager::new(PageSize::new(size).unwrap(), |page_no, _| {
            asked = page_no;
            let index = usize::try_from(page_no - 1).unwrap();
            let (count, total_size) = pages.get(index).copied().expect("no more pages should be asked for");
            async move {
                Ok(RawPage {
                    items: vec![(); count],
                    total_size,
                })
            }
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
}
