//! The card by its APDUs: status words, lengths, and rulings 11, 12 and 14.

mod any_apdu;
mod authenticate;
mod client;
mod contents;
mod files;
mod gba_u;
mod isim;
mod keeping;
mod laboratory;
mod managing;
mod phone;
mod pins;
mod selecting;

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
