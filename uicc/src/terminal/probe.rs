//! What a card whose keys are known tells of itself without being changed: where its SQN stands, and which form of GBA_U
//! it has (rulings 3 and 12).
//!
//! SQN 0 is fresh to no card (TS 33.102 annex C.2: SEQ must be above SEQ_MS), so a vector with it is answered with AUTS,
//! which carries SQN_MS; nothing is stored, no key leaves.

use aka::{Algorithm, Amf, Autn, Auts, Rand, Res, Sqn, auts, gba_u::mac_star, sqn::SqnProfile};
use base::{
    Secret,
    apdu::{Command, Response},
};
use thiserror::Error;

use crate::{Card, Sw, software::MacForm};

use super::{
    AkaOutcome, GbaOutcome, Session, UsimError,
    authenticate::{challenge, read_3g, read_gba},
    link::refused,
};

/// How far the SQN of a live card may be moved without being forced (ruling 3).
pub const MAX_STEP: u64 = 1 << 20;

/// A context of AUTHENTICATE (TS 31.102 7.1.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Context {
    /// P2 = 80: RAND alone.
    Gsm,
    /// P2 = 81.
    Umts,
    /// P2 = 84, bootstrapping.
    Gba,
}

impl Context {
    const fn p2(self) -> u8 {
        match self {
            Self::Gsm => 0x80,
            Self::Umts => 0x81,
            Self::Gba => 0x84,
        }
    }
}

/// What a card makes of a challenge.
pub enum Answer {
    /// GSM context: SRES and Kc.
    Gsm {
        /// SRES.
        sres: Secret<4>,
        /// Kc.
        kc: Secret<8>,
    },
    /// 3G context: RES, CK and IK.
    Umts {
        /// RES.
        res: Res,
        /// CK.
        ck: Secret<16>,
        /// IK.
        ik: Secret<16>,
    },
    /// GBA context: RES only.
    Gba {
        /// RES, in the form of the card.
        res: Res,
    },
    /// The SQN isn't fresh to the card.
    SyncFailure(Auts),
    /// 9862: the MAC doesn't fit the card's keys, or not this context.
    MacFailure,
}

/// Where a card's SQN stands, as far as it tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SqnState {
    /// SQN_MS out of an AUTS whose MAC-S verified.
    At(Sqn),
    /// The card took SQN 0: it doesn't check sequence numbers at all.
    Unchecked,
}

/// Why nothing can be known.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ProbeError {
    /// 9862.
    #[error(
        "the card answers 9862 (wrong MAC) to a vector of these keys: K, OPc or the algorithm are not those of the card"
    )]
    WrongKeys,
    /// AUTS that isn't of this card's keys.
    #[error(
        "the card's AUTS does not verify with these keys, although it took the MAC: the card is defective"
    )]
    BadAuts,
    /// The card.
    #[error(transparent)]
    Card(#[from] UsimError),
}

/// The next SQN for a card at `at`, with the least effect on its own network: one SEQ on, in the highest IND, so that
/// what the network counts in other IND stays acceptable (TS 33.102 annex C.2.2). `None` where SEQ has run out.
#[must_use]
pub fn next_sqn(at: SqnState, profile: SqnProfile) -> Option<Sqn> {
    let highest = (1_u64 << profile.ind_bits.min(SqnProfile::MAX_IND_BITS)) - 1;
    let seq = match at {
        SqnState::At(sqn) => profile.seq(sqn),
        SqnState::Unchecked => 0,
    };
    Sqn::from_parts(seq + 1, highest, profile.ind_bits)
}

/// True if `to` is so far from where the card stands that it isn't done without being forced: a jump can't be taken
/// back (ruling 3).
#[must_use]
pub fn is_a_jump(at: SqnState, to: Sqn, profile: SqnProfile) -> bool {
    match at {
        SqnState::At(sqn) => profile.seq(to).saturating_sub(profile.seq(sqn)) > MAX_STEP >> profile.ind_bits,
        SqnState::Unchecked => false,
    }
}

