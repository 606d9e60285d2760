//! What B-TIDs cost that the BSF doesn't know: anybody can name them, and each would be a request on Zn.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use base::Mono;
use gba::{
    ids::{Btid, NafId},
    ub::server::{AddressKey, Bucket, Rate},
};

use super::KeyError;

/// How long a refusal of the BSF is remembered, and how many one address may cause.
///
/// Remembered for the address that asked, and for a short time. A B-TID is made of a RAND that passes in clear, so who
/// hears it could name it before its device has finished, and others' answer to the device must not come of that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Strangers {
    /// How long a refusal is given again without asking; zero: each is asked for.
    pub remember: Duration,
    /// Refusals that the BSF is asked for, for each address (IPv6: for each /64). A key costs nothing.
    pub per_address: Rate,
    /// Most refusals, and most addresses, that are remembered.
    pub capacity: usize,
}

impl Default for Strangers {
    /// 10 s; 30 at once and 60 a minute; 16 384 of each.
    fn default() -> Self {
        Self {
            remember: Duration::from_secs(10),
            per_address: Rate::new(30, 60),
            capacity: 16_384,
        }
    }
}

/// What was refused, and to whom.
#[derive(Default)]
pub(super) struct Refusals {
    known: HashMap<Known, (KeyError, Mono)>,
    buckets: HashMap<AddressKey, Bucket>,
}

/// A B-TID and NAF_Id, and who asked.
type Known = ((Btid, NafId), Option<AddressKey>);

/// The address that has paid for a request.
pub(super) struct Ticket(Option<AddressKey>);

impl Refusals {
    /// Another BSF may know what was refused.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Takes a token for a request on Zn. The error is what to answer without one.
    pub(super) fn ask(
        &mut self,
        limits: &Strangers,
        id: &(Btid, NafId),
        address: Option<IpAddr>,
        now: Mono,
    ) -> Result<Ticket, KeyError> {
        let address = address.map(AddressKey::from);
        let known = (id.clone(), address);
        match self.known.get(&known) {
            Some((error, until)) if now < *until => return Err(error.clone()),
            Some(_) => drop(self.known.remove(&known)),
            None => {}
        }
        let Some(address) = address else {
            return Ok(Ticket(None));
        };
        if self.buckets.len() >= limits.capacity && !self.buckets.contains_key(&address) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= limits.capacity {
                // Thousands of addresses at once: new ones wait until one of the others has been quiet.
                return Err(KeyError::TooMany(Duration::from_secs(1)));
            }
        }
        let bucket = self.buckets.entry(address).or_default();
        let wait = bucket.wait(limits.per_address, now);
        if !wait.is_zero() {
            return Err(KeyError::TooMany(wait));
        }
        bucket.take(limits.per_address, now);
        Ok(Ticket(Some(address)))
    }

    /// Remembers a refusal; for anything else the token is put back.
    pub(super) fn settle(
        &mut self,
        limits: &Strangers,
        id: (Btid, NafId),
        ticket: Ticket,
        now: Mono,
        error: Option<&KeyError>,
    ) {
        if let Some(error @ (KeyError::Unknown | KeyError::NotAuthorized)) = error {
            if self.known.len() >= limits.capacity {
                self.known.retain(|_, (_, until)| now < *until);
            }
            // Full of live ones: this one is asked for again, which its address pays for.
            if self.known.len() < limits.capacity && !limits.remember.is_zero() {
                self.known
                    .insert((id, ticket.0), (error.clone(), now + limits.remember));
            }
        } else if let Some(bucket) = ticket.0.and_then(|address| self.buckets.get_mut(&address)) {
            bucket.put_back(limits.per_address);
        }
    }
}
