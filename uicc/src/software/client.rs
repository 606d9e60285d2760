//! The on-card client for Ks_int_NAF (ruling 13): an application of this project's own, since no standard has an APDU
//! that uses the key. What it computes goes out, the key never does, and neither does anything from which it could be
//! had.
//!
//! SELECT `F04B735F696E740001`, then `00 88 P1 00 Lc data Le` with PIN 1 verified. P1 is the function; the data are
//! `80 L NAF_Id` and `81 L B-TID` (both as EF_GBANL lists them), and two more objects:
//!
//! | P1 | function | data | answer |
//! |---|---|---|---|
//! | 01 | TLS 1.2 master secret with the key as PSK (RFC 4279 2, RFC 5246 8.1, P_SHA256) | `82` label: `master secret` or `extended master secret`, `83` seed | 48 octets |
//! | 02 | HTTP digest response by MD5 (RFC 7616 3.4.1) | `82` realm, `83` what follows H(A1): `nonce:nc:cnonce:qop:H(A2)` | 32 hex digits |
//! | 03 | the same by SHA-256 | | 64 hex digits |
//!
//! A key is used in the protocol of its NAF_Id alone (ruling 17): 01 with the suites that take a PSK, 02 and 03 with
//! HTTP digest. 6985 otherwise; 6A88: the card holds no such key.

use base::{SecretBytes, apdu::Command, tlv};
use gba::{
    digest::{self, Algorithm},
    ids::NafId,
    keys::{KeyKind, KsNaf, is_psk_suite},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{Sw, ef::NafRecord, names};

use super::{
    Answer, SoftCard,
    arr::{Access, PIN1},
    files::{Body, Files},
    gba_u::GbaContext,
    profile::{Content, FilePath, FileSpec, Profile},
    store::Application,
};

/// Octets of a TLS 1.2 master secret.
const MASTER_SECRET: usize = 48;

/// The client's place among the applications: where there is a key to use.
pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    let of_isim = profile.isim.as_ref().and_then(|i| i.gba_u.as_ref());
    let any = profile.gba_u.as_ref().or(of_isim);
    let place = || {
        FileSpec::new(
            FilePath::in_adf(&names::CLIENT_AID, &[]),
            names::EF_ARR_MF,
            Access::Directory.record(),
            Content::Directory,
        )
    };
    any.iter().map(|_| place()).collect()
}

impl SoftCard {
    /// A function of the client.
    pub(super) fn client(&mut self, c: &Command) -> Answer {
        if c.p2 != 0 || !matches!(c.p1, 1..=3) {
            return Err(Sw::P1_P2);
        }
        self.state.keys.require(PIN1, None)?;
        if c.data().is_empty() {
            return Err(Sw::WRONG_LENGTH);
        }
        let objects = tlv::read_all(c.data()).map_err(|_| Sw::DATA)?;
        let get = |tag| {
            let found = objects.iter().find(|o| o.tag == tag);
            found.map(|o| o.value).ok_or(Sw::DATA)
        };
        let text = |octets| core::str::from_utf8(octets).map_err(|_| Sw::DATA);
        let (naf_id, btid, first, second) = (get(0x80)?, get(0x81)?, get(0x82)?, get(0x83)?);
        let naf = NafId::parse(naf_id).map_err(|_| Sw::DATA)?;
        if c.p1 == 1 {
            if !matches!(first, b"master secret" | b"extended master secret") {
                return Err(Sw::DATA);
            }
            if !naf.ua().tls_suite().is_some_and(is_psk_suite) {
                return Err(Sw::CONDITIONS);
            }
            let key = self.ks_int(naf_id, btid, naf)?;
            let ua = key.naf_id().ua();
            let psk = key.key_for(&ua).map_err(|_| Sw::CONDITIONS)?;
            return Ok(p_sha256(
                &premaster(psk.expose()),
                &[first, second].concat(),
                MASTER_SECRET,
            ));
        }
        let key = self.ks_int(naf_id, btid, naf)?;
        let password = key.password().map_err(|_| Sw::CONDITIONS)?;
        let algorithm = if c.p1 == 2 {
            Algorithm::Md5
        } else {
            Algorithm::Sha256
        };
        let ha1 = digest::ha1(algorithm, text(btid)?, text(first)?, password.expose(), "", "");
        Ok(algorithm.hash(&[ha1.expose(), b":", second]).into_bytes())
    }

