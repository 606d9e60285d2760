//! ADF ISIM of built-in profiles (TS 31.103 4.2).

use gba::ids::Impi;

use crate::{
    ef::{
        Content as _, ServiceTable, ad,
        ims::{Name, Pcscf},
        services,
    },
    names,
};

use super::{
    arr::Access,
    folder::Folder,
    profile::{FilePath, FileSpec, Profile},
    usim::{gba_files, mnc_or_two},
};

/// Full AID of the ISIM.
pub const ISIM_AID: [u8; 16] = [
    0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x04, 0xff, 0xff, 0xff, 0xff, 0x89, 0x00, 0x00, 0x01, 0x00,
];

/// Octets of EF_IMPI, EF_DOMAIN and a record of EF_IMPU and EF_P-CSCF at least.
const NAME: u8 = 100;

pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    use Access::{Protected, Public};
    let Some(isim) = &profile.isim else {
        return Vec::new();
    };
    let impi = isim
        .impi
        .clone()
        .unwrap_or_else(|| Impi::from_imsi(&profile.imsi, mnc_or_two(profile)));
    let mut services = vec![1];
    services.extend(isim.gba_u.as_ref().map(|_| services::ISIM_GBA));
    let ad = profile.mnc_length.map_or(vec![0; 3], |m| ad::encode(m).to_vec());
    let mut f = Folder::new(
        FilePath::in_adf(&ISIM_AID, &[]),
        names::EF_ARR_MF,
        names::EF_ARR_USIM,
    );
    f.file(names::EF_ARR_USIM, Public, super::mf::rules());
    f.typed(names::EF_IMPI, Protected, &Name::new(impi.as_str()), NAME.into());
    f.typed(0x6f03, Protected, &Name::new(impi.domain()), NAME.into());
    // A public identity made of the private one, until the network tells others (TS 23.003 13.4B).
    let impu = Name::new(&format!("sip:{}", impi.as_str())).octets();
    let length = u8::try_from(impu.len()).unwrap_or(u8::MAX).max(NAME);
    f.records(0x6f04, Protected, length, vec![impu]);
    f.octets(names::EF_IST, Protected, ServiceTable::new(2, &services).octets());
    f.records(0x6f09, Protected, NAME, vec![Pcscf(None).octets()]);
    f.octets(names::EF_AD, Public, ad);
    gba_files(
        &mut f,
        isim.gba_u.as_ref(),
        [names::EF_GBABP_ISIM, names::EF_GBANL_ISIM],
    );
    f.close(Vec::new())
}
