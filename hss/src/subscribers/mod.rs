//! Who the HSS knows: keys, AMF, SQN rules and GUSS per IMPI, from a TOML file or built by the laboratory.
//!
//! | module | what it holds |
//! |---|---|
//! | `file` | the TOML file, and what may stand in it |
//! | `table` | typed reading with line and column, without repeating values |
//! | [`import`] | lists of other programs, CSV, and a check that finds every mistake |
//! | `keys` | keys as hex, `@FILE` or `env:NAME` |

mod file;
pub mod import;
mod keys;
pub mod table;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use aka::{
    Algorithm as _, AlgorithmSet, Amf, Rand, Sqn,
    sqn::{
        Domain, IndRange,
        home::{self, Scheme},
    },
};
use base::Utc;
use gba::{
    guss::{BsfInfo, Guss, UiccType},
    ids::{Impi, Imsi, MncLength},
};
use net::changes::Changes;

use crate::{auc::Issued, sqn::SqnRules};

pub use file::{EXAMPLE, LoadError, MAX_FILE, MAX_LIFETIME, MAX_SUBSCRIBERS, document, uss};
pub use keys::{KeyError, KeySource, OnlyHex, OsKeys, key};
pub use table::{FileError, Place};

/// One subscriber: what the AuC needs for vectors and what the BSF gets as GUSS. Its `Debug` shows no key.
pub struct Subscriber {
    pub(crate) impi: Impi,
    /// The IMSI of whom the IMPI isn't made of it.
    pub(crate) imsi: Option<Imsi>,
    pub(crate) algorithm: AlgorithmSet,
    pub(crate) amf: Amf,
    pub(crate) sqn: SqnRules,
    pub(crate) own: Own,
    /// INDs of the domain, of which each BSF has one.
    pub(crate) inds: Option<IndRange>,
    pub(crate) guss: Guss,
    /// The GUSS as it goes into MAA, written once.
    pub(crate) guss_xml: Vec<u8>,
    pub(crate) guss_changed: Utc,
    /// RANDs that are out, or were: for resynchronisation.
    pub(crate) issued: Arc<Mutex<Issued>>,
}

impl Subscriber {
    /// A subscriber with GBA_ME, AMF 0000 and SQN from the first.
    #[must_use]
    pub fn new(impi: Impi, algorithm: impl Into<AlgorithmSet>) -> Self {
        let guss = Guss {
            id: Some(impi.as_str().to_owned()),
            bsf_info: BsfInfo {
                uicc_type: Some(UiccType::Gba),
                lifetime: None,
            },
            uss: Vec::new(),
        };
        Self {
            impi,
            imsi: None,
            algorithm: algorithm.into(),
            amf: Amf::new([0, 0]),
            sqn: SqnRules::default(),
            own: Own::default(),
            inds: None,
            guss_xml: guss.to_xml().into_bytes(),
            guss,
            guss_changed: Utc(0),
            issued: Arc::default(),
        }
    }

    /// The subscriber's AMF. The separation bit is cleared, as for all vectors over Zh (TS 33.102 Annex H,
    /// ruling 2).
    #[must_use]
    pub fn with_amf(mut self, amf: Amf) -> Self {
        self.amf = amf.with_separation_bit(false);
        self.own.amf = true;
        self.own.amf_as_is = false;
        self
    }

    /// An AMF of which nothing is changed: for a laboratory, and for test data whose AMF has the separation bit. A
    /// terminal may refuse such a vector outside EPS.
    #[must_use]
    pub fn with_amf_as_is(mut self, amf: Amf) -> Self {
        if amf.separation_bit() {
            tracing::warn!(%amf, "AMF keeps its separation bit, which Zh should not have");
        }
        self.amf = amf;
        self.own.amf = true;
        self.own.amf_as_is = true;
        self
    }

    /// How SQN advance.
    #[must_use]
    pub const fn with_sqn_rules(mut self, rules: SqnRules) -> Self {
        self.sqn = rules;
        self
    }

    /// The first SQN, used exactly as it stands; its IND is used from then on. A store that knows the subscriber
    /// already goes on from what it has.
    #[must_use]
    pub const fn with_first_sqn(mut self, first: Sqn) -> Self {
        self.sqn.first = first;
        self.sqn.ind = self.sqn.profile.ind(first);
        self.own.ind = true;
        self
    }

    /// The GUSS and the time since when it is as it is (for GUSS-Timestamp).
    #[must_use]
    pub fn with_guss(mut self, guss: Guss, changed: Utc) -> Self {
        self.guss_xml = guss.to_xml().into_bytes();
        self.guss = guss;
        self.guss_changed = changed;
        self
    }

    /// Which card the subscriber has, and the lifetime in seconds of what is bootstrapped with it.
    #[must_use]
    pub fn with_bsf_info(self, uicc: UiccType, lifetime: Option<u32>) -> Self {
        let mut guss = self.guss.clone();
        guss.bsf_info = BsfInfo {
            uicc_type: Some(uicc),
            lifetime,
        };
        let changed = self.guss_changed;
        self.with_guss(guss, changed)
    }

