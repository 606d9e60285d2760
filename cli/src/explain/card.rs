//! Decoders of what a card says and holds: APDUs (TS 102 221, TS 31.102) and EF_GBABP.

use aka::Auts;
use base::{
    Reader,
    apdu::{Command, Response},
    hex,
};
use gba::ids::NafId;
use uicc::{Sw, ef::GbaBp, names, terminal::describe};

use super::{
    finding::{Finding, Sure, Verdict},
    octets::{auts_lines, btid_lines, naf_id_lines},
};

/// Instructions of TS 102 221 10.1.2 that a UICC for GBA sees.
const INSTRUCTIONS: [u8; 14] = [
    0x04, 0x20, 0x24, 0x26, 0x28, 0x2c, 0x44, 0x70, 0x88, 0xa4, 0xb0, 0xb2, 0xc0, 0xd6,
];
const MORE_INSTRUCTIONS: [u8; 8] = [0x10, 0x12, 0x14, 0x89, 0xa2, 0xc2, 0xdc, 0xf2];

fn class_is_usual(cla: u8) -> bool {
    matches!(cla, 0x00..=0x03 | 0x40..=0x4f | 0x80..=0x83 | 0xa0)
}

pub(super) fn command(octets: &[u8]) -> Verdict {
    let Some([cla, ins]) = octets.first_chunk::<2>() else {
        return Verdict::No;
    };
    let known = INSTRUCTIONS.contains(ins) || MORE_INSTRUCTIONS.contains(ins);
    if !known || !class_is_usual(*cla) {
        return Verdict::No;
    }
    let c = match Command::parse(octets) {
        Ok(c) => c,
        Err(e) if octets.len() >= 5 && octets.len() <= 261 => {
            return Verdict::Close(format!("command APDU: {e}"));
        }
        Err(_) => return Verdict::No,
    };
    let sure = if octets.len() < 5 {
        Sure::Possible
    } else {
        Sure::Certain
    };
    let mut finding = Finding::new("command APDU", "TS 102 221 10.1", sure)
        .text("", describe::command(&c))
        .octets(
            "CLA",
            [c.cla],
            if c.cla & 0x0f == 0 { "basic channel" } else { "" },
        )
        .octets("INS", [c.ins], "")
        .octets("P1 P2", [c.p1, c.p2], "");
    if !c.data().is_empty() {
        finding = command_data(finding, &c);
    }
    if let Some(le) = c.le {
        finding = finding.octets("Le", [le], "");
    }
    Verdict::Found(finding)
}

/// Data of SELECT and SEARCH RECORD is no secret; of all others it may be (ruling 35), also where the command has none and
/// a key happens to read as it.
fn command_data(finding: Finding, c: &Command) -> Finding {
    let data = c.data();
    match (c.ins, c.p2, data) {
        (0xa4 | 0xa2, ..) => {
            let name = <[u8; 2]>::try_from(data)
                .ok()
                .and_then(|fid| names::name(u16::from_be_bytes(fid)));
            finding.octets("data", data, name.unwrap_or_default())
        }
        (0x88, 0x84, [0xde, length, rest @ ..]) => match rest.get(..usize::from(*length)).map(NafId::parse) {
            Some(Ok(naf)) => naf_id_lines(finding, &naf),
            _ => finding.secret("data", data, "DE, then a NAF_Id"),
        },
        (0x88, 0x80 | 0x81 | 0x84, _) => challenge(finding, data),
        _ => finding.secret("data", data, "may be a PIN or a key"),
    }
}

/// `[DD] 10 RAND 10 AUTN` (TS 31.102 7.1.2).
fn challenge(finding: Finding, data: &[u8]) -> Finding {
    let read = |data| -> Option<(&[u8], Option<&[u8]>)> {
        let mut r = Reader::new(data);
        if data.first() == Some(&0xdd) {
            r.u8("tag").ok()?;
        }
        let length = r.u8("length").ok()?;
        let rand = r.take(usize::from(length), "RAND").ok()?;
        let autn = match r.u8("length") {
            Ok(length) => Some(r.take(usize::from(length), "AUTN").ok()?),
            Err(_) => None,
        };
        Some((rand, autn))
    };
    match read(data) {
        Some((rand, Some(autn))) => finding.secret("RAND", rand, "").secret("AUTN", autn, ""),
        Some((rand, None)) => finding.secret("RAND", rand, ""),
        None => finding.secret("data", data, ""),
    }
}

