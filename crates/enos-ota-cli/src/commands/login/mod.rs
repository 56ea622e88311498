//! `enos-ota login`

mod ask;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use enos_ota::search::Expression;
use enos_ota::{Client, ErrorKind, GatewayErrorCode, PageSize, RetryPolicy};

use ask::{again_if_typed, ask, ask_secret, can_ask, secret};

use crate::args::{Login, duration_in_words};
use crate::config::{self, Config, NamedProfile, NewProfile, Origin, Parts, Sourced, Sources};
use crate::console;
use crate::env::{self, Variable};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring;
use crate::text::{counted, shell_word, visible};

/// An application that no platform has: the base URL is right if the token service says that it does not know it.
const NO_APPLICATION: &str = "enos-ota-login";

pub(crate) async fn run(args: &Login) -> Result<Exit, Failure> {
    let connection = &args.target.connection;
    if connection.emulator {
        return Err(Failure::usage("the emulator needs no profile").with_hint(crate::demo::COMMAND));
    }
    let file = Config::load(connection.config.as_deref())?;
    let Some(path) = file.file.as_ref().map(|file| file.value.clone()) else {
        return Err(Failure::usage("this user has no configuration folder").with_hint("name a file with --config"));
    };
    let name =
        config::wanted(connection.profile.as_deref())?.map_or_else(|| config::DEFAULT.to_owned(), |name| name.value);
    let before = file.profiles.get(&name).map(|profile| NamedProfile {
        name: name.clone(),
        file: path.clone(),
        profile: profile.clone(),
    });
    let mut dialogue = Dialogue::new(args, before)?;
    console::note(format_args!(
        "profile `{}` in {}",
        visible(&name),
        visible(&path.to_string_lossy())
    ));

    let base_url = dialogue.base_url().await?;
    let (app_key, secret, life) = dialogue.credentials(&base_url).await?;
    let (org_id, jobs) = dialogue.organization(&base_url, &app_key, &secret).await?;

    let kept = if args.no_keyring {
        Err("as --no-keyring asks".to_owned())
    } else {
        keyring::set(&app_key, &secret)
    };
    let secret_file = config::save(
        &path,
        &NewProfile {
            name: &name,
            base_url: &base_url,
            app_key: &app_key,
            org_id: &org_id,
            allow_http: dialogue.allow_http(),
            ca_cert: dialogue
                .ca_cert()
                .map(|file| std::path::absolute(&file.value))
                .transpose()?,
            proxy: dialogue.proxy().as_ref().map(|proxy| proxy.value.as_str()),
            secret: kept.is_err().then_some(secret.as_str()),
        },
    )?;
    let place = match (secret_file, kept) {
        (Some(file), Err(why)) => format!("{}, which only you can read ({why})", file.display()),
        _ => keyring::NAME.to_owned(),
    };
    let option = match name.as_str() {
        config::DEFAULT => String::new(),
        name => format!(" --profile {}", shell_word(name)),
    };
    console::note(format_args!(
        "\nsaved in {}; the secret in {}\n\nWhat works now:\n  access token  yes, for {}\n  jobs          {}\n\nnext: enos-ota jobs \
         list{option}",
        visible(&path.to_string_lossy()),
        visible(&place),
        duration_in_words(life),
        visible(&jobs),
    ));
    Ok(Exit::Success)
}

/// Asks for what is not given.
struct Dialogue<'a> {
    args: &'a Login,
    before: Option<NamedProfile>,
    base_url: Option<Sourced<String>>,
    app_key: Option<Sourced<String>>,
    secret: Option<Sourced<String>>,
    org_id: Option<Sourced<String>>,
}

