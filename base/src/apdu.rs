//! Command and response APDUs (ISO 7816-4, TS 102 221 10.1), short lengths: at most 255 octets of data.
//!
//! A command may carry a PIN and a response CK and IK: both are wiped when dropped, and `Debug` shows no data.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::reader::{DecodeError, Reader};

/// A command APDU of one of the four cases.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Command {
    /// Class: interindustry 0x with the logical channel.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// Parameter 1.
    pub p1: u8,
    /// Parameter 2.
    pub p2: u8,
    data: Vec<u8>,
    /// Le: `Some(0)` asks for up to 256 octets.
    pub le: Option<u8>,
}

impl Command {
    /// A command without data.
    #[must_use]
    pub const fn new(cla: u8, ins: u8, p1: u8, p2: u8) -> Self {
        Self {
            cla,
            ins,
            p1,
            p2,
            data: Vec::new(),
            le: None,
        }
    }

    /// With data of 1 to 255 octets.
    ///
    /// # Errors
    /// [`DecodeError::Invalid`] for more than 255 octets.
    pub fn with_data(mut self, data: &[u8]) -> Result<Self, DecodeError> {
        if data.len() > 255 {
            return Err(DecodeError::Invalid {
                what: "Lc",
                at: 4,
                rule: "at most 255 octets of data",
            });
        }
        self.data = data.to_vec();
        Ok(self)
    }

    /// With Le.
    #[must_use]
    pub const fn with_le(mut self, le: u8) -> Self {
        self.le = Some(le);
        self
    }

    /// The data field.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The APDU's octets: `CLA INS P1 P2 [Lc data] [Le]`.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let mut out = vec![self.cla, self.ins, self.p1, self.p2];
        if let Ok(lc @ 1..) = u8::try_from(self.data.len()) {
            out.push(lc);
            out.extend_from_slice(&self.data);
        }
        out.extend(self.le);
        out
    }

    /// Reads an APDU with short lengths.
    ///
    /// # Errors
    /// [`DecodeError`] if Lc doesn't fit what follows.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let [cla, ins, p1, p2] = r.array("APDU header")?;
        let mut command = Self::new(cla, ins, p1, p2);
        match r.len() {
            0 => {}
            1 => command.le = Some(r.u8("Le")?),
            _ => {
                let lc = r.u8("Lc")?;
                if lc == 0 {
                    return Err(r.invalid("Lc", "extended lengths aren't used on a UICC"));
                }
                command.data = r.take(usize::from(lc), "data")?.to_vec();
                if !r.is_empty() {
                    command.le = Some(r.u8("Le")?);
                }
            }
        }
        r.finish("APDU")?;
        Ok(command)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:02x} {:02x} {:02x} {:02x} <{} octets>",
            self.cla,
            self.ins,
            self.p1,
            self.p2,
            self.data.len()
        )
    }
}

/// A response APDU.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Response {
    data: Vec<u8>,
    /// SW1 and SW2.
    pub sw: u16,
}

impl Response {
    /// Data and status word.
    #[must_use]
    pub const fn new(data: Vec<u8>, sw: u16) -> Self {
        Self { data, sw }
    }

    /// A status word alone.
    #[must_use]
    pub const fn status(sw: u16) -> Self {
        Self { data: Vec::new(), sw }
    }

    /// The data field.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// True for 9000 and 91xx (a proactive command waits).
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.sw == 0x9000 || self.sw >> 8 == 0x91
    }

    /// Data, then SW1 SW2.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        let mut out = self.data.clone();
        out.extend_from_slice(&self.sw.to_be_bytes());
        out
    }

    /// Reads data and status word: 2 to 258 octets.
    ///
    /// # Errors
    /// [`DecodeError`] for another length.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        if octets.len() > 258 {
            return Err(r.invalid("response APDU", "at most 256 octets and the status word"));
        }
        let data = r.take(octets.len().saturating_sub(2), "data")?.to_vec();
        Ok(Self {
            data,
            sw: r.u16("SW1 SW2")?,
        })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} octets> {:04x}", self.data.len(), self.sw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_the_four_cases() {
        let plain = Command::new(0, 0x88, 0, 0x81);
        let data = plain
            .clone()
            .with_data(&[1, 2, 3])
            .unwrap_or(Command::new(0, 0, 0, 0));
        for c in [plain.clone(), plain.with_le(0), data.clone(), data.with_le(0x10)] {
            assert_eq!(Command::parse(&c.octets()), Ok(c));
        }
        for bad in [
            &[0, 0x88, 0][..],
            &[0, 0x88, 0, 0x81, 5, 1],
            &[0, 0x88, 0, 0x81, 0, 0, 1, 7],
            &[0, 0x88, 0, 0x81, 1, 7, 0, 0],
        ] {
            assert!(Command::parse(bad).is_err(), "{bad:02x?}");
        }
        assert!(Response::parse(&[0x90]).is_err());
        assert_eq!(Response::parse(&[0x90, 0]), Ok(Response::status(0x9000)));
    }
}
