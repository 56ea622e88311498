//! The page for a browser.

use std::fmt::Write as _;

use enos_ota_campaign::journal::CallEnd;
use enos_ota_campaign::{Devices, Fate};
use enos_ota_report::Report;

use crate::story::{BEGUN, JOB, OTHER_JOB, Story, VALVE, plan, plan_of};
use crate::{attempts, everything, evil};

pub(crate) fn html_of(report: &Report) -> String {
    let mut out = Vec::new();
    report.write_html(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The tags in order, each with its attributes, and the text after it. Panics if one is not closed.
pub(crate) fn tags(html: &str) -> Vec<(&str, &str)> {
    let mut open: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap();
        assert!(!text.contains('>'), "{part}");
        found.push((tag, text));
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{part}");
        } else if !tag.ends_with('/') && !matches!(name, "!DOCTYPE" | "!--" | "meta" | "link") {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
    found
}

/// Headings, charts and the headings of tables: what there is, without the numbers.
fn skeleton(html: &str) -> String {
    let mut out = String::new();
    let mut skipped = false;
    for (tag, text) in tags(html) {
        match tag.split(' ').next().unwrap() {
            "h1" | "h2" | "h3" | "h4" => write!(out, "\n{} {text}", &tag[..2]).unwrap(),
            "bdi" if out.ends_with(['1', '2', '3', '4', ' ']) => out += text,
            "div" if tag.contains("class=\"table\"") => out += "\n  table",
            "svg" if tag.contains("chart") => out += "\n  chart",
            "ul" if tag.contains("tiles") => out += "\n  tiles",
            "dt" | "summary" => write!(out, "\n  {text}").unwrap(),
            "tbody" => skipped = true,
            "/tbody" => skipped = false,
            "th" if !skipped => write!(out, " | {text}").unwrap(),
            _ => {}
        }
    }
    out.trim().to_owned()
}

#[test]
fn a_page_is_built_as_it_was() {
    let report = Report::of([("campaign.jsonl", everything())]).unwrap();
    assert_eq!(skeleton(&html_of(&report)), SKELETON);
}

const SKELETON: &str = "\
h1 Retries of job 5ed758ca49f032b4663063aa
  tiles
h2 What became of the devices
  chart
  table | outcome | devices | share
h2 Over time
  chart
  table | until | accepted | rejected | unknown | skipped | succeeded | failed again
h2 Reasons before, and what became of them
  chart
  table | reason | devices | accepted | succeeded | under way | failed again | still failed | gone | rejected | unknown \
| skipped | open
h2 Products
  chart
  table | product | devices | accepted | succeeded | under way | failed again | still failed | gone | rejected | \
unknown | skipped | open
h2 Versions
  chart
  table | version | devices | accepted | succeeded | under way | failed again | still failed | gone | rejected | \
unknown | skipped | open
h2 Why devices were not accepted
  table | outcome | devices | code | message
h2 Why devices failed again
  table | reason | devices
h2 Journal
h3 campaign.jsonl
  platform
  begun
  command
  resumed
  command
  selection
  last event
  end
  open
  calls
  call times
  Settings
h2 Failures
  table | device | outcome | message, or new reason | before
h3 Their device keys";

#[test]
fn a_page_loads_nothing_and_leads_nowhere_else() {
    let html = html_of(&Report::of(attempts()).unwrap());
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
                  'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">";
    assert!(html.contains(policy), "{html}");
    let tags = tags(&html);
    let ids: Vec<_> = tags.iter().filter_map(|(tag, _)| attribute(tag, "id")).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
    for (tag, _) in &tags {
        let name = tag.split(' ').next().unwrap();
        assert!(
            ![
                "script", "img", "iframe", "object", "form", "base", "a xlink", "use", "image"
            ]
            .contains(&name)
        );
        assert!(
            !tag.contains(" src=") && !tag.contains(" on") && !tag.contains("javascript:"),
            "{tag}"
        );
        if let Some(to) = attribute(tag, "href") {
            let within = to.strip_prefix('#').is_some_and(|id| ids.contains(&id));
            assert!(within || to == "data:,", "{to}");
        }
    }
    // Neither do the styles.
    assert!(!html.contains("url(") && !html.contains("@import"), "{html}");
}

pub(crate) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0)
}

