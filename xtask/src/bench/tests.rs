#![allow(clippy::unwrap_used)]

use super::*;

const SDK: &str = "\
sign/sdk/300   time: [1 us 2 us 3 us]

Ratios, medians of 601 rounds

| Device keys | Concurrent calls | SDK's calls/s as share of hand-written | Middle half of the rounds |
|---:|---:|---:|---:|
| 2 | 1 | 0.92 | 0.90 to 0.95 |
| 200 | 64 | 1.02 | 0.99 to 1.05 |

";

const FLEET: &str = "
## Memory, 1000000 devices, with a journal

| Peak of the process | Bytes a device |
|---|---|
| 102 MB | 102 |

## Nothing came of this

| Quota, calls/s | Used |
|---|---|
";

const CODEGEN: &str = "
== 3 rounds
median                            wall   ratio         CPU   ratio
xtask codegen                   136 ms     1.0       68 ms     1.0
cargo-progenitor 0.15.1         250 ms     1.8      132 ms     1.9
2 processors, 0.7 of them at work in the last minute
";

fn results(tables: Vec<Table>) -> Results {
    Results {
        revision: "v0.1.0".to_owned(),
        compiler: "rustc 1.95.0".to_owned(),
        processors: 2,
        load: ["0.5", "unknown"].map(str::to_owned),
        quick: true,
        tables,
        missing: vec![["calls over TLS", "nobody tried"].map(str::to_owned)],
    }
}

#[test]
fn tables_in_markdown_are_found_between_other_lines() {
    let tables = tables("sdk", SDK);
    assert_eq!(tables.len(), 1);
    assert_eq!(
        tables[0].rows,
        [
            ["2", "1", "0.92", "0.90 to 0.95"],
            ["200", "64", "1.02", "0.99 to 1.05"]
        ]
    );
}

#[test]
fn a_table_has_its_heading_and_one_without_rows_is_none() {
    let tables = tables("fleet", FLEET);
    assert_eq!(tables.len(), 1);
    assert_eq!(tables[0].title, "Memory, 1000000 devices, with a journal");
}

#[test]
fn lines_of_columns_are_a_table_too() {
    let found = tables("codegen", CODEGEN);
    assert_eq!(found[0].columns, ["median", "wall", "ratio", "CPU", "ratio"]);
    assert_eq!(found[0].rows.len(), 2);
    let found = tables(
        "emulator",
        "before: 8 MB\na page of 200          0.012 s   80 MB, at most 90 MB\n",
    );
    assert_eq!(found[0].rows, [["a page of 200", "0.012 s", "80 MB, at most 90 MB"]]);
    assert!(tables("emulator", "nothing of note\n").is_empty());
}

#[test]
fn the_page_says_what_was_measured_on_what_and_what_was_not() {
    let page = results(tables("sdk", SDK)).markdown();
    for line in [
        "v0.1.0, rustc 1.95.0, 2 processors, load 0.5 before and unknown after, few rounds.",
        "| 200 | 64 | 1.02 | 0.99 to 1.05 |",
        "| calls over TLS | nobody tried |",
    ] {
        assert!(page.lines().any(|other| other == line), "{line} is not in\n{page}");
    }
}

#[test]
fn a_chart_has_the_ratios() {
    let values = |text| -> Vec<f64> {
        let bars: serde_json::Value = serde_json::from_str(&results(text).chart()).unwrap();
        let bars = bars.as_array().unwrap().iter();
        bars.map(|bar| bar["value"].as_f64().unwrap()).collect()
    };
    assert_eq!(values(tables("sdk", SDK)), [0.92, 1.02]);
    assert_eq!(values(tables("codegen", CODEGEN)), [1.0, 1.8]);
}
