//! Command packets as an attacker would send them, and what a card answers: for [`super::lint`]. Secured packets of an
//! administrator aren't made here.
//!
//! TS 102 225 5.1 and TS 31.115 4.2 (packet in an SMS), TS 102 223 7.1.1.2 (ENVELOPE).

use base::{DecodeError, Reader, apdu::Command, tlv};

use crate::{Card, Sw};

use super::{Session, UsimError};

/// What an attacker can choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Security parameter indicator.
    pub spi: [u8; 2],
    /// Ciphering key identifier.
    pub kic: u8,
    /// Signing key identifier.
    pub kid: u8,
    /// The application.
    pub tar: [u8; 3],
    /// Padding counter.
    pub pcntr: u8,
    /// Octets of a wrong cryptographic checksum.
    pub checksum: usize,
}

/// Response packet, asked for by SPI2: proof of receipt always, without security, in the answer to the ENVELOPE.
const POR_ALWAYS: u8 = 0x01;

impl Packet {
    /// No security at all.
    #[must_use]
    pub const fn open(tar: [u8; 3]) -> Self {
        Self {
            spi: [0x00, POR_ALWAYS],
            kic: 0,
            kid: 0,
            tar,
            pcntr: 0,
            checksum: 0,
        }
    }

    /// A wrong checksum of eight octets under key set 1 with single DES, and a signed proof of receipt asked for.
    #[must_use]
    pub const fn badly_signed(tar: [u8; 3]) -> Self {
        Self {
            // Checksum, no counter; proof of receipt always, with a checksum.
            spi: [0x02, 0x09],
            kic: 0x11,
            kid: 0x11,
            tar,
            pcntr: 0,
            checksum: 8,
        }
    }

    /// The packet with a script that selects the MF.
    #[must_use]
    pub fn octets(&self) -> Vec<u8> {
        const SCRIPT: [u8; 7] = [0x00, 0xa4, 0x00, 0x04, 0x02, 0x3f, 0x00];
        let mut body = Vec::new();
        // CHL counts from SPI to the checksum: 13 octets and it.
        body.push(u8::try_from(13 + self.checksum).unwrap_or(u8::MAX));
        body.extend_from_slice(&self.spi);
        body.extend_from_slice(&[self.kic, self.kid]);
        body.extend_from_slice(&self.tar);
        body.extend_from_slice(&[0; 5]);
        body.push(self.pcntr);
        body.resize(body.len() + self.checksum, 0x5a);
        body.extend_from_slice(&SCRIPT);
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes()[..], &body].concat()
    }
}

/// A response packet: proof of receipt (TS 102 225 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Por {
    /// Response status code.
    pub status: u8,
    /// A checksum is in it that isn't all zero.
    pub signed: bool,
}

impl Por {
    /// Reads `02 71 00 RPL RHL TAR CNTR PCNTR STATUS [checksum] data`.
    ///
    /// # Errors
    /// [`DecodeError`] for what isn't one in clear.
    pub fn parse(octets: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(octets);
        let start = r;
        if r.array("header")? != [0x02, 0x71, 0x00] {
            return Err(start.invalid("response packet", "02 71 00 at its beginning"));
        }
        let length = r.u16("RPL")?;
        let mut r = r.sub(usize::from(length), "response packet")?;
        let at = r;
        let header = r.u8("RHL")?;
        let checksum = header
            .checked_sub(10)
            .ok_or(at.invalid("RHL", "10 octets and the checksum"))?;
        r.take(3, "TAR")?;
        r.take(5, "CNTR")?;
        r.take(1, "PCNTR")?;
        let status = r.u8("status")?;
        let checksum = r.take(usize::from(checksum), "checksum")?;
        Ok(Self {
            status,
            signed: checksum.iter().any(|o| *o != 0),
        })
    }

    /// What the status says (TS 102 225 table 5).
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self.status {
            0x00 => "done",
            0x01 => "checksum wrong",
            0x02 => "counter too low",
            0x03 => "counter too high",
            0x04 => "counter blocked",
            0x05 => "ciphering error",
            0x06 => "security error that is not named",
            0x07 => "no memory",
            0x09 => "no such application",
            0x0a => "too little security for this application",
            _ => "another status",
        }
    }
}

