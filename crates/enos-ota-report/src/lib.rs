//! What became of a campaign, or of several, from their journals.
//!
//! A [`Report`] says what was done, when and by whom, and what became of every device: for a terminal
//! ([`write_table`](Report::write_table)), for programs ([`write_json`](Report::write_json)), for a spreadsheet
//! ([`write_csv`](Report::write_csv)) and for a browser ([`write_html`](Report::write_html)).
//!
//! ```no_run
//! use std::path::Path;
//!
//! use enos_ota_campaign::journal::Journal;
//! use enos_ota_report::Report;
//!
//! let names = ["first.jsonl", "second.jsonl"];
//! let journals = names
//!     .into_iter()
//!     .map(|name| Ok((name, Journal::read(Path::new(name))?)))
//!     .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
//! let report = Report::of(journals)?;
//! println!("{}", report.sentence());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Several journals
//!
//! They can be of several runs of one job, of several jobs, or both, but of one organization. A device that is in
//! several journals of the same job counts once, as it stands in the journal that was begun last; every journal is
//! told by itself besides. A device of two jobs counts twice, as it has two tasks.
//!
//! # Sums
//!
//! Every device has exactly one outcome or is open, every accepted one has exactly one fate, and every breakdown has
//! all devices. That is checked whenever a report is made: numbers that do not add up are an error and are never
//! written.

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
