//! Search expressions: only fields and operators that the operation supports, and only values that need no escaping.
//!
//! ```
//! use enos_ota::search::{Expression, tasks};
//!
//! let failed = Expression::all([
//!     tasks::JOB_ID.equals("5ed758ca49f032b4663063aa")?,
//!     tasks::STATUS.equals("failed")?,
//!     tasks::FROM_VERSION.is_in(["2.3.0", "2.3.1"])?,
//! ]);
//! assert_eq!(
//!     failed.as_str(),
//!     "jobId='5ed758ca49f032b4663063aa' and status='failed' and fromVersion in ('2.3.0','2.3.1')"
//! );
//! # Ok::<(), enos_ota::search::ValueError>(())
//! ```
//!
//! Sources: [Search Device Task, 2.4.0][tasks] and [Search OTA Job, 2.4.4][jobs]. That criteria are joined by `and` and
//! `or` is a general rule of the platform; nothing is said of brackets or of which binds closer, so one expression uses
//! only one of the two.
//!
//! [tasks]: https://support.enos-iot.com/docs/connection-api/en/2.4.0/oldversion/search_device_task.html
//! [jobs]: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/search_ota_job.html

use std::fmt;
use std::marker::PhantomData;

/// What an expression is about: [`Tasks`] or [`Jobs`]. One for jobs cannot be given to a search for tasks.
pub trait Subject: fmt::Debug + Clone + Send + Sync + 'static {}

/// Expressions about tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tasks {}
/// Expressions about jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {}

impl Subject for Tasks {}
impl Subject for Jobs {}

/// The fields of a task.
pub mod tasks {
    use super::{EqualsOrIn, Field, Tasks};

    /// The job of the task.
    pub const JOB_ID: Field<Tasks, EqualsOrIn> = Field::new("jobId");
    /// The device of the task.
    pub const DEVICE_KEY: Field<Tasks, EqualsOrIn> = Field::new("deviceKey");
    /// The firmware version that the device is upgraded from.
    pub const FROM_VERSION: Field<Tasks, EqualsOrIn> = Field::new("fromVersion");
    /// The firmware version that the device is upgraded to.
    pub const TO_VERSION: Field<Tasks, EqualsOrIn> = Field::new("toVersion");
    /// How far the task has come.
    pub const STATUS: Field<Tasks, EqualsOrIn> = Field::new("status");
    /// Why the task is as it is.
    pub const DESC: Field<Tasks, EqualsOrIn> = Field::new("desc");
}

/// The fields of a job.
pub mod jobs {
    use super::{Equals, EqualsOrIn, Field, Jobs, Like};

    /// The product of the devices.
    pub const PRODUCT_KEY: Field<Jobs, EqualsOrIn> = Field::new("productKey");
    /// The firmware that the job upgrades to.
    pub const FIRMWARE_ID: Field<Jobs, EqualsOrIn> = Field::new("firmwareId");
    /// Version of that firmware. Since EnOS 2.4.0.
    pub const FIRMWARE_VERSION: Field<Jobs, EqualsOrIn> = Field::new("firmwareVersion");
    /// What the job is for.
    pub const TYPE: Field<Jobs, Equals> = Field::new("type");
    /// Whether the job runs.
    pub const STATUS: Field<Jobs, Equals> = Field::new("status");
    /// Name of the job. Since EnOS 2.4.0.
    pub const NAME: Field<Jobs, Like> = Field::new("name");
    /// Name of the firmware. Since EnOS 2.4.0.
    pub const FIRMWARE_NAME: Field<Jobs, Like> = Field::new("firmwareName");
}

/// Marks a field that supports `=`.
#[derive(Clone, Copy, Debug)]
pub enum Equals {}
/// Marks a field that supports `=` and `in`.
#[derive(Clone, Copy, Debug)]
pub enum EqualsOrIn {}
/// Marks a field that supports `like`.
#[derive(Clone, Copy, Debug)]
pub enum Like {}

/// Operators that include `=`.
pub trait HasEquals {}
impl HasEquals for Equals {}
impl HasEquals for EqualsOrIn {}

/// A field of an expression, with the operators that it supports in its type.
#[derive(Clone, Copy, Debug)]
pub struct Field<S, Operators> {
    name: &'static str,
    marker: PhantomData<(S, Operators)>,
}

impl<S, Operators> Field<S, Operators> {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            marker: PhantomData,
        }
    }
}

impl<S: Subject, Operators: HasEquals> Field<S, Operators> {
    /// The field has this value.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the value would have to be escaped.
    pub fn equals(self, value: impl AsRef<str>) -> Result<Criterion<S>, ValueError> {
        Ok(Criterion::new(format!(
            "{}={}",
            self.name,
            quoted(self.name, value.as_ref())?
        )))
    }
}

