//! `api`, `sign`, `token`, `emulator`, and what tells about the program itself.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use enos_ota_emulator::Quota;

use super::{Connection, ObjectOutput, Target};

/// What is printed in place of a call.
#[derive(Args, Debug)]
pub(crate) struct PrintCurl {
    /// Print a shell script that makes the call with curl, and send nothing. The app secret is not in it
    #[arg(long, conflicts_with = "emulator")]
    pub(crate) print_curl: bool,
}

/// Call any API of the platform, signed, and print the answer.
///
/// The request is sent once. The exit code tells what the answer reports.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  enos-ota api GET /connect-service/v2.1/ota-jobs --query action=get --query orgId=o15724268424841 \\
      --query jobId=5ed758ca49f032b4663063aa")]
pub(crate) struct Api {
    /// GET, POST, ...
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,

    /// Path of the API, with a slash at its beginning
    #[arg(value_name = "PATH")]
    pub(crate) path: String,

    /// A query parameter, not encoded. May be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) query: Vec<String>,

    /// Body of the request, byte for byte; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    #[command(flatten)]
    pub(crate) curl: PrintCurl,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Sign a request without sending it.
///
/// Prints the three headers, one a line. The signature covers the query, the body and the timestamp, but not method,
/// path and host. The app secret comes from a variable, a file or a profile.
#[derive(Args, Debug)]
#[command(after_help = "\
Example (the published one, without its body):
  export ENOS_APP_SECRET=xxxappSecretxxx
  enos-ota sign --access-token xxxxaaaxxxx --timestamp 1572574909697 --explain \\
      --url 'https://apim-gateway.example.com/m/v1/b?k3=v3&k1=v1&k2=v2'")]
pub(crate) struct Sign {
    /// URL of the request; only its query is signed
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,

    /// Method of the request. It is not signed, so it makes no difference
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// Body of the request, byte for byte; `@FILE` reads it from a file, `@-` from standard input
    #[arg(long, value_name = "BODY|@FILE", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,

    /// The access token; see `enos-ota token`. Other users of the machine can see an option, but no variable
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) access_token: Option<String>,

    /// Milliseconds since 1970-01-01 UTC [default: now]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    pub(crate) timestamp: Option<i64>,

    /// Also print the string to sign, with token and secret masked
    #[arg(long)]
    pub(crate) explain: bool,

    /// Print a curl command in place of the headers. A token from the environment stays there
    #[arg(long, conflicts_with = "explain")]
    pub(crate) curl: bool,

    /// File whose only line is the app secret
    #[arg(long, value_name = "FILE")]
    pub(crate) app_secret_file: Option<PathBuf>,

    /// Take the secret from a file that other users of this machine can read
    #[arg(long)]
    pub(crate) allow_open_secret_file: bool,

    /// Profile in config.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Get an access token and print it.
///
/// The token is a secret for as long as it lives, two hours at first. Do not print it into a log.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  export ENOS_ACCESS_TOKEN=$(enos-ota token)
  enos-ota sign --url 'https://apim-gateway.example.com/some/v1/api?orgId=o1'")]
pub(crate) struct Token {
    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: TokenOutput,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum TokenOutput {
    /// The token.
    #[default]
    Text,
    /// An object with the token and the seconds for which it will be used.
    Json,
}

/// Run a local gateway and OTA service to develop and test against.
///
/// It checks tokens and signatures and keeps jobs and tasks, in memory only. Not for production. Prints `listening on
/// http://HOST:PORT` once it accepts connections, and runs until it is interrupted.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota emulator --listen 127.0.0.1:8080
  enos-ota emulator --quota 600/m,10000/h --quota-headers rate-limit
  enos-ota emulator --print-fleet > fleet.json
  enos-ota emulator --fleet fleet.json

Run it in the background and lead this shell to it:
  eval \"$(enos-ota emulator --print-config --background)\"
  kill $ENOS_EMULATOR_PID                                    # ends it")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Emulator {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,

