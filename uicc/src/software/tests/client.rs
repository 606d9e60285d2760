//! The on-card client for Ks_int_NAF (ruling 13).

use gba::digest::{self, Algorithm, Fields, Qop};

use super::*;
use crate::software::client::{p_sha256, premaster};

const CLIENT: &str = "f04b735f696e740001";
/// Ua security protocol TLS_PSK_WITH_AES_128_CBC_SHA256.
const MAF: &[u8] = b"maf.example.org\x01\0\x01\0\xae";

/// A card with Ks_int_NAF of both NAFs, and the client selected.
fn with_keys() -> (SoftCard, Btid) {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    let btid = write_btid(&mut card);
    for naf in [NAF, MAF] {
        assert_eq!(naf_key(&mut card, naf).1, 0x9000);
    }
    assert_eq!(sw(&mut card, &format!("00a4040c 09 {CLIENT}")), 0x9000);
    (card, btid)
}

fn ask(card: &mut SoftCard, p1: u8, naf: &[u8], btid: &[u8], first: &[u8], second: &[u8]) -> (Vec<u8>, u16) {
    let mut data = Vec::new();
    for (tag, value) in [(0x80, naf), (0x81, btid), (0x82, first), (0x83, second)] {
        base::tlv::write(&mut data, tag, value);
    }
    let c = Command::new(0, 0x88, p1, 0).with_data(&data).unwrap().with_le(0);
    let r = card.transmit(&c).unwrap();
    (r.data().to_vec(), r.sw)
}

//= TS0003-8.3.2.3-r4
#[test]
fn ruling_13_a_tls_master_secret_is_made_of_ks_int_naf_in_the_card() {
    let (mut card, btid) = with_keys();
    let seed = [0x5a; 64];
    let (secret, word) = ask(&mut card, 1, MAF, btid.octets(), b"master secret", &seed);
    assert_eq!((secret.len(), word), (48, 0x9000));
    let psk = expected(Label::GbaU, MAF);
    let want = p_sha256(
        &premaster(psk.expose()),
        &[b"master secret".as_slice(), &seed].concat(),
        48,
    );
    assert_eq!(secret, want);
    // Not the terminal's key.
    let ext = expected(Label::GbaMe, MAF);
    assert_ne!(
        secret,
        p_sha256(
            &premaster(ext.expose()),
            &[b"master secret".as_slice(), &seed].concat(),
            48
        )
    );
}

#[test]
fn ruling_13_a_digest_response_is_made_of_ks_int_naf_in_the_card() {
    let (mut card, btid) = with_keys();
    let user = btid.as_str();
    for (p1, algorithm) in [(2, Algorithm::Md5), (3, Algorithm::Sha256)] {
        let ha2 = algorithm.hash(&[b"GET:/x"]);
        let rest = format!("n0:00000001:c0:auth:{ha2}");
        let (answer, word) = ask(
            &mut card,
            p1,
            NAF,
            btid.octets(),
            b"3GPP-bootstrapping@naf.example.org",
            rest.as_bytes(),
        );
        let key = gba::keys::KsNaf::from_parts(
            expected(Label::GbaU, NAF),
            gba::ids::NafId::parse(NAF).unwrap(),
            gba::keys::KeyKind::Int,
        );
        let password = key.password().unwrap();
        let ha1 = digest::ha1(
            algorithm,
            user,
            "3GPP-bootstrapping@naf.example.org",
            password.expose(),
            "",
            "",
        );
        let fields = Fields {
            algorithm,
            nonce: "n0",
            qop: Some(Qop::Auth),
            nc: "00000001",
            cnonce: "c0",
            uri: "/x",
        };
        let want = digest::response(&ha1, &fields, "GET", b"");
        assert_eq!((String::from_utf8(answer).unwrap(), word), (want, 0x9000));
    }
}

