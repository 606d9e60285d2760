//! AUTHENTICATE, sent to the software card as APDUs: the 3G, GSM and GBA contexts.

use aka::{
    Algorithm, AlgorithmSet, Autn,
    gba_u::mac_star,
    sqn::{SqnArray, SqnProfile},
};
use base::{Secret, apdu::Command, hex};
use gba::{
    ids::{Imsi, MncLength},
    keys::{Ks, Label, naf_key_octets},
};
use uicc::{
    names::USIM_AID_PREFIX,
    software::{GbaRun, GbaU, MacForm, Profile, ResForm, SoftCard},
};

use super::{
    Checker,
    algorithm::{self, ResLength},
    checker,
    tlv::answered,
};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn find(kind: &str) -> Option<Checker> {
    Some(match kind {
        "authenticate" => checker("TS 31.102", "7.1.2", authenticate),
        "gba_naf_derivation" => checker("TS 31.102", "7.1.2.4", naf_derivation),
        _ => return None,
    })
}

/// A card whose USIM is selected.
fn card(f: &Fields<'_>, alg: AlgorithmSet, change: impl FnOnce(&mut Profile)) -> Result<SoftCard, Problem> {
    let imsi: Imsi = "001010123456789".parse().map_err(f.refused("C_APDU"))?;
    let mut profile = Profile::new(imsi, MncLength::Two, alg);
    change(&mut profile);
    let mut card = SoftCard::new(profile);
    // Select by the first octets of the AID, without a response wanted.
    let select = Command::new(0, 0xa4, 0x04, 0x0c)
        .with_data(&USIM_AID_PREFIX)
        .map_err(f.refused("C_APDU"))?;
    let answer = card.exchange(&select.octets());
    if answer == [0x90, 0] {
        Ok(card)
    } else {
        Err(f.problem("C_APDU", "9000 to SELECT of the USIM", hex::encode(answer)))
    }
}

fn authenticate(f: &Fields<'_>) -> Checked {
    let context = f.text("context")?;
    let result = f.text("result")?;
    let data = f.octets_or_none("R_data")?;
    // DB L RES …: the only place that says how long RES is.
    let octets = match (context, data.as_slice()) {
        ("3G" | "GBA_bootstrap", [0xdb, len, ..]) => Some(usize::from(*len)),
        _ => None,
    };
    let alg = algorithm::read(f, ResLength::new("R_data", octets))?;
    let (rand, sqn) = (f.rand("RAND")?, f.sqn("SQN")?);
    let given = Autn::new(f.array("AUTN")?);
    let star = f.text_or("mac_form", "plain")? == "star";
    let vector = alg.vector(&rand, sqn, given.amf());
    let autn = if star {
        mac_star(&vector.autn, &vector.ik)
    } else {
        vector.autn
    };
    if result == "mac_failure" {
        f.compare("AUTN", given != autn, "another AUTN than the genuine one", autn);
    } else {
        f.same("AUTN", autn.octets());
    }
    let apdu = match context {
        "GSM" => command(0x80, &[], &[rand.octets()]),
        "3G" => command(0x81, &[], &[rand.octets(), given.octets()]),
        "GBA_bootstrap" => command(0x84, &[0xdd], &[rand.octets(), given.octets()]),
        other => return Err(f.problem("context", "GSM, 3G or GBA_bootstrap", other)),
    }
    .map_err(f.refused("C_APDU"))?;
    f.same("C_APDU", apdu.octets());

    let kc = context == "GSM" || (f.has("Kc") && f.flag("Kc")?);
    let array = array(f, result)?;
    let gba_u = forms(f, context)?;
    let mut card = card(f, alg, |profile| {
        profile.gsm = kc;
        profile.sqn = array;
        profile.gba_u = gba_u;
    })?;
    let response = card.exchange(&f.octets("C_APDU")?);
    let got = match response.as_slice() {
        [0xdc, .., 0x90, 0] => "sync_failure",
        [.., 0x90, 0] => "success",
        [0x98, 0x62] => "mac_failure",
        _ => "another answer",
    };
    f.compare(
        "result",
        got == result,
        result,
        format!("{got}: {}", hex::encode(&response)),
    );
    if f.has("Kc") {
        let has_kc =
            response.len() > 10 && matches!(response.as_slice(), [.., 8, _, _, _, _, _, _, _, _, 0x90, 0]);
        f.same_flag("Kc", has_kc);
    }
    if result != "mac_failure" {
        answered(f, "R_data", &response, 0x9000);
    }
    Ok(())
}

