//! ADF USIM of built-in profiles (TS 31.102 4.2), with what a phone reads when it starts (TS 31.102 5.1), DF.GSM-ACCESS
//! (4.4.3) and DF.5GS (4.4.11); DF.TELECOM (4.6).

use gba::ids::MncLength;

use crate::{
    ef::Content as _,
    ef::{
        GbaBp, ServiceTable, ad, imsi,
        location::{EpsLoci, FiveGsLoci, Loci, PsLoci},
        number::{Dialling, EmergencyCall, SmsParameters},
        objects::{AccessIdentities, EpsContext, RoutingIndicator, SuciCalcInfo},
        plmn::{Plmn, PlmnList},
        services,
        simple::{AccessClasses, SearchPeriod, SessionKeys, StartHfn, Threshold},
        text::{Languages, Spn},
    },
    names,
};

use super::{
    arr::Access,
    folder::Folder,
    m2m,
    profile::{FilePath, FileSpec, GbaU, Profile},
};

/// Octets of EF_GBABP: room for a B-TID of 216 octets.
const GBABP_SIZE: usize = 255;
/// Octets of a record of EF_GBANL.
pub(super) const GBANL_RECORD: u8 = 255;
/// Octets of EF_UST: 136 services.
const UST_SIZE: usize = 17;
/// Records of EF_SMS.
const MESSAGES: usize = 5;
/// Octets of a name before a number.
const ALPHA: u8 = 14;

/// Full AID of the USIM: RID, application code 1002, then country, provider and application data of TS 101 220 annex E.
pub const USIM_AID: [u8; 16] = [
    0xa0, 0x00, 0x00, 0x00, 0x87, 0x10, 0x02, 0xff, 0xff, 0xff, 0xff, 0x89, 0x00, 0x00, 0x01, 0x00,
];

/// Services whose files are always there: SMS, SMS parameters, cell broadcast identifiers, SPN, user PLMNs, MSISDN, data
/// download by SMS-PP, the one that shall be set, operator and home PLMNs, equivalent home PLMNs, EPS and 5GS mobility,
/// 5G security parameters, SUCI by the phone, unified access control.
const SERVICES: [u16; 16] = [10, 12, 15, 19, 20, 21, 33, 34, 42, 43, 71, 85, 122, 123, 124, 126];

/// The network that the card belongs to.
pub(super) fn home(profile: &Profile) -> Option<Plmn> {
    let mnc = profile.mnc_length?;
    format!("{}-{}", profile.imsi.mcc(), profile.imsi.mnc(mnc))
        .parse()
        .ok()
}

pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    use Access::{Open, Protected, Public, Shared};
    let mut services = SERVICES.to_vec();
    if profile.gsm {
        services.extend([services::GSM_ACCESS, services::GSM_CONTEXT]);
    }
    if profile.gba_u.is_some() {
        services.push(services::GBA);
    }
    let ust = ServiceTable::new(UST_SIZE, &services);
    // An EF_AD of three octets where the length of the MNC isn't told (ruling 4).
    let ad = profile.mnc_length.map_or(vec![0; 3], |m| ad::encode(m).to_vec());
    // The last digit of the IMSI is the access class (TS 22.011 4.2).
    let class = profile.imsi.as_str().bytes().last().map_or(0, |d| d - b'0');

    let mut f = Folder::new(
        FilePath::in_adf(&USIM_AID, &[]),
        names::EF_ARR_MF,
        names::EF_ARR_USIM,
    );
    f.file(names::EF_ARR_USIM, Public, super::mf::rules());
    f.typed(0x6f05, Open, &Languages(vec![Some(*b"en"), None]), 0);
    f.octets(names::EF_IMSI, Protected, imsi::encode(&profile.imsi));
    f.typed(0x6f08, Shared, &SessionKeys::none(), 0);
    f.typed(0x6f09, Shared, &SessionKeys::none(), 0);
    f.typed(0x6f31, Protected, &SearchPeriod(10), 0);
    f.octets(names::EF_UST, Protected, ust.octets());
    f.records(0x6f3c, Shared, 176, vec![vec![0]; MESSAGES]);
    f.records(0x6f40, Shared, ALPHA + 14, vec![Vec::new()]);
    f.records(
        0x6f42,
        Shared,
        ALPHA + 28,
        vec![SmsParameters::centre(Dialling::EMPTY, ALPHA.into()).octets()],
    );
    f.octets(0x6f43, Shared, [0xff, 0xff]);
    f.typed(0x6f46, Public, &Spn::new(&profile.name), 0);
    f.octets(0x6f48, Protected, [0xff; 8]);
    f.octets(0x6f56, Access::Enabled, [0]);
    f.typed(
        0x6f5b,
        Shared,
        &StartHfn {
            cs: [0xf0, 0, 0],
            ps: [0xf0, 0, 0],
        },
        0,
    );
    f.typed(0x6f5c, Protected, &Threshold([0x0f, 0xff, 0xff]), 0);
    f.octets(0x6f60, Shared, no_networks(8));
    f.octets(0x6f61, Protected, no_networks(8));
    f.octets(0x6f62, Protected, no_networks(1));
    f.typed(0x6f73, Shared, &PsLoci::NEW, 0);
    f.typed(0x6f78, Protected, &AccessClasses(1 << class), 0);
    f.typed(0x6f7b, Shared, &PlmnList(vec![None; 4]), 0);
    f.typed(0x6f7e, Shared, &Loci::NEW, 0);
    f.octets(names::EF_AD, Public, ad);
    f.records(
        0x6fb7,
        Public,
        ALPHA + 4,
        vec![emergency("112"), emergency("911")],
    );
    f.octets(0x6fc4, Shared, [0xff; 46]);
    f.typed(0x6fd9, Protected, &PlmnList(vec![home(profile)]), 0);
    f.typed(0x6fe3, Shared, &EpsLoci::NEW, 0);
    f.records(0x6fe4, Shared, 54, vec![EpsContext::none().octets()]);
    gba_files(&mut f, profile.gba_u.as_ref(), [names::EF_GBABP, names::EF_GBANL]);
    let mut inner = five_gs(f.folder(names::DF_5GS));
    if profile.gsm {
        let mut gsm = f.folder(names::DF_GSM_ACCESS);
        for fid in [0x4f20, 0x4f52] {
            // No key: CKSN 7.
            gsm.octets(
                fid,
                Shared,
                [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07],
            );
        }
        inner.extend(gsm.close(Vec::new()));
    }
    if let Some(subscription) = &profile.m2m_framework {
        // Services 7 and 8 need the GBA of the application that the framework lies in.
        let framework = f.folder(names::DF_1M2M);
        inner.extend(m2m::files(framework, subscription, profile.gba_u.is_some()));
    }
    f.close(inner)
}

