//! The key derivation function and all key kinds under it. `S` and `KDF` are compared for every kind, and `output`
//! with what the product's own function for that kind gives.

use base::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gba::{
    ids::{Fqdn, Impi, NafId, UaId},
    kdf::kdf,
    keys::{KeyKind, Ks, Label, akma, gba_digest, naf_key_octets, two_g},
};

use super::{Checker, checker};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn find(kind: &str) -> Option<Checker> {
    Some(match kind {
        "Ks_NAF" => checker("TS 33.220", "Annex B.3", |f| naf(f, KeyKind::Me)),
        "Ks_ext_NAF" => checker("TS 33.220", "Annex B.3", |f| naf(f, KeyKind::Ext)),
        "Ks_int_NAF" => checker("TS 33.220", "Annex B.3", |f| naf(f, KeyKind::Int)),
        "Ks_NAF_gba_digest" => checker("TS 33.220", "Annex B.6", naf_digest),
        "TMPI" => checker("TS 33.220", "Annex B.4", tmpi),
        "GBA_Digest_passwd" => checker("TS 33.220", "Annex B.5", digest_passwd),
        "GBA_Digest_Ks" => checker("TS 33.220", "Annex B.5", digest_ks),
        "2G_RES" => checker("TS 33.220", "Annex I", two_g_res),
        "2G_Ks" => checker("TS 33.220", "Annex I", two_g_ks),
        "2G_AUTN" => checker("TS 33.220", "Annex I", two_g_autn),
        "K_AKMA" => checker("TS 33.535", "Annex A.2", k_akma),
        "A_TID" => checker("TS 33.535", "Annex A.3", a_tid),
        "K_AF" => checker("TS 33.535", "Annex A.4", k_af),
        "generic" => checker("TS 33.220", "Annex B.2", generic),
        _ => return None,
    })
}

/// Compares S and KDF(Key, S).
fn derived(f: &Fields<'_>, fc: &[u8], params: &[&[u8]]) -> Checked {
    let mut s = fc.to_vec();
    for p in params {
        s.extend_from_slice(p);
        // A longer one is refused by `kdf` below.
        s.extend_from_slice(&u16::try_from(p.len()).unwrap_or(u16::MAX).to_be_bytes());
    }
    f.same("S", &s);
    let out = kdf(f.secret_bytes("Key")?.expose(), fc, params).map_err(f.refused("S"))?;
    f.same("KDF", out.expose());
    Ok(())
}

/// The IMPI, whose octets are compared.
fn impi(f: &Fields<'_>) -> Result<Impi, Problem> {
    let impi: Impi = f.parsed("IMPI")?;
    f.same("IMPI_octets", impi.kdf_octets());
    Ok(impi)
}

/// NAF_Id as octets, compared: the FQDN as it stands, then the Ua security protocol identifier.
fn naf_id(f: &Fields<'_>) -> Result<Vec<u8>, Problem> {
    let ua: UaId = f.parsed("Ua_security_protocol_id")?;
    let octets = [f.text("NAF_FQDN")?.as_bytes(), ua.octets()].concat();
    f.same("NAF_Id", &octets);
    Ok(octets)
}

fn naf(f: &Fields<'_>, kind: KeyKind) -> Checked {
    let (rand, impi, octets) = (f.rand("RAND")?, impi(f)?, naf_id(f)?);
    let label = kind.label();
    derived(
        f,
        &[1],
        &[label.octets(), rand.octets(), impi.kdf_octets(), &octets],
    )?;
    let ks = f.secret::<32>("Key")?;
    let raw = naf_key_octets(ks.expose(), label, rand.octets(), impi.kdf_octets(), &octets)
        .map_err(f.refused("NAF_Id"))?;
    f.same("output", raw.expose());
    // The elements' way, unless the name is one that they never use: too long, or not in lower case.
    if let Ok(id) = NafId::parse(&octets).or_else(|_| typed(f))
        && id.octets() == octets
    {
        let key = Ks::new(ks).naf_key(kind, &rand, &impi, &id);
        let octets = key.key_for(&id.ua()).map_err(f.refused("NAF_Id"))?;
        f.same("output", octets.expose());
        if f.has("output_base64")
            && let Ok(password) = key.password()
        {
            f.same_text("output_base64", String::from_utf8_lossy(password.expose()));
        }
    }
    f.same_text("output_base64", STANDARD.encode(raw.expose()));
    Ok(())
}

fn typed(f: &Fields<'_>) -> Result<NafId, Problem> {
    Ok(NafId::new(
        f.parsed("NAF_FQDN")?,
        f.parsed("Ua_security_protocol_id")?,
    ))
}

fn naf_digest(f: &Fields<'_>) -> Checked {
    let (rand, impi, octets) = (f.rand("RAND")?, impi(f)?, naf_id(f)?);
    let label = Label::GbaDigest;
    derived(
        f,
        &[1],
        &[label.octets(), rand.octets(), impi.kdf_octets(), &octets],
    )?;
    let key = naf_key_octets(
        f.secret::<32>("Key")?.expose(),
        label,
        rand.octets(),
        impi.kdf_octets(),
        &octets,
    )
    .map_err(f.refused("NAF_Id"))?;
    f.same("output", key.expose());
    Ok(())
}

