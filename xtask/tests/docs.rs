//! The web site, made from the sources of this workspace and stand-ins for what is fetched and compiled. What only a browser
//! knows is tested by `ci/site`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use xtask::check::check;
use xtask::docs::{self, Files, Inputs, Outside, spec};
use xtask::spec::Document;

const HELP: &str = "Retry <JOB> & devices\n\nUsage: enos-ota retry [OPTIONS]\n\nOptions:\n      --canary <N|PERCENT>\n          \
    Retry a few first\n\nConnection:\n      --base-url <URL>\n          The gateway\n\nExamples:\n  enos-ota retry --failed\n";
const OTHER: &str = "Watch\n\nUsage: enos-ota watch\n\nConnection:\n      --base-url <URL>\n          The gateway\n";

fn outside() -> Outside {
    Outside {
        signer: b"\0asm".to_vec(),
        help: vec![
            ("enos-ota retry".into(), HELP.into()),
            ("enos-ota watch".into(), OTHER.into()),
        ],
        version: "1.2.3".into(),
        date: "2026-03-01".into(),
        repository: None,
    }
}

fn inputs() -> Inputs {
    docs::inputs(&outside()).unwrap()
}

fn site() -> Files {
    docs::build(&inputs()).unwrap()
}

fn text<'a>(files: &'a Files, name: &str) -> &'a str {
    std::str::from_utf8(&files[name]).unwrap()
}

fn pages(files: &Files) -> Vec<(&str, &str)> {
    let html = files.keys().filter_map(|name| name.strip_suffix(".html").map(|_| name));
    html.map(|name| (name.as_str(), text(files, name))).collect()
}

/// The values of an attribute in a page, with `&amp;` read.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let opening = format!(" {attribute}=\"");
    let values = page.split(&opening).skip(1);
    values
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

/// What is shown of a page: without the documents and programs within it.
fn shown(page: &str) -> String {
    let mut out = String::new();
    for (number, part) in page.split("<script type=\"").enumerate() {
        let part = if number == 0 {
            part
        } else {
            part.split_once("</script>").unwrap().1
        };
        out.push_str(part);
    }
    out
}

