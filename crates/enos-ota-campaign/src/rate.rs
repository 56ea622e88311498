//! How fast calls are made: [`enos_ota_rate`].

pub(crate) use enos_ota_rate::{CallResult, RateControl, RateSettings};
