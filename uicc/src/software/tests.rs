//! The card by its APDUs: status words, lengths, and rulings 11, 12 and 14.

use aka::{Algorithm, Amf, Autn, Milenage, Rand, Sqn, gba_u::mac_star, sqn::SqnProfile};
use base::{Secret, apdu::Command, hex};
use gba::{
    ids::{Btid, MncLength},
    keys::{Label, naf_key_octets},
};
use proptest::prelude::*;

use super::{GbaU, MacForm, Profile, ResForm, SoftCard};
use crate::{
    Card, Pin,
    ef::{GbaBp, NafRecord},
    fcp::{Fcp, Sfi, Structure},
};

const RAND: [u8; 16] = [0x23; 16];
const IMPI: &[u8] = b"001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
const NAF: &[u8] = b"naf.example.org\x01\0\0\0\x02";

fn algorithm() -> Milenage {
    Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
}

fn profile() -> Profile {
    Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm())
}

fn sqn(seq: u64) -> Sqn {
    Sqn::from_parts(seq, 0, SqnProfile::default().ind_bits).unwrap()
}

fn autn(seq: u64) -> Autn {
    algorithm()
        .vector(&Rand::from(RAND), sqn(seq), Amf::from([0x80, 0]))
        .autn
}

fn autn_star(seq: u64) -> Autn {
    mac_star(&autn(seq), &algorithm().f2345(&Rand::from(RAND)).ik)
}

/// Data and status word of one APDU in hex.
fn apdu(card: &mut SoftCard, text: &str) -> (String, u16) {
    let out = card.exchange(&hex::decode(&text.replace(' ', "")).unwrap());
    let (data, sw) = out.split_at(out.len() - 2);
    (hex::encode(data), u16::from_be_bytes([sw[0], sw[1]]))
}

fn sw(card: &mut SoftCard, text: &str) -> u16 {
    apdu(card, text).1
}

/// A card with its USIM selected.
fn usim(profile: Profile) -> SoftCard {
    let mut card = SoftCard::new(profile);
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    card
}

/// AUTHENTICATE with RAND and AUTN.
fn authenticate(card: &mut SoftCard, p2: &str, tag: &str, autn: Autn) -> (String, u16) {
    let lc = if tag.is_empty() { "22" } else { "23" };
    let rand = Rand::from(RAND);
    apdu(card, &format!("008800{p2} {lc} {tag} 10{rand} 10{autn} 00"))
}

fn bootstrap(card: &mut SoftCard, autn: Autn) -> (String, u16) {
    authenticate(card, "84", "dd", autn)
}

fn read_gbabp(card: &mut SoftCard) -> GbaBp {
    assert_eq!(sw(card, "00a4000c 02 6fd6"), 0x9000);
    GbaBp::parse(&hex::decode(&apdu(card, "00b0000000").0).unwrap()).unwrap()
}

fn write_btid(card: &mut SoftCard) -> Btid {
    let btid = Btid::issue(&Rand::from(RAND), &"bsf.example.org".parse().unwrap());
    let bp = GbaBp {
        rand: RAND.to_vec(),
        btid: btid.octets().to_vec(),
        lifetime: b"2030-01-01T00:00:00Z".to_vec(),
    };
    assert_eq!(sw(card, "00a4000c 02 6fd6"), 0x9000);
    let update = Command::new(0, 0xd6, 0, 17)
        .with_data(&bp.encode_btid_and_lifetime().unwrap())
        .unwrap();
    assert_eq!(card.transmit(&update).unwrap().sw, 0x9000);
    btid
}

fn naf_key(card: &mut SoftCard, naf: &[u8]) -> (String, u16) {
    let mut data = vec![0xde, u8::try_from(naf.len()).unwrap()];
    data.extend_from_slice(naf);
    data.push(u8::try_from(IMPI.len()).unwrap());
    data.extend_from_slice(IMPI);
    let c = Command::new(0, 0x88, 0, 0x84)
        .with_data(&data)
        .unwrap()
        .with_le(0);
    let r = card.transmit(&c).unwrap();
    (hex::encode(r.data()), r.sw)
}

fn expected(label: Label, naf: &[u8]) -> Secret<32> {
    let f = algorithm().f2345(&Rand::from(RAND));
    let ks = [*f.ck.expose(), *f.ik.expose()].concat();
    naf_key_octets(&ks, label, &RAND, IMPI, naf).unwrap()
}

