//! What was done, written down before and after.

mod record;

pub use record::{CallEnd, JOURNAL_SCHEMA, Keys, Operator, Record};
