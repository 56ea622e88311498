//! What benchmarks print, read into tables, and written as Markdown, JSON and the numbers of a chart.

use serde::Serialize;
use serde_json::json;

/// What one benchmark measured of one kind.
#[derive(Serialize)]
pub(super) struct Table {
    bench: String,
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// All that one run measured, and on what.
#[derive(Serialize)]
pub(super) struct Results {
    pub(super) revision: String,
    pub(super) compiler: String,
    pub(super) processors: usize,
    /// Before and after the run.
    pub(super) load: [String; 2],
    pub(super) quick: bool,
    pub(super) tables: Vec<Table>,
    /// What was not measured, and why.
    pub(super) missing: Vec<[String; 2]>,
}

/// The tables in what a benchmark printed: those in Markdown, or else lines of columns with two blanks between them.
pub(super) fn tables(bench: &str, text: &str) -> Vec<Table> {
    let new = |title: &str, mut rows: Vec<Vec<String>>| Table {
        bench: bench.to_owned(),
        title: title.to_owned(),
        columns: rows.remove(0),
        rows,
    };
    let (mut tables, mut title, mut rows) = (Vec::new(), "results", Vec::new());
    for line in text.lines().chain([""]) {
        if let Some(row) = line.strip_prefix('|') {
            let cells = row.trim_end().trim_end_matches('|').split('|');
            rows.push(cells.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
            continue;
        }
        // Without the line of dashes below the header.
        if rows.len() > 2 {
            rows.remove(1);
            tables.push(new(title, std::mem::take(&mut rows)));
        }
        rows.clear();
        title = line.strip_prefix("## ").unwrap_or(title);
    }
    if tables.is_empty() {
        let cells = |line: &str| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .map(str::to_owned)
                .collect()
        };
        rows = text.lines().map(cells).filter(|row: &Vec<_>| row.len() > 2).collect();
        if rows.first().is_some_and(|row| row[0] != "median") {
            rows.insert(0, ["What", "Measured", "Memory"].map(str::to_owned).to_vec());
        }
        if rows.len() > 1 {
            tables.push(new("results", rows));
        }
    }
    tables
}

impl Results {
    pub(super) fn markdown(&self) -> String {
        let rounds = if self.quick { "few rounds" } else { "all rounds" };
        let [before, after] = &self.load;
        let machine = format!("{} processors, load {before} before and {after} after", self.processors);
        let head = format!(
            "# Benchmarks\n\n{}, {}, {machine}, {rounds}.",
            self.revision, self.compiler
        );
        let mut lines = vec![head];
        let row = |cells: &[String]| format!("| {} |", cells.join(" | "));
        for table in &self.tables {
            lines.push(format!("\n## {}: {}\n", table.bench, table.title));
            lines.extend([row(&table.columns), format!("|{}", "---|".repeat(table.columns.len()))]);
            lines.extend(table.rows.iter().map(|cells| row(cells)));
        }
        lines.push("\n## Not measured\n\n| What | Why |\n|---|---|".to_owned());
        lines.extend(self.missing.iter().map(|missing| row(missing)));
        lines.join("\n") + "\n"
    }

    pub(super) fn json(&self) -> String {
        format!("{:#}\n", json!(self))
    }

    /// One bar for each row of a table that has a share or a ratio: the first of them, and what stands before it.
    pub(super) fn chart(&self) -> String {
        let mut bars = Vec::new();
        for table in &self.tables {
            let is_ratio = |name: &String| ["share", "ratio"].iter().any(|word| name.to_lowercase().contains(word));
            let Some(at) = table.columns.iter().position(is_ratio) else {
                continue;
            };
            for row in &table.rows {
                let value = row.get(at).and_then(|cell| cell.parse::<f64>().ok());
                let named = table.columns.iter().zip(row).take(at);
                let label: Vec<_> = named.map(|(name, cell)| format!("{name} {cell}")).collect();
                bars.extend(
                    value.map(|value| json!({"bench": table.bench, "label": label.join(", "), "value": value})),
                );
            }
        }
        format!("{:#}\n", json!(bars))
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
