//! From the options to the settings of a campaign.

use enos_ota_campaign::{AbortAbove, Settings, Waves};

use crate::args::{Connection, RetryOptions};

pub(crate) fn settings_of(how: &RetryOptions, connection: &Connection) -> Settings {
    let waves = how.waves.iter().flat_map(|steps| steps.0.iter().copied());
    let steps: Vec<_> = how.canary.into_iter().chain(waves).collect();
    let mut settings = Settings::default();
    settings.rate = how.rate;
    settings.concurrency = how.concurrency;
    settings.waves = (!steps.is_empty()).then_some(Waves {
        steps,
        success_percent: how.canary_success,
        timeout: how.canary_timeout,
    });
    settings.verify = !how.no_verify;
    settings.watch = how.watch.then_some(how.watch_timeout);
    settings.abort = how.abort_above.map(|percent| AbortAbove {
        percent,
        min_sample: how.min_sample,
    });
    if let Some(timeout) = connection.timeout {
        settings.contact_patience = settings.contact_patience.min(timeout);
    }
    if let Some(attempts) = connection.request_attempts {
        settings.first_contact = attempts;
    }
    settings
}
