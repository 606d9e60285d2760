//! The rules that built-in profiles have in their EF_ARRs, one [`Access`] a record.

use base::tlv;

/// Key reference of PIN 1 (TS 102 221 table 9.3).
pub(super) const PIN1: u8 = 0x01;
/// Key reference of the second PIN of the application.
const PIN2: u8 = 0x81;
/// Key reference of ADM 1.
pub(super) const ADM1: u8 = 0x0a;

/// Rules of one file. The order is that of the records of EF_ARR, from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Directories: created, deleted and terminated by ADM.
    Directory,
    /// Read by everybody, the rest by ADM.
    Public,
    /// Read with the PIN, the rest by ADM.
    Protected,
    /// Read and updated with the PIN: EF_GBABP; the rest by ADM.
    Shared,
    /// Read by everybody, updated with the PIN: EF_LI; the rest by ADM.
    Open,
    /// Read with the PIN, updated with the second PIN of the application: EF_EST; the rest by ADM.
    Enabled,
}

/// What must have been verified.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    Key(u8),
}

/// Octets of a record of EF_ARR.
pub(super) const ARR_RECORD: u8 = 50;

impl Access {
    pub(super) const ALL: [Self; 6] = [
        Self::Directory,
        Self::Public,
        Self::Protected,
        Self::Shared,
        Self::Open,
        Self::Enabled,
    ];

    /// Its record in EF_ARR.
    pub(super) const fn record(self) -> u8 {
        self as u8 + 1
    }

    /// The rule in expanded format (TS 102 221 9.2.4): access mode, then its condition.
    pub(super) fn rule(self) -> Vec<u8> {
        use Condition::{Always, Key};
        // Bits 7 to 1 for an EF: delete, terminate, activate, deactivate, –, update, read; for a directory: delete,
        // terminate, activate, deactivate, create DF, create EF, delete in it.
        let modes: &[(u8, Condition)] = match self {
            Self::Directory => &[(0x7f, Key(ADM1))],
            Self::Public => &[(0x01, Always), (0x7a, Key(ADM1))],
            Self::Protected => &[(0x01, Key(PIN1)), (0x7a, Key(ADM1))],
            Self::Shared => &[(0x01, Key(PIN1)), (0x02, Key(PIN1)), (0x78, Key(ADM1))],
            Self::Open => &[(0x01, Always), (0x02, Key(PIN1)), (0x78, Key(ADM1))],
            Self::Enabled => &[(0x01, Key(PIN1)), (0x02, Key(PIN2)), (0x78, Key(ADM1))],
        };
        let mut out = Vec::new();
        for (mode, condition) in modes {
            tlv::write(&mut out, 0x80, &[*mode]);
            condition.write(&mut out);
        }
        if self != Self::Directory {
            // RESIZE FILE, which has no bit.
            tlv::write(&mut out, 0x84, &[super::ins::RESIZE_FILE]);
            Key(ADM1).write(&mut out);
        }
        out
    }
}

impl Condition {
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Always => tlv::write(out, 0x90, &[]),
            Self::Key(reference) => tlv::write(out, 0xa4, &[0x83, 0x01, reference, 0x95, 0x01, 0x08]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS102221-9.2-r1
    #[test]
    fn rules_stand_in_the_record_that_they_name() {
        for (i, access) in Access::ALL.iter().enumerate() {
            assert_eq!(usize::from(access.record()), i + 1);
            assert!(access.rule().len() <= usize::from(ARR_RECORD));
        }
        assert_eq!(
            base::hex::encode(Access::Shared.rule()),
            "800101a406830101950108800102a406830101950108800178a40683010a9501088401d4a40683010a950108"
        );
        assert_eq!(
            base::hex::encode(Access::Public.rule()),
            "800101900080017aa40683010a9501088401d4a40683010a950108"
        );
    }
}
