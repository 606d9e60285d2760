//! Nonces that carry their own proof, so that a flood of unauthenticated requests costs the NAF no memory, and the
//! table of nonces in real use, so that no authenticated request counts twice.

use core::time::Duration;
use std::collections::HashMap;

use base::{Entropy, Mono, NoEntropy, Secret, hex, secret::ct_eq};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    digest::Qop,
    ids::{Btid, Fqdn},
};

/// Octets of the part that is under the MAC: time of issue, random octets, the qop that were offered.
const BODY: usize = 16;
/// Octets of the MAC.
const MAC: usize = 16;

/// A nonce that this NAF has issued for this host, and that has not expired.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Issued {
    id: [u8; BODY],
    at: Mono,
}

impl Issued {
    /// True if the challenge with this nonce offered `qop`: who rewrites a challenge in transit can't have the
    /// client answer it with less protection than the NAF asked for.
    pub(super) const fn offered(self, qop: Qop) -> bool {
        let [.., offered] = self.id;
        offered & bit(qop) != 0
    }
}

const fn bit(qop: Qop) -> u8 {
    match qop {
        Qop::Auth => 1,
        Qop::AuthInt => 2,
    }
}

/// What a nonce turned out to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NonceCheck {
    /// Ours and alive.
    Live(Issued),
    /// Ours, but too old.
    Expired(Issued),
    /// Never issued here, or for another host.
    Foreign,
}

/// 16 octets: issue time in nanoseconds (8), random (7), offered qop (1); then 16 of HMAC-SHA-256 over them and the
/// host; as hex.
pub(super) fn issue(
    secret: &Secret<32>,
    host: &Fqdn,
    offered: &[Qop],
    now: Mono,
    entropy: &mut dyn Entropy,
) -> Result<String, NoEntropy> {
    let mut id = [0; BODY];
    let (time, rest) = id.split_at_mut(8);
    time.copy_from_slice(&now.0.to_be_bytes());
    if let [random @ .., offer] = rest {
        entropy.fill(random)?;
        *offer = offered.iter().fold(0, |set, qop| set | bit(*qop));
    }
    Ok(hex::encode(id) + &hex::encode(mac(secret, host, &id)))
}

pub(super) fn check(
    secret: &Secret<32>,
    host: &Fqdn,
    nonce: &str,
    now: Mono,
    lifetime: Duration,
) -> NonceCheck {
    let octets: Option<[u8; BODY + MAC]> = hex::decode(nonce.trim())
        .ok()
        .and_then(|octets| octets.try_into().ok());
    let Some(octets) = octets else {
        return NonceCheck::Foreign;
    };
    let (id, tag) = octets.split_at(BODY);
    let Ok(id) = <[u8; BODY]>::try_from(id) else {
        return NonceCheck::Foreign;
    };
    if !ct_eq(&mac(secret, host, &id), tag) {
        return NonceCheck::Foreign;
    }
    let (time, _) = id.split_at(8);
    let at = Mono(time.iter().fold(0, |n, octet| n << 8 | u64::from(*octet)));
    let issued = Issued { id, at };
    if now.since(at) > lifetime {
        NonceCheck::Expired(issued)
    } else {
        NonceCheck::Live(issued)
    }
}

fn mac(secret: &Secret<32>, host: &Fqdn, id: &[u8; BODY]) -> [u8; MAC] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 2)")]
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("any length");
    hmac.update(b"ua nonce");
    hmac.update(id);
    hmac.update(host.as_str().as_bytes());
    let full: [u8; 32] = hmac.finalize().into_bytes().into();
    let mut cut = [0; MAC];
    cut.iter_mut().zip(full).for_each(|(dst, src)| *dst = src);
    cut
}

/// Which nonce counts have been used: one entry for each (B-TID, nonce) that a right response came with.
///
/// Bounded: when it is full the oldest quarter goes, and nonces as old as those are no longer accepted unless they
/// still stand here, so that forgetting never lets a replay through.
#[derive(Debug)]
pub struct ReplayTable {
    used: HashMap<(Btid, [u8; BODY]), Counts>,
    floor: Option<Mono>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    issued: Mono,
    highest: u32,
    /// Bit n: `highest - n` has been used.
    seen: u64,
}

