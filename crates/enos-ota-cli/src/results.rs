//! What became of each device, on standard output: at once where the form allows it.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, StdoutLock, Write};

use enos_ota_campaign::{Fate, Outcome, Summary};
use serde::{Serialize, Serializer};

use crate::args::Output;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json;
use crate::text::{counted, thousands, visible};

/// Up to so many devices, each gets a line for people; of more, only those that were not accepted, and no more of these.
pub(crate) const LISTED: usize = 50;

/// One device, as scripts read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeviceLine<'a> {
    pub(crate) device_key: &'a str,
    pub(crate) outcome: Outcome,
    pub(crate) code: Option<i64>,
    pub(crate) message: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    /// What became of an accepted device, if anybody has looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fate: Option<Fate>,
    /// Why it failed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

/// One device that was followed, as scripts read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FateLine<'a> {
    pub(crate) device_key: &'a str,
    pub(crate) fate: Fate,
    /// Why it failed.
    pub(crate) reason: Option<&'a str>,
}

/// What stands before the devices in the object that scripts read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head<'a, Sums, More> {
    pub(crate) schema: &'static str,
    pub(crate) job_id: &'a str,
    pub(crate) org_id: &'a str,
    pub(crate) summary: Sums,
    #[serde(flatten)]
    pub(crate) more: More,
}

/// Nothing besides the summary.
#[derive(Serialize)]
pub(crate) struct NoMore {}

/// Standard output, as the results of a command.
///
/// A write that fails is kept until the end: what goes on at the platform does not end because nobody reads of it.
pub(crate) struct Results {
    out: BufWriter<StdoutLock<'static>>,
    form: Output,
    every_device: bool,
    listed: usize,
    unlisted: usize,
    /// Devices of many that were not sent, by the reason: often it is one for all of them.
    skipped: BTreeMap<String, usize>,
    failed: Option<io::Error>,
}

impl Results {
    pub(crate) fn new(form: Output, devices: usize) -> Self {
        Self {
            out: BufWriter::new(io::stdout().lock()),
            form,
            every_device: devices <= LISTED,
            listed: 0,
            unlisted: 0,
            skipped: BTreeMap::new(),
            failed: None,
        }
    }

    /// Tells that a device is settled.
    pub(crate) fn device(&mut self, line: &DeviceLine<'_>) {
        match self.form {
            Output::Text if !self.every_device && line.outcome == Outcome::Skipped => {
                let reason = line.message.unwrap_or_default();
                match self.skipped.get_mut(reason) {
                    Some(count) => *count += 1,
                    None => {
                        self.skipped.insert(reason.to_owned(), 1);
                    }
                }
            }
            Output::Text => {
                if self.every_device || line.outcome != Outcome::Accepted {
                    let text = match (line.code.filter(|code| *code != 0), line.message) {
                        // The code of a success is no news.
                        (Some(code), Some(message)) => format!("{code} {message}"),
                        (_, Some(message)) => message.to_owned(),
                        (_, None) => String::new(),
                    };
                    self.line(line.outcome.as_str(), line.device_key, &text);
                }
            }
            Output::Jsonl => self.json(line),
            Output::Json => {}
        }
    }

    /// Tells how a device ended that was followed.
    pub(crate) fn followed(&mut self, line: &FateLine<'_>) {
        match self.form {
            Output::Text => {
                let reason = line.reason.unwrap_or_default();
                match line.fate {
                    Fate::Succeeded if !self.every_device => {}
                    Fate::Succeeded => self.line("succeeded", line.device_key, ""),
                    Fate::FailedAgain => self.line("failed", line.device_key, reason),
                    Fate::StillFailed => self.line("failed", line.device_key, "still, although the retry was accepted"),
                    Fate::Gone => self.line("gone", line.device_key, "the job has no task for it any more"),
                    Fate::UnderWay => self.line("under way", line.device_key, ""),
                    Fate::NotSeen => self.line("unknown", line.device_key, "not looked at"),
                }
            }
            Output::Jsonl => self.json(line),
            Output::Json => {}
        }
    }

    /// Tells people how an upgrade went that was watched. Of many, the summary tells.
    pub(crate) fn fate(&mut self, device_key: &str, fate: Fate, reason: Option<&str>) {
        if self.form != Output::Text || !self.every_device {
            return;
        }
        if !matches!(fate, Fate::UnderWay | Fate::NotSeen) {
            self.followed(&FateLine {
                device_key,
                fate,
                reason,
            });
        }
    }

    fn line(&mut self, word: &str, device_key: &str, text: &str) {
        if !self.every_device && self.listed == LISTED {
            self.unlisted += 1;
            return;
        }
        self.listed += 1;
        let line = format!("{word:<9} {}  {}", visible(device_key), visible(text));
        self.write(|out| writeln!(out, "{}", line.trim_end()));
    }

    /// Lets the reader have what was written so far.
    pub(crate) fn flush(&mut self) {
        self.write(Write::flush);
    }

    /// Tells people of lines that were left out.
    pub(crate) fn tell_unlisted(&mut self) {
        let mut skipped: Vec<_> = std::mem::take(&mut self.skipped).into_iter().collect();
        skipped.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (reason, count) in skipped {
            self.line("skipped", &counted(count, "device"), &reason);
        }
        self.flush();
        if self.unlisted > 0 {
            console::note(format_args!(
                "and {} more {}; --output json lists all",
                thousands(self.unlisted),
                if self.unlisted == 1 { "line" } else { "lines" }
            ));
        }
    }

    /// Writes the end: the summary, or the whole object.
    pub(crate) fn end<Sums: Serialize, More: Serialize, Lines: Iterator<Item: Serialize>>(
        &mut self,
        head: &Head<'_, Sums, More>,
        lines: impl Fn() -> Lines,
    ) {
        #[derive(Serialize)]
        struct Last<'a, Sums, More> {
            summary: &'a Sums,
            #[serde(flatten)]
            more: &'a More,
        }
        #[derive(Serialize)]
        struct Whole<'a, Sums, More, Devices> {
            #[serde(flatten)]
            head: &'a Head<'a, Sums, More>,
            devices: Devices,
        }
        match self.form {
            Output::Text => {}
            Output::Jsonl => self.json(&Last {
                summary: &head.summary,
                more: &head.more,
            }),
            Output::Json => self.json(&Whole {
                head,
                devices: Sequence(lines),
            }),
        }
        self.flush();
    }

    fn json(&mut self, value: &impl Serialize) {
        self.write(|out| {
            json::write(out, value)?;
            writeln!(out)
        });
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>) {
        if self.failed.is_none()
            && let Err(error) = write(&mut self.out)
        {
            self.failed = Some(error);
        }
    }

    /// The exit code, unless the output could not be written. That the reader has had enough of it is no error.
    pub(crate) fn conclude(self, exit: Exit) -> Result<Exit, Failure> {
        match self.failed {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(exit),
        }
    }
}

/// A sequence that is made while it is written, and never held as a whole.
struct Sequence<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Sequence<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// `24 devices: 20 accepted, 4 rejected`
pub(crate) fn sentence(summary: Summary) -> String {
    let counts: Vec<_> = Outcome::ALL
        .into_iter()
        .filter(|outcome| summary.of(*outcome) > 0)
        .map(|outcome| format!("{} {outcome}", thousands(summary.of(outcome))))
        .collect();
    let devices = counted(summary.requested, "device");
    if counts.is_empty() {
        return devices;
    }
    format!("{devices}: {}", counts.join(", "))
}