#[test]
fn files_are_selected_by_identifier_path_and_aid() {
    let mut card = SoftCard::new(profile().with_gba_u());
    for (command, want) in [
        ("00a40004 02 3f00 00", 0x9000),
        ("00a4000c 02 2fe2", 0x9000),
        ("00a4000c 02 6f07", 0x6a82), // not in the MF
        ("00a4000c 02 7fff", 0x6a82), // no application yet
        ("00a4080c 04 7fff6f07", 0x6a82),
        ("00a4040c 10 a0000000871002ffffffff8900000100", 0x9000),
        ("00a4000c 02 6f07", 0x9000),
        ("00a4030c", 0x9000), // to the MF
        ("00a4030c", 0x6a82), // it has no parent
        ("00a4080c 04 7fff6fd6", 0x9000),
        ("00a4090c 02 6fda", 0x9000),
        ("00a4080c 02 2f00", 0x9000),
        ("00a4080c 04 2f006f07", 0x6a82), // an EF is no directory
        ("00a4000c 02 7fff", 0x9000),
        ("00a4010c 02 3f00", 0x6a82), // no child of the ADF
        ("00a4000c 02 3f00", 0x9000),
        ("00a4040c 05 a000000087", 0x9000),
        ("00a4040e 05 a000000087", 0x6a82), // there is no next one
        ("00a4040d 05 a000000087", 0x9000), // but a last one
        ("00a4040c 06 a000000151ff", 0x6a82),
        ("00a4044c 07 a0000000871002", 0x9000), // ends the session
        ("00a4000c 02 7fff", 0x6a82),
        ("00a40000 02 3f00", 0x6a86),
        ("00a4020c 02 3f00", 0x6a86),
        ("00a4000c 03 3f0000", 0x6700),
        ("00a4000c 02 3f00", 0x9000),
    ] {
        assert_eq!(sw(&mut card, command), want, "{command}");
    }
}

#[test]
fn fcp_tells_what_a_terminal_needs() {
    let mut card = SoftCard::new(profile().with_gba_u());
    let mut fcp = |command: &str| {
        let (data, sw) = apdu(&mut card, command);
        assert_eq!(sw, 0x9000, "{command}");
        Fcp::parse(&hex::decode(&data).unwrap()).unwrap()
    };
    let mf = fcp("00a40004 02 3f00 00");
    assert_eq!(
        (mf.structure, mf.fid, mf.pins.unwrap().iter().count()),
        (Structure::Directory, Some(0x3f00), 1)
    );
    let dir = fcp("00a40004 02 2f00 00");
    assert_eq!(
        dir.structure,
        Structure::LinearFixed {
            record_length: 38,
            records: 1
        }
    );
    assert_eq!(dir.sfi, Sfi::Is(0x1e));
    let adf = fcp("00a40404 07 a0000000871002 00");
    assert_eq!(adf.df_name.map(|n| n.len()), Some(16));
    let pins: Vec<_> = adf.pins.unwrap().iter().collect();
    assert!(pins[0].reference == 0x01 && !pins[0].enabled);
    let bp = fcp("00a40004 02 6fd6 00");
    assert_eq!(
        (bp.structure, bp.size, bp.sfi),
        (Structure::Transparent, Some(255), Sfi::None)
    );
    // The rule that the FCP names is in EF_ARR: read and update with PIN 1.
    let (rule, _) = apdu(&mut card, "00b204bc26");
    assert!(
        rule.starts_with("800101a406830101950108800102a406830101950108ff"),
        "{rule}"
    );
    // STATUS: where we are, and the application's name.
    assert!(apdu(&mut card, "80f2000000").0.starts_with("62"));
    assert_eq!(
        apdu(&mut card, "80f2000100").0,
        "8410a0000000871002ffffffff8900000100"
    );
}

