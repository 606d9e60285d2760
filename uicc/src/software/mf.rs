//! What lies directly under the MF in built-in profiles (TS 102 221 13).

use crate::{ef::DirEntry, names};

use super::{
    arr::{ARR_RECORD, Access},
    profile::{Content, FilePath, FileSpec, Profile},
    usim::USIM_AID,
};

/// Octets of a record of EF_DIR.
const DIR_RECORD: u8 = 38;

pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    let file = |fid, access: Access, content| {
        FileSpec::new(
            FilePath::in_mf(&[fid]),
            names::EF_ARR_MF,
            access.record(),
            content,
        )
    };
    vec![
        FileSpec::new(
            FilePath::MF,
            names::EF_ARR_MF,
            Access::Directory.record(),
            Content::Directory,
        ),
        file(
            names::EF_ICCID,
            Access::Public,
            Content::Transparent(profile.iccid.encode().to_vec()),
        )
        .with_sfi(0x02),
        file(
            names::EF_DIR,
            Access::Public,
            Content::LinearFixed {
                record_length: DIR_RECORD,
                records: vec![dir_record(&USIM_AID, "USIM")],
            },
        )
        .with_sfi(0x1e),
        file(names::EF_ARR_MF, Access::Public, rules()).with_sfi(0x06),
    ]
}

fn dir_record(aid: &[u8], label: &str) -> Vec<u8> {
    let entry = DirEntry {
        aid: aid.to_vec(),
        label: Some(label.to_owned()),
    };
    // 26 octets of 38: it fits.
    entry.encode(DIR_RECORD).unwrap_or_default()
}

/// EF_ARR with all rules of built-in profiles.
pub(super) fn rules() -> Content {
    Content::LinearFixed {
        record_length: ARR_RECORD,
        records: Access::ALL.iter().map(|a| a.rule()).collect(),
    }
}
