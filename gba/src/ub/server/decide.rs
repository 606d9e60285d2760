//! The decisions.

use core::time::Duration;
use std::sync::Arc;

use aka::{Auts, Rand, Res, Vector};
use base::{Clause, Entropy, Now};

use super::{
    Answer, Asked, Config, Mode, OpenChallenge, Outcome, ResForm, Said, Session,
    answer::{challenge, later, refuse, spread},
    vector::{in_use, no_vector, open},
};
use crate::{
    digest::{Algorithm, AuthenticationInfo, Ha1, Qop, written},
    guss::Guss,
    ids::Btid,
    keys::Ks,
    ub::{BootstrappingInfo, MEDIA_TYPE},
};

/// A vector and what the HSS said about the subscriber with it.
pub struct Obtained {
    /// The vector as the HSS made it: never with AUTN*.
    pub vector: Vector,
    /// The user security settings, if there are any.
    pub guss: Option<Arc<Guss>>,
}

/// Why there is no vector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourceFailure {
    /// The HSS doesn't know the IMPI (5401).
    UnknownImpi,
    /// The HSS can't use the AUTS: its MAC-S is wrong.
    BadAuts,
    /// The HSS can't be reached, is busy or didn't answer in time.
    Down,
    /// The HSS answered with something that can't be used.
    Broken,
}

/// What to ask the HSS, and why; handed back with its result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fetch {
    /// For a resynchronisation: RAND of the challenge, and AUTS.
    pub resync: Option<(Rand, Auts)>,
    pub(super) reason: Outcome,
    pub(super) stale: bool,
    pub(super) tries: u8,
}

impl Fetch {
    /// Whether it costs a token of each bucket (ruling 6). A resynchronisation doesn't: its challenge has cost one,
    /// and without a right MAC-S the HSS makes no vector.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        self.resync.is_none()
    }
}

/// What the shell found.
pub enum Found {
    /// Nothing was looked for yet.
    Start,
    /// The challenge that was taken out, if it was live, and how many wrong responses came on this connection before.
    Consumed(Option<Arc<OpenChallenge>>, u32),
    /// The newest unanswered challenge.
    Recalled(Option<Arc<OpenChallenge>>),
    /// What the HSS said.
    Vector(Fetch, Result<Obtained, SourceFailure>),
    /// A bucket is empty for that long.
    Exhausted(Duration),
    /// The store has this RAND already: another challenge or a living B-TID.
    InUse(Fetch),
    /// The store has no room.
    Full,
}

/// What the shell must do.
pub enum Decision {
    /// Take the challenge of (IMPI, nonce) out.
    Consume,
    /// Look for the newest unanswered challenge of (IMPI, address).
    Recall,
    /// Take a token of each bucket where [`Fetch::needs_token`] says so, and ask the HSS. If `true`, count a wrong response on this connection first.
    Fetch(Fetch, bool),
    /// Store the challenge, then answer. If its RAND is in use, hand the `Fetch` back.
    Open(Box<OpenChallenge>, Fetch, Box<Answer>),
    /// Store the session, then answer. If its B-TID lives, hand the `Fetch` back.
    Issue(Box<Session>, Fetch, Box<Answer>),
    /// Answer. If `true`, count a wrong response on this connection.
    Done(Box<Answer>, bool),
}

impl Decision {
    pub(super) fn done(answer: Answer) -> Self {
        Self::Done(Box::new(answer), false)
    }

    fn fetch(reason: Outcome, stale: bool) -> Self {
        Self::Fetch(
            Fetch {
                resync: None,
                reason,
                stale,
                tries: 0,
            },
            reason == Outcome::WrongResponse,
        )
    }
}

/// Decides the next step (see the module's table). Pure: the store, the HSS, time and entropy are arguments.
pub fn decide(
    config: &Config,
    asked: &Asked<'_>,
    found: Found,
    now: Now,
    entropy: &mut impl Entropy,
) -> Decision {
    match found {
        Found::Start if asked.nonce().is_some() => Decision::Consume,
        Found::Start => Decision::Recall,
        Found::Consumed(Some(open), wrong) if is_live(config, &open, now) => {
            answered(config, asked, &open, wrong, now)
        }
        // The nonce isn't live: as a first request, without telling whether it ever was.
        Found::Consumed(..) => Decision::Recall,
        Found::Recalled(open) => recalled(config, asked, open, now),
        Found::Vector(fetch, Ok(obtained)) => open(config, asked, fetch, obtained, now, entropy),
        Found::Vector(fetch, Err(failure)) => no_vector(config, asked, fetch, failure, now, entropy),
        Found::Exhausted(wait) => Decision::done(later(
            429,
            Outcome::TooMany,
            wait,
            "too many bootstrapping requests: wait and try again",
        )),
        Found::InUse(fetch) => in_use(fetch, entropy),
        Found::Full => Decision::done(later(
            503,
            Outcome::Full,
            spread(entropy),
            "the BSF has no room for another UE just now",
        )),
    }
}

fn is_live(config: &Config, open: &OpenChallenge, now: Now) -> bool {
    now.mono.since(open.opened) < config.challenge_life
}

/// Ruling 6: a challenge that is still unanswered is repeated to the address that caused it.
fn recalled(config: &Config, asked: &Asked<'_>, open: Option<Arc<OpenChallenge>>, now: Now) -> Decision {
    match open {
        Some(open)
            if open.impi == asked.impi
                && open.address == asked.request.address
                && now.mono.since(open.opened) < config.repeat_window =>
        {
            Decision::done(challenge(&config.bsf, &open, false, Outcome::Repeated))
        }
        _ => Decision::fetch(Outcome::Challenged, asked.nonce().is_some()),
    }
}

