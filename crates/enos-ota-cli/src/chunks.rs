//! Many devices in calls of at most so many each, and what became of every device.

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::num::NonZeroUsize;

use enos_ota::{Accepted, Client, DeviceKeys, Error, JobId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Devices;
use crate::console;
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::interrupt::Interrupts;
use crate::report::{Outcome, Report, Settled, Summary};

/// What is done with the tasks of the devices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Retry,
    Cancel,
}

impl Action {
    fn schema(self) -> &'static str {
        match self {
            Self::Retry => "enos-ota/retry/1",
            Self::Cancel => "enos-ota/cancel/1",
        }
    }

    async fn call(self, client: &Client, job_id: &JobId, devices: &DeviceKeys) -> Result<Accepted, Error> {
        match self {
            Self::Retry => client.retry_task(job_id, devices).await,
            Self::Cancel => client.cancel_task(job_id, devices).await,
        }
    }
}

/// Makes the calls, writes what became of each device, and decides how the program ends.
pub(crate) async fn run(
    action: Action,
    client: &Client,
    job_id: &JobId,
    devices: &DeviceKeys,
    args: &Devices,
) -> Result<Exit, Failure> {
    let stdout = BufWriter::new(io::stdout().lock());
    let report = Report::new(
        stdout,
        args.output,
        action.schema(),
        job_id.to_string(),
        client.org_id().to_string(),
    );
    let run = Run {
        action,
        client,
        job_id,
        report,
        progress: progress_bar(devices, args.chunk_size),
    };
    let (summary, end) = run.all(devices, args.chunk_size).await?;
    Ok(conclude(&summary, end, devices.len() > args.chunk_size.get()))
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
    Interrupted,
}

struct Run<'a, W> {
    action: Action,
    client: &'a Client,
    job_id: &'a JobId,
    report: Report<W>,
    progress: ProgressBar,
}

impl<W: Write> Run<'_, W> {
    async fn all(mut self, devices: &DeviceKeys, chunk_size: NonZeroUsize) -> Result<(Summary, End), Failure> {
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
                })?;
                break End::Interrupted;
            };
            match result {
                Ok(accepted) => self.settle(Settled {
                    devices: chunk,
                    outcome: Outcome::Accepted,
                    code: Some(0),
                    message: None,
                    request_id: accepted.request_id,
                })?,
                Err(error) => {
                    self.settle(settled_by(chunk, &error))?;
                    // A refusal for what the list holds says nothing of the next list; all else would repeat itself.
                    if Exit::of_error(&error) != Exit::NotAll {
                        break End::Stopped(error);
                    }
                    refusal = Some(error);
                }
            }
            if interrupts.pending() {
                break if waiting.is_empty() {
                    End::AllSent { refusal }
                } else {
                    End::Interrupted
                };
            }
        };
        let reason = match &end {
            End::Stopped(error) => format!("not sent, because an earlier call failed: {error}"),
            End::AllSent { .. } | End::Interrupted => "not sent: interrupted".to_owned(),
        };
        for chunk in waiting {
            self.settle(Settled {
                devices: chunk,
                outcome: Outcome::Skipped,
                code: None,
                message: Some(reason.clone()),
                request_id: None,
            })?;
        }
        self.progress.finish_and_clear();
        Ok((self.report.finish()?, end))
    }

    /// Makes one call. `None` if it was abandoned, because the user insisted.
    async fn one(&self, chunk: &DeviceKeys, interrupts: &mut Interrupts) -> Option<Result<Accepted, Error>> {
        let call = self.action.call(self.client, self.job_id, chunk);
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

    fn settle(&mut self, settled: Settled) -> Result<(), Failure> {
        self.progress.inc(settled.devices.len() as u64);
        self.progress.suspend(|| self.report.settle(settled))?;
        Ok(())
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
fn conclude(summary: &Summary, end: End, several_calls: bool) -> Exit {
    let sentence = summary.sentence();
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
            console::error(with_causes(&error));
            console::hint(error.remedy());
            hint_at_unknown(summary);
            console::error(format_args!("stopped; {sentence}"));
            Exit::of_error(&error)
        }
        End::Interrupted => {
            hint_at_unknown(summary);
            console::error(format_args!("interrupted; {sentence}"));
            Exit::Interrupted
        }
    }
}

fn hint_at_unknown(summary: &Summary) {
    if summary.unknown > 0 {
        console::hint(
            "a device that is `unknown` may have been retried: search the tasks of the job, not sooner than 2 s from \
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
