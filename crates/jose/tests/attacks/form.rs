//! Attacks by form: texts that readers read differently, that are too large or too deep.

use countersign_jose::{Algorithm, Error, jws::compact, jwt};
use serde_json::json;

use crate::bench::{Bench, claims, decode, encode, honest, split, with};

const MAX: usize = jwt::MAX_BYTES;

/// Class 21: libjwt issue 283. One reader takes the first of two members, another the last.
#[test]
fn a_member_named_twice() {
    let bench = Bench::new(Algorithm::HS256);
    let header = bench.header().to_string();
    let good = claims().to_string();
    let start = good.strip_suffix('}').unwrap();
    for more in [
        r#","exp":9999999999"#,
        r#","\u0065xp":9999999999"#,
        r#","iss":"https://id.example""#,
        r#","x":{"a":1,"a":2}"#,
        r#","x":[[{"a":1,"b":[{"":0,"":0}]}]]"#,
        r#","é":1,"\u00e9":2"#,
        r#","😀":1,"\ud83d\ude00":2"#,
    ] {
        let token = bench.raw(&header, format!("{start}{more}}}"));
        assert_eq!(bench.verify(&token), Err(Error::DuplicateMember), "{more}");
    }
    for more in [
        r#""alg":"none","#,
        r#""alg":"HS256","#,
        r#""\u0061lg":"HS256","#,
        r#""kid":"x","#,
        r#""typ":"JWT","#,
        r#""x":{"a":1,"a":1},"#,
    ] {
        let token = bench.raw(header.replacen('{', &format!("{{{more}"), 1), &good);
        assert_eq!(bench.verify(&token), Err(Error::DuplicateMember), "{more}");
        let token =
            bench.raw(header.replacen('}', &format!(",{more}}}").replace(",}", "}"), 1), &good);
        assert_eq!(bench.verify(&token), Err(Error::DuplicateMember), "{more}");
    }
    // Many members, so that no reader compares each with each: 300 of one length, one of them two
    // times.
    let many: Vec<String> = (100..400).map(|n| format!(r#","m{n}":{n}"#)).collect();
    let token = bench.raw(&header, format!("{start}{}}}", many.concat()));
    assert_eq!(bench.verify(&token), Ok(()));
    let token = bench.raw(&header, format!("{start}{},\"m250\":0}}", many.concat()));
    assert_eq!(bench.verify(&token), Err(Error::DuplicateMember));
    // Names that differ are two.
    let token = bench.raw(&header, format!(r#"{start},"EXP":0,"exp ":0,"\u0435xp":0}}"#));
    assert_eq!(bench.verify(&token), Ok(()));
}

/// Classes 17 and 21: payloads that are no JSON object, or not to every reader; RFC 8725 section
/// 3.7 asks for UTF-8.
#[test]
fn payloads_that_readers_disagree_about() {
    let bench = Bench::new(Algorithm::HS256);
    let header = bench.header().to_string();
    let good = claims().to_string();
    let start = good.strip_suffix('}').unwrap();
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let more = |text: &str| format!("{start},{text}}}").into_bytes();
    for payload in [
        Vec::new(),
        b"null".to_vec(),
        b"{".to_vec(),
        b"\"\"".to_vec(),
        format!("[{good}]").into_bytes(),
        format!("{good}x").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("{good}\0").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        format!("\u{a0}{good}").into_bytes(),
        format!("{good}//").into_bytes(),
        format!("/**/{good}").into_bytes(),
        utf16,
        more(r#""x":"\ud800""#),
        more(r#""x":"\udc00\ud800""#),
        more(r#""x":"\ud83d\u0041""#),
        more(r#""x":"\x41""#),
        more("\"x\":\"\n\""),
        more(r#""x":NaN"#),
        more(r#""x":Infinity"#),
        more(r#""x":1e400"#),
        more(r#""x":[-1e400]"#),
        more(r#""exp2":01"#),
        more(r#""x":+1"#),
        more(r#""x":.5"#),
        more(r#""x":1."#),
        more(r#""x":0x10"#),
        more(r#""x":True"#),
        more(r#""x":'a'"#),
        more(r#"x:1"#),
        more(""),
        more(r#""x":1,"#),
        more(r#""x" 1"#),
        [start.as_bytes(), b",\"x\":\"\xff\"}"].concat(),
        [start.as_bytes(), b",\"x\":\"\xc0\xaf\"}"].concat(),
        [start.as_bytes(), b",\"x\":\"\xed\xa0\x80\"}"].concat(),
    ] {
        let shown = String::from_utf8_lossy(&payload).into_owned();
        assert_eq!(bench.verify(&bench.raw(&header, &payload)), Err(Error::Json), "{shown:?}");
    }
    for payload in [
        format!(" \t\r\n{good} \n").into_bytes(),
        more(r#""x":"\ud83d\ude00""#),
        more(r#""x":-0.5e-3"#),
    ] {
        assert_eq!(bench.verify(&bench.raw(&header, &payload)), Ok(()));
    }
}

/// Class 22: padding, white space, unused bits: each is a second text of the same token, which gets
/// past caches and lists of revoked tokens.
#[test]
fn second_texts_of_the_same_token() {
    let bench = Bench::new(Algorithm::ES256);
    // One byte too many for three: payload and header have unused bits too.
    let payload = (0..3).map(|n| with(claims(), "pad", json!("x".repeat(n))).to_string());
    let payload = payload.into_iter().find(|text| text.len() % 3 == 1).unwrap();
    let token = bench.raw(bench.header().to_string(), payload);
    assert_eq!(bench.verify(&token), Ok(()));
    let [header, payload, signature] = split(&token);
    for text in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\n"),
        format!("{token} "),
        format!("{token}\0"),
        format!(" {token}"),
        format!("\u{feff}{token}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}==.{signature}"),
        format!("{header} .{payload}.{signature}"),
        format!("{header}.\n{payload}.{signature}"),
        format!("{header}.{payload}.{}\r\n{}", &signature[..40], &signature[40..]),
        format!("{header}.{payload}.{}", next_character(signature)),
        format!("{header}.{}.{signature}", next_character(payload)),
        format!("{header}.{payload}.{}+", &signature[..85]),
        format!("{header}.{payload}.{}/", &signature[..85]),
        format!("{header}.{payload}.{}%41", &signature[..85]),
        format!("{header}.{payload}.{}\u{ff21}", &signature[..85]),
    ] {
        assert_eq!(bench.verify(&text), Err(Error::Base64), "{text:?}");
    }
    // Standard base64 of a signature with both of its own characters.
    let standard = base64_simd::STANDARD_NO_PAD.encode_to_string([0xff; 64]);
    let text = format!("{header}.{payload}.{standard}");
    assert_eq!(bench.verify(&text), Err(Error::Base64));
    // One character more is other bytes.
    let longer = format!("{header}.{payload}.{signature}A");
    assert_eq!(bench.verify(&longer), Err(Error::BadSignature));
    let other_payload = format!("{header}.{payload}AA.{signature}");
    assert_eq!(bench.verify(&other_payload), Err(Error::BadSignature));
}

/// The text with the lowest of its unused bits set.
fn next_character(text: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = ALPHABET.find(text.chars().last().unwrap()).unwrap();
    assert_eq!(place % 16, 0, "two bytes over: four unused bits");
    format!("{}{}", &text[..text.len() - 1], &ALPHABET[place + 1..place + 2])
}

/// Class 28: CVE-2025-27144, CVE-2025-22868, CVE-2025-30204. Wrong numbers of parts; many dots cost
/// nothing.
#[test]
fn wrong_numbers_of_parts() {
    let bench = Bench::new(Algorithm::ES256);
    let token = honest(&bench.key);
    let [header, payload, signature] = split(&token);
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        ".....".to_owned(),
        header.to_owned(),
        format!("{header}."),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}.{signature}"),
        format!(".{payload}.{signature}"),
        ".".repeat(MAX),
        "a.".repeat(MAX / 2),
        format!("{}..", ".".repeat(1000)),
    ] {
        assert_eq!(bench.verify(&text), Err(Error::Malformed), "{text:.100}");
        assert_eq!(jwt::peek(&text), Err(Error::Malformed), "{text:.100}");
    }
    // Five parts are an encrypted token, whatever they hold.
    for text in ["....".to_owned(), format!("{token}.{signature}.{signature}")] {
        assert_eq!(bench.verify(&text), Err(Error::WrongProtection), "{text:.100}");
        assert_eq!(jwt::peek(&text), Err(Error::WrongProtection), "{text:.100}");
    }
    assert_eq!(bench.verify(&format!("{header}..{signature}")), Err(Error::BadSignature));
    assert_eq!(bench.verify(&format!("{header}.{payload}.")), Err(Error::BadSignature));
}

/// Class 23: eight megabytes, or one byte more than the limit.
#[test]
fn tokens_that_are_too_large() {
    let bench = Bench::new(Algorithm::HS256);
    assert_eq!(MAX, 16 * 1024, "a request header with it stays below the limits of servers");
    for text in ["a".repeat(MAX + 1), ".".repeat(MAX + 1), "a.b.c".repeat(2_000_000)] {
        assert_eq!(bench.verify(&text), Err(Error::TooLarge));
        assert_eq!(jwt::peek(&text), Err(Error::TooLarge));
    }
    let padded = |bytes: usize| {
        let payload = with(claims(), "pad", json!("x".repeat(bytes)));
        bench.token(&bench.header(), &payload)
    };
    let base = padded(0).len();
    let most = (MAX - base) / 4 * 3;
    let (fits, over) = (padded(most - 3), padded(most + 3));
    assert!((MAX - 8..=MAX).contains(&fits.len()) && over.len() > MAX);
    assert_eq!(bench.verify(&fits), Ok(()));
    assert_eq!(bench.verify(&over), Err(Error::TooLarge));
    let key = bench.key.verifying_key();
    assert_eq!(compact::verify(&key, &"a".repeat(compact::MAX_BYTES + 1)), Err(Error::TooLarge));
}

/// Classes 24 and 29: CVE-2025-53864. Brackets in brackets exhaust the stack of a careless reader.
#[test]
fn deep_nesting() {
    let bench = Bench::new(Algorithm::HS256);
    let nested = |open: &str, close: &str, depth: usize| {
        format!(r#","x":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    let good = claims().to_string();
    let start = good.strip_suffix('}').unwrap();
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        // The claims themselves are the first level of sixteen.
        let payload = |depth| format!("{start}{}", nested(open, close, depth));
        let header = bench.header().to_string();
        assert_eq!(bench.verify(&bench.raw(&header, payload(15))), Ok(()));
        for depth in [16, 128, 1000] {
            let token = bench.raw(&header, payload(depth));
            assert_eq!(bench.verify(&token), Err(Error::Json), "{open} {depth}");
        }
        let unclosed = format!("{start},\"x\":{}", open.repeat(2000));
        assert_eq!(bench.verify(&bench.raw(&header, unclosed)), Err(Error::Json));
        let deep_header = header.replace('}', &nested(open, close, 16));
        let token = bench.raw(deep_header, claims().to_string());
        assert_eq!(bench.verify(&token), Err(Error::Json), "{open} in the header");
    }
}

/// RFC 8725bis: a JWT has the compact form alone, so the JSON form of the same signature is none.
#[test]
fn the_json_form_at_the_verifier_of_tokens() {
    let bench = Bench::new(Algorithm::ES256);
    let token = honest(&bench.key);
    let [protected, payload, signature] = split(&token);
    let flat = json!({ "payload": payload, "protected": protected, "signature": signature });
    let general = json!({ "payload": payload,
        "signatures": [{ "protected": protected, "signature": signature }] });
    for text in [flat.to_string(), general.to_string(), format!("[{token:?}]")] {
        let expected = if text.contains('.') { Error::Base64 } else { Error::Malformed };
        assert_eq!(bench.verify(&text), Err(expected), "{text}");
    }
    // CVE-2022-2414 and others: a dot inside a member makes three parts of it.
    let dotted = with(flat, "pad", json!("..")).to_string();
    assert_eq!(bench.verify(&dotted), Err(Error::Base64));
    assert_eq!(bench.verify(&token), Ok(()));
}

/// A token in a token: the outer signature is right, the inner claims are not the token's.
#[test]
fn a_token_as_the_payload_of_another() {
    let bench = Bench::new(Algorithm::ES256);
    let inner = honest(&bench.key);
    let nested = with(bench.header(), "cty", json!("JWT"));
    let token = bench.raw(nested.to_string(), &inner);
    assert_eq!(bench.verify(&token), Err(Error::Json));
    assert_eq!(decode(split(&token)[1]), inner.as_bytes());
    let quoted = bench.raw(bench.header().to_string(), format!("{inner:?}"));
    assert_eq!(bench.verify(&quoted), Err(Error::Json));
    let double = bench.raw(bench.header().to_string(), encode(claims().to_string()));
    assert_eq!(bench.verify(&double), Err(Error::Json));
}
