//! EF_GBABP (TS 31.102 4.2.79): RAND, B-TID and key lifetime of the bootstrapping run whose Ks is in the card,
//! each as one length octet and a value; FF padding.
//!
//! The card writes RAND (with Ks), the terminal writes the rest after the BSF's answer. Between the two the file can
//! be torn: [`GbaBp::usable`] decides (ruling 14).

use aka::Rand;
use base::{DecodeError, Reader, Utc};
use gba::ids::Btid;
use thiserror::Error;

/// Offset of the B-TID's length octet behind a RAND of 16 octets: where the terminal writes.
pub const BTID_OFFSET: u8 = 17;

/// The file's three fields as octets. An empty field is one that hasn't been written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GbaBp {
    /// RAND of the run: 16 octets, or none on a card that has never bootstrapped.
    pub rand: Vec<u8>,
    /// B-TID, as the BSF wrote it.
    pub btid: Vec<u8>,
    /// End of the key's life, the text of an `xs:dateTime`.
    pub lifetime: Vec<u8>,
}

/// Why the run in EF_GBABP can't be used (ruling 14). Each ends with a new bootstrapping.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum NotUsable {
    /// No RAND: the card has never bootstrapped.
    #[error("the card holds no bootstrapping run")]
    None,
    /// B-TID or lifetime haven't been written.
    #[error("the run in EF_GBABP was not finished: B-TID or lifetime are missing")]
    Unfinished,
    /// B-TID or lifetime can't be read.
    #[error("EF_GBABP holds no well-formed B-TID and lifetime")]
    Malformed,
    /// The B-TID belongs to another RAND.
    #[error("EF_GBABP is torn: its B-TID does not belong to its RAND")]
    Torn,
    /// The lifetime is over.
    #[error("the run in EF_GBABP ended at {0}")]
    Expired(Utc),
}

impl GbaBp {
    /// The three fields of a finished run.
    #[must_use]
    pub fn new(rand: &Rand, btid: &Btid, lifetime: Utc) -> Self {
        Self {
            rand: rand.octets().to_vec(),
            btid: btid.as_str().as_bytes().to_vec(),
            lifetime: lifetime.to_string().into_bytes(),
        }
    }

    /// What the card stores together with a new Ks: RAND, and nothing of the run before (ruling 14).
    #[must_use]
    pub fn started(rand: &Rand) -> Self {
        Self {
            rand: rand.octets().to_vec(),
            ..Self::default()
        }
    }

    /// The three fields, without padding.
    ///
    /// # Errors
    /// [`DecodeError`] for a field longer than 254 octets: FF as a length means "not written".
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        for (what, field) in [
            ("RAND", &self.rand),
            ("B-TID", &self.btid),
            ("key lifetime", &self.lifetime),
        ] {
            put(&mut out, what, field)?;
        }
        Ok(out)
    }

    /// What the terminal writes at [`BTID_OFFSET`]: B-TID and lifetime with their lengths.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_btid_and_lifetime(&self) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        put(&mut out, "B-TID", &self.btid)?;
        put(&mut out, "key lifetime", &self.lifetime)?;
        Ok(out)
    }

    /// Reads the file. A length of FF, or the file's end, stands for a field that hasn't been written.
    ///
    /// # Errors
    /// [`DecodeError`] for a field that runs over the end, or a RAND of another length than 16. Octets behind the
    /// lifetime aren't looked at: a shorter run written over a longer one leaves some.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        let rand = field(&mut r, "RAND")?;
        if !rand.is_empty() && rand.len() != 16 {
            return Err(start.invalid("RAND", "16 octets"));
        }
        let btid = field(&mut r, "B-TID")?;
        let lifetime = field(&mut r, "key lifetime")?;
        Ok(Self {
            rand: rand.to_vec(),
            btid: btid.to_vec(),
            lifetime: lifetime.to_vec(),
        })
    }

    /// RAND, if one is there.
    #[must_use]
    pub fn rand(&self) -> Option<Rand> {
        <[u8; 16]>::try_from(self.rand.as_slice()).ok().map(Rand::from)
    }

    /// The B-TID, if it is there and well-formed.
    #[must_use]
    pub fn btid(&self) -> Option<Btid> {
        core::str::from_utf8(&self.btid).ok()?.parse().ok()
    }

    /// The end of the key's life, if it is there and well-formed.
    #[must_use]
    pub fn lifetime(&self) -> Option<Utc> {
        Utc::parse(core::str::from_utf8(&self.lifetime).ok()?).ok()
    }

    /// True once the terminal has written B-TID and lifetime.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        !self.rand.is_empty() && !self.btid.is_empty() && !self.lifetime.is_empty()
    }

    /// The run, if it may be used at `now`: base64(RAND) is the local part of the B-TID, and the lifetime lies ahead
    /// (ruling 14).
    ///
    /// # Errors
    /// [`NotUsable`] says why not.
    pub fn usable(&self, now: Utc) -> Result<(Rand, Btid, Utc), NotUsable> {
        let rand = self.rand().ok_or(NotUsable::None)?;
        if !self.is_finished() {
            return Err(NotUsable::Unfinished);
        }
        let btid = self.btid().ok_or(NotUsable::Malformed)?;
        let lifetime = self.lifetime().ok_or(NotUsable::Malformed)?;
        if btid.rand() != Some(rand) {
            return Err(NotUsable::Torn);
        }
        if lifetime <= now {
            return Err(NotUsable::Expired(lifetime));
        }
        Ok((rand, btid, lifetime))
    }
}