#[test]
fn reading_and_updating_keeps_to_the_file_and_its_rules() {
    let mut card = usim(profile().with_gba_u());
    for (command, want) in [
        ("00b0000000", 0x6986), // no EF
        ("00b0870000", 0x9000), // EF_IMSI by SFI
        ("00b000000a", 0x6c09),
        ("00b0000009", 0x9000),
        ("00b0000900", 0x6b00),
        ("00b0ff0000", 0x6a86),
        ("00b0990000", 0x6a82),
        ("00d6000001ff", 0x6982), // IMSI: ADM
        ("00a4000c 02 6fd6", 0x9000),
        ("00d6000001ff", 0x9000),
        ("00d600ff01ff", 0x6b00),
        ("00d600fe02ffff", 0x6700),
        ("00d6000000", 0x6700),
        ("00b2010400", 0x6981),
        ("00a4000c 02 6fda", 0x9000),
        ("00b0000000", 0x6981),
        ("00b2010400", 0x9000),
        ("00b2010410", 0x6cff),
        ("00b2090400", 0x6a83),
        ("00b2000400", 0x6a83), // no current record
        ("00b2000200", 0x9000),
        ("00b2000400", 0x9000),
        ("00b2000300", 0x6a83), // before the first
        ("00b2000500", 0x6a86),
        ("00dc010401ff", 0x6d00),
        ("a0a40000023f00", 0x6e00),
        ("01a4000c023f00", 0x6881),
        ("40a4000c023f00", 0x6881),
        ("04a4000c023f00", 0x6882),
        ("80a4000c023f00", 0x6e00),
        ("00f2000000", 0x6e00),
        ("80f2000300", 0x6a86),
        ("00c0000000", 0x6985), // nothing waits
        ("00c0010000", 0x6a86),
        ("00a4", 0x6700),
    ] {
        assert_eq!(sw(&mut card, command), want, "{command}");
    }
}

#[test]
fn a_record_pointer_moves_once_though_t0_asks_twice() {
    let mut card = SoftCard::new(Profile {
        t0: true,
        ..profile().with_gba_u()
    });
    assert_eq!(
        apdu(&mut card, "00a40404 07 a0000000871002 00").1 & 0xff00,
        0x6100
    );
    assert_eq!(sw(&mut card, "00a4000c 02 6f06"), 0x9000);
    for want in 1..=4_u8 {
        assert_eq!(sw(&mut card, "00b2000200"), 0x6c26);
        let (data, sw) = apdu(&mut card, "00b2000226");
        assert_eq!(sw, 0x9000);
        let rule = super::access::Access::ALL[usize::from(want) - 1].rule();
        assert!(data.starts_with(&hex::encode(rule)), "record {want}");
    }
    assert_eq!(sw(&mut card, "00b2000200"), 0x6a83);
}

#[test]
fn case_3_commands_are_answered_with_61xx_and_get_response() {
    let mut card = usim(profile());
    let rand = Rand::from(RAND);
    let command = format!("00880081 22 10{rand} 10{}", autn(1));
    assert_eq!(apdu(&mut card, &command), (String::new(), 0x612c));
    assert_eq!(sw(&mut card, "00c00000ff"), 0x6c2c);
    let (head, sw_) = apdu(&mut card, "00c000000a");
    assert_eq!((head.len(), sw_), (20, 0x6122));
    let (tail, sw_) = apdu(&mut card, "00c0000022");
    assert_eq!((tail.len(), sw_), (68, 0x9000));
    assert_eq!(sw(&mut card, "00c0000022"), 0x6985, "once only");
    // What waits doesn't outlast another command.
    assert_eq!(
        sw(&mut card, &format!("00880081 22 10{rand} 10{}", autn(2))),
        0x612c
    );
    assert_eq!(sw(&mut card, "80f2000c"), 0x9000);
    assert_eq!(sw(&mut card, "00c000002c"), 0x6985);
}

#[test]
fn authenticate_refuses_what_is_malformed_with_the_right_word() {
    let mut card = usim(profile().with_gba_u());
    let rand = Rand::from(RAND);
    for (command, want) in [
        (format!("00880181 22 10{rand} 10{rand} 00"), 0x6a86),
        (format!("00880001 22 10{rand} 10{rand} 00"), 0x6a86),
        (format!("00880080 11 10{rand} 00"), 0x9864), // no GSM context on this card
        (format!("00880082 11 10{rand} 00"), 0x9864),
        (format!("00880085 11 10{rand} 00"), 0x9864),
        ("0088008100".to_owned(), 0x6700),
        (format!("00880081 11 10{rand} 00"), 0x6700),
        (format!("00880081 23 10{rand} 10{rand} 00 00"), 0x6700),
        (
            format!(
                "00880081 20 0f{} 0f{} 00",
                &rand.to_string()[2..],
                &rand.to_string()[2..]
            ),
            0x6a80,
        ),
        (format!("00880084 22 10{rand} 10{rand} 00"), 0x6a80),
        ("0088008401dd00".to_owned(), 0x6700),
        ("0088008401de00".to_owned(), 0x6700),
        ("0088008406de034142430500".to_owned(), 0x6700), // too short for its lengths
        ("0088008405de0141014200".to_owned(), 0x6a80),   // too short for a NAF_Id
    ] {
        assert_eq!(sw(&mut card, &command), want, "{command}");
    }
    let mut me = usim(profile());
    assert_eq!(
        bootstrap(&mut me, autn_star(1)).1,
        0x9864,
        "no service 68, no GBA context"
    );
    let mut mf = SoftCard::new(profile());
    assert_eq!(
        authenticate(&mut mf, "81", "", autn(1)).1,
        0x6985,
        "no USIM selected"
    );
}

