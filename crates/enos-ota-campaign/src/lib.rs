//! Retries for whole fleets.

mod pace;
