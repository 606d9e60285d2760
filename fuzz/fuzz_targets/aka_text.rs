//! Hex text of AKA values, and any AUTN or AUTS at the card and at home.
#![no_main]

use aka::{Algorithm, Amf, Autn, Auts, Check, Milenage, Rand, Sqn, auts, sqn};
use base::Secret;
use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;

fn round_trip<T: std::str::FromStr + ToString + PartialEq + std::fmt::Debug>(text: &str)
where
    T::Err: std::fmt::Display,
{
    match text.parse::<T>() {
        Ok(value) => assert_eq!(value.to_string().parse::<T>().ok(), Some(value)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        round_trip::<Rand>(text);
        round_trip::<Autn>(text);
        round_trip::<Auts>(text);
        round_trip::<Amf>(text);
        round_trip::<Sqn>(text);
    }
    let milenage = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
    let Some((rand, rest)) = data.split_first_chunk::<16>() else {
        return;
    };
    let rand = Rand::new(*rand);
    if let Ok(token) = Auts::try_from(rest) {
        // Without the key nobody makes an AUTS: 2^-64 a try.
        assert_eq!(auts::verify(&milenage, &rand, &token), None);
    }
    if let Ok(autn) = Autn::try_from(rest) {
        let mut array = sqn::SqnArray::new(sqn::SqnProfile::default());
        assert!(matches!(
            aka::authenticate(&milenage, &mut array, &rand, &autn),
            Check::MacFailure
        ));
        // With the right MAC the number decides; whatever it is, the card and the home side agree on it.
        let sqn = Sqn::from_octets(autn.sqn_xor_ak());
        let vector = milenage.vector(&rand, sqn, autn.amf());
        match aka::authenticate(&milenage, &mut array, &rand, &vector.autn) {
            Check::Accept { sqn: accepted, .. } => assert_eq!(accepted, sqn),
            Check::SyncFailure(token) => {
                assert_eq!(auts::verify(&milenage, &rand, &token), Some(array.highest()));
            }
            Check::MacFailure => panic!("the card refuses its own key's MAC"),
        }
    }
});
