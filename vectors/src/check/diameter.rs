//! Diameter messages of Zh and Zn: octets ↔ tree exactly, typed messages, and what is answered to malformed ones.

use std::collections::BTreeSet;

use base::hex;
use diameter::{Avp, AvpDef, Fault, Identity, Message, Origin, Value as AvpValue, dictionary as d, grammar};
use gba::{
    ids::NafId,
    keys::{KeyKind, Ks, KsNaf},
    zh, zn,
};
use serde_json::{Map, Value};

use super::{Checker, checker};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn find(kind: &str) -> Option<Checker> {
    Some(match kind {
        "MAR" | "MAR_auts" => checker("TS 29.109", "4.2", |f| good(f, mar)),
        "MAA" | "MAA_error" => checker("TS 29.109", "4.2", |f| good(f, maa)),
        "BIR" => checker("TS 29.109", "5.2", |f| good(f, bir)),
        "BIA" => checker("TS 29.109", "5.2", |f| good(f, bia).and_then(|()| keys(f))),
        "BIA_error" => checker("TS 29.109", "5.2", |f| good(f, bia)),
        "malformed" => checker("RFC 6733", "7.1", malformed),
        _ => return None,
    })
}

/// Deeper than the product's own limit.
const MAX_DEPTH: usize = 16;

/// A message that reads and writes exactly, and gives the same AVPs as a typed one.
fn good(f: &Fields<'_>, typed: fn(&Message) -> Result<Message, Fault>) -> Checked {
    let tree = f.object("message")?;
    let built = Message {
        flags: tree.small("flags")?,
        command: tree.small("command")?,
        application: tree.small("application")?,
        hop_by_hop: tree.small("hop_by_hop")?,
        end_to_end: tree.small("end_to_end")?,
        avps: avps(&tree, tree.list("avps")?, 0)?,
    };
    f.same("hex", built.encode());
    let read = Message::parse(&f.octets("hex")?).map_err(f.refused("hex"))?;
    tree.same_int("flags", read.flags.into());
    tree.same_int("command", read.command.into());
    tree.same_int("application", read.application.into());
    tree.same_int("hop_by_hop", read.hop_by_hop.into());
    tree.same_int("end_to_end", read.end_to_end.into());
    let expected = Value::Array(tree.list("avps")?.to_vec());
    let got = Value::Array(read.avps.iter().map(shown).collect());
    tree.equal("avps", &expected, &got, ToString::to_string);
    f.same("hex", read.encode());

    let again = typed(&read).map_err(f.refused("message"))?;
    let lost = difference(&read.avps, &again.avps).err();
    tree.compare(
        "avps",
        lost.is_none(),
        "the same AVPs from the typed message",
        lost.unwrap_or_default(),
    );
    let head = |m: &Message| {
        let flags = m.flags & (Message::REQUEST | Message::PROXIABLE);
        format!(
            "flags {flags:02x}, command {}, application {}",
            m.command, m.application
        )
    };
    tree.compare("flags", head(&read) == head(&again), head(&read), head(&again));
    Ok(())
}

/// What the typed messages carry (TS 29.109 4, 5), and so must give back.
const CARRIED: &[&AvpDef] = &[
    &d::SESSION_ID,
    &d::VENDOR_SPECIFIC_APPLICATION_ID,
    &d::VENDOR_ID,
    &d::AUTH_APPLICATION_ID,
    &d::AUTH_SESSION_STATE,
    &d::ORIGIN_HOST,
    &d::ORIGIN_REALM,
    &d::DESTINATION_HOST,
    &d::DESTINATION_REALM,
    &d::RESULT_CODE,
    &d::EXPERIMENTAL_RESULT,
    &d::EXPERIMENTAL_RESULT_CODE,
    &d::USER_NAME,
    &d::SIP_AUTH_DATA_ITEM,
    &d::SIP_AUTHENTICATION_SCHEME,
    &d::SIP_AUTHENTICATE,
    &d::SIP_AUTHORIZATION,
    &d::CONFIDENTIALITY_KEY,
    &d::INTEGRITY_KEY,
    &d::GUSS_TIMESTAMP,
    &d::GBA_USER_SEC_SETTINGS,
    &d::TRANSACTION_IDENTIFIER,
    &d::NAF_ID,
    &d::GAA_SERVICE_IDENTIFIER,
    &d::GBA_U_AWARENESS_INDICATOR,
    &d::ME_KEY_MATERIAL,
    &d::UICC_KEY_MATERIAL,
    &d::KEY_EXPIRY_TIME,
    &d::BOOTSTRAP_INFO_CREATION_TIME,
    &d::GBA_TYPE,
];