fn tmpi(f: &Fields<'_>) -> Checked {
    let (rand, impi, bsf) = (f.rand("RAND")?, impi(f)?, f.parsed::<Fqdn>("BSF_name")?);
    let id = NafId::new(bsf.clone(), UaId::TMPI);
    derived(
        f,
        &[1],
        &[
            Label::GbaMe.octets(),
            rand.octets(),
            impi.kdf_octets(),
            id.octets(),
        ],
    )?;
    let tmpi = Ks::new(f.secret("Key")?).tmpi(&rand, &impi, &bsf);
    f.same_text("TMPI", &tmpi);
    let local = tmpi.split('@').next().unwrap_or_default();
    f.same("output", STANDARD.decode(local).map_err(f.refused("TMPI"))?);
    Ok(())
}

fn digest_passwd(f: &Fields<'_>) -> Checked {
    let (ha1, extr) = (f.secret_bytes("Key")?, f.secret_bytes("TLS_MK_Extr")?);
    derived(f, &[1], &[b"GBA_Digest_RESP", extr.expose()])?;
    let passwd = gba_digest::passwd(ha1.expose(), extr.expose()).map_err(f.refused("TLS_MK_Extr"))?;
    f.same("output", passwd.expose());
    Ok(())
}

fn digest_ks(f: &Fields<'_>) -> Checked {
    let (ha1, extr) = (f.secret_bytes("Key")?, f.secret_bytes("TLS_MK_Extr")?);
    let resp = f.secret_bytes("RESP")?;
    f.same_text("RESP_text", String::from_utf8_lossy(resp.expose()));
    derived(f, &[1], &[b"GBA_Digest_Ks", extr.expose(), resp.expose()])?;
    let ks = gba_digest::ks(ha1.expose(), extr.expose(), resp.expose()).map_err(f.refused("RESP"))?;
    f.same("output", ks.expose());
    Ok(())
}

/// Kc and RAND; the key of the KDF, Kc ‖ Kc ‖ RAND, is compared.
fn two_g_inputs(f: &Fields<'_>) -> Result<(Secret<8>, aka::Rand), Problem> {
    let (kc, rand): (Secret<8>, _) = (f.secret("Kc")?, f.rand("RAND")?);
    f.same("Key", [&kc.expose()[..], kc.expose(), rand.octets()].concat());
    Ok((kc, rand))
}

fn two_g_res(f: &Fields<'_>) -> Checked {
    let ((kc, rand), sres) = (two_g_inputs(f)?, f.array("SRES")?);
    derived(f, &[1], &[b"3gpp-gba-res", &sres])?;
    let res = two_g::res(&kc, &rand, &sres).map_err(f.refused("SRES"))?;
    f.same("output", res.expose());
    Ok(())
}

fn two_g_ks(f: &Fields<'_>) -> Checked {
    let ((kc, rand), sres) = (two_g_inputs(f)?, f.array("SRES")?);
    let input = f.array("Ks_input")?;
    derived(f, &[1], &[&input, b"3gpp-gba-ks", &sres])?;
    let ks = two_g::ks(&kc, &rand, &input, &sres).map_err(f.refused("Ks_input"))?;
    f.same("output", ks.expose());
    Ok(())
}

fn two_g_autn(f: &Fields<'_>) -> Checked {
    let (kc, rand) = two_g_inputs(f)?;
    derived(f, &[1], &[b"3gpp-gba-autn", rand.octets()])?;
    f.same("output", two_g::autn(&kc, &rand).map_err(f.refused("RAND"))?);
    Ok(())
}

fn k_akma(f: &Fields<'_>) -> Checked {
    let supi = f.text("SUPI")?.as_bytes();
    derived(f, &[0x80], &[b"AKMA", supi])?;
    let key = akma::k_akma(&f.secret("Key")?, supi).map_err(f.refused("SUPI"))?;
    f.same("output", key.expose());
    Ok(())
}

fn a_tid(f: &Fields<'_>) -> Checked {
    let supi = f.text("SUPI")?.as_bytes();
    derived(f, &[0x81], &[b"A-TID", supi])?;
    f.same(
        "output",
        akma::a_tid(&f.secret("Key")?, supi).map_err(f.refused("SUPI"))?,
    );
    Ok(())
}

fn k_af(f: &Fields<'_>) -> Checked {
    let af_id = f.octets("AF_ID")?;
    derived(f, &[0x82], &[&af_id])?;
    let key = akma::k_af(&f.secret("Key")?, &af_id).map_err(f.refused("AF_ID"))?;
    f.same("output", key.expose());
    Ok(())
}

fn generic(f: &Fields<'_>) -> Checked {
    let params = f
        .list("P")?
        .iter()
        .map(|p| p.as_str().and_then(|p| base::hex::decode(p).ok()))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| f.problem("P", "a list of octets in hex", "something else"))?;
    let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
    let fc = f.octets("FC")?;
    derived(f, &fc, &params)?;
    // The output is KDF, or its first octets.
    let out = kdf(f.secret_bytes("Key")?.expose(), &fc, &params).map_err(f.refused("P"))?;
    let octets = f.octets_or_none("output")?.len();
    f.same("output", out.expose().get(..octets).unwrap_or(out.expose()));
    Ok(())
}
