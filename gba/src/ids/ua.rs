//! Names of Ua security protocol identifiers (TS 33.220 Annex H) and of the cipher suites in them, both ways.

use base::hex;

use super::{IdError, UaId};

/// Identifier, the short name that people type, and what it is.
const PROTOCOLS: [(UaId, &str, &str); 12] = [
    (UaId::HTTP_DIGEST, "digest", "HTTP digest, TS 24.109"),
    (UaId::TLS13_PSK, "tls13-psk", "shared key TLS 1.3, TS 33.222 5.4"),
    (UaId::TMPI, "tmpi", "TMPI generation, TS 33.220 B.4"),
    (
        UaId::new([1, 0, 0, 0, 0]),
        "certificates",
        "subscriber certificates, TS 33.221",
    ),
    (UaId::new([1, 0, 0, 0, 1]), "mbms", "MBMS, TS 33.246"),
    (
        UaId::new([1, 0, 0, 0, 3]),
        "mbms-http",
        "MBMS over HTTP, TS 26.237",
    ),
    (UaId::new([1, 0, 0, 0, 4]), "mbms-sip", "MBMS over SIP, TS 26.237"),
    (UaId::new([1, 0, 0, 0, 5]), "gpl", "Generic Push Layer, TS 33.224"),
    (UaId::new([1, 0, 0, 0, 6]), "kms", "IMS key management, TS 33.328"),
    (UaId::new([3, 0, 0, 0, 1]), "ulp", "OMA SUPL 2.0"),
    (UaId::new([3, 0, 0, 0, 2]), "locsip", "OMA LOCSIP"),
    (UaId::new([3, 0, 0, 0, 3]), "oma-sip-digest", "OMA SIP digest"),
];

