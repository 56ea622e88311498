//! What is wrong with a document, where, and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A place in a source file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// How many characters to underline.
    pub width: usize,
}

impl Mark {
    /// The beginning of a file, for what concerns all of it.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        width: 1,
    };
}

/// A file as it was read, under the name to show to people.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The name, relative to the workspace where possible.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Where a mark is in the text, in bytes. It ends with its line.
    fn span(&self, mark: Mark) -> Range<usize> {
        let lines = self.text.split_inclusive('\n').take(mark.line.saturating_sub(1));
        let start: usize = lines.map(str::len).sum();
        let line = self.text[start..].lines().next().unwrap_or_default();
        let offset = |chars| line.char_indices().nth(chars).map_or(line.len(), |(offset, _)| offset);
        let column = mark.column.saturating_sub(1);
        start + offset(column)..start + offset(column.saturating_add(mark.width))
    }

    /// The text of a line, counted from 1.
    #[must_use]
    pub fn line(&self, number: usize) -> Option<&str> {
        self.text.lines().nth(number.saturating_sub(1))
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where it is.
    pub at: Mark,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// How to get there.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn new(at: Mark, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            expected: None,
            hint: None,
        }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds how to mend it, if there is something to say.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// All mistakes of one file, in the order of their places. `Display` renders them with the lines they are in.
#[derive(Clone, Debug)]
pub struct Report {
    source: SourceFile,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Sorts the mistakes and drops repetitions.
    #[must_use]
    pub fn new(source: SourceFile, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort();
        diagnostics.dedup();
        Self { source, diagnostics }
    }

    /// The file.
    #[must_use]
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// The mistakes, by place.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.diagnostics {
            writeln!(f, "{}\n", render(&self.source, Level::ERROR, None, diagnostic))?;
        }
        let count = self.diagnostics.len();
        let noun = if count == 1 { "error" } else { "errors" };
        write!(f, "{count} {noun} in {}", self.source.name)
    }
}

impl std::error::Error for Report {}

/// One mistake with the line that it is in, with how bad it is, and with the rule that it breaks.
pub(crate) fn render(source: &SourceFile, level: Level<'_>, rule: Option<&str>, diagnostic: &Diagnostic) -> String {
    let title = level.primary_title(&diagnostic.message);
    let title = match rule {
        Some(rule) => title.id(rule),
        None => title,
    };
    let annotation = AnnotationKind::Primary.span(source.span(diagnostic.at));
    let snippet = Snippet::source(&source.text).path(&source.name).annotation(annotation);
    let more = |name, text: &'_ Option<String>| text.clone().map(|text| Level::NOTE.with_name(name).message(text));
    let group = title.element(snippet).elements(more("expected", &diagnostic.expected));
    Renderer::plain().render(&[group.elements(more("hint", &diagnostic.hint))])
}

/// The candidate that is most like `word`, if one is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let ranked = candidates.into_iter().map(|candidate| {
        let distance = strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
        let candidate_length = candidate.chars().count();
        let is_alike = distance <= length.max(candidate_length).div_ceil(3);
        // A wrong letter is likelier than a missing one.
        (is_alike, distance, length.abs_diff(candidate_length), candidate)
    });
    ranked
        .filter(|(is_alike, ..)| *is_alike)
        .min_by_key(|(_, distance, rest, _)| (*distance, *rest))
        .map(|(.., found)| found)
}

/// "did you mean" for the nearest candidate.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}
