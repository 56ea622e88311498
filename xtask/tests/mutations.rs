//! Nothing that is wrong in the real document passes without a word.
//!
//! Each case breaks the document of the workspace in one small way. Either a finding points at the broken line, or the
//! generated code is another one, which a reviewer sees. Edits are found by the text around them, so that the document
//! may grow.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use xtask::diagnostic::{Diagnostic, Mark};
use xtask::generate::{GeneratedFile, generate};
use xtask::lint::lint;
use xtask::spec::Document;
use xtask::workspace;

/// What must come of an edit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// A finding on the line of the edit, or at most this many lines away from it.
    Found(usize),
    /// A finding anywhere: the place of the mistake is not where it shows.
    Elsewhere,
    /// Other code.
    Code,
}
use Outcome::{Code, Elsewhere, Found};

struct Mutation {
    /// The edit is at the first `from` after these texts, each looked for after the one before it.
    after: &'static [&'static str],
    from: &'static str,
    to: &'static str,
    outcome: Outcome,
}

const fn mutation(after: &'static [&'static str], from: &'static str, to: &'static str, outcome: Outcome) -> Mutation {
    Mutation {
        after,
        from,
        to,
        outcome,
    }
}

const RETRY: &str = "#action=retryTask:";
const CREATE: &str = "#action=create:";
const GET: &str = "#action=get:";
const SEARCH: &str = "#action=searchTask:";
const SCHEMAS: &str = "\n  schemas:\n";