impl<'a> Dialogue<'a> {
    /// With what the options, the variables and standard input give. Without a terminal, that must be all.
    fn new(args: &'a Login, before: Option<NamedProfile>) -> Result<Self, Failure> {
        let connection = &args.target.connection;
        let given =
            |option: Option<&String>, name, variable: &'static Variable| config::first(option, name, variable, None);
        let mut dialogue = Self {
            base_url: given(connection.base_url.as_ref(), "--base-url", &env::BASE_URL)?,
            app_key: given(connection.app_key.as_ref(), "--app-key", &env::APP_KEY)?,
            secret: secret(args)?,
            org_id: given(args.target.org_id.as_ref(), "--org-id", &env::ORG_ID)?,
            args,
            before,
        };
        if !can_ask(args) {
            // What the profile has need not be given again, but for the secret, which is to be checked.
            dialogue.base_url = dialogue
                .base_url
                .take()
                .or_else(|| dialogue.old(|p| p.base_url.as_ref()));
            dialogue.app_key = dialogue.app_key.take().or_else(|| dialogue.old(|p| p.app_key.as_ref()));
            dialogue.org_id = dialogue.org_id.take().or_else(|| dialogue.old(|p| p.org_id.as_ref()));
            dialogue.refuse_if_incomplete()?;
        }
        Ok(dialogue)
    }

    fn old(&self, get: impl FnOnce(&config::Profile) -> Option<&String>) -> Option<Sourced<String>> {
        self.before.as_ref()?.text(get)
    }

    fn refuse_if_incomplete(&self) -> Result<(), Failure> {
        let missing: Vec<_> = [
            (&self.base_url, format!("--base-url or {}", env::BASE_URL)),
            (&self.app_key, format!("--app-key or {}", env::APP_KEY)),
            (
                &self.secret,
                format!("--secret-stdin, --app-secret-file or {}", env::APP_SECRET),
            ),
            (&self.org_id, format!("--org-id or {}", env::ORG_ID)),
        ]
        .into_iter()
        .filter_map(|(given, ways)| given.is_none().then_some(ways))
        .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let failure = Failure::usage("there is no terminal to ask on, and not every answer is given");
        Err(missing
            .into_iter()
            .fold(failure, |failure, ways| failure.with_hint(format!("give {ways}"))))
    }

    fn allow_http(&self) -> bool {
        let before = self.before.as_ref().and_then(|before| before.profile.allow_http);
        self.args.target.connection.allow_http || before.unwrap_or(false)
    }

    fn ca_cert(&self) -> Option<Sourced<PathBuf>> {
        let given = self.args.target.connection.ca_cert.clone();
        given
            .map(|file| Sourced::new(file, Origin::Option("--ca-cert")))
            .or_else(|| {
                let before = self.before.as_ref()?;
                let file = before.profile.ca_cert.as_ref()?;
                Some(Sourced::new(before.beside(file), before.origin()))
            })
    }

    fn proxy(&self) -> Option<Sourced<String>> {
        let given = self.args.target.connection.proxy.clone();
        given
            .map(|proxy| Sourced::new(proxy, Origin::Option("--proxy")))
            .or_else(|| self.old(|p| p.proxy.as_ref()))
    }

    fn client(
        &self,
        base_url: &Sourced<String>,
        app_key: Sourced<String>,
        secret: Sourced<String>,
        org_id: Option<Sourced<String>>,
    ) -> Result<(Client, Arc<Sources>), Failure> {
        let connection = &self.args.target.connection;
        let resolved = Parts {
            base_url: base_url.clone(),
            app_key,
            secret_source: secret.origin.to_string(),
            secret: secret.value,
            allow_http: self.allow_http(),
            ca_cert: self.ca_cert(),
            proxy: self.proxy(),
            org_id: org_id.clone(),
        }
        .build(connection)?;
        let mut builder = resolved
            .builder
            .org_id(org_id.map_or_else(|| "none".to_owned(), |org_id| org_id.value));
        // Somebody waits for the answer, and can ask again.
        if connection.request_attempts.is_none() {
            builder = builder.retry_policy(RetryPolicy::never());
        }
        let client = builder
            .build()
            .map_err(|error| Failure::of_call(error, &resolved.sources))?;
        Ok((client, resolved.sources))
    }

