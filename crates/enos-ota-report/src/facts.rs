//! What a journal says of its campaign: names and texts, for the terminal and the page.

use crate::describe::{command, ending, left_out, selection, torn};
use crate::section::Section;
use crate::text::{counted, duration, time, visible};

/// The name of a command line, which the page shows as code.
pub(crate) const COMMAND: &str = "command";

/// With what is only worth a line if there are several jobs, or several journals.
pub(crate) fn facts(section: &Section, several_jobs: bool, several: bool) -> Vec<(&'static str, String)> {
    let recovered = &section.recovered;
    let (begin, header) = (&recovered.begin, &recovered.begin.plan);
    let mut facts = Vec::new();
    let mut fact = |name, text: &str| facts.push((name, visible(text).into_owned()));
    if several_jobs {
        fact("job", recovered.plan.job_id.as_str());
    }
    fact("platform", &begin.base_url);
    for (index, (at, by)) in recovered.operators.iter().enumerate() {
        let name = if index == 0 { "begun" } else { "resumed" };
        fact(name, &format!("{} by {} with {}", time(*at), by.who, by.program));
        if !by.command.is_empty() {
            fact(COMMAND, &command(&by.command));
        }
    }
    fact("selection", &selection(&header.selection).join(", "));
    if let Some(left_out) = left_out(&header.left_out) {
        fact("left out", &left_out);
    }
    if header.moved {
        fact("note", "tasks came or went while they were read: some may be missing");
    }
    let took = duration(recovered.last_event_ms.saturating_sub(begin.at_ms));
    let last = time(recovered.last_event_ms);
    fact("last event", &format!("{last}, {took} after it was begun"));
    fact("end", &ending(recovered.ended.as_ref().map(|ended| ended.how.as_str())));
    if let Some(tail) = &recovered.torn {
        fact("cut off", &torn(tail));
    }
    let open = section.own.tally.open();
    if open > 0 {
        fact("open", &format!("{}: resume it", counted(open, "device")));
    }
    if several {
        fact("devices", &section.own.tally.told());
    }
    if section.repeated() > 0 {
        let devices = counted(section.repeated(), "device");
        fact(
            "of these",
            &format!("{devices} in a later journal of the job, which counts"),
        );
    }
    if section.overlaps {
        fact(
            "note",
            "something was written here after that one was begun: see which is right",
        );
    }
    let calls = section.calls();
    fact("calls", &calls.told());
    if let Some(times) = calls.times_told() {
        fact("call times", &times);
    }
    facts
}
