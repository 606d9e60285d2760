//! Round trips in any fragmentation, bounds, and octets that are no TLS.

use proptest::{collection::vec, prelude::*};

use super::*;

/// A handshake message with its header.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

fn sized(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes(), octets].concat()
}

fn client_hello(sni: Option<&str>) -> Vec<u8> {
    let mut body = [&[3, 3][..], &[7; 32], &[0], &sized(&[0, 0xae]), &[1, 0]].concat();
    if let Some(name) = sni {
        let list = [&[0][..], &sized(name.as_bytes())].concat();
        let extension = [&[0, 0][..], &sized(&sized(&list))].concat();
        let other = [&[0, 23][..], &[0, 0]].concat();
        body.extend(sized(&[other, extension].concat()));
    }
    message(1, &body)
}

/// The octets as records of at most `fragment` octets each.
fn records(octets: &[u8], fragment: usize) -> Vec<u8> {
    let chunks = octets.chunks(fragment);
    chunks
        .flat_map(|c| [&[22, 3, 3][..], &sized(c)].concat())
        .collect()
}

/// Pushes in portions; all that is seen.
fn all(octets: &[u8], portion: usize) -> Result<Vec<Seen>, DecodeError> {
    let mut sniffer = Sniffer::new();
    let mut seen = Vec::new();
    for mut chunk in octets.chunks(portion) {
        while !chunk.is_empty() {
            let (taken, message) = sniffer.push(chunk)?;
            assert!(taken > 0 && (message.is_some() || taken == chunk.len()));
            chunk = &chunk[taken..];
            seen.extend(message);
        }
    }
    Ok(seen)
}

proptest! {
    #[test]
    fn finds_name_and_identity_in_any_fragmentation(
        name in proptest::option::of("[a-z0-9.-]{1,255}"),
        identity in vec(any::<u8>(), 0..=MAX_IDENTITY),
        fragment in 1usize..400,
        portion in 1usize..700,
    ) {
        let flight = [client_hello(name.as_deref()), message(16, &sized(&identity))].concat();
        let seen = all(&records(&flight, fragment), portion);
        prop_assert_eq!(seen, Ok(vec![Seen::ClientHello { sni: name }, Seen::ClientKeyExchange { identity }]));
    }

    #[test]
    fn finds_suite_and_hint(suite: u16, hint in vec(any::<u8>(), 0..=MAX_IDENTITY), fragment in 1usize..400) {
        let hello = [&[3, 3][..], &[9; 32], &[2, 1, 1], &suite.to_be_bytes(), &[0]].concat();
        let flight = [message(2, &hello), message(12, &sized(&hint)), message(14, &[])].concat();
        let seen = all(&records(&flight, fragment), 64);
        let expected =
            vec![Seen::ServerHello { suite }, Seen::ServerKeyExchange { hint }, Seen::ServerHelloDone];
        prop_assert_eq!(seen, Ok(expected));
    }

    #[test]
    fn never_panics_on_any_octets(octets in vec(any::<u8>(), 0..600), portion in 1usize..50) {
        let _ = all(&octets, portion);
        let _ = read_message(&octets);
    }

    #[test]
    fn never_panics_on_altered_octets(at in 0usize..200, value: u8, portion in 1usize..50) {
        let flight = [client_hello(Some("maf.example")), message(16, &sized(b"identity"))].concat();
        let mut octets = records(&flight, 40);
        if let Some(octet) = octets.get_mut(at) {
            *octet = value;
        }
        let _ = all(&octets, portion);
    }
}

#[test]
fn holds_no_more_than_its_bounds() {
    let long = records(&message(16, &sized(&[b'i'; MAX_IDENTITY + 1])), 1000);
    assert!(all(&long, 99).is_err(), "identity of 257 octets");
    let flood = records(&message(99, &vec![0; MAX_FLIGHT]), 1000);
    assert!(all(&flood, 4096).is_err(), "more than 16 KiB");
    let announced = records(&[16, 0xff, 0xff, 0xff, 0], 5);
    let mut sniffer = Sniffer::new();
    assert_eq!(sniffer.push(&announced), Ok((announced.len(), None)));
    assert!(
        sniffer.message.capacity() < 64,
        "allocates what came, not what is announced"
    );
}

#[test]
fn refuses_what_is_no_clear_handshake() {
    let good = records(&client_hello(None), 1000);
    let altered = |at: usize, value: u8| {
        let mut octets = good.clone();
        octets[at] = value;
        all(&octets, 1000)
    };
    assert!(all(&good, 1000).is_ok());
    assert!(altered(0, 21).is_err(), "an alert");
    assert!(altered(0, 0x80).is_err(), "SSL 2");
    assert!(altered(1, 2).is_err(), "version");
    assert!(all(&[22, 3, 3, 0, 0], 5).is_err(), "empty record");
    assert!(all(&[22, 3, 3, 0x40, 1], 5).is_err(), "record above 2^14");
    assert!(all(b"GET / HTTP/1.1\r\n", 99).is_err(), "HTTP");
    let left_over = message(16, &[sized(b"id"), vec![0]].concat());
    assert!(read_message(&left_over).is_err(), "octets after the identity");
    for name in ["", "a b", "\u{e9}"] {
        assert!(read_message(&client_hello(Some(name))).is_err(), "{name:?}");
    }
}