fn put(out: &mut Vec<u8>, what: &'static str, value: &[u8]) -> Result<(), DecodeError> {
    match u8::try_from(value.len()) {
        Ok(len @ 0..=0xfe) => out.push(len),
        _ => {
            return Err(DecodeError::Invalid {
                what,
                at: out.len(),
                rule: "at most 254 octets",
            });
        }
    }
    out.extend_from_slice(value);
    Ok(())
}

fn field<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], DecodeError> {
    if r.is_empty() {
        return Ok(&[]);
    }
    match r.u8(what)? {
        0xff => {
            r.rest();
            Ok(&[])
        }
        len => r.take(usize::from(len), what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Utc = Utc(1_900_000_000);

    fn run(rand: [u8; 16]) -> GbaBp {
        let rand = Rand::from(rand);
        let btid = Btid::issue(&rand, &"bsf.example".parse().unwrap());
        GbaBp::new(&rand, &btid, NOW.plus_secs(60))
    }

    proptest! {
        //= TS31.102-4.2.79-r1
        #[test]
        fn round_trips(
            rand in proptest::option::of(any::<[u8; 16]>()),
            btid in proptest::collection::vec(any::<u8>(), 0..=254),
            lifetime in proptest::collection::vec(any::<u8>(), 0..=40),
            padding in 0usize..8,
        ) {
            let bp = GbaBp { rand: rand.map(|r| r.to_vec()).unwrap_or_default(), btid, lifetime };
            let mut octets = bp.encode().unwrap();
            octets.resize(octets.len() + padding, 0xff);
            prop_assert_eq!(GbaBp::parse(&octets).unwrap(), bp);
        }

        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(bp) = GbaBp::parse(&octets) {
                let _ = bp.usable(NOW);
                let _ = bp.encode();
            }
        }
    }

    #[test]
    fn an_empty_file_has_no_run() {
        for octets in [&[][..], &[0xff; 60], &[0; 60]] {
            assert_eq!(GbaBp::parse(octets).unwrap().usable(NOW), Err(NotUsable::None));
        }
        assert!(GbaBp::parse(&[15; 16]).is_err());
        assert!(
            GbaBp {
                btid: vec![b'a'; 255],
                ..GbaBp::default()
            }
            .encode()
            .is_err()
        );
    }

    #[test]
    fn ruling_14_a_run_is_used_only_if_its_btid_belongs_to_its_rand_and_its_lifetime_lies_ahead() {
        let whole = run([7; 16]);
        let (rand, btid, lifetime) = whole.usable(NOW).unwrap();
        assert_eq!((rand, lifetime), (Rand::from([7; 16]), NOW.plus_secs(60)));
        assert_eq!(btid.as_str().as_bytes(), whole.btid);

        let mut torn = run([7; 16]);
        torn.rand = vec![8; 16];
        assert_eq!(torn.usable(NOW), Err(NotUsable::Torn));

        assert_eq!(GbaBp::started(&rand).usable(NOW), Err(NotUsable::Unfinished));
        assert_eq!(whole.usable(lifetime), Err(NotUsable::Expired(lifetime)));

        let mut bad = run([7; 16]);
        bad.lifetime = b"tomorrow".to_vec();
        assert_eq!(bad.usable(NOW), Err(NotUsable::Malformed));
    }
}
