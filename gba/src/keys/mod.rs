//! Ks and the keys under it (TS 33.220 Annex B).
//!
//! * [`Ks`]: CK ‖ IK, from which every NAF's key comes;
//! * [`KsNaf`]: one NAF's key, which knows its NAF_Id and refuses any other use (ruling 17);
//! * [`gba_digest`], [`two_g`], [`akma`]: the other trees of the same KDF.

pub mod akma;
pub mod gba_digest;
mod ks_naf;
pub mod two_g;

pub use ks_naf::{KeyKind, KsNaf, WrongUse, is_psk_suite};

use aka::Rand;
use base::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    ids::{Fqdn, Impi, NafId, UaId},
    kdf::{KdfError, kdf, kdf_bounded},
};

/// P0 of a NAF's key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Label {
    /// `gba-me`: Ks_NAF and Ks_ext_NAF (Annex B.3).
    GbaMe,
    /// `gba-u`: Ks_int_NAF (Annex B.3).
    GbaU,
    /// `gba-digest`: Ks_NAF of GBA_Digest (Annex B.6, unconfirmed).
    GbaDigest,
}

impl Label {
    /// The octets of P0.
    #[must_use]
    pub const fn octets(self) -> &'static [u8] {
        match self {
            Self::GbaMe => b"gba-me",
            Self::GbaU => b"gba-u",
            Self::GbaDigest => b"gba-digest",
        }
    }
}

/// The bootstrapped key: CK ‖ IK, 32 octets (TS 33.220 4.4.5). Wiped when dropped.
pub struct Ks(Secret<32>);

impl Ks {
    /// Ks = CK ‖ IK.
    #[must_use]
    //= TS33.220-4.5.2-r1
    pub fn from_ck_ik(ck: &Secret<16>, ik: &Secret<16>) -> Self {
        let mut octets = [0; 32];
        octets[..16].copy_from_slice(ck.expose());
        octets[16..].copy_from_slice(ik.expose());
        let ks = Self(Secret::new(octets));
        zeroize::Zeroize::zeroize(&mut octets);
        ks
    }

    /// A Ks that another procedure derived (GBA_Digest, 2G GBA).
    #[must_use]
    pub const fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// The only way to the octets.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }

    /// Ks_NAF, Ks_ext_NAF or Ks_int_NAF (TS 33.220 Annex B.3).
    #[must_use]
    //= TS33.220-B.3-r1
    pub fn naf_key(&self, kind: KeyKind, rand: &Rand, impi: &Impi, naf: &NafId) -> KsNaf {
        let params = [
            kind.label().octets(),
            rand.octets(),
            impi.kdf_octets(),
            naf.octets(),
        ];
        KsNaf::from_parts(kdf_bounded(self.expose(), &params), naf.clone(), kind)
    }

    /// The temporary identity for the next bootstrapping (TS 33.220 Annex B.4): base64 of the first 24 octets.
    /// `bsf` is the name as in the B-TID.
    #[must_use]
    //= TS33.220-B.4-r1
    pub fn tmpi(&self, rand: &Rand, impi: &Impi, bsf: &Fqdn) -> String {
        let bsf_id = NafId::new(bsf.clone(), UaId::TMPI);
        let params = [
            Label::GbaMe.octets(),
            rand.octets(),
            impi.kdf_octets(),
            bsf_id.octets(),
        ];
        let key = kdf_bounded(self.expose(), &params);
        let head = key.expose().get(..24).unwrap_or_default();
        format!("{}@tmpi.bsf.3gppnetwork.org", STANDARD.encode(head))
    }
}

/// A NAF's key from octets as they are: for vectors and calculators, where a NAF_Id may break the grammar of host
/// names or have another case. Elements use [`Ks::naf_key`].
///
/// # Errors
/// [`KdfError`] for a parameter of more than 65535 octets.
pub fn naf_key_octets(
    ks: &[u8],
    label: Label,
    rand: &[u8],
    impi: &[u8],
    naf_id: &[u8],
) -> Result<Secret<32>, KdfError> {
    kdf(ks, &[1], &[label.octets(), rand, impi, naf_id])
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn fixture() -> (Ks, Rand, Impi) {
        let ck = Secret::new(hex!("b40ba9a3c58b2a05bbf0d987b21bf8cb"));
        let ik = Secret::new(hex!("f769bcd751044604127672711c6d3441"));
        (
            Ks::from_ck_ik(&ck, &ik),
            Rand::from(hex!("23553cbe9637a89d218ae64dae47bf35")),
            "001010123456789@ims.mnc001.mcc001.3gppnetwork.org"
                .parse()
                .unwrap(),
        )
    }

    //= TS33.220-B.3-r1
    //= TS33.220-B.3-r2
    //= TS33.220-B.4-r1
    #[test]
    fn derives_the_reference_keys() {
        let (ks, rand, impi) = fixture();
        let naf = NafId::new("naf.example.org".parse().unwrap(), UaId::HTTP_DIGEST);
        let want = |kind, want: [u8; 32]| {
            let key = ks.naf_key(kind, &rand, &impi, &naf);
            assert!(key.key_for(&UaId::HTTP_DIGEST).unwrap().ct_eq(&Secret::new(want)));
        };
        let me = hex!("7a205ce786b14dad6f28d1f8b39d74aba2a172a3c134043bb036912e2036b610");
        want(KeyKind::Me, me);
        want(KeyKind::Ext, me);
        want(
            KeyKind::Int,
            hex!("3e9f04a7de64efd1db6843a0a5f1c5677b7f7cc3fb7a37b7c53dcb4b2806b19c"),
        );
        let bsf = "bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap();
        assert_eq!(
            ks.tmpi(&rand, &impi, &bsf),
            "NdfNQvvGWK4SGbs7c17alrZHQXyhEcrW@tmpi.bsf.3gppnetwork.org"
        );
    }

    #[test]
    fn the_raw_form_gives_the_same_key() {
        let (ks, rand, impi) = fixture();
        let naf = NafId::new("naf.example.org".parse().unwrap(), UaId::tls(0xae));
        let raw = naf_key_octets(
            ks.expose(),
            Label::GbaMe,
            rand.octets(),
            impi.kdf_octets(),
            naf.octets(),
        )
        .unwrap();
        let typed = ks.naf_key(KeyKind::Me, &rand, &impi, &naf);
        assert!(typed.key_for(&UaId::tls(0xae)).unwrap().ct_eq(&raw));
    }
}