#[test]
fn ruling_13_no_function_gives_the_key_away_and_none_uses_it_in_another_protocol() {
    let (mut card, btid) = with_keys();
    let btid = btid.octets();
    for (p1, naf, its_btid, first, want) in [
        (1, NAF, btid, b"master secret".as_slice(), 0x6985), // ruling 17: a digest key is no PSK
        (2, MAF, btid, b"realm", 0x6985),
        (1, MAF, btid, b"key expansion", 0x6a80), // what comes after the master secret isn't the card's
        (1, MAF, b"x@y", b"master secret", 0x6a88), // another run
        (
            1,
            b"other.example\x01\0\x01\0\xae",
            btid,
            b"master secret",
            0x6a88,
        ),
        (1, b"naf", btid, b"master secret", 0x6a80),
        (0, MAF, btid, b"master secret", 0x6a86),
        (4, MAF, btid, b"master secret", 0x6a86),
    ] {
        let (data, word) = ask(&mut card, p1, naf, its_btid, first, b"seed");
        assert_eq!((data, word), (Vec::new(), want), "{p1} {naf:02x?} {first:02x?}");
    }
    assert_eq!(sw(&mut card, "0088010001ff"), 0x6a80);
    assert_eq!(sw(&mut card, "0088010000"), 0x6700);
    assert_eq!(
        sw(&mut card, "0088008400"),
        0x6a86,
        "no AUTHENTICATE of a USIM here"
    );
    assert_eq!(sw(&mut card, "00b0000000"), 0x6986, "nothing to read");
    // A PIN stands before it as before AUTHENTICATE.
    let mut locked = SoftCard::new(Profile {
        pin: Some(Pin::from_digits("1234").unwrap()),
        ..profile().with_gba_u()
    });
    assert_eq!(sw(&mut locked, &format!("00a4040c 09 {CLIENT}")), 0x9000);
    assert_eq!(
        ask(&mut locked, 1, MAF, btid, b"master secret", b"seed").1,
        0x6982
    );
    let mut me = SoftCard::new(profile());
    assert_eq!(
        sw(&mut me, &format!("00a4040c 09 {CLIENT}")),
        0x6a82,
        "no GBA_U, no client"
    );
}

//= TS33.220-G.2-r2
#[test]
fn a_key_that_is_used_is_not_the_next_to_be_overwritten() {
    let gba_u = GbaU {
        naf_records: 2,
        ..GbaU::default()
    };
    let mut card = usim(Profile {
        gba_u: Some(gba_u),
        ..profile()
    });
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    let btid = write_btid(&mut card);
    for naf in [MAF, NAF] {
        assert_eq!(naf_key(&mut card, naf).1, 0x9000);
    }
    let client = format!("00a4040c 09 {CLIENT}");
    assert_eq!(sw(&mut card, &client), 0x9000);
    assert_eq!(
        ask(&mut card, 1, MAF, btid.octets(), b"master secret", b"seed").1,
        0x9000
    );
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(naf_key(&mut card, b"third.example\x01\0\0\0\x02").1, 0x9000);
    assert!(card.holds_ks_int_naf(MAF, &expected(Label::GbaU, MAF)));
    assert!(
        !card.holds_ks_int_naf(NAF, &expected(Label::GbaU, NAF)),
        "it was the least recent"
    );
}

proptest! {
    /// Whatever comes, no answer of the client holds the key, and each word is one of the table.
    #[test]
    fn ruling_13_no_data_make_the_client_tell_the_key(
        ins in prop_oneof![Just(0x88u8), Just(0x89), Just(0xca)],
        p1 in 0u8..5,
        p2 in prop_oneof![Just(0u8), any::<u8>()],
        objects in proptest::collection::vec(
            (0x80u32..0x85, prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                Just(MAF.to_vec()),
                Just(NAF.to_vec()),
                Just(b"master secret".to_vec()),
            ]),
            0..6,
        ),
        cut in 0usize..4,
    ) {
        let (mut card, btid) = with_keys();
        let mut data = base::tlv::object(0x81, btid.octets());
        for (tag, value) in &objects {
            base::tlv::write(&mut data, *tag, value);
        }
        data.truncate(data.len().min(255).saturating_sub(cut));
        let cla = if ins == 0xca { 0x80 } else { 0 };
        let c = Command::new(cla, ins, p1, p2).with_data(&data).unwrap().with_le(0);
        let r = card.transmit(&c).unwrap();
        for naf in [MAF, NAF] {
            let key = expected(Label::GbaU, naf);
            prop_assert!(!r.data().windows(32).any(|w| w == key.expose()));
        }
        prop_assert!(crate::Sw::TABLE.contains(&crate::Sw(r.sw)), "{:04x}", r.sw);
    }
}
