//! The authentication centre: one vector per request, and resynchronisation (TS 33.102 6.3.2, 6.3.5).
//!
//! Order matters here: RAND is drawn, the SQN is stored, and only then the vector is computed and leaves. An AUTS
//! counts only for a RAND that this AuC issued, that is still live and that nothing has answered yet; right or wrong,
//! it is answered by that. A wrong one changes no SQN and gives no vector.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aka::{
    Algorithm as _, Amf, Auts, Rand, Sqn, Vector, auts,
    gsm::{Triplet, c2, c3},
};
use base::{Entropy, Mono, NoEntropy, Now};
use gba::audit::Resync;

use crate::{
    sqn::{SqnError, SqnRules, SqnStore},
    subscribers::Subscriber,
};

/// RANDs remembered per subscriber. Who asks for more loses the oldest, and with it only a resynchronisation.
const MAX_ISSUED: usize = 32;

/// How long a RAND can be answered with an AUTS, unless set otherwise. Longer than any BSF waits for a UE.
pub const RAND_LIFETIME: Duration = Duration::from_secs(300);

/// Why there is no vector.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AucError {
    /// AUTS for a RAND that isn't live.
    #[error("AUTS for a RAND that was not issued here, is too old, or was answered before: bootstrap anew")]
    UnknownRand,
    /// MAC-S is wrong: another key, or a forgery.
    #[error("AUTS: MAC-S doesn't match, so SQN stays as it is; if it is the right card, compare K and OPc")]
    MacS,
    /// No randomness for RAND.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The random source repeats itself.
    #[error("the random number source gave a RAND again that is remembered: no vector with it")]
    RepeatedRand,
    /// No SQN.
    #[error(transparent)]
    Sqn(#[from] SqnError),
}

/// RANDs of one subscriber, oldest first.
#[derive(Default)]
pub(crate) struct Issued(VecDeque<IssuedRand>);

struct IssuedRand {
    rand: Rand,
    at: Mono,
    answered: bool,
}

impl Issued {
    /// Remembers a RAND; false if it is remembered already.
    fn add(&mut self, rand: Rand, now: Mono) -> bool {
        if self.0.iter().any(|r| r.rand == rand) {
            return false;
        }
        if self.0.len() >= MAX_ISSUED {
            self.0.pop_front();
        }
        self.0.push_back(IssuedRand {
            rand,
            at: now,
            answered: false,
        });
        true
    }

    /// Takes the one answer that a RAND may have; false if there is none to take.
    fn answer(&mut self, rand: &Rand, now: Mono, lifetime: Duration) -> bool {
        let live = |r: &&mut IssuedRand| r.rand == *rand && !r.answered && now.since(r.at) < lifetime;
        match self.0.iter_mut().find(live) {
            Some(issued) => {
                issued.answered = true;
                true
            }
            None => false,
        }
    }
}

/// Makes vectors from a store of SQN and a source of randomness.
pub struct Auc<S, E> {
    store: S,
    entropy: Mutex<E>,
    rand_lifetime: Duration,
}

impl<S: SqnStore, E: Entropy + Send> Auc<S, E> {
    /// RANDs live for [`RAND_LIFETIME`].
    pub const fn new(store: S, entropy: E) -> Self {
        Self {
            store,
            entropy: Mutex::new(entropy),
            rand_lifetime: RAND_LIFETIME,
        }
    }

    /// Another lifetime of RANDs.
    #[must_use]
    pub const fn with_rand_lifetime(mut self, lifetime: Duration) -> Self {
        self.rand_lifetime = lifetime;
        self
    }

    /// One vector for the subscriber; after a resynchronisation if (RAND, AUTS) are given (ruling 1).
    ///
    /// # Errors
    /// [`AucError`]; then no vector left and, unless it says that SQN could not be stored, no SQN was used.
    pub async fn vector(
        &self,
        subscriber: &Subscriber,
        resync: Option<(&Rand, &Auts)>,
        now: Now,
    ) -> Result<Vector, AucError> {
        if let Some((rand, auts)) = resync {
            self.resync(subscriber, rand, auts, now).await?;
        }
        self.vector_for(0, subscriber, now).await
    }

    /// One vector for the BSF with that number, which has an IND of its own, so that vectors that two BSFs have at once
    /// don't refuse each other (TS 33.102 C.3.4).
    ///
    /// # Errors
    /// As [`Self::vector`].
    pub async fn vector_for(&self, bsf: u64, subscriber: &Subscriber, now: Now) -> Result<Vector, AucError> {
        let rules = subscriber.rules_for(bsf);
        self.vector_by(&rules, subscriber.amf, subscriber, now).await
    }

    /// One vector by the rules and with the AMF of another domain than Zh.
    pub(crate) async fn vector_by(
        &self,
        rules: &SqnRules,
        amf: Amf,
        subscriber: &Subscriber,
        now: Now,
    ) -> Result<Vector, AucError> {
        let rand = self.draw(subscriber, now)?;
        let sqn = self.store.reserve_sqn(&subscriber.impi, rules, now.utc).await?;
        Ok(subscriber.algorithm.vector(&rand, sqn, amf))
    }

    /// SRES and Kc for a network of the second generation (TS 33.102 6.8.1.2: c2 and c3), and their RAND. No SQN is used.
    pub(crate) fn triplet(&self, subscriber: &Subscriber, now: Now) -> Result<(Rand, Triplet), AucError> {
        let rand = self.draw(subscriber, now)?;
        let made = subscriber.algorithm.f2345(&rand);
        let triplet = Triplet {
            sres: c2(&made.res),
            kc: c3(&made.ck, &made.ik),
        };
        Ok((rand, triplet))
    }

    /// Looks after SQN_HE by an AUTS (ruling 1), without a vector.
    ///
    /// # Errors
    /// [`AucError`]; then SQN is as before.
    pub async fn resync(
        &self,
        subscriber: &Subscriber,
        rand: &Rand,
        auts: &Auts,
        now: Now,
    ) -> Result<Resync, AucError> {
        let live = lock(&subscriber.issued).answer(rand, now.mono, self.rand_lifetime);
        if !live {
            return Err(AucError::UnknownRand);
        }
        let sqn_ms: Sqn = auts::verify(&subscriber.algorithm, rand, auts).ok_or(AucError::MacS)?;
        let done = self
            .store
            .resync_sqn(&subscriber.impi, &subscriber.sqn, sqn_ms, now.utc)
            .await?;
        // Whose it was stands in the audit log only.
        match done.after {
            Some(after) => tracing::warn!(before = %done.before, %after, "AUTS: SQN_HE set to SQN_MS"),
            None => {
                tracing::info!(sqn_he = %done.before, %sqn_ms, "AUTS: SQN_HE stays, the card accepts the next SQN")
            }
        }
        Ok(Resync {
            before: done.before,
            ms: sqn_ms,
            after: done.after,
        })
    }

    /// A RAND that isn't among those remembered. A fixed first RAND (laboratory) is skipped when it comes again.
    fn draw(&self, subscriber: &Subscriber, now: Now) -> Result<Rand, AucError> {
        let mut entropy = lock(&self.entropy);
        for _ in 0..4 {
            let rand = Rand::new(entropy.array()?);
            if lock(&subscriber.issued).add(rand, now.mono) {
                return Ok(rand);
            }
            tracing::error!("the random number source repeats itself");
        }
        Err(AucError::RepeatedRand)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The data stays consistent between statements, so a panic elsewhere doesn't spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
