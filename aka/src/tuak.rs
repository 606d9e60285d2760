//! TUAK (TS 35.231) on Keccak-f\[1600\]: K of 128 or 256 bits, all output lengths of the specification.
//!
//! The state holds each field with its octets reversed (TS 35.231 6 numbers bits from the other end), so that eight
//! octets of a field, the last ones first, are one lane of the permutation.

use base::{Secret, SecretBytes};
use keccak::Keccak;
use thiserror::Error;
use zeroize::Zeroize;

use crate::{Algorithm, Amf, F2345, MacA, MacS, Rand, Res, Sqn};

/// A length that TUAK doesn't have.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("TUAK: {what} has {allowed} octets, got {got}")]
pub struct TuakLength {
    /// The field.
    pub what: &'static str,
    /// The lengths allowed.
    pub allowed: &'static str,
    /// The length that came.
    pub got: usize,
}

/// Lengths in octets and the number of Keccak permutations (TS 35.231 5.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lengths {
    mac: usize,
    res: usize,
    ck: usize,
    ik: usize,
    iterations: u32,
}

impl Lengths {
    /// What AKA uses here: MAC 8, RES 8, CK and IK 16 octets, one permutation.
    pub const AKA: Self = Self {
        mac: 8,
        res: 8,
        ck: 16,
        ik: 16,
        iterations: 1,
    };

    /// MAC of 8, 16 or 32, RES of 4, 8, 16 or 32, CK and IK of 16 or 32 octets, 1 to 255 permutations.
    ///
    /// # Errors
    /// [`TuakLength`] naming the field.
    pub fn new(mac: usize, res: usize, ck: usize, ik: usize, iterations: u8) -> Result<Self, TuakLength> {
        let check = |what, allowed, ok, got| {
            if ok {
                Ok(())
            } else {
                Err(TuakLength { what, allowed, got })
            }
        };
        check("MAC", "8, 16 or 32", matches!(mac, 8 | 16 | 32), mac)?;
        check("RES", "4, 8, 16 or 32", matches!(res, 4 | 8 | 16 | 32), res)?;
        check("CK", "16 or 32", matches!(ck, 16 | 32), ck)?;
        check("IK", "16 or 32", matches!(ik, 16 | 32), ik)?;
        if iterations == 0 {
            return Err(TuakLength {
                what: "Keccak iterations",
                allowed: "1 to 255",
                got: 0,
            });
        }
        Ok(Self {
            mac,
            res,
            ck,
            ik,
            iterations: iterations.into(),
        })
    }
}

/// TUAK with one subscriber's K and TOPc. As [`Algorithm`] it gives MAC 8, CK and IK 16 and RES up to 16 octets,
/// whatever longer lengths are set; [`Tuak::outputs`] gives the full ones.
pub struct Tuak {
    /// Behind 16 zeros where K has 128 bits, as INOUT ends with them (TS 35.231 6.2).
    k: Secret<32>,
    k_is_long: bool,
    topc: Secret<32>,
    lengths: Lengths,
}

/// f2 to f5 at their full lengths.
pub struct Outputs {
    /// f2, 4 to 32 octets.
    pub res: SecretBytes,
    /// f3, 16 or 32 octets.
    pub ck: SecretBytes,
    /// f4, 16 or 32 octets.
    pub ik: SecretBytes,
    /// f5, 6 octets.
    pub ak: [u8; 6],
}

/// 1600 bits as the 25 lanes that the permutation works on; wiped when dropped, for they hold K.
struct State([u64; 25]);

impl Drop for State {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A field as lanes: its octets are reversed, so that the last eight are the first lane, read from its high end.
fn lanes<const N: usize>(field: &[u8]) -> [u64; N] {
    let mut lanes = [0; N];
    for (lane, octets) in lanes.iter_mut().zip(field.as_rchunks::<8>().1.iter().rev()) {
        *lane = u64::from_be_bytes(*octets);
    }
    lanes
}

impl State {
    /// Reads the octets of a field from lane `at` on, whose last octets come first in the state.
    fn read(&self, at: usize, field: &mut [u8]) {
        for (to, lane) in field.rchunks_mut(8).zip(self.0.iter().skip(at)) {
            let octets = lane.to_be_bytes();
            if let Some(last) = octets.get(8 - to.len()..) {
                to.copy_from_slice(last);
            }
        }
    }

