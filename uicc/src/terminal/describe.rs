//! Commands and answers in a few words, for a ladder: at most 70 characters each, and never a secret (ruling 35).
//!
//! Data of AUTHENTICATE (88, 89), VERIFY (20) and CHANGE PIN (24), UNBLOCK (2C) is told by kind and length only.

use base::{
    Reader,
    apdu::{Command, Response},
    hex,
};

use crate::{Sw, names};

/// Longest text.
const WIDTH: usize = 70;

/// Command and answer in one line: `SELECT EF_IMSI → done, FCP`.
#[must_use]
pub fn describe(c: &Command, r: &Response) -> String {
    format!("{} → {}", command(c), response(c, r))
}

/// What a command asks.
#[must_use]
pub fn command(c: &Command) -> String {
    cut(match c.ins {
        0xa4 => format!("SELECT {}", target(c)),
        0xb0 => format!("READ BINARY{}", place(c)),
        0xd6 => format!("UPDATE BINARY{}, {}", place(c), octets(c.data().len())),
        0xb2 => match (c.p1, c.p2 & 0x07) {
            (_, 2) => "READ RECORD: next".to_owned(),
            (_, 3) => "READ RECORD: previous".to_owned(),
            (n, _) => format!("READ RECORD {n}"),
        },
        0xc0 => "GET RESPONSE".to_owned(),
        0x10 => "TERMINAL PROFILE".to_owned(),
        0x12 => "FETCH".to_owned(),
        0x14 => "TERMINAL RESPONSE".to_owned(),
        0xc2 => format!("ENVELOPE, {}", octets(c.data().len())),
        0x70 => match c.p1 {
            0 => "MANAGE CHANNEL: open".to_owned(),
            _ => format!("MANAGE CHANNEL: close {}", c.p2),
        },
        0x32 => "INCREASE".to_owned(),
        0x84 => "GET CHALLENGE".to_owned(),
        0xca => "GET DATA".to_owned(),
        0xdb => "SET DATA".to_owned(),
        0x04 => "DEACTIVATE FILE".to_owned(),
        0x44 => "ACTIVATE FILE".to_owned(),
        0xe0 => "CREATE FILE".to_owned(),
        0xe4 => "DELETE FILE".to_owned(),
        0xd4 => "RESIZE FILE".to_owned(),
        0xe6 => "TERMINATE DF".to_owned(),
        0xe8 => "TERMINATE EF".to_owned(),
        0xfe => "TERMINATE CARD USAGE".to_owned(),
        0xaa => "TERMINAL CAPABILITY".to_owned(),
        0xf2 => "STATUS".to_owned(),
        0x20 => match c.data().len() {
            0 => format!("VERIFY {}: how many tries?", key(c.p2)),
            _ => format!("VERIFY {}", key(c.p2)),
        },
        0x24 => format!("CHANGE {}", key(c.p2)),
        0x26 => format!("DISABLE {}", key(c.p2)),
        0x28 => format!("ENABLE {}", key(c.p2)),
        0x2c => format!("UNBLOCK {}", key(c.p2)),
        0xa2 => "SEARCH RECORD".to_owned(),
        0xcb => "RETRIEVE DATA".to_owned(),
        0xdc => match c.p1 {
            0 => "UPDATE RECORD: next".to_owned(),
            n => format!("UPDATE RECORD {n}"),
        },
        0x88 => authenticate(c),
        ins => format!("INS {ins:02X}, {} of data", octets(c.data().len())),
    })
}

