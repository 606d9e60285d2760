//! The table itself, a line a file.

use crate::ef::{
    Decoder, ad, arr, decode as d, decoder,
    ims::{Name, Pcscf},
    location::{EpsLoci, FiveGsLoci, Loci, PsLoci},
    m2m::{Entry, Mef},
    number::{EmergencyCall, Number, SmsParameters},
    objects::{AccessIdentities, EpsContext, MskRecord, MukRecord, RoutingIndicator, SuciCalcInfo, objects},
    plmn::{PlmnList, PlmnSelector},
    simple::{
        AccessClasses, MessageIds, MessageRanges, Power, SearchPeriod, SessionKeys, ShortMessage, SmsStatus,
        StartHfn, Threshold,
    },
    text::{Languages, Spn},
};

use super::{
    DF_5GS, DF_GSM_ACCESS, DF_TELECOM, Directory, File, ISIM_AID_PREFIX, M2MSM_AID_PREFIX, USIM_AID_PREFIX,
};

/// A file; SFI 0 stands for none.
const fn f(fid: u16, name: &'static str, sfi: u8, title: &'static str, decode: Decoder) -> File {
    File {
        fid,
        name,
        sfi: if sfi == 0 { None } else { Some(sfi) },
        title,
        decode,
    }
}

/// Every directory that is known by name. DF.1M2M has the identifier that this project's profiles give it: TS-0003
/// leaves it to EF_DIR.
pub const DIRECTORIES: &[Directory] = &[
    Directory {
        name: "MF",
        aid: None,
        fids: &[],
        files: MASTER,
    },
    Directory {
        name: "ADF.USIM",
        aid: Some(&USIM_AID_PREFIX),
        fids: &[],
        files: USIM,
    },
    Directory {
        name: "ADF.USIM/DF.GSM-ACCESS",
        aid: Some(&USIM_AID_PREFIX),
        fids: &[DF_GSM_ACCESS],
        files: GSM_ACCESS,
    },
    Directory {
        name: "ADF.USIM/DF.5GS",
        aid: Some(&USIM_AID_PREFIX),
        fids: &[DF_5GS],
        files: FIVE_GS,
    },
    Directory {
        name: "ADF.USIM/DF.1M2M",
        aid: Some(&USIM_AID_PREFIX),
        fids: &[super::DF_1M2M],
        files: M2M,
    },
    Directory {
        name: "ADF.USIM/DF.PHONEBOOK",
        aid: Some(&USIM_AID_PREFIX),
        fids: &[0x5f3a],
        files: PHONEBOOK,
    },
    Directory {
        name: "ADF.ISIM",
        aid: Some(&ISIM_AID_PREFIX),
        fids: &[],
        files: ISIM,
    },
    Directory {
        name: "ADF.1M2MSM",
        aid: Some(&M2MSM_AID_PREFIX),
        fids: &[],
        files: M2M,
    },
    Directory {
        name: "DF.TELECOM",
        aid: None,
        fids: &[DF_TELECOM],
        files: TELECOM,
    },
    Directory {
        name: "DF.TELECOM/DF.PHONEBOOK",
        aid: None,
        fids: &[DF_TELECOM, 0x5f3a],
        files: PHONEBOOK,
    },
    Directory {
        name: "DF.GSM",
        aid: None,
        fids: &[0x7f20],
        files: GSM,
    },
];

/// TS 102 221 13.
const MASTER: &[File] = &[
    f(0x2f00, "EF_DIR", 0x1e, "applications", d::dir),
    f(0x2f05, "EF_PL", 0x05, "preferred languages", decoder::<Languages>),
    f(0x2f06, "EF_ARR", 0x06, "access rules", decoder::<arr::Rules>),
    f(
        0x2f08,
        "EF_UMPC",
        0x08,
        "maximum power consumption",
        decoder::<Power>,
    ),
    f(0x2fe2, "EF_ICCID", 0x02, "serial number", d::iccid),
];

