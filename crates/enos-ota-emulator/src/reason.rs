//! How tasks fail: progress and text.
//!
//! Texts that a failed task carries. The platform's own wording is not documented, `Cancelled by user` aside, which
//! the vendor's Python sample searches for; the others describe the failure codes of the vendor's device SDKs.

pub(crate) const DOWNLOAD: (i32, &str) = (-2, "Failed to download the firmware");
pub(crate) const VERIFICATION: (i32, &str) = (-3, "Failed to verify the firmware: checksum mismatch");
pub(crate) const WRITING: (i32, &str) = (-4, "Failed to write the firmware: not enough flash space");
pub(crate) const IGNORED: (i32, &str) = (-5, "The device ignored this upgrade");
pub(crate) const TIMEOUT: (i32, &str) = (-1, "Upgrade timed out after 7200 s");
pub(crate) const CANCELLED: (i32, &str) = (-1, "Cancelled by user");
