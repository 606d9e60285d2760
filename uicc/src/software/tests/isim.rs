//! ADF ISIM beside the USIM: its files, IMS AKA, and a GBA of its own (ruling 15).

use super::*;
use crate::{
    ef::{Content, ims::Name},
    software::profile::Isim,
};

const ISIM: &str = "a0000000871004";

fn both() -> SoftCard {
    SoftCard::new(profile().with_gba_u().with_isim())
}

fn select(card: &mut SoftCard, cla: &str, aid: &str) {
    let command = format!("{cla}a4040c {:02x} {aid}", aid.len() / 2);
    assert_eq!(sw(card, &command), 0x9000);
}

fn run(card: &mut SoftCard, cla: &str, p2: &str, tag: &str, autn: Autn) -> (String, u16) {
    let lc = if tag.is_empty() { "22" } else { "23" };
    let rand = Rand::from(RAND);
    apdu(card, &format!("{cla}8800{p2} {lc} {tag} 10{rand} 10{autn} 00"))
}

fn file(card: &mut SoftCard, cla: &str, fid: &str) -> GbaBp {
    assert_eq!(sw(card, &format!("{cla}a4000c 02 {fid}")), 0x9000);
    GbaBp::parse(&hex::decode(&apdu(card, &format!("{cla}b0000000")).0).unwrap()).unwrap()
}

//= TS31.103-4.2.2-r2
#[test]
fn an_isim_has_the_identities_that_an_imsi_makes() {
    let mut card = both();
    select(&mut card, "00", ISIM);
    let mut name = |sfi: u8| {
        let (data, sw) = apdu(&mut card, &format!("00b0{:02x}0000", 0x80 | sfi));
        assert_eq!(sw, 0x9000);
        String::from_utf8(Name::parse(&hex::decode(&data).unwrap()).unwrap().0).unwrap()
    };
    assert_eq!(name(0x02).as_bytes(), IMPI);
    assert_eq!(name(0x05), "ims.mnc001.mcc001.3gppnetwork.org");
    let (impu, _) = apdu(&mut card, "00b2012400");
    let impu = Name::parse(&hex::decode(&impu).unwrap()).unwrap();
    assert_eq!(impu.0, [b"sip:", IMPI].concat());
    assert_eq!(apdu(&mut card, "00b0870000").0, "0300", "P-CSCF and GBA");
    let (records, _) = apdu(&mut card, "00a40804 02 2f00 00");
    assert!(records.contains("82054221"), "{records}");
}

//= TS31.103-7.1-r1
#[test]
fn ims_aka_is_3g_aka_without_kc_and_shares_the_sequence_numbers_of_shared_keys() {
    let mut card = SoftCard::new(Profile {
        gsm: true,
        ..profile().with_gba_u().with_isim()
    });
    select(&mut card, "00", ISIM);
    let (data, sw_) = run(&mut card, "00", "81", "", autn(1));
    assert_eq!((data.len(), sw_), (2 * (1 + 9 + 17 + 17), 0x9000), "no Kc");
    assert_eq!(
        sw(&mut card, &format!("00880080 11 10{} 00", Rand::from(RAND))),
        0x9864
    );
    assert_eq!(
        sw(&mut card, &format!("00880082 11 10{} 00", Rand::from(RAND))),
        0x9864
    );
    // Ruling 1: no number is accepted twice by a card.
    select(&mut card, "00", "a0000000871002");
    assert!(run(&mut card, "00", "81", "", autn(1)).0.starts_with("dc0e"));
    assert_eq!(run(&mut card, "00", "81", "", autn(2)).1, 0x9000);
}

