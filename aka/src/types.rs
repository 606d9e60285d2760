//! The values that AKA exchanges: RAND, AUTN, AUTS, AMF, SQN are public octets; RES and MACs are not.

use core::{fmt, str::FromStr};

use base::{
    Secret,
    hex::{self, HexError},
};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A public value of a fixed number of octets, written as hex.
macro_rules! octets {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, PartialEq)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in octets.
            pub const LEN: usize = $len;

            /// From its octets.
            #[must_use]
            pub const fn new(octets: [u8; $len]) -> Self {
                Self(octets)
            }

            /// The octets.
            #[must_use]
            pub const fn octets(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(octets: [u8; $len]) -> Self {
                Self(octets)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = HexError;
            fn try_from(octets: &[u8]) -> Result<Self, HexError> {
                octets.try_into().map(Self).map_err(|_| HexError::Length { want: $len, got: octets.len() })
            }
        }

        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                hex::array(text).map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }
    };
}

octets! {
    /// RAND, the random challenge (TS 33.102 6.3.2): 16 octets.
    Rand, 16
}
octets! {
    /// AUTN = SQN xor AK ‖ AMF ‖ MAC-A (TS 33.102 6.3.2): 6 + 2 + 8 octets.
    Autn, 16
}
octets! {
    /// AUTS = SQN_MS xor AK* ‖ MAC-S (TS 33.102 6.3.3): 6 + 8 octets.
    Auts, 14
}
octets! {
    /// AMF, the authentication management field (TS 33.102 annexes F and H): 2 octets.
    Amf, 2
}

impl Amf {
    /// AMF* of a resynchronisation (TS 33.102 6.3.3): all zero. Never the AMF of a vector.
    pub const RESYNC: Self = Self([0, 0]);

    /// With the separation bit (TS 33.102 annex H: bit 0, the highest) set or cleared.
    /// Set for EPS, 5G and EAP-AKA'; cleared for Zh, Cx and EAP-AKA.
    #[must_use]
    pub const fn with_separation_bit(self, set: bool) -> Self {
        let [high, low] = self.0;
        Self([if set { high | 0x80 } else { high & 0x7f }, low])
    }

    /// The separation bit.
    #[must_use]
    pub const fn separation_bit(self) -> bool {
        self.0[0] & 0x80 != 0
    }
}

impl Autn {
    /// From its parts, SQN already concealed.
    #[must_use]
    pub const fn from_parts(sqn_xor_ak: [u8; 6], amf: Amf, mac: [u8; 8]) -> Self {
        let [s0, s1, s2, s3, s4, s5] = sqn_xor_ak;
        let [a0, a1] = amf.0;
        let [m0, m1, m2, m3, m4, m5, m6, m7] = mac;
        Self([s0, s1, s2, s3, s4, s5, a0, a1, m0, m1, m2, m3, m4, m5, m6, m7])
    }

    /// SQN xor AK, 6 octets.
    #[must_use]
    pub const fn sqn_xor_ak(&self) -> [u8; 6] {
        let [s0, s1, s2, s3, s4, s5, ..] = self.0;
        [s0, s1, s2, s3, s4, s5]
    }

    /// AMF.
    #[must_use]
    pub const fn amf(&self) -> Amf {
        let [_, _, _, _, _, _, a0, a1, ..] = self.0;
        Amf([a0, a1])
    }

    /// MAC-A (or MAC* in an AUTN*), 8 octets.
    #[must_use]
    pub const fn mac(&self) -> [u8; 8] {
        let [.., m0, m1, m2, m3, m4, m5, m6, m7] = self.0;
        [m0, m1, m2, m3, m4, m5, m6, m7]
    }

    /// The same with another MAC.
    #[must_use]
    pub const fn with_mac(self, mac: [u8; 8]) -> Self {
        Self::from_parts(self.sqn_xor_ak(), self.amf(), mac)
    }
}

impl Auts {
    /// From its parts, SQN_MS already concealed.
    #[must_use]
    pub const fn from_parts(sqn_xor_ak: [u8; 6], mac: [u8; 8]) -> Self {
        let [s0, s1, s2, s3, s4, s5] = sqn_xor_ak;
        let [m0, m1, m2, m3, m4, m5, m6, m7] = mac;
        Self([s0, s1, s2, s3, s4, s5, m0, m1, m2, m3, m4, m5, m6, m7])
    }

    /// SQN_MS xor AK*, 6 octets.
    #[must_use]
    pub const fn sqn_xor_ak(&self) -> [u8; 6] {
        let [s0, s1, s2, s3, s4, s5, ..] = self.0;
        [s0, s1, s2, s3, s4, s5]
    }

    /// MAC-S, 8 octets.
    #[must_use]
    pub const fn mac(&self) -> [u8; 8] {
        let [.., m0, m1, m2, m3, m4, m5, m6, m7] = self.0;
        [m0, m1, m2, m3, m4, m5, m6, m7]
    }
}

/// A sequence number (TS 33.102 6.3.2): 48 bits, SEQ ‖ IND where a profile says so (annex C.1.1.1).
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sqn(u64);

impl Sqn {
    /// The highest number.
    pub const MAX: Self = Self(0xffff_ffff_ffff);

