//! The dictionary: one table keyed by (vendor, code), never by code alone.
//!
//! A row is a constant such as [`USER_NAME`], so that a misspelt AVP doesn't compile, and an element of
//! [`TABLE`], so that a received code finds it. Rows that carry keys are marked `secret`: the printer shows
//! only their length and their octets are wiped when dropped.

mod table;

use base::Clause;

pub use table::*;

/// Vendor-Id of 3GPP.
pub const TGPP: u32 = 10415;
/// Application-Id of the base protocol: CER, DWR, DPR (RFC 6733 2.4).
pub const BASE: u32 = 0;
/// Application-Id of Zh, BSF to HSS (TS 29.109 4).
pub const ZH: u32 = 0x0100_0005;
/// Application-Id of Zn, NAF to BSF (TS 29.109 5).
pub const ZN: u32 = 0x0100_0004;
/// Application-Id with which a relay advertises itself (RFC 6733 2.4).
pub const RELAY: u32 = 0xffff_ffff;

/// Type of a value (RFC 6733 4.2, 4.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Any octets.
    OctetString,
    /// UTF-8 text.
    Utf8,
    /// A host or realm name.
    Identity,
    /// Four octets, big endian.
    Unsigned32,
    /// Four octets; the values that are supported here, with their names. Empty: any value.
    Enumerated(&'static [(u32, &'static str)]),
    /// Four octets: seconds since 1900.
    Time,
    /// Two octets of family, then an IPv4 or IPv6 address.
    Address,
    /// AVPs.
    Grouped,
}

/// A row of the dictionary.
#[derive(Debug, Eq, PartialEq)]
pub struct AvpDef {
    /// AVP Code.
    pub code: u32,
    /// Vendor-Id, 0 for the base protocol (no V flag).
    pub vendor: u32,
    /// Name in its specification.
    pub name: &'static str,
    /// Type of the value.
    pub kind: Kind,
    /// Whether we send it with the M flag.
    pub mandatory: bool,
    /// Holds a key or an expected response: never shown.
    pub secret: bool,
    /// Where it is defined.
    pub clause: Clause,
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS29.109-6.3-r1
    #[test]
    fn rows_are_unique_sorted_and_found() {
        assert!(TABLE.is_sorted_by(|a, b| (a.vendor, a.code) < (b.vendor, b.code)));
        for def in TABLE {
            assert_eq!(find(def.vendor, def.code), Some(*def), "{}", def.name);
            assert!(!def.clause.number.is_empty(), "{}", def.name);
        }
        // 415 is CC-Request-Number without a vendor: the vendor belongs to the key.
        assert_eq!(find(0, 415), None);
        assert_eq!(find(TGPP, 415).map(|d| d.name), Some("Requested-Key-Lifetime"));
    }

    //= TS29.109-6.3-r2
    #[test]
    fn guss_timestamp_is_sent_without_m() {
        assert_eq!(find(TGPP, 409).map(|d| d.mandatory), Some(false));
        assert_eq!(
            TABLE.iter().filter(|d| d.vendor == TGPP && !d.mandatory).count(),
            2
        );
    }
}