impl<S: Subject> Field<S, EqualsOrIn> {
    /// The field has one of these values.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if there is no value, or one of them would have to be escaped.
    pub fn is_in<V: AsRef<str>>(self, values: impl IntoIterator<Item = V>) -> Result<Criterion<S>, ValueError> {
        let mut list = String::new();
        for value in values {
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(&quoted(self.name, value.as_ref())?);
        }
        if list.is_empty() {
            return Err(ValueError {
                field: self.name,
                problem: Problem::NoValues,
            });
        }
        Ok(Criterion::new(format!("{} in ({list})", self.name)))
    }
}

impl<S: Subject> Field<S, Like> {
    /// The field, in the default language, is like this text. Which wildcards there are is not documented.
    ///
    /// # Errors
    ///
    /// [`ValueError`] if the text would have to be escaped.
    pub fn is_like(self, text: impl AsRef<str>) -> Result<Criterion<S>, ValueError> {
        Ok(Criterion::new(format!(
            "{} like {}",
            self.name,
            quoted(self.name, text.as_ref())?
        )))
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion<S> {
    text: String,
    marker: PhantomData<S>,
}

impl<S> Criterion<S> {
    fn new(text: String) -> Self {
        Self {
            text,
            marker: PhantomData,
        }
    }
}

/// A whole expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression<S> {
    text: String,
    marker: PhantomData<S>,
}

impl<S: Subject> Expression<S> {
    /// What meets every criterion. Without any, that is everything.
    #[must_use]
    pub fn all(criteria: impl IntoIterator<Item = Criterion<S>>) -> Self {
        Self::joined(criteria, " and ")
    }

    /// What meets at least one of the criteria. Without any, that is everything, as the platform has no way to search
    /// for nothing.
    #[must_use]
    pub fn any(criteria: impl IntoIterator<Item = Criterion<S>>) -> Self {
        Self::joined(criteria, " or ")
    }

    /// An expression that somebody else wrote. It is sent as it stands.
    #[must_use]
    pub fn raw(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            marker: PhantomData,
        }
    }

    fn joined(criteria: impl IntoIterator<Item = Criterion<S>>, by: &str) -> Self {
        let texts: Vec<_> = criteria.into_iter().map(|criterion| criterion.text).collect();
        Self::raw(texts.join(by))
    }

    /// The text, as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<S: Subject> From<Criterion<S>> for Expression<S> {
    fn from(criterion: Criterion<S>) -> Self {
        Self::raw(criterion.text)
    }
}

impl<S> fmt::Display for Expression<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value that cannot stand in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    field: &'static str,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoValues,
    Escape { value: String, character: char },
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::NoValues => write!(f, "no values were given for `{}`", self.field),
            Problem::Escape { value, character } => write!(
                f,
                "`{}` cannot be compared with {value:?}: it contains {character:?}, and how the platform escapes that is \
                 not documented",
                self.field
            ),
        }
    }
}

impl std::error::Error for ValueError {}

fn quoted(field: &'static str, value: &str) -> Result<String, ValueError> {
    match value.chars().find(|c| matches!(c, '\'' | '"' | '\\') || c.is_control()) {
        None => Ok(format!("'{value}'")),
        Some(character) => Err(ValueError {
            field,
            problem: Problem::Escape {
                value: value.to_owned(),
                character,
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_are_written_as_the_pages_show_them() {
        assert_eq!(tasks::DESC.equals("升级失败").unwrap().text, "desc='升级失败'");
        assert_eq!(
            tasks::STATUS.is_in(["init", "published"]).unwrap().text,
            "status in ('init','published')"
        );
        assert_eq!(jobs::NAME.is_like("pump").unwrap().text, "name like 'pump'");
        let either = Expression::any([
            jobs::TYPE.equals("verify").unwrap(),
            jobs::STATUS.equals("stopped").unwrap(),
        ]);
        assert_eq!(either.as_str(), "type='verify' or status='stopped'");
        assert_eq!(Expression::<Tasks>::all([]).as_str(), "");
    }

    #[test]
    fn values_that_would_need_escaping_are_refused_by_name() {
        for value in ["it's", "a\"b", "a\\b", "a\nb"] {
            let error = tasks::DESC.equals(value).unwrap_err();
            assert!(
                error.to_string().starts_with("`desc` cannot be compared with"),
                "{error}"
            );
        }
        assert!(tasks::STATUS.is_in(["ok", "it's"]).is_err());
        assert_eq!(
            tasks::STATUS.is_in([""; 0]).unwrap_err().to_string(),
            "no values were given for `status`"
        );
    }
}