impl<C: Card> Session<C> {
    /// AUTHENTICATE in the selected application. An answer that says no in a way that AKA has is an [`Answer`].
    ///
    /// This changes the card where it succeeds: its SQN moves on, and in the GBA context Ks and EF_GBABP are new.
    ///
    /// # Errors
    /// [`UsimError::Refused`] for every other status word, such as 9864 of a context that the card doesn't have.
    pub fn authenticate(
        &mut self,
        context: Context,
        rand: &Rand,
        autn: Option<&Autn>,
    ) -> Result<Answer, UsimError> {
        let tag: &[u8] = if context == Context::Gba { &[0xdd] } else { &[] };
        let fields: Vec<&[u8]> = match autn {
            Some(autn) if context != Context::Gsm => vec![rand.octets(), autn.octets()],
            _ => vec![rand.octets()],
        };
        let command = challenge(context.p2(), tag, &fields)?;
        let response = self.link.transmit(&command)?;
        let sw = Sw(response.sw);
        if sw == Sw::MAC {
            return Ok(Answer::MacFailure);
        }
        if !response.is_success() {
            return Err(refused(&command, sw));
        }
        answer(context, &command, &response)
    }

    /// Where the card's SQN stands, by a vector with SQN 0 in the 3G context of the selected application.
    ///
    /// # Errors
    /// [`ProbeError`]: other keys, or the card.
    pub fn probe_sqn(&mut self, keys: &dyn Algorithm, rand: &Rand) -> Result<SqnState, ProbeError> {
        let autn = keys.vector(rand, Sqn::default(), Amf::from([0, 0])).autn;
        match self.authenticate(Context::Umts, rand, Some(&autn))? {
            Answer::SyncFailure(found) => auts::verify(keys, rand, &found)
                .map(SqnState::At)
                .ok_or(ProbeError::BadAuts),
            Answer::MacFailure => Err(ProbeError::WrongKeys),
            _ => Ok(SqnState::Unchecked),
        }
    }

    /// Which form of AUTN the card's GBA context takes. A card of the standard answers AUTN* with AUTS and AUTN with
    /// 9862. `None`: it takes neither with these keys, or doesn't check SQN, so that asking would start a run.
    ///
    /// # Errors
    /// [`ProbeError`]; ask [`Self::probe_sqn`] first, since a card that doesn't check SQN must not be asked.
    pub fn probe_gba_form(
        &mut self,
        keys: &dyn Algorithm,
        rand: &Rand,
    ) -> Result<Option<MacForm>, ProbeError> {
        let plain = keys.vector(rand, Sqn::default(), Amf::from([0, 0])).autn;
        let star = mac_star(&plain, &keys.f2345(rand).ik);
        for (form, autn) in [(MacForm::Star, star), (MacForm::Plain, plain)] {
            match self.authenticate(Context::Gba, rand, Some(&autn))? {
                Answer::SyncFailure(_) => return Ok(Some(form)),
                Answer::MacFailure => {}
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

fn answer(context: Context, command: &Command, response: &Response) -> Result<Answer, UsimError> {
    let malformed = UsimError::malformed("answer to AUTHENTICATE");
    let data = response.data();
    Ok(match context {
        Context::Gsm => match data {
            // 04 SRES 08 Kc.
            [4, a, b, c, d, 8, kc @ ..] => Answer::Gsm {
                sres: Secret::new([*a, *b, *c, *d]),
                kc: Secret::from_slice(kc).ok_or_else(|| refused(command, Sw(response.sw)))?,
            },
            _ => {
                return Err(malformed(
                    base::Reader::new(data).invalid("SRES and Kc", "04 SRES 08 Kc"),
                ));
            }
        },
        Context::Umts => match read_3g(data).map_err(malformed)? {
            AkaOutcome::Success { res, ck, ik } => Answer::Umts { res, ck, ik },
            AkaOutcome::SyncFailure(auts) => Answer::SyncFailure(auts),
            AkaOutcome::MacFailure => Answer::MacFailure,
        },
        Context::Gba => match read_gba(data).map_err(malformed)? {
            GbaOutcome::Success { res } => Answer::Gba { res },
            GbaOutcome::SyncFailure(auts) => Answer::SyncFailure(auts),
            GbaOutcome::MacFailure => Answer::MacFailure,
        },
    })
}