/// EF_GBABP and EF_GBANL of an application with GBA_U.
pub(super) fn gba_files(f: &mut Folder, gba_u: Option<&GbaU>, [gbabp, gbanl]: [u16; 2]) {
    if let Some(gba_u) = gba_u {
        let bp = gba_u.run.as_ref().map(|run| GbaBp::started(&run.rand));
        let records = vec![Vec::new(); usize::from(gba_u.naf_records.clamp(1, 254))];
        f.octets(gbabp, Access::Shared, gbabp_file(bp));
        f.records(gbanl, Access::Protected, GBANL_RECORD, records);
    }
}

/// EF_GBABP with these fields, padded to its size.
pub(super) fn gbabp_file(bp: Option<GbaBp>) -> Vec<u8> {
    // A RAND alone has 19 octets: it is never too long.
    let mut octets = bp.and_then(|b| b.encode().ok()).unwrap_or_default();
    octets.resize(GBABP_SIZE, 0xff);
    octets
}

fn five_gs(mut f: Folder) -> Vec<FileSpec> {
    use Access::{Protected, Shared};
    // The null scheme alone: the phone sends the SUPI as it is, since the card has no key of the home network.
    let suci = SuciCalcInfo {
        schemes: vec![(0, 0)],
        keys: Vec::new(),
    };
    f.typed(0x4f01, Shared, &FiveGsLoci::NEW, 0);
    f.typed(0x4f02, Shared, &FiveGsLoci::NEW, 0);
    f.records(0x4f03, Shared, 62, vec![Vec::new()]);
    f.records(0x4f04, Shared, 62, vec![Vec::new()]);
    f.octets(0x4f05, Shared, [0xff; 68]);
    f.typed(0x4f06, Protected, &AccessIdentities([0; 4]), 0);
    f.typed(0x4f07, Protected, &suci, 0);
    f.typed(0x4f0a, Protected, &RoutingIndicator([0xf0, 0xff, 0xff, 0xff]), 0);
    f.close(Vec::new())
}

/// DF.TELECOM under the MF.
pub(super) fn telecom() -> Vec<FileSpec> {
    let mut f = Folder::new(
        FilePath::in_mf(&[names::DF_TELECOM]),
        names::EF_ARR_MF,
        names::EF_ARR_USIM,
    );
    f.file(names::EF_ARR_USIM, Access::Public, super::mf::rules());
    f.records(0x6f3a, Access::Shared, ALPHA + 14, vec![Vec::new(); 10]);
    f.octets(0x6f54, Access::Shared, [0xff; 24]);
    f.close(Vec::new())
}

/// Entries of EF_PLMNwAcT and its kin without a network.
fn no_networks(count: usize) -> Vec<u8> {
    [0xff, 0xff, 0xff, 0, 0].repeat(count)
}

fn emergency(code: &str) -> Vec<u8> {
    // Category 0: the network's own choice.
    EmergencyCall::new(code, "", ALPHA.into(), 0).map_or(Vec::new(), |e| e.octets())
}

/// What a card says of itself where nothing else is known of the length of its MNC.
pub(super) fn mnc_or_two(profile: &Profile) -> MncLength {
    profile.mnc_length.unwrap_or(MncLength::Two)
}
