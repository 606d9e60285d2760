//! Names and file identifiers (TS 102 221 13, TS 31.102 4) in one table: software card, terminal and ladder read it.

/// Master file.
pub const MF: u16 = 0x3f00;
/// The ADF of the application that is active on the channel (TS 102 221 8.4.1).
pub const ADF: u16 = 0x7fff;
/// Applications on the UICC, linear fixed.
pub const EF_DIR: u16 = 0x2f00;
/// Access rules of files under the MF, linear fixed.
pub const EF_ARR_MF: u16 = 0x2f06;
/// Serial number of the UICC, 10 octets.
pub const EF_ICCID: u16 = 0x2fe2;
/// Access rules of files under ADF.USIM, linear fixed.
pub const EF_ARR_USIM: u16 = 0x6f06;
/// IMSI, 9 octets.
pub const EF_IMSI: u16 = 0x6f07;
/// USIM service table.
pub const EF_UST: u16 = 0x6f38;
/// Administrative data; its fourth octet is the length of the MNC.
pub const EF_AD: u16 = 0x6fad;
/// GBA bootstrapping parameters: RAND, B-TID, key lifetime.
pub const EF_GBABP: u16 = 0x6fd6;
/// GBA NAF list: NAF_Id and B-TID of each Ks_int_NAF.
pub const EF_GBANL: u16 = 0x6fda;

/// RID and application code of a USIM (TS 101 220 annex E): the first seven octets of every USIM's AID.
pub const USIM_AID_PREFIX: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];

const TABLE: &[(u16, &str)] = &[
    (MF, "MF"),
    (ADF, "ADF of the active application"),
    (EF_DIR, "EF_DIR"),
    (EF_ARR_MF, "EF_ARR"),
    (EF_ICCID, "EF_ICCID"),
    (EF_ARR_USIM, "EF_ARR"),
    (EF_IMSI, "EF_IMSI"),
    (EF_UST, "EF_UST"),
    (EF_AD, "EF_AD"),
    (EF_GBABP, "EF_GBABP"),
    (EF_GBANL, "EF_GBANL"),
];

/// The name of a file identifier, if it is in the table.
#[must_use]
pub fn name(fid: u16) -> Option<&'static str> {
    TABLE.iter().find(|(f, _)| *f == fid).map(|(_, n)| *n)
}
