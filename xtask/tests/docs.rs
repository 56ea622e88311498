//! The web site, made from the sources of this workspace and stand-ins for what is fetched and compiled. What only a browser
//! knows is tested by `.ci/site`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use xtask::check::check;
use xtask::docs::{self, DocsError, Files, Inputs, Outside, spec};
use xtask::spec::Document;

const LOGO: &str = "https://cdn.redoc.ly/redoc/logo-mini.svg";

fn outside() -> Outside {
    Outside {
        redoc: format!("logo({LOGO})"),
        redoc_licences: "MIT".into(),
        signer: b"\0asm".to_vec(),
        help: vec![("enos-ota retry".into(), "Retry <JOB> & devices".into())],
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
    let operations: BTreeSet<_> = spec::operations(&inputs().document)
        .iter()
        .map(|operation| format!("operation/{}", operation.id))
        .collect();
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
            if file == "reference.html" && fragment.starts_with("operation/") {
                assert!(operations.contains(fragment), "{name}: {link}");
            } else if !fragment.is_empty() {
                let ids = values(text(&files, file), "id");
                assert!(ids.iter().any(|id| id == fragment), "{name}: {link}");
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn links_of_the_search_and_of_the_reference_lead_somewhere() {
    let files = site();
    let index = text(&files, "search-index.js");
    let json = index.strip_prefix("window.searchIndex = ").unwrap().trim_end();
    let entries: Vec<[String; 4]> = serde_json::from_str(json.strip_suffix(';').unwrap()).unwrap();
    let mut links: Vec<_> = entries.iter().map(|entry| entry[2].clone()).collect();
    assert!(entries.iter().any(|entry| entry[1].starts_with("24621 ")));
    let reference = text(&files, "reference.html");
    links.extend(reference.split("](codes.html#").skip(1).map(|rest| {
        let fragment = rest.split(')').next().unwrap();
        format!("codes.html#{fragment}")
    }));
    for link in links {
        let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
        let page = text(&files, file);
        assert!(
            fragment.is_empty()
                || fragment.starts_with("operation/")
                || values(page, "id").iter().any(|id| id == fragment),
            "{link}"
        );
    }
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
    assert!(!text(&files, "redoc.js").contains("https://"));
    for name in ["style.css", "theme.js", "search.js", "sign.js", "reference.js"] {
        let text = text(&files, name);
        assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
        assert!(!text.contains("url(") && !text.contains("@import"), "{name}");
    }
}

#[test]
fn a_renderer_that_loads_something_else_is_refused() {
    let mut inputs = inputs();
    inputs.outside.redoc = "another version".into();
    let error = docs::build(&inputs).unwrap_err();
    assert!(matches!(error, DocsError::Source(what) if what.contains(LOGO)));
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

/// The policy forbids it, save in the reference, where the renderer has its own styles.
#[test]
fn no_page_has_an_inline_style() {
    let files = site();
    for (name, page) in pages(&files) {
        assert!(name == "reference.html" || !page.contains(" style=\""), "{name}");
    }
    assert!(text(&files, "guide-spec.html").contains("<td class=\"right\">"));
}

#[test]
fn every_heading_of_a_guide_links_to_itself() {
    for (name, page) in pages(&site()) {
        if !name.starts_with("guide-") && name != "unknowns.html" {
            continue;
        }
        let of = |opening: &str| page.split(opening).skip(1).map(str::to_owned).collect::<Vec<_>>();
        let headings = [of("<h2 id=\""), of("<h3 id=\"")].concat();
        assert!(!headings.is_empty(), "{name}");
        for heading in headings {
            let id = heading.split('"').next().unwrap();
            let heading = heading.split("</h").next().unwrap();
            assert!(
                heading.contains(&format!("<a class=\"anchor\" href=\"#{id}\"")),
                "{name}: {id}"
            );
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
            assert!(section.contains(code.text("remedy").unwrap()), "{number}");
        }
    }
    assert!(codes > 10);
    assert!(page.contains("id=\"common-99403\"") && page.contains("id=\"gateway-1001\""));
    assert!(page.contains("<tr id=\"refusal-429\"><td><code>429</code></td><td>API rate limit exceeded</td>"));
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
fn the_help_of_the_command_line_is_shown_as_it_is_printed() {
    let files = site();
    let page = text(&files, "guide-cli.html");
    assert!(page.contains("Retry &lt;JOB&gt; &amp; devices"));
    // How the tests of the README write an exit code means nothing to its readers.
    assert!(page.contains("[exit code 1]") && !page.contains("\n? 1\n"));
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
fn a_section_that_the_readme_has_no_longer_is_named() {
    let mut inputs = inputs();
    inputs.readme = inputs.readme.replace("\n## The SDK\n", "\n## Another\n");
    let error = docs::build(&inputs).unwrap_err().to_string();
    assert_eq!(
        error,
        "error: README.md has no section `## The SDK`, from which a page is made"
    );
}

#[test]
fn the_same_sources_make_the_same_site() {
    assert_eq!(site(), site());
}
