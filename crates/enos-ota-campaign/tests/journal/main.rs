//! The journal of a campaign: what is written is found again, whatever happens to the process, the disk or the file.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod beginnings;
mod common;
mod creation;
mod damage;
mod model;
mod processes;
mod records;
mod scale;