    /// Allow an address that other machines can reach, such as 0.0.0.0 in a container. Anyone there can use the emulator
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// JSON file with organizations, jobs and tasks [default: a demo fleet]
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet: Option<PathBuf>,

    /// Limit the calls by second, minute, hour or day, on the clock: 600/m or 600/m,10000/h
    #[arg(long, value_name = "LIMITS")]
    pub(crate) quota: Option<Quota>,

    /// Headers that tell the limits of --quota
    #[arg(long, value_enum, value_name = "FORM", default_value_t, requires = "quota")]
    pub(crate) quota_headers: QuotaHeaders,

    /// Number of nodes of the gateway, each of which learns of new tokens and calls at the others a second late
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) nodes: u8,

    /// Print environment variables that lead the other commands here. Standard output is then a shell script: the line
    /// `listening on` is a comment in it
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Go on in the background: print the variables, and ENOS_EMULATOR_PID to end it with, and exit
    #[arg(long, requires = "print_config")]
    pub(crate) background: bool,

    /// Print the fleet as a file for --fleet, and exit
    #[arg(long)]
    pub(crate) print_fleet: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum QuotaHeaders {
    /// No header.
    #[default]
    None,
    /// X-RateLimit-Limit-Minute and such, without Retry-After.
    XRateLimit,
    /// The same, with RateLimit-* and Retry-After.
    RateLimit,
}

/// Walk the path of a call, and show where it stops and what to do.
///
/// Looks at the settings, proxy, name service, connection, TLS certificate, clock, access token, signature and
/// permission, then makes a search, which changes nothing. Each request is sent once. The report has no secret in it, so
/// that it can be put into a ticket.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Each step is `ok`, `failed` or `skipped`. The exit code is 0, or that of a call which fails for the same reason.

With --output json, one object: `schema` (enos-ota/doctor/1), `time`, `version`, `target`, `stoppedAt` (a step or null),
`exit`, `settings` (each with `name`, `value` and `source`) and `steps`. A step has `step`, `status`, `message`, `hints`
and, where something is known, `facts`:
  dns     addresses
  tls     subject, issuer, names, notBefore, notAfter, selfSigned, isAuthority
  clock   skewSeconds: how far this machine is ahead of the gateway
  token   expiresInSeconds
  read    totalSize: how many jobs there are
  limits  limits: each with window, limit, remaining, resetSeconds

Examples:
  enos-ota doctor
  enos-ota doctor --profile prod --output json
  enos-ota doctor > report.txt")]
pub(crate) struct Doctor {
    /// Form of the report on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,

    #[command(flatten)]
    pub(crate) target: Target,
}

/// Explain a code, an exit code or an outcome.
///
/// Takes codes of the platform, HTTP statuses of its gateway, exit codes of this program, outcomes of devices, and the
/// causes that a negative progress stands for.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota explain 24621
  enos-ota explain exit 4
  enos-ota explain skipped")]
pub(crate) struct Explain {
    /// Such as 24621, 429, `exit 4`, skipped or -2
    #[arg(value_name = "CODE", required = true, allow_negative_numbers = true)]
    pub(crate) code: Vec<String>,

    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,
}

/// Print a completion script for a shell.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota completions bash > ~/.local/share/bash-completion/completions/enos-ota
  enos-ota completions zsh > ~/.zfunc/_enos-ota        # a folder of $fpath
  enos-ota completions fish > ~/.config/fish/completions/enos-ota.fish
  enos-ota completions powershell >> $PROFILE")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print the manual page, or write the pages of all commands.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  enos-ota man | man -l -
  enos-ota man jobs list | man -l -
  enos-ota man --out-dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The command whose page is printed [default: that of enos-ota itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out_dir")]
    pub(crate) command: Vec<String>,

    /// Write a page for each command into this folder, which is made if need be
    #[arg(long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
}

/// Print the version, and what the program was built from.
#[derive(Args, Debug)]
pub(crate) struct Version {
    /// Form of the result on standard output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: ObjectOutput,
}
