//! What hostapd's `eap_sim_db` sends and expects: one line of text in each datagram, words parted by one blank.
//!
//! | from hostapd | answer |
//! |---|---|
//! | `AKA-REQ-AUTH IMSI` | `AKA-RESP-AUTH IMSI RAND AUTN IK CK RES` |
//! | `AKA-AUTS IMSI AUTS RAND` | none; hostapd asks for a new vector at once |
//! | `SIM-REQ-AUTH IMSI N` | `SIM-RESP-AUTH IMSI Kc:SRES:RAND …`, at most N and 3 |
//! | either, for nobody | `AKA-RESP-AUTH IMSI FAILURE`, `SIM-RESP-AUTH IMSI FAILURE` |
//!
//! hostapd finds the device that waits by the IMSI of the answer, and takes that from the device's identity without looking
//! at it. So a request is read strictly: an identity such as `0001010000000001 x` must not become a request, nor a FAILURE,
//! for the subscriber whose IMSI it begins with.

use std::fmt;

use aka::{Auts, Rand, Vector, gsm::Triplet};
use base::SecretBytes;
use gba::ids::Imsi;

/// Most octets of a request; hostapd's longest, an `AKA-AUTS`, has 91.
pub const MAX_REQUEST: usize = 128;

/// Most triplets of an answer: what EAP-SIM can use (RFC 4186 10.9).
pub const MAX_TRIPLETS: u8 = 3;

/// Octets of the longest answer, and some more: then it is never moved, and no copy of a key stays behind.
const ROOM: usize = 320;

/// What hostapd asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// `AKA-REQ-AUTH`: one authentication vector.
    Aka {
        /// Whose.
        imsi: Imsi,
    },
    /// `AKA-AUTS`: the card's answer to that RAND was AUTS.
    Auts {
        /// Whose.
        imsi: Imsi,
        /// AUTS.
        auts: Auts,
        /// The RAND that it answers.
        rand: Rand,
    },
    /// `SIM-REQ-AUTH`: triplets of the second generation.
    Sim {
        /// Whose.
        imsi: Imsi,
        /// How many, from 1.
        triplets: u8,
    },
}

/// Which answer somebody waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// `AKA-RESP-AUTH`.
    Aka,
    /// `SIM-RESP-AUTH`.
    Sim,
}

impl Waiting {
    const fn word(self) -> &'static str {
        match self {
            Self::Aka => "AKA-RESP-AUTH",
            Self::Sim => "SIM-RESP-AUTH",
        }
    }

    /// The answer that there is nothing for that name.
    #[must_use]
    pub fn failure(self, name: &str) -> String {
        format!("{} {name} FAILURE", self.word())
    }
}

/// A datagram that is no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Malformed<'a> {
    /// Nothing can be answered.
    Silence(&'static str),
    /// Somebody waits under that name, which is no IMSI or asks for what there isn't: tell at once, or hostapd waits for its
    /// timeout.
    Failure(Waiting, &'a str, &'static str),
}

