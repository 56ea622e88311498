//! One file for each command. A command imports no other: what they share stands beside this folder.

mod api;
mod apply;
mod campaigns;
mod completions;
mod config;
mod doctor;
mod emulator;
mod explain;
mod jobs;
mod login;
mod man;
mod plan;
mod profiles;
mod rehearse;
mod report;
mod resume;
mod retry;
mod sign;
mod tasks;
mod token;
mod version;
mod watch;

use crate::args::Command;
use crate::exit::Exit;
use crate::failure::Failure;

pub(crate) async fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Retry(args) => retry::run(args).await,
        Command::Plan(args) => plan::run(args).await,
        Command::Rehearse(args) => rehearse::run(args).await,
        Command::Apply(args) => apply::run(args).await,
        Command::Resume(args) => resume::run(args).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Jobs(args) => jobs::run(args).await,
        Command::Tasks(args) => tasks::run(args).await,
        Command::Api(args) => api::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Emulator(args) => emulator::run(args).await,
        Command::Login(args) => login::run(args).await,
        Command::Profiles(args) => profiles::run(args),
        Command::Config(args) => config::run(args),
        Command::Campaigns(args) => campaigns::run(args),
        Command::Report(args) => report::run(args),
        Command::Sign(args) => sign::run(args),
        Command::Doctor(args) => doctor::run(args).await,
        Command::Explain(args) => explain::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Version(args) => version::run(args),
    }
}
