//! Long texts on a terminal go through a pager, as the user has chosen it. It ends at once if all fits one screen.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::args::ListOutput;
use crate::env;

static OFF: AtomicBool = AtomicBool::new(false);

/// For `--no-pager`.
pub(crate) fn switch_off() {
    OFF.store(true, Ordering::Relaxed);
}

/// Standard output, or a pager before it.
pub(crate) enum Out {
    Plain(BufWriter<Stdout>),
    Paged { pager: Child, input: BufWriter<ChildStdin> },
}

impl Out {
    /// For text, a pager where there is a terminal. What programs read goes to them as it is.
    pub(crate) fn of(form: ListOutput) -> Self {
        Self::paged_if(form == ListOutput::Text)
    }

    /// With a pager, if that is wanted and possible.
    pub(crate) fn paged_if(wanted: bool) -> Self {
        let plain = || Self::Plain(BufWriter::new(io::stdout()));
        if !wanted || OFF.load(Ordering::Relaxed) || !io::stdout().is_terminal() {
            return plain();
        }
        let Some(mut pager) = command().and_then(|mut command| command.stdin(Stdio::piped()).spawn().ok()) else {
            return plain();
        };
        match pager.stdin.take() {
            Some(input) => Self::Paged {
                pager,
                input: BufWriter::new(input),
            },
            None => plain(),
        }
    }

    /// Ends the text, and waits for its reader. One who stops reading early is no error.
    pub(crate) fn close(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Paged { mut pager, mut input } => {
                let flushed = input.flush();
                drop(input);
                pager.wait()?;
                unless_gone(flushed)
            }
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Paged { input, .. } => input.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Paged { input, .. } => input.flush(),
        }
    }
}

fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// The variable is a command with arguments.
fn command() -> Option<Command> {
    let chosen = env::PAGER.get().ok().flatten();
    let words: Vec<_> = chosen.as_deref().unwrap_or("less").split_whitespace().collect();
    let (program, arguments) = words.split_first()?;
    if *program == "cat" {
        return None;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    if std::env::var_os("LESS").is_none() {
        // Ends if one screen suffices, shows styles, and leaves the text on the screen.
        command.env("LESS", "FRX");
    }
    Some(command)
}

/// Shows a text at once.
pub(crate) fn show(text: &str) -> io::Result<()> {
    let mut out = Out::paged_if(true);
    let written = out.write_all(text.as_bytes());
    let closed = out.close();
    unless_gone(written).and(closed)
}
