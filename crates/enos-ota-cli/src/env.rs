//! Every environment variable that this program reads, its help and where it is read. Help texts and errors take the names
//! from here.

use std::env;
use std::ffi::OsString;
use std::fmt;

use crate::failure::Failure;

/// An environment variable.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    /// The option that wins over it, by its id.
    pub(crate) option: Option<&'static str>,
    /// What it holds.
    pub(crate) help: &'static str,
}

/// Declares variables, and a list of them all.
macro_rules! variables {
    ($($name:ident = $text:literal, $option:expr, $help:literal;)*) => {
        $(pub(crate) static $name: Variable = Variable { name: $text, option: $option, help: $help };)*
        pub(crate) static ALL: &[&Variable] = &[$(&$name),*];
    };
}

variables! {
    BASE_URL = "ENOS_BASE_URL", Some("base_url"), "Address of the API gateway";
    APP_KEY = "ENOS_APP_KEY", Some("app_key"), "Access key of the application";
    APP_SECRET = "ENOS_APP_SECRET", None, "Secret of the application";
    APP_SECRET_FILE = "ENOS_APP_SECRET_FILE", Some("app_secret_file"), "File whose only line is the secret";
    ALLOW_OPEN_SECRET_FILE = "ENOS_ALLOW_OPEN_SECRET_FILE", Some("allow_open_secret_file"),
        "`true` takes a secret file that others can read";
    ORG_ID = "ENOS_ORG_ID", Some("org_id"), "Organization (OU)";
    PROFILE = "ENOS_PROFILE", Some("profile"), "Profile in the configuration file";
    CONFIG = "ENOS_CONFIG", Some("config"), "Configuration file";
    JOURNAL_DIR = "ENOS_JOURNAL_DIR", Some("journal"), "Folder of the journals";
    ACCESS_TOKEN = "ENOS_ACCESS_TOKEN", Some("access_token"), "Access token for `enos-ota sign`";
    // What libraries read: the proxy, the colours, the terminal and the time zone.
    HTTPS_PROXY = "HTTPS_PROXY", None, "Proxy; also HTTP_PROXY, ALL_PROXY and NO_PROXY";
    NO_COLOR = "NO_COLOR", None, "No colours, if set to anything";
    TERM = "TERM", None, "`dumb` if it cannot redraw lines";
    PAGER = "PAGER", None, "Pager for long output on a terminal; `cat` for none [default: less]";
    TZ = "TZ", None, "Time zone of dates and times without an offset";
}

/// Where the operating system keeps the name of the user.
const USER: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

impl Variable {
    /// Its value. One that is set to nothing counts as not set.
    pub(crate) fn get(&self) -> Result<Option<String>, Failure> {
        match self.raw().map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.is_empty())),
            Some(Err(_)) => Err(Failure::usage(format!(
                "the environment variable {self} is not valid UTF-8"
            ))),
        }
    }

    /// Its name, with what to set it to where that is not what the option takes.
    pub(crate) fn usage(&self) -> String {
        match self.option {
            Some("allow_open_secret_file") => format!("{self}=true"),
            Some("journal") => format!("{self} names a folder"),
            Some("app_secret_file") => format!("{self}; {APP_SECRET} holds the secret itself"),
            _ => self.to_string(),
        }
    }

    /// Whether it says yes.
    pub(crate) fn is_true(&self) -> Result<bool, Failure> {
        Ok(matches!(self.get()?.as_deref(), Some("1" | "true" | "yes")))
    }

    pub(crate) fn raw(&self) -> Option<OsString> {
        env::var_os(self.name)
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Who the user is, if the operating system tells.
pub(crate) fn user() -> Option<String> {
    USER.into_iter()
        .find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()))
}