/// Where the card stands, so that the answer is the one the vector has.
fn array(f: &Fields<'_>, result: &str) -> Result<SqnArray, Problem> {
    let profile = SqnProfile::default();
    let sqn = f.sqn("SQN")?;
    let mut seq_ms = [0; 32];
    let mut stands_at = |ind: u64, seq: u64| {
        if let Some(slot) = usize::try_from(ind).ok().and_then(|i| seq_ms.get_mut(i)) {
            *slot = seq;
        }
    };
    if result == "sync_failure" {
        let highest = f.sqn("SQN_MS")?;
        // The number came before, or lies more than Δ ahead of SQN_MS.
        if sqn <= highest {
            stands_at(profile.ind(sqn), profile.seq(sqn));
        }
        stands_at(profile.ind(highest), profile.seq(highest));
    } else {
        // The number before: the next one is fresh, and not too far ahead.
        stands_at(profile.ind(sqn), profile.seq(sqn).saturating_sub(1));
    }
    SqnArray::with_seq_ms(profile, &seq_ms).map_err(f.refused("SQN"))
}

/// mac_form and res_form, obeyed.
fn forms(f: &Fields<'_>, context: &str) -> Result<Option<GbaU>, Problem> {
    if context != "GBA_bootstrap" {
        return Ok(None);
    }
    let mac = match f.text_or("mac_form", "plain")? {
        "plain" => MacForm::Plain,
        "star" => MacForm::Star,
        other => return Err(f.problem("mac_form", "plain or star", other)),
    };
    let res = match f.text_or("res_form", "plain")? {
        "plain" => ResForm::Plain,
        "flipped" => ResForm::Flipped,
        other => return Err(f.problem("res_form", "plain or flipped", other)),
    };
    Ok(Some(GbaU {
        mac,
        res,
        ..GbaU::default()
    }))
}

/// AUTHENTICATE with `tag` and length-value pairs, asking for a response.
fn command(p2: u8, tag: &[u8], values: &[&[u8]]) -> Result<Command, base::DecodeError> {
    let mut data = tag.to_vec();
    for value in values {
        // A value that doesn't fit one length octet doesn't fit the command either.
        data.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        data.extend_from_slice(value);
    }
    Ok(Command::new(0, 0x88, 0, p2).with_data(&data)?.with_le(0))
}

fn naf_derivation(f: &Fields<'_>) -> Checked {
    let (naf_id, impi) = (f.octets("NAF_Id")?, f.text("IMPI")?.as_bytes());
    let apdu = command(0x84, &[0xde], &[&naf_id, impi]).map_err(f.refused("C_APDU"))?;
    f.same("C_APDU", apdu.octets());
    let (ks, rand): (Secret<32>, _) = (f.secret("Ks")?, f.rand("RAND")?);
    let int = naf_key_octets(ks.expose(), Label::GbaU, rand.octets(), impi, &naf_id)
        .map_err(f.refused("NAF_Id"))?;
    f.same("Ks_int_NAF", int.expose());
    // The card's own algorithm plays no part: the run is behind it.
    let alg = aka::Xor::new(&Secret::new([0; 16])).into();
    let mut card = card(f, alg, |profile| {
        profile.gba_u = Some(GbaU {
            wait_for_btid: false,
            run: Some(GbaRun {
                ks: Ks::new(ks),
                rand,
            }),
            ..GbaU::default()
        });
    })?;
    let response = card.exchange(&f.octets("C_APDU")?);
    answered(f, "R_data", &response, 0x9000);
    // Ks_int_NAF never comes out; the card only says whether it holds this one.
    let holds = card.holds_ks_int_naf(&naf_id, &f.secret("Ks_int_NAF")?);
    f.compare("Ks_int_NAF", holds, "held by the card", "another key");
    Ok(())
}
