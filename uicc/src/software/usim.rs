//! ADF USIM of built-in profiles (TS 31.102 4.2).

use crate::{
    ef::{GbaBp, ServiceTable, ad, imsi, services},
    names,
};

use super::{
    arr::Access,
    profile::{Content, FilePath, FileSpec, Profile},
};

/// Octets of EF_GBABP: room for a B-TID of 216 octets.
const GBABP_SIZE: usize = 255;
/// Octets of a record of EF_GBANL.
pub(super) const GBANL_RECORD: u8 = 255;
/// Octets of EF_UST: 120 services.
const UST_SIZE: usize = 15;

/// Full AID of the USIM: RID, application code 1002, then country, provider and application data of TS 101 220 annex E.
pub(super) const USIM_AID: [u8; 16] = [
    0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x00, 0x00, 0x01, 0x00,
];

pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    let mut available = Vec::new();
    if profile.gsm {
        available.extend([services::GSM_ACCESS, services::GSM_CONTEXT]);
    }
    if profile.gba_u.is_some() {
        available.push(services::GBA);
    }
    let ust = ServiceTable::new(UST_SIZE, &available);
    let ad = profile.mnc_length.map_or(vec![0; 3], |m| ad::encode(m).to_vec());
    let file = |fid, access: Access, content| {
        let path = FilePath::in_adf(&USIM_AID, &[fid]);
        FileSpec::new(path, names::EF_ARR_USIM, access.record(), content)
    };
    let transparent = |fid, access, octets: &[u8]| file(fid, access, Content::Transparent(octets.to_vec()));
    let mut all = vec![
        FileSpec::new(
            FilePath::in_adf(&USIM_AID, &[]),
            names::EF_ARR_MF,
            Access::Directory.record(),
            Content::Directory,
        ),
        transparent(names::EF_IMSI, Access::Protected, &imsi::encode(&profile.imsi)).with_sfi(0x07),
        transparent(names::EF_UST, Access::Protected, ust.octets()).with_sfi(0x04),
        transparent(names::EF_AD, Access::Public, &ad).with_sfi(0x03),
        file(names::EF_ARR_USIM, Access::Public, super::mf::rules()).with_sfi(0x17),
    ];
    if let Some(gba_u) = &profile.gba_u {
        let bp = gba_u.run.as_ref().map(|run| GbaBp::started(&run.rand));
        let records = vec![Vec::new(); usize::from(gba_u.naf_records.clamp(1, 254))];
        all.push(transparent(names::EF_GBABP, Access::Shared, &gbabp_file(bp)));
        all.push(file(
            names::EF_GBANL,
            Access::Protected,
            Content::LinearFixed {
                record_length: GBANL_RECORD,
                records,
            },
        ));
    }
    all
}

/// EF_GBABP with these fields, padded to its size.
pub(super) fn gbabp_file(bp: Option<GbaBp>) -> Vec<u8> {
    // A RAND alone has 19 octets: it is never too long.
    let mut octets = bp.and_then(|b| b.encode().ok()).unwrap_or_default();
    octets.resize(GBABP_SIZE, 0xff);
    octets
}
