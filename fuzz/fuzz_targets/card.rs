//! Any sequence of APDUs at the software UICC: it answers each, and its keys never come out.
#![no_main]

use aka::Milenage;
use base::Secret;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use uicc::{
    Pin,
    software::{Profile, SoftCard, profile::AccessRule},
};

const K: [u8; 16] = *b"\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0";
const OPC: [u8; 16] = *b"\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0";

fuzz_target!(|data: &[u8]| {
    let Some((kind, mut rest)) = data.split_first() else {
        return;
    };
    let milenage = Milenage::new(&Secret::new(K), &Secret::new(OPC));
    let imsi = "001010123456789".parse().expect("an IMSI");
    let mut profile = Profile::new(imsi, gba::ids::MncLength::Two, milenage);
    if kind & 1 == 0 {
        profile = profile.with_gba_u();
    }
    if kind & 16 != 0 {
        profile = profile.with_isim();
        profile.access_rules = Some(vec![AccessRule::ALL; 20]);
        profile.guard_auts = true;
    }
    profile.gsm = kind & 2 != 0;
    profile.t0 = kind & 4 != 0;
    // Codes that a fuzzer can find: what they open is worth reaching.
    let code = |octet| Some(Pin::from_octets(Secret::new([octet; 8])));
    if kind & 8 != 0 {
        profile.pin = code(b'0');
    }
    profile.adm = code(b'8');
    let mut card = SoftCard::new(profile).with_entropy(Box::new(base::SeededEntropy::new(1)));
    while let Some((length, after)) = rest.split_first() {
        let (apdu, after) = after
            .split_at_checked(usize::from(*length))
            .unwrap_or((after, &[]));
        rest = after;
        if *length == 0 {
            card.reset();
            continue;
        }
        let response = card.exchange(apdu);
        assert!(
            (2..=258).contains(&response.len()),
            "a response has two to 258 octets"
        );
        for key in [K, OPC] {
            let typed = apdu.windows(8).any(|part| key.windows(8).any(|k| k == part));
            let told = response.windows(8).any(|part| key.windows(8).any(|k| k == part));
            // Octets that were written to a file may be read again.
            if typed {
                return;
            }
            assert!(!told, "a key has left the card");
        }
    }
    // What it keeps can be put into another card.
    let mut again = SoftCard::new(Profile::new(
        "001010123456789".parse().expect("an IMSI"),
        gba::ids::MncLength::Two,
        Milenage::new(&Secret::new(K), &Secret::new(OPC)),
    ));
    let _ = again.apply(&card.snapshot());
});
