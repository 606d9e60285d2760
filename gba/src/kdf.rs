//! The key derivation function of TS 33.220 Annex B.2: HMAC-SHA-256(Key, S).
//!
//! The caller gives the parameters Pi; each length Li, two octets, is computed here and nowhere else.

use base::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// Why the KDF refused its input: a mistake of the caller.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KdfError {
    /// A parameter of more than 65535 octets: Li has two octets (TS 33.220 Annex B.2).
    #[error("P{index} has {len} octets, at most 65535 fit the two octets of its length")]
    ParamTooLong {
        /// Which parameter, from 0.
        index: usize,
        /// Its octets.
        len: usize,
    },
    /// FC is one octet, or two of which the first is FF (TS 33.220 Annex B.2).
    #[error("FC of {len} octets: one octet, or FF and a second one expected")]
    Fc {
        /// Its octets.
        len: usize,
    },
}

/// Derives 32 octets: S = FC ‖ P0 ‖ L0 ‖ P1 ‖ L1 … (TS 33.220 Annex B.2). `key` may have any length.
///
/// # Errors
/// [`KdfError`] for a parameter or an FC that the clause doesn't allow.
//= TS33.220-B.2-r1
//= TS33.220-B.2-r2
pub fn kdf(key: &[u8], fc: &[u8], params: &[&[u8]]) -> Result<Secret<32>, KdfError> {
    if !matches!(fc, [0..=0xfe] | [0xff, _]) {
        return Err(KdfError::Fc { len: fc.len() });
    }
    // S of a Ks_NAF fits the stack; one update costs less than nine.
    let mut short = [0; 256];
    let mut at = 0;
    let mut put = |octets: &[u8]| match short.get_mut(at..at + octets.len()) {
        Some(dst) => {
            dst.copy_from_slice(octets);
            at += octets.len();
            true
        }
        None => false,
    };
    let mut fits = put(fc);
    for (index, p) in params.iter().enumerate() {
        let len = param_length(index, p)?;
        fits = fits && put(p) && put(&len);
    }
    if fits {
        return Ok(hmac(key, [short.get(..at).unwrap_or_default()].into_iter()));
    }
    let lengths: Vec<[u8; 2]> = params
        .iter()
        .enumerate()
        .map(|(index, p)| param_length(index, p))
        .collect::<Result<_, _>>()?;
    let pairs = params.iter().zip(&lengths).flat_map(|(p, l)| [*p, &l[..]]);
    Ok(hmac(key, core::iter::once(fc).chain(pairs)))
}

fn param_length(index: usize, p: &[u8]) -> Result<[u8; 2], KdfError> {
    u16::try_from(p.len())
        .map(u16::to_be_bytes)
        .map_err(|_| KdfError::ParamTooLong { index, len: p.len() })
}

fn hmac<'a>(key: &[u8], parts: impl Iterator<Item = &'a [u8]>) -> Secret<32> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.for_each(|p| mac.update(p));
    Secret::new(mac.finalize().into_bytes().into())
}

/// The KDF for parameters whose types bound their lengths far below 65536 octets.
pub(crate) fn kdf_bounded(key: &[u8], params: &[&[u8]]) -> Secret<32> {
    #[expect(
        clippy::expect_used,
        reason = "Impi and NafId are bounded to about 1 KiB, RAND has 16 octets"
    )]
    kdf(key, &[1], params).expect("bounded parameters")
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    //= TS33.220-B.2-r2
    //= TS33.220-B.2-r3
    #[test]
    fn lengths_have_two_octets_and_a_bound() {
        let long = vec![b'a'; 65536];
        assert_eq!(
            kdf(&[1; 32], &[1], &[b"x", &long]).err(),
            Some(KdfError::ParamTooLong { index: 1, len: 65536 })
        );
        assert!(kdf(&[1; 32], &[1], &[&long[1..]]).is_ok());
        for bad in [&[][..], &[0xff], &[1, 2], &[0xff, 1, 2]] {
            assert_eq!(kdf(&[], bad, &[]).err(), Some(KdfError::Fc { len: bad.len() }));
        }
        assert!(kdf(&[1], &[0xff, 3], &[]).is_ok());
    }

    //= TS33.220-B.2-r1
    #[test]
    fn agrees_with_a_published_ks_naf() {
        let key = hex!("b40ba9a3c58b2a05bbf0d987b21bf8cbf769bcd751044604127672711c6d3441");
        let rand = hex!("23553cbe9637a89d218ae64dae47bf35");
        let impi = b"001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
        let out = kdf(
            &key,
            &[1],
            &[b"gba-me", &rand, impi, b"naf.example.org\x01\0\0\0\x02"],
        )
        .unwrap();
        let want = hex!("7a205ce786b14dad6f28d1f8b39d74aba2a172a3c134043bb036912e2036b610");
        assert_eq!(out.expose(), &want);
    }

    proptest! {
        /// The short path on the stack and the long one give the same key: S is the same octets.
        //= TS33.220-B.2-r2
        #[test]
        fn both_paths_agree(a in proptest::collection::vec(any::<u8>(), 0..300), b in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut s = vec![7];
            for p in [&a, &b] {
                s.extend_from_slice(p);
                s.extend_from_slice(&u16::try_from(p.len()).unwrap().to_be_bytes());
            }
            let whole = hmac(b"k", [&s[..]].into_iter());
            prop_assert!(kdf(b"k", &[7], &[&a, &b]).unwrap().ct_eq(&whole));
        }
    }
}
