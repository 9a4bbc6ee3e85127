use proptest::prelude::*;

use super::*;

/// Reads a value as the only member of an object.
fn value(text: &str) -> Result<serde_json::Value, Error> {
    let wrapped = format!(r#"{{"v":{text}}}"#);
    let members = parse_object(wrapped.as_bytes())?;
    members.get("v").expect("the member was written").to_owned_value()
}

#[test]
fn usual_values_are_read() {
    for text in [
        "null",
        "true",
        "false",
        "0",
        "-0.5",
        "12e+3",
        "18446744073709551615",
        r#""""#,
        r#""a\"\\\/\b\f\n\r\té""#,
        r#""\u00e9\ud83d\ude00""#,
        "[]",
        "[1,[2,{}],{\"a\":[]}]",
        " { \"a\" : 1 , \"b\" :\t[ 1 ,\n2 ]\r} ",
    ] {
        assert_eq!(value(text), Ok(serde_json::from_str(text).unwrap()), "{text}");
    }
}

#[test]
fn what_readers_disagree_about_is_refused() {
    for text in [
        "",
        "nul",
        "True",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "1e+",
        "0x10",
        "NaN",
        "Infinity",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u00g0\"",
        "\"\t\"",
        "\"\n\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "1 // one",
        "/**/1",
        "\u{a0}1",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud800\\ue000\"",
        "\"\tn\"",
        "\"a\u{1f}t\"",
        "\"\\ud800x\"",
        "\"\\ud800\\n\"",
    ] {
        assert_eq!(value(text), Err(Error::Json), "{text}");
    }
}

#[test]
fn only_one_whole_object_is_read() {
    for bytes in [
        &b""[..],
        b" ",
        b"[]",
        b"1",
        b"\"a\"",
        b"null",
        b"{",
        b"}",
        b"{}x",
        b"{}{}",
        b"{},",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\x80\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\x00\"\x00a\x00\"\x00:\x001\x00}\x00",
    ] {
        assert_eq!(parse_object(bytes), Err(Error::Json), "{bytes:?}");
    }
    assert!(parse_object(b" \t\r\n{} \n").is_ok());
}

#[test]
fn a_member_named_twice_is_refused_at_every_depth_and_in_every_spelling() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"x":[{"y":{"a":1,"a":2}}]}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(parse_object(text.as_bytes()), Err(Error::DuplicateMember), "{text}");
    }
    assert!(parse_object(r#"{"a":1,"A":2,"a ":3,"x":{"a":1}}"#.as_bytes()).is_ok());
}

#[test]
fn a_duplicate_among_many_members_is_found() {
    let many: Vec<String> = (0..1000).map(|place| format!(r#""m{place}":0"#)).collect();
    let text = format!("{{{}}}", many.join(","));
    assert!(parse_object(text.as_bytes()).is_ok());
    let text = format!(r#"{{{},"m500":1}}"#, many.join(","));
    assert_eq!(parse_object(text.as_bytes()), Err(Error::DuplicateMember));
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    // The object around the value is the first level.
    assert!(value(&nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(value(&nested(MAX_DEPTH)), Err(Error::Json));
    assert_eq!(value(&"[".repeat(1_000_000)), Err(Error::Json));
    assert_eq!(value(&r#"{"a":"#.repeat(100_000)), Err(Error::Json));
}

#[test]
fn a_number_that_no_f64_holds_is_refused_at_any_depth() {
    let digits = |count: usize| "9".repeat(count);
    for number in ["1e400", "-1e400", "1.8e308", "1e99999999999999999999", &digits(310)] {
        assert_eq!(value(number), Err(Error::Json), "{number}");
        assert_eq!(value(&format!("[{{\"a\":{number}}}]")), Err(Error::Json), "{number}");
    }
    for number in ["1.7e308", "-1e308", "1e-400", "1e-99999999999999999999", &digits(308)] {
        assert!(value(number).is_ok(), "{number}");
    }
    let long = format!("1.{}", digits(1000));
    let json = format!("{{\"v\":{long}}}");
    assert_eq!(parse_object(json.as_bytes()).unwrap().get("v"), Some(&Value::Number(&long)));
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let members = parse_object("{\"a\":\"é plain\",\"b\":\"\\n\"}".as_bytes()).unwrap();
    assert!(matches!(members.get("a"), Some(Value::Text(Cow::Borrowed("é plain")))));
    assert!(matches!(members.get("b"), Some(Value::Text(Cow::Owned(text))) if text == "\n"));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(any::<String>(), inner, 0..40)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_a_writer_makes_reads_back(json in any_json()) {
        prop_assert_eq!(value(&json.to_string()), Ok(json.clone()));
        prop_assert_eq!(value(&serde_json::to_string_pretty(&json).unwrap()), Ok(json));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_object(&bytes);
    }

    #[test]
    fn what_it_accepts_another_reader_accepts_with_the_same_meaning(
        text in r#"[{}\[\]":,\\a-cu0-9eE.+\- nul\n]{0,40}"#,
    ) {
        let text = format!("{{{text}}}");
        if let Ok(members) = parse_object(text.as_bytes()) {
            let other: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(members.to_owned_map().map(serde_json::Value::Object), Ok(other));
        }
    }
}
