//! EF_UST and EF_IST (TS 31.102 4.2.8, TS 31.103 4.2.7), EF_EST (4.2.47), 1M2MST (TS-0003 D.1.3.1): one bit a service,
//! service 1 is the lowest bit of octet 1.

use super::value::Value;

/// GSM access: AUTHENTICATE in 3G context adds Kc.
pub const GSM_ACCESS: u16 = 27;
/// GSM security context (P2 = 80).
pub const GSM_CONTEXT: u16 = 38;
/// GBA: the card has a GBA context (GBA_U), EF_GBABP and EF_GBANL.
pub const GBA: u16 = 68;
/// GBA of an ISIM, in EF_IST.
pub const ISIM_GBA: u16 = 2;

/// Services of a USIM, number 1 first; an empty name isn't assigned.
#[rustfmt::skip]
pub const USIM: &[&str] = &[
    "local phone book", "fixed dialling numbers", "extension 2", "service dialling numbers", "extension 3",
    "barred dialling numbers", "extension 4", "outgoing call information", "incoming call information",
    "short messages", "short message status reports", "short message parameters", "advice of charge",
    "capability configuration 2", "cell broadcast identifiers", "cell broadcast ranges", "group identifier 1",
    "group identifier 2", "service provider name", "user PLMN selector", "MSISDN", "image", "localised service areas",
    "eMLPP", "automatic answer for eMLPP", "", "GSM access", "data download by SMS-PP", "data download by SMS-CB",
    "call control by USIM", "MO-SMS control by USIM", "RUN AT COMMAND", "shall be set to 1", "enabled services table",
    "APN control list", "depersonalisation keys", "co-operative networks", "GSM security context", "CPBCCH",
    "investigation scan", "MExE", "operator PLMN selector", "HPLMN selector", "extension 5", "PLMN network names",
    "operator PLMN list", "mailbox numbers", "message waiting", "call forwarding status", "", "SPDI", "MMS",
    "extension 8", "call control on GPRS", "MMS user parameters", "network's indication of alerting",
    "VGCS groups", "VBS groups", "pseudonym", "user PLMN selector for I-WLAN", "operator PLMN selector for I-WLAN",
    "user WSIDs", "operator WSIDs", "VGCS security", "VBS security", "WLAN reauthentication identity", "MMS storage",
    "GBA", "MBMS security", "data download by USSD", "equivalent HPLMN", "TERMINAL PROFILE after activation",
    "equivalent HPLMN presentation", "last RPLMN selection", "OMA BCAST smart card profile", "GBA local keys",
    "terminal applications", "SPN icon", "PLMN name icon", "USIM IP connections", "home I-WLAN identifiers",
    "I-WLAN equivalent HPLMN presentation", "I-WLAN HPLMN priority", "I-WLAN last PLMN", "EPS mobility management",
    "allowed CSG lists", "call control on EPS PDN connections", "HPLMN direct access", "eCall data",
    "operator CSG lists", "SM over IP", "CSG display control", "IMS communication control",
    "extended terminal applications", "UICC access to IMS", "NAS configuration", "PWS configuration", "",
    "URI support", "extended EARFCN", "ProSe", "application pairing", "media types", "IMS call disconnection cause",
    "URI for MO-SMS control", "ePDG information", "ePDG information is configured", "ACDC",
    "mission critical services", "emergency ePDG information", "emergency ePDG information is configured",
    "eCall over IMS", "URI for SMS-PP download", "from preferred", "IMS configuration", "TV configuration",
    "3GPP PS data off", "PS data off service list", "V2X", "XCAP configuration", "EARFCNs for MTC and NB-IoT",
    "5GS mobility management", "5G security parameters", "subscription identifier privacy",
    "SUCI calculation by USIM", "unified access control", "steering of roaming expected",
    "call control on PDU sessions", "5GS operator PLMN list", "SUPI of type NSI, GLI or GCI",
];