const MUTATIONS: &[Mutation] = &[
    // The document as a whole.
    mutation(&[], "openapi: 3.0.3", "openapi: 3.1.0", Found(0)),
    mutation(&[], "openapi: 3.0.3", "openapi: 2.0", Found(0)),
    mutation(&[], "\ninfo:", "\ninfos:", Found(1)),
    mutation(&[], "\npaths:", "\npath:", Found(1)),
    mutation(&["\ninfo:"], "  version: 0.1.0\n", "", Found(2)),
    mutation(&["\ntags:"], "name: jobs", "name: job", Found(0)),
    mutation(
        &["\ntags:"],
        "    description: Upgrades of many devices to one firmware.\n",
        "",
        Found(1),
    ),
    mutation(
        &["\nservers:"],
        "default: apim-gateway",
        "defaults: apim-gateway",
        Found(0),
    ),
    mutation(&["\nsecurity:"], "signature: []", "signatur: []", Found(0)),
    mutation(&["\nsecurity:"], "    signature: []\n", "", Elsewhere),
    mutation(&["\ninfo:"], "    url: https://spdx", "    url: htps://spdx", Found(0)),
    // Form.
    mutation(&[CREATE], "      operationId:", "     operationId:", Found(2)),
    mutation(&[CREATE], "      summary:", "        summary:", Found(2)),
    mutation(
        &[CREATE],
        "          in: query\n",
        "          in: query\n          in: query\n",
        Found(1),
    ),
    mutation(&[RETRY], "      summary: Retry", "\tsummary: Retry", Found(1)),
    mutation(&[RETRY], "tags: [tasks]", "tags: [tasks", Found(3)),
    mutation(&[SCHEMAS, "    RetryPolicy:"], "      properties:\n", "", Found(3)),
    // Operations.
    mutation(&[], RETRY, "#action=retryTasks:", Found(0)),
    mutation(&[], RETRY, "?action=retryTask:", Found(0)),
    mutation(&[], RETRY, ":", Found(0)),
    mutation(&[GET], "    get:", "    gets:", Found(1)),
    mutation(&[GET], "    get:", "    post:", Code),
    mutation(&[RETRY], "operationId: retryTask", "operationId: cancelTask", Found(0)),
    mutation(&[RETRY], "operationId: retryTask", "operationId: retry_task", Found(0)),
    mutation(&[RETRY], "operationId: retryTask", "operationId: retryTasks", Code),
    mutation(&[RETRY], "      operationId: retryTask\n", "", Found(1)),
    mutation(&[RETRY], "tags: [tasks]", "tags: [task]", Found(0)),
    mutation(&[RETRY], "      tags: [tasks]\n", "", Found(2)),
    mutation(&[RETRY], "      summary: Retry failed tasks\n", "", Found(3)),
    mutation(&[RETRY], "      externalDocs:\n", "      externalDoc:\n", Found(0)),
    mutation(&[RETRY], "url: https:", "url: http:", Found(0)),
    mutation(&[RETRY], "enum: [retryTask]", "enum: [retrytask]", Elsewhere),
    mutation(&[RETRY], "enum: [retryTask]", "enum: [retryTask, retry]", Found(0)),
    mutation(&[RETRY], "enum: [retryTask]", "enums: [retryTask]", Found(0)),
    mutation(&[RETRY], "          required: true\n", "", Found(5)),
    mutation(&[RETRY], "          in: query\n", "          in: header\n", Found(0)),
    mutation(&[RETRY], "name: action", "name: actions", Elsewhere),
    mutation(&[RETRY], "parameters/JobId\"", "parameters/JobID\"", Found(0)),
    mutation(&[RETRY], "parameters/JobId\"", "schemas/JobId\"", Found(0)),
    mutation(&[RETRY], "parameters/JobId\"", "parameters/OrgId\"", Found(0)),
    mutation(
        &[RETRY],
        "        - $ref: \"#/components/parameters/JobId\"\n",
        "",
        Code,
    ),
    mutation(&[RETRY, "requestBody:"], "        required: true\n", "", Found(1)),
    mutation(
        &[RETRY, "requestBody:"],
        "application/json:",
        "application/xml:",
        Found(0),
    ),
    mutation(
        &[RETRY, "requestBody:"],
        "schemas/RetryTaskRequest",
        "schemas/CancelTaskRequest",
        Elsewhere,
    ),
    mutation(&[RETRY, "responses:"], "\"200\":", "\"201\":", Found(0)),
    mutation(&[RETRY, "responses:"], "code: code", "code: kode", Found(0)),
    mutation(&[RETRY, "responses:"], "success: 0", "success: zero", Found(0)),
    mutation(&[RETRY, "responses:"], "success: 0", "success: 1", Found(4)),
    mutation(&[RETRY, "responses:"], "gatewayStatus:", "gatewaystatus:", Found(0)),
    mutation(
        &[RETRY],
        "x-effect: compare-and-set",
        "x-effect: compare-and-swap",
        Found(0),
    ),
    mutation(&[RETRY], "x-effect: compare-and-set", "x-effect: none", Code),
    mutation(&[RETRY], "      x-effect: compare-and-set\n", "", Elsewhere),
    mutation(&[GET], "x-effect: none", "x-effect: each-time", Found(0)),
    mutation(&[RETRY], "x-available-since: 2.2.0", "x-available-since: 2.2", Found(0)),
    mutation(&[RETRY], "x-permissions:", "x-permission:", Found(0)),
    mutation(&[RETRY], "versions: 2.4.0 to 2.4.4", "versions: 2.4.0-2.4.4", Found(0)),
    mutation(
        &[RETRY, "x-permissions:"],
        "          source: https://support.enos-iot.com/docs/connection-api/en/2.3.0/retry_ota_task\n",
        "",
        Found(2),
    ),
    // Codes.
    mutation(&[RETRY, "x-error-codes:"], "code: 24404", "code: \"24404\"", Found(0)),
    mutation(&[RETRY, "x-error-codes:"], "code: 24617", "code: 24404", Found(0)),
    mutation(&[RETRY, "x-error-codes:"], "code: 24621", "code: 24612", Elsewhere),
    mutation(
        &[RETRY, "x-error-codes:"],
        "name: JobNotRunning",
        "name: jobNotRunning",
        Found(0),
    ),
    mutation(
        &[RETRY, "x-error-codes:"],
        "name: JobNotRunning",
        "name: JobRunning",
        Found(0),
    ),
    mutation(
        &[RETRY, "x-error-codes:"],
        "message: Job not running",
        "message: Job is not running",
        Found(0),
    ),
    mutation(
        &[RETRY, "x-error-codes:"],
        "category: refusal",
        "category: refused",
        Found(0),
    ),
    mutation(
        &[RETRY, "x-error-codes:"],
        "category: refusal",
        "category: precondition",
        Code,
    ),
    mutation(
        &[RETRY, "x-error-codes:"],
        "          remedy: Start the job, then retry.\n",
        "",
        Found(5),
    ),
    mutation(&["x-common-error-codes:"], "code: 99400", "code: 24500", Found(0)),
    mutation(&[], "x-common-error-codes:", "x-comon-error-codes:", Found(0)),
    mutation(&[], "x-gateway-error-codes:", "x-gateway-error-code:", Found(0)),
    mutation(&[], "x-gateway-refusals:", "x-gateway-refusal:", Found(0)),
    mutation(&["x-gateway-refusals:"], "status: 429", "status: 413", Found(0)),
    mutation(&["x-gateway-refusals:"], "body: inferred", "body: guessed", Found(0)),
    mutation(
        &["x-gateway-error-codes:"],
        "category: token_expired",
        "category: token-expired",
        Found(0),
    ),
    // Text.
    mutation(&[RETRY], "After 24621, treat", "After 24612, treat", Found(0)),
    mutation(&[RETRY], "- Inferred: a retried task", "- A retried task", Found(0)),
    mutation(
        &[CREATE],
        "- Inferred from the vendor's Java sample: a new job",
        "- A new job",
        Found(0),
    ),
    mutation(
        &["#action=cancelTask:"],
        "- Inferred from the vendor's Python sample: a cancelled",
        "- A cancelled",
        Found(1),
    ),
    mutation(
        &[SCHEMAS, "    TaskInfo:"],
        "Inferred from the vendor's device\n            SDKs: -1",
        "From the device SDKs: -1",
        Found(1),
    ),
    mutation(&[RETRY], "Restarts the failed", "TODO: restarts the failed", Found(0)),
    // Components.
    mutation(&["\n  parameters:\n    OrgId:"], "      required: true\n", "", Code),
    mutation(
        &["\n  parameters:\n    OrgId:"],
        "      example: yourOrgId\n",
        "",
        Found(8),
    ),
    mutation(
        &["\n  parameters:\n    OrgId:"],
        "schemas/OrgId",
        "schemas/JobId",
        Elsewhere,
    ),
    mutation(&[SCHEMAS, "    JobId:"], "minLength: 1", "minLength: one", Found(0)),
    mutation(&[SCHEMAS, "    JobId:"], "      minLength: 1\n", "", Code),
    mutation(&[SCHEMAS, "    JobId:"], "minLength: 1", "minlength: 1", Found(0)),
    mutation(&[SCHEMAS, "    JobId:"], "type: string", "type: text", Found(0)),
    mutation(&[SCHEMAS, "    JobId:"], "type: string", "type: integer", Found(1)),
    mutation(&[SCHEMAS, "    DeviceKeys:"], "minItems: 1", "minItems: 3", Elsewhere),
    mutation(&[SCHEMAS, "    DeviceKeys:"], "      uniqueItems: true\n", "", Code),
    mutation(
        &[SCHEMAS, "    DeviceKeys:"],
        "uniqueItems: true",
        "uniqueItems: yes",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    DeviceKeys:"],
        "example: [deviceKey1, deviceKey2]",
        "example: deviceKey1",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    RetryTaskRequest:"],
        "required: [deviceKeys]",
        "required: [deviceKey]",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    RetryTaskRequest:"],
        "      required: [deviceKeys]\n",
        "",
        Code,
    ),
    mutation(
        &[SCHEMAS, "    RetryTaskRequest:"],
        "          description: The devices.\n",
        "",
        Found(1),
    ),
    mutation(
        &[SCHEMAS, "    Acknowledgement:"],
        "required: [code]",
        "required: [code, msg]",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    Acknowledgement:"],
        "        requestId:\n",
        "        requestID:\n",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    JobStatus:"],
        "value: started",
        "value: startd",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    JobStatus:"],
        "value: stopped",
        "value: started",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    JobStatus:"],
        "x-known-values:",
        "x-known-value:",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    JobStatus:"],
        "example: started",
        "example: running",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    AssetTreeScope:\n", "includedNotes:"],
        "          nullable: true\n",
        "",
        Found(2),
    ),
    mutation(
        &[SCHEMAS, "    Integer:"],
        "x-lenient: true",
        "x-lenient: \"true\"",
        Found(0),
    ),
    mutation(&[SCHEMAS, "    Integer:"], "      x-lenient: true\n", "", Code),
    mutation(
        &[SCHEMAS, "    GetJobResponse:"],
        "          x-nullable: true\n",
        "",
        Found(4),
    ),
    mutation(
        &[SCHEMAS, "    TaskInfo:"],
        "          x-nullable: true\n",
        "",
        Found(4),
    ),
    mutation(
        &[SCHEMAS, "    JobInfo:"],
        "x-nullable: true",
        "x-nullable: false",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    JobInfo:"],
        "x-nullable: true",
        "x-nulable: true",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    JobInfo:"],
        "      type: object\n",
        "      type: object\n      x-nullable: true\n",
        Found(1),
    ),
    mutation(&[SCHEMAS, "    Integer:"], "type: integer", "type: string", Elsewhere),
    mutation(
        &[SCHEMAS, "    CreateJobRequest:", "upgradeTimeout:"],
        "maximum: 172800",
        "maximum: 200",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    CreateJobRequest:", "upgradeTimeout:"],
        "example: 7200",
        "example: 72",
        Found(0),
    ),
    mutation(
        &[SCHEMAS, "    CreateJobRequest:"],
        "required: [type, upgradeScope]",
        "required: [type, upgradeScope, name]",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    JobInfo:"],
        "        createTime:\n",
        "        createdTime:\n",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    TaskInfo:"],
        "schemas/TaskStatus",
        "schemas/JobStatus",
        Elsewhere,
    ),
    mutation(
        &[SCHEMAS, "    TaskInfo:"],
        "          allOf:\n",
        "          allof:\n",
        Found(0),
    ),
    mutation(&[SCHEMAS], "    PageInfo:\n", "    PageInfos:\n", Elsewhere),
    mutation(&[SCHEMAS, "    PageRequest:"], "maximum: 200", "maximum: 20", Elsewhere),
    mutation(
        &[SCHEMAS, "    PageRequest:"],
        "format: int64",
        "format: int-64",
        Found(0),
    ),
    mutation(&[SCHEMAS], "    TaskStatus:\n", "    JobStatus:\n", Found(0)),
    // Examples.
    mutation(
        &[RETRY, "examples:"],
        "deviceKeys: [deviceKey1",
        "devicekeys: [deviceKey1",
        Found(1),
    ),
    mutation(&[RETRY, "examples:"], "[deviceKey1, deviceKey2]", "[]", Found(0)),
    mutation(
        &[RETRY, "examples:"],
        "                value:\n",
        "                values:\n",
        Found(1),
    ),
    mutation(&[GET, "examples:"], "code: 0", "code: zero", Found(0)),
    mutation(&[GET, "examples:"], "status: started", "status: startd", Found(0)),
    mutation(
        &[GET, "examples:"],
        "createTime: 1591171274000",
        "createTime: \"2020\"",
        Found(0),
    ),
    mutation(
        &[GET, "examples:"],
        "                      firmwareId:",
        "                      firmwareID:",
        Found(0),
    ),
    mutation(&[SEARCH, "examples:"], "pageSize: 50", "pageSize: 500", Found(0)),
    mutation(&[SEARCH, "responses:"], "progress: -2", "progress: minus two", Found(0)),
    mutation(&[CREATE, "examples:"], "type: partial", "type: part", Found(0)),
    mutation(
        &[CREATE, "examples:"],
        "                  type: upgrade\n",
        "",
        Found(9),
    ),
];

