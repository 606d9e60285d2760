//! Decoders of octets: what stands in Ub, Ua, Zh and Zn and is no text.

use aka::{Autn, Auts};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use diameter::{Avp, Message, ResultCode, Value, grammar, message::Header};
use gba::ids::{Btid, NafId, UaId};

use super::finding::{Finding, Sure, Verdict};

/// AMF as a network sends it: at most the separation bit is set (TS 33.102 Annex F, H).
fn usual_amf(autn: &Autn) -> bool {
    matches!(autn.amf().octets(), [0 | 0x80, 0])
}

/// How octets came in.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// In base64, as a header has them.
    pub(super) base64: bool,
    /// On the command line, or named by the user: what they are is no secret any more. A file may hold a key, and
    /// a key looks like a RAND.
    pub(super) open: bool,
}

fn put(finding: Finding, open: bool, name: &str, octets: &[u8], note: &str) -> Finding {
    if open {
        finding.octets(name, octets, note)
    } else {
        finding.secret(name, octets, note)
    }
}

fn autn_lines(finding: Finding, open: bool, autn: &Autn) -> Finding {
    let amf = autn.amf();
    let separation = match (open, amf.separation_bit()) {
        (false, _) => "",
        (true, true) => "separation bit set: EPS, 5G or EAP-AKA'; for GBA it is cleared",
        (true, false) => "separation bit cleared, as GBA wants it",
    };
    let finding = put(
        finding,
        open,
        "SQN xor AK",
        &autn.sqn_xor_ak(),
        "SQN is concealed by AK",
    );
    let finding = put(finding, open, "AMF", amf.octets(), separation);
    put(finding, open, "MAC", &autn.mac(), "MAC-A, or MAC* in GBA_U")
}

/// RAND ‖ AUTN ‖ server data.
fn nonce_lines(mut finding: Finding, open: bool, octets: &[u8]) -> Finding {
    let Some((rand, rest)) = octets.split_first_chunk::<16>() else {
        return finding;
    };
    let Some((autn, data)) = rest.split_first_chunk::<16>() else {
        return finding;
    };
    let autn = Autn::new(*autn);
    finding = put(finding, open, "RAND", rand, "");
    finding = put(finding, open, "AUTN", autn.octets(), "");
    finding = autn_lines(finding, open, &autn);
    if data.is_empty() {
        finding
    } else {
        put(finding, open, "server data", data, "the BSF's own")
    }
}

/// The nonce of a Ub challenge.
pub(super) fn nonce(octets: &[u8], source: Source) -> Verdict {
    if !(32..=96).contains(&octets.len()) {
        return Verdict::No;
    }
    let usual = octets
        .get(16..32)
        .and_then(|a| Autn::try_from(a).ok())
        .is_some_and(|autn| usual_amf(&autn));
    let sure = if octets.len() == 32 && (usual || source.base64) {
        Sure::Likely
    } else {
        Sure::Possible
    };
    let finding = Finding::new("nonce of a Ub challenge", "RFC 3310 3.2, TS 24.109 4.2", sure);
    Verdict::Found(nonce_lines(finding, usual || source.open, octets))
}

pub(super) fn autn(octets: &[u8], source: Source) -> Verdict {
    let Ok(autn) = Autn::try_from(octets) else {
        return Verdict::No;
    };
    let usual = usual_amf(&autn);
    let sure = if usual { Sure::Likely } else { Sure::Possible };
    let finding = Finding::new("AUTN", "TS 33.102 6.3.2", sure);
    Verdict::Found(autn_lines(finding, usual || source.open, &autn))
}

pub(super) fn auts(octets: &[u8]) -> Verdict {
    let Ok(auts) = Auts::try_from(octets) else {
        return Verdict::No;
    };
    Verdict::Found(auts_lines(
        Finding::new("AUTS", "TS 33.102 6.3.3", Sure::Likely),
        &auts,
    ))
}

pub(super) fn auts_lines(finding: Finding, auts: &Auts) -> Finding {
    finding
        .octets(
            "SQN_MS xor AK*",
            auts.sqn_xor_ak(),
            "the card's highest SQN, concealed by f5*",
        )
        .octets("MAC-S", auts.mac(), "f1* with AMF* 0000")
}

/// RAND or a key: the octets don't tell.
pub(super) fn sixteen(octets: &[u8]) -> Verdict {
    if octets.len() != 16 {
        return Verdict::No;
    }
    Verdict::Found(
        Finding::new("RAND, or a key K, OPc, CK or IK", "TS 33.102 6.3", Sure::Possible).secret(
            "octets",
            octets,
            "may be a key",
        ),
    )
}

