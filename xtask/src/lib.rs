//! Maintenance of the workspace, run as `cargo xtask`.
//!
//! [`spec`] reads the OpenAPI document into a tree that knows the place of everything in it, [`check`] says what is
//! wrong with it, [`generate`] makes the files of the client from it, and [`output`] compares and writes them.
//! [`lint`] says what a reader of the document would miss, [`diff`] what an edit of it does to those who rely on it.

pub mod bench;
pub mod check;
pub mod codegen;
pub mod diagnostic;
pub mod diff;
pub mod docs;
pub mod failure;
pub mod generate;
pub mod lint;
pub mod new_operation;
pub mod output;
pub mod spec;
pub mod workspace;