    /// The address of a gateway that has a token service.
    async fn base_url(&mut self) -> Result<Sourced<String>, Failure> {
        loop {
            let old = self.old(|p| p.base_url.as_ref());
            let mut answer = match self.base_url.take() {
                Some(given) => given,
                None => ask(
                    "Base URL of the API gateway",
                    old.as_ref().map(|old| old.value.as_str()),
                )?,
            };
            if let Some(completed) = config::with_scheme(&answer) {
                answer.value = completed;
            }
            let checked = self.check_gateway(&answer).await;
            match checked {
                Ok(()) => {
                    console::note(format_args!("  {} answers as an EnOS gateway", visible(&answer)));
                    return Ok(answer);
                }
                Err(failure) => again_if_typed(&answer, failure)?,
            }
        }
    }

    async fn check_gateway(&self, base_url: &Sourced<String>) -> Result<(), Failure> {
        let nobody = Sourced::new(NO_APPLICATION.to_owned(), Origin::Default);
        let (client, sources) = self.client(base_url, nobody.clone(), nobody, None)?;
        match client.token_source().token().await {
            Ok(_) => Ok(()),
            // It has answered in the words of the token service.
            Err(error) if error.is_of_token_service() && error.code().is_some() => Ok(()),
            Err(error) => Err(Failure::of_call(error, &sources)),
        }
    }

    /// A key and a secret that get a token, and how long it lives.
    async fn credentials(
        &mut self,
        base_url: &Sourced<String>,
    ) -> Result<(Sourced<String>, Sourced<String>, Duration), Failure> {
        loop {
            let old = self.old(|p| p.app_key.as_ref());
            let app_key = match self.app_key.take() {
                Some(given) => given,
                None => ask("App key (access key)", old.as_ref().map(|old| old.value.as_str()))?,
            };
            let secret = match self.secret.take() {
                Some(given) => given,
                None => ask_secret()?,
            };
            let (client, sources) = match self.client(base_url, app_key.clone(), secret.clone(), None) {
                Ok(client) => client,
                Err(failure) => {
                    again_if_typed(&secret, failure)?;
                    self.app_key = Some(app_key);
                    continue;
                }
            };
            let tokens = client.token_source();
            let Err(error) = tokens.token().await else {
                console::note("  key and secret are right");
                return Ok((app_key, secret, tokens.remaining_life().unwrap_or_default()));
            };
            let key_is_wrong = error.code_of::<GatewayErrorCode>() == Some(GatewayErrorCode::UnknownAppKey);
            let failure = Failure::of_call(error, &sources);
            if key_is_wrong {
                again_if_typed(&app_key, failure)?;
                self.secret = Some(secret);
            } else {
                again_if_typed(&secret, failure)?;
                self.app_key = Some(app_key);
            }
        }
    }

    /// An organization that the platform knows, and what can be read of its jobs.
    async fn organization(
        &mut self,
        base_url: &Sourced<String>,
        app_key: &Sourced<String>,
        secret: &Sourced<String>,
    ) -> Result<(Sourced<String>, String), Failure> {
        loop {
            let old = self.old(|p| p.org_id.as_ref());
            let org_id = match self.org_id.take() {
                Some(given) => given,
                None => ask("Organization id (OU)", old.as_ref().map(|old| old.value.as_str()))?,
            };
            let (client, sources) = self.client(base_url, app_key.clone(), secret.clone(), Some(org_id.clone()))?;
            match client.search_jobs(&Expression::raw(""), 1, PageSize::default()).await {
                Ok(page) => {
                    let total = page.total_size.and_then(|total| usize::try_from(total).ok());
                    let jobs = counted(total.unwrap_or(page.items.len()), "job");
                    console::note(format_args!("  {} has {jobs}", visible(&org_id)));
                    return Ok((org_id, format!("yes, {jobs} can be listed")));
                }
                // Key and organization may be right, and the permission to list jobs be missing.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && org_id.origin != Origin::Typed => {
                    let failure = Failure::of_call(error, &sources);
                    console::failure(&failure);
                    return Ok((org_id, format!("no: {failure}")));
                }
                Err(error) => again_if_typed(&org_id, Failure::of_call(error, &sources))?,
            }
        }
    }
}
