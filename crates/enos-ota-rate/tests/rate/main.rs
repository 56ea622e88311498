//! The rate control against simulated gateways, in a time that only the tests know.

// A failed step fails the test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod gateway;
mod limits;
mod run;
mod seconds;
mod service;
mod sparse;
mod table;
mod windows;
