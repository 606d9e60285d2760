//! A whole run: vector, Ub challenge and response, B-TID, keys, Ua digest.

use aka::{Algorithm as _, Amf};
use base::SecretBytes;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gba::{
    digest::{Algorithm, Credentials, Qop},
    ids::{Btid, Fqdn, Impi, NafId, UaId},
    keys::{KeyKind, Ks},
    ub::BootstrappingInfo,
};

use super::algorithm::{self, ResLength};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    let alg = algorithm::read(f, ResLength::of(f, "RES"))?;
    let rand = f.rand("RAND")?;
    let vector = alg.vector(&rand, f.sqn("SQN")?, Amf::new(f.array("AMF")?));
    f.same("AUTN", vector.autn.octets());
    f.same("RES", vector.xres.expose());
    f.same("CK", vector.ck.expose());
    f.same("IK", vector.ik.expose());
    let ks = Ks::from_ck_ik(&vector.ck, &vector.ik);
    f.same("Ks", ks.expose());

    let (impi, bsf): (Impi, Fqdn) = (f.parsed("IMPI")?, f.parsed("BSF_name")?);
    f.same_text(
        "Ub_nonce",
        STANDARD.encode([rand.octets().as_slice(), vector.autn.octets()].concat()),
    );
    let btid = Btid::issue(&rand, &bsf);
    f.same_text("B_TID", &btid);
    ub(f, &impi, &btid, vector.xres.expose())?;

    let naf = NafId::new(
        f.parsed("NAF_FQDN")?,
        f.parsed::<UaId>("Ua_security_protocol_id")?,
    );
    let me = ks.naf_key(KeyKind::Me, &rand, &impi, &naf);
    let int = ks.naf_key(KeyKind::Int, &rand, &impi, &naf);
    let key_of = |key: &gba::keys::KsNaf| {
        key.key_for(&naf.ua())
            .map(base::Secret::duplicate)
            .map_err(f.refused("NAF_FQDN"))
    };
    let (me, int) = (key_of(&me)?, key_of(&int)?);
    f.same("Ks_NAF", me.expose());
    f.same("Ks_int_NAF", int.expose());
    f.same_text("TMPI", ks.tmpi(&rand, &impi, &bsf));

    let uicc = f.text("Ua_realm")?.starts_with("3GPP-bootstrapping-uicc@");
    let key = if uicc { &int } else { &me };
    let password = SecretBytes::new(STANDARD.encode(key.expose()).into_bytes());
    ua(f, &btid, &password)
}

fn ub(f: &Fields<'_>, impi: &Impi, btid: &Btid, res: &[u8]) -> Checked {
    let text = |name: &str| f.text(name).map(str::to_owned);
    let credentials = Credentials {
        username: impi.as_str().to_owned(),
        realm: text("Ub_realm")?,
        nonce: text("Ub_nonce")?,
        uri: text("Ub_uri")?,
        response: text("Ub_response")?,
        algorithm: Some(Algorithm::AkaV1Md5),
        qop: Some(Qop::AuthInt),
        nc: Some(text("Ub_nc")?),
        cnonce: Some(text("Ub_cnonce")?),
        ..Credentials::default()
    };
    let ha1 = credentials.ha1(Algorithm::AkaV1Md5, res);
    let fields = credentials.fields(Algorithm::AkaV1Md5);
    f.same_text("Ub_response", gba::digest::response(&ha1, &fields, "GET", b""));
    round_trip(f, "Ub_response", &credentials)?;
    if f.has("Ub_response_body") {
        let body = f.octets("Ub_response_body")?;
        let info = BootstrappingInfo::parse(&body).map_err(f.refused("Ub_response_body"))?;
        f.equal("Ub_response_body", &info.btid, btid, ToString::to_string);
        let again =
            BootstrappingInfo::parse(info.to_xml().as_bytes()).map_err(f.refused("Ub_response_body"))?;
        f.compare("Ub_response_body", again == info, &info.btid, &again.btid);
        f.same_text(
            "Ub_rspauth",
            credentials.rspauth(&ha1, Algorithm::AkaV1Md5, &body),
        );
    }
    Ok(())
}

fn ua(f: &Fields<'_>, btid: &Btid, password: &SecretBytes) -> Checked {
    let text = |name: &str| f.text(name).map(str::to_owned);
    let algorithm: Algorithm = f.parsed("Ua_algorithm")?;
    let credentials = Credentials {
        username: btid.as_str().to_owned(),
        realm: text("Ua_realm")?,
        nonce: text("Ua_nonce")?,
        uri: text("Ua_uri")?,
        response: text("Ua_response")?,
        algorithm: Some(algorithm),
        qop: Some(f.parsed("Ua_qop")?),
        nc: Some(text("Ua_nc")?),
        cnonce: Some(text("Ua_cnonce")?),
        ..Credentials::default()
    };
    let ha1 = credentials.ha1(algorithm, password.expose());
    let (method, body) = (f.text("Ua_method")?, f.octets("Ua_body")?);
    let response = gba::digest::response(&ha1, &credentials.fields(algorithm), method, &body);
    f.same_text("Ua_response", response);
    round_trip(f, "Ua_response", &credentials)
}

/// The header, written and read again.
fn round_trip(f: &Fields<'_>, name: &str, credentials: &Credentials) -> Result<(), Problem> {
    let read = Credentials::parse(&credentials.to_string()).map_err(f.refused(name))?;
    f.compare(name, read == *credentials, credentials, &read);
    Ok(())
}
