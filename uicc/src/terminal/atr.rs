//! Answer to reset (ISO 7816-3 8.2, TS 102 221 6.3): what a card says of itself before the first command.

use base::{DecodeError, Reader};

/// An answer to reset, decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Atr {
    /// TS: direct convention (3B), else inverse (3F).
    pub direct: bool,
    /// Protocols offered, in order; T=0 where none is named. 15 stands for global parameters and isn't listed.
    pub protocols: Vec<u8>,
    /// TA1: clock rate conversion and baud rate factors, where it is there.
    pub ta1: Option<u8>,
    /// Highest clock rate over baud rate, the work etu in clock cycles that TA1 allows: F / D.
    pub cycles_per_etu: Option<u32>,
    /// Classes of supply voltage out of the first TA behind T=15: bit 1 is A (5 V), 2 is B (3 V), 3 is C (1.8 V).
    pub voltage: Option<u8>,
    /// Historical octets.
    pub historical: Vec<u8>,
    /// TCK is right, or there is none and none is needed.
    pub checksum: Checksum,
}

/// Whether TCK is as it must be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksum {
    /// There and right.
    Right,
    /// T=0 alone needs none.
    NotNeeded,
    /// There and wrong.
    Wrong,
    /// Needed and not there.
    Missing,
}

impl Atr {
    /// Reads an answer to reset.
    ///
    /// # Errors
    /// [`DecodeError`] if it ends early, has more than 32 octets or no known TS.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        if octets.len() > 33 {
            return Err(start.invalid("ATR", "at most 33 octets"));
        }
        let direct = match r.u8("TS")? {
            0x3b => true,
            0x3f => false,
            _ => return Err(start.invalid("TS", "3B or 3F")),
        };
        let t0 = r.u8("T0")?;
        let (mut follow, historical) = (t0 >> 4, usize::from(t0 & 0x0f));
        let (mut ta1, mut voltage) = (None, None);
        let (mut protocols, mut named) = (Vec::new(), Vec::new());
        let (mut round, mut of) = (1, None);
        while follow != 0 {
            let mut interface = [None; 3];
            for (i, octet) in interface.iter_mut().enumerate() {
                if follow & (1 << i) != 0 {
                    *octet = Some(r.u8("interface octet")?);
                }
            }
            match (round, of) {
                (1, _) => ta1 = interface[0],
                (_, Some(15)) if voltage.is_none() => voltage = interface[0].map(|ta| ta & 0x3f),
                _ => {}
            }
            let td = if follow & 8 == 0 { None } else { Some(r.u8("TD")?) };
            let Some(td) = td else { break };
            of = Some(td & 0x0f);
            named.push(td & 0x0f);
            follow = td >> 4;
            round += 1;
        }
        for protocol in &named {
            if *protocol != 15 && !protocols.contains(protocol) {
                protocols.push(*protocol);
            }
        }
        if protocols.is_empty() {
            protocols.push(0);
        }
        let historical = r.take(historical, "historical octets")?.to_vec();
        let needed = named.iter().any(|t| *t != 0);
        let sum = octets.iter().skip(1).fold(0, |sum, o| sum ^ o);
        let checksum = match (r.len(), needed) {
            (0, false) => Checksum::NotNeeded,
            (0, true) => Checksum::Missing,
            (1, true) if sum == 0 => Checksum::Right,
            (1, true) => Checksum::Wrong,
            _ => return Err(r.invalid("ATR", "nothing behind the check octet")),
        };
        Ok(Self {
            direct,
            protocols,
            ta1,
            cycles_per_etu: ta1.and_then(cycles),
            voltage,
            historical,
            checksum,
        })
    }

    /// `T=0 and T=1`.
    #[must_use]
    pub fn protocols(&self) -> String {
        let names: Vec<String> = self.protocols.iter().map(|t| format!("T={t}")).collect();
        names.join(" and ")
    }

    /// `1.8 V, 3 V`; `None` where the card doesn't say.
    #[must_use]
    pub fn voltages(&self) -> Option<String> {
        let classes = self.voltage?;
        let names = [(4, "1.8 V"), (2, "3 V"), (1, "5 V")];
        let there: Vec<&str> = names
            .iter()
            .filter(|(bit, _)| classes & bit != 0)
            .map(|(_, name)| *name)
            .collect();
        Some(there.join(", "))
    }

    /// The text in the historical octets that a person recognises a card by, such as a maker's name.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let printable = |octets: &[u8]| {
            let runs = octets.split(|o| !o.is_ascii_graphic() && *o != b' ');
            let longest = runs.max_by_key(|run| run.len()).filter(|run| run.len() >= 4)?;
            Some(String::from_utf8_lossy(longest).into_owned())
        };
        match self.historical.split_first() {
            // Compact TLV (ISO 7816-4 12.1.1.2): tag and length share an octet.
            Some((0x80, mut objects)) => {
                let mut best: Option<String> = None;
                while let Some((head, rest)) = objects.split_first() {
                    let (value, rest) = rest.split_at(usize::from(head & 0x0f).min(rest.len()));
                    objects = rest;
                    best = [best, printable(value)]
                        .into_iter()
                        .flatten()
                        .max_by_key(String::len);
                }
                best
            }
            _ => printable(&self.historical),
        }
    }
}

/// F / D of TA1 (ISO 7816-3 tables 7 and 8).
fn cycles(ta1: u8) -> Option<u32> {
    let f = match ta1 >> 4 {
        0 | 1 => 372,
        2 => 558,
        3 => 744,
        4 => 1116,
        5 => 1488,
        6 => 1860,
        9 => 512,
        10 => 768,
        11 => 1024,
        12 => 1536,
        13 => 2048,
        _ => return None,
    };
    let d = match ta1 & 0x0f {
        1 => 1,
        2 => 2,
        3 => 4,
        4 => 8,
        5 => 16,
        6 => 32,
        7 => 64,
        8 => 12,
        9 => 20,
        _ => return None,
    };
    Some(f / d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;
    use proptest::prelude::*;

    fn atr(text: &str) -> Atr {
        Atr::parse(&hex::decode(text).unwrap()).unwrap()
    }

    #[test]
    fn the_atr_of_a_usim_of_today_says_protocol_speed_and_maker() {
        let a = atr("3B9F96801F878031E073FE211B674A4C753034054BA9");
        assert_eq!(a.protocols, [0]);
        assert_eq!(a.protocols(), "T=0");
        assert_eq!((a.ta1, a.cycles_per_etu), (Some(0x96), Some(16)));
        assert_eq!(a.voltages().unwrap(), "1.8 V, 3 V, 5 V");
        assert_eq!(a.text().unwrap(), "JLu04");
        assert_eq!(a.checksum, Checksum::Right);
        assert_eq!(a.historical.len(), 15);
    }

    #[test]
    fn a_wrong_or_missing_check_octet_is_told() {
        assert_eq!(
            atr("3B9F96801F878031E073FE211B674A4C753034054BA8").checksum,
            Checksum::Wrong
        );
        assert_eq!(
            atr("3B9F96801F878031E073FE211B674A4C753034054B").checksum,
            Checksum::Missing
        );
        assert_eq!(atr("3B00").checksum, Checksum::NotNeeded);
        for bad in ["", "3B", "4B00", "3BF0", "3B0000", "3B0F01"] {
            assert!(Atr::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Atr::parse(&octets).map(|a| (a.voltages(), a.text()));
        }
    }
}
