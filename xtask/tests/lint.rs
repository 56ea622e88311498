//! Each rule finds what it is for, at its place, and each format says it.

#![allow(clippy::unwrap_used, clippy::needless_raw_string_hashes)]

use std::fmt::Write as _;
use std::process::{Command, Output};

use snapbox::{assert_data_eq, str};
use tempfile::TempDir;
use xtask::lint::{Finding, lint};
use xtask::spec::Document;
use xtask::workspace;

/// A document that no one edits, with everything removed from it that its one operation does not need.
fn base() -> String {
    let text = include_str!("base.yaml");
    text.split_inclusive('\n').take(373).collect()
}

/// An edit of the base document, and the one finding that comes of it.
struct Case {
    rule: &'static str,
    /// Text that is in the document once.
    from: &'static str,
    to: &'static str,
    /// What stands at the place of the finding.
    at: &'static str,
    message: &'static str,
}

const fn case(
    rule: &'static str,
    from: &'static str,
    to: &'static str,
    at: &'static str,
    message: &'static str,
) -> Case {
    Case {
        rule,
        from,
        to,
        at,
        message,
    }
}

const CASES: &[Case] = &[
    case(
        "shape",
        "      operationId: retryTask",
        "      operationID: retryTask",
        "operationID",
        "unknown key `operationID`",
    ),
    case(
        "openapi-version",
        "openapi: 3.0.3",
        "openapi: 3.1.0",
        "3.1.0",
        "OpenAPI 3.1.0 cannot be generated from",
    ),
    case(
        "references",
        "#/components/parameters/JobId\"",
        "#/components/parameters/JobID\"",
        "\"#/components/parameters/JobID\"",
        "leads nowhere",
    ),
    case(
        "operation-summary",
        "      summary: Retry failed tasks\n",
        "",
        "post:",
        "`retryTask` has no `summary`",
    ),
    case(
        "operation-tags",
        "      tags: [tasks]\n",
        "      tags: []\n",
        "tags: []",
        "`retryTask` has no `tags`",
    ),
    case(
        "operation-docs",
        "      externalDocs:\n        description: \"EnOS 2.4.4: Retry OTA Task\"\n        url: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/retry_ota_task.html\n",
        "",
        "post:",
        "has no `externalDocs`",
    ),
    case(
        "operation-since",
        "      x-available-since: 2.2.0\n",
        "",
        "post:",
        "has no `x-available-since`",
    ),
    case(
        "example-missing",
        "      example: yourJobId\n",
        "",
        "JobId:",
        "the parameter `jobId` has no example",
    ),
    case(
        "example-schema",
        "                  deviceKeys: [deviceKey1, deviceKey2]\n",
        "                  deviceKeys: [deviceKey1, deviceKey1]\n",
        "deviceKeys: [",
        "non-unique",
    ),
    case(
        "example-schema",
        "                  deviceKeys: [deviceKey1, deviceKey2]\n",
        "                  deviceKey: [deviceKey1, deviceKey2]\n                  deviceKeys: [deviceKey1]\n",
        "deviceKey: [",
        "a member `deviceKey` that its schema does not describe",
    ),
    case(
        "example-schema",
        "          example: 0\n",
        "          example: null\n",
        "null",
        "\"integer\"",
    ),
    case(
        "description",
        "      description: Id of an OTA job. The published samples show 24 hexadecimal digits; the form is not documented.\n",
        "",
        "JobId:",
        "the schema `JobId` has no description",
    ),
    case(
        "description",
        "          description: Text that goes with the code, `OK` for success.\n",
        "          description: \"\"\n",
        "description: \"\"",
        "the description of the member `msg` is empty",
    ),
    case(
        "description",
        "        required: true\n        description: The devices whose tasks are to be retried.\n",
        "        required: true\n",
        "requestBody:",
        "a request body has no description",
    ),
    case(
        "body-required",
        "        required: true\n        description: The devices whose tasks are to be retried.\n",
        "        required: false\n        description: The devices whose tasks are to be retried.\n",
        "required: false",
        "the generated client always sends it",
    ),
    case(
        "text-keys",
        "      description: Id of an organization (OU), such as `o15724268424841`. Its form is not documented.\n      example",
        "      description: >-\n        Id of an organization.\n\n        type: string\n      example",
        "type: string",
        "has become part of the text above it",
    ),
    case(
        "format",
        "          type: integer\n          format: int64\n          description: 0 for success",
        "          type: integer\n          format: int-64\n          description: 0 for success",
        "int-64",
        "the format `int-64` has no meaning for this type",
    ),
    case(
        "code-mention",
        "After 24621, treat no task",
        "After 24612, treat no task",
        "24612",
        "the code 24612, which is not listed",
    ),
    case(
        "tag-undeclared",
        "      tags: [tasks]\n",
        "      tags: [tasks, task]\n",
        "task]",
        "the tag `task` is not declared",
    ),
    case(
        "tag-unused",
        "  - name: tasks\n    description: The run of a job on one device.\n",
        "  - name: tasks\n    description: The run of a job on one device.\n  - name: spare\n    description: Another.\n",
        "spare",
        "no operation has the tag `spare`",
    ),
    case(
        "component-unused",
        "  parameters:\n    OrgId:\n",
        "  parameters:\n    Spare:\n      name: spare\n      in: query\n      description: Another.\n      schema:\n        type: string\n      example: spare\n    OrgId:\n",
        "Spare:",
        "nothing refers to the component `Spare`",
    ),
    case(
        "url",
        "        url: https://support.enos-iot.com/docs/connection-api/en/2.4.4/oldversion/retry_ota_task.html\n",
        "        url: http://support.enos-iot.com/docs\n",
        "http:",
        "is no link that a reader can follow",
    ),
    case(
        "version",
        "      x-available-since: 2.2.0\n",
        "      x-available-since: \"2.2\"\n",
        "\"2.2\"",
        "`2.2` is no version",
    ),
    case(
        "todo",
        "      summary: Retry failed tasks\n",
        "      summary: TODO Retry failed tasks\n",
        "TODO",
        "still to be written",
    ),
    case(
        "undocumented",
        "        - Inferred: a retried task returns to the status `init`; no page says so.\n",
        "        - A retried task returns to the status `init`.\n",
        "returns to the status",
        "no page says which status a retried task has",
    ),
    case(
        "undocumented",
        "        - Not documented: how many device keys a call may carry.\n",
        "        - A call may carry at most 1,000 device keys.\n",
        "at most 1,000 device",
        "no page says how many device keys",
    ),
    case(
        "undocumented",
        "    description: The platform failed.\n",
        "    description: The platform failed. HTTP 429 answers more than 600 calls per minute.\n",
        "600 calls per minute",
        "no page says how many calls the gateway takes",
    ),
    case(
        "undocumented",
        "    description: The platform failed.\n",
        "    description: The platform failed. The body has `{\"message\"`.\n",
        "{\"message\"",
        "no page shows the body of a refusal",
    ),
    case(
        "undocumented",
        "        - Inferred: a task that a person has cancelled has the status `failed` too, so this operation revives it.\n",
        "        - A cancelled task becomes `failed`,\n          so this operation revives it.\n",
        "cancelled task becomes",
        "where a cancelled task goes",
    ),
];

