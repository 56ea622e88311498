//! The rate control of a campaign against simulated gateways, in a time that only the tests know.

#[path = "../../src/rate/mod.rs"]
mod rate;
#[path = "../../src/wait.rs"]
#[expect(dead_code, reason = "the engine uses the rest")]
mod wait;

mod gateway;
mod limits;
mod run;
mod seconds;
mod service;
mod table;
mod windows;
