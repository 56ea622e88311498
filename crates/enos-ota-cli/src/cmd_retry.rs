//! `enos-ota retry`

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::num::NonZeroUsize;

use enos_ota::{Accepted, Client, DeviceKeys, Error, JobId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Retry;
use crate::config::missing_org_id;
use crate::console;
use crate::demo;
use crate::device_keys::{self, Source};
use crate::exit::Exit;
use crate::failure::{Failure, with_causes};
use crate::interrupt::Interrupts;
use crate::report::{Outcome, Report, Settled, Summary};

pub(crate) async fn run(args: &Retry) -> Result<Exit, Failure> {
    let source = match &args.device_keys_file {
        Some(file) => Some(Source::File(file)),
        None if args.device_keys.is_empty() => None,
        None => Some(Source::Arguments(&args.device_keys)),
    };
    let (Some(job_id), Some(source)) = (&args.job_id, source) else {
        return explain_what_is_missing(args);
    };
    let job_id: JobId = job_id
        .parse()
        .map_err(|_| Failure::usage("the job id is empty").with_hint("give the id of the OTA job with --job-id"))?;
    let devices = device_keys::read(&source)?;

    // Kept until the end: the emulator stops when it is dropped.
    let emulator;
    let (builder, org_id) = if args.connection.emulator {
        emulator = demo::start().await?;
        let builder = args.connection.tune(demo::client_of(&emulator)?);
        (
            builder,
            Some(args.org_id.clone().unwrap_or_else(|| emulator.org_id().to_owned())),
        )
    } else {
        args.connection.resolve(args.org_id.as_deref())?
    };
    let client = builder.org_id(org_id.ok_or_else(missing_org_id)?).build()?;

    let stdout = BufWriter::new(io::stdout().lock());
    let report = Report::new(stdout, args.output, job_id.to_string(), client.org_id().to_string());
    let run = Run {
        client: &client,
        job_id: &job_id,
        report,
        progress: progress_bar(&devices, args.chunk_size),
    };
    let (summary, end) = run.all(&devices, args.chunk_size).await?;
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
        let call = self.client.retry_task(self.job_id, chunk);
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

fn explain_what_is_missing(args: &Retry) -> Result<Exit, Failure> {
    if args.connection.emulator
        && args.job_id.is_none()
        && args.device_keys.is_empty()
        && args.device_keys_file.is_none()
    {
        let explanation = demo::explanation();
        if io::stdout().is_terminal() {
            write!(io::stdout(), "{explanation}")?;
            return Ok(Exit::Success);
        }
        console::note(explanation);
    }
    let (what, hint) = if args.job_id.is_none() {
        ("no job was given", "give the id of the OTA job with --job-id")
    } else {
        (
            "no device keys were given",
            "name devices, or a file with one device key a line with --device-keys-file",
        )
    };
    Err(Failure::usage(what).with_hint(hint))
}