/// What the card answers. Needs the command: the answer alone doesn't tell what its octets are.
#[must_use]
pub fn response(c: &Command, r: &Response) -> String {
    let sw = Sw(r.sw);
    if let Some(tries) = sw.tries_left() {
        return format!("{tries} tries left");
    }
    if !r.is_success() {
        return cut(sw.to_string());
    }
    let data = r.data();
    cut(match (c.ins, data.first()) {
        (_, None) if sw.sw1() == 0x91 => "done, a proactive command waits".to_owned(),
        (_, None) => "done".to_owned(),
        (0x88, Some(0xdc)) => format!(
            "synchronisation failure: AUTS, {}",
            octets(data.len().saturating_sub(2))
        ),
        (0x88, Some(0xdb)) => success(c, data),
        (0x88, _) if c.p2 == 0x80 => "SRES 4 octets, and Kc".to_owned(),
        (0xa4 | 0xf2, Some(0x62)) => "done, FCP".to_owned(),
        _ => octets(data.len()),
    })
}

fn authenticate(c: &Command) -> String {
    let what = match (c.p2, c.data().first()) {
        (0x80, _) => "GSM: RAND",
        (0x81, _) => "3G: RAND, AUTN",
        (0x84, Some(0xdd)) => "GBA bootstrapping: RAND, AUTN",
        (0x84, Some(0xde)) => return naf(c.data()),
        (0x84, _) => "GBA",
        _ => "another context",
    };
    format!("AUTHENTICATE {what}")
}

/// The NAF_Id is no secret: the FQDN, and the five octets behind it.
fn naf(data: &[u8]) -> String {
    const HEAD: &str = "AUTHENTICATE GBA NAF key";
    let mut r = Reader::new(data);
    let naf_id = (r.u8("tag"), r.u8("length"))
        .1
        .and_then(|l| r.take(usize::from(l), "NAF_Id"));
    let naf_id = naf_id.ok().and_then(|n| n.split_last_chunk::<5>());
    match naf_id {
        Some((fqdn, ua)) if fqdn.iter().all(u8::is_ascii_graphic) => {
            format!("{HEAD}: {} {}", String::from_utf8_lossy(fqdn), hex::encode(ua))
        }
        _ => HEAD.to_owned(),
    }
}

/// Behind DB: lengths only.
fn success(c: &Command, data: &[u8]) -> String {
    let length = data.get(1).copied().unwrap_or(0);
    match (c.p2, c.data().first()) {
        (0x84, Some(0xde)) => format!("Ks_ext_NAF {}", octets(usize::from(length))),
        (0x84, _) => format!("RES {}; Ks stays in the card", octets(usize::from(length))),
        _ => format!("RES {}, CK and IK", octets(usize::from(length))),
    }
}

fn target(c: &Command) -> String {
    let by_name = |fid: &[u8; 2]| {
        let fid = u16::from_be_bytes(*fid);
        names::name(fid).map_or_else(|| format!("{fid:04X}"), str::to_owned)
    };
    match c.p1 {
        0x04 if c.data().starts_with(&names::USIM_AID_PREFIX) => "ADF.USIM".to_owned(),
        0x04 => format!("application {}", hex::encode(c.data()).to_uppercase()),
        0x03 => "parent directory".to_owned(),
        _ => {
            let (fids, _) = c.data().as_chunks::<2>();
            fids.iter().map(by_name).collect::<Vec<_>>().join("/")
        }
    }
}

fn place(c: &Command) -> String {
    if c.p1 & 0x80 != 0 {
        return format!(" of SFI {:02X}", c.p1 & 0x1f);
    }
    match u16::from_be_bytes([c.p1, c.p2]) {
        0 => String::new(),
        offset => format!(" from {offset}"),
    }
}

pub(super) fn key(reference: u8) -> String {
    match reference {
        0x01..=0x08 => format!("PIN {reference}"),
        0x0a..=0x0e => format!("ADM {}", reference - 9),
        0x11 => "universal PIN".to_owned(),
        0x81..=0x88 => format!("PIN 2 of application {}", reference & 0x0f),
        _ => format!("key {reference:02X}"),
    }
}

fn octets(n: usize) -> String {
    if n == 1 {
        "1 octet".to_owned()
    } else {
        format!("{n} octets")
    }
}

/// Cut at a character's border, with dots.
fn cut(text: String) -> String {
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH - 1).chain(['…']).collect()
}
