//! What became of each device, and how that is written.

use std::io::{self, Write};

use enos_ota::{DeviceKey, DeviceKeys};
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use crate::args::Output;

/// What became of the devices of one call, or of those that no call was made for.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) devices: DeviceKeys,
    pub(crate) outcome: Outcome,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// The platform accepted the call that carried the device.
    Accepted,
    /// The platform refused it.
    Rejected,
    /// No call that carried it was sent.
    Skipped,
    /// A call was sent, and no answer tells what became of it.
    Unknown,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) requested: usize,
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    pub(crate) skipped: usize,
    pub(crate) unknown: usize,
}

impl Summary {
    fn add(&mut self, settled: &Settled) {
        let devices = settled.devices.len();
        self.requested += devices;
        *match settled.outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Unknown => &mut self.unknown,
        } += devices;
    }

    /// `24 devices: 20 accepted, 4 rejected`
    pub(crate) fn sentence(&self) -> String {
        let counts: Vec<_> = [
            (self.accepted, Outcome::Accepted),
            (self.rejected, Outcome::Rejected),
            (self.skipped, Outcome::Skipped),
            (self.unknown, Outcome::Unknown),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, outcome)| format!("{count} {}", outcome.word()))
        .collect();
        let devices = if self.requested == 1 { "device" } else { "devices" };
        format!("{} {devices}: {}", self.requested, counts.join(", "))
    }
}

/// One device, as scripts read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceLine<'a> {
    device_key: &'a DeviceKey,
    outcome: Outcome,
    code: Option<i64>,
    message: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl Settled {
    fn lines(&self) -> impl Iterator<Item = DeviceLine<'_>> {
        self.devices.iter().map(|device_key| DeviceLine {
            device_key,
            outcome: self.outcome,
            code: self.code,
            message: self.message.as_deref(),
            request_id: self.request_id.as_deref(),
        })
    }
}

/// Collects what became of the devices and writes it: at once where the form allows it.
pub(crate) struct Report<W> {
    out: W,
    form: Output,
    schema: &'static str,
    job_id: String,
    org_id: String,
    settled: Vec<Settled>,
    summary: Summary,
}

impl<W: Write> Report<W> {
    pub(crate) fn new(out: W, form: Output, schema: &'static str, job_id: String, org_id: String) -> Self {
        Self {
            out,
            form,
            schema,
            job_id,
            org_id,
            settled: Vec::new(),
            summary: Summary::default(),
        }
    }

    pub(crate) fn settle(&mut self, settled: Settled) -> io::Result<()> {
        self.summary.add(&settled);
        match self.form {
            Output::Text => {
                for line in settled.lines() {
                    write!(self.out, "{:<9} {}", line.outcome.word(), line.device_key.as_str())?;
                    if let Some(message) = line.message {
                        // The code of a success is no news.
                        match line.code.filter(|code| *code != 0) {
                            Some(code) => write!(self.out, "  {code} {message}")?,
                            None => write!(self.out, "  {message}")?,
                        }
                    }
                    writeln!(self.out)?;
                }
                self.out.flush()
            }
            Output::Jsonl => {
                for line in settled.lines() {
                    serde_json::to_writer(&mut self.out, &line)?;
                    writeln!(self.out)?;
                }
                self.out.flush()
            }
            Output::Json => {
                self.settled.push(settled);
                Ok(())
            }
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<Summary> {
        match self.form {
            Output::Text => {}
            Output::Jsonl => {
                #[derive(Serialize)]
                struct Last {
                    summary: Summary,
                }
                serde_json::to_writer(&mut self.out, &Last { summary: self.summary })?;
                writeln!(self.out)?;
            }
            Output::Json => {
                serde_json::to_writer(
                    &mut self.out,
                    &Whole {
                        schema: self.schema,
                        job_id: &self.job_id,
                        org_id: &self.org_id,
                        summary: self.summary,
                        devices: &self.settled,
                    },
                )?;
                writeln!(self.out)?;
            }
        }
        self.out.flush()?;
        Ok(self.summary)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    schema: &'static str,
    job_id: &'a str,
    org_id: &'a str,
    summary: Summary,
    #[serde(serialize_with = "every_device")]
    devices: &'a [Settled],
}

fn every_device<S: Serializer>(settled: &&[Settled], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(None)?;
    for line in settled.iter().flat_map(Settled::lines) {
        sequence.serialize_element(&line)?;
    }
    sequence.end()
}