#[test]
fn texts_of_devices_are_harmless_in_a_page() {
    let html = html_of(&evil());
    assert!(!html.contains(['\x1b', '\u{9b}', '\u{202e}', '\r']), "{html}");
    for (tag, _) in tags(&html) {
        assert!(!tag.starts_with("script") && !tag.starts_with("img"), "{tag}");
    }
    for text in [
        "<bdi>@evil&#34;&#62;&#60;img src=x onerror=alert(1)&#62;</bdi>",
        "<bdi>&#60;b&#62;pump&#60;/b&#62;</bdi>",
        r"<bdi>=HYPERLINK(&#34;http://evil&#34;)\u{d}\u{a}&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;\u{202e}txt",
        r"\u{1b}[31m\u{9b}\u{202e},&#34;quoted&#34;</bdi>",
        "<h3><bdi>&#60;journal&#62;&#38;.jsonl</bdi></h3>",
    ] {
        assert!(html.contains(text), "{text}\n{html}");
    }
}

#[test]
fn what_is_open_is_not_called_final() {
    let html = html_of(&Report::of([("campaign.jsonl", everything())]).unwrap());
    assert!(html.contains("<strong>3 devices open:</strong> resume it."), "{html}");
    let html = html_of(&Report::of(attempts()).unwrap());
    assert!(
        html.contains("<strong>1 device open:</strong> resume second.jsonl."),
        "{html}"
    );
    let [first, _] = attempts();
    let html = html_of(&Report::of([first]).unwrap());
    assert!(
        html.contains("<strong>4 of 8 devices need attention</strong>: see <a href=\"#failures\">"),
        "{html}"
    );
}

#[test]
fn nothing_is_in_the_colour_of_an_alarm_because_there_is_none_of_it() {
    let [first, _] = attempts();
    let html = html_of(&Report::of([first]).unwrap());
    assert!(
        html.contains("<li class=\"none\"><b>0</b> <span>rejected</span>"),
        "{html}"
    );
    assert!(
        html.contains("<li class=\"failedAgain\"><b>4</b> <span>failed again</span>"),
        "{html}"
    );
    let html = html_of(&Report::of([("campaign.jsonl", everything())]).unwrap());
    assert!(
        html.contains("<li class=\"rejected\"><b>1</b> <span>rejected</span>"),
        "{html}"
    );
}

#[test]
fn the_keys_of_the_devices_to_look_after_can_be_copied_the_most_serious_first() {
    let html = html_of(&Report::of([("campaign.jsonl", everything())]).unwrap());
    let list = "<pre class=\"keys\" tabindex=\"0\">d07\nd04\nd05\nd06\nd08\nd10\nd11\nd09\nd12</pre>";
    assert!(html.contains(list), "{html}");

    let [first, _] = attempts();
    let html = html_of(&Report::of([first]).unwrap());
    assert!(html.contains(">d4\nd5\nd6\nd7</pre>"), "{html}");
}

#[test]
fn keys_of_several_jobs_are_listed_by_job_and_where_nothing_failed_there_is_no_list() {
    let mut devices = Devices::new();
    devices.push("a", &VALVE).unwrap();
    let one = Story::begin(&plan_of(JOB, "o1", devices.clone()), BEGUN);
    let two = Story::begin(&plan_of(OTHER_JOB, "o1", devices), BEGUN + 1);
    let html = html_of(&Report::of([("one", one.read()), ("two", two.read())]).unwrap());
    for job in [JOB, OTHER_JOB] {
        let heading = format!("<h3>Their device keys in job <bdi>{job}</bdi></h3>");
        assert!(html.contains(&heading), "{html}");
    }
    assert_eq!(html.matches(">a</pre>").count(), 2);

    let mut done = Story::begin(&plan(&[("a", &VALVE)]), BEGUN);
    done.send(&["a"], CallEnd::Accepted);
    done.pass(1000).see(&["a"], Fate::Succeeded, None);
    let html = html_of(&Report::of([("done", done.read())]).unwrap());
    assert!(
        html.contains("<p>There are none.</p>") && !html.contains("device keys"),
        "{html}"
    );
}