pub(super) fn response(octets: &[u8]) -> Verdict {
    let Ok(r) = Response::parse(octets) else {
        return Verdict::No;
    };
    let sw = Sw(r.sw);
    let known =
        Sw::TABLE.contains(&sw) || matches!(sw.sw1(), 0x61 | 0x6c | 0x91 | 0x9f) || sw.tries_left().is_some();
    if !known {
        return Verdict::No;
    }
    let answer = authentication(r.data());
    let sure = match (&answer, octets.len()) {
        (Some(_), _) => Sure::Certain,
        (None, 2) => Sure::Likely,
        (None, _) if r.sw == 0x9000 => Sure::Likely,
        _ => Sure::Possible,
    };
    let meaning = sw
        .tries_left()
        .map_or_else(|| sw.meaning().to_owned(), |n| format!("{n} tries left"));
    let mut finding = Finding::new("response APDU", "TS 102 221 10.2, TS 31.102 7.1.2", sure).noted(
        "SW",
        format!("{:04x}", r.sw),
        &meaning,
    );
    finding = match answer {
        Some(Answer::Auts(auts)) => auts_lines(finding.text("answer", "synchronisation failure"), &auts),
        Some(Answer::Keys(parts)) => parts
            .into_iter()
            .fold(finding, |f, (name, octets)| f.secret(name, octets, "")),
        None if r.data().is_empty() => finding,
        // Which command it answers isn't said, so it may be a key.
        None => finding.secret(
            "data",
            r.data(),
            "may be a key: the command that it answers isn't known",
        ),
    };
    Verdict::Found(finding)
}

enum Answer<'a> {
    Auts(Auts),
    Keys(Vec<(&'static str, &'a [u8])>),
}

/// Answers to AUTHENTICATE (TS 31.102 7.1.2): `DC 0E AUTS`; `DB` and then RES, CK, IK, or Ks_ext_NAF.
fn authentication(data: &[u8]) -> Option<Answer<'_>> {
    let mut r = Reader::new(data);
    let tag = r.u8("tag").ok()?;
    let mut parts = Vec::new();
    while !r.is_empty() && parts.len() < 4 {
        let length = r.u8("length").ok()?;
        parts.push(r.take(usize::from(length), "value").ok()?);
    }
    if !r.is_empty() {
        return None;
    }
    match (tag, parts.as_slice()) {
        (0xdc, [auts]) => Auts::try_from(*auts).ok().map(Answer::Auts),
        (0xdb, [key]) if key.len() == 32 => Some(Answer::Keys(vec![("Ks_ext_NAF", key)])),
        (0xdb, [res]) if (4..=16).contains(&res.len()) => Some(Answer::Keys(vec![("RES", res)])),
        (0xdb, [res, keys @ ..])
            if (2..=3).contains(&keys.len()) && keys.iter().take(2).all(|k| k.len() == 16) =>
        {
            let named = ["RES", "CK", "IK", "Kc"]
                .into_iter()
                .zip(std::iter::once(*res).chain(keys.iter().copied()));
            Some(Answer::Keys(named.collect()))
        }
        _ => None,
    }
}

/// EF_GBABP: RAND, B-TID and lifetime, each behind its length (TS 31.102 4.2.79).
pub(super) fn gbabp(octets: &[u8]) -> Verdict {
    let Ok(file) = GbaBp::parse(octets) else {
        return Verdict::No;
    };
    let Some(rand) = file.rand() else {
        return Verdict::No;
    };
    let (btid, lifetime) = (file.btid(), file.lifetime());
    let started = file.btid.is_empty() && file.lifetime.is_empty();
    if !started && btid.is_none() {
        return Verdict::No;
    }
    let sure = if btid.is_some() {
        Sure::Certain
    } else {
        Sure::Possible
    };
    let mut finding = Finding::new("EF_GBABP", "TS 31.102 4.2.79", sure).octets("RAND", rand.octets(), "");
    match &btid {
        Some(btid) => {
            let torn = if btid.rand() == Some(rand) {
                "belongs to the RAND"
            } else {
                "torn: not of this RAND, so it must not be used (ruling 14)"
            };
            finding = btid_lines(finding.noted("B-TID", btid.as_str(), torn), btid);
        }
        None => finding = finding.text("B-TID", "not written yet: the run isn't finished"),
    }
    finding = match lifetime {
        Some(at) => finding.text("valid until", at.to_string()),
        None if file.lifetime.is_empty() => finding,
        None => finding.noted("lifetime", hex::encode(&file.lifetime), "no date and time"),
    };
    Verdict::Found(finding)
}