fn real() -> String {
    std::fs::read_to_string(workspace::root().join(workspace::SPEC)).unwrap()
}

/// Where the edit begins.
fn place(text: &str, mutation: &Mutation) -> Option<usize> {
    let mut at = 0;
    for anchor in mutation.after {
        at += text[at..].find(anchor)?;
    }
    Some(at + text[at..].find(mutation.from)?)
}

/// The generated files that a reviewer looks at: the one with the hash of the document differs after every edit.
type Files = Vec<GeneratedFile>;

/// The generated files, or what is wrong.
fn result(text: String) -> Result<Files, Vec<(Mark, String)>> {
    let plain = |diagnostics: Vec<Diagnostic>| {
        let diagnostics = diagnostics.into_iter();
        diagnostics
            .map(|diagnostic| (diagnostic.at, diagnostic.message))
            .collect()
    };
    let document = Document::parse(workspace::SPEC.to_owned(), text);
    let document = document.map_err(|report| plain(report.diagnostics().to_vec()))?;
    let findings: Vec<_> = lint(&document).into_iter().map(|finding| finding.diagnostic).collect();
    if !findings.is_empty() {
        return Err(plain(findings));
    }
    let mut files = generate(&document).map_err(plain)?;
    files.retain(|file| file.name != "provenance.toml");
    Ok(files)
}

