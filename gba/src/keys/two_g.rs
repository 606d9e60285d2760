//! 2G GBA (TS 33.220 Annex I): keys from a SIM's Kc and SRES. The key of every derivation is Kc ‖ Kc ‖ RAND.
//!
//! The strings with length octets are Annex B's form; the AUTN string is recalled, not read.

use aka::Rand;
use base::Secret;

use super::Ks;
use crate::kdf::{KdfError, kdf};

fn key(kc: &Secret<8>, rand: &Rand) -> Secret<32> {
    let mut octets = [0; 32];
    octets[..8].copy_from_slice(kc.expose());
    octets[8..16].copy_from_slice(kc.expose());
    octets[16..].copy_from_slice(rand.octets());
    let key = Secret::new(octets);
    zeroize::Zeroize::zeroize(&mut octets);
    key
}

fn first_16(key: &Secret<32>) -> [u8; 16] {
    key.expose().first_chunk().copied().unwrap_or_default()
}

/// RES, 16 octets, from "3gpp-gba-res" and SRES (4 octets).
///
/// # Errors
/// [`KdfError`]: never for these lengths.
pub fn res(kc: &Secret<8>, rand: &Rand, sres: &[u8; 4]) -> Result<Secret<16>, KdfError> {
    let out = kdf(key(kc, rand).expose(), &[1], &[b"3gpp-gba-res", sres])?;
    Ok(Secret::new(first_16(&out)))
}

/// Ks from the BSF's Ks-input (16 octets of the nonce), "3gpp-gba-ks" and SRES.
///
/// # Errors
/// [`KdfError`]: never for these lengths.
pub fn ks(kc: &Secret<8>, rand: &Rand, ks_input: &[u8; 16], sres: &[u8; 4]) -> Result<Ks, KdfError> {
    kdf(key(kc, rand).expose(), &[1], &[ks_input, b"3gpp-gba-ks", sres]).map(Ks::new)
}

/// The pseudo AUTN, 16 octets, from "3gpp-gba-autn" and RAND (unconfirmed).
///
/// # Errors
/// [`KdfError`]: never for these lengths.
pub fn autn(kc: &Secret<8>, rand: &Rand) -> Result<[u8; 16], KdfError> {
    let out = kdf(key(kc, rand).expose(), &[1], &[b"3gpp-gba-autn", rand.octets()])?;
    Ok(first_16(&out))
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    //= TS33.220-I-r1
    #[test]
    fn agrees_with_the_reference() {
        let kc = Secret::new(hex!("eae4be823af9a08b"));
        let rand = Rand::from(hex!("23553cbe9637a89d218ae64dae47bf35"));
        let sres = hex!("46f8416a");
        assert_eq!(
            res(&kc, &rand, &sres).unwrap().expose(),
            &hex!("91a40904556e5b5427543b008b1fc21e")
        );
        let input = hex!("000102030405060708090a0b0c0d0e0f");
        assert_eq!(
            ks(&kc, &rand, &input, &sres).unwrap().expose(),
            &hex!("c5d9f66ac017806bf19b3c9f15a5b105b58c169f061e2098f197f008a1df1990")
        );
        assert_eq!(
            autn(&kc, &rand).unwrap(),
            hex!("c6817966800965c344ff25045ad27a30")
        );
    }
}
