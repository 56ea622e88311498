//! `enos-ota man`

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use clap::Command;
use clap_mangen::Man as Page;

use crate::args::{self, Man};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::text::visible;

pub(crate) fn run(args: &Man) -> Result<Exit, Failure> {
    let mut program = args::command().disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &args.out_dir {
        let pages = pages(&program);
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
        for page in &pages {
            let file = folder.join(page.get_filename());
            fs::write(&file, rendered(page)?).map_err(|error| unwritable(&file, &error))?;
        }
        writeln!(
            io::stdout().lock(),
            "{} pages in {}",
            pages.len(),
            visible(&folder.to_string_lossy())
        )?;
        return Ok(Exit::Success);
    }
    let mut command = &program;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            Failure::usage(format!(
                "`{}` has no command `{name}`",
                command.get_bin_name().unwrap_or("enos-ota")
            ))
            .with_hint("`enos-ota --help` lists the commands")
        })?;
    }
    io::stdout().lock().write_all(&rendered(&page(command))?)?;
    Ok(Exit::Success)
}

/// The page of each command, those of its own commands after it.
fn pages(command: &Command) -> Vec<Page> {
    let of_commands = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .flat_map(pages);
    [page(command)].into_iter().chain(of_commands).collect()
}

fn page(command: &Command) -> Page {
    let source = concat!("enos-ota ", env!("CARGO_PKG_VERSION"));
    Page::new(command.clone()).source(source).manual("enos-ota manual")
}

fn rendered(page: &Page) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok(text)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} could not be written: {error}", path.display()))
}