#[test]
fn every_link_leads_somewhere() {
    let files = site();
    let mut seen = 0;
    for (name, page) in pages(&files) {
        let page = shown(page);
        for link in values(&page, "href").into_iter().chain(values(&page, "src")) {
            if link.starts_with("https://") || link.starts_with("data:") {
                continue;
            }
            seen += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let file = if file.is_empty() { name } else { file };
            assert!(files.contains_key(file), "{name}: {link}");
            if !fragment.is_empty() {
                let ids = values(text(&files, file), "id");
                assert!(ids.iter().any(|id| id == fragment), "{name}: {link}");
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_search_finds_codes_options_and_operations_and_its_links_lead_somewhere() {
    let files = site();
    let index = text(&files, "search-index.js");
    let json = index.strip_prefix("window.searchIndex = ").unwrap().trim_end();
    let entries: Vec<[String; 4]> = serde_json::from_str(json.strip_suffix(';').unwrap()).unwrap();
    for link in entries.iter().map(|entry| &entry[2]) {
        let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
        let ids = values(text(&files, file), "id");
        assert!(fragment.is_empty() || ids.iter().any(|id| id == fragment), "{link}");
    }
    let found = |title: &str, link: &str| entries.iter().any(|entry| entry[1] == title && entry[2] == link);
    assert!(found(
        "24621 Only failed tasks can be retried",
        "codes.html#retryTask-24621"
    ));
    assert!(found("--canary <N|PERCENT>", "enos-ota-retry.html#canary"));
    assert!(found("Retry failed tasks (retryTask)", "retryTask.html"));
}

#[test]
fn no_page_loads_anything_from_another_host() {
    let files = site();
    for (name, page) in pages(&files) {
        for link in values(&shown(page), "src") {
            assert!(!link.contains("//"), "{name}: {link}");
        }
        for tag in page.split("<link ").skip(1) {
            assert!(!tag.split('>').next().unwrap().contains("//"), "{name}: {tag}");
        }
        assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    }
    for name in ["style.css", "theme.js", "search.js", "sign.js", "copy.js"] {
        let text = text(&files, name);
        assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
        assert!(!text.contains("url(") && !text.contains("@import"), "{name}");
    }
}

#[test]
fn the_page_with_a_secret_may_connect_to_nothing() {
    let files = site();
    let page = text(&files, "sign.html");
    assert!(page.contains("connect-src 'none'") && page.contains("form-action 'none'"));
    assert!(page.contains("id=\"wasm\">AGFzbQ==</script>"));
    for what in [
        "fetch(",
        "XMLHttpRequest",
        "sendBeacon",
        "localStorage",
        "sessionStorage",
    ] {
        assert!(!text(&files, "sign.js").contains(what), "{what}");
    }
}

/// The policy forbids it.
#[test]
fn no_page_has_an_inline_style() {
    let files = site();
    for (name, page) in pages(&files) {
        assert!(!page.contains(" style=\"") && !page.contains("<style"), "{name}");
    }
    assert!(text(&files, "contributing.html").contains("<td class=\"right\">"));
}

#[test]
fn every_heading_links_to_itself() {
    for (name, page) in pages(&site()) {
        // The form has headings of its own, which belong to it.
        for level in ["<h2 id=\"", "<h3 id=\""].into_iter().filter(|_| name != "sign.html") {
            for heading in page.split(level).skip(1) {
                let id = heading.split('"').next().unwrap();
                let heading = heading.split("</h").next().unwrap();
                let anchor = format!("<a class=\"anchor\" href=\"#{id}\"");
                assert!(heading.contains(&anchor), "{name}: {id}");
            }
        }
    }
}

#[test]
fn ids_are_unique() {
    for (name, page) in pages(&site()) {
        let ids = values(page, "id");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{name}");
    }
}

#[test]
fn every_code_is_explained_under_its_operation() {
    let files = site();
    let page = text(&files, "codes.html");
    let document = inputs().document;
    let mut codes = 0;
    for operation in spec::operations(&document) {
        for code in operation.node.get("x-error-codes").unwrap().items() {
            codes += 1;
            let number = code.get("code").unwrap().as_i64().unwrap();
            let begin = format!("<h3 id=\"{}-{number}\">", operation.id);
            let section = page.split(&begin).nth(1).unwrap().split("<h3").next().unwrap();
            assert!(section.contains(code.text("message").unwrap()));
            // Quotes and code look otherwise in a page than in the document.
            let remedy = code.text("remedy").unwrap();
            let begin = remedy.split(['`', '\'']).next().unwrap();
            assert!(section.contains(begin), "{number}");
        }
    }
    assert!(codes > 10);
    assert!(page.contains("id=\"common-99403\"") && page.contains("id=\"gateway-1001\""));
    assert!(page.contains("<h3 id=\"refusal-429\">HTTP <code>429</code> API rate limit exceeded"));
}

#[test]
fn the_lowered_document_has_the_urls_of_the_wire() {
    let files = site();
    let lowered: Json = serde_json::from_str(text(&files, "downloads/ota-jobs.lowered.json")).unwrap();
    let paths = lowered["paths"].as_object().unwrap();
    assert_eq!(paths.len(), spec::operations(&inputs().document).len());
    let retry = &paths["/connect-service/v2.1/ota-jobs?action=retryTask"]["post"];
    assert_eq!(retry["operationId"], "retryTask");
    for parameter in retry["parameters"].as_array().unwrap() {
        assert_ne!(parameter["name"], "action");
    }
    // Unlike the one for the generator, it keeps the limits of numbers, which a reader wants to see.
    assert!(lowered["components"]["schemas"].to_string().contains("\"minimum\""));
}

#[test]
fn the_documents_keep_the_order_in_which_they_are_written() {
    let files = site();
    let json = text(&files, "downloads/ota-jobs.json");
    let at = |key: &str| json.find(&format!("\n  \"{key}\":")).unwrap();
    assert!(at("openapi") < at("info") && at("info") < at("paths") && at("paths") < at("components"));
    let parsed: Json = serde_json::from_str(json).unwrap();
    assert_eq!(parsed, inputs().document.root.to_json());
}

#[test]
fn a_file_of_one_operation_stands_alone() {
    let files = site();
    for operation in spec::operations(&inputs().document) {
        let json: Json = serde_json::from_str(text(&files, &format!("downloads/{}.json", operation.id))).unwrap();
        let paths = json["paths"].as_object().unwrap();
        let (path, item) = paths.iter().next().unwrap();
        assert_eq!((paths.len(), path.as_str()), (1, "/connect-service/v2.1/ota-jobs"));
        let parameters = item[operation.method]["parameters"].as_array().unwrap();
        let action = parameters
            .iter()
            .find(|parameter| parameter["name"] == "action")
            .unwrap();
        assert_eq!(action["schema"]["enum"], json!([operation.action()]));
        assert_eq!(action["schema"]["default"], operation.action());

        let whole = json.to_string();
        let mut used = BTreeSet::new();
        for rest in whole.split("\"$ref\":\"#/").skip(1) {
            let pointer = format!("/{}", rest.split('"').next().unwrap());
            assert!(json.pointer(&pointer).is_some(), "{}: {pointer}", operation.id);
            used.insert(pointer);
        }
        for kind in ["parameters", "schemas"] {
            for name in json["components"][kind].as_object().into_iter().flatten() {
                let pointer = format!("/components/{kind}/{}", name.0);
                assert!(used.contains(&pointer), "{}: nothing uses {pointer}", operation.id);
            }
        }
    }
}

/// What a strict reader of OpenAPI 3.0 makes of a schema: `nullable` adds null to the type beside it, and to nothing else.
fn strictly(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let mut strict: serde_json::Map<_, _> = members
                .iter()
                .map(|(key, value)| (key.clone(), strictly(value)))
                .collect();
            if members.get("nullable") == Some(&json!(true)) {
                strict["type"] = json!([members["type"], "null"]);
            }
            Json::Object(strict)
        }
        Json::Array(items) => items.iter().map(strictly).collect(),
        _ => schema.clone(),
    }
}

/// The mistakes of an answer by the file of one operation, or by another document.
fn mistakes(document: &Json, schema: &str, answer: &Json) -> usize {
    let schema = json!({
        "$ref": format!("#/components/schemas/{schema}"),
        "components": strictly(&document["components"]),
    });
    jsonschema::draft4::new(&schema).unwrap().iter_errors(answer).count()
}

#[test]
fn the_file_of_one_operation_admits_the_nulls_that_the_document_speaks_of() {
    let files = site();
    let json = |name: &str| -> Json { serde_json::from_str(text(&files, &format!("downloads/{name}.json"))).unwrap() };
    let refused = json!({ "code": 24404, "msg": "Job not found", "requestId": "1", "data": null });
    let sparse = json!({ "code": 0, "data": {
        "orgId": null, "name": null, "firmwareName": null, "upgradeScope": null, "upgradeTimeout": null,
        "retryPolicy": null, "schedulePolicy": null, "status": null,
    } });
    let full =
        json!({ "code": 0, "data": { "name": { "defaultValue": "n" }, "upgradeTimeout": 300, "status": "new" } });
    for answer in [&refused, &sparse, &full] {
        assert_eq!(mistakes(&json("getJob"), "GetJobResponse", answer), 0, "{answer}");
    }
    assert_eq!(mistakes(&json("createJob"), "CreateJobResponse", &refused), 0);
    let list = json!({ "code": 0, "data": [{ "taskId": null, "status": null, "progress": -2 }], "pagination": null });
    assert_eq!(mistakes(&json("searchTasks"), "SearchTasksResponse", &list), 0);

    // Nothing else has become looser, and the document itself is as strict as it was.
    for wrong in [
        json!({ "name": "n" }),
        json!({ "upgradeTimeout": "300" }),
        json!({ "orgId": 1 }),
        json!("job"),
    ] {
        let answer = json!({ "code": 0, "data": wrong });
        assert_ne!(mistakes(&json("getJob"), "GetJobResponse", &answer), 0, "{answer}");
    }
    assert_ne!(mistakes(&json("getJob"), "GetJobResponse", &json!({ "code": null })), 0);
    let no_job = json!({ "code": 0, "data": [null] });
    assert_ne!(mistakes(&json("searchJobs"), "SearchJobsResponse", &no_job), 0);
    assert_ne!(mistakes(&json("ota-jobs"), "GetJobResponse", &refused), 0);
}

#[test]
fn no_file_of_one_operation_holds_the_mark_of_a_null() {
    let files = site();
    let mut nulls = 0;
    for operation in spec::operations(&inputs().document) {
        let json = text(&files, &format!("downloads/{}.json", operation.id));
        assert!(!json.contains("x-nullable"), "{}", operation.id);
        nulls += json.matches("\"anyOf\"").count();
    }
    assert!(nulls > 20, "{nulls}");
}

#[test]
fn the_yaml_of_one_operation_says_the_same_as_its_json() {
    let files = site();
    for operation in spec::operations(&inputs().document) {
        let yaml = text(&files, &format!("downloads/{}.yaml", operation.id));
        let json = text(&files, &format!("downloads/{}.json", operation.id));
        let yaml = Document::parse(operation.id.into(), yaml.to_owned()).unwrap();
        let json: Json = serde_json::from_str(json).unwrap();
        assert_eq!(yaml.root.to_json(), json, "{}", operation.id);
        // The one thing that this project's own rules want is what a file of one operation is there to do without.
        let mut wrong = check(&yaml);
        wrong.retain(|error| !error.message.starts_with("the path key lacks the fragment"));
        assert_eq!(wrong, [], "{}", operation.id);
    }
}

#[test]
fn a_command_has_a_page_with_an_address_for_each_option() {
    let files = site();
    let page = text(&files, "enos-ota-retry.html");
    assert!(page.contains("Retry &lt;JOB&gt; &amp; devices"));
    assert!(page.contains("<h3 id=\"canary\"><code>--canary &lt;N|PERCENT&gt;</code>"));
    assert!(page.contains("enos-ota retry --failed"));
}

#[test]
fn an_operation_has_samples_and_the_response_of_each_failure() {
    let files = site();
    let page = text(&files, "retryTask.html");
    for language in ["enos-ota api", "curl", "Rust", "Python", "Java"] {
        assert!(page.contains(&format!("<summary>{language}</summary>")), "{language}");
    }
    let markdown = text(&files, "retryTask.md");
    for code in ["24404", "24617", "24621"] {
        assert!(
            markdown.contains(&format!("{{\"code\":{code},\"data\":null,\"msg\":")),
            "{code}"
        );
    }
    assert!(
        markdown.contains("- **`deviceKeys`** list of string, length at least 1."),
        "{markdown}"
    );
    let lowered: Json = serde_json::from_str(text(&files, "downloads/ota-jobs.lowered.json")).unwrap();
    for path in lowered["paths"].as_object().unwrap().values() {
        let operation = path.as_object().unwrap().values().next().unwrap();
        let samples = operation["x-codeSamples"].as_array().unwrap();
        assert_eq!(samples.len(), 5);
        for (sample, file) in samples.iter().zip(["cli.sh", "curl.sh", "rs", "py", "java"]) {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(
                sample["source"],
                text(&files, &format!("downloads/samples/{id}.{file}"))
            );
        }
    }
}

/// A body with a quote in it is what breaks a shell.
#[test]
fn a_sample_for_a_shell_quotes_the_body() {
    let files = site();
    let sample = text(&files, "downloads/samples/searchTasks.curl.sh");
    assert!(sample.contains(r"status='\''failed'\''"), "{sample}");
}

#[test]
fn every_page_is_there_as_markdown_and_listed_for_programs() {
    let files = site();
    let list = text(&files, "llms.txt");
    for (name, page) in pages(&files) {
        let Some(stem) = name.strip_suffix(".html").filter(|stem| *stem != "404") else {
            continue;
        };
        let markdown = text(&files, &format!("{stem}.md"));
        assert!(markdown.starts_with("# ") && !markdown.contains(" {#"), "{name}");
        assert!(list.contains(&format!("]({stem}.md): ")), "{name}");
        assert!(
            page.contains(&format!("type=\"text/markdown\" href=\"{stem}.md\"")),
            "{name}"
        );
    }
    assert!(!text(&files, "sign.md").contains("AGFzbQ=="));
    assert!(text(&files, "getting-started.md").contains("](settings.md)"));
    assert!(text(&files, "getting-started.md").contains("](reference.md)"));
}

#[test]
fn every_page_says_version_and_date_and_leads_to_its_neighbours() {
    let files = site();
    for (name, page) in pages(&files) {
        assert!(page.contains("Version 1.2.3</a>, <time>2026-03-01</time>"), "{name}");
        let neighbours = page.contains("rel=\"next\"") || page.contains("rel=\"prev\"");
        assert!(neighbours || name == "404.html", "{name}");
    }
    assert!(text(&files, "getting-started.zh-cn.html").starts_with("<!DOCTYPE html>\n<html lang=\"zh-CN\">"));
}

#[test]
fn the_diagram_takes_the_colours_of_the_page() {
    let files = site();
    assert!(text(&files, "concepts.html").contains("<svg class=\"diagram\""));
    assert!(text(&files, "index.html").contains("<img src=\"retry.svg\""));
    assert!(files.contains_key("retry.svg"));
}

#[test]
fn what_can_be_downloaded_includes_schemas_and_the_workflow() {
    let files = site();
    let page = text(&files, "output.html");
    assert!(page.contains("href=\"schemas/retry-1.json\"") && files.contains_key("schemas/retry-1.json"));
    assert!(files.contains_key("downloads/retry-failed.arazzo.yaml"));
}

#[test]
fn what_is_not_known_has_a_page_in_the_navigation() {
    let files = site();
    let page = text(&files, "unknowns.html");
    assert_eq!(page.matches("<h1>").count(), 1);
    for (name, page) in pages(&files) {
        assert!(page.contains("<a href=\"unknowns.html\""), "{name}");
    }
    // Each unknown says what the readings are, what is done, what that costs and what plays it.
    let unknowns: Vec<_> = page.split("<li><strong>Either</strong>").skip(1).collect();
    assert!(unknowns.len() >= 12, "{}", unknowns.len());
    for unknown in unknowns {
        for what in [
            "<strong>Or</strong>",
            "What the tool does.",
            "What it costs.",
            "Played by",
        ] {
            assert!(
                unknown.contains(what) || (what.contains("Or") && unknown.contains("<strong>or</strong>")),
                "{unknown}"
            );
        }
    }
}

#[test]
fn a_page_that_is_listed_and_missing_is_named() {
    let mut inputs = inputs();
    inputs.sources.remove("docs/faq.md");
    let error = docs::build(&inputs).unwrap_err().to_string();
    assert_eq!(error, "error: docs/faq.md is missing, which docs/pages.toml lists");
}

#[test]
fn the_same_sources_make_the_same_site() {
    assert_eq!(site(), site());
}
