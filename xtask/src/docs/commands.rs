//! A page for each command, from the help that the command itself prints, with an address for each option.

use std::collections::BTreeMap;

use super::book::Page;
use super::html::add;

/// What `--help` of a command says, in its parts.
struct Help<'a> {
    /// The text before the usage.
    about: String,
    usage: String,
    /// Its own commands, with what they do.
    commands: Vec<(&'a str, String)>,
    sections: Vec<Section<'a>>,
    /// The text after the last section.
    end: String,
}

/// A heading with what it lists: options or arguments.
struct Section<'a> {
    title: &'a str,
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    term: &'a str,
    text: String,
}

/// The column where the texts of options begin.
const INDENT: &str = "          ";

/// The pages of all commands, with one of the options that most of them share.
pub(super) fn pages(help: &[(String, String)]) -> Vec<Page> {
    let all: Vec<_> = help.iter().map(|(command, text)| (command, parse(text))).collect();
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for section in all.iter().flat_map(|(_, help)| &help.sections) {
        *seen.entry((section.title, markdown(section))).or_default() += 1;
    }
    // The first form that many commands have; a section of this title that reads otherwise stays with its command.
    let mut shared: Vec<(&str, &str)> = Vec::new();
    for ((title, text), count) in &seen {
        if *count * 2 > all.len() && all.len() > 1 {
            shared.push((title, text));
        }
    }
    let mut pages: Vec<_> = all.iter().map(|(command, help)| page(command, help, &shared)).collect();
    if !shared.is_empty() {
        let mut text = "Most commands take these options.\n".to_owned();
        for (title, options) in shared {
            add(&mut text, format_args!("\n## {title}\n\n{options}"));
        }
        pages.insert(1, Page::generated("enos-ota-options", "Common options", text));
    }
    pages
}

/// The name of the page of a command.
fn name(command: &str) -> String {
    command.replace(' ', "-")
}

fn page(command: &str, help: &Help<'_>, shared: &[(&str, &str)]) -> Page {
    let mut text = format!("\n{}\n\n```text\n{}\n```\n", help.about, help.usage);
    if !help.commands.is_empty() {
        text.push_str("\n## Commands\n\n| Command | What it does |\n|---|---|\n");
        for (own, what) in &help.commands {
            let own = format!("{command} {own}");
            add(&mut text, format_args!("| [`{own}`]({}.html) | {what} |\n", name(&own)));
        }
    }
    let mut common = Vec::new();
    for section in &help.sections {
        let options = markdown(section);
        if shared.contains(&(section.title, &options)) {
            common.push(section.title);
        } else {
            add(&mut text, format_args!("\n## {}\n\n{options}", section.title));
        }
    }
    if !common.is_empty() {
        text.push_str("\n## Common options\n\nThis command also takes the options for ");
        let links: Vec<_> = common
            .iter()
            .map(|title| {
                let title = title.to_lowercase();
                format!("[{title}](enos-ota-options.html#{})", title.replace(' ', "-"))
            })
            .collect();
        text.push_str(&links.join(" and "));
        text.push_str(".\n");
    }
    if !help.end.is_empty() {
        add(&mut text, format_args!("\n## Notes\n\n```text\n{}\n```\n", help.end));
    }
    Page::generated(&name(command), command, text)
}

/// A section as Markdown. Each option has an address of its own, by its long name.
fn markdown(section: &Section<'_>) -> String {
    let mut out = String::new();
    for entry in &section.entries {
        let words = || entry.term.split([' ', ',', '=', '[', ']', '<', '>', '.']);
        let id = words()
            .find_map(|word| word.strip_prefix("--"))
            .or_else(|| words().find(|word| !word.is_empty()))
            .unwrap_or_default();
        add(
            &mut out,
            format_args!("### `{}` {{#{}}}\n\n{}\n\n", entry.term, id.to_lowercase(), entry.text),
        );
    }
    out
}

fn parse(text: &str) -> Help<'_> {
    let mut help = Help {
        about: String::new(),
        usage: String::new(),
        commands: Vec::new(),
        sections: Vec::new(),
        end: String::new(),
    };
    let mut part = Part::About;
    for line in text.lines() {
        if let Some(usage) = line.strip_prefix("Usage: ") {
            usage.clone_into(&mut help.usage);
            part = Part::Between;
            continue;
        }
        if part == Part::About {
            help.about.push_str(&escaped(line));
            help.about.push('\n');
            continue;
        }
        let title = line.strip_suffix(':').filter(|title| !title.starts_with(' '));
        if line == "Commands:" {
            part = Part::Commands;
        } else if let Some(title) = title.filter(|_| part != Part::End && begins_section(text, line)) {
            part = Part::Section;
            help.sections.push(Section {
                title,
                entries: Vec::new(),
            });
        } else if part != Part::End && !line.is_empty() && !line.starts_with(' ') {
            part = if part == Part::Between {
                Part::Between
            } else {
                Part::End
            };
        }
        match part {
            Part::Commands => command(&mut help, line),
            Part::Section => entry(&mut help, line),
            Part::End => {
                help.end.push_str(line);
                help.end.push('\n');
            }
            Part::About | Part::Between => {}
        }
    }
    help.about = help.about.trim().to_owned();
    help.end = help.end.trim_end().to_owned();
    for entry in help.sections.iter_mut().flat_map(|section| &mut section.entries) {
        entry.text = entry.text.trim_end().to_owned();
    }
    help
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    About,
    Between,
    Commands,
    Section,
    End,
}