#[test]
fn gsm_services_add_kc() {
    let mut card = usim(Profile {
        gsm: true,
        ..profile()
    });
    let (data, sw_) = authenticate(&mut card, "81", "", autn(1));
    assert_eq!((data.len(), sw_), (2 * (1 + 9 + 17 + 17 + 9), 0x9000));
    let (gsm, sw_) = apdu(&mut card, &format!("00880080 11 10{} 00", Rand::from(RAND)));
    assert_eq!((gsm.len(), sw_), (28, 0x9000));
    assert!(data.ends_with(&gsm[10..]), "the same Kc in both contexts");
}

#[test]
fn a_pin_stands_before_identity_and_keys() {
    let pin = Pin::from_digits("1234").unwrap();
    let mut card = usim(Profile {
        pin: Some(pin),
        ..profile()
    });
    assert_eq!(sw(&mut card, "00b0870000"), 0x6982);
    assert_eq!(sw(&mut card, "00b0830000"), 0x9000, "EF_AD is for everybody");
    assert_eq!(authenticate(&mut card, "81", "", autn(1)).1, 0x6982);
    assert_eq!(sw(&mut card, "00200001"), 0x63c3);
    assert_eq!(sw(&mut card, "00200001 08 31323335ffffffff"), 0x63c2);
    assert_eq!(sw(&mut card, "00200101 08 31323335ffffffff"), 0x6a86);
    assert_eq!(sw(&mut card, "00200002 08 31323335ffffffff"), 0x6a88);
    assert_eq!(sw(&mut card, "00200001 08 31323334ffffffff"), 0x9000);
    assert_eq!(authenticate(&mut card, "81", "", autn(1)).1, 0x9000);
    card.reset();
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(sw(&mut card, "00b0870000"), 0x6982, "a reset forgets the PIN");
    assert_eq!(sw(&mut card, "00200001"), 0x63c3);
}

#[test]
fn ruling_12_the_forms_keep_the_contexts_apart() {
    let mut card = usim(profile().with_gba_u());
    // AUTN* at P2 = 81: no CK, no IK.
    assert_eq!(
        authenticate(&mut card, "81", "", autn_star(5)),
        (String::new(), 0x9862)
    );
    // A plain AUTN at P2 = 84.
    assert_eq!(bootstrap(&mut card, autn(5)), (String::new(), 0x9862));
    // The card is as before: the same SQN is still fresh, in the right form.
    let (data, sw_) = bootstrap(&mut card, autn_star(5));
    let res = algorithm().f2345(&Rand::from(RAND)).res.flipped_lsb();
    assert_eq!(
        (data, sw_),
        (format!("db08{}", hex::encode(res.expose())), 0x9000)
    );
    let btid = write_btid(&mut card);
    let key = naf_key(&mut card, NAF);
    assert_eq!(key.1, 0x9000);

    // A 9862 changes neither Ks nor EF_GBABP nor the SQN array.
    let other = Rand::from([0x99; 16]);
    let wrong = mac_star(&autn(6), &algorithm().f2345(&other).ik);
    assert_eq!(bootstrap(&mut card, wrong).1, 0x9862);
    let bp = read_gbabp(&mut card);
    assert_eq!((bp.rand(), bp.btid()), (Some(Rand::from(RAND)), Some(btid)));
    assert_eq!(naf_key(&mut card, NAF), key);
    assert_eq!(
        authenticate(&mut card, "81", "", autn(6)).1,
        0x9000,
        "SQN 6 was not used up"
    );
}

#[test]
fn ruling_12_auts_is_the_same_in_both_contexts_and_changes_nothing() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(5)).1, 0x9000);
    write_btid(&mut card);
    let key = naf_key(&mut card, NAF);
    let auts = aka::auts::build(&algorithm(), &Rand::from(RAND), sqn(5));
    let want = (format!("dc0e{auts}"), 0x9000);
    assert_eq!(bootstrap(&mut card, autn_star(5)), want);
    assert_eq!(authenticate(&mut card, "81", "", autn(5)), want);
    assert_eq!(naf_key(&mut card, NAF), key);
    assert!(read_gbabp(&mut card).is_finished());
}

