use super::*;

const EVERY: &[ContentEncryption] = ContentEncryption::ALL;

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// RFC 7518 appendix B: the keys are 00 01 02 and so on.
#[test]
fn cbc_with_hmac_gives_the_values_of_rfc_7518() {
    let plaintext = b"A cipher system must not be required to be secret, and it must be able to \
        fall into the hands of the enemy without inconvenience";
    let aad = b"The second principle of Auguste Kerckhoffs";
    let iv = hex("1af38c2dc2b96ffdd86694092341bc04");
    for (encryption, ciphertext, tag) in [
        (
            ContentEncryption::A128CbcHs256,
            "c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9\
             a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f16362c7032336\
             09d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b\
             384c486f3a54c51078158ee5d79de59fbd34d848b3d69550a67646344427ade5\
             4b8851ffb598f7f80074b9473c82e2db",
            "652c3fa36b0a7c5b3219fab3a30bc1c4",
        ),
        (
            ContentEncryption::A192CbcHs384,
            "ea65da6b59e61edb419be62d19712ae5d303eeb50052d0dfd6697f77224c8edb\
             000d279bdc14c1072654bd30944230c657bed4ca0c9f4a8466f22b226d174621\
             4bf8cfc2400add9f5126e479663fc90b3bed787a2f0ffcbf3904be2a641d5c21\
             05bfe591bae23b1d7449e532eef60a9ac8bb6c6b01d35d49787bcd57ef484927\
             f280adc91ac0c4e79c7b11efc60054e3",
            "8490ac0e58949bfe51875d733f93ac2075168039ccc733d7",
        ),
        (
            ContentEncryption::A256CbcHs512,
            "4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd\
             822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b\
             36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3\
             a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950b\
             be2638d09dd7a4930930806d0703b1f6",
            "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5",
        ),
    ] {
        let bytes: Vec<u8> = (0..).take(encryption.key_bytes()).collect();
        let key = ContentKey::from_bytes(encryption, &bytes).unwrap();
        let mut content = plaintext.to_vec();
        let sealed = key.seal_with(Short::from_bytes(&iv), aad, &mut content).unwrap();
        assert_eq!((&content, sealed.tag.as_ref()), (&hex(ciphertext), &hex(tag)[..]));
        assert_eq!(key.open(&iv, aad, &hex(tag), &mut content), Ok(()));
        assert_eq!(content, plaintext);
    }
}

#[test]
fn a_key_has_exactly_the_length_of_its_algorithm() {
    for &encryption in EVERY {
        for length in 0..=80 {
            let key = ContentKey::from_bytes(encryption, &vec![1; length]);
            assert_eq!(key.is_some(), length == encryption.key_bytes(), "{encryption} {length}");
        }
    }
}

#[test]
fn every_change_of_a_bit_and_every_other_length_is_one_refusal() {
    for &encryption in EVERY {
        let key = ContentKey::random(encryption).unwrap();
        let mut content = b"seventeen letters".to_vec();
        let sealed = key.seal(b"aad", &mut content).unwrap();
        let (iv, tag) = (sealed.iv.as_ref(), sealed.tag.as_ref());
        let refused = |iv: &[u8], aad: &[u8], tag: &[u8], content: &[u8]| {
            let mut content = content.to_vec();
            key.open(iv, aad, tag, &mut content) == Err(Error::Decryption)
        };
        assert!(!refused(iv, b"aad", tag, &content));
        for changed in changes(iv) {
            assert!(refused(&changed, b"aad", tag, &content), "{encryption} iv {changed:?}");
        }
        for changed in changes(b"aad") {
            assert!(refused(iv, &changed, tag, &content), "{encryption} aad {changed:?}");
        }
        for changed in changes(tag) {
            assert!(refused(iv, b"aad", &changed, &content), "{encryption} tag {changed:?}");
        }
        for changed in changes(&content) {
            assert!(refused(iv, b"aad", tag, &changed), "{encryption} content {changed:?}");
        }
        let other = ContentKey::random(encryption).unwrap();
        assert_eq!(other.open(iv, b"aad", tag, &mut content), Err(Error::Decryption));
    }
}

/// Each bit changed, each shorter form, one byte more, and nothing at all.
fn changes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bits = (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    });
    let shorter = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    bits.chain(shorter).chain([[bytes, &[0]].concat(), [&[0], bytes].concat()]).collect()
}

/// CVE-2016-9123 was a length that was counted in too few bits.
#[test]
fn the_length_of_the_data_is_counted_in_64_bits() {
    let key = ContentKey::from_bytes(ContentEncryption::A128CbcHs256, &[7; 32]).unwrap();
    let tag = key.tag(&[7; 16], &[0; 16], &[0; 3], b"");
    let full = [&[0; 3][..], &[0; 16], &24u64.to_be_bytes()].concat();
    let expected = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 16]), &full);
    assert_eq!(tag.as_ref(), &expected.as_ref()[..16]);
}

/// Its padding is wrong and its tag is right: only somebody with the key can make it.
#[test]
fn a_wrong_padding_under_a_right_tag_is_the_same_refusal() {
    let key = ContentKey::from_bytes(ContentEncryption::A128CbcHs256, &[7; 32]).unwrap();
    let iv = [3; 16];
    for length in [0, 1, 15, 16, 32] {
        let content = vec![9; length];
        let tag = key.tag(&[7; 16], &iv, b"", &content);
        let mut changed = content.clone();
        assert_eq!(key.open(&iv, b"", tag.as_ref(), &mut changed), Err(Error::Decryption));
    }
}
