//! How to call an operation from a shell, from Rust, Python and Java: made from the document, so that a sample cannot differ
//! from it. `ci/foreign` runs each of them against the emulator.

use std::fmt::Write as _;

use heck::{ToShoutySnakeCase as _, ToSnakeCase as _};
use serde_json::Value as Json;

use super::spec::Operation;
use crate::spec::Document;
use crate::spec::tree::Node;

/// A call of one operation in one language.
pub(super) struct Sample {
    /// What it is called with, for people.
    pub(super) label: &'static str,
    /// The language of the code, as highlighters and `x-codeSamples` name it.
    pub(super) language: &'static str,
    /// The end of its file's name.
    pub(super) file: &'static str,
    pub(super) code: String,
}

/// What all samples of an operation need.
struct Call<'a> {
    operation: &'a Operation<'a>,
    /// Parameters in the order in which they are signed, with the variable that holds the value, or else the value.
    query: Vec<(&'a str, Value)>,
    /// The body as it is sent; empty if there is none.
    body: String,
}

enum Value {
    Fixed(String),
    Variable(String),
}

pub(super) fn samples(document: &Document, operation: &Operation<'_>) -> Vec<Sample> {
    let call = Call::new(document, operation);
    let sample = |label, language, file, code| Sample {
        label,
        language,
        file,
        code,
    };
    vec![
        sample("enos-ota api", "sh", "cli.sh", call.command()),
        sample("curl", "sh", "curl.sh", call.curl()),
        sample("Rust", "rust", "rs", call.rust()),
        sample("Python", "python", "py", call.python()),
        sample("Java", "java", "java", call.java()),
    ]
}

impl<'a> Call<'a> {
    fn new(document: &'a Document, operation: &'a Operation<'a>) -> Self {
        let mut query: Vec<_> = operation
            .parameters(document)
            .into_iter()
            .filter_map(|parameter| {
                let name = document.resolve(parameter)?.text("name")?;
                let value = match document.fixed_value(parameter) {
                    Some((_, value)) => Value::Fixed(value.to_owned()),
                    None if name == "orgId" => Value::Variable("ENOS_ORG_ID".into()),
                    None => Value::Variable(name.to_shouty_snake_case()),
                };
                Some((name, value))
            })
            .collect();
        query.sort_by_key(|(name, _)| *name);
        let body = operation.example_body().map(|body| body.to_json().to_string());
        Self {
            operation,
            query,
            body: body.unwrap_or_default(),
        }
    }

    fn method(&self) -> String {
        self.operation.method.to_uppercase()
    }

    /// The query with each value as a language writes it.
    fn query(&self, between: &str, write: impl Fn(&str, &Value) -> String) -> String {
        let parts: Vec<_> = self.query.iter().map(|(name, value)| write(name, value)).collect();
        parts.join(between)
    }

    fn command(&self) -> String {
        let mut code = format!("enos-ota api {} {} \\\n  ", self.method(), self.operation.path);
        code += &self.query(" ", |name, value| match value {
            Value::Fixed(value) => format!("--query {name}={value}"),
            Value::Variable(variable) => format!("--query \"{name}=${variable}\""),
        });
        if !self.body.is_empty() {
            let _ = write!(code, " \\\n  --data {}", in_shell(&self.body));
        }
        code + "\n"
    }

    fn curl(&self) -> String {
        let has_body = !self.body.is_empty();
        let in_url = self.query("&", |name, value| match value {
            Value::Fixed(value) => format!("{name}={value}"),
            Value::Variable(variable) => format!("{name}=${variable}"),
        });
        let signed = self.query("", |name, value| match value {
            Value::Fixed(value) => format!("{name}{value}"),
            Value::Variable(variable) => format!("{name}${{{variable}}}"),
        });
        let mut code = "# ENOS_TOKEN is an access token, as from `enos-ota token`\n".to_owned();
        if has_body {
            let _ = writeln!(code, "body={}", in_shell(&self.body));
        }
        let body = if has_body { "${body}" } else { "" };
        let data = if has_body { " --data-raw \"$body\"" } else { "" };
        let _ = write!(
            code,
            "time=$(date +%s)000\nsignature=$(printf %s \"${{ENOS_TOKEN}}{signed}{body}${{time}}${{ENOS_APP_SECRET}}\" |\n  sha256sum | cut \
             -d ' ' -f 1)\ncurl --silent --show-error --request {} --header @-{data} \\\n  \"$ENOS_BASE_URL{}?{in_url}\" \
             <<END\napim-accesstoken: $ENOS_TOKEN\napim-timestamp: $time\napim-signature: $signature\nContent-Type: \
             application/json;charset=UTF-8\nEND\n",
            self.method(),
            self.operation.path
        );
        code
    }

