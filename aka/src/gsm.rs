//! The second generation: conversions c2 to c5 (TS 33.102 6.8.1.2, 6.8.2.3) and the 2G test algorithm
//! (TS 51.010-1 A4.1.2).

use base::Secret;

use crate::{Rand, Res};

/// SRES and Kc.
pub struct Triplet {
    /// SRES, 4 octets.
    pub sres: Secret<4>,
    /// Kc, 8 octets.
    pub kc: Secret<8>,
}

/// XOR of the pieces of `N` octets that the octets consist of, the last one padded with zeros.
fn fold<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut sum = [0; N];
    for chunk in octets.chunks(N) {
        for (to, from) in sum.iter_mut().zip(chunk) {
            *to ^= from;
        }
    }
    sum
}

/// c2: SRES = XRES*1 xor XRES*2 xor XRES*3 xor XRES*4, XRES* being RES padded with zeros to 16 octets.
#[must_use]
//= TS33.102-6.8.1.2-r1
pub fn c2(res: &Res) -> Secret<4> {
    Secret::new(fold(res.expose()))
}

/// c3: Kc = CK1 xor CK2 xor IK1 xor IK2.
#[must_use]
//= TS33.102-6.8.1.2-r1
pub fn c3(ck: &Secret<16>, ik: &Secret<16>) -> Secret<8> {
    let (ck, ik) = (
        Secret::<8>::new(fold(ck.expose())),
        Secret::<8>::new(fold(ik.expose())),
    );
    Secret::new((u64::from_be_bytes(*ck.expose()) ^ u64::from_be_bytes(*ik.expose())).to_be_bytes())
}

/// c4: CK = Kc ‖ Kc.
#[must_use]
pub fn c4(kc: &Secret<8>) -> Secret<16> {
    let kc = u128::from(u64::from_be_bytes(*kc.expose()));
    Secret::new((kc << 64 | kc).to_be_bytes())
}

/// c5: IK = Kc1 xor Kc2 ‖ Kc ‖ Kc1 xor Kc2, Kc1 and Kc2 being the halves of Kc.
#[must_use]
pub fn c5(kc: &Secret<8>) -> Secret<16> {
    let half = u128::from(u32::from_be_bytes(fold(kc.expose())));
    let kc = u128::from(u64::from_be_bytes(*kc.expose()));
    Secret::new((half << 96 | kc << 32 | half).to_be_bytes())
}

/// The 2G test algorithm: SRES is octets 0 to 3, Kc octets 4 to 11 of Ki xor RAND. It protects nothing.
#[must_use]
pub fn xor_2g(ki: &Secret<16>, rand: &Rand) -> Triplet {
    let [s0, s1, s2, s3, k0, k1, k2, k3, k4, k5, k6, k7, ..] =
        (u128::from_be_bytes(*ki.expose()) ^ u128::from_be_bytes(*rand.octets())).to_be_bytes();
    Triplet {
        sres: Secret::new([s0, s1, s2, s3]),
        kc: Secret::new([k0, k1, k2, k3, k4, k5, k6, k7]),
    }
}
