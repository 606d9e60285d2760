//! Decoders of texts: HTTP headers, XML documents, and names.

use aka::Rand;
use base::hex;
use gba::{
    digest::{Algorithm, AuthenticationInfo, Challenge, Credentials, Qop},
    guss::{Guss, UiccType, Uss, UssList},
    ids::{Btid, Impi, PskIdentity, Realm3gpp},
    ub::BootstrappingInfo,
};

use super::{
    finding::{Finding, Sure, Verdict},
    octets::{auts_lines, btid_lines, nonce_in_header},
};

/// Most lines of a whole HTTP message that are looked at.
const MAX_LINES: usize = 200;

/// The value behind `Name:`, if a line has one of these names: one header alone, or a whole HTTP message.
fn header<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    text.lines().take(MAX_LINES).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        names
            .iter()
            .any(|n| n.eq_ignore_ascii_case(name.trim()))
            .then(|| value.trim())
    })
}

fn has(text: &str, parameter: &str) -> bool {
    text.to_ascii_lowercase().contains(parameter)
}

/// A header's value: behind its name, or the whole text where it begins like one.
fn value<'a>(text: &'a str, names: &[&str], begins: impl Fn(&str) -> bool) -> Option<&'a str> {
    header(text, names).or_else(|| begins(text).then_some(text))
}

fn is_digest(text: &str) -> bool {
    text.get(..7).is_some_and(|t| t.eq_ignore_ascii_case("digest "))
}

