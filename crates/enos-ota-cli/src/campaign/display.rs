//! Tells on standard error how a campaign goes: drawn anew on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use enos_ota::{Clock as _, SystemClock, WaitReason, Waiting, Window};
use enos_ota_campaign::journal::CallEnd;
use enos_ota_campaign::{Event, Progress, ReadProgress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress_view::{self, ProgressView};
use crate::args::duration_in_words;
use crate::calls;
use crate::console;
use crate::log;
use crate::text::{counted, fit, thousands};

/// How often a terminal is drawn anew.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// How long nothing is said where nothing can be drawn anew: at first, of a few devices at first, and at the most.
const FIRST_SILENCE: Duration = Duration::from_secs(5);
const SILENCE_OF_FEW: Duration = Duration::from_secs(15);
const LONGEST_SILENCE: Duration = Duration::from_mins(1);
/// The same trouble is told no more often than this.
const SAME_TROUBLE: Duration = Duration::from_secs(10);

/// What is said of those that were not told.
fn more(untold: usize) -> String {
    match untold {
        0 => String::new(),
        untold => format!(" ({} more before)", thousands(untold)),
    }
}

/// Standard error while something takes its time.
pub(crate) struct Display {
    /// `None` where nothing can be drawn anew.
    bar: Option<ProgressBar>,
    color: bool,
    /// Whether the phases are told. Of a few devices they are not worth a line.
    talkative: bool,
    silence: Duration,
    last_said: Instant,
    throttled: RateLimitedMessage,
    /// The quota that was told last.
    quota: Option<(u64, Window)>,
    trouble: RateLimitedMessage,
}

/// Something that is told now and then.
#[derive(Default)]
struct RateLimitedMessage {
    last: Option<Instant>,
    untold: usize,
}

impl RateLimitedMessage {
    /// `Some` if it is to be told now, with how often it was not.
    fn again(&mut self) -> Option<usize> {
        if self.last.is_some_and(|last| last.elapsed() < SAME_TROUBLE) {
            self.untold += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.untold))
    }
}