/// What a card made of a short message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A response packet.
    Por(Por),
    /// Octets that are no response packet in clear: perhaps a ciphered one.
    Octets(usize),
    /// Nothing but a status word.
    Silent(Sw),
}

impl<C: Card> Session<C> {
    /// Tells the card that this terminal takes short messages for it, and nothing else (TERMINAL PROFILE).
    ///
    /// # Errors
    /// [`UsimError`] where no answer comes.
    pub fn announce_sms(&mut self) -> Result<(), UsimError> {
        let profile = Command::new(0x80, 0x10, 0x00, 0x00).with_data(&[0x03]);
        self.apdu(&profile.map_err(UsimError::malformed("TERMINAL PROFILE"))?)?;
        Ok(())
    }

    /// One SMS-DELIVER for the card in an ENVELOPE; `header` is the user data header without its length.
    ///
    /// # Errors
    /// [`UsimError`] where no answer comes, or the message is too long for one.
    pub fn sms(&mut self, header: &[u8], packet: &[u8]) -> Result<Heard, UsimError> {
        let envelope = envelope(header, packet);
        let command = Command::new(0x80, 0xc2, 0x00, 0x00)
            .with_data(&envelope)
            .map_err(UsimError::malformed("ENVELOPE"))?
            .with_le(0);
        let response = self.apdu(&command)?;
        Ok(match Por::parse(response.data()) {
            Ok(por) => Heard::Por(por),
            Err(_) if response.data().is_empty() => Heard::Silent(Sw(response.sw)),
            Err(_) => Heard::Octets(response.data().len()),
        })
    }
}

/// `D1 L {82 02 83 81, 8B L SMS-DELIVER}`: class 2, 8 bit, protocol identifier 7F.
fn envelope(header: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut tpdu = vec![
        0x44, // SMS-DELIVER, no more messages, user data header
        0x05, 0x81, 0x21, 0x43, 0xf5, // from 12345
        0x7f, 0xf6, // (U)SIM data download, class 2
        0x62, 0x10, 0x10, 0x00, 0x00, 0x00, 0x00, // when
    ];
    let length = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    tpdu.push(length(1 + header.len() + packet.len()));
    tpdu.push(length(header.len()));
    tpdu.extend_from_slice(header);
    tpdu.extend_from_slice(packet);
    let mut inner = vec![0x82, 0x02, 0x83, 0x81];
    tlv::write(&mut inner, 0x8b, &tpdu);
    tlv::object(0xd1, &inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::hex;
    use proptest::prelude::*;

    #[test]
    fn a_packet_has_the_lengths_of_its_parts() {
        let packet = Packet::badly_signed([0xb0, 0x00, 0x10]).octets();
        assert_eq!(
            hex::encode(&packet),
            "001d15020911 11b00010 0000000000 00 5a5a5a5a5a5a5a5a 00a40004023f00".replace(' ', "")
        );
        let envelope = envelope(&[0x70, 0x00], &packet);
        assert_eq!(envelope.first_chunk(), Some(&[0xd1, 0x38]));
        assert_eq!(envelope.len(), 2 + 0x38);
    }

    #[test]
    fn a_real_cards_answer_to_a_replayed_counter_is_read() {
        let por = Por::parse(&hex::decode("027100000b0ab0001000000000000006").unwrap()).unwrap();
        assert_eq!(
            por,
            Por {
                status: 6,
                signed: false
            }
        );
        let signed = "0271000013 12b000100000000000 00 01 1122334455667788".replace(' ', "");
        assert!(Por::parse(&hex::decode(&signed).unwrap()).unwrap().signed);
        for bad in ["", "027000", "027100000b09", "0271000013"] {
            assert!(Por::parse(&hex::decode(bad).unwrap()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Por::parse(&octets);
            let _ = Por::parse(&[&[0x02, 0x71, 0x00], &octets[..]].concat());
        }
    }
}