#[test]
fn ruling_12_plain_forms_are_switches_of_their_own() {
    for (mac, res) in [
        (MacForm::Plain, ResForm::Plain),
        (MacForm::Plain, ResForm::Flipped),
        (MacForm::Star, ResForm::Plain),
    ] {
        let gba_u = GbaU {
            mac,
            res,
            ..GbaU::default()
        };
        let mut card = usim(Profile {
            gba_u: Some(gba_u),
            ..profile()
        });
        let (right, wrong) = match mac {
            MacForm::Plain => (autn(1), autn_star(1)),
            MacForm::Star => (autn_star(1), autn(1)),
        };
        assert_eq!(bootstrap(&mut card, wrong).1, 0x9862, "{mac:?}");
        let f2 = algorithm().f2345(&Rand::from(RAND)).res;
        let want = match res {
            ResForm::Plain => f2,
            ResForm::Flipped => f2.flipped_lsb(),
        };
        let (data, _) = bootstrap(&mut card, right);
        assert_eq!(data, format!("db08{}", hex::encode(want.expose())), "{res:?}");
    }
}

#[test]
fn ruling_14_no_naf_key_before_btid_and_lifetime_are_written() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985, "no Ks yet");
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);
    write_btid(&mut card);
    assert_eq!(naf_key(&mut card, NAF).1, 0x9000);
    // The next run empties both in the same step in which it stores RAND and Ks.
    assert_eq!(bootstrap(&mut card, autn_star(2)).1, 0x9000);
    let bp = read_gbabp(&mut card);
    assert_eq!(
        (bp.rand(), bp.btid.len(), bp.lifetime.len()),
        (Some(Rand::from(RAND)), 0, 0)
    );
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);
    card.reset();
    assert_eq!(sw(&mut card, "00a4040c 07 a0000000871002"), 0x9000);
    assert_eq!(
        naf_key(&mut card, NAF).1,
        0x6985,
        "a reset doesn't finish it either"
    );
    write_btid(&mut card);
    assert_eq!(naf_key(&mut card, NAF).1, 0x9000);
    // A terminal that writes another RAND makes the run unusable.
    assert_eq!(sw(&mut card, "00a4000c 02 6fd6"), 0x9000);
    assert_eq!(sw(&mut card, "00d6000101 00"), 0x9000);
    assert_eq!(naf_key(&mut card, NAF).1, 0x6985);

    let gba_u = GbaU {
        wait_for_btid: false,
        ..GbaU::default()
    };
    let mut lax = usim(Profile {
        gba_u: Some(gba_u),
        ..profile()
    });
    assert_eq!(bootstrap(&mut lax, autn_star(1)).1, 0x9000);
    assert_eq!(naf_key(&mut lax, NAF).1, 0x9000, "the switch");
}

#[test]
fn the_external_key_goes_out_and_the_internal_one_stays_and_is_listed() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    let btid = write_btid(&mut card);
    let (data, _) = naf_key(&mut card, NAF);
    assert_eq!(
        data,
        format!("db20{}", hex::encode(expected(Label::GbaMe, NAF).expose()))
    );
    assert!(card.holds_ks_int_naf(NAF, &expected(Label::GbaU, NAF)));
    assert!(!card.holds_ks_int_naf(NAF, &expected(Label::GbaMe, NAF)));

    assert_eq!(sw(&mut card, "00a4000c 02 6fda"), 0x9000);
    let record = hex::decode(&apdu(&mut card, "00b2010400").0).unwrap();
    let entry = NafRecord {
        naf_id: NAF.to_vec(),
        btid: btid.octets().to_vec(),
    };
    assert_eq!(NafRecord::parse(&record).unwrap(), Some(entry));
}

#[test]
fn a_full_naf_list_gives_up_the_least_recent_one() {
    let gba_u = GbaU {
        naf_records: 3,
        ..GbaU::default()
    };
    let mut card = usim(Profile {
        gba_u: Some(gba_u),
        ..profile()
    });
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    write_btid(&mut card);
    let naf = |n: u8| [&[b'a' + n][..], &NAF[3..]].concat();
    for n in [0, 1, 2, 0, 3, 2] {
        assert_eq!(naf_key(&mut card, &naf(n)).1, 0x9000);
    }
    let kept = (0..4).map(|n| card.holds_ks_int_naf(&naf(n), &expected(Label::GbaU, &naf(n))));
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [true, false, true, true],
        "1 was the least recent when 3 came"
    );
    assert_eq!(sw(&mut card, "00a4000c 02 6fda"), 0x9000);
    let listed: Vec<_> = (1..=3)
        .map(|n| {
            let record = hex::decode(&apdu(&mut card, &format!("00b20{n}0400")).0).unwrap();
            NafRecord::parse(&record).unwrap().unwrap().naf_id
        })
        .collect();
    assert_eq!(listed, [naf(0), naf(3), naf(2)]);
}

