//! A failure as scripts read it.

use std::io::{self, Write};

use serde::Serialize;

use super::Failure;
use crate::exit::Exit;
use crate::json;

#[derive(Serialize)]
struct Object {
    schema: &'static str,
    error: Members,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    /// The kind of the SDK's error, or else the meaning of the exit code.
    kind: &'static str,
    /// The platform's code.
    code: Option<i64>,
    message: String,
    /// One line each.
    hint: Option<String>,
    request_id: Option<String>,
    exit: u8,
}

impl Failure {
    /// Prints the failure, if scripts have been given nothing else. What is wrong with the command line goes to standard
    /// error: nothing else is ever printed there on standard output.
    pub(crate) fn print_object(&self) {
        if json::has_printed() || matches!(self, Self::ReaderGone) {
            return;
        }
        // Who cannot be told has been told on standard error.
        let _ = if self.exit() == Exit::Usage {
            self.write_object(&mut io::stderr().lock())
        } else {
            self.write_object(&mut io::stdout().lock())
        };
    }

    fn write_object(&self, out: &mut impl Write) -> Result<(), Self> {
        let hints = self.hints();
        let error = match self {
            Self::Call(call) => Some(&call.error),
            Self::ReaderGone | Self::Cancelled | Self::Told { .. } => None,
        };
        let object = Object {
            schema: "enos-ota/error/1",
            error: Members {
                kind: error.map_or_else(|| self.exit().as_str(), |error| error.kind().as_str()),
                code: error.and_then(enos_ota::Error::code),
                message: self.to_string(),
                hint: (!hints.is_empty()).then(|| hints.join("\n")),
                request_id: error.and_then(|error| error.request_id()).map(str::to_owned),
                exit: self.exit().code(),
            },
        };
        json::print(out, &object)?;
        out.flush()?;
        Ok(())
    }
}