fn qop_text(qop: &[Qop]) -> Option<String> {
    let names: Vec<&str> = qop.iter().map(|q| q.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn realm_lines(mut finding: Finding, realm: &str) -> Finding {
    finding = finding.text("realm", realm);
    for element in Realm3gpp::parse_list(realm) {
        finding = finding.text(
            "asks for",
            format!("{} of {}", element.kind.as_str(), element.naf),
        );
    }
    finding
}

const fn is_aka(algorithm: Algorithm) -> bool {
    matches!(algorithm, Algorithm::AkaV1Md5 | Algorithm::AkaV2Md5)
}

pub(super) fn challenge(text: &str) -> Verdict {
    let names = ["WWW-Authenticate", "Proxy-Authenticate"];
    let begins = |t: &str| is_digest(t) && !has(t, "username") && !has(t, "response=");
    let Some(value) = value(text, &names, begins) else {
        return Verdict::No;
    };
    let c = match Challenge::parse(value) {
        Ok(c) => c,
        Err(e) => return Verdict::Close(format!("Digest challenge: {e}")),
    };
    let aka = is_aka(c.algorithm);
    let what = if aka {
        "Digest challenge of Ub (AKA)"
    } else {
        "Digest challenge"
    };
    let clause = if aka {
        "RFC 3310 3.2, TS 24.109 4"
    } else {
        "RFC 7616 3.3, TS 24.109 5"
    };
    let mut finding = realm_lines(Finding::new(what, clause, Sure::Certain), &c.realm)
        .text("algorithm", c.algorithm.as_str())
        .maybe("qop", qop_text(&c.qop))
        .text("nonce", &c.nonce)
        .maybe("opaque", c.opaque.as_ref())
        .maybe("domain", c.domain.as_ref())
        .maybe(
            "stale",
            c.stale
                .then_some("true: the response was right, its nonce too old"),
        );
    if aka {
        finding = nonce_in_header(finding, &c.nonce);
    }
    Verdict::Found(finding)
}

pub(super) fn credentials(text: &str) -> Verdict {
    let names = ["Authorization", "Proxy-Authorization"];
    let begins = |t: &str| is_digest(t) && (has(t, "username") || has(t, "response="));
    let Some(value) = value(text, &names, begins) else {
        return Verdict::No;
    };
    let c = match Credentials::parse(value) {
        Ok(c) => c,
        Err(e) => return Verdict::Close(format!("Digest credentials: {e}")),
    };
    let mut finding = Finding::new("Digest credentials", "RFC 7616 3.4, RFC 3310 3.4", Sure::Certain)
        .text("username", &c.username);
    if let Some((btid, rand)) = Btid::parse(c.username.as_bytes())
        .ok()
        .and_then(|b| b.rand().map(|r| (b, r)))
    {
        let _: Rand = rand;
        finding = btid_lines(finding, &btid);
    }
    let step = match (c.nonce.is_empty(), c.response.is_empty(), &c.auts) {
        (_, _, Some(_)) => "answers with AUTS: the SQN is out of range",
        (true, true, None) => "the first request, which asks for a challenge",
        (false, true, None) => "an empty response: the UE reports a wrong MAC",
        _ => "answers a challenge",
    };
    finding = realm_lines(finding.text("step", step), &c.realm)
        .text("nonce", &c.nonce)
        .text("uri", &c.uri)
        .text("response", &c.response)
        .maybe("algorithm", c.algorithm.map(Algorithm::as_str))
        .maybe("qop", c.qop.map(Qop::as_str))
        .maybe("nc", c.nc.as_ref())
        .maybe("cnonce", c.cnonce.as_ref())
        .maybe("opaque", c.opaque.as_ref());
    finding = match c.auts() {
        Ok(Some(auts)) => auts_lines(finding.octets("AUTS", auts.octets(), ""), &auts),
        Ok(None) => finding,
        Err(e) => finding.text("AUTS", e.to_string()),
    };
    if c.algorithm.is_some_and(is_aka) {
        finding = nonce_in_header(finding, &c.nonce);
    }
    Verdict::Found(finding)
}

pub(super) fn authentication_info(text: &str) -> Verdict {
    let names = ["Authentication-Info", "Proxy-Authentication-Info"];
    let begins = |t: &str| !is_digest(t) && (has(t, "rspauth=") || has(t, "nextnonce="));
    let Some(value) = value(text, &names, begins) else {
        return Verdict::No;
    };
    match AuthenticationInfo::parse(value) {
        Err(e) => Verdict::Close(format!("Authentication-Info: {e}")),
        Ok(i) => Verdict::Found(
            Finding::new("Authentication-Info", "RFC 7615 3, RFC 7616 3.5", Sure::Certain)
                .maybe("rspauth", i.rspauth.as_ref())
                .maybe("qop", i.qop.map(Qop::as_str))
                .maybe("cnonce", i.cnonce.as_ref())
                .maybe("nc", i.nc.as_ref())
                .maybe("nextnonce", i.nextnonce.as_ref()),
        ),
    }
}

/// Name of the document's root, whatever its prefix.
fn root(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    // A declaration and comments stand before the root.
    while let Some(inner) = rest.strip_prefix("<?").or_else(|| rest.strip_prefix("<!--")) {
        rest = inner.split_once('>')?.1.trim_start();
    }
    let name = rest.strip_prefix('<')?;
    let name = name
        .split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
        .next()?;
    Some(name.rsplit_once(':').map_or(name, |(_, local)| local))
}

fn uss_lines(mut finding: Finding, all: &[Uss]) -> Finding {
    for uss in all {
        let mut text = format!("id {}, service type {}", uss.id, uss.service_type);
        if let Some(group) = &uss.naf_group {
            text = format!("{text}, NAF group {group}");
        }
        if !uss.ue_ids.is_empty() {
            text = format!("{text}, UE ids {}", uss.ue_ids.join(" "));
        }
        if !uss.flags.is_empty() {
            let flags: Vec<String> = uss.flags.iter().map(ToString::to_string).collect();
            text = format!("{text}, flags {}", flags.join(" "));
        }
        finding = finding.text("USS", text);
    }
    finding
}

pub(super) fn guss(text: &str) -> Verdict {
    match root(text) {
        Some("guss") => match Guss::parse(text.as_bytes()) {
            Err(e) => Verdict::Close(format!("GUSS: {e}")),
            Ok(g) => {
                let uicc = g.bsf_info.uicc_type.map(|t| match t {
                    UiccType::Gba => "GBA: Ks in the device",
                    UiccType::GbaU => "GBA_U: Ks in the card",
                });
                let finding = Finding::new(
                    "GUSS (GBA user security settings)",
                    "TS 29.109 Annex A",
                    Sure::Certain,
                )
                .maybe("id", g.id.as_ref())
                .maybe("uiccType", uicc)
                .maybe("lifeTime", g.bsf_info.lifetime.map(|s| format!("{s} s")));
                Verdict::Found(uss_lines(finding, &g.uss))
            }
        },
        Some("ussList") => match UssList::parse(text.as_bytes()) {
            Err(e) => Verdict::Close(format!("ussList: {e}")),
            Ok(list) => Verdict::Found(uss_lines(
                Finding::new(
                    "user security settings of a NAF",
                    "TS 29.109 Annex A",
                    Sure::Certain,
                ),
                &list.0,
            )),
        },
        _ => Verdict::No,
    }
}

pub(super) fn bootstrapping_info(text: &str) -> Verdict {
    if root(text) != Some("BootstrappingInfo") {
        return Verdict::No;
    }
    match BootstrappingInfo::parse(text.as_bytes()) {
        Err(e) => Verdict::Close(format!("BootstrappingInfo: {e}")),
        Ok(info) => {
            let finding = Finding::new("BootstrappingInfo of Ub", "TS 24.109 Annex C", Sure::Certain)
                .text("B-TID", info.btid.as_str());
            Verdict::Found(
                btid_lines(finding, &info.btid)
                    .text("valid until", info.lifetime.to_string())
                    .maybe("current time", info.current_time.map(|t| t.to_string())),
            )
        }
    }
}

pub(super) fn psk_identity(text: &str) -> Verdict {
    if !text.contains(';') {
        return Verdict::No;
    }
    match PskIdentity::parse(text.as_bytes()) {
        Ok(id) if id.prefixed => {
            let finding = Finding::new("PSK identity", "TS 33.222 5.4, TS 24.109 F", Sure::Certain)
                .text("prefix", PskIdentity::PREFIX)
                .text("B-TID", id.btid.as_str());
            Verdict::Found(btid_lines(finding, &id.btid))
        }
        Err(e) if text.starts_with(PskIdentity::PREFIX) => Verdict::Close(format!("PSK identity: {e}")),
        _ => Verdict::No,
    }
}

pub(super) fn btid(text: &str) -> Verdict {
    let Ok(btid) = Btid::parse(text.as_bytes()) else {
        return Verdict::No;
    };
    let sure = match btid.rand() {
        Some(_) => Sure::Certain,
        // Any address with an @ could be one.
        None => Sure::Possible,
    };
    Verdict::Found(btid_lines(
        Finding::new("B-TID; in TLS also a bare PSK identity", "TS 33.220 4.4.5", sure),
        &btid,
    ))
}

pub(super) fn realm(text: &str) -> Verdict {
    let all = Realm3gpp::parse_list(text);
    if all.is_empty() {
        return Verdict::No;
    }
    let finding = Finding::new("digest realm of a NAF", "TS 24.109 5.2.4", Sure::Certain);
    Verdict::Found(realm_lines(finding, text))
}

pub(super) fn identity(text: &str) -> Verdict {
    if let Some(local) = text.strip_suffix("@tmpi.bsf.3gppnetwork.org") {
        return Verdict::Found(
            Finding::new("TMPI", "TS 33.220 B.4", Sure::Certain).text("local part", local),
        );
    }
    let (Ok(impi), Some((local, domain))) = (text.parse::<Impi>(), text.rsplit_once('@')) else {
        return Verdict::No;
    };
    let digits = (6..=15).contains(&local.len()) && local.bytes().all(|b| b.is_ascii_digit());
    let sure = if digits && domain.ends_with(".3gppnetwork.org") {
        Sure::Certain
    } else {
        Sure::Possible
    };
    Verdict::Found(
        Finding::new("IMPI", "TS 23.003 13.3", sure)
            .text("user", local)
            .text("home network", impi.domain())
            .noted(
                "octets for the KDF",
                hex::encode(impi.kdf_octets()),
                "UTF-8 after NFKC",
            ),
    )
}
