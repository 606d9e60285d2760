//! Identifiers: IMSI, IMPI, FQDN, B-TID, PSK identity, NAF_Id, realm.
#![no_main]

use gba::ids::{Btid, Fqdn, Impi, Imsi, MncLength, NafId, PskIdentity, Realm3gpp, UaId, hint_offers};
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(btid) = Btid::parse(data) {
        assert_eq!(btid.octets(), data, "a B-TID is kept octet by octet");
        let _ = btid.rand();
        let identity = PskIdentity::with_prefix(&btid);
        let again = PskIdentity::parse(identity.as_bytes()).expect("what we write we read");
        assert!(again.prefixed && again.btid.octets() == data);
    }
    if let Ok(naf) = NafId::parse(data) {
        match NafId::parse(naf.octets()) {
            Ok(again) => assert_eq!(again.octets(), naf.octets()),
            // Five printable octets after a name in normal form: refused, since all of it reads as a name.
            Err(_) => assert!(naf.ua().octets().iter().all(|octet| octet.is_ascii_graphic())),
        }
    }
    let _ = PskIdentity::parse(data);
    let _ = hint_offers(data, "3GPP-bootstrapping");
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(fqdn) = text.parse::<Fqdn>() {
        assert_eq!(
            fqdn.as_str().parse::<Fqdn>().expect("normal form reads").as_str(),
            fqdn.as_str()
        );
    }
    let _ = Fqdn::from_host(text);
    if let Ok(impi) = text.parse::<Impi>() {
        assert!(impi.kdf_octets().len() <= 65_535);
        let _ = Fqdn::bsf_for_impi(&impi);
    }
    if let Ok(imsi) = text.parse::<Imsi>() {
        for mnc in [MncLength::Two, MncLength::Three] {
            let _ = (Impi::from_imsi(&imsi, mnc), Fqdn::bsf_for_imsi(&imsi, mnc));
        }
    }
    for realm in Realm3gpp::parse_list(text) {
        realm
            .to_string()
            .parse::<Realm3gpp>()
            .expect("what we write we read");
    }
    if let Ok(ua) = UaId::by_name(text) {
        assert_eq!(UaId::by_name(&ua.to_string()).expect("what we write we read"), ua);
    }
    if let Ok(ua) = text.parse::<UaId>() {
        assert_eq!(ua.to_string().parse::<UaId>().expect("what we write we read"), ua);
    }
});