    /// From a number below 2^48.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        if value <= Self::MAX.0 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// SEQ ‖ IND with `ind_bits` bits of IND; `None` if a part doesn't fit or `ind_bits` is 48 or more.
    #[must_use]
    pub const fn from_parts(seq: u64, ind: u64, ind_bits: u8) -> Option<Self> {
        if ind_bits >= 48 || ind >> ind_bits != 0 || seq > Self::MAX.0 >> ind_bits {
            None
        } else {
            Some(Self(seq << ind_bits | ind))
        }
    }

    /// From 6 octets, big endian.
    #[must_use]
    pub const fn from_octets(octets: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = octets;
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// SEQ: all but the low `ind_bits` bits.
    #[must_use]
    pub const fn seq(self, ind_bits: u8) -> u64 {
        if ind_bits >= 48 { 0 } else { self.0 >> ind_bits }
    }

    /// IND: the low `ind_bits` bits.
    #[must_use]
    pub const fn ind(self, ind_bits: u8) -> u64 {
        if ind_bits >= 48 {
            self.0
        } else {
            self.0 & ((1 << ind_bits) - 1)
        }
    }

    /// 6 octets, big endian.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        [a, b, c, d, e, f]
    }

    /// SQN xor AK (or undone: the operation is its own inverse).
    #[must_use]
    pub const fn xor(self, ak: [u8; 6]) -> [u8; 6] {
        Self(self.0 ^ Self::from_octets(ak).0).octets()
    }
}

impl FromStr for Sqn {
    type Err = HexError;
    /// Twelve hex digits.
    fn from_str(text: &str) -> Result<Self, HexError> {
        hex::array(text).map(Self::from_octets)
    }
}

impl fmt::Display for Sqn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

impl fmt::Debug for Sqn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqn({self})")
    }
}

/// A RES of a length that TS 33.102 6.3.7 or the algorithm doesn't have.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("RES has {min} to {max} octets here, got {got}")]
pub struct ResLength {
    /// Shortest length allowed.
    pub min: usize,
    /// Longest length allowed.
    pub max: usize,
    /// Length that came.
    pub got: usize,
}

/// RES or XRES (TS 33.102 6.3.7): 4 to 16 octets. Secret until it has been sent; wiped when dropped.
///
/// Its length isn't secret, and its octets wipe themselves.
pub struct Res {
    octets: Secret<16>,
    len: usize,
}

impl ZeroizeOnDrop for Res {}

impl Res {
    /// Shortest, in octets.
    pub const MIN: usize = 4;
    /// Longest, in octets.
    pub const MAX: usize = 16;

    /// Takes 4 to 16 octets.
    ///
    /// # Errors
    /// [`ResLength`] for any other length.
    pub fn new(octets: &[u8]) -> Result<Self, ResLength> {
        let mut whole = [0; 16];
        match whole.get_mut(..octets.len()) {
            Some(start) if octets.len() >= Self::MIN => start.copy_from_slice(octets),
            _ => {
                return Err(ResLength {
                    min: Self::MIN,
                    max: Self::MAX,
                    got: octets.len(),
                });
            }
        }
        Ok(Self::cut(whole, octets.len()))
    }

    /// The first `len` octets, `len` forced into 4 to 16; what is cut off is cleared.
    #[inline]
    pub(crate) fn cut(octets: [u8; 16], len: usize) -> Self {
        let len = len.clamp(Self::MIN, Self::MAX);
        let octets = u128::from_be_bytes(octets) & (u128::MAX << (8 * (Self::MAX - len)));
        Self {
            octets: Secret::new(octets.to_be_bytes()),
            len,
        }
    }

    /// As [`Self::cut`], for octets of which only the first 8 may be other than zero.
    #[inline]
    pub(crate) fn cut_8(octets: [u8; 16], len: usize) -> Self {
        if len == 8 {
            // The usual case costs nothing.
            Self {
                octets: Secret::new(octets),
                len,
            }
        } else {
            Self::cut(octets, len)
        }
    }

    /// The only way to the octets.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        // Every constructor keeps `len` at 4 to 16.
        self.octets.expose().get(..self.len).unwrap_or_default()
    }

    /// Length in octets, which isn't secret.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a RES is never empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Compares in constant time for equal lengths.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }

    /// The last octet's lowest bit inverted: the RES of a GBA_U card (TS 33.220 5.3.2). Its own inverse.
    #[must_use]
    //= TS33.220-5.3.2-r2
    pub fn flipped_lsb(&self) -> Self {
        let mut octets = *self.octets.expose();
        if let Some(last) = octets.get_mut(self.len.saturating_sub(1)) {
            *last ^= 1;
        }
        Self {
            octets: Secret::new(octets),
            len: self.len,
        }
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self {
            octets: self.octets.duplicate(),
            len: self.len,
        }
    }
}

/// MAC-A, the network's authentication code of f1: 8 octets. Compared in constant time only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MacA(pub [u8; 8]);

/// MAC-S, the card's authentication code of f1*: 8 octets. Compared in constant time only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MacS(pub [u8; 8]);

impl MacA {
    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, mac: &[u8; 8]) -> bool {
        self.0.ct_eq(mac).into()
    }
}

impl MacS {
    /// Compares in constant time.
    #[must_use]
    pub fn ct_eq(&self, mac: &[u8; 8]) -> bool {
        self.0.ct_eq(mac).into()
    }
}
