//! Any text is an OpenAPI document or a report of what is wrong with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::spec::Document;

fuzz_target!(|text: &str| {
    match Document::parse("fuzz.yaml".to_owned(), text.to_owned()) {
        Ok(document) => {
            let _ = xtask::check::check(&document);
        }
        Err(report) => assert!(!report.to_string().is_empty()),
    }
});
