//! Ks_int_NAF from the terminal's side (ruling 13): the on-card client of this project's software card, on a logical
//! channel of its own, so that the USIM stays selected. A card without it says so; Ks_ext_NAF never takes its place.

use base::{Secret, apdu::Command, tlv};
use gba::{
    digest::Algorithm,
    ids::{Btid, NafId},
};

use crate::{Card, Sw, names};

use super::{Usim, UsimError, link::refused};

/// Which master secret of TLS 1.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MasterSecret<'a> {
    /// RFC 5246 8.1: randoms of client and server, in that order.
    Plain {
        /// Of the client.
        client: &'a [u8; 32],
        /// Of the server.
        server: &'a [u8; 32],
    },
    /// RFC 7627 4: the session hash.
    Extended(&'a [u8]),
}

impl<C: Card> Usim<C> {
    /// The TLS 1.2 master secret of a connection whose PSK is Ks_int_NAF (P_SHA256, a suite with plain PSK).
    ///
    /// # Errors
    /// [`UsimError::NoClient`] on a card without the client; [`UsimError::Refused`] with 6A88 if it holds no key of that
    /// NAF and run, with 6985 if the NAF_Id isn't of a suite with PSK.
    pub fn ks_int_master_secret(
        &mut self,
        naf: &NafId,
        btid: &Btid,
        which: MasterSecret<'_>,
    ) -> Result<Secret<48>, UsimError> {
        let (label, seed) = match which {
            MasterSecret::Plain { client, server } => ("master secret", [&client[..], server].concat()),
            MasterSecret::Extended(hash) => ("extended master secret", hash.to_vec()),
        };
        let answer = self.ask_client(0x01, naf, btid, label.as_bytes(), &seed)?;
        Secret::from_slice(&answer).ok_or_else(|| wrong_length("48 octets of a master secret"))
    }

    /// The response of HTTP digest whose password is Ks_int_NAF: H(H(A1) ":" `rest`), where `rest` is
    /// `nonce:nc:cnonce:qop:H(A2)` (RFC 7616 3.4.1). By MD5, or by SHA-256 for the algorithms of that.
    ///
    /// # Errors
    /// As [`Self::ks_int_master_secret`]; 6985 if the NAF_Id isn't of HTTP digest.
    pub fn ks_int_digest(
        &mut self,
        naf: &NafId,
        btid: &Btid,
        algorithm: Algorithm,
        realm: &str,
        rest: &str,
    ) -> Result<String, UsimError> {
        let function = match algorithm {
            Algorithm::Sha256 => 0x03,
            _ => 0x02,
        };
        let answer = self.ask_client(function, naf, btid, realm.as_bytes(), rest.as_bytes())?;
        String::from_utf8(answer).map_err(|_| wrong_length("a digest in hex"))
    }

    /// Opens a channel, selects the client, asks, and closes the channel whatever came.
    fn ask_client(
        &mut self,
        function: u8,
        naf: &NafId,
        btid: &Btid,
        first: &[u8],
        second: &[u8],
    ) -> Result<Vec<u8>, UsimError> {
        let mut data = tlv::object(0x80, naf.octets());
        for (tag, value) in [(0x81, btid.octets()), (0x82, first), (0x83, second)] {
            tlv::write(&mut data, tag, value);
        }
        let malformed = UsimError::malformed("question to the on-card client");
        let opened = self.link.transmit(&Command::new(0, 0x70, 0, 0).with_le(1))?;
        // A card without channels, or without one that is free, is one that can't have the client beside a USIM.
        let [channel @ 1..=3] = *opened.data() else {
            return Err(UsimError::NoClient);
        };
        let select = Command::new(channel, 0xa4, 0x04, 0x0c)
            .with_data(&names::CLIENT_AID)
            .map_err(&malformed)?;
        let ask = Command::new(channel, 0x88, function, 0)
            .with_data(&data)
            .map_err(&malformed)?
            .with_le(0);
        let answer = match self.link.transmit(&select) {
            Ok(r) if r.is_success() => self.link.transmit(&ask),
            Ok(_) => Err(UsimError::NoClient),
            Err(e) => Err(e),
        };
        let close = Command::new(0, 0x70, 0x80, channel);
        let closed = self.link.command(&close);
        let answer = answer?;
        closed?;
        if answer.is_success() {
            Ok(answer.data().to_vec())
        } else {
            Err(refused(&ask, Sw(answer.sw)))
        }
    }
}

fn wrong_length(rule: &'static str) -> UsimError {
    UsimError::malformed("answer of the on-card client")(base::DecodeError::Invalid {
        what: "answer",
        at: 0,
        rule,
    })
}

#[cfg(test)]
mod tests {
    use aka::{Algorithm as _, Amf, Milenage, Rand, gba_u::mac_star};
    use base::Utc;
    use gba::ids::{Impi, MncLength};

    use super::*;
    use crate::software::{Profile, SoftCard};

    fn algorithm() -> Milenage {
        Milenage::new(&Secret::new([0x46; 16]), &Secret::new([0xcd; 16]))
    }

    fn profile() -> Profile {
        Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm())
    }

    #[test]
    fn ruling_13_the_client_is_asked_beside_the_usim_and_a_card_without_it_says_so() {
        let maf = NafId::parse(b"maf.example.org\x01\0\x01\0\xae").unwrap();
        let web = NafId::parse(b"naf.example.org\x01\0\0\0\x02").unwrap();
        let rand = Rand::from([7; 16]);
        let vector = algorithm().vector(&rand, "000000000020".parse().unwrap(), Amf::from([0x80, 0]));
        let mut usim = Usim::open(SoftCard::new(profile().with_gba_u())).unwrap();
        usim.gba_bootstrap(&rand, &mac_star(&vector.autn, &vector.ik))
            .unwrap();
        let btid = Btid::issue(&rand, &usim.bsf());
        usim.write_gbabp(&rand, &btid, Utc(2_000_000_000)).unwrap();
        let impi: Impi = usim.impi().clone();
        for naf in [&maf, &web] {
            let _ = usim.gba_naf_key(naf, &impi).unwrap();
        }
        let plain = MasterSecret::Plain {
            client: &[1; 32],
            server: &[2; 32],
        };
        let one = usim.ks_int_master_secret(&maf, &btid, plain).unwrap();
        let other = usim
            .ks_int_master_secret(&maf, &btid, MasterSecret::Extended(&[3; 32]))
            .unwrap();
        assert!(!one.ct_eq(&other));
        let digest = |usim: &mut Usim<SoftCard>, algorithm| {
            usim.ks_int_digest(&web, &btid, algorithm, "realm", "n:00000001:c:auth:0")
                .unwrap()
        };
        assert_eq!(digest(&mut usim, Algorithm::Md5).len(), 32);
        assert_eq!(digest(&mut usim, Algorithm::Sha256).len(), 64);
        // The channel is closed each time, and the USIM still selected.
        for _ in 0..30 {
            assert!(matches!(
                usim.ks_int_master_secret(&web, &btid, plain),
                Err(UsimError::Refused {
                    sw: Sw::CONDITIONS,
                    ..
                })
            ));
        }
        let _ = usim.gba_naf_key(&maf, &impi).unwrap();

        let mut without = Usim::open(SoftCard::new(profile())).unwrap();
        let refused = without.ks_int_master_secret(&maf, &btid, plain);
        assert_eq!(
            refused.err().map(|e| e.to_string()),
            Some("this card offers no client for Ks_int_NAF: only Ks_ext_NAF can be had of it".to_owned())
        );
    }
}