impl Display {
    /// `talkative` if the phases are worth a line each where nothing can be drawn anew.
    pub(crate) fn new(talkative: bool) -> Self {
        // Log lines would run into what is drawn.
        let bar = (console::can_redraw() && !log::is_verbose()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
            // The template is constant and valid; without it, the bar would only look another way.
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            calls::set_bar(Some(bar.clone()));
            bar
        });
        Self {
            bar,
            color: console::has_color(),
            talkative,
            silence: if talkative { FIRST_SILENCE } else { SILENCE_OF_FEW },
            last_said: Instant::now(),
            throttled: RateLimitedMessage::default(),
            quota: None,
            trouble: RateLimitedMessage::default(),
        }
    }

    /// Does something while nothing is drawn, such as writing to standard output, which may be the same terminal.
    pub(crate) fn suspend<T>(&self, what: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(what),
            None => what(),
        }
    }

    /// Writes a line that stays.
    pub(crate) fn say(&mut self, line: impl std::fmt::Display) {
        self.last_said = Instant::now();
        self.suspend(|| console::note(line));
    }

    /// Says what begins, if that is worth a line.
    pub(crate) fn announce(&mut self, line: impl std::fmt::Display) {
        if self.talkative && self.bar.is_none() {
            self.say(line);
        }
    }

    fn draw(&self, lines: &[String]) {
        let Some(bar) = &self.bar else { return };
        // The first line is empty: the terminal shows Ctrl-C as `^C` on a line of its own below, so that the line which is
        // taken for the first, and stays, is the one above it.
        let text = format!("\n{}", lines.join("\n"));
        let text = if self.color {
            text
        } else {
            anstream::adapter::strip_str(&text).to_string()
        };
        bar.set_message(text);
    }

    /// Whether it is time for a line where nothing can be drawn anew.
    fn may_say(&mut self) -> bool {
        if self.last_said.elapsed() < self.silence {
            return false;
        }
        self.silence = (self.silence * 3 / 2).min(LONGEST_SILENCE);
        true
    }

    /// Shows how far the reading of tasks has come.
    pub(crate) fn reading(&mut self, progress: &ReadProgress) {
        if let Some(waiting) = &progress.waiting {
            self.waiting(waiting);
            return;
        }
        let calls = counted(usize::try_from(progress.calls).unwrap_or(usize::MAX), "call");
        if self.bar.is_some() {
            self.draw(&[progress_view::reading(progress, &calls, console::columns())]);
        } else if self.may_say() {
            let again = if progress.reading > 1 { " again" } else { "" };
            let of = progress
                .total
                .map_or_else(String::new, |total| format!(" of {}", thousands(total)));
            self.say(format_args!(
                "{}{of} tasks read{again}, {} selected; {calls}",
                thousands(progress.read),
                thousands(progress.selected),
            ));
        }
    }

    /// Says what the reading of tasks waits for, if it is worth a line.
    fn waiting(&mut self, waiting: &Waiting) {
        if waiting.wait < Duration::from_secs(1) {
            return;
        }
        if let Some(untold) = self.throttled.again() {
            let why = match waiting.why {
                WaitReason::Throttled => "the gateway asks for fewer calls",
                WaitReason::TokenExpired => "the gateway does not accept the access token yet",
                _ => "the gateway does not answer",
            };
            self.say(format_args!(
                "{why}: page {} is asked for again in {:.0} s{}",
                thousands(usize::try_from(waiting.page_no).unwrap_or(usize::MAX)),
                waiting.wait.as_secs_f64(),
                more(untold)
            ));
        }
    }

    /// Shows how a campaign stands.
    pub(crate) fn progress(&mut self, view: &ProgressView, progress: &Progress) {
        if self.bar.is_some() {
            self.draw(&view.lines(progress, console::columns()));
        } else if self.may_say()
            && let Some(sentence) = view.sentence(progress)
        {
            self.say(sentence);
        }
    }

    /// Says what an event is worth a line for.
    pub(crate) fn event(&mut self, view: &ProgressView, event: &Event) {
        match event {
            Event::WaveBegan { wave, devices, .. } => {
                let name = view.wave_name(*wave);
                self.say(format_args!("{name}: {}", counted(*devices, "device")));
            }
            Event::WaveEnded {
                wave,
                accepted,
                succeeded,
                failed,
                passed,
            } => {
                let verdict = if *passed {
                    console::styled(console::GOOD, "passed")
                } else {
                    console::styled(console::BAD, "failed")
                };
                let name = view.wave_name(*wave);
                self.say(format_args!(
                    "{name} {verdict}: {} of {} succeeded, {} failed again",
                    thousands(*succeeded),
                    thousands(*accepted),
                    thousands(*failed)
                ));
            }
            Event::Answered { end, devices } if log::is_verbose() => {
                let end = match end {
                    CallEnd::Accepted => "accepted",
                    CallEnd::NotFailed => "refused: not all of them are failed",
                    CallEnd::Lost => "no answer",
                    CallEnd::Throttled => "refused: too many calls",
                    CallEnd::NotSent => "not sent",
                    CallEnd::TooMany => "refused: too many devices",
                    CallEnd::Refused => "refused",
                };
                self.say(format_args!("retry of {}: {end}", counted(*devices, "device")));
            }
            Event::ChunkSize { devices } => {
                self.say(format_args!(
                    "the list was too long: {} a call from now on",
                    counted(*devices, "device")
                ));
            }
            Event::Learned { message } => self.say(console::warning_line(message)),
            Event::Throttled {
                pause,
                quota: Some((calls, window)),
            } => {
                // What is new is told at once.
                if self.quota.replace((*calls, *window)) != Some((*calls, *window)) {
                    self.throttled = RateLimitedMessage::default();
                }
                if let Some(untold) = self.throttled.again() {
                    let left = view.left_with(*pause, *calls, *window);
                    let text = used_up(*calls, *window, *pause, left, SystemClock.now_ms());
                    self.say(format_args!("{text}{}", more(untold)));
                }
            }
            Event::Throttled { pause, quota: None } => {
                if let Some(untold) = self.throttled.again() {
                    self.say(format_args!(
                        "the gateway asks for fewer calls: a pause of {:.1} s{}",
                        pause.as_secs_f64(),
                        more(untold)
                    ));
                }
            }
            // The end tells of a few devices.
            Event::Trouble { message } if self.talkative => {
                if let Some(untold) = self.trouble.again() {
                    let more = more(untold);
                    // One line; a file may have all of it.
                    let message = match &self.bar {
                        Some(_) => fit(
                            message,
                            console::columns().saturating_sub("warning: ".len() + more.len()),
                        ),
                        None => message.to_string(),
                    };
                    self.say(console::warning_line(format_args!("{message}{more}")));
                }
            }
            Event::Following { devices, to_the_end } => {
                let have = if *devices == 1 { "has" } else { "have" };
                let devices = counted(*devices, "device");
                self.announce(if *to_the_end {
                    format!("following {devices} until the upgrades succeed or fail")
                } else {
                    format!("checking whether {devices} {have} left `failed`")
                });
            }
            _ => {}
        }
    }

    /// Takes away what was drawn.
    pub(crate) fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            calls::set_bar(None);
            bar.finish_and_clear();
        }
    }
}