impl ReplayTable {
    /// A table for at most that many nonces in use, at least 4.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            used: HashMap::new(),
            floor: None,
            capacity: capacity.max(4),
        }
    }

    /// How many nonces are in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// True if none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// True if that B-TID has used that nonce before.
    pub(super) fn knows(&self, nonce: Issued, btid: &Btid) -> bool {
        self.used.contains_key(&(btid.clone(), nonce.id))
    }

    /// Takes a nonce count; false if it was used before, lies below the window, or can't be known any more.
    /// With `window` 1 counts must rise strictly.
    pub(super) fn accept(
        &mut self,
        now: Mono,
        lifetime: Duration,
        nonce: Issued,
        btid: &Btid,
        count: u32,
        window: u32,
    ) -> bool {
        // The key may have been long in coming: what expires is forgotten, so it must not be new again.
        if now.since(nonce.at) > lifetime {
            return false;
        }
        let key = (btid.clone(), nonce.id);
        if let Some(counts) = self.used.get_mut(&key) {
            return counts.take(count, window);
        }
        if self.floor.is_some_and(|floor| nonce.at <= floor) {
            return false;
        }
        if self.used.len() >= self.capacity {
            self.make_room(now, lifetime);
            if self.floor.is_some_and(|floor| nonce.at <= floor) {
                return false;
            }
        }
        self.used.insert(
            key,
            Counts {
                issued: nonce.at,
                highest: count,
                seen: 1,
            },
        );
        true
    }

    fn make_room(&mut self, now: Mono, lifetime: Duration) {
        self.used.retain(|_, c| now.since(c.issued) <= lifetime);
        if self.used.len() < self.capacity {
            return;
        }
        let mut times: Vec<Mono> = self.used.values().map(|c| c.issued).collect();
        times.sort_unstable();
        if let Some(newest_to_go) = times.get(self.capacity / 4) {
            self.floor = self.floor.max(Some(*newest_to_go));
            self.used.retain(|_, c| c.issued > *newest_to_go);
        }
    }
}

