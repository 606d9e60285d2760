//! Names and file identifiers (TS 102 221 13, TS 31.102 4, TS 31.103 4, TS 51.011, TS-0003 annex D) in one table:
//! software card, terminal and ladder read it.
//!
//! [`DIRECTORIES`] has each directory with its files: identifier, name, short identifier, what it is, how its octets
//! are told. An application is known by the beginning of its AID.

mod table;

pub use table::DIRECTORIES;

use crate::ef::Decoder;

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
/// The same two in an ISIM (TS 31.103 4.2.9, 4.2.11).
pub const EF_GBABP_ISIM: u16 = 0x6fd5;
/// EF_GBANL of an ISIM.
pub const EF_GBANL_ISIM: u16 = 0x6fd7;
/// ISIM service table.
pub const EF_IST: u16 = 0x6f07;
/// Private identity of an ISIM.
pub const EF_IMPI: u16 = 0x6f02;
/// Telecom directory under the MF.
pub const DF_TELECOM: u16 = 0x7f10;
/// What a USIM has for GSM.
pub const DF_GSM_ACCESS: u16 = 0x5f3b;
/// What a USIM has for 5GS.
pub const DF_5GS: u16 = 0x5fc0;

/// oneM2M service framework of a USIM. TS-0003 leaves the identifier to EF_DIR; this one is for administrative use there.
pub const DF_1M2M: u16 = 0x5f10;

/// RID and application code of a USIM (TS 101 220 annex E): the first seven octets of every USIM's AID.
pub const USIM_AID_PREFIX: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02];
/// The same of an ISIM.
pub const ISIM_AID_PREFIX: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x04];
/// Of a oneM2M service module: the RID of ETSI, as TS-0003 D.2.1.2 allows; the code behind it is this project's own,
/// since none is published.
pub const M2MSM_AID_PREFIX: [u8; 7] = [0xa0, 0x00, 0x00, 0x00, 0x09, 0xf1, 0x2d];
/// Of this project's on-card client for Ks_int_NAF (ruling 13): proprietary, unregistered (F at the beginning).
pub const CLIENT_AID: [u8; 9] = [0xf0, b'K', b's', b'_', b'i', b'n', b't', 0x00, 0x01];
/// Access rule application master (GPD_SPE_013).
pub const ARA_M_AID: [u8; 9] = [0xa0, 0x00, 0x00, 0x01, 0x51, 0x41, 0x43, 0x4c, 0x00];
/// Issuer security domain (GPC_SPE_034).
pub const ISD_AID: [u8; 8] = [0xa0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// Applications by the beginning of their AID, with the names that people use.
pub const APPLICATIONS: &[(&str, &[u8])] = &[
    ("USIM", &USIM_AID_PREFIX),
    ("ISIM", &ISIM_AID_PREFIX),
    ("1M2MSM", &M2MSM_AID_PREFIX),
    ("CSIM", &[0xa0, 0x00, 0x00, 0x03, 0x43, 0x10, 0x02]),
    ("ARA-M", &ARA_M_AID),
    ("ISD", &ISD_AID),
    ("KS-INT", &CLIENT_AID),
];

/// A directory of the table.
pub struct Directory {
    /// `MF`, `ADF.USIM`, `ADF.USIM/DF.5GS`.
    pub name: &'static str,
    /// Beginning of the AID of the application that it is or lies in.
    pub aid: Option<&'static [u8]>,
    /// Identifiers from MF or ADF down to it.
    pub fids: &'static [u16],
    /// Its elementary files.
    pub files: &'static [File],
}

/// An elementary file of the table.
pub struct File {
    /// File identifier.
    pub fid: u16,
    /// `EF_IMSI`.
    pub name: &'static str,
    /// Short file identifier that its clause gives it.
    pub sfi: Option<u8>,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What its octets say; of one record, where it has records.
    pub decode: Decoder,
}

/// The directory at a place: `aid` is an application's AID or its beginning.
#[must_use]
pub fn directory(aid: Option<&[u8]>, fids: &[u16]) -> Option<&'static Directory> {
    let same = |known: Option<&[u8]>| match (known, aid) {
        (None, None) => true,
        // Either may be the longer one: a person writes less than the table, a card more.
        (Some(known), Some(aid)) => aid.starts_with(known) || (aid.len() >= 5 && known.starts_with(aid)),
        _ => false,
    };
    DIRECTORIES.iter().find(|d| d.fids == fids && same(d.aid))
}

