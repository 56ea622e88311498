//! Plans that the user names.

use std::io;
use std::path::Path;

use enos_ota::text::with_causes;
use enos_ota_campaign::Plan;

use crate::failure::Failure;

/// Reads a plan; `-` is standard input.
pub(crate) fn load(path: &Path) -> Result<Plan, Failure> {
    let plan = if path == Path::new("-") {
        Plan::read(io::stdin().lock(), "standard input")
    } else {
        Plan::load(path)
    };
    plan.map_err(|error| Failure::usage(with_causes(&error)))
}
