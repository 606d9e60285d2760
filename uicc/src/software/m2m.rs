//! oneM2M files of built-in profiles (TS-0003 annex D): DF.1M2M under the USIM, ADF.1M2MSM, and the entry of EF_DIR that
//! names the former.

use crate::{
    ef::{
        Content as _, ServiceTable,
        ims::{Address, Name},
        m2m::{Entry, Mef},
    },
    names,
};

use super::{
    arr::Access,
    folder::Folder,
    profile::{FilePath, FileSpec, Profile, Subscription},
};

/// Full AID of the oneM2M service module.
pub const M2MSM_AID: [u8; 12] = {
    let [a, b, c, d, e, f, g] = names::M2MSM_AID_PREFIX;
    [a, b, c, d, e, f, g, 0xff, 0xff, 0x89, 0x00, 0x01]
};

/// EF_ARR of the oneM2M files: 6F1X is for the card's issuer there (D.2.1.2), and 6F06 is taken.
const ARR: u16 = 0x6f1f;
/// Octets of a name at least, so that it can be changed in the field.
const NAME: usize = 64;

/// ADF.1M2MSM, for a subscription that no network application derives keys for.
pub(super) fn module(profile: &Profile) -> Vec<FileSpec> {
    let Some(subscription) = &profile.m2m_module else {
        return Vec::new();
    };
    let path = FilePath::in_adf(&M2MSM_AID, &[]);
    files(Folder::new(path, names::EF_ARR_MF, ARR), subscription, false)
}

/// All files of D.1.3. `gba`: the directory lies in an application with GBA (services 7 and 8).
pub(super) fn files(f: Folder, subscription: &Subscription, gba: bool) -> Vec<FileSpec> {
    use Access::Public;
    let mut f = f.with_rules_in(ARR);
    let Subscription {
        subscription_id,
        provider,
        node,
        cse,
        entities,
        enrolment,
        in_cses,
        maf,
    } = subscription;
    let there = [
        (1, cse.is_some()),
        (2, !in_cses.is_empty()),
        (3, maf.is_some()),
        (4, !entities.is_empty()),
        (5, !enrolment.is_empty()),
        (6, node.is_some()),
        (7, gba),
        (8, gba),
    ];
    let services: Vec<u16> = there
        .iter()
        .filter(|(_, there)| *there)
        .map(|(n, _)| *n)
        .collect();
    let name = |text: Option<&String>| Name::new(text.map_or("", String::as_str));

    f.file(ARR, Public, super::mf::rules());
    f.octets(0x6f0a, Public, ServiceTable::new(1, &services).octets());
    f.typed(0x6f02, Public, &Name::new(subscription_id), NAME);
    f.typed(0x6f03, Public, &Name::new(provider), NAME);
    f.typed(0x6f04, Public, &name(node.as_ref()), NAME);
    f.typed(0x6f05, Public, &name(cse.as_ref()), NAME);
    list(
        &mut f,
        0x6f06,
        entities.iter().map(|e| Entry::new(e).octets()).collect(),
    );
    let mefs = enrolment
        .iter()
        .map(|m| Mef(Some(Address::Fqdn(m.clone().into_bytes()))).octets());
    list(&mut f, 0x6f07, mefs.collect());
    list(
        &mut f,
        0x6f08,
        in_cses.iter().map(|c| Entry::new(c).octets()).collect(),
    );
    f.typed(0x6f09, Public, &name(maf.as_ref()), NAME);
    f.close(Vec::new())
}

/// Records as long as the longest; one that is empty (00) where there is none.
fn list(f: &mut Folder, fid: u16, mut records: Vec<Vec<u8>>) {
    if records.is_empty() {
        records.push(vec![0]);
    }
    let longest = records.iter().map(Vec::len).max().unwrap_or(0).max(NAME);
    f.records(
        fid,
        Access::Public,
        u8::try_from(longest).unwrap_or(u8::MAX),
        records,
    );
}
