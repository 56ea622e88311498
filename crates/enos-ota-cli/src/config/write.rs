//! Writing a profile into the configuration file, whose other lines and comments stay as they are.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, value};

use super::unreadable;
use crate::failure::Failure;
use crate::limited;

/// What `login` has found out.
#[derive(Debug)]
pub(crate) struct NewProfile<'a> {
    pub(crate) name: &'a str,
    pub(crate) base_url: &'a str,
    pub(crate) app_key: &'a str,
    pub(crate) org_id: &'a str,
    pub(crate) allow_http: bool,
    /// Absolute.
    pub(crate) ca_cert: Option<PathBuf>,
    pub(crate) proxy: Option<&'a str>,
    /// `None` if the secret is in the keyring, and else what to write into a file beside this one.
    pub(crate) secret: Option<&'a str>,
}

/// Adds a profile, or replaces the one of this name. Returns the file with the secret, if one was written.
pub(crate) fn save(file: &Path, profile: &NewProfile<'_>) -> Result<Option<PathBuf>, Failure> {
    let cannot = |file: &Path, error: &io::Error| {
        Failure::usage(format!("{} cannot be written: {error}", file.display()))
            .with_hint("--config names another file")
    };
    let text = match limited::text(file, limited::CONFIG) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable("configuration file", file, &error)),
    };
    let mut document: DocumentMut = text
        .parse()
        .map_err(|_| Failure::usage(format!("{} is not valid TOML", file.display())))?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        make_folder(folder).map_err(|error| cannot(folder, &error))?;
    }
    let secret = match profile.secret {
        None => None,
        Some(secret) => {
            let name = secret_file_name(profile.name);
            let path = folder.unwrap_or(Path::new("")).join(&name);
            write_private(&path, format!("{secret}\n").as_bytes()).map_err(|error| cannot(&path, &error))?;
            Some((name, path))
        }
    };
    let table = table_of(profile, secret.as_ref().map(|(name, _)| name.as_str()));
    put(&mut document, profile.name, table)
        .ok_or_else(|| Failure::usage(format!("{}: `profiles` is not a table", file.display())))?;
    write_private(file, document.to_string().as_bytes()).map_err(|error| cannot(file, &error))?;
    Ok(secret.map(|(_, path)| path))
}

fn table_of(profile: &NewProfile<'_>, secret_file: Option<&str>) -> Table {
    let mut table = Table::new();
    table["base-url"] = value(profile.base_url);
    table["app-key"] = value(profile.app_key);
    match secret_file {
        Some(name) => table["app-secret-file"] = value(name),
        None => table["app-secret-keyring"] = value(true),
    }
    table["org-id"] = value(profile.org_id);
    if profile.allow_http {
        table["allow-http"] = value(true);
    }
    if let Some(file) = &profile.ca_cert {
        table["ca-cert"] = value(file.to_string_lossy().into_owned());
    }
    if let Some(proxy) = profile.proxy {
        table["proxy"] = value(proxy);
    }
    table
}

/// Puts a profile in place. `None` if there is something else.
fn put(document: &mut DocumentMut, name: &str, table: Table) -> Option<()> {
    let profiles = document
        .entry("profiles")
        .or_insert_with(|| {
            let mut profiles = Table::new();
            profiles.set_implicit(true);
            Item::Table(profiles)
        })
        .as_table_like_mut()?;
    // What stands before the table, such as comments, stays there.
    let mut table = table;
    if let Some(before) = profiles.get(name).and_then(Item::as_table) {
        *table.decor_mut() = before.decor().clone();
        table.set_position(before.position());
    }
    profiles.insert(name, Item::Table(table));
    Some(())
}

/// A file beside the configuration file.
fn secret_file_name(profile: &str) -> String {
    let name: String = profile
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("{name}.secret")
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Replaces a file as a whole, so that there is always one that can be read. Nobody else may read it.
fn write_private(file: &Path, text: &[u8]) -> io::Result<()> {
    // A link, as to a folder of settings that is shared between machines, stays one.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut partial = file.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&partial).and_then(|mut out| {
        out.write_all(text)?;
        out.sync_all()
    });
    written.and_then(|()| fs::rename(&partial, &file)).inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&partial);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile<'a>(name: &'a str, secret: Option<&'a str>) -> NewProfile<'a> {
        NewProfile {
            name,
            base_url: "https://h.example",
            app_key: "key",
            org_id: "o1",
            allow_http: false,
            ca_cert: None,
            proxy: None,
            secret,
        }
    }

    #[test]
    fn a_profile_is_added_and_replaced_and_all_else_stays() {
        let folder = std::env::temp_dir().join(format!("enos-ota-write-{}", std::process::id()));
        let file = folder.join("config.toml");
        save(&file, &profile("prod", Some("s"))).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(
            text,
            "[profiles.prod]\nbase-url = \"https://h.example\"\napp-key = \"key\"\napp-secret-file = \
             \"prod.secret\"\norg-id = \"o1\"\n"
        );
        assert_eq!(fs::read_to_string(folder.join("prod.secret")).unwrap(), "s\n");

        fs::write(
            &file,
            "# ours\n[profiles.test]\norg-id = 'x' # why\n\n# the real one\n[profiles.prod]\napp-secret = 's'\n\n[profiles.z]\n",
        )
        .unwrap();
        save(&file, &profile("prod", None)).unwrap();
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "# ours\n[profiles.test]\norg-id = 'x' # why\n\n# the real one\n[profiles.prod]\nbase-url = \
             \"https://h.example\"\napp-key = \"key\"\napp-secret-keyring = true\norg-id = \"o1\"\n\n[profiles.z]\n"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            for file in [&file, &folder.join("prod.secret")] {
                assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
