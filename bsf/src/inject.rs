//! Answers over Zn that are wrong on purpose, one way each, so that those who build a NAF see what it does then. A
//! laboratory mode: pure decisions here, applied by [`crate::zn::ZnServer::respond`].

use std::{fmt, str::FromStr, time::Duration};

use base::{Now, Secret, Utc};
use diameter::{Fault, ResultCode};
use gba::{ids::Btid, zn::BootstrappingInfo};

/// Longest delay.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// One way to be wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Injection {
    /// Key-ExpiryTime lies a minute in the past.
    Expired,
    /// 5401: nobody knows the subscriber.
    IdentityUnknown,
    /// 5402: the NAF may not have the key.
    NotAuthorized,
    /// 5403: nobody knows the B-TID.
    BtidUnknown,
    /// The answer comes so much later.
    Slow(Duration),
    /// GBA-UserSecSettings is left away.
    NoUss,
    /// The last bit of ME-Key-Material is the other one.
    KeyFlip,
    /// There is no answer.
    Drop,
}

impl Injection {
    const fn refusal(self) -> Option<ResultCode> {
        match self {
            Self::IdentityUnknown => Some(ResultCode::IDENTITY_UNKNOWN),
            Self::NotAuthorized => Some(ResultCode::NOT_AUTHORIZED),
            Self::BtidUnknown => Some(ResultCode::TRANSACTION_IDENTIFIER_INVALID),
            _ => None,
        }
    }

    fn change(self, info: &mut BootstrappingInfo, now: Now) {
        match self {
            Self::Expired => info.expiry = Utc(now.utc.0.saturating_sub(60)),
            Self::NoUss => info.uss = None,
            Self::KeyFlip => {
                let mut octets = *info.me_key.expose();
                octets[31] ^= 1;
                info.me_key = Secret::new(octets);
            }
            _ => {}
        }
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::IdentityUnknown => "5401",
            Self::NotAuthorized => "5402",
            Self::BtidUnknown => "5403",
            Self::Slow(wait) if wait.subsec_millis() == 0 => return write!(f, "slow={}s", wait.as_secs()),
            Self::Slow(wait) => return write!(f, "slow={}ms", wait.as_millis()),
            Self::NoUss => "no-uss",
            Self::KeyFlip => "key-flip",
            Self::Drop => "drop",
        })
    }
}

/// A text that is no injection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expired, 5401, 5402, 5403, slow=3s, slow=250ms, no-uss, key-flip or drop expected, and @ with the begin of a B-TID \
     for that one only"
)]
pub struct NotAnInjection;

impl FromStr for Injection {
    type Err = NotAnInjection;

    fn from_str(text: &str) -> Result<Self, NotAnInjection> {
        Ok(match text {
            "expired" => Self::Expired,
            "5401" => Self::IdentityUnknown,
            "5402" => Self::NotAuthorized,
            "5403" => Self::BtidUnknown,
            "no-uss" => Self::NoUss,
            "key-flip" => Self::KeyFlip,
            "drop" => Self::Drop,
            _ => Self::Slow(
                text.strip_prefix("slow=")
                    .and_then(time)
                    .filter(|wait| *wait <= MAX_WAIT)
                    .ok_or(NotAnInjection)?,
            ),
        })
    }
}

/// `3s` or `250ms`.
fn time(text: &str) -> Option<Duration> {
    let digits = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    match text.strip_suffix("ms") {
        Some(millis) => digits(millis).map(Duration::from_millis),
        None => digits(text.strip_suffix('s')?).map(Duration::from_secs),
    }
}

/// An injection, and for which B-TIDs: `5403` or `5403@BEGIN`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// What is done.
    pub injection: Injection,
    /// How the B-TID has to begin; empty for all.
    pub btid: String,
}

impl FromStr for Rule {
    type Err = NotAnInjection;

