//! How a campaign is carried out.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How a campaign is carried out. The defaults are meant for most fleets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Settings {
    /// Requests per second, at the most. By default the campaign finds the gateway's pace by itself.
    pub rate: Option<f64>,
    /// Calls under way at the same time, at the most. By default the campaign finds out how many are good.
    pub concurrency: Option<NonZeroUsize>,
    /// Devices that one search names, 1,000 by default. What the platform takes is not documented; fewer are named
    /// once it complains.
    pub search_size: NonZeroUsize,
    /// Results on a page of a search, 200 by default: the most that the platform takes. It advises at most 50.
    pub page_size: u8,
    /// How long after a call a search tells what it has done: 2.5 s by default. Documented are about 2 s.
    #[serde(with = "seconds")]
    pub lag: Duration,
    /// A few devices first, and more only if those succeed.
    pub waves: Option<Waves>,
    /// Whether a search confirms at the end that the accepted devices have left `failed`. On by default.
    pub verify: bool,
    /// How long to follow the accepted devices to success or failure. Not at all by default.
    #[serde(with = "seconds::option")]
    pub watch: Option<Duration>,
    /// Stop if too many devices are refused.
    pub abort: Option<AbortAbove>,
    /// How many answers in a row may be lost for the same devices before these are given up. 10 by default.
    pub max_lost: u32,
    /// Whether devices whose task nobody has seen are looked up before they are sent. On by default. Without it, nobody
    /// can tell after a lost answer whether a task that is not failed was retried or never was failed.
    pub lookup: bool,
    /// After how many failed calls in a row a gateway is given up that cannot even be reached. 5 by default: it is not
    /// down, but at another address.
    pub first_contact: u32,
    /// How long the gateway may answer nothing before it has answered for the first time. 20 s by default.
    #[serde(with = "seconds")]
    pub contact_patience: Duration,
    /// How long the confirmation at the end may take, if the devices are not watched. One minute by default.
    #[serde(with = "seconds")]
    pub confirm_patience: Duration,
    /// How long the gateway may answer nothing, once it has answered. 10 minutes by default.
    #[serde(with = "seconds")]
    pub patience: Duration,
    /// The longest `Retry-After` that is waited for. 5 minutes by default.
    #[serde(with = "seconds")]
    pub longest_retry_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        const THOUSAND: NonZeroUsize = NonZeroUsize::MIN.saturating_add(999);
        Self {
            rate: None,
            concurrency: None,
            search_size: THOUSAND,
            page_size: 200,
            lag: Duration::from_millis(2500),
            waves: None,
            verify: true,
            watch: None,
            abort: None,
            max_lost: 10,
            lookup: true,
            first_contact: 5,
            contact_patience: Duration::from_secs(20),
            confirm_patience: Duration::from_mins(1),
            patience: Duration::from_mins(10),
            longest_retry_after: Duration::from_mins(5),
        }
    }
}

/// Stop a campaign in which too many devices are refused.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortAbove {
    /// More than this share of the devices that the platform has answered for, in percent.
    pub percent: f64,
    /// Not before so many devices have an answer.
    pub min_sample: usize,
}

/// A few devices first.
///
/// The devices of a wave are retried and watched; the next wave begins only if enough of them have succeeded in time.
/// After the last wave all other devices follow, so a single wave of a few devices is a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waves {
    /// How many devices the first wave, the first two, and so on have together. Ascending.
    pub steps: Vec<WaveSize>,
    /// The share of a wave's accepted devices that must succeed, in percent. 50 by default.
    pub success_percent: f64,
    /// How long to wait for that, for each wave.
    #[serde(with = "seconds")]
    pub timeout: Duration,
}

/// A number of devices, or a share of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaveSize {
    /// So many.
    Devices(usize),
    /// So many in a hundred of the plan, at least one.
    Percent(f64),
}

impl WaveSize {
    /// The number of devices in a plan of so many.
    #[must_use]
    pub fn of(self, planned: usize) -> usize {
        match self {
            Self::Devices(count) => count.min(planned),
            Self::Percent(percent) => {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of devices, rounded up, and no more than there are"
                )]
                let count = (planned as f64 * percent.clamp(0.0, 100.0) / 100.0).ceil() as usize;
                count.clamp(1.min(planned), planned)
            }
        }
    }
}

/// Durations as seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }

    pub(super) mod option {
        use std::time::Duration;

        use serde::{Deserialize as _, Deserializer, Serializer};

        #[expect(clippy::ref_option, reason = "serde passes a reference")]
        pub(in super::super) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => serializer.serialize_some(&duration.as_secs_f64()),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Option::<f64>::deserialize(deserializer)?
                .map(|seconds| Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom))
                .transpose()
        }
    }
}
