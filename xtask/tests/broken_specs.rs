//! Every mistake in the document is reported where it is, in words that say what is wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_raw_string_hashes)]

use std::fmt::Write as _;

use xtask::codegen;
use xtask::diagnostic::Report;
use xtask::spec::Document;
use xtask::workspace;

/// An edit of the base document, and what must be said about it.
struct Case {
    name: &'static str,
    /// Text that is in the document once.
    from: &'static str,
    to: &'static str,
    /// `line:column`, and a part of the message.
    expected: &'static [(&'static str, &'static str)],
}

const fn case(
    name: &'static str,
    from: &'static str,
    to: &'static str,
    expected: &'static [(&'static str, &'static str)],
) -> Case {
    Case {
        name,
        from,
        to,
        expected,
    }
}

/// A document that no one edits, so that the places stay where they are. It has the form of the real one.
const BASE: &str = include_str!("base.yaml");

fn report(text: String) -> Option<Report> {
    match Document::parse(workspace::SPEC.to_owned(), text) {
        Ok(document) => codegen::files(&document).err(),
        Err(report) => Some(report),
    }
}

fn edited(spec: &str, from: &str, to: &str) -> String {
    assert_eq!(spec.matches(from).count(), 1, "not there exactly once: {from:?}");
    spec.replace(from, to)
}

