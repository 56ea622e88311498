//! Where things are in the workspace.

use std::path::{Path, PathBuf};

/// The OpenAPI document, relative to the root of the workspace.
pub const SPEC: &str = "openapi/ota-jobs.yaml";
/// The folder of the generated files, relative to the root of the workspace.
pub const GENERATED: &str = "crates/enos-ota-client/src/generated";

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// A path as people read it: relative to the workspace if it is inside, with `/` between its parts.
#[must_use]
pub fn display(path: &Path) -> String {
    let absolute = std::path::absolute(path);
    let inside = absolute.as_deref().ok().and_then(|path| path.strip_prefix(root()).ok());
    inside.unwrap_or(path).to_string_lossy().replace('\\', "/")
}
