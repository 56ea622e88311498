//! Cancels the tasks of many devices, in calls of at most so many each.
//!
//! No more care is taken than that: unlike a retry, a cancelled task is not brought back by an accident.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::num::NonZeroUsize;

use enos_ota::text::with_causes;
use enos_ota::{Accepted, Client, DeviceKeys, Error, JobId};
use enos_ota_campaign::{Outcome, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Output;
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::results::{DeviceLine, Head, NoMore, Results, sentence};
use crate::session::Session;

/// What became of the devices of one call, or of those that no call was made for.
struct Settled {
    devices: DeviceKeys,
    outcome: Outcome,
    code: Option<i64>,
    message: Option<String>,
    request_id: Option<String>,
}

impl Settled {
    fn lines(&self) -> impl Iterator<Item = DeviceLine<'_>> {
        self.devices.iter().map(|device_key| DeviceLine {
            device_key: device_key.as_str(),
            outcome: self.outcome,
            code: self.code,
            message: self.message.as_deref(),
            request_id: self.request_id.as_deref(),
            fate: None,
            reason: None,
        })
    }
}

/// Makes the calls, writes what became of each device, and decides how the program ends.
pub(crate) async fn run(
    session: &Session,
    job_id: &JobId,
    devices: &DeviceKeys,
    chunk_size: NonZeroUsize,
    output: Output,
) -> Result<Exit, Failure> {
    let client = &session.client;
    let mut run = Run {
        client,
        job_id,
        results: Results::new(output, devices.len()),
        settled: Vec::new(),
        summary: Summary {
            requested: devices.len(),
            ..Summary::default()
        },
        progress: progress_bar(devices, chunk_size),
    };
    let end = run.all(devices, chunk_size).await?;
    run.progress.finish_and_clear();
    let head = Head {
        schema: "enos-ota/cancel/1",
        job_id: job_id.as_str(),
        org_id: client.org_id().as_str(),
        summary: run.summary,
        more: NoMore {},
    };
    let settled = &run.settled;
    run.results.end(&head, || settled.iter().flat_map(Settled::lines));
    run.results.tell_unlisted();
    let exit = conclude(session, run.summary, end, devices.len() > chunk_size.get());
    run.results.conclude(exit)
}

/// How the calls ended.
#[derive(Debug)]
enum End {
    /// Every device was in a call.
    AllSent {
        /// The last refusal, if any.
        refusal: Option<Error>,
    },
    /// An error after which further calls make no sense.
    Stopped(Error),
    Interrupted(Exit),
}

struct Run<'a> {
    client: &'a Client,
    job_id: &'a JobId,
    results: Results,
    settled: Vec<Settled>,
    summary: Summary,
    progress: ProgressBar,
}

impl Run<'_> {
    async fn all(&mut self, devices: &DeviceKeys, chunk_size: NonZeroUsize) -> Result<End, Failure> {
        let mut interrupts = Interrupts::listen()?;
        let mut waiting: VecDeque<_> = devices.chunks(chunk_size).collect();
        let mut refusal = None;
        let end = loop {
            let Some(chunk) = waiting.pop_front() else {
                break End::AllSent { refusal };
            };
            let Some(result) = self.one(&chunk, &mut interrupts).await else {
                self.settle(Settled {
                    devices: chunk,
                    outcome: Outcome::Unknown,
                    code: None,
                    message: Some("interrupted while the call was under way".to_owned()),
                    request_id: None,
                });
                break End::Interrupted(interrupts.exit());
            };
            match result {
                Ok(accepted) => self.settle(Settled {
                    devices: chunk,
                    outcome: Outcome::Accepted,
                    code: Some(0),
                    message: None,
                    request_id: accepted.request_id,
                }),
                Err(error) => {
                    self.settle(settled_by(chunk, &error));
                    // A refusal for what the list holds says nothing of the next list; all else would repeat itself.
                    if Exit::of_error(&error) != Exit::NotAll {
                        break End::Stopped(error);
                    }
                    refusal = Some(error);
                }
            }
            if interrupts.stop().is_some() {
                break if waiting.is_empty() {
                    End::AllSent { refusal }
                } else {
                    End::Interrupted(interrupts.exit())
                };
            }
        };
        let reason = match &end {
            End::Stopped(error) => format!("not sent, because an earlier call failed: {error}"),
            End::AllSent { .. } | End::Interrupted(_) => "not sent: interrupted".to_owned(),
        };
        for chunk in waiting {
            self.settle(Settled {
                devices: chunk,
                outcome: Outcome::Skipped,
                code: None,
                message: Some(reason.clone()),
                request_id: None,
            });
        }
        Ok(end)
    }

    /// Makes one call. `None` if it was abandoned, because the user insisted.
    async fn one(&self, chunk: &DeviceKeys, interrupts: &mut Interrupts) -> Option<Result<Accepted, Error>> {
        let call = self.client.cancel_task(self.job_id, chunk);
        tokio::pin!(call);
        tokio::select! {
            result = &mut call => return Some(result),
            () = interrupts.next() => {}
        }
        self.progress.suspend(|| {
            console::note("Interrupted. Waiting for the call under way; interrupt again to abandon it.");
        });
        tokio::select! {
            result = &mut call => Some(result),
            () = interrupts.next() => None,
        }
    }

    fn settle(&mut self, settled: Settled) {
        self.summary.add(settled.outcome, settled.devices.len());
        self.progress.inc(settled.devices.len() as u64);
        self.progress.suspend(|| {
            settled.lines().for_each(|line| self.results.device(&line));
            self.results.flush();
        });
        self.settled.push(settled);
    }
}

