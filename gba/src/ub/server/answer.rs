//! What the BSF says.

use core::time::Duration;

use aka::Rand;
use base::{Clause, Entropy, Utc};

use super::{Mode, OpenChallenge};
use crate::{
    digest::{Algorithm, Challenge, Qop, written},
    ids::{Btid, Fqdn},
};

/// What came of a request: for counters, logs and the laboratory.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// 401 with a fresh challenge.
    Challenged,
    /// 401 with the challenge that is still unanswered.
    Repeated,
    /// 401 with a fresh challenge after a wrong response.
    WrongResponse,
    /// 401 with a fresh challenge after a resynchronisation.
    Resynchronised,
    /// 200: a B-TID.
    Bootstrapped,
    /// 403: too many wrong responses from this connection.
    RefusedAfterWrong,
    /// 403: the UE found a bad MAC (ruling 7).
    MacFailureReported,
    /// 403: the HSS doesn't know the IMPI.
    UnknownImpi,
    /// 403: the HSS refused the AUTS.
    BadAuts,
    /// 429: the bucket is empty.
    TooMany,
    /// 503: the HSS can't be asked, or its answer is of no use.
    SourceDown,
    /// 503: no room for more challenges or sessions.
    Full,
    /// 503: the HSS repeats its RANDs (ruling 9).
    RandRepeated,
    /// 503: the audit log can't be written.
    NotRecorded,
    /// 500: no randomness.
    NoEntropy,
    /// 400 or 405.
    Malformed,
}

/// What an answer says in a line, put into words only where somebody reads them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// These words, at most 70 characters of them.
    Words(String),
    /// A challenge with this RAND, and how it came to it.
    Challenge(&'static str, Rand),
    /// A B-TID, whose Ks lives there until then.
    Issued(Btid, Mode, Utc),
}

/// An answer, ready to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Header fields besides framing.
    pub headers: Vec<(&'static str, String)>,
    /// The body; on success protected by `rspauth`, so not to be altered.
    pub body: Vec<u8>,
    /// What came of it.
    pub outcome: Outcome,
    /// What it says: see [`Self::summary`].
    pub said: Said,
    /// The clause that it follows.
    pub clause: Clause,
    /// What an operator should know: for logs, so without secrets and without the subscriber.
    pub note: Option<String>,
}

impl Answer {
    /// 503 instead of a B-TID that can't be recorded (see [`crate::audit`]).
    #[must_use]
    pub fn not_recorded() -> Self {
        later(
            503,
            Outcome::NotRecorded,
            RETRY,
            "the BSF cannot account for another key just now: try again",
        )
    }

    /// In a line of at most 70 characters for a ladder, without secrets.
    #[must_use]
    pub fn summary(&self) -> String {
        match &self.said {
            Said::Words(words) => cut(words.clone()),
            Said::Challenge(lead, rand) => {
                let rand = rand.to_string();
                let rand = rand.get(..6).unwrap_or_default();
                format!("{lead}: RAND {rand}…, AKAv1-MD5, auth-int")
            }
            Said::Issued(btid, mode, expiry) => {
                format!("200 B-TID {}, {mode}, valid until {expiry}", btid.short())
            }
        }
    }

    /// The first header field of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// Retry-After where nothing tells better.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// An answer without success: a sentence as its body.
pub(super) fn refuse(status: u16, outcome: Outcome, clause: Clause, text: &str) -> Answer {
    Answer {
        status,
        headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
        body: format!("{text}\n").into_bytes(),
        outcome,
        said: Said::Words(format!("{status} {text}")),
        clause,
        note: None,
    }
}

/// When to come back after a failure of the network: not the same time for all who were refused together, or they
/// would come back together.
pub(super) fn spread(entropy: &mut impl Entropy) -> Duration {
    let more = entropy.array::<1>().map_or(0, |[octet]| octet % 5);
    RETRY + Duration::from_secs(more.into())
}

/// 429 or 503 with Retry-After, in whole seconds and at least one, and the reason as a problem that programs read
/// (RFC 9457). `text` is a sentence of ours, without quotation marks.
pub(super) fn later(status: u16, outcome: Outcome, wait: Duration, text: &str) -> Answer {
    let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let mut answer = refuse(status, outcome, Clause::new("TS 24.109", "4.3"), text);
    let title = if status == 429 {
        "Too Many Requests"
    } else {
        "Service Unavailable"
    };
    answer.headers = vec![
        ("Content-Type", "application/problem+json".to_owned()),
        ("Retry-After", secs.max(1).to_string()),
    ];
    answer.body =
        format!("{{\"status\":{status},\"title\":\"{title}\",\"detail\":\"{text}\"}}\n").into_bytes();
    answer
}

/// 401 with that challenge.
pub(super) fn challenge(bsf: &Fqdn, open: &OpenChallenge, stale: bool, outcome: Outcome) -> Answer {
    let challenge = Challenge {
        realm: bsf.to_string(),
        nonce: open.nonce.to_string(),
        algorithm: Algorithm::AkaV1Md5,
        qop: vec![Qop::AuthInt],
        opaque: Some(open.opaque.to_string()),
        domain: None,
        stale,
    };
    let lead = match outcome {
        Outcome::Repeated => "401 same challenge",
        Outcome::Resynchronised => "401 after AUTS",
        Outcome::WrongResponse => "401 wrong response, new challenge",
        _ => "401 challenge",
    };
    Answer {
        status: 401,
        headers: vec![("WWW-Authenticate", written(&challenge))],
        body: Vec::new(),
        outcome,
        said: Said::Challenge(lead, open.rand),
        clause: Clause::new("TS 24.109", "4.3"),
        note: None,
    }
}

/// At most 70 characters.
fn cut(text: String) -> String {
    match text.char_indices().nth(69) {
        Some((i, _)) if text.chars().count() > 70 => format!("{}…", text.get(..i).unwrap_or_default()),
        _ => text,
    }
}
