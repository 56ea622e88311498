#![doc = include_str!("../README.md")]

mod breakdown;
mod calls;
mod columns;
mod csv;
mod describe;
mod error;
mod facts;
mod groups;
mod json;
mod outcomes;
mod page;
mod report;
mod row;
mod section;
mod table;
mod tally;
mod text;
mod timeline;
mod waves;

pub use csv::harmless;
pub use error::ReportError;
pub use json::REPORT_SCHEMA;
pub use report::Report;
pub use section::DeviceReport;
pub use tally::{Became, Tally};