#[test]
fn a_naf_that_does_not_fit_into_the_list_is_refused() {
    let mut card = usim(profile().with_gba_u());
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    write_btid(&mut card);
    let data = [&[0xde, 240][..], &[b'a'; 240], &[3], b"a@b"].concat();
    let c = Command::new(0, 0x88, 0, 0x84)
        .with_data(&data)
        .unwrap()
        .with_le(0);
    assert_eq!(card.transmit(&c).unwrap().sw, 0x9866);
}

#[test]
fn res_of_every_length_is_answered() {
    for length in [4, 8, 16] {
        let xor = || {
            aka::Xor::new(&Secret::new([0x46; 16]))
                .with_res_length(length)
                .unwrap()
        };
        let mut card =
            usim(Profile::new("001010123456789".parse().unwrap(), MncLength::Two, xor()).with_gba_u());
        let rand = Rand::from(RAND);
        let plain = xor().vector(&rand, sqn(1), Amf::from([0x80, 0]));
        let (data, sw_) = bootstrap(&mut card, mac_star(&plain.autn, &plain.ik));
        let res = hex::encode(plain.xres.flipped_lsb().expose());
        assert_eq!((data, sw_), (format!("db{length:02x}{res}"), 0x9000));
    }
}

/// APDUs that get past the first checks more often than chance lets them.
fn commands() -> impl Strategy<Value = Vec<u8>> {
    let ins = prop_oneof![
        Just(0xa4u8),
        Just(0xb0),
        Just(0xb2),
        Just(0xc0),
        Just(0xd6),
        Just(0xf2),
        Just(0x20),
        Just(0x88),
        any::<u8>(),
    ];
    let data = prop_oneof![
        Just(hex::decode("a0000000871002").unwrap()),
        Just(hex::decode("7fff").unwrap()),
        Just(hex::decode("6fd6").unwrap()),
        Just(hex::decode("6fda").unwrap()),
        Just([&[0xdd, 16][..], &RAND, &[16], autn_star(1).octets()].concat()),
        Just([&[0xde, 21][..], NAF, &[3], b"a@b"].concat()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    let cla = prop_oneof![6 => Just(0u8), 2 => Just(0x80), 1 => any::<u8>()];
    let p1 = prop_oneof![Just(0u8), Just(4), Just(8), Just(0x87), any::<u8>()];
    let p2 = prop_oneof![
        Just(0u8),
        Just(4),
        Just(0x0c),
        Just(0x84),
        Just(0x81),
        any::<u8>()
    ];
    let good = (cla, ins, p1, p2, data, any::<Option<u8>>()).prop_map(|(cla, ins, p1, p2, data, le)| {
        let c = Command::new(cla, ins, p1, p2).with_data(&data).unwrap();
        le.map_or(c.clone(), |le| c.with_le(le)).octets()
    });
    prop_oneof![9 => good, 1 => proptest::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: a response, a status word of the table, and neither key nor Ks in it.
    #[test]
    fn never_panics_and_never_tells_a_key(
        commands in proptest::collection::vec(commands(), 1..60),
        t0 in any::<bool>(),
        gsm in any::<bool>(),
    ) {
        let mut card = SoftCard::new(Profile { t0, gsm, ..profile().with_gba_u() });
        let f = algorithm().f2345(&Rand::from(RAND));
        for c in commands {
            let out = card.exchange(&c);
            let (data, word) = out.split_last_chunk::<2>().unwrap();
            let sw = crate::Sw(u16::from_be_bytes(*word));
            let ranges = matches!(sw.sw1(), 0x61 | 0x6c) || sw.tries_left().is_some();
            prop_assert!(ranges || crate::Sw::TABLE.contains(&sw), "{}", sw);
            prop_assert!(data.len() <= 256);
            for key in [[0x46; 16], [0xcd; 16], *f.ck.expose(), *f.ik.expose()] {
                prop_assert!(!data.windows(16).any(|w| w == key));
            }
        }
    }
}