fn name_of(window: Window) -> &'static str {
    match window {
        Window::Second => "second",
        Window::Minute => "minute",
        Window::Hour => "hour",
        Window::Day => "day",
        _ => "month",
    }
}

/// What is said of a quota that is used up. `left` is how long the retries will take, if that is known.
fn used_up(calls: u64, window: Window, pause: Duration, left: Option<Duration>, now_ms: i64) -> String {
    let calls = counted(usize::try_from(calls).unwrap_or(usize::MAX), "call");
    let pause = duration_in_words(pause.saturating_add(Duration::from_nanos(999_999_999)));
    let done = left
        .and_then(|left| time_of_day(now_ms, left))
        .map(|time| format!("; done by about {time}"))
        .unwrap_or_default();
    format!(
        "the gateway allows {calls} per {}; next calls in {pause}{done}",
        name_of(window)
    )
}

/// The time after so long, with the day if it is another one. `None` if that is farther off than anybody plans.
fn time_of_day(now_ms: i64, left: Duration) -> Option<String> {
    let now = jiff::Timestamp::from_millisecond(now_ms).ok()?;
    let then = now.checked_add(jiff::SignedDuration::try_from(left).ok()?).ok()?;
    let days = |time: jiff::Timestamp| time.as_second().div_euclid(24 * 60 * 60);
    let format = match days(then) - days(now) {
        0 => "%H:%M UTC",
        1..=366 => "%Y-%m-%d %H:%M UTC",
        _ => return None,
    };
    Some(then.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_is_told_with_the_end_if_that_is_known() {
        const AT_16_02: i64 = 1_772_380_920_000;
        let say = |pause, left| used_up(600, Window::Minute, Duration::from_millis(pause), left, AT_16_02);
        for (pause, left, end) in [
            (40_400, Some(Duration::from_secs(1081)), "41 s; done by about 16:20 UTC"),
            (1_000, None, "1 s"),
            (
                60_000,
                Some(Duration::from_hours(10)),
                "1 min; done by about 2026-03-02 02:02 UTC",
            ),
            (0, Some(Duration::MAX), "0 s"),
        ] {
            let text = format!("the gateway allows 600 calls per minute; next calls in {end}");
            assert_eq!(say(pause, left), text);
        }
    }
}