/// The answer to a live challenge, which is out of the store by now: it is used up whatever comes (ruling 6).
fn answered(config: &Config, asked: &Asked<'_>, open: &OpenChallenge, wrong: u32, now: Now) -> Decision {
    let c = &asked.credentials;
    let clause = Clause::new("TS 24.109", "4.4");
    let auts = match c.auts() {
        Ok(auts) => auts,
        Err(e) => {
            return Decision::done(refuse(400, Outcome::Malformed, clause, &e.to_string()));
        }
    };
    if let Some(auts) = auts {
        // RFC 3310 3.4: the response beside auts is made with an empty password.
        if !right(asked, open, &asked.credentials.ha1(Algorithm::AkaV1Md5, b"")) {
            return wrong_response(config, wrong);
        }
        let resync = Some((open.rand, auts));
        let reason = Outcome::Resynchronised;
        return Decision::Fetch(
            Fetch {
                resync,
                reason,
                stale: false,
                tries: 0,
            },
            false,
        );
    }
    if c.response.is_empty() {
        let mut answer = refuse(
            403,
            Outcome::MacFailureReported,
            clause,
            "the UE reported a bad MAC: check K, OPc and AMF at HSS and card",
        );
        answer.note = Some(format!("the card refused the MAC of RAND {}", open.rand));
        return Decision::done(answer);
    }
    match forms(config, open).find_map(|(res, note)| {
        let ha1 = c.ha1(Algorithm::AkaV1Md5, res.expose());
        right(asked, open, &ha1).then_some((ha1, note))
    }) {
        Some((ha1, note)) if !open.is_false => succeed(config, asked, open, &ha1, note, now),
        _ => wrong_response(config, wrong),
    }
}

/// RES in the form or forms that this subscriber's card may send (rulings 11 and 12).
fn forms(config: &Config, open: &OpenChallenge) -> impl Iterator<Item = (Res, Option<&'static str>)> {
    let (plain, flipped) = match (open.mode, config.gba_u_res) {
        (Mode::Me, _) | (Mode::U, ResForm::Plain) => (true, false),
        (Mode::U, ResForm::Flipped) => (false, true),
        (Mode::U, ResForm::Either) => (true, true),
    };
    let either = plain && flipped;
    let plain = plain.then(|| (open.xres.duplicate(), either.then_some("the card sent RES plain")));
    let flipped = flipped.then(|| {
        (
            open.xres.flipped_lsb(),
            either.then_some("the card sent RES flipped"),
        )
    });
    flipped.into_iter().chain(plain)
}

fn right(asked: &Asked<'_>, open: &OpenChallenge, ha1: &Ha1) -> bool {
    let c = &asked.credentials;
    // `&` and not `&&`: the digest is compared whatever the cheap checks say.
    let cheap = (c.qop == Some(Qop::AuthInt)) & c.opaque.as_deref().is_none_or(|o| o == &*open.opaque);
    cheap & c.verify(ha1, Algorithm::AkaV1Md5, asked.request.method, asked.request.body)
}

fn wrong_response(config: &Config, wrong_before: u32) -> Decision {
    if wrong_before.saturating_add(1) >= config.wrong_limit {
        let answer = refuse(
            403,
            Outcome::RefusedAfterWrong,
            Clause::new("TS 24.109", "4.3"),
            "wrong responses, the last one on this connection: bootstrap again on another",
        );
        return Decision::Done(Box::new(answer), true);
    }
    Decision::fetch(Outcome::WrongResponse, false)
}

fn succeed(
    config: &Config,
    asked: &Asked<'_>,
    open: &OpenChallenge,
    ha1: &Ha1,
    note: Option<&str>,
    now: Now,
) -> Decision {
    let guss_says = open.guss.as_ref().and_then(|g| g.bsf_info.lifetime);
    let lifetime = guss_says
        .unwrap_or(config.lifetime)
        .clamp(1, config.max_lifetime.max(1));
    let expiry = now.utc.plus_secs(lifetime);
    let btid = Btid::issue(&open.rand, &config.bsf);
    let body = BootstrappingInfo::new(btid.clone(), expiry).to_xml().into_bytes();
    let rspauth = asked.credentials.rspauth(ha1, Algorithm::AkaV1Md5, &body);
    let info = AuthenticationInfo::answering(&asked.credentials, rspauth);
    let answer = Answer {
        status: 200,
        headers: vec![
            ("Content-Type", MEDIA_TYPE.to_owned()),
            ("Authentication-Info", written(&info)),
        ],
        body,
        outcome: Outcome::Bootstrapped,
        said: Said::Issued(btid.clone(), open.mode, expiry),
        clause: Clause::new("TS 33.220", "4.5.2"),
        note: note.map(str::to_owned),
    };
    let session = Session {
        btid,
        impi: asked.impi.clone(),
        rand: open.rand,
        ks: Ks::from_ck_ik(&open.ck, &open.ik),
        mode: open.mode,
        guss: open.guss.clone(),
        created: now.utc,
        expiry,
        ends: now.mono + Duration::from_secs(lifetime.into()),
    };
    let fetch = Fetch {
        resync: None,
        reason: Outcome::Challenged,
        stale: false,
        tries: 0,
    };
    Decision::Issue(Box::new(session), fetch, Box::new(answer))
}
