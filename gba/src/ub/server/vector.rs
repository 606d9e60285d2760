//! Decisions after the HSS was asked: the challenge for a vector, or why there is none.

use aka::{Autn, Rand, Res, gba_u};
use base::{Clause, Entropy, Now, Secret, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Asked, Config, Decision, Fetch, MacForm, Mode, Obtained, OpenChallenge, Outcome, SourceFailure,
    answer::{challenge, later, refuse, spread},
};
use crate::guss::UiccType;

/// How often a vector with a RAND in use is replaced before the BSF gives up (ruling 9).
const MAX_TRIES: u8 = 3;

/// A vector came: the challenge for it.
pub(super) fn open(
    config: &Config,
    asked: &Asked<'_>,
    fetch: Fetch,
    obtained: Obtained,
    now: Now,
    entropy: &mut impl Entropy,
) -> Decision {
    let Obtained { vector, guss } = obtained;
    let is_gba_u = guss
        .as_ref()
        .is_some_and(|g| g.bsf_info.uicc_type == Some(UiccType::GbaU));
    let (mode, autn) = match (is_gba_u, config.gba_u_mac) {
        (false, _) => (Mode::Me, vector.autn),
        (true, MacForm::Plain) => (Mode::U, vector.autn),
        (true, MacForm::Star) => (Mode::U, gba_u::mac_star(&vector.autn, &vector.ik)),
    };
    let Ok(opaque) = entropy.array::<16>() else {
        return no_entropy();
    };
    let open = OpenChallenge {
        impi: asked.impi.clone(),
        nonce: nonce(&vector.rand, &autn),
        opaque: hex::encode(opaque).into(),
        address: asked.request.address,
        opened: now.mono,
        rand: vector.rand,
        mode,
        xres: vector.xres,
        ck: vector.ck,
        ik: vector.ik,
        guss,
        is_false: false,
    };
    let mut answer = challenge(&config.bsf, &open, fetch.stale, fetch.reason);
    answer.note = asked.card_mismatch(mode).map(str::to_owned);
    Decision::Open(Box::new(open), fetch, Box::new(answer))
}

/// base64(RAND ‖ AUTN) without server data: a widespread UE wants exactly 32 octets (TS 24.109 4.2).
fn nonce(rand: &Rand, autn: &Autn) -> Box<str> {
    STANDARD.encode([*rand.octets(), *autn.octets()].concat()).into()
}

pub(super) fn no_vector(
    config: &Config,
    asked: &Asked<'_>,
    fetch: Fetch,
    failure: SourceFailure,
    now: Now,
    entropy: &mut impl Entropy,
) -> Decision {
    let clause = Clause::new("TS 24.109", "4.3");
    match failure {
        // A known IMPI's forged AUTS is refused, so an unknown one's is too (ruling 9).
        SourceFailure::UnknownImpi if config.hide_unknown && fetch.resync.is_some() => bad_auts(),
        SourceFailure::UnknownImpi if config.hide_unknown => {
            false_challenge(config, asked, fetch, now, entropy)
        }
        SourceFailure::UnknownImpi => Decision::done(refuse(
            403,
            Outcome::UnknownImpi,
            clause,
            "the home network doesn't know this IMPI",
        )),
        SourceFailure::BadAuts => bad_auts(),
        SourceFailure::Down => Decision::done(later(
            503,
            Outcome::SourceDown,
            spread(entropy),
            "the HSS can't be asked just now: try again",
        )),
        SourceFailure::Broken => {
            let mut answer = later(
                503,
                Outcome::SourceDown,
                spread(entropy),
                "the HSS's answer can't be used: try again",
            );
            answer.note = Some("the HSS's answer can't be used".to_owned());
            Decision::done(answer)
        }
    }
}

fn bad_auts() -> Decision {
    Decision::done(refuse(
        403,
        Outcome::BadAuts,
        Clause::new("TS 24.109", "4.5"),
        "the HSS refused the AUTS: its MAC-S is wrong",
    ))
}

/// Ruling 9: an unknown IMPI gets what a known one would get, kept and repeated by the same rules, and no response
/// meets it.
fn false_challenge(
    config: &Config,
    asked: &Asked<'_>,
    fetch: Fetch,
    now: Now,
    entropy: &mut impl Entropy,
) -> Decision {
    let (Ok(rand), Ok(mut autn), Ok(xres), Ok(opaque)) = (
        entropy.array::<16>(),
        entropy.array::<16>(),
        entropy.array::<8>(),
        entropy.array::<16>(),
    ) else {
        return no_entropy();
    };
    autn[6..8].copy_from_slice(&config.hidden_amf);
    let Ok(xres) = Res::new(&xres) else {
        return no_entropy();
    };
    let open = OpenChallenge {
        impi: asked.impi.clone(),
        nonce: nonce(&Rand::from(rand), &Autn::from(autn)),
        opaque: hex::encode(opaque).into(),
        address: asked.request.address,
        opened: now.mono,
        rand: Rand::from(rand),
        mode: Mode::Me,
        xres,
        ck: Secret::new([0; 16]),
        ik: Secret::new([0; 16]),
        guss: None,
        is_false: true,
    };
    let answer = challenge(&config.bsf, &open, fetch.stale, fetch.reason);
    Decision::Open(Box::new(open), fetch, Box::new(answer))
}

/// Ruling 9: a RAND that lives already never names a second Ks; the HSS is asked for another, a few times.
pub(super) fn in_use(fetch: Fetch, entropy: &mut impl Entropy) -> Decision {
    let tries = fetch.tries + 1;
    if tries < MAX_TRIES {
        // The resynchronisation is done: what is wanted now is just another vector.
        return Decision::Fetch(
            Fetch {
                resync: None,
                tries,
                ..fetch
            },
            false,
        );
    }
    let mut answer = later(
        503,
        Outcome::RandRepeated,
        spread(entropy),
        "the HSS repeats its random numbers: no safe challenge",
    );
    answer.note = Some("alarm: the HSS sent a RAND that is in use, several times".to_owned());
    Decision::done(answer)
}

fn no_entropy() -> Decision {
    let mut answer = refuse(
        500,
        Outcome::NoEntropy,
        Clause::new("RFC 7616", "3.3"),
        "the BSF has no random numbers",
    );
    answer.note = Some("the system's random number source failed".to_owned());
    Decision::done(answer)
}
