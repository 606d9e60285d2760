//! What lies directly under the MF in built-in profiles (TS 102 221 13).

use crate::{
    ef::{Content as _, DirEntry, text::Languages},
    names,
};

use super::{
    arr::{ARR_RECORD, Access},
    guard,
    isim::ISIM_AID,
    m2m::M2MSM_AID,
    profile::{Content, FilePath, FileSpec, Profile},
    usim::USIM_AID,
};

/// Octets of a record of EF_DIR at least.
const DIR_RECORD: usize = 38;

pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    let file = |fid, access: Access, content| {
        FileSpec::new(
            FilePath::in_mf(&[fid]),
            names::EF_ARR_MF,
            access.record(),
            content,
        )
    };
    let mut all = vec![
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
        file(names::EF_DIR, Access::Public, applications(profile)).with_sfi(0x1e),
        file(
            0x2f05,
            Access::Open,
            Content::Transparent(Languages(vec![Some(*b"en")]).octets()),
        )
        .with_sfi(0x05),
        file(names::EF_ARR_MF, Access::Public, rules()).with_sfi(0x06),
    ];
    if profile.guard_auts {
        all.push(guard::file());
    }
    all
}

/// EF_DIR: what a terminal may choose. ARA-M and the client are known by their AIDs alone.
fn applications(profile: &Profile) -> Content {
    let frameworks: Vec<_> = profile
        .m2m_framework
        .iter()
        .map(|s| (names::DF_1M2M, s.subscription_id.as_bytes().to_vec()))
        .collect();
    let entry = |aid: &[u8], label: &str| DirEntry {
        aid: aid.to_vec(),
        label: Some(label.to_owned()),
    };
    let mut records = vec![entry(&USIM_AID, "USIM").template(&frameworks)];
    if profile.isim.is_some() {
        records.push(entry(&ISIM_AID, "ISIM").template(&[]));
    }
    if profile.m2m_module.is_some() {
        records.push(entry(&M2MSM_AID, "1M2MSM").template(&[]));
    }
    let longest = records.iter().map(Vec::len).max().unwrap_or(0).max(DIR_RECORD);
    Content::LinearFixed {
        record_length: u8::try_from(longest).unwrap_or(u8::MAX),
        records,
    }
}

/// EF_ARR with all rules of built-in profiles.
pub(super) fn rules() -> Content {
    Content::LinearFixed {
        record_length: ARR_RECORD,
        records: Access::ALL.iter().map(|a| a.rule()).collect(),
    }
}