#[test]
fn every_mistake_is_reported_at_its_place() {
    let mut failures = String::new();
    for case in CASES {
        let Some(report) = report(edited(BASE, case.from, case.to)) else {
            writeln!(failures, "--- {}: nothing was reported", case.name).unwrap();
            continue;
        };
        let found: Vec<_> = report.diagnostics().iter().collect();
        let matches = found.len() == case.expected.len()
            && found.iter().zip(case.expected).all(|(found, (at, message))| {
                format!("{}:{}", found.at.line, found.at.column) == *at && found.message.contains(message)
            });
        if !matches {
            writeln!(
                failures,
                "--- {}: expected {:?}, but found:\n{report}",
                case.name, case.expected
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_documents_have_no_mistake() {
    let real = std::fs::read_to_string(workspace::root().join(workspace::SPEC)).unwrap();
    for text in [BASE, &real] {
        if let Some(report) = report(text.to_owned()) {
            panic!("{report}");
        }
    }
}

/// Whatever a slip of the editor leaves behind, there is an answer, and it points into the document.
#[test]
fn a_line_less_is_never_a_panic() {
    let lines: Vec<_> = BASE.lines().collect();
    // A line of a description is not worth the time: the rest of the description takes its place.
    for missing in (0..lines.len()).filter(|index| lines[*index].contains(':')) {
        let rest = [&lines[..missing], &lines[missing + 1..]].concat();
        if let Some(report) = report(rest.join("\n")) {
            for diagnostic in report.diagnostics() {
                assert!(
                    (1..=rest.len()).contains(&diagnostic.at.line),
                    "without line {}: {report}",
                    missing + 1
                );
            }
        }
    }
}

#[test]
fn a_report_shows_the_line_and_what_would_be_right() {
    let text = edited(BASE, "      operationId: retryTask", "      operationID: retryTask");
    let text = edited(&text, "            enum: [retryTask]", "            enum: []");
    snapbox::assert_data_eq!(
        report(text).unwrap().to_string(),
        snapbox::str![[r#"
error: unknown key `operationID` in an operation
  --> openapi/ota-jobs.yaml:54:7
   |
54 |       operationID: retryTask
   |       ^^^^^^^^^^^
   |
   = expected: `operationId`
   = hint: did you mean `operationId`?

error: `action` has 0 values
  --> openapi/ota-jobs.yaml:79:13
   |
79 |             enum: []
   |             ^^^^
   |
   = expected: exactly one, as in `enum: [...]`

error: `enum` allows no value
  --> openapi/ota-jobs.yaml:79:13
   |
79 |             enum: []
   |             ^^^^
   |
   = expected: at least one value

3 errors in openapi/ota-jobs.yaml
"#]]
    );
}

const CASES: &[Case] = &[
    // YAML
    case(
        "a quote is not closed",
        "title: EnOS OTA jobs",
        "title: 'EnOS OTA jobs",
        &[(
            "24:67",
            "not valid YAML: invalid trailing content after single-quoted scalar",
        )],
    ),
    case(
        "indentation",
        "  version: 0.1.0\n",
        "   version: 0.1.0\n",
        &[(
            "16:11",
            "not valid YAML: mapping values are not allowed in this context",
        )],
    ),
    case(
        "a tab",
        "  version: 0.1.0\n",
        "\tversion: 0.1.0\n",
        &[("15:10", "not valid YAML: while scanning a plain scalar, found a tab")],
    ),
    case(
        "empty",
        "openapi: 3.0.3\n",
        "--- 1\n---\n",
        &[("15:1", "not valid YAML: multiple YAML documents detected")],
    ),
    case(
        "an unknown anchor",
        "title: EnOS OTA jobs",
        "title: *nowhere",
        &[("15:10", "not valid YAML: alias references unknown anchor")],
    ),
    case(
        "a key twice",
        "      operationId: retryTask\n",
        "      operationId: retryTask\n      operationId: retryTask\n",
        &[("55:7", "the key `operationId` is there twice")],
    ),
    case(
        "a key twice in an example",
        "                    msg: OK\n                    requestId",
        "                    code: 0\n                    requestId",
        &[("114:21", "the key `code` is there twice")],
    ),
    // Keys
    case(
        "a misspelt key",
        "      operationId: retryTask",
        "      operationID: retryTask",
        &[("54:7", "unknown key `operationID` in an operation")],
    ),
    case(
        "a misspelt extension",
        "      x-error-codes:\n",
        "      x-error-code:\n",
        &[("128:7", "unknown key `x-error-code` in an operation")],
    ),
    case(
        "an unknown extension",
        "      x-available-since: 2.2.0",
        "      x-rate-limit: 10",
        &[("117:7", "unknown key `x-rate-limit` in an operation")],
    ),
    case(
        "a misspelt key in a schema",
        "      uniqueItems: true",
        "      uniqueItem: true",
        &[("323:7", "unknown key `uniqueItem` in a schema")],
    ),
    case(
        "a misspelt key of a response",
        "          x-failure-envelope:\n",
        "          x-failure-envelop:\n",
        &[("99:11", "unknown key `x-failure-envelop` in a response")],
    ),
    case(
        "a misspelt list of common codes",
        "x-common-error-codes:\n  -",
        "x-commn-error-codes:\n  -",
        &[("151:1", "unknown key `x-commn-error-codes` in the document")],
    ),
    case(
        "a key beside a reference",
        "        - $ref: \"#/components/parameters/OrgId\"\n",
        "        - $ref: \"#/components/parameters/OrgId\"\n          required: false\n",
        &[("81:11", "`required` beside `$ref` is ignored")],
    ),
    case(
        "no operationId",
        "      operationId: retryTask\n",
        "",
        &[("53:5", "an operation lacks `operationId`")],
    ),
    case(
        "no title",
        "  title: EnOS OTA jobs\n",
        "",
        &[("14:1", "`info` lacks `title`")],
    ),
    case(
        "no version",
        "  version: 0.1.0\n",
        "",
        &[("14:1", "`info` lacks `version`")],
    ),
    case(
        "no responses",
        "      responses:\n",
        "      answers:\n",
        &[
            ("53:5", "an operation lacks `responses`"),
            ("94:7", "unknown key `answers` in an operation"),
        ],
    ),
    case(
        "no description of a response",
        "          description: >-\n            The answer of the platform. `code` 0 means that the request was accepted; any other `code` is a failure,\n            listed under `x-error-codes`.\n",
        "",
        &[("95:9", "a response lacks `description`")],
    ),
    case(
        "a parameter without a name",
        "      name: orgId\n",
        "",
        &[("280:5", "a parameter lacks `name`")],
    ),
    case(
        "a parameter without a place",
        "      name: orgId\n      in: query\n",
        "      name: orgId\n",
        &[("280:5", "a parameter lacks `in`")],
    ),
    case(
        "a parameter without a schema",
        "      schema:\n        $ref: \"#/components/schemas/OrgId\"\n",
        "",
        &[("280:5", "a parameter lacks `schema`")],
    ),
    case(
        "no failure envelope",
        "          x-failure-envelope:\n            code: code\n            message: msg\n            requestId: requestId\n            gatewayStatus: apim_status\n            success: 0\n",
        "",
        &[("95:9", "a response lacks `x-failure-envelope`")],
    ),
    // Types
    case(
        "a text for a truth value",
        "      name: orgId\n      in: query\n      required: true\n",
        "      name: orgId\n      in: query\n      required: yes\n",
        &[("283:17", "`required` is the text \"yes\"")],
    ),
    case(
        "a text for a number",
        "    JobId:\n      type: string\n      minLength: 1\n",
        "    JobId:\n      type: string\n      minLength: \"1\"\n",
        &[("304:18", "`minLength` is the text \"1\"")],
    ),
    case(
        "a negative length",
        "    JobId:\n      type: string\n      minLength: 1\n",
        "    JobId:\n      type: string\n      minLength: -1\n",
        &[("304:18", "`minLength` is the number -1")],
    ),
    case(
        "a number for a text",
        "      x-available-since: 2.2.0",
        "      x-available-since: 2.2",
        &[("117:26", "`x-available-since` is the number 2.2")],
    ),
    case(
        "a mapping for a list",
        "      tags: [tasks]",
        "      tags: {tasks: 1}",
        &[("55:13", "`tags` is a mapping")],
    ),
    case(
        "nothing for a mapping",
        "              schema:\n                $ref: \"#/components/schemas/Acknowledgement\"\n",
        "              schema:\n",
        &[("107:15", "`schema` is empty")],
    ),
    case(
        "a misspelt type",
        "    JobId:\n      type: string\n",
        "    JobId:\n      type: sting\n",
        &[("303:13", "`type` cannot be `sting`")],
    ),
    case(
        "a misspelt place",
        "      name: jobId\n      in: query\n",
        "      name: jobId\n      in: qurey\n",
        &[("290:11", "`in` cannot be `qurey`")],
    ),
    case(
        "a newer OpenAPI",
        "openapi: 3.0.3",
        "openapi: 3.1.0",
        &[("13:10", "OpenAPI 3.1.0 cannot be generated from")],
    ),
    // References
    case(
        "a reference to nowhere",
        "$ref: \"#/components/schemas/DeviceKeys\"",
        "$ref: \"#/components/schemas/DeviceKeyz\"",
        &[("337:17", "`#/components/schemas/DeviceKeyz` leads nowhere")],
    ),
    case(
        "a reference to another file",
        "$ref: \"#/components/schemas/DeviceKeys\"",
        "$ref: \"common.yaml#/DeviceKeys\"",
        &[("337:17", "`common.yaml#/DeviceKeys` is outside of this document")],
    ),
    case(
        "a reference to another kind",
        "$ref: \"#/components/parameters/JobId\"",
        "$ref: \"#/components/schemas/JobId\"",
        &[("81:17", "`#/components/schemas/JobId` is no place for a parameter")],
    ),
    case(
        "a circle",
        "    OrgId:\n      type: string\n      minLength: 1\n      description: Id of an organization (OU), such as `o15724268424841`. Its form is not documented.\n      example: yourOrgId\n",
        "    OrgId:\n      allOf:\n        - $ref: \"#/components/schemas/OrgId\"\n",
        &[("297:5", "`OrgId` is nothing but references that lead back to it")],
    ),
    case(
        "a security scheme that is not there",
        "  - accessToken: []\n",
        "  - acessToken: []\n",
        &[("47:5", "there is no security scheme `acessToken`")],
    ),
    // Schemas
    case(
        "nullable without a type",
        "        data:\n          description: Always null.\n",
        "        data:\n          nullable: true\n          description: Always null.\n",
        &[("362:11", "`nullable` without `type` has no meaning")],
    ),
    case(
        "a property that is not there",
        "      required: [deviceKeys]\n",
        "      required: [deviceKey]\n",
        &[("334:18", "`deviceKey` is required, but not among the properties")],
    ),
    case(
        "an enum with a value twice",
        "            enum: [retryTask]",
        "            enum: [retryTask, retryTask]",
        &[
            ("79:13", "`action` has 2 values"),
            ("79:31", "the text \"retryTask\" is in `enum` twice"),
        ],
    ),
    case(
        "an enum with a value of another type",
        "            enum: [retryTask]",
        "            enum: [1]",
        &[("79:20", "the number 1 is not of type string")],
    ),
    case(
        "an array without items",
        "      items:\n        $ref: \"#/components/schemas/DeviceKey\"\n",
        "",
        &[("320:5", "an array lacks `items`")],
    ),
    case(
        "a limit for another type",
        "      minItems: 1\n",
        "      minLength: 1\n",
        &[("322:7", "`minLength` has no meaning for type array")],
    ),
    case(
        "a limit without a type",
        "    JobId:\n      type: string\n",
        "    JobId:\n",
        &[("303:7", "`minLength` without `type` has no meaning")],
    ),
    case(
        "limits the wrong way round",
        "      minItems: 1\n",
        "      minItems: 2\n      maxItems: 1\n",
        &[("323:7", "`maxItems` is less than `minItems`")],
    ),
    case(
        "a limit on an array that is no component",
        "          $ref: \"#/components/schemas/DeviceKeys\"\n",
        "          type: array\n          minItems: 1\n          items:\n            $ref: \"#/components/schemas/DeviceKey\"\n",
        &[("338:11", "the limits of an array that is no component would be ignored")],
    ),
    case(
        "a checked list of things that are not texts",
        "    DeviceKey:\n      type: string\n      minLength: 1\n",
        "    DeviceKey:\n      type: integer\n",
        &[("327:7", "the items of an array with limits must be texts")],
    ),
    case(
        "a format that needs another crate",
        "          description: Identifies the call",
        "          format: uuid\n          description: Identifies the call",
        &[(
            "359:19",
            "`format: uuid` would need the crate uuid, and refuse an answer that is written otherwise",
        )],
    ),
    case(
        "a name that is no type",
        "    Acknowledgement:\n      type: object",
        "    acknowledgement:\n      type: object",
        &[
            ("108:23", "`#/components/schemas/Acknowledgement` leads nowhere"),
            ("340:5", "`acknowledgement` cannot be the name of a type"),
        ],
    ),
    // Extensions on schemas
    case(
        "known values of something else than text",
        "    TaskStatus:\n      type: string\n",
        "    TaskStatus:\n      type: integer\n",
        &[("397:7", "`x-known-values` has no meaning for this type")],
    ),
    case(
        "known values without a type",
        "    TaskStatus:\n      type: string\n      nullable: true\n",
        "    TaskStatus:\n",
        &[("398:7", "`x-known-values` has no meaning for this type")],
    ),
    case(
        "known values outside of the components",
        "          description: How often it was tried.\n",
        "          description: How often it was tried.\n        mood:\n          type: string\n          x-known-values:\n            - {value: good, description: Good.}\n",
        &[(
            "398:11",
            "`x-known-values` in a schema that is no component would be ignored",
        )],
    ),
    case(
        "known values and a closed list",
        "      description: How far the upgrade of one device has come.\n",
        "      enum: [init]\n",
        &[("399:7", "`enum` beside `x-known-values` would be ignored")],
    ),
    case(
        "known values and a limit",
        "      description: How far the upgrade of one device has come.\n",
        "      minLength: 1\n",
        &[("399:7", "`minLength` beside `x-known-values` would be ignored")],
    ),
    case(
        "no known values",
        "      x-known-values:\n        - value: init\n          description: Not yet pushed to the device.\n        - value: being-upgraded\n          description: The device has reported progress.\n",
        "      x-known-values: []\n",
        &[("400:7", "no value is known")],
    ),
    case(
        "a known value without a description",
        "          description: Not yet pushed to the device.\n",
        "",
        &[("401:11", "an entry of `x-known-values` lacks `description`")],
    ),
    case(
        "a known value with an unknown member",
        "          description: Not yet pushed to the device.\n",
        "          description: Not yet pushed to the device.\n          name: Init\n",
        &[("403:11", "unknown key `name` in an entry of `x-known-values`")],
    ),
    case(
        "a known value that is a number",
        "        - value: init\n",
        "        - value: 1\n",
        &[("401:18", "`value` is the number 1")],
    ),
    case(
        "a known value that is no name",
        "        - value: init\n",
        "        - value: 1st\n",
        &[("401:18", "the text \"1st\" cannot be the name of a variant")],
    ),
    case(
        "a known value twice",
        "        - value: being-upgraded\n",
        "        - value: init\n",
        &[("403:18", "the value `init` is listed twice")],
    ),
    case(
        "two known values with one variant",
        "        - value: being-upgraded\n",
        "        - value: INIT\n",
        &[(
            "403:18",
            "the values `init` and `INIT` would be the same variant, `Init`",
        )],
    ),
    case(
        "the variant of values that are not listed",
        "        - value: init\n",
        "        - value: unknown\n",
        &[("401:18", "`Unknown` cannot be a variant for a known value")],
    ),
    case(
        "a variant that Rust does not allow",
        "        - value: init\n",
        "        - value: self\n",
        &[("401:18", "`Self` cannot be a variant for a known value")],
    ),
    case(
        "items of a checked list with known values",
        "    DeviceKey:\n      type: string\n      minLength: 1\n",
        "    DeviceKey:\n      type: string\n      x-known-values:\n        - {value: one, description: One.}\n",
        &[("329:7", "the items of an array with limits must be texts")],
    ),
    case(
        "a lenient text",
        "    Integer:\n      type: integer\n      format: int64\n",
        "    Integer:\n      type: string\n",
        &[("407:7", "`x-lenient` has no meaning for this type")],
    ),
    case(
        "a lenient integer of 32 bits",
        "    Integer:\n      type: integer\n      format: int64\n",
        "    Integer:\n      type: integer\n      format: int32\n",
        &[("408:15", "an integer with `x-lenient` has 64 bits")],
    ),
    case(
        "a lenient integer with a limit",
        "    Integer:\n      type: integer\n      format: int64\n",
        "    Integer:\n      type: integer\n      format: int64\n      minimum: 1\n",
        &[("409:7", "`minimum` beside `x-lenient` would be ignored")],
    ),
    case(
        "a lenient integer outside of the components",
        "          minimum: 1\n          maximum: 5\n",
        "          x-lenient: true\n",
        &[(
            "393:11",
            "`x-lenient` in a schema that is no component would be ignored",
        )],
    ),
    case(
        "what is neither lenient nor strict",
        "      x-lenient: true\n",
        "      x-lenient: sometimes\n",
        &[("410:18", "`x-lenient` is the text \"sometimes\"")],
    ),
    case(
        "a null that is none",
        "          description: Always null.\n",
        "          description: Always null.\n          x-nullable: true\n",
        &[("363:11", "`data` may be null without `x-nullable`")],
    ),
    case(
        "a null that is not there",
        "          description: How far it had come before.\n",
        "          description: How far it had come before.\n          x-nullable: false\n",
        &[("386:11", "`x-nullable: false` says nothing")],
    ),
    case(
        "null for a member with a type that may be null",
        "            - $ref: \"#/components/schemas/TaskStatus\"\n        earlier:\n",
        "            - $ref: \"#/components/schemas/TaskStatus\"\n          x-nullable: true\n        earlier:\n",
        &[("383:11", "`status` may be null without `x-nullable`")],
    ),
    case(
        "null for an item",
        "          items:\n            $ref: \"#/components/schemas/TaskStatus\"\n",
        "          items:\n            type: string\n            x-nullable: true\n",
        &[(
            "388:13",
            "`x-nullable` at what is no member of an object has no meaning",
        )],
    ),
    case(
        "null beside what is composed",
        "        attempts:\n          type: integer\n          format: int64\n          minimum: 1\n          maximum: 5\n",
        "        attempts:\n          x-nullable: true\n          oneOf: [{type: integer}, {type: string}]\n",
        &[("391:11", "nothing can be made of `x-nullable` at `attempts`")],
    ),
    case(
        "the name of something else",
        "    Integer:\n",
        "    Effect:\n",
        &[
            ("389:17", "`#/components/schemas/Integer` leads nowhere"),
            (
                "406:5",
                "the schema `Effect` has the name of something else in the client",
            ),
        ],
    ),
    case(
        "the name of the codes of an operation",
        "    Integer:\n",
        "    RetryTaskErrorCode:\n",
        &[
            ("389:17", "`#/components/schemas/Integer` leads nowhere"),
            (
                "406:5",
                "the schema `RetryTaskErrorCode` has the name of something else in the client",
            ),
        ],
    ),
    case(
        "a name that the generator writes otherwise",
        "    Integer:\n",
        "    BIGInteger:\n",
        &[
            ("389:17", "`#/components/schemas/Integer` leads nowhere"),
            ("406:5", "the type for the schema `BIGInteger` would not be found"),
        ],
    ),
    // Answers
    case(
        "an answer with a second required member",
        "      required: [code]\n",
        "      required: [code, msg]\n",
        &[(
            "346:24",
            "`msg` is required, so an answer that lacks it could not be read",
        )],
    ),
    case(
        "an answer with a required member further down",
        "        data:\n          description: Always null.\n",
        "        data:\n          $ref: \"#/components/schemas/TaskInfo\"\n",
        &[
            (
                "377:18",
                "`status` is required, so an answer that lacks it could not be read",
            ),
            ("383:9", "an answer in which `earlier` is null could not be read"),
        ],
    ),
    case(
        "an answer with a closed list",
        "        data:\n          description: Always null.\n",
        "        data:\n          type: string\n          enum: [a, b]\n",
        &[(
            "363:11",
            "an answer with a value that is not in `enum` could not be read",
        )],
    ),
    case(
        "an answer with a map that is never null",
        "        data:\n          description: Always null.\n",
        "        data:\n          type: object\n          additionalProperties:\n            type: string\n",
        &[("361:9", "an answer in which `data` is null could not be read")],
    ),
    // Parameters and bodies
    case(
        "explode",
        "      name: orgId\n      in: query\n",
        "      name: orgId\n      in: query\n      explode: false\n",
        &[(
            "283:16",
            "`explode: false` would be ignored: the generator repeats the parameter",
        )],
    ),
    case(
        "a second media type",
        "            examples:\n              published:\n                summary: The published sample\n                value:\n                  deviceKeys: [deviceKey1, deviceKey2]\n",
        "          text/plain:\n            schema:\n              type: string\n",
        &[(
            "89:11",
            "a second media type, `text/plain`: the generator can tell only one",
        )],
    ),
    case(
        "a cookie",
        "      name: orgId\n      in: query\n",
        "      name: orgId\n      in: cookie\n",
        &[("282:11", "a cookie parameter cannot be generated")],
    ),
    // Operations
    case(
        "a second response",
        "      responses:\n",
        "      responses:\n        \"404\":\n          description: No\n          content: {}\n",
        &[(
            "95:9",
            "a second type of response would make the generator panic, and the platform answers failures with 200",
        )],
    ),
    case(
        "a default response",
        "        \"200\":\n",
        "        default:\n",
        &[
            ("94:7", "there is no response \"200\""),
            (
                "95:9",
                "a `default` response makes the client lose the status of an answer such as an HTML page with 502",
            ),
        ],
    ),
    case(
        "no codes",
        "      x-error-codes:\n        - code: 24404\n",
        "      x-notes:\n        - code: 24404\n",
        &[
            ("53:5", "an operation lacks `x-error-codes`"),
            ("128:7", "unknown key `x-notes` in an operation"),
        ],
    ),
    case(
        "a fragment that does not fit",
        "ota-jobs#action=retryTask:",
        "ota-jobs#action=retry:",
        &[(
            "52:3",
            "the fragment `#action=retry` does not fit to the value `retryTask` of `action`",
        )],
    ),
    case(
        "no fragment",
        "ota-jobs#action=retryTask:",
        "ota-jobs:",
        &[(
            "52:3",
            "the path key lacks the fragment that tells this operation from the others",
        )],
    ),
    case(
        "a query in the path",
        "ota-jobs#action=retryTask:",
        "ota-jobs?action=retryTask:",
        &[("52:3", "a path key cannot have a query")],
    ),
    case(
        "a path without a slash",
        "  /connect-service/v2.1/ota-jobs#",
        "  connect-service/v2.1/ota-jobs#",
        &[(
            "52:3",
            "the path `connect-service/v2.1/ota-jobs#action=retryTask` does not begin with a slash",
        )],
    ),
    case(
        "a path parameter that is not declared",
        "v2.1/ota-jobs#",
        "v2.1/{jobs}/ota-jobs#",
        &[("52:3", "no parameter says what `{jobs}` is")],
    ),
    case(
        "a path parameter that the path lacks",
        "      name: jobId\n      in: query\n",
        "      name: jobId\n      in: path\n",
        &[("81:11", "the path has no `{jobId}`")],
    ),
    case(
        "no action",
        "        - name: action\n",
        "        - name: acton\n",
        &[("53:5", "the operation `retryTask` has no parameter `action`")],
    ),
    case(
        "an optional action",
        "          in: query\n          required: true\n          description: Selects",
        "          in: query\n          required: false\n          description: Selects",
        &[("75:11", "`action` is not required")],
    ),
    case(
        "an action with two values",
        "            enum: [retryTask]",
        "            enum: [retryTask, cancelTask]",
        &[("79:13", "`action` has 2 values")],
    ),
    case(
        "an action with any value",
        "            enum: [retryTask]\n",
        "",
        &[("77:11", "`action` has 0 values")],
    ),
    case(
        "a value that cannot be in a URL",
        "            enum: [retryTask]",
        "            enum: [retry task]",
        &[(
            "73:11",
            "`retry task` cannot stand in a URL as it is, where `action` becomes part of the path",
        )],
    ),
    case(
        "a parameter twice",
        "        - $ref: \"#/components/parameters/JobId\"\n",
        "        - $ref: \"#/components/parameters/JobId\"\n        - $ref: \"#/components/parameters/JobId\"\n",
        &[("82:11", "the parameter `jobId` is there twice")],
    ),
    case(
        "an operationId that is no name",
        "      operationId: retryTask",
        "      operationId: retry-task",
        &[("54:20", "`retry-task` cannot be the id of an operation")],
    ),
    case(
        "an operationId that is taken",
        "      operationId: retryTask",
        "      operationId: post",
        &[(
            "54:20",
            "the operation `post` has the name of something else in the client",
        )],
    ),
    case(
        "an operationId twice",
        "\n# Codes that any operation",
        OPERATION_TWICE,
        &[("152:20", "the operationId `retryTask` is there twice")],
    ),
    case(
        "no effect",
        "      x-effect: compare-and-set\n",
        "",
        &[("53:5", "an operation lacks `x-effect`")],
    ),
    case(
        "a misspelt effect",
        "      x-effect: compare-and-set\n",
        "      x-effect: compare-and-sets\n",
        &[("118:17", "`x-effect` cannot be `compare-and-sets`")],
    ),
    case(
        "an effect of a get",
        "    post:\n      operationId: retryTask\n",
        "    get:\n      operationId: retryTask\n",
        &[("118:17", "an operation with the method get may not change anything")],
    ),
    // Codes
    case(
        "a code twice",
        "        - code: 24617\n",
        "        - code: 24404\n",
        &[("135:17", "the code `24404` is listed twice")],
    ),
    case(
        "a name twice",
        "          name: JobNotRunning\n",
        "          name: JobNotFound\n",
        &[("136:17", "the name `JobNotFound` is listed twice")],
    ),
    case(
        "a code of the operation among the common ones",
        "        - code: 24617\n",
        "        - code: 99400\n",
        &[("135:17", "the code `99400` is listed twice")],
    ),
    case(
        "a common code twice",
        "  - code: 99400\n",
        "  - code: 99403\n",
        &[("164:11", "the code `99403` is listed twice")],
    ),
    case(
        "a gateway code twice",
        "  - code: 1002\n",
        "  - code: 1001\n",
        &[("192:11", "the code `1001` is listed twice")],
    ),
    case(
        "a refusal with the status of a success, and one twice",
        "x-gateway-error-codes:\n",
        "x-gateway-refusals:\n\
         - {status: 200, message: m, text: documented, body: inferred, description: d, remedy: r}\n\
         - {status: 429, message: m, text: documented, body: inferred, description: d, remedy: r}\n\
         - {status: 429, message: m, text: documented, body: inferred, description: d, remedy: r}\n\
         x-gateway-error-codes:\n",
        &[
            ("186:12", "200 is not the HTTP status of a refusal"),
            ("188:12", "the status 429 is listed twice"),
        ],
    ),
    case(
        "a refusal of which no one says where its text comes from",
        "x-gateway-error-codes:\n",
        "x-gateway-refusals:\n\
         - {status: 429, message: m, body: guessed, description: d, remedy: r}\n\
         x-gateway-error-codes:\n",
        &[("186:3", "lacks `text`"), ("186:35", "")],
    ),
    case(
        "a code without a remedy",
        "          remedy: Start the job, then retry.\n",
        "",
        &[("135:11", "an error code lacks `remedy`")],
    ),
    case(
        "a code with an unknown member",
        "          remedy: Start the job, then retry.\n",
        "          cure: Start the job, then retry.\n",
        &[
            ("135:11", "an error code lacks `remedy`"),
            ("140:11", "unknown key `cure` in an error code"),
        ],
    ),
    case(
        "an unknown category",
        "          category: refusal\n",
        "          category: refused\n",
        &[("144:21", "`category` cannot be `refused`")],
    ),
    case(
        "a name that is no variant",
        "          name: JobNotRunning\n",
        "          name: job not running\n",
        &[("136:17", "`job not running` cannot be the name of an error code")],
    ),
    case(
        "the name of unlisted codes",
        "          name: JobNotRunning\n",
        "          name: Unknown\n",
        &[("136:17", "`Unknown` stands for the codes that are not listed")],
    ),
    case(
        "a code that is text",
        "        - code: 24617\n",
        "        - code: \"24617\"\n",
        &[("135:17", "`code` is the text \"24617\"")],
    ),
    // What shows only when the client has been generated
    case(
        "an envelope with a misspelt member",
        "            requestId: requestId\n",
        "            requestId: requestID\n",
        &[("102:24", "`Acknowledgement` has no member `requestID`")],
    ),
    case(
        "an envelope with an optional code",
        "      required: [code]\n",
        "",
        &[("100:19", "the code must be an integer that is always there")],
    ),
    case(
        "an envelope with a number for text",
        "            message: msg\n",
        "            message: apim_status\n",
        &[("101:22", "`apim_status` must be text")],
    ),
    case(
        "what progenitor panics at",
        "          $ref: \"#/components/schemas/DeviceKeys\"\n",
        "          type: string\n          enum: [a, A]\n",
        &[(
            "331:5",
            "nothing can be generated from the schema `RetryTaskRequest`: progenitor panics: Failed to make unique variant names for [a,A]",
        )],
    ),
    case(
        "what progenitor panics at in an operation",
        "        - $ref: \"#/components/parameters/JobId\"\n",
        "        - {name: mode, in: query, schema: {type: string, enum: [a, A]}}\n",
        &[(
            "54:20",
            "nothing can be generated from the operation `retryTask`: progenitor panics: Failed to make unique variant names for [a,A]",
        )],
    ),
    case(
        "what progenitor cannot do",
        "        data:\n          description: Always null.\n",
        "        data:\n          type: integer\n          default: none\n",
        &[(
            "340:5",
            "nothing can be generated from the schema `Acknowledgement`: progenitor refuses it: type error value does not conform to the given schema",
        )],
    ),
];

const OPERATION_TWICE: &str = r##"
  /connect-service/v2.1/ota-jobs#action=get:
    get:
      operationId: retryTask
      parameters:
        - name: action
          in: query
          required: true
          schema:
            type: string
            enum: [get]
      responses:
        "200":
          description: Done.
          x-failure-envelope:
            code: code
            success: 0
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Acknowledgement"
      x-effect: none
      x-error-codes: []

# Codes that any operation"##;