    /// Reads `len` octets from lane `at` on.
    fn field(&self, at: usize, len: usize) -> SecretBytes {
        let mut octets = vec![0; len];
        self.read(at, &mut octets);
        SecretBytes::new(octets)
    }

    /// The same as an array.
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut octets = [0; N];
        self.read(at, &mut octets);
        octets
    }

    fn permute(&mut self, iterations: u32) {
        Keccak::new().with_f1600(|f1600| {
            for _ in 0..iterations {
                f1600(&mut self.0);
            }
        });
    }
}

/// Keccak-f\[1600\] on 200 octets, as TS 35.232 clause 5 gives test data for it.
#[must_use]
pub fn keccak_f1600(mut octets: [u8; 200]) -> [u8; 200] {
    let mut state = State([0; 25]);
    for (lane, chunk) in state.0.iter_mut().zip(octets.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*chunk);
    }
    state.permute(1);
    for (lane, chunk) in state.0.iter().zip(octets.as_chunks_mut::<8>().0) {
        *chunk = lane.to_le_bytes();
    }
    octets
}

/// The bit of INSTANCE that says K has 256 bits.
const KEY_256: u8 = 0x01;

/// The bits of INSTANCE for the length of MAC or RES in octets.
const fn length_bits(octets: usize) -> u8 {
    match octets {
        8 => 0x08,
        16 => 0x10,
        32 => 0x20,
        _ => 0, // RES of 4 octets
    }
}

/// Where the fields of OUT begin, in lanes (TS 35.231 6.3, 6.4).
mod out {
    pub(super) const MAC: usize = 0;
    pub(super) const RES: usize = 0;
    pub(super) const CK: usize = 4;
    pub(super) const IK: usize = 8;
    pub(super) const AK: usize = 12;
}

/// One run: INOUT = TOP or TOPc ‖ INSTANCE ‖ "TUAK1.0" ‖ RAND ‖ AMF ‖ SQN ‖ K ‖ padding (TS 35.231 6.2).
fn run(
    top: &[u8; 32],
    instance: u8,
    rand: &[u8; 16],
    amf: [u8; 2],
    sqn: [u8; 6],
    k: &[u8; 32],
    iterations: u32,
) -> State {
    let [t0, t1, t2, t3] = lanes(top);
    let name = u64::from_be_bytes([b'T', b'U', b'A', b'K', b'1', b'.', b'0', instance]);
    let [r0, r1] = lanes(rand);
    let ([s0, s1, s2, s3, s4, s5], [a0, a1]) = (sqn, amf);
    let fresh = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, a0, a1]);
    let [k0, k1, k2, k3] = lanes(k);
    let mut state = State([0; 25]);
    state.0 = [
        t0,
        t1,
        t2,
        t3,
        name,
        r0,
        r1,
        fresh,
        k0,
        k1,
        k2,
        k3, // octets 0 to 95
        0x1f,
        0,
        0,
        0,
        0x80 << 56, // the padding: octets 96 and 135
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0, // the capacity
    ];
    state.permute(iterations);
    state
}

