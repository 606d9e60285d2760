//! Diameter by hand: octets as no encoder of ours would write them, on a socket, and answers read from it.

use std::net::SocketAddr;

use diameter::{Avp, Message, Value, dictionary as d};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::stage::REALM;

pub(crate) const CER: u32 = 257;
pub(crate) const DWR: u32 = 280;
pub(crate) const DPR: u32 = 282;
pub(crate) const MAR: u32 = 303;
pub(crate) const BIR: u32 = 310;
/// Applications.
pub(crate) const BASE: u32 = 0;
pub(crate) const TGPP: u32 = 10415;
/// Flags of a request that no relay passes on, and of one that relays do.
pub(crate) const OWN: u8 = 0x80;
pub(crate) const PROXIABLE: u8 = 0xc0;

/// An AVP of the base protocol with the M flag, whatever its value.
pub(crate) fn avp(code: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    avp_of(code, 0, value)
}

/// The same of a vendor; 0 is none.
pub(crate) fn avp_of(code: u32, vendor: u32, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let (head, flags) = if vendor == 0 { (8, 0x40_u32) } else { (12, 0xc0) };
    let length = u32::try_from(head + value.len()).unwrap();
    let mut octets = code.to_be_bytes().to_vec();
    octets.extend((flags << 24 | length).to_be_bytes());
    if vendor != 0 {
        octets.extend(vendor.to_be_bytes());
    }
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// The same AVP with another length in its head; its octets stay.
pub(crate) fn with_length(mut avp: Vec<u8>, length: u8) -> Vec<u8> {
    avp[5..8].copy_from_slice(&[0, 0, length]);
    avp
}

/// A message.
pub(crate) fn message(flags: u8, command: u32, application: u32, avps: &[Vec<u8>]) -> Vec<u8> {
    let body = avps.concat();
    let length = u32::try_from(20 + body.len()).unwrap();
    let mut octets = (0x0100_0000 | length).to_be_bytes().to_vec();
    octets.extend((u32::from(flags) << 24 | command).to_be_bytes());
    octets.extend(application.to_be_bytes());
    octets.extend(0x1111_2222_u32.to_be_bytes());
    octets.extend(0x3333_4444_u32.to_be_bytes());
    octets.extend(body);
    octets
}

/// Origin-Host and Origin-Realm.
pub(crate) fn origin(host: &str) -> [Vec<u8>; 2] {
    [avp(264, host), avp(296, REALM)]
}

/// Vendor-Specific-Application-Id.
pub(crate) fn application(id: u32) -> Vec<u8> {
    avp(
        260,
        [avp(266, TGPP.to_be_bytes()), avp(258, id.to_be_bytes())].concat(),
    )
}

/// The AVPs of a good CER.
pub(crate) fn capabilities(host: &str, id: u32) -> Vec<Vec<u8>> {
    let mut avps = origin(host).to_vec();
    avps.extend([
        avp(257, [0, 1, 127, 0, 0, 1]),
        avp(266, TGPP.to_be_bytes()),
        avp(269, "by hand"),
        application(id),
    ]);
    avps
}

/// AVPs with one of that code in the place of what was there, or at the end.
pub(crate) fn replace(avps: &[Vec<u8>], code: u32, new: Vec<u8>) -> Vec<Vec<u8>> {
    let mut avps = without(avps, code);
    avps.push(new);
    avps
}

/// AVPs without those of that code.
pub(crate) fn without(avps: &[Vec<u8>], code: u32) -> Vec<Vec<u8>> {
    let other = |avp: &&Vec<u8>| avp[..4] != code.to_be_bytes();
    avps.iter().filter(other).cloned().collect()
}

/// The other end of a connection.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) const fn of(socket: TcpStream) -> Self {
        Self(socket)
    }

    /// What the element closed already can't take everything.
    pub(crate) async fn send(&mut self, octets: impl AsRef<[u8]>) {
        let _ = self.0.write_all(octets.as_ref()).await;
    }

    pub(crate) async fn read(&mut self) -> Message {
        let mut octets = vec![0; 20];
        self.0.read_exact(&mut octets).await.unwrap();
        let length = diameter::Header::parse(&octets).unwrap().length;
        octets.resize(length, 0);
        self.0.read_exact(&mut octets[20..]).await.unwrap();
        Message::parse(&octets).unwrap()
    }

    pub(crate) async fn ask(&mut self, octets: impl AsRef<[u8]>) -> Message {
        self.send(octets).await;
        self.read().await
    }

    /// What comes until the element closes; a reset closes too.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        let _ = self.0.read_to_end(&mut octets).await;
        octets
    }
}

/// Asserts a result of the base protocol, the E flag that belongs to it (RFC 6733 7.1.3), and the code of what
/// Failed-AVP holds (7.5), 0 for none.
#[track_caller]
pub(crate) fn assert_result(answer: &Message, code: u32, failed: u32, what: &str) {
    assert!(!answer.is_request(), "{what}");
    assert_eq!(answer.result().unwrap().number(), code, "{what}: {answer:?}");
    let protocol_error = (3000..4000).contains(&code);
    assert_eq!(answer.is_error(), protocol_error, "{what}");
    let held = answer.find(&d::FAILED_AVP).map(Avp::value);
    let held = match held {
        Some(Value::Group(held)) => held.first().map_or(0, Avp::code),
        _ => 0,
    };
    assert_eq!(held, failed, "{what}: Failed-AVP of {answer:?}");
    assert!(answer.find(&d::ORIGIN_HOST).is_some(), "{what}");
}
