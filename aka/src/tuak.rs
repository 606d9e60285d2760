//! TUAK (TS 35.231) on Keccak-f\[1600\]: K of 128 or 256 bits, all output lengths of the specification.
//!
//! The state's octets hold each field with its octets reversed (TS 35.231 6 numbers bits from the other end).

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
    k: SecretBytes,
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

/// 1600 bits; wiped when dropped, for it holds K.
struct State([u8; 200]);

impl Drop for State {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl State {
    /// Writes a field from `at` on with its octets reversed.
    fn put(&mut self, at: usize, field: &[u8]) {
        for (to, from) in self.0.iter_mut().skip(at).zip(field.iter().rev()) {
            *to = *from;
        }
    }

    /// Reads `len` octets from `at` on, reversed back.
    fn field(&self, at: usize, len: usize) -> SecretBytes {
        let mut octets = self.0.get(at..at + len).unwrap_or_default().to_vec();
        octets.reverse();
        SecretBytes::new(octets)
    }

    /// The same as an array; `at + N` is at most 200 at every call.
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut octets = [0; N];
        for (to, from) in octets.iter_mut().rev().zip(self.0.iter().skip(at)) {
            *to = *from;
        }
        octets
    }

    fn permute(&mut self, iterations: u32) {
        let mut lanes = [0u64; 25];
        let (chunks, _) = self.0.as_chunks::<8>();
        for (lane, chunk) in lanes.iter_mut().zip(chunks) {
            *lane = u64::from_le_bytes(*chunk);
        }
        Keccak::new().with_f1600(|f1600| {
            for _ in 0..iterations {
                f1600(&mut lanes);
            }
        });
        let (chunks, _) = self.0.as_chunks_mut::<8>();
        for (lane, chunk) in lanes.iter().zip(chunks) {
            *chunk = lane.to_le_bytes();
        }
        lanes.zeroize();
    }
}

/// Keccak-f\[1600\] on 200 octets, as TS 35.232 clause 5 gives test data for it.
#[must_use]
pub fn keccak_f1600(state: [u8; 200]) -> [u8; 200] {
    let mut state = State(state);
    state.permute(1);
    state.0
}

/// The bit of INSTANCE that says K has 256 bits.
const fn key_bit(k: &[u8]) -> u8 {
    if k.len() == 32 { 0x01 } else { 0 }
}

/// The bits of INSTANCE for the length of MAC or RES in octets.
const fn length_bits(octets: usize) -> u8 {
    match octets {
        8 => 0x08,
        16 => 0x10,
        32 => 0x20,
        _ => 0, // RES of 4 octets
    }
}

/// One run: INOUT = TOP or TOPc ‖ INSTANCE ‖ "TUAK1.0" ‖ RAND ‖ AMF ‖ SQN ‖ K ‖ padding (TS 35.231 6.2).
fn run(
    top: &[u8; 32],
    instance: u8,
    rand: &[u8],
    amf: &[u8],
    sqn: &[u8],
    k: &[u8],
    iterations: u32,
) -> State {
    let mut state = State([0; 200]);
    state.put(0, top);
    state.put(32, &[instance]);
    state.put(33, b"TUAK1.0");
    state.put(40, rand);
    state.put(56, amf);
    state.put(58, sqn);
    state.put(64, k);
    state.put(96, &[0x1f]);
    state.put(135, &[0x80]);
    state.permute(iterations);
    state
}

impl Tuak {
    /// For K of 16 or 32 octets and TOPc.
    ///
    /// # Errors
    /// [`TuakLength`] for another length of K.
    pub fn new(k: &SecretBytes, topc: &Secret<32>, lengths: Lengths) -> Result<Self, TuakLength> {
        if !matches!(k.len(), 16 | 32) {
            return Err(TuakLength {
                what: "K",
                allowed: "16 or 32",
                got: k.len(),
            });
        }
        Ok(Self {
            k: k.duplicate(),
            topc: topc.duplicate(),
            lengths,
        })
    }

    /// A second copy, for a second owner.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            k: self.k.duplicate(),
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
        let keyed = Self::new(k, top, lengths)?;
        let k = keyed.k.expose();
        let state = run(top.expose(), key_bit(k), &[], &[], &[], k, lengths.iterations);
        Ok(Secret::new(state.array(0)))
    }

    fn run(&self, instance: u8, rand: &Rand, amf: &[u8], sqn: &[u8]) -> State {
        let k = self.k.expose();
        let instance = instance | key_bit(k);
        run(
            self.topc.expose(),
            instance,
            rand.octets(),
            amf,
            sqn,
            k,
            self.lengths.iterations,
        )
    }

    /// f1 at the length set, 8 to 32 octets.
    #[must_use]
    pub fn mac_a(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> SecretBytes {
        self.f1_state(0x00, rand, sqn, amf).field(0, self.lengths.mac)
    }

    /// f1* at the length set, 8 to 32 octets.
    #[must_use]
    pub fn mac_s(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> SecretBytes {
        self.f1_state(0x80, rand, sqn, amf).field(0, self.lengths.mac)
    }

    fn f1_state(&self, instance: u8, rand: &Rand, sqn: Sqn, amf: Amf) -> State {
        let instance = instance | length_bits(self.lengths.mac);
        self.run(instance, rand, amf.octets(), &sqn.octets())
    }

    fn f2345_state(&self, rand: &Rand) -> State {
        let mut instance = 0x40 | length_bits(self.lengths.res);
        if self.lengths.ck == 32 {
            instance |= 0x04;
        }
        if self.lengths.ik == 32 {
            instance |= 0x02;
        }
        self.run(instance, rand, &[], &[])
    }

    /// f2 to f5 at the lengths set.
    #[must_use]
    pub fn outputs(&self, rand: &Rand) -> Outputs {
        let state = self.f2345_state(rand);
        Outputs {
            res: state.field(0, self.lengths.res),
            ck: state.field(32, self.lengths.ck),
            ik: state.field(64, self.lengths.ik),
            ak: state.array(96),
        }
    }
}

impl Algorithm for Tuak {
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA {
        MacA(self.f1_state(0x00, rand, sqn, amf).array(0))
    }

    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS {
        MacS(self.f1_state(0x80, rand, sqn, amf).array(0))
    }

    fn f2345(&self, rand: &Rand) -> F2345 {
        let state = self.f2345_state(rand);
        let mut res = [0; 16];
        let whole = state.field(0, self.lengths.res.min(16));
        for (to, from) in res.iter_mut().zip(whole.expose()) {
            *to = *from;
        }
        let result = F2345 {
            res: Res::cut(res, whole.len()),
            ck: Secret::new(state.array(32)),
            ik: Secret::new(state.array(64)),
            ak: state.array(96),
        };
        res.zeroize();
        result
    }

    fn f5_star(&self, rand: &Rand) -> [u8; 6] {
        self.run(0xc0, rand, &[], &[]).array(96)
    }
}