/// Every AVP that a typed message gives must stand in the original with the same value, and every one that it
/// carries must be given back. Their order doesn't count (RFC 6733 3.2), nor does the M flag.
fn difference(original: &[Avp], typed: &[Avp]) -> Result<(), String> {
    let key = |avp: &Avp| (avp.vendor(), avp.code());
    let keys: BTreeSet<(u32, u32)> = original.iter().chain(typed).map(key).collect();
    for (vendor, code) in keys {
        let of = |avps: &'_ [Avp]| -> Vec<Avp> {
            let mine = avps.iter().filter(|a| key(a) == (vendor, code) && !is_default(a));
            mine.cloned().collect()
        };
        let (was, is) = (of(original), of(typed));
        let carried = CARRIED.iter().any(|def| (def.vendor, def.code) == (vendor, code));
        if was.len() != is.len() && (carried || !is.is_empty()) {
            return Err(format!(
                "AVP {code} of vendor {vendor}: {} instead of {}",
                is.len(),
                was.len()
            ));
        }
        for (was, is) in was.iter().zip(&is) {
            match (was.value(), is.value()) {
                (AvpValue::Group(was), AvpValue::Group(is)) => difference(was, is)?,
                _ if was.as_octets() == is.as_octets() => {}
                _ => {
                    return Err(format!(
                        "AVP {code} of vendor {vendor}: {}",
                        hex::encode(is.as_octets())
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The values that mean the same as no AVP (TS 29.109 6.3).
fn is_default(avp: &Avp) -> bool {
    (avp.is(&d::GBA_U_AWARENESS_INDICATOR) || avp.is(&d::GBA_TYPE)) && avp.as_u32() == Ok(0)
}

/// The AVPs of a list of `{code, vendor?, flags, data | avps}`.
fn avps(f: &Fields<'_>, list: &[Value], depth: usize) -> Result<Vec<Avp>, Problem> {
    let wrong = |what: &str| f.problem("avps", what, "something else");
    if depth > MAX_DEPTH {
        return Err(wrong("at most 16 levels"));
    }
    list.iter()
        .map(|avp| {
            let number = |name: &str| {
                avp.get(name)
                    .and_then(Value::as_u64)
                    .and_then(|n| u32::try_from(n).ok())
            };
            let code = number("code").ok_or_else(|| wrong("a code in each AVP"))?;
            let vendor = number("vendor").unwrap_or(0);
            let flags = number("flags")
                .and_then(|n| u8::try_from(n).ok())
                .ok_or_else(|| wrong("flags in each AVP"))?;
            match (avp.get("data"), avp.get("avps")) {
                (Some(Value::String(data)), None) => {
                    let data = hex::decode(data).map_err(|_| wrong("data in hex"))?;
                    Ok(Avp::raw(code, vendor, flags, data))
                }
                (None, Some(Value::Array(inner))) => {
                    Ok(Avp::raw_group(code, vendor, flags, avps(f, inner, depth + 1)?))
                }
                _ => Err(wrong("either data or avps in each AVP")),
            }
        })
        .collect()
}

/// An AVP in the vectors' form.
fn shown(avp: &Avp) -> Value {
    let mut map = Map::new();
    map.insert("code".into(), avp.code().into());
    map.insert("flags".into(), avp.flags().into());
    if avp.flags() & Avp::VENDOR != 0 {
        map.insert("vendor".into(), avp.vendor().into());
    }
    match avp.value() {
        AvpValue::Octets(octets) => map.insert("data".into(), hex::encode(&octets[..]).into()),
        AvpValue::Group(inner) => map.insert("avps".into(), inner.iter().map(shown).collect()),
    };
    Value::Object(map)
}

fn mar(m: &Message) -> Result<Message, Fault> {
    zh::MultimediaAuthRequest::parse(m).map(|t| t.to_message())
}

fn bir(m: &Message) -> Result<Message, Fault> {
    zn::BootstrappingInfoRequest::parse(m).map(|t| t.to_message())
}

fn maa(m: &Message) -> Result<Message, Fault> {
    let typed = zh::MultimediaAuthAnswer::parse(m)?;
    Ok(typed.to_message(&asked(m), &m.origin()?))
}

fn bia(m: &Message) -> Result<Message, Fault> {
    let typed = zn::BootstrappingInfoAnswer::parse(m)?;
    Ok(typed.to_message(&asked(m), &m.origin()?))
}

/// The keys in a BIA, recomputed from the Ks that the vector gives beside it.
fn keys(f: &Fields<'_>) -> Checked {
    if !f.has("Ks") {
        return Ok(());
    }
    let message = Message::parse(&f.octets("hex")?).map_err(f.refused("hex"))?;
    let naf = NafId::parse(&f.octets("NAF_Id")?).map_err(f.refused("NAF_Id"))?;
    let (ks, rand, impi) = (Ks::new(f.secret("Ks")?), f.rand("RAND")?, f.parsed("IMPI")?);
    let key = |kind| ks.naf_key(kind, &rand, &impi, &naf);
    let sent = match zn::BootstrappingInfoAnswer::parse(&message).map_err(f.refused("hex"))? {
        zn::BootstrappingInfoAnswer::Ok(info) => info,
        zn::BootstrappingInfoAnswer::Err(e) => return Err(f.problem("hex", "a successful answer", e)),
    };
    let of = |key, kind| KsNaf::from_parts(key, naf.clone(), kind);
    // GBA_ME and GBA_U share the terminal's formula; only GBA_U has a key for the UICC.
    let me = of(sent.me_key, KeyKind::Me);
    f.compare(
        "Ks",
        me.ct_eq(&key(KeyKind::Me)),
        "the key of the terminal in the message",
        "another",
    );
    if let Some(uicc) = sent.uicc_key {
        let int = of(uicc, KeyKind::Int);
        f.compare(
            "Ks",
            int.ct_eq(&key(KeyKind::Int)),
            "the key of the UICC in the message",
            "another",
        );
    }
    if let Some(sent) = sent.impi {
        f.same_text("IMPI", sent);
    }
    Ok(())
}

/// The request that an answer belongs to, as far as the answer repeats it.
fn asked(answer: &Message) -> Message {
    let proxiable = answer.flags & Message::PROXIABLE != 0;
    let mut request = Message::request(answer.command, answer.application, proxiable);
    request.avps.extend(answer.find(&d::SESSION_ID).cloned());
    request
}

fn malformed(f: &Fields<'_>) -> Checked {
    let expect = f.object("expect")?;
    let codes = expect.list("acceptable_result_codes")?;
    let octets = f.octets("hex")?;
    let fault = judged(&octets).err();
    let got = fault.as_ref().map_or(Value::Null, |f| f.result.number().into());
    let why = fault.as_ref().map_or("accepted".into(), ToString::to_string);
    expect.compare(
        "acceptable_result_codes",
        codes.contains(&got),
        Value::Array(codes.to_vec()),
        why,
    );
    if expect.has("failed_avp") {
        let expected = Value::Array(expect.list("failed_avp")?.to_vec());
        let named = fault.as_ref().and_then(|f| f.failed_avp);
        let got = named.map_or(Value::Null, |(code, vendor)| {
            Value::Array(vec![code.into(), vendor.into()])
        });
        expect.equal("failed_avp", &expected, &got, ToString::to_string);
        // And it is in the answer.
        let Some(fault) = fault else { return Ok(()) };
        let origin = || {
            "bsf.example"
                .parse::<Identity>()
                .map_err(expect.refused("failed_avp"))
        };
        let origin = Origin {
            host: origin()?,
            realm: origin()?,
        };
        let header = diameter::Header::parse(&octets).map_err(f.refused("hex"))?;
        let answer = fault.answer(&header, None, &origin);
        let sent = answer
            .find(&d::FAILED_AVP)
            .and_then(|a| a.as_group().first())
            .map(|a| (a.code(), a.vendor()));
        expect.compare(
            "failed_avp",
            sent == named,
            &expected,
            format!("{sent:?} in the answer"),
        );
    }
    Ok(())
}

/// As an element would: octets, grammar, and what the typed message wants.
fn judged(octets: &[u8]) -> Result<(), Fault> {
    let message = grammar::parse_and_check(octets)?;
    match (message.application, message.command) {
        (d::ZH, grammar::MULTIMEDIA_AUTH) => mar(&message).map(drop),
        (d::ZN, grammar::BOOTSTRAPPING_INFO) => bir(&message).map(drop),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: u8, extra: Option<Avp>) -> Vec<Avp> {
        let mut inner = vec![Avp::octets(&d::CONFIDENTIALITY_KEY, vec![key; 16])];
        inner.extend(extra);
        vec![
            Avp::u32(&d::AUTH_SESSION_STATE, 1),
            Avp::group(&d::SIP_AUTH_DATA_ITEM, inner),
        ]
    }

    #[test]
    fn a_typed_message_must_give_back_what_it_carries_and_nothing_else() {
        let whole = item(1, None);
        assert_eq!(difference(&whole, &item(1, None)), Ok(()));
        let turned: Vec<Avp> = item(1, None).into_iter().rev().collect();
        assert_eq!(difference(&whole, &turned), Ok(()));
        assert!(
            difference(&whole, &item(2, None)).is_err(),
            "another value in a group"
        );
        assert!(difference(&whole, &whole[..1]).is_err(), "a carried AVP lost");
        assert!(difference(&whole[..1], &whole).is_err(), "an AVP invented");
        // What nobody here knows may be lost, and a default may come or go.
        let unknown = Avp::raw(60_000, 0, 0, vec![1]);
        assert_eq!(difference(&item(1, Some(unknown)), &whole), Ok(()));
        let default = [Avp::u32(&d::GBA_TYPE, 0)];
        assert_eq!(difference(&[], &default), Ok(()));
        assert!(difference(&[], &[Avp::u32(&d::GBA_TYPE, 1)]).is_err());
    }
}
