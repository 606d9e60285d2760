//! The MAC modification of GBA_U (TS 33.220 5.3.2): MAC* = MAC-A xor the first 8 octets of SHA-1(IK).
//!
//! The formula is taken from recollection of the clause: `star` is the default of every element, `plain` a switch.

use base::Secret;
use sha1::{Digest, Sha1};
use zeroize::Zeroize;

use crate::Autn;

/// AUTN* = SQN xor AK ‖ AMF ‖ MAC* for a plain AUTN, and the plain AUTN for an AUTN*: its own inverse.
#[must_use]
//= TS33.220-5.3.2-r1
pub fn mac_star(autn: &Autn, ik: &Secret<16>) -> Autn {
    let mut digest: [u8; 20] = Sha1::digest(ik.expose()).into();
    let mut mac = autn.mac();
    for (octet, mask) in mac.iter_mut().zip(&digest) {
        *octet ^= mask;
    }
    digest.zeroize();
    autn.with_mac(mac)
}