/// Code, name in IANA's registry without `TLS_`, and OpenSSL's name.
#[rustfmt::skip]
const SUITES: &[(u16, &str, &str)] = &[
    // Pre-shared key: RFC 4785, 4279, 5487, 5489, 6655, 7905, 8442.
    (0x002c, "PSK_WITH_NULL_SHA", "PSK-NULL-SHA"),
    (0x002d, "DHE_PSK_WITH_NULL_SHA", "DHE-PSK-NULL-SHA"),
    (0x002e, "RSA_PSK_WITH_NULL_SHA", "RSA-PSK-NULL-SHA"),
    (0x008a, "PSK_WITH_RC4_128_SHA", "PSK-RC4-SHA"),
    (0x008b, "PSK_WITH_3DES_EDE_CBC_SHA", "PSK-3DES-EDE-CBC-SHA"),
    (0x008c, "PSK_WITH_AES_128_CBC_SHA", "PSK-AES128-CBC-SHA"),
    (0x008d, "PSK_WITH_AES_256_CBC_SHA", "PSK-AES256-CBC-SHA"),
    (0x0090, "DHE_PSK_WITH_AES_128_CBC_SHA", "DHE-PSK-AES128-CBC-SHA"),
    (0x0091, "DHE_PSK_WITH_AES_256_CBC_SHA", "DHE-PSK-AES256-CBC-SHA"),
    (0x0094, "RSA_PSK_WITH_AES_128_CBC_SHA", "RSA-PSK-AES128-CBC-SHA"),
    (0x0095, "RSA_PSK_WITH_AES_256_CBC_SHA", "RSA-PSK-AES256-CBC-SHA"),
    (0x00a8, "PSK_WITH_AES_128_GCM_SHA256", "PSK-AES128-GCM-SHA256"),
    (0x00a9, "PSK_WITH_AES_256_GCM_SHA384", "PSK-AES256-GCM-SHA384"),
    (0x00aa, "DHE_PSK_WITH_AES_128_GCM_SHA256", "DHE-PSK-AES128-GCM-SHA256"),
    (0x00ab, "DHE_PSK_WITH_AES_256_GCM_SHA384", "DHE-PSK-AES256-GCM-SHA384"),
    (0x00ac, "RSA_PSK_WITH_AES_128_GCM_SHA256", "RSA-PSK-AES128-GCM-SHA256"),
    (0x00ad, "RSA_PSK_WITH_AES_256_GCM_SHA384", "RSA-PSK-AES256-GCM-SHA384"),
    (0x00ae, "PSK_WITH_AES_128_CBC_SHA256", "PSK-AES128-CBC-SHA256"),
    (0x00af, "PSK_WITH_AES_256_CBC_SHA384", "PSK-AES256-CBC-SHA384"),
    (0x00b0, "PSK_WITH_NULL_SHA256", "PSK-NULL-SHA256"),
    (0x00b1, "PSK_WITH_NULL_SHA384", "PSK-NULL-SHA384"),
    (0x00b2, "DHE_PSK_WITH_AES_128_CBC_SHA256", "DHE-PSK-AES128-CBC-SHA256"),
    (0x00b3, "DHE_PSK_WITH_AES_256_CBC_SHA384", "DHE-PSK-AES256-CBC-SHA384"),
    (0x00b6, "RSA_PSK_WITH_AES_128_CBC_SHA256", "RSA-PSK-AES128-CBC-SHA256"),
    (0x00b7, "RSA_PSK_WITH_AES_256_CBC_SHA384", "RSA-PSK-AES256-CBC-SHA384"),
    (0xc035, "ECDHE_PSK_WITH_AES_128_CBC_SHA", "ECDHE-PSK-AES128-CBC-SHA"),
    (0xc036, "ECDHE_PSK_WITH_AES_256_CBC_SHA", "ECDHE-PSK-AES256-CBC-SHA"),
    (0xc037, "ECDHE_PSK_WITH_AES_128_CBC_SHA256", "ECDHE-PSK-AES128-CBC-SHA256"),
    (0xc038, "ECDHE_PSK_WITH_AES_256_CBC_SHA384", "ECDHE-PSK-AES256-CBC-SHA384"),
    (0xc0a4, "PSK_WITH_AES_128_CCM", "PSK-AES128-CCM"),
    (0xc0a5, "PSK_WITH_AES_256_CCM", "PSK-AES256-CCM"),
    (0xc0a6, "DHE_PSK_WITH_AES_128_CCM", "DHE-PSK-AES128-CCM"),
    (0xc0a7, "DHE_PSK_WITH_AES_256_CCM", "DHE-PSK-AES256-CCM"),
    (0xc0a8, "PSK_WITH_AES_128_CCM_8", "PSK-AES128-CCM8"),
    (0xc0a9, "PSK_WITH_AES_256_CCM_8", "PSK-AES256-CCM8"),
    (0xc0aa, "PSK_DHE_WITH_AES_128_CCM_8", "DHE-PSK-AES128-CCM8"),
    (0xc0ab, "PSK_DHE_WITH_AES_256_CCM_8", "DHE-PSK-AES256-CCM8"),
    (0xccab, "PSK_WITH_CHACHA20_POLY1305_SHA256", "PSK-CHACHA20-POLY1305"),
    (0xccac, "ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-PSK-CHACHA20-POLY1305"),
    (0xccad, "DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "DHE-PSK-CHACHA20-POLY1305"),
    (0xccae, "RSA_PSK_WITH_CHACHA20_POLY1305_SHA256", "RSA-PSK-CHACHA20-POLY1305"),
    // With certificates, where digest runs inside TLS (TS 33.222 5.3): RFC 5246, 5288, 5289, 7905, 8446.
    (0x002f, "RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
    (0x0035, "RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"),
    (0x003c, "RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"),
    (0x003d, "RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256"),
    (0x009c, "RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    (0x009d, "RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
    (0x009e, "DHE_RSA_WITH_AES_128_GCM_SHA256", "DHE-RSA-AES128-GCM-SHA256"),
    (0x009f, "DHE_RSA_WITH_AES_256_GCM_SHA384", "DHE-RSA-AES256-GCM-SHA384"),
    (0xc009, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"),
    (0xc00a, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
    (0xc013, "ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"),
    (0xc014, "ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"),
    (0xc023, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"),
    (0xc024, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384"),
    (0xc027, "ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
    (0xc028, "ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384"),
    (0xc02b, "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (0xc02c, "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (0xc02f, "ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    (0xc030, "ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    (0xcca8, "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    (0xcca9, "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (0xccaa, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "DHE-RSA-CHACHA20-POLY1305"),
    (0x1301, "AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    (0x1302, "AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    (0x1303, "CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
];

impl UaId {
    /// The identifier that people mean by `text`: a short name such as `digest`, `tls13-psk` or `tmpi`, a cipher suite
    /// by IANA's or OpenSSL's name (for TLS up to 1.2), or five octets in hex. Upper and lower case are the same.
    ///
    /// # Errors
    /// [`IdError`] that says what may stand here.
    pub fn by_name(text: &str) -> Result<Self, IdError> {
        let same = |name: &str| name.eq_ignore_ascii_case(text);
        if let Some((id, ..)) = PROTOCOLS.iter().find(|(_, name, _)| same(name)) {
            return Ok(*id);
        }
        let iana = text
            .get(..4)
            .filter(|head| head.eq_ignore_ascii_case("TLS_"))
            .and_then(|_| text.get(4..));
        let found = SUITES.iter().find(|(_, name, openssl)| {
            same(openssl) || iana.is_some_and(|iana| iana.eq_ignore_ascii_case(name))
        });
        if let Some((code, ..)) = found {
            return Ok(Self::tls(*code));
        }
        let digits: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | ':' | '-' | '_'))
            .collect();
        hex::array(&digits).map(Self::new).map_err(|_| {
            IdError::grammar(
                "a Ua security protocol identifier",
                "digest, tls13-psk, tmpi, a TLS suite such as PSK-AES128-CBC-SHA256 or \
                 TLS_PSK_WITH_AES_128_CBC_SHA256, or ten hex digits",
            )
        })
    }

    /// What the identifier stands for, for people: `HTTP digest, TS 24.109`, `TLS with TLS_PSK_WITH_…`; `None` where
    /// Annex H has no entry.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        if let Some((.., what)) = PROTOCOLS.iter().find(|(id, ..)| id == self) {
            return Some((*what).to_owned());
        }
        let suite = |y: u8, z: u8| {
            let code = u16::from_be_bytes([y, z]);
            SUITES.iter().find(|(known, ..)| *known == code).map_or_else(
                || format!("cipher suite {code:04x}"),
                |(_, name, _)| format!("TLS_{name}"),
            )
        };
        match *self.octets() {
            [1, 0, 1, y, z] => Some(format!("TLS up to 1.2 with {}, TS 33.222", suite(y, z))),
            [1, 0, 2, y, z] => Some(format!("TLS of a browser with {}, TS 33.222 D", suite(y, z))),
            [3, 0, 1, y, z] => Some(format!("OMA, TLS with {}", suite(y, z))),
            [0xff, ..] => Some("private or experimental".into()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::is_psk_suite;

    //= TS33.220-H.2-r1
    //= TS33.220-H.3-r3
    #[test]
    fn names_of_three_kinds() {
        for (text, id) in [
            ("digest", "0100000002"),
            ("Digest", "0100000002"),
            ("tls13-psk", "0100000007"),
            ("tmpi", "0100000100"),
            ("PSK-AES128-CBC-SHA256", "01000100ae"),
            ("TLS_PSK_WITH_AES_128_CBC_SHA256", "01000100ae"),
            ("tls_psk_with_aes_128_ccm_8", "010001c0a8"),
            ("TLS_AES_128_GCM_SHA256", "0100011301"),
            ("01000100AE", "01000100ae"),
            ("01 00 01 00 ae", "01000100ae"),
            ("ff00000001", "ff00000001"),
        ] {
            assert_eq!(UaId::by_name(text).unwrap().to_string(), id, "{text}");
        }
        for wrong in [
            "",
            "digest2",
            "TLS_",
            "TLSé",
            "0100",
            "PSK_WITH_AES_128_CBC_SHA256",
        ] {
            assert!(UaId::by_name(wrong).is_err(), "{wrong}");
        }
    }

    /// Each suite's name is its own, and every suite called PSK is one that [`is_psk_suite`] knows.
    #[test]
    fn the_tables_agree_with_themselves() {
        for (code, iana, openssl) in SUITES {
            assert_eq!(UaId::by_name(openssl).unwrap().tls_suite(), Some(*code));
            let iana = format!("TLS_{iana}");
            assert_eq!(UaId::by_name(&iana).unwrap().tls_suite(), Some(*code));
            assert_eq!(is_psk_suite(*code), iana.contains("PSK"), "{iana}");
            assert!(UaId::tls(*code).describe().unwrap().contains(&iana));
        }
        for (id, name, _) in PROTOCOLS {
            assert_eq!(UaId::by_name(name).unwrap(), id);
        }
        assert_eq!(UaId::new([2, 0, 0, 0, 0]).describe(), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}", octets in any::<[u8; 5]>()) {
            let _ = UaId::by_name(&text);
            let id = UaId::new(octets);
            let _ = id.describe();
            prop_assert_eq!(UaId::by_name(&id.to_string()).unwrap(), id);
        }
    }
}
