use super::Operator::{Equals, In, Like};
use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Id,
    Name,
    Status,
}

impl Field for Known {
    const ALL: &'static [(&'static str, Self, &'static [Operator])] = &[
        ("id", Self::Id, &[Equals, In]),
        ("name", Self::Name, &[Like]),
        ("status", Self::Status, &[Equals]),
    ];
}

fn is(field: Known, value: &str) -> Criterion<Known> {
    Criterion {
        field,
        test: Test::Is(value.to_owned()),
    }
}

fn like(language: Language, value: &str) -> Criterion<Known> {
    Criterion {
        field: Known::Name,
        test: Test::Like(language, value.to_owned()),
    }
}

fn any_of(values: &[&str]) -> Criterion<Known> {
    Criterion {
        field: Known::Id,
        test: Test::In(values.iter().map(|value| (*value).to_owned()).collect()),
    }
}

#[test]
fn what_is_documented_is_understood() {
    let table = [
        ("", vec![vec![]]),
        (" \t\n", vec![vec![]]),
        ("id='a'", vec![vec![is(Known::Id, "a")]]),
        (" id = \"a\" ", vec![vec![is(Known::Id, "a")]]),
        ("id=''", vec![vec![is(Known::Id, "")]]),
        ("id='it is \"b\"'", vec![vec![is(Known::Id, "it is \"b\"")]]),
        ("id=\"it's\"", vec![vec![is(Known::Id, "it's")]]),
        ("id='a and b=(c), ü'", vec![vec![is(Known::Id, "a and b=(c), ü")]]),
        ("id in ('a')", vec![vec![any_of(&["a"])]]),
        ("id in('a',\"b\" , 'a')", vec![vec![any_of(&["a", "b"])]]),
        ("name like 'x'", vec![vec![like(Language::Any, "x")]]),
        ("name.default like 'x'", vec![vec![like(Language::Default, "x")]]),
        ("name.defaultValue like 'x'", vec![vec![like(Language::Default, "x")]]),
        ("name.zh_CN like 'x'", vec![vec![like(Language::Locale("zh_CN"), "x")]]),
        ("name.en_US like 'x'", vec![vec![like(Language::Locale("en_US"), "x")]]),
        (
            "id='a'and status='b'",
            vec![vec![is(Known::Id, "a"), is(Known::Status, "b")]],
        ),
        (
            "id='a' or status='b'",
            vec![vec![is(Known::Id, "a")], vec![is(Known::Status, "b")]],
        ),
        (
            "id='a' or id='b' and status='c' or id in ('d')",
            vec![
                vec![is(Known::Id, "a")],
                vec![is(Known::Id, "b"), is(Known::Status, "c")],
                vec![any_of(&["d"])],
            ],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(Expression::parse(text), Ok(Expression(expected)), "{text}");
    }
}

#[test]
fn what_is_not_documented_is_refused_with_the_reason() {
    for (text, reason) in [
        ("x='a'", "has the field `x`, expected one of id, name, status"),
        ("ID='a'", "has the field `ID`, expected one of id, name, status"),
        ("'a'='b'", "has the value `a` where a field was expected"),
        ("(id='a')", "has `(` where a field was expected"),
        ("and id='a'", "has the field `and`, expected one of id, name, status"),
        ("id", "has its end, expected = or in after id"),
        ("id 'a'", "has the value `a`, expected = or in after id"),
        ("id == 'a'", "has `=` where a value in quotes was expected"),
        ("id != 'a'", "has the character `!` where none like it can be"),
        ("id like 'a'", "has `like`, expected = or in after id"),
        ("id IN ('a')", "has `IN`, expected = or in after id"),
        ("status in ('a')", "has `in`, expected = after status"),
        ("name='a'", "has `=`, expected like after name"),
        (
            "name.ja_JP like 'a'",
            "has `name.ja_JP`, expected name alone or with .defaultValue, .zh_CN or .en_US",
        ),
        ("id.zh_CN='a'", "has `id.zh_CN`, but the field id has no languages"),
        ("id=a", "has `a` where a value in quotes was expected"),
        ("id=7", "has the character `7` where none like it can be"),
        ("id=", "has its end where a value in quotes was expected"),
        ("id='a", "has a value without the ' at its end"),
        ("id=\"a'", "has a value without the \" at its end"),
        ("id=‘a’", "has the character `‘` where none like it can be"),
        ("id='a'b'", "has `b` where `and`, `or` or the end was expected"),
        (
            "id='a' status='b'",
            "has `status` where `and`, `or` or the end was expected",
        ),
        (
            "id='a' AND status='b'",
            "has `AND` where `and`, `or` or the end was expected",
        ),
        ("id='a' and", "has its end where a field was expected"),
        (
            "id='a' or or id='b'",
            "has the field `or`, expected one of id, name, status",
        ),
        ("id='a')", "has `)` where `and`, `or` or the end was expected"),
        ("id in 'a'", "has the value `a` where `(` was expected"),
        ("id in ()", "has `)` where a value in quotes was expected"),
        ("id in ('a' 'b')", "has the value `b` where `,` or `)` was expected"),
        ("id in ('a',)", "has `)` where a value in quotes was expected"),
        ("id in ('a'", "has its end where `,` or `)` was expected"),
    ] {
        assert_eq!(Expression::<Known>::parse(text), Err(reason.to_owned()), "{text}");
    }
}
