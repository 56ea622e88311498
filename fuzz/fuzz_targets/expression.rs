//! An expression asks for the values that were given and for nothing else, or it is refused.
#![no_main]

#[path = "../../crates/enos-ota/tests/expressions/reader.rs"]
mod reader;

use enos_ota::search::{Expression, tasks};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, Vec<&str>, bool)| {
    let (one, list, all) = input;
    let (Ok(equals), Ok(is_in)) = (tasks::STATUS.equals(one), tasks::DESC.is_in(&list)) else {
        return;
    };
    let criteria = [equals, is_in];
    let expression = if all {
        Expression::all(criteria)
    } else {
        Expression::any(criteria)
    };
    let expected = vec![
        ("status".to_owned(), vec![one.to_owned()]),
        ("desc".to_owned(), list.into_iter().map(str::to_owned).collect()),
    ];
    let read = reader::read(expression.as_str()).expect("a reader understands what was written");
    assert_eq!(read, (if all { "and" } else { "or" }.to_owned(), expected));
});