    /// Who it is.
    #[must_use]
    pub const fn impi(&self) -> &Impi {
        &self.impi
    }

    /// The user security settings.
    #[must_use]
    pub const fn guss(&self) -> &Guss {
        &self.guss
    }

    /// The algorithm set with the subscriber's keys, for a card that is to match: a load generator's.
    #[must_use]
    pub const fn algorithm(&self) -> &AlgorithmSet {
        &self.algorithm
    }

    /// The AMF of vectors over Zh.
    #[must_use]
    pub const fn amf(&self) -> Amf {
        self.amf
    }

    /// How SQN advance.
    #[must_use]
    pub const fn sqn_rules(&self) -> &SqnRules {
        &self.sqn
    }

    /// How SQN advance for the BSF with that number: each has an IND of its own, as long as the domain has one more.
    pub(crate) fn rules_for(&self, bsf: u64) -> SqnRules {
        let ind = self.inds.map_or(self.sqn.ind, |inds| {
            inds.last() - bsf % (inds.last() - inds.first() + 1)
        });
        SqnRules { ind, ..self.sqn }
    }

    /// The same SQN in another IND. A first SQN that the subscriber names stays as it is.
    pub(crate) fn rules_with_ind(&self, ind: u64) -> SqnRules {
        let first = if self.own.ind {
            self.sqn.first
        } else {
            home::next(self.sqn.profile, Sqn::default(), ind)
        };
        SqnRules {
            ind,
            first,
            ..self.sqn
        }
    }

    /// Whether both have the same key, by what it computes.
    fn has_key_of(&self, other: &Self) -> bool {
        let (rand, amf) = (Rand::new([0x5a; 16]), Amf::new([0, 0]));
        let of = |s: &Self| {
            let (mac, rest) = (
                s.algorithm.f1(&rand, Sqn::default(), amf),
                s.algorithm.f2345(&rand),
            );
            (mac, rest)
        };
        let ((mac, a), (other_mac, b)) = (of(self), of(other));
        // No short circuit, though the operator who loads both has both keys.
        mac.ct_eq(&other_mac.0) & a.res.ct_eq(&b.res) & a.ck.ct_eq(&b.ck) & a.ik.ct_eq(&b.ik)
    }

    /// The SQN that a card at `sqn_ms` accepts next under this subscriber's rules.
    #[must_use]
    pub const fn next_after(&self, sqn_ms: Sqn) -> Sqn {
        home::next(self.sqn.profile, sqn_ms, self.sqn.ind)
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("impi", &self.impi.as_str())
            .field("amf", &self.amf)
            .finish_non_exhaustive()
    }
}

/// What a subscriber says of itself, so that its domain's rules don't count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    pub(crate) scheme: bool,
    pub(crate) ind: bool,
    pub(crate) amf: bool,
    /// Nothing of its AMF is changed, for no domain.
    pub(crate) amf_as_is: bool,
}

/// How vectors of one domain are made for all subscribers that don't say otherwise: for Zh that is
/// [`Domain::Gba`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DomainRules {
    /// How SEQ advances (TS 33.102 annex C.3).
    pub scheme: Scheme,
    /// The domain's INDs, the first and the last: the first BSF by name has the last, and so on. `None`: the range of
    /// [`Domain::Gba`] (C.3.4).
    pub inds: Option<(u64, u64)>,
    /// AMF, as it is; `None`: 0000, without the separation bit (annex H, ruling 2).
    pub amf: Option<Amf>,
}

/// A subscriber's card has too few bits of IND for the domain's range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{impi} has ind_bits = {ind_bits}, which has no IND {ind}: give that subscriber an ind of its own")]
pub struct NoSuchInd {
    /// The IMPI.
    pub impi: Impi,
    /// Bits of IND on its card.
    pub ind_bits: u8,
    /// The highest IND of the domain.
    pub ind: u64,
}

/// Two subscribers with the same IMPI or IMSI.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{impi} is there already: an IMPI, and an IMSI, belongs to one subscriber")]
pub struct Duplicate {
    /// The IMPI.
    pub impi: Impi,
}

/// An IMSI that doesn't say which subscriber.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotOne {
    /// Nobody has it.
    #[error("no subscriber has this IMSI")]
    Nobody,
    /// More than one has, with another length of the MNC or another IMPI.
    #[error("several subscribers have this IMSI: leave one of them")]
    Several,
}

/// All subscribers of one HSS.
#[derive(Debug, Default)]
pub struct Subscribers {
    by_impi: HashMap<Impi, Arc<Subscriber>>,
    /// Those whose IMPI isn't made of their IMSI.
    by_imsi: HashMap<Imsi, Impi>,
}