    fn from_str(text: &str) -> Result<Self, NotAnInjection> {
        // The begin of a B-TID may have an @ of its own.
        let (injection, btid) = match text.split_once('@') {
            Some((_, "")) => return Err(NotAnInjection),
            Some((injection, btid)) => (injection, btid),
            None => (text, ""),
        };
        Ok(Self {
            injection: injection.parse()?,
            btid: btid.into(),
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.btid.as_str() {
            "" => self.injection.fmt(f),
            btid => write!(f, "{}@{btid}", self.injection),
        }
    }
}

/// What is done to answers, in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Injections(pub Vec<Rule>);

/// What became of an answer.
pub struct Injected {
    /// Names of what was done, with blanks between; empty if nothing was.
    pub names: String,
    /// How long to wait before it goes out.
    pub wait: Duration,
    /// The answer; `None`: there is to be none.
    pub answer: Option<Result<BootstrappingInfo, Fault>>,
}

impl Injections {
    /// True if nothing is done to any answer.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The longest of all delays that one answer can have.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        wait(self.0.iter().map(|rule| rule.injection))
    }

    /// Does to the answer for that B-TID all that is for it, and nothing else. Of several refusals the first counts;
    /// delays add up.
    #[must_use]
    pub fn apply(&self, btid: &Btid, result: Result<BootstrappingInfo, Fault>, now: Now) -> Injected {
        let those = self.0.iter().filter(|rule| btid.as_str().starts_with(&rule.btid));
        let those: Vec<Injection> = those.map(|rule| rule.injection).collect();
        let refusal = those.iter().find_map(|injection| injection.refusal());
        let answer = match (refusal, result) {
            (Some(code), _) => Err(Fault::new(code, "injected by this BSF's laboratory mode")),
            (None, Ok(mut info)) => {
                those
                    .iter()
                    .for_each(|injection| injection.change(&mut info, now));
                Ok(info)
            }
            (None, Err(fault)) => Err(fault),
        };
        let names: Vec<_> = those.iter().map(ToString::to_string).collect();
        Injected {
            names: names.join(" "),
            wait: wait(those.iter().copied()),
            answer: (!those.contains(&Injection::Drop)).then_some(answer),
        }
    }
}

fn wait(injections: impl Iterator<Item = Injection>) -> Duration {
    injections.fold(Duration::ZERO, |sum, injection| match injection {
        Injection::Slow(wait) => sum.saturating_add(wait),
        _ => sum,
    })
}

#[cfg(test)]
mod tests {
    use base::Mono;
    use gba::zn::GbaType;
    use proptest::prelude::*;

    use super::*;

    const NOW: Now = Now {
        mono: Mono(7),
        utc: Utc(1_800_000_000),
    };

    fn info() -> BootstrappingInfo {
        BootstrappingInfo {
            impi: Some("a@home.test".parse().unwrap()),
            me_key: Secret::new([4; 32]),
            uicc_key: Some(Secret::new([5; 32])),
            expiry: NOW.utc.plus_secs(3600),
            created: NOW.utc,
            uss: Some(b"<ussList/>".to_vec()),
            gba_type: GbaType::ThreeG,
        }
    }