/// TS 31.102 4.2.
const USIM: &[File] = &[
    f(0x6f05, "EF_LI", 0x02, "languages", decoder::<Languages>),
    f(0x6f06, "EF_ARR", 0x17, "access rules", decoder::<arr::Rules>),
    f(0x6f07, "EF_IMSI", 0x07, "subscriber identity", d::imsi),
    f(
        0x6f08,
        "EF_Keys",
        0x08,
        "CK and IK, CS domain",
        decoder::<SessionKeys>,
    ),
    f(
        0x6f09,
        "EF_KeysPS",
        0x09,
        "CK and IK, PS domain",
        decoder::<SessionKeys>,
    ),
    f(0x6f2c, "EF_DCK", 0, "de-personalisation keys", d::octets),
    f(
        0x6f31,
        "EF_HPPLMN",
        0x12,
        "search period",
        decoder::<SearchPeriod>,
    ),
    f(0x6f32, "EF_CNL", 0, "co-operative networks", d::octets),
    f(0x6f37, "EF_ACMmax", 0, "maximum of charge", d::octets),
    f(0x6f38, "EF_UST", 0x04, "service table", d::ust),
    f(0x6f39, "EF_ACM", 0, "accumulated charge", d::octets),
    f(0x6f3b, "EF_FDN", 0, "fixed dialling numbers", decoder::<Number>),
    f(0x6f3c, "EF_SMS", 0, "short messages", decoder::<ShortMessage>),
    f(0x6f3e, "EF_GID1", 0, "group identifier 1", d::octets),
    f(0x6f3f, "EF_GID2", 0, "group identifier 2", d::octets),
    f(0x6f40, "EF_MSISDN", 0, "own numbers", decoder::<Number>),
    f(0x6f41, "EF_PUCT", 0, "price per unit", d::octets),
    f(
        0x6f42,
        "EF_SMSP",
        0,
        "short message parameters",
        decoder::<SmsParameters>,
    ),
    f(0x6f43, "EF_SMSS", 0, "short message status", decoder::<SmsStatus>),
    f(
        0x6f45,
        "EF_CBMI",
        0,
        "cell broadcast identifiers",
        decoder::<MessageIds>,
    ),
    f(0x6f46, "EF_SPN", 0, "service provider name", decoder::<Spn>),
    f(0x6f47, "EF_SMSR", 0, "short message status reports", d::octets),
    f(
        0x6f48,
        "EF_CBMID",
        0x0e,
        "cell broadcast identifiers for download",
        decoder::<MessageIds>,
    ),
    f(0x6f49, "EF_SDN", 0, "service dialling numbers", decoder::<Number>),
    f(0x6f4b, "EF_EXT2", 0, "extension 2", d::octets),
    f(0x6f4c, "EF_EXT3", 0, "extension 3", d::octets),
    f(0x6f4d, "EF_BDN", 0, "barred dialling numbers", d::octets),
    f(0x6f4e, "EF_EXT5", 0, "extension 5", d::octets),
    f(
        0x6f50,
        "EF_CBMIR",
        0,
        "cell broadcast ranges",
        decoder::<MessageRanges>,
    ),
    f(0x6f55, "EF_EXT4", 0, "extension 4", d::octets),
    f(0x6f56, "EF_EST", 0x05, "enabled services", d::est),
    f(0x6f57, "EF_ACL", 0, "APN control list", d::octets),
    f(0x6f58, "EF_CMI", 0, "comparison method", d::octets),
    f(0x6f5b, "EF_START-HFN", 0x0f, "START values", decoder::<StartHfn>),
    f(
        0x6f5c,
        "EF_THRESHOLD",
        0x10,
        "maximum of START",
        decoder::<Threshold>,
    ),
    f(
        0x6f60,
        "EF_PLMNwAcT",
        0x0a,
        "user PLMN selector",
        decoder::<PlmnSelector>,
    ),
    f(
        0x6f61,
        "EF_OPLMNwAcT",
        0x11,
        "operator PLMN selector",
        decoder::<PlmnSelector>,
    ),
    f(
        0x6f62,
        "EF_HPLMNwAcT",
        0x13,
        "HPLMN selector",
        decoder::<PlmnSelector>,
    ),
    f(
        0x6f73,
        "EF_PSLOCI",
        0x0c,
        "packet switched location",
        decoder::<PsLoci>,
    ),
    f(
        0x6f78,
        "EF_ACC",
        0x06,
        "access control classes",
        decoder::<AccessClasses>,
    ),
    f(0x6f7b, "EF_FPLMN", 0x0d, "forbidden PLMNs", decoder::<PlmnList>),
    f(0x6f7e, "EF_LOCI", 0x0b, "location", decoder::<Loci>),
    f(0x6f80, "EF_ICI", 0x14, "incoming calls", d::octets),
    f(0x6f81, "EF_OCI", 0x15, "outgoing calls", d::octets),
    f(0x6f82, "EF_ICT", 0, "timer of incoming calls", d::octets),
    f(0x6f83, "EF_OCT", 0, "timer of outgoing calls", d::octets),
    f(0x6fad, "EF_AD", 0x03, "administrative data", ad::value),
    f(0x6fb5, "EF_eMLPP", 0, "precedence and pre-emption", d::octets),
    f(0x6fb6, "EF_AAeM", 0, "automatic answer for eMLPP", d::octets),
    f(
        0x6fb7,
        "EF_ECC",
        0x01,
        "emergency call codes",
        decoder::<EmergencyCall>,
    ),
    f(
        0x6fc3,
        "EF_Hiddenkey",
        0,
        "key for hidden phone book entries",
        d::octets,
    ),
    f(0x6fc4, "EF_NETPAR", 0, "network parameters", objects),
    f(0x6fc5, "EF_PNN", 0x19, "PLMN network names", objects),
    f(0x6fc6, "EF_OPL", 0x1a, "operator PLMN list", d::octets),
    f(0x6fc7, "EF_MBDN", 0, "mailbox numbers", decoder::<Number>),
    f(0x6fc8, "EF_EXT6", 0, "extension 6", d::octets),
    f(0x6fc9, "EF_MBI", 0, "mailbox identifiers", d::octets),
    f(0x6fca, "EF_MWIS", 0, "message waiting", d::octets),
    f(0x6fcb, "EF_CFIS", 0, "call forwarding status", d::octets),
    f(0x6fcd, "EF_SPDI", 0, "service provider display", objects),
    f(0x6fce, "EF_MMSN", 0, "MMS notifications", d::octets),
    f(0x6fcf, "EF_EXT8", 0, "extension 8", d::octets),
    f(0x6fd0, "EF_MMSICP", 0, "MMS issuer parameters", d::octets),
    f(0x6fd1, "EF_MMSUP", 0, "MMS user preferences", d::octets),
    f(0x6fd2, "EF_MMSUCP", 0, "MMS user parameters", d::octets),
    f(0x6fd3, "EF_NIA", 0, "network's indication of alerting", d::octets),
    f(0x6fd6, "EF_GBABP", 0, "GBA bootstrapping run", d::gbabp),
    f(0x6fd7, "EF_MSK", 0, "MBMS service keys", decoder::<MskRecord>),
    f(0x6fd8, "EF_MUK", 0, "MBMS user key", decoder::<MukRecord>),
    f(
        0x6fd9,
        "EF_EHPLMN",
        0x1d,
        "equivalent home PLMNs",
        decoder::<PlmnList>,
    ),
    f(0x6fda, "EF_GBANL", 0, "GBA NAF list", d::gbanl),
    f(
        0x6fdb,
        "EF_EHPLMNPI",
        0,
        "equivalent HPLMN presentation",
        d::octets,
    ),
    f(0x6fdc, "EF_LRPLMNSI", 0, "last RPLMN selection", d::octets),
    f(0x6fdd, "EF_NAFKCA", 0, "NAF key centre address", d::octets),
    f(0x6fde, "EF_SPNI", 0, "SPN icon", d::octets),
    f(0x6fdf, "EF_PNNI", 0, "PLMN name icon", d::octets),
    f(0x6fe2, "EF_NCP-IP", 0, "USIM IP connections", d::octets),
    f(0x6fe3, "EF_EPSLOCI", 0x1e, "EPS location", decoder::<EpsLoci>),
    f(
        0x6fe4,
        "EF_EPSNSC",
        0x18,
        "EPS NAS security context",
        decoder::<EpsContext>,
    ),
    f(0x6fe6, "EF_UFC", 0, "USAT facilities", d::octets),
    f(0x6fe7, "EF_UICCIARI", 0, "IARIs", d::octets),
    f(0x6fe8, "EF_NASCONFIG", 0, "NAS configuration", objects),
    f(0x6fec, "EF_PWS", 0, "public warning system", d::octets),
    f(0x6ff3, "EF_ePDGId", 0, "home ePDG", objects),
    f(0x6ff4, "EF_ePDGSelection", 0, "ePDG selection", objects),
    f(0x6ff9, "EF_3GPPPSDATAOFF", 0, "PS data off", d::octets),
    f(0x6ffd, "EF_EARFCNList", 0, "EARFCNs", objects),
];

