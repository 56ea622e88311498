//! The system's keyring: Keychain on macOS, the Credential Manager on Windows, and elsewhere the Secret Service, which the
//! program `secret-tool` of libsecret speaks to. A D-Bus library of its own would be fifty more crates in every binary.
//!
//! A secret is stored under the app key that it belongs to, so that it can be found after a profile was renamed.

pub(crate) const NAME: &str = "the system's keyring";

const SERVICE: &str = "enos-ota";

/// The secret of an app key. `None` if there is none.
pub(crate) fn get(app_key: &str) -> Result<Option<String>, String> {
    store::get(app_key)
}

/// Stores the secret of an app key in place of what is there.
pub(crate) fn set(app_key: &str, secret: &str) -> Result<(), String> {
    store::set(app_key, secret)
}

#[cfg(any(target_os = "macos", windows))]
mod store {
    use std::sync::Once;

    use keyring_core::{Entry, Error};

    use super::SERVICE;

    fn entry(app_key: &str) -> Result<Entry, String> {
        static READY: Once = Once::new();
        READY.call_once(|| {
            #[cfg(target_os = "macos")]
            let store = apple_native_keyring_store::keychain::Store::new();
            #[cfg(windows)]
            let store = windows_native_keyring_store::Store::new();
            // Without a store, making an entry fails and says so.
            if let Ok(store) = store {
                keyring_core::set_default_store(store);
            }
        });
        Entry::new(SERVICE, app_key).map_err(|error| error.to_string())
    }

    pub(super) fn get(app_key: &str) -> Result<Option<String>, String> {
        match entry(app_key)?.get_password() {
            Ok(secret) => Ok(Some(secret)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn set(app_key: &str, secret: &str) -> Result<(), String> {
        entry(app_key)?.set_password(secret).map_err(|error| error.to_string())
    }
}

#[cfg(not(any(target_os = "macos", windows)))]
mod store {
    use std::io::{self, Write as _};
    use std::process::{Command, Output, Stdio};

    use super::SERVICE;

    const TOOL: &str = "secret-tool";

    /// Runs the tool. A secret goes through a pipe: other users can read arguments.
    fn run(arguments: &[&str], app_key: &str, input: &[u8]) -> Result<Output, String> {
        let run = || -> io::Result<Output> {
            let mut child = Command::new(TOOL)
                .args(arguments)
                .args(["service", SERVICE, "app-key", app_key])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input)?;
            }
            child.wait_with_output()
        };
        run().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no program `{TOOL}`"),
            _ => format!("{TOOL}: {error}"),
        })
    }

    /// What the tool complains about.
    fn complaint(output: &Output) -> String {
        let text = String::from_utf8_lossy(&output.stderr);
        match text.trim() {
            "" => format!("{TOOL}: {}", output.status),
            text => text.to_owned(),
        }
    }

    pub(super) fn get(app_key: &str) -> Result<Option<String>, String> {
        let output = run(&["lookup"], app_key, b"")?;
        match String::from_utf8(output.stdout.clone()) {
            Ok(secret) if output.status.success() && !secret.is_empty() => Ok(Some(secret)),
            // It fails without a word if nothing is stored.
            _ if output.stderr.is_empty() => Ok(None),
            _ => Err(complaint(&output)),
        }
    }

    pub(super) fn set(app_key: &str, secret: &str) -> Result<(), String> {
        let label = format!("--label=enos-ota: app key {app_key}");
        let output = run(&["store", &label], app_key, secret.as_bytes())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(complaint(&output))
        }
    }
}