/// What is wrong with the answer to an edit.
fn outcome(spec: &str, before: &Files, mutation: &Mutation) -> Result<(), String> {
    let start = place(spec, mutation).ok_or("the text to be edited is not there")?;
    let text = format!(
        "{}{}{}",
        &spec[..start],
        mutation.to,
        &spec[start + mutation.from.len()..]
    );
    let line = spec[..start].matches('\n').count() + 1;
    match (mutation.outcome, result(text)) {
        (Found(distance), Err(found)) if found.iter().any(|(at, _)| at.line.abs_diff(line) <= distance) => Ok(()),
        (Elsewhere, Err(_)) => Ok(()),
        (Code, Ok(files)) if files != *before => Ok(()),
        (_, Ok(files)) if files == *before => Err("no finding, and the same code".to_owned()),
        (_, Ok(_)) => Err("no finding, but other code".to_owned()),
        (_, Err(found)) => Err(format!("the edit is on line {line}; found {found:?}")),
    }
}

#[test]
fn no_mistake_passes_without_a_word() {
    let spec = real();
    let before = result(spec.clone()).unwrap();
    // Half of the time goes into generating, and all of it can be shared.
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: String = std::thread::scope(|scope| {
        let (spec, before) = (&spec, &before);
        let parts = MUTATIONS.chunks(MUTATIONS.len().div_ceil(threads));
        let parts: Vec<_> = parts
            .map(|part| scope.spawn(move || failures(spec, before, part)))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{failures}");
}

fn failures(spec: &str, before: &Files, mutations: &[Mutation]) -> String {
    let mut failures = String::new();
    for mutation in mutations {
        if let Err(why) = outcome(spec, before, mutation) {
            let Mutation { after, from, to, .. } = mutation;
            writeln!(failures, "--- {after:?}: {from:?} -> {to:?}\n{why}\n").unwrap();
        }
    }
    failures
}

#[test]
fn there_are_many_of_them() {
    assert!(MUTATIONS.len() >= 100, "{}", MUTATIONS.len());
}