fn settled_by(devices: DeviceKeys, error: &Error) -> Settled {
    let outcome = if error.outcome_unknown() {
        Outcome::Unknown
    } else if error.never_sent() {
        Outcome::Skipped
    } else {
        Outcome::Rejected
    };
    // Where there is a code, it stands beside the message, which is then the platform's own.
    let text = error
        .code()
        .and_then(|_| error.platform_message().or(error.code_info().map(|info| info.message)));
    let message = match (outcome, text) {
        (Outcome::Skipped, _) => format!("not sent: {}", with_causes(error)),
        (Outcome::Unknown, Some(text)) if error.attempts() > 1 => {
            format!("{text} (after an attempt without an answer)")
        }
        (_, Some(text)) => text.to_owned(),
        (_, None) => with_causes(error),
    };
    Settled {
        devices,
        outcome,
        // Of a call that was never sent, the code would be another's: the token service's.
        code: error.code().filter(|_| outcome != Outcome::Skipped),
        message: Some(message),
        request_id: error.request_id().map(str::to_owned),
    }
}

/// Tells the end on standard error, and decides the exit code.
fn conclude(session: &Session, summary: Summary, end: End, several_calls: bool) -> Exit {
    let sentence = sentence(summary);
    let all_accepted = summary.accepted == summary.requested;
    match end {
        End::AllSent { .. } if all_accepted => {
            console::note(sentence);
            Exit::Success
        }
        End::AllSent { refusal } => {
            console::error(sentence);
            if let Some(refusal) = refusal {
                console::hint(refusal.remedy());
                if !several_calls && summary.rejected > 1 && Exit::of_error(&refusal) == Exit::NotAll {
                    console::hint("--chunk-size 1 sends one call a device, so that one device cannot hold up others");
                }
            }
            hint_at_unknown(summary);
            Exit::NotAll
        }
        End::Stopped(error) => {
            let failure = session.failed(error);
            console::failure(&failure);
            hint_at_unknown(summary);
            console::error(format_args!("stopped; {sentence}"));
            failure.exit()
        }
        End::Interrupted(exit) => {
            hint_at_unknown(summary);
            console::error(format_args!("interrupted; {sentence}"));
            exit
        }
    }
}

fn hint_at_unknown(summary: Summary) {
    if summary.unknown > 0 {
        console::hint(
            "a device that is `unknown` may have been cancelled: search the tasks of the job, not sooner than 2 s from \
             now, before you send it again",
        );
    }
}

fn progress_bar(devices: &DeviceKeys, chunk_size: NonZeroUsize) -> ProgressBar {
    if devices.len() <= chunk_size.get() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(devices.len() as u64), ProgressDrawTarget::stderr());
    // The template is constant and valid; without it, the bar only looks plainer.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} devices  {per_sec}  {eta} left") {
        bar.set_style(style);
    }
    bar
}