/// TS 31.102 4.4.3.
const GSM_ACCESS: &[File] = &[
    f(0x4f20, "EF_Kc", 0x01, "GSM key", d::kc),
    f(0x4f52, "EF_KcGPRS", 0x02, "GPRS key", d::kc),
    f(0x4f63, "EF_CPBCCH", 0, "CPBCCH channels", d::octets),
    f(0x4f64, "EF_InvScan", 0, "investigation scan", d::octets),
];

/// TS 31.102 4.4.11.
const FIVE_GS: &[File] = &[
    f(
        0x4f01,
        "EF_5GS3GPPLOCI",
        0x01,
        "5GS location, 3GPP access",
        decoder::<FiveGsLoci>,
    ),
    f(
        0x4f02,
        "EF_5GSN3GPPLOCI",
        0x02,
        "5GS location, other access",
        decoder::<FiveGsLoci>,
    ),
    f(
        0x4f03,
        "EF_5GS3GPPNSC",
        0x03,
        "5GS NAS security context, 3GPP access",
        d::hidden,
    ),
    f(
        0x4f04,
        "EF_5GSN3GPPNSC",
        0x04,
        "5GS NAS security context, other access",
        d::hidden,
    ),
    f(0x4f05, "EF_5GAUTHKEYS", 0x05, "K_AUSF and K_SEAF", d::hidden),
    f(
        0x4f06,
        "EF_UAC_AIC",
        0x06,
        "access identities",
        decoder::<AccessIdentities>,
    ),
    f(
        0x4f07,
        "EF_SUCI_Calc_Info",
        0x07,
        "SUCI schemes and keys",
        decoder::<SuciCalcInfo>,
    ),
    f(0x4f08, "EF_OPL5G", 0x08, "operator PLMN list, 5GS", d::octets),
    f(0x4f09, "EF_SUPI_NAI", 0x09, "SUPI as a NAI", objects),
    f(
        0x4f0a,
        "EF_Routing_Indicator",
        0x0a,
        "routing indicator",
        decoder::<RoutingIndicator>,
    ),
    f(0x4f0b, "EF_URSP", 0x0b, "UE route selection policy", d::octets),
    f(
        0x4f0c,
        "EF_TN3GPPSNN",
        0x0c,
        "trusted non-3GPP networks",
        d::octets,
    ),
];