    fn python(&self) -> String {
        let query = self.query(", ", |name, value| match value {
            Value::Fixed(value) => format!("\"{name}\": \"{value}\""),
            Value::Variable(variable) => format!("\"{name}\": os.environ[\"{variable}\"]"),
        });
        let body = if self.body.is_empty() {
            "\"\"".into()
        } else {
            format!("r\"\"\"{}\"\"\"", self.body)
        };
        self.fill(
            include_str!("../../site/sample.py"),
            &[("query", &query), ("body", &body)],
        )
    }

    fn java(&self) -> String {
        let query = self.query(", ", |name, value| match value {
            Value::Fixed(value) => format!("\"{name}\", \"{value}\""),
            Value::Variable(variable) => format!("\"{name}\", System.getenv(\"{variable}\")"),
        });
        let body = Json::from(self.body.as_str()).to_string();
        self.fill(
            include_str!("../../site/sample.java"),
            &[("query", &query), ("body", &body)],
        )
    }

    fn rust(&self) -> String {
        let mut lines = Vec::new();
        let mut arguments = Vec::new();
        for (name, value) in &self.query {
            if let (Value::Variable(variable), true) = (value, *name != "orgId") {
                let name = name.to_snake_case();
                lines.push(format!("    let {name} = env::var(\"{variable}\")?.parse()?;\n"));
                arguments.push(format!("&{name}"));
            }
        }
        let mut uses = "Client, Credentials".to_owned();
        let body: Json = serde_json::from_str(&self.body).unwrap_or_default();
        if let Some(devices) = body.get("deviceKeys").and_then(Json::as_array) {
            uses += ", DeviceKeys";
            let devices: Vec<_> = devices.iter().map(Json::to_string).collect();
            lines.push(format!(
                "    let devices = DeviceKeys::parse([{}])?;\n",
                devices.join(", ")
            ));
            arguments.push("&devices".into());
        } else if let Some(expression) = body.get("expression").and_then(Json::as_str) {
            uses += ", PageSize, search::Expression";
            lines.push(format!(
                "    let expression = Expression::raw({});\n",
                Json::from(expression)
            ));
            arguments.extend(["&expression", "1", "PageSize::default()"].map(str::to_owned));
        } else if !self.body.is_empty() {
            lines.push(format!(
                "    let body = serde_json::from_str(\n        r#\"{}\"#,\n    )?;\n",
                self.body
            ));
            arguments.push("&body".into());
        }
        let parts = [
            ("uses", uses.as_str()),
            ("lines", &lines.concat()),
            ("call", &self.operation.id.to_snake_case()),
            ("arguments", &arguments.join(", ")),
        ];
        self.fill(include_str!("../../site/sample.rs"), &parts)
    }

    /// A template with what belongs between its braces.
    fn fill(&self, template: &str, parts: &[(&str, &str)]) -> String {
        let mut code = template
            .replace("{{path}}", self.operation.path)
            .replace("{{method}}", &self.method());
        for (name, text) in parts {
            code = code.replace(&format!("{{{{{name}}}}}"), text);
        }
        code
    }
}

/// A text in single quotes for a shell.
fn in_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Operation<'_> {
    /// The first example of the body that is sent.
    pub(super) fn example_body(&self) -> Option<&Node> {
        let content = self.node.find(&["requestBody", "content"])?;
        example(content)
    }

    /// The first example of a successful response.
    pub(super) fn example_response(&self) -> Option<&Node> {
        example(self.node.find(&["responses", "200", "content"])?)
    }
}

fn example(content: &Node) -> Option<&Node> {
    let media = &content.entries().first()?.value;
    media.get("examples")?.entries().first()?.value.get("value")
}
