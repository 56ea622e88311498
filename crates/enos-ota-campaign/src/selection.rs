//! Which devices of a job are meant.

use serde::{Deserialize, Serialize};

/// How the devices of a plan are chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {}