#[test]
fn an_isim_with_keys_of_its_own_counts_by_itself() {
    let other = || Milenage::new(&Secret::new([0x47; 16]), &Secret::new([0xce; 16]));
    let autn_of = |seq| {
        other()
            .vector(&Rand::from(RAND), sqn(seq), Amf::from([0x80, 0]))
            .autn
    };
    let isim = Isim {
        keys: Some((other().into(), aka::sqn::SqnArray::new(SqnProfile::default()))),
        ..Isim::default()
    };
    let mut card = SoftCard::new(Profile {
        isim: Some(isim),
        ..profile()
    });
    select(&mut card, "00", ISIM);
    assert_eq!(
        run(&mut card, "00", "81", "", autn(5)).1,
        0x9862,
        "the USIM's key"
    );
    assert_eq!(run(&mut card, "00", "81", "", autn_of(5)).1, 0x9000);
    assert_eq!(
        run(&mut card, "00", "84", "dd", autn_star(6)).1,
        0x9864,
        "no GBA here"
    );
    select(&mut card, "00", "a0000000871002");
    assert_eq!(
        run(&mut card, "00", "81", "", autn(1)).1,
        0x9000,
        "its own numbers"
    );
    // Both outlast a power cut.
    let mut again = SoftCard::new(Profile {
        isim: Some(Isim {
            keys: Some((other().into(), aka::sqn::SqnArray::new(SqnProfile::default()))),
            ..Isim::default()
        }),
        ..profile()
    });
    again.apply(&card.snapshot()).unwrap();
    select(&mut again, "00", ISIM);
    assert!(run(&mut again, "00", "81", "", autn_of(5)).0.starts_with("dc0e"));
}

#[test]
fn ruling_15_bootstrapping_on_the_isim_leaves_the_usim_s_ks_on_two_channels() {
    let mut card = both();
    select(&mut card, "00", "a0000000871002");
    assert_eq!(bootstrap(&mut card, autn_star(1)).1, 0x9000);
    let btid = write_btid(&mut card);
    let key = naf_key(&mut card, NAF);
    assert_eq!(key.1, 0x9000);

    // On channel 1 the ISIM, with another RAND.
    assert_eq!(apdu(&mut card, "0070000001"), ("01".to_owned(), 0x9000));
    select(&mut card, "01", ISIM);
    let other = Rand::from([0x99; 16]);
    let vector = algorithm().vector(&other, sqn(2), Amf::from([0x80, 0]));
    let star = mac_star(&vector.autn, &vector.ik);
    let (data, word) = apdu(&mut card, &format!("01880084 23 dd 10{other} 10{star} 00"));
    assert_eq!((data.as_str().get(..4), word), (Some("db08"), 0x9000));
    let bp = file(&mut card, "01", "6fd5");
    assert_eq!((bp.rand(), bp.is_finished()), (Some(other), false));

    // The USIM's run, B-TID and keys are as they were.
    assert_eq!(naf_key(&mut card, NAF), key);
    let bp = file(&mut card, "00", "6fd6");
    assert_eq!((bp.rand(), bp.btid()), (Some(Rand::from(RAND)), Some(btid)));
    assert!(card.holds_ks_int_naf(NAF, &expected(Label::GbaU, NAF)));

    // The ISIM derives from its own Ks, once its B-TID is written, into its own list.
    let mut data = vec![0xde, u8::try_from(NAF.len()).unwrap()];
    data.extend_from_slice(NAF);
    data.push(u8::try_from(IMPI.len()).unwrap());
    data.extend_from_slice(IMPI);
    let derive = format!("01880084 {:02x} {} 00", data.len(), hex::encode(&data));
    assert_eq!(sw(&mut card, &derive), 0x6985);
    let issued = Btid::issue(&other, &"bsf.example.org".parse().unwrap());
    let run = GbaBp {
        rand: other.octets().to_vec(),
        btid: issued.octets().to_vec(),
        lifetime: b"2030-01-01T00:00:00Z".to_vec(),
    };
    let rest = run.encode_btid_and_lifetime().unwrap();
    assert_eq!(sw(&mut card, "01a4000c 02 6fd5"), 0x9000);
    assert_eq!(
        sw(
            &mut card,
            &format!("01d60011 {:02x} {}", rest.len(), hex::encode(&rest))
        ),
        0x9000
    );
    let (isim_key, word) = apdu(&mut card, &derive);
    assert_eq!(word, 0x9000);
    assert_ne!(isim_key, key.0);
    let listed = |card: &mut SoftCard, cla: &str, fid: &str| {
        assert_eq!(sw(card, &format!("{cla}a4000c 02 {fid}")), 0x9000);
        let record = hex::decode(&apdu(card, &format!("{cla}b2010400")).0).unwrap();
        NafRecord::parse(&record).unwrap().unwrap().btid
    };
    assert_eq!(listed(&mut card, "01", "6fd7"), issued.octets());
    assert_ne!(listed(&mut card, "00", "6fda"), issued.octets());
}
