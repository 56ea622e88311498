//! `login`, `profiles` and `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ObjectOutput, Target};

/// Set up a profile: where the gateway is, and who calls it.
///
/// What no option and no variable gives is asked for. Each answer is checked at the gateway at once: the base URL by a
/// token request for an application that does not exist, key and secret by a token, and the organization by a list of its
/// jobs. Nothing is changed there.
///
/// The secret goes to the keyring of the system: Keychain, Credential Manager, or by the program `secret-tool` the Secret
/// Service. Where there is none, it goes to a file beside config.toml that only its owner can read.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota login
  enos-ota login --profile prod --base-url apim.example.com --app-key 5acb82e7-a11e-4300-9164-c8b20b638e8b
  pass show enos/prod | enos-ota login --profile prod --secret-stdin --base-url https://apim.example.com \\
      --app-key 5acb82e7-a11e-4300-9164-c8b20b638e8b --org-id o15724268424841")]
pub(crate) struct Login {
    /// Read the secret from standard input: its only line
    #[arg(long, conflicts_with = "app_secret_file")]
    pub(crate) secret_stdin: bool,

    /// Write the secret to a file, not to the keyring
    #[arg(long)]
    pub(crate) no_keyring: bool,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// List the profiles of the configuration file.
#[derive(Args, Debug)]
pub(crate) struct Profiles {
    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) place: Place,
}

/// The configuration file, and the profile in it.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// Profile in config.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Show the settings, and where each comes from.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    Show(Box<ConfigShow>),
    Path(ConfigPath),
}

/// Show each setting with its source. The secret itself is never shown.
#[derive(Args, Debug)]
pub(crate) struct ConfigShow {
    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Print the path of the configuration file.
#[derive(Args, Debug)]
pub(crate) struct ConfigPath {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
