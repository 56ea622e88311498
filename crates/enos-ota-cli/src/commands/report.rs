//! `enos-ota report`

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use enos_ota::text::with_causes;
use enos_ota::{Clock as _, SystemClock};
use enos_ota_report::Report;

use crate::args::{self, ReportFormat};
use crate::campaign::{columns_of_output, journals};
use crate::console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pager::Out;
use crate::text::visible;

pub(crate) fn run(args: &args::Report) -> Result<Exit, Failure> {
    let journals = match args.journals.as_slice() {
        [] => vec![journals::last()?],
        given => given.iter().map(|path| journals::locate(path)).collect(),
    };
    let mut read = Vec::with_capacity(journals.len());
    for path in &journals {
        let recovered = journals::read(path)?;
        if let Some(torn) = &recovered.torn {
            console::warning(format_args!(
                "{} is cut off: line {}, with {} bytes, is not whole and does not count",
                path.display(),
                torn.line,
                torn.bytes
            ));
        }
        read.push((path.to_string_lossy().into_owned(), recovered));
    }
    let report = Report::of(read)
        .map_err(|error| Failure::usage(with_causes(&error)))?
        .made_at(SystemClock.now_ms());
    match &args.out {
        Some(path) if path != Path::new("-") => {
            let cannot = |error: &io::Error| {
                Failure::usage(format!("the report {} cannot be written: {error}", path.display())).with_hint(
                    "give another file with --out-file; one that is there is not overwritten without --force",
                )
            };
            let file = create(path, args.force).map_err(|error| cannot(&error))?;
            let mut out = BufWriter::new(file);
            let columns = 100;
            write(&report, args.format, &mut out, columns)
                .and_then(|()| out.flush())
                .map_err(|error| cannot(&error))?;
            console::note(format_args!("report: {}", visible(&path.to_string_lossy())));
            console::note(visible(&report.sentence()));
        }
        Some(_) | None => {
            let mut out = Out::paged_if(args.format == ReportFormat::Table);
            write(&report, args.format, &mut out, columns_of_output())?;
            out.close()?;
        }
    }
    Ok(Exit::Success)
}

/// A file that names a fleet: nobody else may read it. One that is there keeps the mode that somebody gave it.
fn create(path: &Path, overwrite: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrite {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn write(report: &Report, format: ReportFormat, out: &mut impl Write, columns: usize) -> io::Result<()> {
    match format {
        ReportFormat::Table => report.write_table(out, columns),
        ReportFormat::Json => report.write_json(out),
        ReportFormat::Csv => report.write_csv(out),
        ReportFormat::Html => report.write_html(out),
    }
}