/// Services of an ISIM, number 1 first.
#[rustfmt::skip]
pub const ISIM: &[&str] = &[
    "P-CSCF address", "GBA", "HTTP digest", "GBA local keys", "P-CSCF discovery for local breakout",
    "short messages", "short message status reports", "SM over IP", "IMS communication control",
    "UICC access to IMS", "URI support", "media types", "IMS call disconnection cause", "URI for MO-SMS control",
    "mission critical services", "URI for SMS-PP download", "from preferred", "IMS configuration",
    "XCAP configuration", "WebRTC URI", "MuD and MiD",
];

/// What EF_EST switches on.
pub const ENABLED: &[&str] = &[
    "fixed dialling numbers",
    "barred dialling numbers",
    "APN control list",
];

/// Services of an M2M subscription (TS-0003 D.1.3.1). D.2.2.7 asks for number 12 where the table has 8.
#[rustfmt::skip]
pub const M2M: &[&str] = &[
    "CSE-ID", "IN-CSE-ID list", "MAF FQDN", "AE-ID list", "MEF address", "M2M-Node-ID", "GBA secure provisioning",
    "GBA secure connection",
];

/// A service table. Octets that a card's file lacks count as "not available".
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServiceTable(Vec<u8>);

impl ServiceTable {
    /// The file's octets, which are the table.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }

    /// A table of `len` octets with these services.
    #[must_use]
    pub fn new(len: usize, services: &[u16]) -> Self {
        let mut table = vec![0; len];
        for (octet, mask) in services.iter().filter_map(|s| position(*s)) {
            if let Some(o) = table.get_mut(octet) {
                *o |= mask;
            }
        }
        Self(table)
    }

    /// The file's octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Numbers of the available services.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        (1..=u16::MAX)
            .take(self.0.len().saturating_mul(8))
            .filter(|n| self.has(*n))
    }

    /// `27 GSM access`, by one of this module's lists of names.
    #[must_use]
    pub fn value(&self, names: &[&str]) -> Value {
        let name = |n: u16| names.get(usize::from(n) - 1).filter(|name| !name.is_empty());
        let one = |n| name(n).map_or_else(|| n.to_string(), |name| format!("{n} {name}"));
        Value::Fields(vec![(
            "services",
            Value::List(self.numbers().map(|n| Value::Text(one(n))).collect()),
        )])
    }

    /// True if the service is available. There is no service 0.
    #[must_use]
    pub fn has(&self, service: u16) -> bool {
        position(service).is_some_and(|(octet, mask)| self.0.get(octet).is_some_and(|o| o & mask != 0))
    }
}

/// Octet and mask of a service.
fn position(service: u16) -> Option<(usize, u8)> {
    let bit = service.checked_sub(1)?;
    Some((usize::from(bit / 8), 1 << (bit % 8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= TS31.102-4.2.8-r1
    #[test]
    fn service_68_is_bit_4_of_octet_9() {
        let t = ServiceTable::new(9, &[GBA]);
        assert_eq!(t.octets(), [0, 0, 0, 0, 0, 0, 0, 0, 0x08]);
        assert!(t.has(68) && !t.has(67) && !t.has(0) && !t.has(u16::MAX));
        assert!(!ServiceTable::parse(&[0xff; 8]).has(GBA));
        assert_eq!(ServiceTable::new(2, &[1, 9, 200]).octets(), [1, 1]);
    }

    #[test]
    fn services_are_told_by_number_and_name() {
        let t = ServiceTable::new(17, &[27, GBA, 98, 136]);
        assert_eq!(
            t.value(USIM).to_string(),
            "services 27 GSM access, 68 GBA, 98, 136"
        );
        assert_eq!(t.numbers().collect::<Vec<_>>(), [27, 68, 98, 136]);
        assert_eq!(USIM[67], "GBA");
        assert_eq!(
            (USIM[75], USIM[84], USIM[124]),
            (
                "GBA local keys",
                "EPS mobility management",
                "SUCI calculation by USIM"
            )
        );
        assert_eq!((ISIM[1], M2M[7]), ("GBA", "GBA secure connection"));
    }
}