impl Counts {
    fn take(&mut self, count: u32, window: u32) -> bool {
        if count > self.highest {
            let step = count - self.highest;
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let back = self.highest - count;
        let bit = if back < window.min(64) {
            1u64 << back
        } else {
            return false;
        };
        let fresh = self.seen & bit == 0;
        self.seen |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use base::SeededEntropy;

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(secs: u64) -> Mono {
        Mono(secs * 1_000_000_000)
    }

    fn secret() -> Secret<32> {
        Secret::new([7; 32])
    }

    fn host() -> Fqdn {
        "naf.home.test".parse().unwrap()
    }

    fn btid(n: u32) -> Btid {
        format!("user{n}@bsf.home.test").parse().unwrap()
    }

    fn live(secs: u64, seed: u64) -> Issued {
        let nonce = issue(
            &secret(),
            &host(),
            &[Qop::Auth],
            at(secs),
            &mut SeededEntropy::new(seed),
        )
        .unwrap();
        match check(&secret(), &host(), &nonce, at(secs), LIFETIME) {
            NonceCheck::Live(issued) => issued,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_nonce_is_known_again_only_here_and_in_time() {
        let nonce = issue(
            &secret(),
            &host(),
            &[Qop::AuthInt],
            at(10),
            &mut SeededEntropy::new(1),
        )
        .unwrap();
        let see = |secret: &Secret<32>, host: &str, nonce: &str, secs| {
            check(secret, &host.parse().unwrap(), nonce, at(secs), LIFETIME)
        };
        assert!(matches!(
            see(&secret(), "naf.home.test", &nonce, 310),
            NonceCheck::Live(_)
        ));
        assert!(matches!(
            see(&secret(), "naf.home.test", &nonce, 311),
            NonceCheck::Expired(_)
        ));
        assert_eq!(see(&secret(), "other.home.test", &nonce, 10), NonceCheck::Foreign);
        assert_eq!(
            see(&Secret::new([8; 32]), "naf.home.test", &nonce, 10),
            NonceCheck::Foreign
        );
        for at in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                see(&secret(), "naf.home.test", &changed, 10),
                NonceCheck::Foreign,
                "{at}"
            );
        }
        for bad in ["", "00", "zz", &nonce[2..]] {
            assert_eq!(see(&secret(), "naf.home.test", bad, 10), NonceCheck::Foreign);
        }
    }

    //= RFC7616-5.8-r1
    #[test]
    fn a_nonce_tells_what_was_offered_with_it() {
        for offered in [&[][..], &[Qop::Auth], &[Qop::AuthInt], &[Qop::Auth, Qop::AuthInt]] {
            let nonce = issue(&secret(), &host(), offered, at(0), &mut SeededEntropy::new(1)).unwrap();
            for (seconds, qop) in [
                (0, Qop::Auth),
                (0, Qop::AuthInt),
                (301, Qop::Auth),
                (301, Qop::AuthInt),
            ] {
                match check(&secret(), &host(), &nonce, at(seconds), LIFETIME) {
                    NonceCheck::Live(issued) | NonceCheck::Expired(issued) => {
                        assert_eq!(issued.offered(qop), offered.contains(&qop), "{offered:?}");
                    }
                    NonceCheck::Foreign => panic!("foreign"),
                }
            }
        }
    }

    #[test]
    fn counts_rise_strictly_with_window_one() {
        let mut table = ReplayTable::new(10);
        let nonce = live(0, 1);
        let mut take = |btid: &Btid, count| table.accept(at(0), LIFETIME, nonce, btid, count, 1);
        assert!(take(&btid(1), 1) && take(&btid(1), 2) && take(&btid(1), 9));
        assert!(!take(&btid(1), 9) && !take(&btid(1), 8) && !take(&btid(1), 1));
        assert!(take(&btid(2), 1), "counts belong to (B-TID, nonce)");
    }

    #[test]
    fn forgetting_lets_no_replay_through() {
        let mut table = ReplayTable::new(8);
        let nonces: Vec<Issued> = (0..40).map(|n| live(n, n)).collect();
        for nonce in &nonces {
            assert!(table.accept(at(40), LIFETIME, *nonce, &btid(1), 1, 1));
            assert!(table.len() <= 8);
        }
        for nonce in &nonces {
            assert!(
                !table.accept(at(40), LIFETIME, *nonce, &btid(1), 1, 1),
                "replayed {nonce:?}"
            );
        }
        assert!(
            table.accept(at(41), LIFETIME, live(41, 99), &btid(1), 1, 1),
            "new nonces go on working"
        );
    }

    #[test]
    fn a_nonce_that_expires_while_its_key_is_fetched_lets_no_replay_through() {
        let mut table = ReplayTable::new(4);
        let old = live(0, 1);
        assert!(table.accept(at(300), LIFETIME, old, &btid(1), 1, 1));
        for n in 2..6 {
            assert!(table.accept(at(301), LIFETIME, live(301, n), &btid(1), 1, 1));
        }
        // Checked at 300, but the BSF answered at 301, when the table had forgotten it.
        assert!(!table.accept(at(301), LIFETIME, old, &btid(1), 1, 1));
    }

    proptest::proptest! {
        /// Whatever the order, no count is accepted twice.
        //= RFC7616-5.5-r1
        #[test]
        fn no_count_is_accepted_twice(counts in proptest::collection::vec(1u32..100, 0..200), window in 1u32..70) {
            let mut table = ReplayTable::new(8);
            let nonce = live(0, 1);
            let mut accepted = std::collections::HashSet::new();
            for count in counts {
                if table.accept(at(0), LIFETIME, nonce, &btid(1), count, window) {
                    proptest::prop_assert!(accepted.insert(count), "{} twice", count);
                }
            }
        }

        #[test]
        fn never_panics_on_a_nonce(nonce in ".{0,80}") {
            let _ = check(&secret(), &host(), &nonce, at(0), LIFETIME);
        }
    }
}
