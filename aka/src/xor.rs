//! The test algorithm of TS 34.108 8.1.2, as the profiles of GSMA TS.48 use it. It protects nothing: anyone who
//! sees RAND and RES has K.

use base::Secret;

use crate::{Algorithm, Amf, F2345, MacA, MacS, Rand, Res, ResLength, Sqn};

/// The XOR test algorithm with one test subscriber's K.
pub struct Xor {
    k: Secret<16>,
    res_len: usize,
}

impl Xor {
    /// For K. RES has 16 octets.
    #[must_use]
    pub const fn new(k: &Secret<16>) -> Self {
        Self {
            k: k.duplicate(),
            res_len: 16,
        }
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self {
            k: self.k.duplicate(),
            res_len: self.res_len,
        }
    }

    /// Cuts RES to its first 4 to 16 octets.
    ///
    /// # Errors
    /// [`ResLength`] for another length.
    pub fn with_res_length(mut self, octets: usize) -> Result<Self, ResLength> {
        if !(Res::MIN..=Res::MAX).contains(&octets) {
            return Err(ResLength {
                min: Res::MIN,
                max: Res::MAX,
                got: octets,
            });
        }
        self.res_len = octets;
        Ok(self)
    }

    /// XDOUT = K xor RAND.
    fn xdout(&self, rand: &Rand) -> u128 {
        u128::from_be_bytes(*self.k.expose()) ^ u128::from_be_bytes(*rand.octets())
    }

    /// AK: octets 3 to 8 of XDOUT.
    fn ak(&self, rand: &Rand) -> [u8; 6] {
        let [_, _, _, a, b, c, d, e, f, ..] = self.xdout(rand).to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// The first 8 octets of XDOUT xor CDOUT = SQN ‖ AMF.
    fn mac(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> [u8; 8] {
        let cdout = u128::from(sqn.value()) << 16 | u128::from(u16::from_be_bytes(*amf.octets()));
        let [a, b, c, d, e, f, g, h, ..] = (self.xdout(rand) ^ cdout << 64).to_be_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

impl Algorithm for Xor {
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA {
        MacA(self.mac(rand, sqn, amf))
    }

    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS {
        MacS(self.mac(rand, sqn, amf))
    }

    fn f2345(&self, rand: &Rand) -> F2345 {
        let xdout = self.xdout(rand);
        F2345 {
            res: Res::cut(xdout.to_be_bytes(), self.res_len),
            ck: Secret::new(xdout.rotate_left(8).to_be_bytes()),
            ik: Secret::new(xdout.rotate_left(16).to_be_bytes()),
            ak: self.ak(rand),
        }
    }

    fn f5_star(&self, rand: &Rand) -> [u8; 6] {
        self.ak(rand)
    }
}
