//! Files of CAs, certificates and keys, parted by octet ff: what isn't a node's set is refused with its file's name.
#![no_main]

use gba_fuzz as _;
use libfuzzer_sys::fuzz_target;
use net::tls::{cert::Credentials, pki::Authority};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|octet| *octet == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let (ca, cert, key) = (part(), part(), part());
    match Credentials::from_pem(ca, cert, key) {
        Ok(credentials) => {
            let names = credentials.names();
            for host in &names {
                assert!(!host.as_str().contains('*'));
                let _ = credentials.check(host);
            }
            let other = "nobody.example".parse().expect("a name");
            assert!(names.contains(&other) || credentials.check(&other).is_err());
            let _ = (credentials.days_left(), credentials.is_of_our_ca());
            let _ = format!("{credentials:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = Authority::from_pem(cert, key);
});
