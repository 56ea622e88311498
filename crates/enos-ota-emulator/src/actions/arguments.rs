//! Reading the arguments of a body. What is wrong is answered 99400 with the name of the argument.
//!
//! The table of codes says only that 99400 stands for an invalid or missing parameter; which bodies the platform takes
//! for invalid, and its words, are assumed.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Refusal;
use crate::expression::{Expression, Field};
use crate::journal::SearchRecord;
use crate::model::Known;
use crate::state::Page;

/// The maximum page size: documented.
const MAX_PAGE: usize = 200;
/// The page size where nothing else is asked for: documented.
const DEFAULT_PAGE: usize = 10;

/// The members of a body that has to be there.
pub(super) fn needed(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return Err(Refusal::invalid("body", "is not a JSON object"));
    };
    drop_nulls(&mut members);
    Ok(members)
}

/// The members of a body that may be left out. An absent one is as good as `{}`.
pub(super) fn optional(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    needed(if body.is_empty() { b"{}" } else { body })
}

/// Null counts as absent.
fn drop_nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
    members
        .values_mut()
        .filter_map(Value::as_object_mut)
        .for_each(drop_nulls);
}

/// A JSON object in a request, with the name by which it goes in a refusal: empty for the whole body.
pub(super) struct Arguments<'a> {
    prefix: String,
    members: &'a Map<String, Value>,
}

impl<'a> Arguments<'a> {
    pub(super) fn of(body: &'a Map<String, Value>) -> Self {
        Self {
            prefix: String::new(),
            members: body,
        }
    }

    /// The name of a member in a refusal.
    fn name(&self, member: &str) -> String {
        format!("{}{member}", self.prefix)
    }

    pub(super) fn missing(&self, member: &str) -> Refusal {
        Refusal::missing(&self.name(member))
    }

    pub(super) fn invalid(&self, member: &str, text: &str) -> Refusal {
        Refusal::invalid(&self.name(member), text)
    }

    /// A member, which is not what it should be if `read` finds nothing in it.
    fn member<T>(
        &self,
        member: &str,
        should: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let read = self.members.get(member).map(read);
        read.map(|read| read.ok_or_else(|| self.invalid(member, should)))
            .transpose()
    }

    pub(super) fn object(&self, member: &str) -> Result<Option<Self>, Refusal> {
        let members = self.member(member, "is not an object", Value::as_object)?;
        let prefix = format!("{}{member}.", self.prefix);
        Ok(members.map(|members| Self { prefix, members }))
    }

    pub(super) fn text(&self, member: &str) -> Result<Option<&'a str>, Refusal> {
        self.member(member, "is not text", Value::as_str)
    }

    /// Checks that all members are texts.
    pub(super) fn all_texts(&self) -> Result<(), Refusal> {
        self.members.keys().try_for_each(|member| self.text(member).map(drop))
    }

    pub(super) fn boolean(&self, member: &str) -> Result<Option<bool>, Refusal> {
        self.member(member, "is neither true nor false", Value::as_bool)
    }

    /// A member that is a whole number, or text that is one: the vendor's Python sample sends some so (inferred).
    pub(super) fn integer(&self, member: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let read = |value: &Value| value.as_str().map_or_else(|| value.as_i64(), |text| text.parse().ok());
        let number = self.member(member, "is not a whole number", read)?;
        match number {
            Some(number) if !range.contains(&number) && *range.end() == i64::MAX => {
                Err(self.invalid(member, &format!("is less than {}", range.start())))
            }
            Some(number) if !range.contains(&number) => {
                Err(self.invalid(member, &format!("is not in {} to {}", range.start(), range.end())))
            }
            Some(_) | None => Ok(number),
        }
    }

    /// A member that is one of the words that the spec lists.
    pub(super) fn word<T: Known>(&self, member: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(member)? else {
            return Ok(None);
        };
        let unknown = || self.invalid(member, &format!("is not {}", T::names(" or ")));
        T::named(text).map(Some).ok_or_else(unknown)
    }

    /// A member that is a list of texts, none of them empty.
    pub(super) fn texts(&self, member: &str, what: &str) -> Result<Option<Vec<&'a str>>, Refusal> {
        let Some(list) = self.member(member, "is not a list", Value::as_array)? else {
            return Ok(None);
        };
        let texts = list
            .iter()
            .map(|element| element.as_str().filter(|text| !text.is_empty()));
        let odd = || self.invalid(member, &format!("has an element that is not {what}"));
        texts.collect::<Option<_>>().map(Some).ok_or_else(odd)
    }
}

/// The device keys of a request.
pub(super) fn device_keys(body: &[u8]) -> Result<Vec<String>, Refusal> {
    let body = optional(body)?;
    let request = Arguments::of(&body);
    match request.texts("deviceKeys", "a device key")? {
        None => Err(request.missing("deviceKeys")),
        Some(keys) if keys.is_empty() => Err(request.invalid("deviceKeys", "is empty")),
        Some(keys) => Ok(keys.into_iter().map(str::to_owned).collect()),
    }
}

/// What a search asks for.
pub(super) struct Search<F> {
    pub(super) expression: Expression<F>,
    pub(super) page: Page,
    /// What the journal is to tell of it; the total is not known yet.
    pub(super) record: SearchRecord,
}

/// The expression and the page of a search. Both may be left out (documented).
pub(super) fn search<F: Field>(body: &[u8]) -> Result<Search<F>, Refusal> {
    let body = optional(body)?;
    let request = Arguments::of(&body);
    let text = request.text("expression")?.unwrap_or_default();
    let expression = Expression::parse(text).map_err(|error| request.invalid("expression", &error))?;
    let page = match request.object("pagination")? {
        None => Page {
            number: 1,
            size: DEFAULT_PAGE,
        },
        Some(pagination) => page(&pagination)?,
    };
    Ok(Search {
        record: SearchRecord::new(text, page),
        expression,
        page,
    })
}

/// The page. Of the page size the pages say both that it is mandatory and that it is 10 by default; here it may be
/// absent. That a request to sort is refused is assumed: it is documented that these searches do not support it.
fn page(pagination: &Arguments<'_>) -> Result<Page, Refusal> {
    let number = pagination
        .integer("pageNo", 1..=i64::MAX)?
        .ok_or_else(|| pagination.missing("pageNo"))?;
    let maximum = i64::try_from(MAX_PAGE).unwrap_or(i64::MAX);
    let size = pagination.integer("pageSize", 1..=maximum)?;
    let is_empty = |sorters: &Value| sorters.as_array().filter(|sorters| sorters.is_empty()).map(|_| ());
    pagination.member("sorters", "is not supported", is_empty)?;
    Ok(Page {
        number: number.unsigned_abs(),
        size: size.map_or(DEFAULT_PAGE, |size| usize::try_from(size).unwrap_or(MAX_PAGE)),
    })
}

/// The body of a call that has no arguments in it: none, or `{}` as the vendor's Python sample sends it (inferred).
pub(super) fn none(body: &[u8]) -> Result<(), Refusal> {
    optional(body).map(drop)
}
