//! `cargo xtask lint`: what is wrong with the document, and what a reader of it would miss.
//!
//! [`crate::check`] finds what the generator would pass over or panic at. The rules here are about the rest: examples that
//! are not what their schema says, things that are not described, and what the platform does not document but the text
//! presents as if it did. Each rule has a name that does not change, so that a script can rely on it.

pub mod command;
mod completeness;
mod consistency;
mod examples;
mod render;
mod schema;
mod text;
mod undocumented;

use std::fmt;

use crate::check::{check_by_rule, shape};
use crate::diagnostic::Diagnostic;
use crate::generate::generate;
use crate::spec::Document;

pub use render::Format;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document must not stay like this.
    Error,
    /// There may be a reason for it.
    Warning,
}

impl Severity {
    /// Its name, as printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What and where.
    pub diagnostic: Diagnostic,
    /// The rule that is broken.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
}

/// Collects what the rules find.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, rule: &'static str, diagnostic: Diagnostic) {
        self.add(rule, Severity::Error, diagnostic);
    }

    fn warning(&mut self, rule: &'static str, diagnostic: Diagnostic) {
        self.add(rule, Severity::Warning, diagnostic);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, rule: &'static str, severity: Severity, diagnostic: Diagnostic) {
        self.0.push(Finding {
            diagnostic,
            rule,
            severity,
        });
    }
}

/// Everything that is wrong with a document, by place. Nothing is generated.
#[must_use]
pub fn lint(document: &Document) -> Vec<Finding> {
    let mut findings = Findings::default();
    for (rule, diagnostic) in check_by_rule(document) {
        findings.error(rule, diagnostic);
    }
    // What is wrong with the form of the document has been said.
    let visits = shape::walk(&document.root);
    completeness::lint(document, &visits, &mut findings);
    consistency::lint(document, &visits, &mut findings);
    text::lint(document, &mut findings);
    undocumented::lint(document, &mut findings);
    examples::lint(document, &visits, &mut findings);
    sorted(findings.0)
}

/// The same, and what the generators have to say if there is no error so far.
#[must_use]
pub fn lint_and_generate(document: &Document) -> Vec<Finding> {
    let mut findings = lint(document);
    if findings.iter().all(|finding| finding.severity != Severity::Error)
        && let Err(diagnostics) = generate(document)
    {
        findings.extend(diagnostics.into_iter().map(|diagnostic| Finding {
            diagnostic,
            rule: "generator",
            severity: Severity::Error,
        }));
    }
    sorted(findings)
}

fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort();
    findings.dedup();
    findings
}
