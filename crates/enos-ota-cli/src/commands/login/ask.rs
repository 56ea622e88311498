//! Questions and their answers.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use crate::args::Login;
use crate::config::{self, Origin, Sourced};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::limited;

/// Lets the user answer once more what was typed. What was given otherwise would only fail again.
pub(super) fn again_if_typed(answer: &Sourced<String>, failure: Failure) -> Result<(), Failure> {
    if answer.origin != Origin::Typed {
        return Err(failure);
    }
    console::failure(&failure);
    Ok(())
}

pub(super) fn can_ask(args: &Login) -> bool {
    !args.secret_stdin && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The secret, if it is given.
pub(super) fn secret(args: &Login) -> Result<Option<Sourced<String>>, Failure> {
    let connection = &args.target.connection;
    if args.secret_stdin {
        let mut text = String::new();
        io::stdin()
            .lock()
            .take(limited::SECRET)
            .read_to_string(&mut text)
            .map_err(|error| Failure::usage(format!("the secret cannot be read from standard input: {error}")))?;
        let secret = config::only_line(&text)
            .map_err(|wrong| Failure::usage(format!("the secret on standard input {wrong}")))?;
        return Ok(Some(Sourced::new(secret.to_owned(), Origin::Option("--secret-stdin"))));
    }
    config::given_secret(connection)
}

/// Asks, with an answer that an empty line stands for.
pub(super) fn ask(what: &str, old: Option<&str>) -> Result<Sourced<String>, Failure> {
    loop {
        match old {
            Some(old) => console::question(format_args!("{what} [{old}]: ")),
            None => console::question(format_args!("{what}: ")),
        }
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(cancelled());
        }
        match (line.trim(), old) {
            ("", None) => {}
            ("", Some(old)) => return Ok(Sourced::new(old.to_owned(), Origin::Typed)),
            (answer, _) => return Ok(Sourced::new(answer.to_owned(), Origin::Typed)),
        }
    }
}

/// Asks for the secret, which the terminal does not show.
pub(super) fn ask_secret() -> Result<Sourced<String>, Failure> {
    console::question("App secret (is not shown): ");
    let line = ::console::Term::stderr().read_secure_line()?;
    match line.trim() {
        "" => Err(cancelled()),
        secret => Ok(Sourced::new(secret.to_owned(), Origin::Typed)),
    }
}

fn cancelled() -> Failure {
    Failure::new(Exit::NotAll, "cancelled; nothing was written")
}
