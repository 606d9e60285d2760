//! Why a bootstrapping run ended without a Ks, in words that say what to check.

use aka::Auts;
use base::Clause;

use super::State;

/// TS 24.109 4.4: what the terminal does with a challenge.
pub(super) const UB: Clause = Clause::new("TS 24.109", "4.4");

/// Why there is no new Ks. The old one, if any, stands (ruling 8).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UbError {
    // What came isn't well-formed.
    /// A header or body could not be read.
    #[error("the BSF's {what} cannot be read: {reason}")]
    Malformed {
        /// Which header or body.
        what: &'static str,
        /// What was expected and what came.
        reason: String,
    },

    // The BSF broke a clause.
    /// The BSF did what the clause forbids.
    #[error("the BSF broke {clause}: {rule}")]
    PeerBroke {
        /// The clause.
        clause: Clause,
        /// The rule, and what came instead.
        rule: &'static str,
    },
    /// The final answer isn't proven to come from a BSF that has the same RES (ruling 8).
    #[error("the BSF's success is not proven ({0}): it is discarded, the old Ks stands")]
    NotProven(Unproven),

    // The BSF lacks what we need, or refuses.
    /// No challenge with AKAv1-MD5.
    #[error("the BSF offers no Digest challenge with algorithm AKAv1-MD5 (it offers: {offered})")]
    Algorithm {
        /// The algorithms that were offered, or `none`.
        offered: String,
    },
    /// The challenge hasn't `auth-int`.
    #[error("the BSF offers qop {offered}, but Ub needs auth-int")]
    Qop {
        /// What was offered.
        offered: String,
    },
    /// 403 before any response was sent.
    #[error(
        "the BSF refuses this device (403): check that the HSS knows the IMPI {impi} and allows GBA for it"
    )]
    Forbidden {
        /// The identity that was sent.
        impi: String,
    },
    /// 403 to the card's AUTS.
    #[error("the BSF refuses the card's AUTS (403): check that the HSS has this card's K and OPc")]
    AutsRefused,
    /// 403 or too many 401 after the response was sent.
    #[error(
        "the BSF does not accept the card's RES ({tries} tried): check K, OPc and the length of RES, and that \
             the HSS's GBA_U setting (uiccType) and the card agree"
    )]
    WrongResponse {
        /// How many responses were sent.
        tries: u8,
    },
    /// `stale` again and again: each time another answered first, so that RES was never looked at.
    #[error(
        "this challenge was already answered, {tries} times before this device: another one with this identity \
             bootstraps at this address; bootstrap again, and give each device its own IMSI"
    )]
    AlreadyAnswered {
        /// How many responses were sent.
        tries: u8,
    },
    /// 429 or 503: try later.
    #[error("the BSF asks to wait ({status}{}): {}",
        .retry_after.map(|s| format!(", {s} s")).unwrap_or_default(),
        if *.status == 429 { "too many bootstrapping runs for this IMPI or from this address" }
        else { "it or its HSS is down or overloaded" })]
    Busy {
        /// 429 or 503.
        status: u16,
        /// Seconds, where the BSF said so.
        retry_after: Option<u32>,
    },
    /// Any other status.
    #[error("the BSF answered {status}: expected {expected}")]
    Status {
        /// What came.
        status: u16,
        /// What was expected.
        expected: &'static str,
    },

    // The card.
    /// The card found MAC-A wrong.
    #[error(
        "the card refuses the network's AUTN (MAC wrong): the HSS has another K, OPc (or OP given as OPc) or AMF \
             than this card, or its GBA_U setting (uiccType) and the card disagree; check K, then OPc, then AMF"
    )]
    MacFailure,
    /// The card found the SQN out of range again, after the HSS had been told its SQN.
    #[error(
        "the card refuses the network's SQN again after a resynchronisation: check that the HSS honours AUTS \
             (it must continue after the card's SQN)"
    )]
    SqnRefused,
    /// The card couldn't be asked.
    #[error("the card cannot authenticate: {0}")]
    Card(String),

    // Time.
    /// Nothing came in time.
    #[error("no answer from {0} in time")]
    Timeout(&'static str),
    /// The lifetime has ended before it began.
    #[error("the BSF's key lifetime {lifetime} lies in the past: check both clocks (here it is {now})")]
    Expired {
        /// When the key ends, by the BSF.
        lifetime: base::Utc,
        /// Our clock.
        now: base::Utc,
    },

    // Our own fault.
    /// The input doesn't fit the state.
    #[error("{got} is not expected in state {state:?}")]
    Unexpected {
        /// Where the machine stands.
        state: State,
        /// What was put in.
        got: &'static str,
    },
    /// No randomness for the cnonce.
    #[error(transparent)]
    NoEntropy(#[from] base::NoEntropy),
}

/// What is wrong with a 200 (ruling 8).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unproven {
    /// There is no `Authentication-Info`, or no `rspauth` in it.
    #[error("no rspauth")]
    NoRspauth,
    /// `qop` is absent or isn't `auth-int`.
    #[error("qop is not auth-int")]
    Qop,
    /// `cnonce` or `nc` isn't ours.
    #[error("cnonce or nc is not the one we sent")]
    NotOurRequest,
    /// `rspauth` is wrong: another RES, or a body that was changed on its way.
    #[error("rspauth is wrong, or the body was changed")]
    Rspauth,
}

/// What the card made of RAND and AUTN: outcomes of the protocol, not errors.
pub enum AkaOutcome {
    /// The network is authentic and SQN is fresh.
    Success {
        /// The response. In mode `u` its last bit is already flipped by the card.
        res: aka::Res,
        /// CK ‖ IK in mode `me`; `None` in mode `u`, where the card keeps Ks.
        ks: Option<crate::keys::Ks>,
    },
    /// SQN is out of range: this goes to the HSS.
    SyncFailure(Auts),
    /// MAC-A is wrong.
    MacFailure,
    /// The card answered with an error, or is gone; the text has no secrets.
    Refused(String),
}