/// Whether an option or an argument follows a line, and not a list of another kind.
fn begins_section(text: &str, heading: &str) -> bool {
    let after = text
        .split_once(&format!("\n{heading}\n"))
        .map_or("", |(_, after)| after);
    let mut lines = after.lines();
    let term = lines.next().unwrap_or_default().trim_start();
    term.starts_with(['-', '<', '['])
        && lines
            .next()
            .is_some_and(|line| line.is_empty() || line.starts_with(INDENT))
}

fn command<'a>(help: &mut Help<'a>, line: &'a str) {
    let Some(line) = line.strip_prefix("  ") else {
        return;
    };
    if line.starts_with(' ') {
        if let Some((_, what)) = help.commands.last_mut() {
            what.push(' ');
            what.push_str(&escaped(line.trim()));
        }
    } else if let Some((name, what)) = line.split_once(' ')
        && name != "help"
    {
        help.commands.push((name, escaped(what.trim())));
    }
}

fn entry<'a>(help: &mut Help<'a>, line: &'a str) {
    let Some(section) = help.sections.last_mut() else {
        return;
    };
    if let Some(text) = line.strip_prefix(INDENT) {
        if let Some(entry) = section.entries.last_mut() {
            entry.text.push_str(&escaped(text));
            entry.text.push('\n');
        }
    } else if line.starts_with("  ") {
        section.entries.push(Entry {
            term: line.trim(),
            text: String::new(),
        });
    } else if line.is_empty()
        && let Some(entry) = section.entries.last_mut()
    {
        entry.text.push('\n');
    }
}

/// A line of a help text as Markdown: what is not code has no marks.
fn escaped(line: &str) -> String {
    let mut code = false;
    let mut out = String::new();
    for character in line.chars() {
        code ^= character == '`';
        if !code && "<*_[".contains(character) {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::pages;

    const HELP: &str = "Says <it>\n\nUsage: enos-ota say [OPTIONS] <WHAT>\n\nArguments:\n  <WHAT>\n          What\n\nOptions:\n  \
        -o, --output <FORM>\n          Form\n\n          Possible values:\n          - text: For people\n\n          [default: \
        text]\n\nExamples:\n  enos-ota say x\n";

    #[test]
    fn each_option_has_an_address() {
        let pages = pages(&[("enos-ota say".into(), HELP.into())]);
        assert_eq!((pages.len(), pages[0].name.as_str()), (1, "enos-ota-say"));
        let text = &pages[0].text;
        assert!(
            text.starts_with("\nSays \\<it>\n\n```text\nenos-ota say [OPTIONS] <WHAT>\n```\n"),
            "{text}"
        );
        assert!(
            text.contains("## Options\n\n### `-o, --output <FORM>` {#output}\n\nForm\n"),
            "{text}"
        );
        assert!(text.contains("### `<WHAT>` {#what}\n\nWhat\n"), "{text}");
        assert!(text.contains("- text: For people\n\n\\[default: text]"), "{text}");
        assert!(text.ends_with("```text\nExamples:\n  enos-ota say x\n```\n"), "{text}");
    }

    #[test]
    fn what_most_commands_take_stands_once() {
        let help = |options: &str| {
            format!(
                "Says\n\nUsage: x\n\nOwn:\n  --{options}\n          One\n\nConnection:\n  --url <URL>\n          Where\n"
            )
        };
        let all = [
            ("enos-ota a".to_owned(), help("a")),
            ("enos-ota b".to_owned(), help("b")),
        ];
        let pages = pages(&all);
        let names: Vec<_> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names, ["enos-ota-a", "enos-ota-options", "enos-ota-b"]);
        assert!(pages[1].text.contains("### `--url <URL>` {#url}"));
        assert!(
            !pages[0].text.contains("#url") && pages[0].text.contains("[connection](enos-ota-options.html#connection)")
        );
        assert!(pages[0].text.contains("{#a}") && pages[2].text.contains("{#b}"));
    }
}
