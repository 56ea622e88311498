//! Reading the arguments of a body. What is wrong is answered 99400 with the name of the argument.
//!
//! The table of codes says only that 99400 stands for an invalid or missing parameter; which bodies the platform takes
//! for invalid, and its words, are assumed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Refusal;
use crate::expression::{Expression, Field};
use crate::journal::SearchRecord;
use crate::model::StringI18n;
use crate::state::Page;

/// The documented greatest number to a page.
const GREATEST_PAGE: usize = 200;
/// The documented number to a page where nothing else is asked for.
const DEFAULT_PAGE: usize = 10;

/// A JSON object in a request, with the name by which it goes in a refusal: empty for the whole body.
pub(super) struct Arguments {
    prefix: String,
    members: Map<String, Value>,
}

impl Arguments {
    /// The body of a call that needs one.
    pub(super) fn needed(body: &[u8]) -> Result<Self, Refusal> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self {
                prefix: String::new(),
                members,
            }),
            Ok(_) | Err(_) => Err(Refusal::invalid("body", "is not a JSON object")),
        }
    }

    /// The body of a call that can do without. An absent one is as good as `{}`.
    pub(super) fn optional(body: &[u8]) -> Result<Self, Refusal> {
        Self::needed(if body.is_empty() { b"{}" } else { body })
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

    /// Takes a member out. Null counts as absent.
    pub(super) fn take(&mut self, member: &str) -> Option<Value> {
        self.members.remove(member).filter(|value| !value.is_null())
    }

    /// The members that have not been taken, but for those that are null.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.members.into_iter().filter(|(_, value)| !value.is_null()).collect()
    }

    /// A member that is an object.
    pub(super) fn object(&mut self, member: &str) -> Result<Option<Self>, Refusal> {
        match self.take(member) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self {
                prefix: format!("{}{member}.", self.prefix),
                members,
            })),
            Some(_) => Err(self.invalid(member, "is not an object")),
        }
    }

    /// A member that is text.
    pub(super) fn text(&mut self, member: &str) -> Result<Option<String>, Refusal> {
        match self.take(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(member, "is not text")),
        }
    }

    /// A member that is true or false.
    pub(super) fn boolean(&mut self, member: &str) -> Result<Option<bool>, Refusal> {
        match self.take(member) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(member, "is neither true nor false")),
        }
    }

    /// A member that is a whole number, or text that is one: the vendor's Python sample sends some so (inferred).
    pub(super) fn integer(&mut self, member: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
        let number = match self.take(member) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        };
        match number {
            None => Err(self.invalid(member, "is not a whole number")),
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(_) if *range.end() == i64::MAX => {
                Err(self.invalid(member, &format!("is less than {}", range.start())))
            }
            Some(_) => Err(self.invalid(member, &format!("is not in {} to {}", range.start(), range.end()))),
        }
    }

    /// A member that is one of some words.
    pub(super) fn word<T: Copy>(&mut self, member: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(member)? else {
            return Ok(None);
        };
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*meaning));
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Err(self.invalid(member, &format!("is not {}", words.join(" or "))))
    }

    /// A member that is a list of texts, none of them empty.
    pub(super) fn texts(&mut self, member: &str, what: &str) -> Result<Option<Vec<String>>, Refusal> {
        let list = match self.take(member) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(self.invalid(member, "is not a list")),
        };
        list.into_iter()
            .map(|element| match element {
                Value::String(text) if !text.is_empty() => Ok(text),
                _ => Err(self.invalid(member, &format!("has an element that is not {what}"))),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A text in several languages.
    pub(super) fn i18n(&mut self, member: &str) -> Result<Option<StringI18n>, Refusal> {
        let Some(mut text) = self.object(member)? else {
            return Ok(None);
        };
        let default_value = text.text("defaultValue")?.ok_or_else(|| text.missing("defaultValue"))?;
        let mut i18n_value = BTreeMap::new();
        if let Some(mut locales) = text.object("i18nValue")? {
            let names: Vec<String> = locales.members.keys().cloned().collect();
            for name in names {
                if let Some(value) = locales.text(&name)? {
                    i18n_value.insert(name, value);
                }
            }
        }
        Ok(Some(StringI18n {
            default_value,
            i18n_value,
        }))
    }
}

/// The device keys of a request.
pub(super) fn device_keys(body: &[u8]) -> Result<Vec<String>, Refusal> {
    let mut request = Arguments::optional(body)?;
    match request.texts("deviceKeys", "a device key")? {
        None => Err(request.missing("deviceKeys")),
        Some(keys) if keys.is_empty() => Err(request.invalid("deviceKeys", "is empty")),
        Some(keys) => Ok(keys),
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
    let mut request = Arguments::optional(body)?;
    let text = request.text("expression")?.unwrap_or_default();
    let expression = Expression::parse(&text).map_err(|error| request.invalid("expression", &error))?;
    let page = match request.object("pagination")? {
        None => Page {
            number: 1,
            size: DEFAULT_PAGE,
        },
        Some(mut pagination) => page(&mut pagination)?,
    };
    Ok(Search {
        record: SearchRecord::new(&text, page),
        expression,
        page,
    })
}

/// The page. Of the page size the pages say both that it is mandatory and that it is 10 by default; here it may be
/// absent. That a request to sort is refused is assumed: it is documented that these searches do not support it.
fn page(pagination: &mut Arguments) -> Result<Page, Refusal> {
    let number = pagination
        .integer("pageNo", 1..=i64::MAX)?
        .ok_or_else(|| pagination.missing("pageNo"))?;
    let greatest = i64::try_from(GREATEST_PAGE).unwrap_or(i64::MAX);
    let size = pagination.integer("pageSize", 1..=greatest)?;
    match pagination.take("sorters") {
        None => {}
        Some(Value::Array(sorters)) if sorters.is_empty() => {}
        Some(_) => return Err(pagination.invalid("sorters", "is not supported")),
    }
    Ok(Page {
        number: number.unsigned_abs(),
        size: size.map_or(DEFAULT_PAGE, |size| usize::try_from(size).unwrap_or(GREATEST_PAGE)),
    })
}

/// The body of a call that has no arguments in it: none, or `{}` as the vendor's Python sample sends it (inferred).
pub(super) fn none(body: &[u8]) -> Result<(), Refusal> {
    Arguments::optional(body).map(drop)
}