/// The file at a place.
#[must_use]
pub fn file(aid: Option<&[u8]>, fids: &[u16]) -> Option<&'static File> {
    let (fid, above) = fids.split_last()?;
    directory(aid, above)?.file(*fid)
}

/// The first file of that name: `EF_IMSI`, `EF.IMSI`, `imsi`. The MF comes before the USIM, the USIM before the ISIM.
#[must_use]
pub fn find(name: &str) -> Option<(&'static Directory, &'static File)> {
    let found = |d: &'static Directory| d.named(name).map(|f| (d, f));
    DIRECTORIES.iter().find_map(found)
}

/// The name of an elementary or dedicated file by its identifier alone, as a trace has it: the first of the table.
#[must_use]
pub fn name(fid: u16) -> Option<&'static str> {
    let of_file = || DIRECTORIES.iter().find_map(|d| d.file(fid)).map(|f| f.name);
    match fid {
        MF => Some("MF"),
        ADF => Some("ADF of the active application"),
        _ => of_file().or_else(|| {
            let own = |d: &&Directory| d.fids.last() == Some(&fid);
            let last = |d: &'static Directory| d.name.rsplit('/').next();
            DIRECTORIES.iter().find(own).and_then(last)
        }),
    }
}

impl Directory {
    /// The file of that identifier.
    #[must_use]
    pub fn file(&self, fid: u16) -> Option<&'static File> {
        self.files.iter().find(|f| f.fid == fid)
    }

    /// The file of that name, in any of its spellings.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&'static File> {
        self.files.iter().find(|f| same_name(f.name, name))
    }
}

/// Case, the divider behind `EF` and `-` for `_` don't matter; neither does `EF` itself.
pub(crate) fn same_name(known: &str, written: &str) -> bool {
    let plain = |name: &str| {
        let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
        name.strip_prefix("EF_").map_or(name.clone(), str::to_owned)
    };
    plain(known) == plain(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_no_identifier_name_or_short_identifier_twice() {
        for d in DIRECTORIES {
            for (i, file) in d.files.iter().enumerate() {
                for before in &d.files[..i] {
                    assert_ne!(file.fid, before.fid, "{} {}", d.name, file.name);
                    assert!(!same_name(file.name, before.name), "{} {}", d.name, file.name);
                    assert!(
                        file.sfi.is_none() || file.sfi != before.sfi,
                        "{} {}",
                        d.name,
                        file.name
                    );
                }
                assert!(
                    file.sfi.is_none_or(|s| (1..=30).contains(&s)),
                    "{} {}",
                    d.name,
                    file.name
                );
                assert!(file.name.starts_with("EF_"), "{}", file.name);
            }
        }
    }

    #[test]
    fn a_file_is_found_by_each_of_its_spellings_and_its_place() {
        for spelling in ["EF_IMSI", "EF.IMSI", "imsi", "ef_imsi"] {
            let (directory, file) = find(spelling).unwrap();
            assert_eq!((directory.name, file.fid), ("ADF.USIM", EF_IMSI));
        }
        assert_eq!(
            find("EF_START-HFN").map(|(_, f)| f.fid),
            find("ef.start_hfn").map(|(_, f)| f.fid)
        );
        assert_eq!(find("EF_ARR").map(|(d, _)| d.name), Some("MF"));
        assert!(find("EF_NOTHING").is_none());
        let isim = [&ISIM_AID_PREFIX[..], &[0xff; 9]].concat();
        assert_eq!(file(Some(&isim), &[0x6f07]).map(|f| f.name), Some("EF_IST"));
        assert_eq!(
            file(Some(&USIM_AID_PREFIX), &[DF_5GS, 0x4f07]).map(|f| f.name),
            Some("EF_SUCI_Calc_Info")
        );
        assert!(file(None, &[EF_IMSI]).is_none() && file(Some(&[0xa0]), &[EF_IMSI]).is_none());
        assert_eq!(name(DF_5GS), Some("DF.5GS"));
        assert_eq!((name(EF_IMSI), name(0xffff)), (Some("EF_IMSI"), None));
    }
}