impl Subscribers {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    ///
    /// # Errors
    /// [`Duplicate`]; the first one stays.
    pub fn add(&mut self, subscriber: Subscriber) -> Result<(), Duplicate> {
        let impi = subscriber.impi.clone();
        let imsi = subscriber.imsi.clone();
        if self.by_impi.contains_key(&impi) || imsi.as_ref().is_some_and(|i| self.by_imsi.contains_key(i)) {
            return Err(Duplicate { impi });
        }
        if let Some(imsi) = imsi {
            self.by_imsi.insert(imsi, impi.clone());
        }
        self.by_impi.insert(impi, Arc::new(subscriber));
        Ok(())
    }

    /// These in the place of `old` while an HSS runs: who stays as it was stays the very same, who keeps the key can still
    /// answer the RANDs that are out, and a GUSS that differs is news from `now` on whatever time its file has, since a
    /// BSF may have fetched the old one later than that.
    #[must_use]
    pub fn in_place_of(mut self, old: &Self, now: Utc) -> (Self, Changes) {
        let mut changes = Changes {
            removed: old.len(),
            ..Changes::default()
        };
        for (impi, entry) in &mut self.by_impi {
            let Some(before) = old.by_impi.get(impi) else {
                changes.added += 1;
                continue;
            };
            changes.removed -= 1;
            let same_guss = entry.guss_xml == before.guss_xml;
            let same_key = entry.has_key_of(before);
            if same_guss
                && same_key
                && entry.amf == before.amf
                && entry.own.amf_as_is == before.own.amf_as_is
                && entry.imsi == before.imsi
                && entry.sqn == before.sqn
                && entry.inds == before.inds
            {
                *entry = Arc::clone(before);
                continue;
            }
            changes.changed += 1;
            // Nobody else has it yet.
            if let Some(entry) = Arc::get_mut(entry) {
                if same_key {
                    entry.issued = Arc::clone(&before.issued);
                }
                entry.guss_changed = if same_guss {
                    before.guss_changed
                } else {
                    // Times are whole seconds, and this one may have seen the old GUSS.
                    entry.guss_changed.max(now.plus_secs(1))
                };
            }
        }
        (self, changes)
    }

    /// With the rules of a domain for those who don't say otherwise.
    ///
    /// # Errors
    /// [`NoSuchInd`].
    pub fn in_domain(mut self, rules: &DomainRules) -> Result<Self, NoSuchInd> {
        for subscriber in self.by_impi.values_mut().filter_map(Arc::get_mut) {
            let Subscriber {
                impi,
                sqn,
                own,
                amf,
                inds,
                ..
            } = subscriber;
            if !own.scheme {
                sqn.scheme = rules.scheme;
            }
            if let (false, Some(new)) = (own.amf, rules.amf) {
                *amf = new;
            }
            if own.ind {
                continue;
            }
            let range = match rules.inds {
                None => Domain::Gba.ind_range(sqn.profile),
                Some((first, last)) => IndRange::new(sqn.profile, first, last).ok_or_else(|| NoSuchInd {
                    impi: impi.clone(),
                    ind_bits: sqn.profile.ind_bits,
                    ind: last,
                })?,
            };
            *inds = Some(range);
            sqn.ind = range.last();
            // Nobody said what the first one is.
            sqn.first = home::next(sqn.profile, Sqn::default(), sqn.ind);
        }
        Ok(self)
    }

    /// Looks whether every card has that IND.
    pub(crate) fn check_ind(&self, ind: u64) -> Result<(), NoSuchInd> {
        let without = |s: &&Subscriber| ind > s.sqn.profile.ind(Sqn::MAX);
        match self.iter().find(without) {
            None => Ok(()),
            Some(s) => Err(NoSuchInd {
                impi: s.impi.clone(),
                ind_bits: s.sqn.profile.ind_bits,
                ind,
            }),
        }
    }

    /// The subscriber with that IMPI, compared as sent.
    #[must_use]
    pub fn get(&self, impi: &Impi) -> Option<&Arc<Subscriber>> {
        self.by_impi.get(impi)
    }

    /// The subscriber with that IMSI, for who is asked without an IMPI. The IMSI doesn't tell the length of its MNC, so
    /// the IMPIs of both are looked for (ruling 4).
    ///
    /// # Errors
    /// [`NotOne`].
    pub fn by_imsi(&self, imsi: &Imsi) -> Result<&Arc<Subscriber>, NotOne> {
        let made = [MncLength::Two, MncLength::Three].map(|mnc| self.get(&Impi::from_imsi(imsi, mnc)));
        let named = self.by_imsi.get(imsi).and_then(|impi| self.get(impi));
        let mut found = made.into_iter().chain([named]).flatten();
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(NotOne::Nobody),
            (Some(_), Some(_)) => Err(NotOne::Several),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_impi.len()
    }

    /// True if there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_impi.is_empty()
    }

    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.by_impi.values().map(AsRef::as_ref)
    }
}

impl FromIterator<Subscriber> for Subscribers {
    /// Of several with the same IMPI the first stays; use [`Subscribers::add`] to notice.
    fn from_iter<I: IntoIterator<Item = Subscriber>>(subscribers: I) -> Self {
        let mut all = Self::new();
        for subscriber in subscribers {
            let _ = all.add(subscriber);
        }
        all
    }
}
