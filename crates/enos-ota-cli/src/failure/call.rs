//! What to say of a call that failed: which setting is to blame, and where that setting comes from.

use std::sync::Arc;

use enos_ota::text::with_causes;
use enos_ota::{Error, ErrorKind, GatewayErrorCode, Setting};

use crate::config::{Origin, Sources};
use crate::env;
use crate::exit::blames_organization;

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(super) error: Error,
    /// `None` for errors that no setting is to blame for.
    sources: Option<Arc<Sources>>,
    pub(super) context: Option<String>,
    pub(super) more_hints: Vec<String>,
}

/// What is to blame.
enum Blame {
    Organization,
    AppKey,
    AppSecret,
    Setting(Setting),
    /// The way to the gateway.
    Address,
    /// None of the settings.
    Other,
}

impl Blame {
    fn of(error: &Error) -> Self {
        let gateway_code = error
            .code_of::<GatewayErrorCode>()
            .filter(|_| error.is_of_token_service());
        match (gateway_code, error.setting(), error.kind()) {
            (Some(GatewayErrorCode::UnknownAppKey), ..) => Self::AppKey,
            (Some(GatewayErrorCode::InvalidEncryption), ..) => Self::AppSecret,
            (_, Some(setting), _) => Self::Setting(setting),
            (_, _, ErrorKind::Resolve | ErrorKind::Connect | ErrorKind::Tls | ErrorKind::NoSuchApi) => Self::Address,
            _ if blames_organization(error) => Self::Organization,
            _ => Self::Other,
        }
    }
}

impl Call {
    pub(super) fn new(error: Error, sources: Option<Arc<Sources>>) -> Self {
        Self {
            error,
            sources,
            context: None,
            more_hints: Vec::new(),
        }
    }

    pub(super) fn message(&self) -> String {
        let error = &self.error;
        let plain = || match &self.context {
            Some(context) => format!("{context}: {}", with_causes(error)),
            None => with_causes(error),
        };
        let Some(sources) = &self.sources else {
            return plain();
        };
        let base_url = &sources.base_url;
        match (Blame::of(error), &sources.org_id) {
            (Blame::Organization, Some(org_id)) => format!(
                "organization {} (from {}) does not exist on {}",
                org_id.value, org_id.origin, base_url.value
            ),
            (Blame::AppKey, _) => format!(
                "{} does not know the app key {} ({error})",
                base_url.value, sources.app_key.value
            ),
            (Blame::AppSecret, _) => format!("the platform refused the app secret ({error})"),
            (Blame::Address, _) => format!("{} (base URL from {})", plain(), base_url.origin),
            (Blame::Organization | Blame::Setting(_) | Blame::Other, _) => plain(),
        }
    }

    pub(super) fn hints(&self) -> Vec<String> {
        let mut hints = self.own_hints();
        hints.extend(self.more_hints.iter().cloned());
        hints
    }

    fn own_hints(&self) -> Vec<String> {
        let remedy = self.error.remedy().to_owned();
        let Some(sources) = &self.sources else {
            return vec![remedy];
        };
        let base_url = &sources.base_url;
        match Blame::of(&self.error) {
            Blame::Organization => vec![format!(
                "check the organization id, and that the base URL (from {}) is of its region",
                base_url.origin
            )],
            Blame::AppKey => vec![format!(
                "the app key comes from {}, the base URL from {}; the application must be registered in the cloud of that \
                 address",
                sources.app_key.origin, base_url.origin
            )],
            Blame::AppSecret => vec![
                format!(
                    "the secret comes from {}, and the app key {} from {}",
                    sources.secret, sources.app_key.value, sources.app_key.origin
                ),
                remedy,
            ],
            Blame::Setting(setting) => vec![hint_of(setting, sources)],
            Blame::Address | Blame::Other => vec![remedy],
        }
    }
}

/// What to do about a setting that will not do. The SDK speaks of settings; here they have names.
fn hint_of(setting: Setting, sources: &Sources) -> String {
    let from = |origin: &Origin| format!("it comes from {origin}");
    let stray = "a blank or a line break too many?";
    match setting {
        Setting::AllowHttp => "--allow-http allows it, where nobody else can read the connection".to_owned(),
        Setting::BaseUrl => format!(
            "{}; expected is something like https://apim-gateway.example.com",
            from(&sources.base_url.origin)
        ),
        Setting::AppKey => format!("{}: {stray}", from(&sources.app_key.origin)),
        Setting::AppSecret => format!("it comes from {}: {stray}", sources.secret),
        Setting::OrgId => format!("give --org-id or set {}", env::ORG_ID),
        Setting::RootCertificate => {
            let origin = sources
                .ca_cert
                .as_ref()
                .map_or("--ca-cert".to_owned(), ToString::to_string);
            format!("it comes from {origin}, which must name a PEM file")
        }
        _ => "`enos-ota config show` tells where each setting comes from".to_owned(),
    }
}