/// TS 31.103 4.2.
const ISIM: &[File] = &[
    f(0x6f02, "EF_IMPI", 0x02, "private identity", decoder::<Name>),
    f(0x6f03, "EF_DOMAIN", 0x05, "home network domain", decoder::<Name>),
    f(0x6f04, "EF_IMPU", 0x04, "public identities", decoder::<Name>),
    f(0x6f06, "EF_ARR", 0x06, "access rules", decoder::<arr::Rules>),
    f(0x6f07, "EF_IST", 0x07, "service table", d::ist),
    f(0x6f09, "EF_P-CSCF", 0, "P-CSCF addresses", decoder::<Pcscf>),
    f(0x6f3c, "EF_SMS", 0, "short messages", decoder::<ShortMessage>),
    f(
        0x6f42,
        "EF_SMSP",
        0,
        "short message parameters",
        decoder::<SmsParameters>,
    ),
    f(0x6f43, "EF_SMSS", 0, "short message status", decoder::<SmsStatus>),
    f(0x6f47, "EF_SMSR", 0, "short message status reports", d::octets),
    f(0x6fad, "EF_AD", 0x03, "administrative data", ad::value),
    f(0x6fd5, "EF_GBABP", 0, "GBA bootstrapping run", d::gbabp),
    f(0x6fd7, "EF_GBANL", 0, "GBA NAF list", d::gbanl),
    f(0x6fdd, "EF_NAFKCA", 0, "NAF key centre address", d::octets),
    f(0x6fe7, "EF_UICCIARI", 0, "IARIs", d::octets),
];