fn findings(text: &str) -> Vec<Finding> {
    match Document::parse(workspace::SPEC.to_owned(), text.to_owned()) {
        Ok(document) => lint(&document),
        Err(report) => unreachable!("{report}"),
    }
}

fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "not there exactly once: {from:?}");
    text.replace(from, to)
}

#[test]
fn the_base_document_is_clean() {
    assert_eq!(findings(&base()), []);
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let mut failures = String::new();
    for case in CASES {
        let text = edited(&base(), case.from, case.to);
        let found = findings(&text);
        let is_expected = |finding: &Finding| {
            let at = finding.diagnostic.at;
            let line = text.lines().nth(at.line - 1).unwrap();
            let rest: String = line.chars().skip(at.column - 1).collect();
            finding.rule == case.rule && rest.starts_with(case.at) && finding.diagnostic.message.contains(case.message)
        };
        // What nothing refers to any more is reported as unused too.
        let is_alone = found.len() == 1 || ["operation-tags", "references"].contains(&case.rule);
        if !found.iter().any(is_expected) || !is_alone {
            writeln!(failures, "--- {} ({}):\n{found:#?}", case.rule, case.message).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_code_has_the_same_message_in_all_operations() {
    let text = std::fs::read_to_string(workspace::root().join(workspace::SPEC)).unwrap();
    // The last of them; the first is what it is compared with.
    let at = text.rfind("message: Job not running").unwrap();
    let text = format!("{}message: Job is not running{}", &text[..at], &text[at + 24..]);
    let found = findings(&text);
    let messages: Vec<_> = found
        .iter()
        .map(|found| (found.rule, &*found.diagnostic.message))
        .collect();
    assert_eq!(
        messages,
        [(
            "code-clash",
            "the message of 24617 is `Job is not running` here and `Job not running` elsewhere"
        )]
    );
}

#[test]
fn an_operation_without_codes_says_so_or_is_reported() {
    let text = std::fs::read_to_string(workspace::root().join(workspace::SPEC)).unwrap();
    assert!(text.contains("      x-error-codes: []"));
    assert_eq!(findings(&text), []);
    let text = text.replace(
        "The page lists no error codes but the common ones.",
        "There is no more.",
    );
    let rules: Vec<_> = findings(&text).into_iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["operation-codes", "operation-codes"]);
}

/// Runs the command on a text.
fn run(text: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("spec.yaml"), text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["lint", "--spec", "spec.yaml"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

/// Two findings: an error and a warning.
fn wrong() -> String {
    let text = edited(
        &base(),
        "  - name: tasks\n",
        "  - name: spare, of 100%\n    description: Another.\n  - name: tasks\n",
    );
    edited(&text, "      summary: Retry failed tasks\n", "      summary: TODO\n")
}

#[test]
fn people_see_the_lines() {
    let output = run(&wrong(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        str![[r#"
warning[tag-unused]: no operation has the tag `spare, of 100%`
  --> spec.yaml:44:11
   |
44 |   - name: spare, of 100%
   |           ^^^^^^^^^^^^^^

error[todo]: this is still to be written
  --> spec.yaml:58:16
   |
58 |       summary: TODO
   |                ^^^^
   |
   = hint: replace the text that has TODO in it


"#]]
    );
    assert_data_eq!(
        String::from_utf8(output.stderr).unwrap(),
        str![[r#"
spec.yaml: 1 error and 1 warning

"#]]
    );
}

#[test]
fn programs_get_an_array() {
    let output = run(&wrong(), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        str![[r#"
[
  {
    "column": 11,
    "expected": null,
    "file": "spec.yaml",
    "hint": null,
    "line": 44,
    "message": "no operation has the tag `spare, of 100%`",
    "rule": "tag-unused",
    "severity": "warning",
    "snippet": "  - name: spare, of 100%"
  },
  {
    "column": 16,
    "expected": null,
    "file": "spec.yaml",
    "hint": "replace the text that has TODO in it",
    "line": 58,
    "message": "this is still to be written",
    "rule": "todo",
    "severity": "error",
    "snippet": "      summary: TODO"
  }
]

"#]]
    );
    let output = run(&base(), &["--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        str![[r#"
[]

"#]]
    );
}

#[test]
fn github_gets_workflow_commands() {
    let output = run(&wrong(), &["--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    assert_data_eq!(
        String::from_utf8(output.stdout).unwrap(),
        str![[r#"
::warning file=spec.yaml,line=44,col=11,title=tag-unused::no operation has the tag `spare, of 100%25`
::error file=spec.yaml,line=58,col=16,title=todo::this is still to be written%0Ahint: replace the text that has TODO in it

"#]]
    );
}

#[test]
fn text_that_is_no_yaml_is_a_finding_too() {
    let output = run("openapi: [\n", &["--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("::error file=spec.yaml,line=") && stdout.contains("title=yaml::not valid YAML"),
        "{stdout}"
    );
}

#[test]
fn warnings_fail_only_if_they_are_denied() {
    let text = edited(
        &base(),
        "  - name: tasks\n",
        "  - name: spare\n    description: Another.\n  - name: tasks\n",
    );
    assert_eq!(run(&text, &[]).status.code(), Some(0));
    assert_eq!(run(&text, &["--deny", "warnings"]).status.code(), Some(1));
    assert_eq!(run(&base(), &["--deny", "warnings"]).status.code(), Some(0));
}
