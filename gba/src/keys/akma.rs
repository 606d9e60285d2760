//! AKMA (TS 33.535 Annex A): the same KDF under K_AUSF. The SUPI is the IMSI's digits or the NAI as it stands.

use base::Secret;

use crate::kdf::{KdfError, kdf};

/// K_AKMA from K_AUSF (A.2).
///
/// # Errors
/// [`KdfError`] for a SUPI of more than 65535 octets.
pub fn k_akma(k_ausf: &Secret<32>, supi: &[u8]) -> Result<Secret<32>, KdfError> {
    kdf(k_ausf.expose(), &[0x80], &[b"AKMA", supi])
}

/// A-TID from K_AUSF (A.3).
///
/// # Errors
/// [`KdfError`] for a SUPI of more than 65535 octets.
pub fn a_tid(k_ausf: &Secret<32>, supi: &[u8]) -> Result<[u8; 32], KdfError> {
    kdf(k_ausf.expose(), &[0x81], &[b"A-TID", supi]).map(|t| *t.expose())
}

/// K_AF from K_AKMA and AF_ID = FQDN ‖ Ua security protocol identifier (A.4).
///
/// # Errors
/// [`KdfError`] for an AF_ID of more than 65535 octets.
pub fn k_af(k_akma: &Secret<32>, af_id: &[u8]) -> Result<Secret<32>, KdfError> {
    kdf(k_akma.expose(), &[0x82], &[af_id])
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    //= TS33.535-A.2-r1
    //= TS33.535-A.3-r1
    //= TS33.535-A.4-r1
    #[test]
    fn agrees_with_the_reference() {
        let k_ausf = Secret::new(hex!(
            "833c6ccbed9a6bcdf6f1d906a24efeab0eac7816b383de6676f60c3af31409d2"
        ));
        let supi = b"user869@private51.example";
        let k = k_akma(&k_ausf, supi).unwrap();
        assert_eq!(
            k.expose(),
            &hex!("e84da9121b2dfdc04ef1a2fbdef05f3c7ac3f3a53703eb31dae8af0717e258d1")
        );
        assert_eq!(
            a_tid(&k_ausf, supi).unwrap(),
            hex!("3ef173722085628a07a8b31da917b8b4c48648de99f42284b99add775470f0d1")
        );
        let af_id =
            hex!("7070716675682e6e3567326569702e33723732386b712e67713839647669622e6578616d706c650100000000");
        assert_eq!(
            k_af(&k, &af_id).unwrap().expose(),
            &hex!("c061c525a817b90690101aa97a114db206043ac48f9117a0c9b1b00e838a26d0")
        );
    }
}
