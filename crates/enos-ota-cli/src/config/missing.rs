//! What is said of settings that nobody has given: all of them at once, where was looked, and how to give them.

use super::file::{Config, NamedProfile};
use crate::demo;
use crate::env::{self, Variable};
use crate::failure::Failure;
use crate::text::shell_word;

/// A setting without which nothing can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    BaseUrl,
    AppKey,
    AppSecret,
    OrgId,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::BaseUrl => "base URL",
            Self::AppKey => "app key",
            Self::AppSecret => "app secret",
            Self::OrgId => "organization id",
        }
    }

    fn variable(self) -> &'static Variable {
        match self {
            Self::BaseUrl => &env::BASE_URL,
            Self::AppKey => &env::APP_KEY,
            Self::AppSecret => &env::APP_SECRET,
            Self::OrgId => &env::ORG_ID,
        }
    }
}

/// The error, with every way to mend it.
pub(crate) fn failure(config: &Config, profile: Option<&NamedProfile>, missing: &[Need]) -> Failure {
    let names: Vec<_> = missing.iter().map(|need| need.name()).collect();
    let verb = if missing.len() == 1 { "is" } else { "are" };
    let place = config.place();
    let looked_at = match (profile, config.names()) {
        (Some(profile), _) => format!(
            "the profile `{}` in {place} does not have {}",
            profile.name,
            them(missing)
        ),
        (None, Some(_)) => format!("no profile is chosen, and {place} has no `default`"),
        (None, None) if config.exists => format!("{place} has no profile"),
        (None, None) => format!("there is no {place}"),
    };
    let mut failure = Failure::usage(format!("not configured: {} {verb} missing; {looked_at}", and(&names)));
    if let (None, Some(names), Some(first)) = (profile, config.names(), config.profiles.keys().next()) {
        failure = failure.with_hint(format!(
            "its profiles are {names}: use --profile {first} or {}={first}",
            env::PROFILE
        ));
    }
    let option = match profile {
        Some(profile) if profile.name != super::file::DEFAULT => format!(" --profile {}", shell_word(&profile.name)),
        _ => String::new(),
    };
    let variables: Vec<_> = missing.iter().map(|need| need.variable().name).collect();
    failure = failure
        .with_hint(format!(
            "enos-ota login{option}    asks for {}, checks each, and writes a profile",
            them(missing)
        ))
        .with_hint(format!("or set {}", and(&variables)));
    if missing.contains(&Need::BaseUrl) {
        failure = failure.with_hint(format!("without an account: {}", demo::COMMAND));
    }
    failure
}

fn them(missing: &[Need]) -> &'static str {
    if missing.len() == 1 { "it" } else { "them" }
}

/// `a, b and c`
fn and(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