    /// The key of that NAF and run, from whichever application bootstrapped; its use is counted, so that it isn't the
    /// next to be overwritten (annex G.2).
    fn ks_int(&mut self, naf_id: &[u8], btid: &[u8], naf: NafId) -> Result<KsNaf, Sw> {
        for application in [Application::Usim, Application::Isim] {
            let list: (&[u8], u16) = match application {
                Application::Usim => (&names::USIM_AID_PREFIX, names::EF_GBANL),
                Application::Isim => (&names::ISIM_AID_PREFIX, names::EF_GBANL_ISIM),
            };
            let (files, gba) = self.state.files_and_gba(application);
            let Some(gba) = gba else { continue };
            let Some(slot) = slot_of(files, list, gba.get(), naf_id, btid) else {
                continue;
            };
            if let Some(key) = gba.edit().use_key(slot) {
                return Ok(KsNaf::from_parts(key, naf, KeyKind::Int));
            }
        }
        Err(Sw::REFERENCE)
    }
}

/// The place of the key, if EF_GBANL names that run for it.
fn slot_of(
    files: &Files,
    (aid, fid): (&[u8], u16),
    gba: &GbaContext,
    naf_id: &[u8],
    btid: &[u8],
) -> Option<usize> {
    let slot = gba.slot_of(naf_id)?;
    let adf = files.applications(aid).next()?;
    let Body::Records(records) = &files.get(files.find_ef(adf, fid)?)?.body else {
        return None;
    };
    let record = records.get(u8::try_from(slot + 1).ok()?)?;
    let listed = NafRecord::parse(record).ok()??;
    (listed.naf_id == naf_id && listed.btid == btid).then_some(slot)
}

/// RFC 4279 2: as many zeros as the PSK has octets, then the PSK, each behind its length.
pub(super) fn premaster(psk: &[u8; 32]) -> SecretBytes {
    let mut out = vec![0; 2 * (2 + psk.len())];
    let (other, own) = out.split_at_mut(2 + psk.len());
    for half in [&mut *other, &mut *own] {
        if let Some(length) = half.get_mut(1) {
            *length = 32;
        }
    }
    if let Some(value) = own.get_mut(2..) {
        value.copy_from_slice(psk);
    }
    SecretBytes::new(out)
}

/// P_SHA256 of RFC 5246 5; `seed` is label and seed.
pub(super) fn p_sha256(secret: &SecretBytes, seed: &[u8], length: usize) -> Vec<u8> {
    let hmac = |parts: &[&[u8]]| -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("any length");
        parts.iter().for_each(|p| mac.update(p));
        mac.finalize().into_bytes().into()
    };
    let mut a = hmac(&[seed]);
    let mut out = Vec::with_capacity(length + 32);
    while out.len() < length {
        out.extend_from_slice(&hmac(&[&a, seed]));
        a = hmac(&[&a]);
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;

    /// The vector that circulates on the IETF's TLS list for P_SHA256.
    #[test]
    fn the_prf_is_that_of_tls_1_2() {
        let secret = SecretBytes::new(hex::decode("9bbe436ba940f017b17652849a71db35").unwrap());
        let seed = [
            b"test label".as_slice(),
            &hex::decode("a0ba9f936cda311827a6f796ffd5198c").unwrap(),
        ]
        .concat();
        assert_eq!(
            hex::encode(p_sha256(&secret, &seed, 48)),
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af"
        );
    }

    #[test]
    fn a_psk_alone_is_a_premaster_secret_of_zeros_and_itself() {
        let premaster = premaster(&[7; 32]);
        let half = |value: u8| [&[0, 32][..], &[value; 32]].concat();
        assert_eq!(premaster.expose(), [half(0), half(7)].concat());
    }
}