impl Request {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`], which says what to answer.
    pub fn parse(datagram: &[u8]) -> Result<Self, Malformed<'_>> {
        use Malformed::{Failure, Silence};
        if datagram.len() > MAX_REQUEST {
            return Err(Silence("too long"));
        }
        let text = core::str::from_utf8(datagram).map_err(|_| Silence("not a text"))?;
        if text
            .bytes()
            .any(|octet| octet != b' ' && !octet.is_ascii_graphic())
        {
            return Err(Silence("not a line of printable ASCII"));
        }
        let mut words = text.split(' ');
        let mut next = || words.next().filter(|word| !word.is_empty());
        let (command, name, first, second) = (next(), next(), next(), next());
        if words.next().is_some() {
            return Err(Silence("too many words"));
        }
        let no_imsi = "the name isn't an IMSI: 6 to 15 digits";
        match (command, name, first, second) {
            (Some("AKA-REQ-AUTH"), Some(name), None, None) if !text.ends_with(' ') => match name.parse() {
                Ok(imsi) => Ok(Self::Aka { imsi }),
                Err(_) => Err(Failure(Waiting::Aka, name, no_imsi)),
            },
            (Some("SIM-REQ-AUTH"), Some(name), Some(count), None) if !text.ends_with(' ') => {
                match (name.parse(), count.parse()) {
                    (Ok(imsi), Ok(triplets)) if triplets > 0 => Ok(Self::Sim { imsi, triplets }),
                    (Ok(_), _) => Err(Failure(Waiting::Sim, name, "no number of triplets")),
                    (Err(_), _) => Err(Failure(Waiting::Sim, name, no_imsi)),
                }
            }
            (Some("AKA-AUTS"), Some(name), Some(auts), Some(rand)) => {
                match (name.parse(), auts.parse(), rand.parse()) {
                    (Ok(imsi), Ok(auts), Ok(rand)) => Ok(Self::Auts { imsi, auts, rand }),
                    // hostapd waits for no answer.
                    _ => Err(Silence("AKA-AUTS without IMSI, 14 octets of AUTS and 16 of RAND")),
                }
            }
            _ => Err(Silence("no request of hostapd")),
        }
    }
}

impl fmt::Display for Request {
    /// As hostapd writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aka { imsi } => write!(f, "AKA-REQ-AUTH {imsi}"),
            Self::Auts { imsi, auts, rand } => write!(f, "AKA-AUTS {imsi} {auts} {rand}"),
            Self::Sim { imsi, triplets } => write!(f, "SIM-REQ-AUTH {imsi} {triplets}"),
        }
    }
}

/// `AKA-RESP-AUTH` with a vector; holds CK and IK.
#[must_use]
pub fn vector_answer(imsi: &Imsi, vector: &Vector) -> SecretBytes {
    let mut answer = Answer::new(Waiting::Aka, imsi);
    let fields: [&[u8]; 5] = [
        vector.rand.octets(),
        vector.autn.octets(),
        vector.ik.expose(),
        vector.ck.expose(),
        vector.xres.expose(),
    ];
    for field in fields {
        answer.put(b' ', field);
    }
    SecretBytes::new(answer.0)
}

/// `SIM-RESP-AUTH` with triplets; holds Kc.
#[must_use]
pub fn triplets_answer(imsi: &Imsi, triplets: &[(Rand, Triplet)]) -> SecretBytes {
    let mut answer = Answer::new(Waiting::Sim, imsi);
    for (rand, triplet) in triplets.iter().take(MAX_TRIPLETS.into()) {
        answer.put(b' ', triplet.kc.expose());
        answer.put(b':', triplet.sres.expose());
        answer.put(b':', rand.octets());
    }
    SecretBytes::new(answer.0)
}

/// A text that grows within [`ROOM`].
struct Answer(Vec<u8>);

impl Answer {
    fn new(waiting: Waiting, imsi: &Imsi) -> Self {
        let mut text = Vec::with_capacity(ROOM);
        text.extend_from_slice(waiting.word().as_bytes());
        text.push(b' ');
        text.extend_from_slice(imsi.as_str().as_bytes());
        Self(text)
    }

    fn put(&mut self, before: u8, octets: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0.push(before);
        let digit = |n: u8| DIGITS.get(usize::from(n)).copied().unwrap_or_default();
        for octet in octets {
            self.0.extend([digit(octet >> 4), digit(octet & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use aka::{Algorithm as _, Amf, Sqn, Xor};
    use base::Secret;
    use proptest::prelude::*;

    use super::*;

    fn imsi() -> Imsi {
        "001010000000001".parse().unwrap()
    }

    #[test]
    fn requests_of_hostapd_are_read_and_others_are_not_answered_for_somebody() {
        let auts = "00112233445566778899aabbccdd";
        let rand = "23553cbe9637a89d218ae64dae47bf35";
        let good = [
            "AKA-REQ-AUTH 001010000000001".to_owned(),
            "SIM-REQ-AUTH 001010000000001 3".to_owned(),
            format!("AKA-AUTS 001010000000001 {auts} {rand}"),
        ];
        for text in &good {
            assert_eq!(Request::parse(text.as_bytes()).unwrap().to_string(), *text);
        }
        // An identity with a blank in it, of a stranger who would have the subscriber refused, or burn his vectors.
        for text in [
            "AKA-REQ-AUTH 001010000000001 x",
            "AKA-REQ-AUTH 001010000000001 ",
            "AKA-REQ-AUTH  001010000000001",
            "SIM-REQ-AUTH 001010000000001 3 3",
            "SIM-REQ-AUTH 001010000000001 ",
            "SIM-REQ-AUTH 001010000000001",
            "AKA-REQ-AUTH 001010000000001\n",
            "AKA-REQ-AUTH",
            "AKA-REQ-AUTH ",
            "aka-req-auth 001010000000001",
            "AKA-RESP-AUTH 001010000000001 FAILURE",
            "AKA-AUTS 001010000000001 00 11",
            &format!("AKA-AUTS x {auts} {rand}"),
            &format!("AKA-AUTS 001010000000001 {auts} {rand} "),
            &"A".repeat(MAX_REQUEST + 1),
            "",
            "\u{1f4f6}",
        ] {
            assert!(
                matches!(Request::parse(text.as_bytes()), Err(Malformed::Silence(_))),
                "{text:?}"
            );
        }
        for (text, waiting, name) in [
            ("AKA-REQ-AUTH alice", Waiting::Aka, "alice"),
            ("AKA-REQ-AUTH 12345", Waiting::Aka, "12345"),
            ("SIM-REQ-AUTH 0x10 3", Waiting::Sim, "0x10"),
            ("SIM-REQ-AUTH 001010000000001 0", Waiting::Sim, "001010000000001"),
            ("SIM-REQ-AUTH 001010000000001 -1", Waiting::Sim, "001010000000001"),
        ] {
            let Err(Malformed::Failure(w, n, _)) = Request::parse(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!((w, n), (waiting, name));
        }
        assert_eq!(Waiting::Sim.failure("x"), "SIM-RESP-AUTH x FAILURE");
    }

    /// IK before CK, and a RES of any length; within what hostapd reads (999 octets) and without a move of the text.
    #[test]
    fn answers_have_the_order_and_size_that_hostapd_reads() {
        let xor = Xor::new(&Secret::new([1; 16])).with_res_length(16).unwrap();
        let vector = xor.vector(&Rand::new([3; 16]), Sqn::new(32).unwrap(), Amf::new([0x80, 0]));
        let answer = vector_answer(&imsi(), &vector);
        let hex = |octets: &[u8]| base::hex::encode(octets);
        let want = format!(
            "AKA-RESP-AUTH 001010000000001 {} {} {} {} {}",
            vector.rand,
            vector.autn,
            hex(vector.ik.expose()),
            hex(vector.ck.expose()),
            hex(vector.xres.expose())
        );
        assert_eq!(answer.expose(), want.as_bytes());
        let triplet = |n| {
            let triplet = Triplet {
                kc: Secret::new([n; 8]),
                sres: Secret::new([n + 1; 4]),
            };
            (Rand::new([n + 2; 16]), triplet)
        };
        let four = [triplet(1), triplet(2), triplet(3), triplet(4)];
        let answer = triplets_answer(&imsi(), &four);
        let text = core::str::from_utf8(answer.expose()).unwrap();
        assert!(text.starts_with(
            "SIM-RESP-AUTH 001010000000001 0101010101010101:02020202:03030303030303030303030303030303 0202"
        ));
        assert_eq!(text.split(' ').count(), 2 + 3);
        assert!(text.len() <= ROOM && want.len() <= ROOM);
    }

    proptest! {
        #[test]
        fn any_datagram_is_read_or_refused(datagram in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&datagram);
        }

        /// What is read is what was written; a FAILURE is for exactly the one name that was asked for.
        #[test]
        fn no_answer_is_for_another_than_who_was_asked_for(
            command in prop_oneof![Just("AKA-REQ-AUTH"), Just("SIM-REQ-AUTH"), Just("AKA-AUTS"), Just("X")],
            name in "[ 0-9a-f]{0,19}",
            rest in "[ 0-9a-f]{0,70}",
        ) {
            for text in [format!("{command} {name}"), format!("{command} {name} {rest}")] {
                match Request::parse(text.as_bytes()) {
                    Ok(request) => prop_assert!(
                        request.to_string().eq_ignore_ascii_case(&text) || text.contains(" 0"),
                        "{}", text
                    ),
                    Err(Malformed::Failure(_, n, _)) => prop_assert_eq!(text.split(' ').nth(1), Some(n)),
                    Err(Malformed::Silence(_)) => {}
                }
            }
        }
    }
}