/// A key of 32 octets: the octets don't tell.
pub(super) fn thirty_two(octets: &[u8]) -> Verdict {
    if octets.len() != 32 {
        return Verdict::No;
    }
    Verdict::Found(
        Finding::new("a key Ks, Ks_NAF or TOPc", "TS 33.220 B.3", Sure::Possible)
            .secret("octets", octets, "a key"),
    )
}

pub(super) fn ua_id(octets: &[u8]) -> Verdict {
    let Ok(octets) = <[u8; 5]>::try_from(octets) else {
        return Verdict::No;
    };
    let Some(name) = UaId::new(octets).describe() else {
        return Verdict::No;
    };
    let finding = Finding::new(
        "Ua security protocol identifier",
        "TS 33.220 Annex H",
        Sure::Likely,
    );
    Verdict::Found(finding.octets("octets", octets, &name))
}

pub(super) fn naf_id(octets: &[u8]) -> Verdict {
    let Ok(naf) = NafId::parse(octets) else {
        return Verdict::No;
    };
    if !naf.fqdn().as_str().contains('.') {
        return Verdict::No;
    }
    Verdict::Found(naf_id_lines(
        Finding::new("NAF_Id", "TS 33.220 4.5.2, Annex H", Sure::Certain),
        &naf,
    ))
}

pub(super) fn naf_id_lines(finding: Finding, naf: &NafId) -> Finding {
    let ua = naf.ua();
    let name = ua.describe().unwrap_or_else(|| "not in Annex H".into());
    finding
        .text("FQDN", naf.fqdn().as_str())
        .noted("Ua id", ua.to_string(), &name)
}

pub(super) fn btid_lines(finding: Finding, btid: &Btid) -> Finding {
    let rand = btid.rand();
    let finding = finding.text("BSF", btid.bsf().as_str());
    match rand {
        Some(rand) => finding.noted("RAND", rand.to_string(), "base64 before the @"),
        None => finding.noted("local part", btid.local(), "no base64 of a RAND"),
    }
}

fn command_is_known(octets: &[u8]) -> bool {
    Header::parse(octets).is_ok_and(|h| grammar::find(h.application, h.command).is_some())
}

/// One whole message.
pub(super) fn message(octets: &[u8]) -> Verdict {
    if octets.len() < 20 || octets.first() != Some(&1) {
        return Verdict::No;
    }
    let message = match Message::parse(octets) {
        Ok(message) => message,
        // Random octets begin with 01 too; a length that fits, or a command that is known, speaks for a message.
        Err(fault) if fault.result != ResultCode::INVALID_MESSAGE_LENGTH || command_is_known(octets) => {
            return Verdict::Close(format!("Diameter message: {}", fault.text));
        }
        Err(_) => return Verdict::No,
    };
    let mut finding = Finding::new("Diameter message", "RFC 6733 3, TS 29.109", Sure::Certain);
    for line in message.pretty().lines() {
        finding = finding.text("", line);
    }
    if let Some(Err(fault)) = grammar::find(message.application, message.command)
        .filter(|_| message.is_request())
        .map(|_| grammar::check_request(&message))
    {
        finding = finding.text(
            "",
            format!("the request would be refused: {} {}", fault.result, fault.text),
        );
    }
    Verdict::Found(secret_avps(finding, &message.avps))
}

/// The values that the message's own printer tells by their length only.
fn secret_avps(mut finding: Finding, avps: &[Avp]) -> Finding {
    for avp in avps {
        finding = match (avp.value(), avp.def()) {
            (Value::Group(inner), _) => secret_avps(finding, inner),
            (Value::Octets(octets), Some(def)) if def.secret => {
                finding.hidden(&format!("{} ({})", def.name, avp.code()), octets)
            }
            (Value::Octets(octets), None) => finding.hidden(&format!("unknown ({})", avp.code()), octets),
            _ => finding,
        };
    }
    finding
}

/// RAND and AUTN out of the nonce of a challenge under AKA.
pub(super) fn nonce_in_header(finding: Finding, nonce: &str) -> Finding {
    match BASE64_STANDARD.decode(nonce) {
        Ok(octets) if octets.len() >= 32 => nonce_lines(finding, true, &octets),
        _ => finding,
    }
}