/// TS-0003 D.1.3.
const M2M: &[File] = &[
    f(0x6f0a, "EF_1M2MST", 0x0a, "oneM2M service table", d::m2mst),
    f(
        0x6f02,
        "EF_1M2MSID",
        0x02,
        "subscription identifier",
        decoder::<Name>,
    ),
    f(0x6f03, "EF_1M2MSPID", 0x03, "service provider", decoder::<Name>),
    f(0x6f04, "EF_M2MNID", 0x04, "node identifier", decoder::<Name>),
    f(0x6f05, "EF_CSEID", 0x05, "local CSE", decoder::<Name>),
    f(
        0x6f06,
        "EF_M2MAEID",
        0x06,
        "application entities",
        decoder::<Entry>,
    ),
    f(0x6f07, "EF_MEFID", 0, "enrolment functions", decoder::<Mef>),
    f(
        0x6f08,
        "EF_INCSEIDS",
        0,
        "CSEs of the infrastructure",
        decoder::<Entry>,
    ),
    f(
        0x6f09,
        "EF_MAFFQDN",
        0,
        "authentication function",
        decoder::<Name>,
    ),
    f(0x6f1f, "EF_ARR", 0, "access rules", decoder::<arr::Rules>),
];

/// TS 31.102 4.6 and TS 51.011 10.5.
const TELECOM: &[File] = &[
    f(0x6f06, "EF_ARR", 0, "access rules", decoder::<arr::Rules>),
    f(
        0x6f3a,
        "EF_ADN",
        0,
        "abbreviated dialling numbers",
        decoder::<Number>,
    ),
    f(0x6f3b, "EF_FDN", 0, "fixed dialling numbers", decoder::<Number>),
    f(0x6f3c, "EF_SMS", 0, "short messages", decoder::<ShortMessage>),
    f(0x6f40, "EF_MSISDN", 0, "own numbers", decoder::<Number>),
    f(
        0x6f42,
        "EF_SMSP",
        0,
        "short message parameters",
        decoder::<SmsParameters>,
    ),
    f(0x6f43, "EF_SMSS", 0, "short message status", decoder::<SmsStatus>),
    f(0x6f4a, "EF_EXT1", 0, "extension 1", d::octets),
    f(0x6f53, "EF_RMA", 0, "remote management actions", d::octets),
    f(0x6f54, "EF_SUME", 0, "set-up menu", d::octets),
    f(
        0x6fe5,
        "EF_PSISMSC",
        0,
        "public identity of the SM service centre",
        decoder::<Name>,
    ),
];

/// TS 31.102 4.4.2; the other files' identifiers are in EF_PBR.
const PHONEBOOK: &[File] = &[f(0x4f30, "EF_PBR", 0, "files of the phone book", objects)];

/// TS 51.011 10.3, as far as its files differ from those of a USIM.
const GSM: &[File] = &[
    f(0x6f07, "EF_IMSI", 0, "subscriber identity", d::imsi),
    f(0x6f20, "EF_Kc", 0, "GSM key", d::kc),
    f(0x6f46, "EF_SPN", 0, "service provider name", decoder::<Spn>),
    f(
        0x6f78,
        "EF_ACC",
        0,
        "access control classes",
        decoder::<AccessClasses>,
    ),
    f(0x6f7b, "EF_FPLMN", 0, "forbidden PLMNs", decoder::<PlmnList>),
    f(0x6f7e, "EF_LOCI", 0, "location", decoder::<Loci>),
    f(0x6fad, "EF_AD", 0, "administrative data", ad::value),
];
