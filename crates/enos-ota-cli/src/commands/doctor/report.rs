//! What was found, step by step.

use anstyle::Style;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::Setting;
use crate::console::{BAD, FAINT, GOOD, styled};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::layout::labelled;
use crate::text::visible;

/// A step of the path of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    Settings,
    Proxy,
    Dns,
    Tcp,
    Tls,
    Clock,
    Token,
    Signature,
    Permission,
    Read,
    Limits,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::Settings,
        Self::Proxy,
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Clock,
        Self::Token,
        Self::Signature,
        Self::Permission,
        Self::Read,
        Self::Limits,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Proxy => "proxy",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Clock => "clock",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::Permission => "permission",
            Self::Read => "read",
            Self::Limits => "limits",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Ok,
    Failed,
    Skipped,
}

#[derive(Debug, Serialize)]
struct Finding {
    step: Step,
    status: Status,
    message: String,
    hints: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    facts: Map<String, Value>,
}

/// The findings so far. Each step is told once, in order.
#[derive(Debug, Default)]
pub(super) struct Report {
    settings: Vec<Setting>,
    findings: Vec<Finding>,
    exit: Option<Exit>,
}

/// As `--output json` prints it; `enos-ota help doctor` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<'a> {
    schema: &'static str,
    time: String,
    version: &'static str,
    target: &'static str,
    stopped_at: Option<Step>,
    exit: u8,
    settings: &'a [Setting],
    steps: &'a [Finding],
}

impl Report {
    pub(super) fn set_settings(&mut self, settings: Vec<Setting>) {
        self.settings = settings;
    }

    pub(super) fn ok(&mut self, step: Step, message: impl Into<String>) {
        self.add(step, Status::Ok, message.into(), Vec::new());
    }

    pub(super) fn skipped(&mut self, step: Step, why: impl Into<String>) {
        self.add(step, Status::Skipped, why.into(), Vec::new());
    }

    /// The path ends here: what comes after it is skipped.
    pub(super) fn failed(&mut self, step: Step, failure: &Failure) {
        self.stop(step, failure.to_string(), failure.hints(), failure.exit());
    }

    pub(super) fn stop(&mut self, step: Step, message: String, hints: Vec<String>, exit: Exit) {
        self.add(step, Status::Failed, message, hints);
        self.exit = Some(exit);
        for later in Step::ALL.into_iter().filter(|other| *other > step) {
            self.skipped(later, "not reached");
        }
    }

    /// Adds what is known to a step that was told.
    pub(super) fn fact(&mut self, step: Step, name: &str, value: impl Into<Value>) {
        if let Some(finding) = self.findings.iter_mut().find(|finding| finding.step == step) {
            finding.facts.insert(name.to_owned(), value.into());
        }
    }

    /// Adds to the message of a step that was told.
    pub(super) fn append(&mut self, step: Step, text: &str) {
        if let Some(finding) = self.findings.iter_mut().find(|finding| finding.step == step) {
            finding.message.push_str(text);
        }
    }

    fn add(&mut self, step: Step, status: Status, message: String, hints: Vec<String>) {
        self.findings.push(Finding {
            step,
            status,
            message,
            hints,
            facts: Map::new(),
        });
    }

    pub(super) fn stopped_at(&self) -> Option<Step> {
        self.findings
            .iter()
            .find(|finding| finding.status == Status::Failed)
            .map(|finding| finding.step)
    }

    pub(super) fn exit(&self) -> Exit {
        self.exit.unwrap_or(Exit::Success)
    }

    pub(super) fn object(&self) -> Object<'_> {
        Object {
            schema: "enos-ota/doctor/1",
            time: now(),
            version: env!("CARGO_PKG_VERSION"),
            target: env!("ENOS_OTA_TARGET"),
            stopped_at: self.stopped_at(),
            exit: self.exit().code(),
            settings: &self.settings,
            steps: &self.findings,
        }
    }

    pub(super) fn text(&self) -> String {
        let mut lines = vec![
            format!(
                "enos-ota {} doctor, {}, {}",
                env!("CARGO_PKG_VERSION"),
                env!("ENOS_OTA_TARGET"),
                now()
            ),
            String::new(),
        ];
        for finding in &self.findings {
            finding.lines(&mut lines);
            if finding.step == Step::Settings {
                lines.extend(self.settings.iter().map(setting_line));
            }
        }
        lines.push(String::new());
        lines.push(match self.stopped_at() {
            None => "A signed call works.".to_owned(),
            Some(step) => format!("Stopped at `{}`; exit code {}.", step.name(), self.exit().code()),
        });
        lines.push(String::new());
        lines.join("\n")
    }
}

impl Finding {
    fn lines(&self, lines: &mut Vec<String>) {
        let (word, style) = match self.status {
            Status::Ok => ("ok", GOOD),
            Status::Failed => ("failed", BAD),
            Status::Skipped => ("skipped", FAINT),
        };
        let label = format!("{word:<8} {:<11} ", self.step.name());
        let text = labelled(&label, &self.message);
        lines.push(text.replacen(word, &styled(style, word), 1));
        for hint in &self.hints {
            lines.push(labelled(&format!("{:21}hint: ", ""), hint));
        }
    }
}

fn setting_line(setting: &Setting) -> String {
    let value = visible(setting.value.as_deref().unwrap_or("-")).into_owned();
    let source = visible(setting.source.as_deref().unwrap_or("not set")).into_owned();
    let faint: Style = FAINT;
    format!(
        "{:21}{:<11} {value}  {}",
        "",
        setting.name,
        styled(faint, format_args!("({source})"))
    )
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
