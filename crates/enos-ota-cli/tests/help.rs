//! The help texts, as files that a reviewer reads. `TRYCMD=overwrite cargo test --test help` writes them anew.
#![allow(missing_docs)]

#[test]
fn help_texts_are_as_reviewed() {
    trycmd::TestCases::new()
        .register_bin("enos-ota", std::path::Path::new(env!("CARGO_BIN_EXE_enos-ota")))
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .case("tests/help/*.md");
}
