//! HTTP digest: RFC examples, Ub with AKA, Ua with B-TID and base64(Ks_NAF).
//!
//! The header goes the product's whole way: written, read again, verified.

use aka::{Auts, Res};
use base::{SecretBytes, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gba::{
    digest::{self, Algorithm, Credentials, Qop},
    keys::{KeyKind, KsNaf},
};
use sha2::{Digest, Sha512};

use super::{Checker, checker};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn find(kind: &str) -> Option<Checker> {
    Some(match kind {
        "published" => checker("RFC 7616", "3.4", check),
        "RFC2069_form" => checker("RFC 2617", "3.2.2", check),
        "Ub_AKAv1" | "Ub_AKAv1_auth" => checker("RFC 3310", "3.3", check),
        "Ub_auts" => checker("RFC 3310", "3.4", check),
        "AKAv2" => checker("RFC 4169", "3", check),
        "Ua" => checker("TS 24.109", "5.2", check),
        _ => return None,
    })
}

/// A label for what RFC 7616 printed before erratum 4897; no algorithm of the product.
const AS_PRINTED: &str = "SHA-512-trunc-256";

fn check(f: &Fields<'_>) -> Checked {
    if f.text("algorithm")? == AS_PRINTED {
        return as_printed(f);
    }
    let algorithm: Algorithm = f.parsed("algorithm")?;
    let password = password(f, algorithm)?;
    let credentials = credentials(f, algorithm)?;
    let ha1 = credentials.ha1(algorithm, password.expose());
    f.same_text("HA1", String::from_utf8_lossy(ha1.expose()));
    let (method, body) = (f.text("method")?, f.octets_or_none("body")?);
    let h = |parts: &[&[u8]]| algorithm.hash(parts);
    f.same_text("HA2", ha2(h, method, &credentials.uri, credentials.qop, &body));
    f.same_text("userhash", h(&username_and_realm(f)?));
    let response = digest::response(&ha1, &credentials.fields(algorithm), method, &body);
    f.same_text("response", &response);
    f.same_text("published_response", &response);
    if f.has("rspauth") {
        let body = f.octets("response_body")?;
        f.same_text("rspauth", credentials.rspauth(&ha1, algorithm, &body));
    }
    // Over the wire and back.
    let header = credentials.to_string();
    let read = Credentials::parse(&header).map_err(f.refused("response"))?;
    f.compare("response", read == credentials, &header, &read);
    let verified = read.verify(&ha1, algorithm, method, &body);
    f.compare("response", verified, "a response that verifies", verified);
    Ok(())
}

/// The password, compared with what it is made of where the vector says so.
fn password(f: &Fields<'_>, algorithm: Algorithm) -> Result<SecretBytes, Problem> {
    if f.has("auts") {
        // RFC 3310 3.4: with AUTS the password is empty.
        let auts = Auts::new(f.array("AUTS")?);
        f.same_text("auts", STANDARD.encode(auts.octets()));
        f.same("password", []);
        let _ = f.octets_or_none("RES")?;
    } else if algorithm == Algorithm::AkaV2Md5 {
        let password = digest::akav2_password(&res(f)?, &f.secret("IK")?, &f.secret("CK")?);
        f.same("password", password.expose());
    } else if f.has("RES") {
        f.same("password", res(f)?.expose());
    } else if f.has("Ks_NAF") {
        // Whatever the realm says, the password is base64 of the key: digest is its protocol.
        let naf = gba::ids::NafId::new(
            "naf.example".parse().map_err(f.refused("realm"))?,
            gba::ids::UaId::HTTP_DIGEST,
        );
        let key = KsNaf::from_parts(f.secret("Ks_NAF")?, naf, KeyKind::Me);
        let password = key.password().map_err(f.refused("Ks_NAF"))?;
        f.same("password", password.expose());
    }
    f.secret_bytes("password")
}

fn res(f: &Fields<'_>) -> Result<Res, Problem> {
    Res::new(f.secret_bytes("RES")?.expose()).map_err(f.refused("RES"))
}

fn credentials(f: &Fields<'_>, algorithm: Algorithm) -> Result<Credentials, Problem> {
    let some = |name: &str| {
        f.text_or(name, "")
            .map(|t| Some(t.to_owned()).filter(|t| !t.is_empty()))
    };
    let credentials = Credentials {
        username: f.text("username")?.to_owned(),
        realm: f.text("realm")?.to_owned(),
        nonce: f.text("nonce")?.to_owned(),
        uri: f.text("uri")?.to_owned(),
        response: f.text("response")?.to_owned(),
        algorithm: Some(algorithm),
        qop: qop(f)?,
        nc: some("nc")?,
        cnonce: some("cnonce")?,
        opaque: None,
        auts: some("auts")?,
    };
    if f.has("AUTS") {
        let read = credentials.auts().map_err(f.refused("auts"))?;
        f.same("AUTS", read.map(|a| *a.octets()).unwrap_or_default());
    }
    Ok(credentials)
}

fn qop(f: &Fields<'_>) -> Result<Option<Qop>, Problem> {
    match f.text_or("qop", "")? {
        "" => Ok(None),
        _ => f.parsed("qop").map(Some),
    }
}

fn ha2(h: impl Fn(&[&[u8]]) -> String, method: &str, uri: &str, qop: Option<Qop>, body: &[u8]) -> String {
    let (method, uri) = (method.as_bytes(), uri.as_bytes());
    match qop {
        Some(Qop::AuthInt) => h(&[method, b":", uri, b":", h(&[body]).as_bytes()]),
        _ => h(&[method, b":", uri]),
    }
}

fn username_and_realm<'a>(f: &Fields<'a>) -> Result<[&'a [u8]; 3], Problem> {
    Ok([f.text("username")?.as_bytes(), b":", f.text("realm")?.as_bytes()])
}

/// What RFC 7616 3.9.2 printed: recomputed here, refused by the product, and not what SHA-512-256 gives.
fn as_printed(f: &Fields<'_>) -> Checked {
    let h = |parts: &[&[u8]]| {
        let digest = Sha512::digest(parts.concat());
        hex::encode(digest.get(..32).unwrap_or_default())
    };
    let (password, body) = (f.secret_bytes("password")?, f.octets_or_none("body")?);
    let text = |name: &str| f.text(name).map(str::as_bytes);
    let [user, colon, realm] = username_and_realm(f)?;
    let ha1 = h(&[user, colon, realm, colon, password.expose()]);
    let ha2 = ha2(h, f.text("method")?, f.text("uri")?, qop(f)?, &body);
    f.same_text("HA1", &ha1);
    f.same_text("HA2", &ha2);
    f.same_text("userhash", h(&[user, colon, realm]));
    let (nonce, nc, cnonce, qop) = (text("nonce")?, text("nc")?, text("cnonce")?, text("qop")?);
    let response = h(&[
        ha1.as_bytes(),
        b":",
        nonce,
        b":",
        nc,
        b":",
        cnonce,
        b":",
        qop,
        b":",
        ha2.as_bytes(),
    ]);
    f.same_text("response", &response);
    f.same_text("published_response", &response);
    let refused = AS_PRINTED.parse::<Algorithm>().is_err();
    f.compare("algorithm", refused, "refused", "accepted");
    let credentials = credentials(f, Algorithm::Sha512_256)?;
    let right = credentials.ha1(Algorithm::Sha512_256, password.expose());
    let other = digest::response(
        &right,
        &credentials.fields(Algorithm::Sha512_256),
        f.text("method")?,
        &body,
    );
    f.compare(
        "response",
        other != response,
        "another response than SHA-512-256",
        other,
    );
    Ok(())
}
