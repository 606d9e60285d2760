//! GBA_Digest (TS 33.220 Annex B.5, M): bootstrapping by a SIP password over TLS.
//!
//! H(A1) as raw octets and RESP as hex text are interpretations: Annex B.5 doesn't say.

use base::Secret;

use super::Ks;
use crate::kdf::{KdfError, kdf};

/// The digest password for Ub: KDF(H(A1), "GBA_Digest_RESP", TLS_MK_Extr).
///
/// # Errors
/// [`KdfError`] for a parameter of more than 65535 octets.
pub fn passwd(ha1: &[u8], tls_mk_extr: &[u8]) -> Result<Secret<32>, KdfError> {
    kdf(ha1, &[1], &[b"GBA_Digest_RESP", tls_mk_extr])
}

/// Ks = KDF(H(A1), "GBA_Digest_Ks", TLS_MK_Extr, RESP).
///
/// # Errors
/// [`KdfError`] for a parameter of more than 65535 octets.
pub fn ks(ha1: &[u8], tls_mk_extr: &[u8], resp: &[u8]) -> Result<Ks, KdfError> {
    kdf(ha1, &[1], &[b"GBA_Digest_Ks", tls_mk_extr, resp]).map(Ks::new)
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    //= TS33.220-B.5-r1
    #[test]
    fn agrees_with_the_reference() {
        let ha1 = hex!("9b554a6daf661f9c7e3655b33df167fc");
        let extr: Vec<u8> = (0..48).collect();
        assert_eq!(
            passwd(&ha1, &extr).unwrap().expose(),
            &hex!("af775c96941c3e92f0371634279b8cf30fb1094e1a08ca1d92e244b5c0382f41")
        );
        let ks = ks(&ha1, &extr, b"1a79a4d60de6718e8e5b326e338ae533").unwrap();
        assert_eq!(
            ks.expose(),
            &hex!("14760ccf46f7be88651bd6c9fee9302892d80b69092e2715fac3cf0bacb7049b")
        );
    }
}
