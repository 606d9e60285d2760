//! The cipher suites with plain PSK key exchange that we allow. Each has its own Ua security protocol id, so the
//! suite changes the key (TS 33.220 Annex H: 01 00 01 yy zz).

use core::{fmt, str::FromStr};

use thiserror::Error;

/// A cipher suite of TLS 1.2 with plain PSK key exchange.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Suite {
    /// TLS_PSK_WITH_AES_128_CBC_SHA256, 00 AE (RFC 5487).
    Aes128CbcSha256,
    /// TLS_PSK_WITH_AES_128_GCM_SHA256, 00 A8 (RFC 5487).
    Aes128GcmSha256,
    /// TLS_PSK_WITH_AES_128_CCM_8, C0 A8 (RFC 6655).
    Aes128Ccm8,
}

/// Suite, its two octets, OpenSSL's name: the one table.
const TABLE: [(Suite, u16, &str); 3] = [
    (Suite::Aes128CbcSha256, 0x00ae, "PSK-AES128-CBC-SHA256"),
    (Suite::Aes128GcmSha256, 0x00a8, "PSK-AES128-GCM-SHA256"),
    (Suite::Aes128Ccm8, 0xc0a8, "PSK-AES128-CCM8"),
];

/// A name or code of a suite that we don't allow.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a suite we allow: PSK-AES128-CBC-SHA256, PSK-AES128-GCM-SHA256 or PSK-AES128-CCM8")]
pub struct UnknownSuite;

impl Suite {
    /// All of them, the one that is used by default first.
    pub const ALL: [Self; 3] = [Self::Aes128CbcSha256, Self::Aes128GcmSha256, Self::Aes128Ccm8];

    /// CipherSuite of TLS: the octets yy zz.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Aes128CbcSha256 => TABLE[0].1,
            Self::Aes128GcmSha256 => TABLE[1].1,
            Self::Aes128Ccm8 => TABLE[2].1,
        }
    }

    /// OpenSSL's name, which is also the one people type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128CbcSha256 => TABLE[0].2,
            Self::Aes128GcmSha256 => TABLE[1].2,
            Self::Aes128Ccm8 => TABLE[2].2,
        }
    }

    /// The suite with these two octets.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == code).map(|row| row.0)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = UnknownSuite;
    fn from_str(name: &str) -> Result<Self, UnknownSuite> {
        let row = TABLE.iter().find(|row| row.2.eq_ignore_ascii_case(name.trim()));
        row.map(|row| row.0).ok_or(UnknownSuite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (suite, code, name) in TABLE {
            assert_eq!((suite.code(), suite.name()), (code, name));
            assert_eq!(Suite::from_code(code), Some(suite));
            assert_eq!(name.to_lowercase().parse(), Ok(suite));
        }
        assert_eq!("PSK-NULL-SHA256".parse::<Suite>(), Err(UnknownSuite));
    }
}