impl Tuak {
    /// For K of 16 or 32 octets and TOPc.
    ///
    /// # Errors
    /// [`TuakLength`] for another length of K.
    pub fn new(k: &SecretBytes, topc: &Secret<32>, lengths: Lengths) -> Result<Self, TuakLength> {
        let mut padded = [0; 32];
        match (k.len(), padded.last_chunk_mut::<16>()) {
            (16, Some(end)) => end.copy_from_slice(k.expose()),
            (32, _) => padded.copy_from_slice(k.expose()),
            (got, _) => {
                return Err(TuakLength {
                    what: "K",
                    allowed: "16 or 32",
                    got,
                });
            }
        }
        let keyed = Self {
            k: Secret::new(padded),
            k_is_long: k.len() == 32,
            topc: topc.duplicate(),
            lengths,
        };
        padded.zeroize();
        Ok(keyed)
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            k: self.k.duplicate(),
            k_is_long: self.k_is_long,
            topc: self.topc.duplicate(),
            lengths: self.lengths,
        }
    }

    /// TOPc from the operator's TOP (TS 35.231 6.1).
    ///
    /// # Errors
    /// [`TuakLength`] for a K of other than 16 or 32 octets.
    pub fn topc(k: &SecretBytes, top: &Secret<32>, iterations: u8) -> Result<Secret<32>, TuakLength> {
        let lengths = Lengths::new(8, 8, 16, 16, iterations)?;
        // The first 32 octets of OUT, from TOP where all other runs have TOPc; nothing else goes in.
        let state = Self::new(k, top, lengths)?.run(0, &Rand::new([0; 16]), [0; 2], [0; 6]);
        Ok(Secret::new(state.array(0)))
    }

    fn run(&self, instance: u8, rand: &Rand, amf: [u8; 2], sqn: [u8; 6]) -> State {
        let instance = instance | if self.k_is_long { KEY_256 } else { 0 };
        run(
            self.topc.expose(),
            instance,
            rand.octets(),
            amf,
            sqn,
            self.k.expose(),
            self.lengths.iterations,
        )
    }

    /// f1 at the length set, 8 to 32 octets.
    #[must_use]
    pub fn mac_a(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> SecretBytes {
        self.f1_state(0x00, rand, sqn, amf)
            .field(out::MAC, self.lengths.mac)
    }

    /// f1* at the length set, 8 to 32 octets.
    #[must_use]
    pub fn mac_s(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> SecretBytes {
        self.f1_state(0x80, rand, sqn, amf)
            .field(out::MAC, self.lengths.mac)
    }

    fn f1_state(&self, instance: u8, rand: &Rand, sqn: Sqn, amf: Amf) -> State {
        let instance = instance | length_bits(self.lengths.mac);
        self.run(instance, rand, *amf.octets(), sqn.octets())
    }

    fn f2345_state(&self, rand: &Rand) -> State {
        let mut instance = 0x40 | length_bits(self.lengths.res);
        if self.lengths.ck == 32 {
            instance |= 0x04;
        }
        if self.lengths.ik == 32 {
            instance |= 0x02;
        }
        self.run(instance, rand, [0; 2], [0; 6])
    }

    /// f2 to f5 at the lengths set.
    #[must_use]
    pub fn outputs(&self, rand: &Rand) -> Outputs {
        let state = self.f2345_state(rand);
        Outputs {
            res: state.field(out::RES, self.lengths.res),
            ck: state.field(out::CK, self.lengths.ck),
            ik: state.field(out::IK, self.lengths.ik),
            ak: state.array(out::AK),
        }
    }
}

impl Algorithm for Tuak {
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA {
        MacA(self.f1_state(0x00, rand, sqn, amf).array(out::MAC))
    }

    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS {
        MacS(self.f1_state(0x80, rand, sqn, amf).array(out::MAC))
    }

    fn f2345(&self, rand: &Rand) -> F2345 {
        let state = self.f2345_state(rand);
        let mut res = [0; 16];
        let len = self.lengths.res.min(16);
        if let Some(whole) = res.get_mut(..len) {
            state.read(out::RES, whole);
        }
        let result = F2345 {
            res: Res::cut(res, len),
            ck: Secret::new(state.array(out::CK)),
            ik: Secret::new(state.array(out::IK)),
            ak: state.array(out::AK),
        };
        res.zeroize();
        result
    }

    fn f5_star(&self, rand: &Rand) -> [u8; 6] {
        self.run(0xc0, rand, [0; 2], [0; 6]).array(out::AK)
    }
}