    fn injections(texts: &[&str]) -> Injections {
        Injections(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn apply(texts: &[&str]) -> Injected {
        injections(texts).apply(&"abc@bsf.home.test".parse().unwrap(), Ok(info()), NOW)
    }

    /// Which fields of the answer aren't those of [`info`].
    fn changed(injected: Injected) -> Vec<&'static str> {
        let (was, is) = (info(), injected.answer.unwrap().unwrap());
        let same_uicc = is.uicc_key.unwrap().ct_eq(&was.uicc_key.unwrap());
        [
            ("impi", is.impi == was.impi),
            ("me_key", is.me_key.ct_eq(&was.me_key)),
            ("uicc_key", same_uicc),
            ("expiry", is.expiry == was.expiry),
            ("created", is.created == was.created),
            ("uss", is.uss == was.uss),
            ("gba_type", is.gba_type == was.gba_type),
        ]
        .into_iter()
        .filter_map(|(name, same)| (!same).then_some(name))
        .collect()
    }

    #[test]
    fn expired_puts_the_expiry_into_the_past_and_changes_nothing_else() {
        assert!(apply(&["expired"]).answer.unwrap().unwrap().expiry < NOW.utc);
        assert_eq!(changed(apply(&["expired"])), ["expiry"]);
    }

    #[test]
    fn key_flip_changes_one_bit_of_the_me_key_and_nothing_else() {
        let key = apply(&["key-flip"]).answer.unwrap().unwrap().me_key;
        let bits = |octets: &[u8]| octets.iter().map(|b| (b ^ 4).count_ones()).sum::<u32>();
        assert_eq!(bits(key.expose()), 1);
        assert_eq!(changed(apply(&["key-flip"])), ["me_key"]);
    }

    #[test]
    fn no_uss_leaves_the_settings_away_and_changes_nothing_else() {
        assert!(apply(&["no-uss"]).answer.unwrap().unwrap().uss.is_none());
        assert_eq!(changed(apply(&["no-uss"])), ["uss"]);
    }

    #[test]
    fn codes_refuse_with_that_code() {
        for (text, code) in [
            ("5401", ResultCode::IDENTITY_UNKNOWN),
            ("5402", ResultCode::NOT_AUTHORIZED),
            ("5403", ResultCode::TRANSACTION_IDENTIFIER_INVALID),
        ] {
            let fault = apply(&[text]).answer.unwrap().err().unwrap();
            assert_eq!(fault.result, code);
        }
        // The first counts.
        let fault = apply(&["5402", "5403"]).answer.unwrap().err().unwrap();
        assert_eq!(fault.result, ResultCode::NOT_AUTHORIZED);
    }

    #[test]
    fn slow_waits_and_changes_nothing_and_drop_gives_nothing() {
        let slow = apply(&["slow=3s", "slow=250ms"]);
        assert_eq!(slow.wait, Duration::from_millis(3250));
        assert_eq!(slow.names, "slow=3s slow=250ms");
        assert_eq!(changed(slow), Vec::<&str>::new());
        assert_eq!(
            injections(&["slow=3s", "drop"]).longest_wait(),
            Duration::from_secs(3)
        );
        assert!(apply(&["drop"]).answer.is_none());
    }

    #[test]
    fn only_the_b_tids_that_are_meant_and_what_was_refused_stays_refused() {
        assert_eq!(apply(&["5403@abd", "drop@c"]).names, "");
        assert_eq!(changed(apply(&["5403@abd", "drop@c"])), Vec::<&str>::new());
        assert_eq!(apply(&["drop@abc@bsf.home"]).names, "drop");
        let btid = "abc@bsf.home.test".parse().unwrap();
        let refused = Err(Fault::new(
            ResultCode::TRANSACTION_IDENTIFIER_INVALID,
            "as it was",
        ));
        let fault = injections(&["key-flip", "expired"]).apply(&btid, refused, NOW);
        assert_eq!(fault.answer.unwrap().err().unwrap().text, "as it was");
    }

    #[test]
    fn what_is_no_injection_is_refused() {
        for text in [
            "",
            "5404",
            "slow",
            "slow=",
            "slow=3",
            "slow=+3s",
            "slow=1h",
            "slow=601s",
            "drop@",
            "@abc",
            "Drop",
        ] {
            assert_eq!(text.parse::<Rule>(), Err(NotAnInjection), "{text}");
        }
    }

    proptest! {
        #[test]
        fn rules_round_trip_or_are_refused(text in "(slow=[0-9]{0,4}m?s|drop|540[0-9]|\\PC{0,8})(@[a-z@]{0,4})?") {
            if let Ok(rule) = text.parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse(), Ok(rule));
            }
        }
    }
}
