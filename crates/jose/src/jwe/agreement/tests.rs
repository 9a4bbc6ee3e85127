use super::*;
use crate::base64url;

fn bytes(text: &str) -> Vec<u8> {
    base64url::decode(text.as_bytes()).unwrap()
}

/// RFC 7518 appendix C.
const ALICE: [&str; 3] = [
    "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
];
const BOB: [&str; 3] = [
    "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
];

fn p256([x, y, _]: [&str; 3]) -> Point {
    Point::new(Curve::P256, &bytes(x), Some(&bytes(y))).unwrap()
}

#[test]
fn both_sides_derive_the_key_of_rfc_7518() {
    let parties = PartyInfo { apu: b"Alice", apv: b"Bob" };
    for (mine, theirs) in [(ALICE, BOB), (BOB, ALICE)] {
        let mine = Curve::P256.private_key(&bytes(mine[2])).unwrap();
        let mut key = [0; 16];
        derive(&mine, p256(theirs).parse().unwrap(), "A128GCM", parties, &mut key).unwrap();
        assert_eq!(base64url::encode(&key), "VqqN6vgjbSBcIijNcacQGg");
    }
    let mine = Curve::P256.private_key(&bytes(ALICE[2])).unwrap();
    let point = Point::of(Curve::P256, &mine).unwrap();
    assert_eq!((point.x(), point.y()), (&bytes(ALICE[0])[..], Some(&bytes(ALICE[1])[..])));
}

#[test]
fn other_info_is_that_of_rfc_7518() {
    let info = other_info("A128GCM", PartyInfo { apu: b"Alice", apv: b"Bob" }, 16);
    let expected = b"\0\0\0\x07A128GCM\0\0\0\x05Alice\0\0\0\x03Bob\0\0\0\x80";
    assert_eq!(info, expected);
}

/// RFC 8037 appendix A.6, whose values are those of RFC 7748 section 6.1.
#[test]
fn x25519_agrees_on_the_secret_of_rfc_8037() {
    let bob = Curve::X25519.private_key(&bytes("XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"));
    let epk = bytes("hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo");
    let theirs = Point::new(Curve::X25519, &epk, None).unwrap().parse().unwrap();
    let secret = agreement::agree(&bob.unwrap(), theirs, (), |secret| Ok(secret.to_vec()));
    assert_eq!(base64url::encode(&secret.unwrap()), "Sl2dW6TOLeFyjjv0gDUPJeB-IclH0Z4zdvCbPB4WF0I");
}

/// With any of these points the secret would be all zeros, whatever the private key.
#[test]
fn x25519_points_of_small_order_are_refused() {
    let mine = Curve::X25519.generate().unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let hex = |text: &str| -> [u8; 32] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
    };
    let [first, second] = order_8.map(hex);
    for point in [[0; 32], one, minus_one, first, second] {
        for high in [0, 0x80] {
            let mut x = point;
            x[31] |= high;
            let parties = PartyInfo { apu: b"", apv: b"" };
            let mut key = [0; 16];
            let agreed = Point::new(Curve::X25519, &x, None)
                .unwrap()
                .parse()
                .and_then(|theirs| derive(&mine, theirs, "A128GCM", parties, &mut key));
            assert_eq!((agreed, key), (None, [0; 16]), "{x:?}");
        }
    }
}

#[test]
fn points_that_are_not_on_the_curve_are_refused() {
    for curve in [Curve::P256, Curve::P384, Curve::P521] {
        let length = curve.coordinate_bytes();
        let mine = curve.generate().unwrap();
        let point = Point::of(curve, &mine).unwrap();
        assert!(point.parse().is_some());
        let (x, y) = (point.x(), point.y().unwrap());
        assert!(Point::new(curve, y, Some(x)).unwrap().parse().is_none(), "swapped");
        for bad in [vec![0; length], vec![0xff; length], vec![1; length]] {
            assert!(Point::new(curve, &bad, Some(y)).unwrap().parse().is_none());
            assert!(Point::new(curve, x, Some(&bad)).unwrap().parse().is_none());
        }
        assert!(Point::new(curve, &x[1..], Some(y)).is_none(), "short");
        assert!(Point::new(curve, x, Some(&[y, &[0]].concat())).is_none(), "long");
        assert!(Point::new(curve, x, None).is_none(), "no y");
    }
    assert!(Point::new(Curve::X25519, &[9; 32], Some(&[9; 32])).is_none(), "X25519 with y");
    assert!(Point::new(Curve::X25519, &[9; 31], None).is_none());
}

#[test]
fn keys_of_different_curves_do_not_agree() {
    let mine = Curve::P256.generate().unwrap();
    for other in [Curve::P384, Curve::P521, Curve::X25519] {
        let theirs = Point::of(other, &other.generate().unwrap()).unwrap().parse().unwrap();
        let parties = PartyInfo { apu: b"", apv: b"" };
        assert_eq!(derive(&mine, theirs, "A128GCM", parties, &mut [0; 16]), None);
    }
}
