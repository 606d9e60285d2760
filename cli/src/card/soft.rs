//! Software cards of a profile and options: what `gba card serve` serves and what `--card software:PROFILE` opens.

use aka::{
    AlgorithmSet, Amf, Sqn,
    sqn::{SqnArray, SqnProfile},
};
use clap::Args;
use gba::ids::{Imsi, MncLength};
use net::entropy::OsEntropy;
use uicc::{
    Pin,
    ef::Iccid,
    software::{Profile, SoftCard, profile::AccessRule},
    terminal::Mnc,
};

use crate::sim::{SimArgs, mnc_length, no_bare_keys, parse};

/// The profile of who names none.
pub(crate) const DEFAULT: &str = "gba";
/// The profiles that are built in.
pub(crate) const NAMES: &[&str] = &[DEFAULT];

/// What stands above the profile.
#[derive(Args, Default)]
pub(crate) struct SoftArgs {
    /// IMSI of the first card, 6 to 15 digits; each further one has the next [default: 001010123456789].
    #[arg(long, value_parser = parse::<Imsi>)]
    pub(crate) imsi: Option<Imsi>,
    /// Digits of the MNC, 2 or 3 [default: by the MCC].
    #[arg(long, value_name = "2|3", value_parser = mnc_length)]
    pub(crate) mnc_length: Option<MncLength>,
    /// Keys of the algorithm set; random ones where none is given.
    #[command(flatten)]
    pub(crate) sim: SimArgs,
    /// Checked and left aside: a card takes every AMF, but so the options of its subscriber at the HSS fit here too.
    #[arg(long, value_parser = parse::<Amf>)]
    pub(crate) amf: Option<Amf>,
    /// The highest SQN that the card has accepted, 6 octets in hex [default: 000000000000].
    #[arg(long, value_parser = parse::<Sqn>)]
    pub(crate) sqn: Option<Sqn>,
    /// PIN 1, 4 to 8 digits, or off [default: off].
    #[arg(long, value_name = "off|PIN", value_parser = PinArg::parse)]
    pub(crate) pin: Option<PinArg>,
    /// The algorithm set, where its keys were read already.
    #[arg(skip)]
    pub(crate) algorithm: Option<AlgorithmSet>,
}

impl SoftArgs {
    /// True if somebody else may know the keys.
    pub(crate) const fn has_keys(&self) -> bool {
        self.sim.k.is_some()
    }
}

/// `--pin`. Has no `Debug`.
#[derive(Clone)]
pub(crate) enum PinArg {
    Off,
    On(std::sync::Arc<Pin>),
}

impl PinArg {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let pin = Pin::from_digits(text).map_err(|e| format!("{e}, or off"))?;
        Ok(Self::On(pin.into()))
    }
}

/// A card, and who it is.
pub(crate) struct Made {
    pub(crate) card: SoftCard,
    pub(crate) imsi: Imsi,
    pub(crate) iccid: Iccid,
}

/// One card.
pub(crate) fn one(profile: &str, args: &SoftArgs) -> Result<Made, String> {
    let mut cards = several(profile, args, 1)?;
    cards.pop().ok_or_else(|| "no card was made".into())
}

/// Cards of one profile, with IMSIs that follow each other and the same keys.
pub(crate) fn several(profile: &str, args: &SoftArgs, count: usize) -> Result<Vec<Made>, String> {
    no_bare_keys(args.sim.keys())?;
    let first = args.imsi.clone().map_or_else(|| parse("001010123456789"), Ok)?;
    let algorithm = match &args.algorithm {
        Some(read) => read.duplicate(),
        None => args.sim.algorithm(&mut OsEntropy)?,
    };
    (0..count)
        .map(|n| {
            let imsi = plus(&first, n)?;
            let mut card = named(profile, &imsi, args.mnc_length, algorithm.duplicate())?;
            if let Some(sqn) = args.sqn {
                card.sqn = stands_at(sqn)?;
            }
            match &args.pin {
                None => {}
                Some(PinArg::Off) => card.pin = None,
                Some(PinArg::On(pin)) => card.pin = Some(pin.duplicate()),
            }
            let iccid = card.iccid.clone();
            Ok(Made {
                card: SoftCard::new(card).with_entropy(Box::new(OsEntropy)),
                imsi,
                iccid,
            })
        })
        .collect()
}

/// Where names of profiles are known.
fn named(
    profile: &str,
    imsi: &Imsi,
    mnc: Option<MncLength>,
    algorithm: AlgorithmSet,
) -> Result<Profile, String> {
    match profile {
        DEFAULT => {
            let mnc = Mnc::choose(imsi, mnc, None).length;
            let mut card = Profile::new(imsi.clone(), mnc, algorithm)
                .with_gba_u()
                .with_isim();
            // Every application of a terminal may use every application of a card that is made for tests.
            card.access_rules = Some(vec![AccessRule::ALL]);
            card.gsm = true;
            card.t0 = true;
            Ok(card)
        }
        _ => Err(format!("no profile is named {profile}: take {DEFAULT}")),
    }
}

/// An array that has accepted this number, and takes the next one of every IND.
fn stands_at(sqn: Sqn) -> Result<SqnArray, String> {
    let profile = SqnProfile::default();
    let array = vec![profile.seq(sqn); 1 << profile.ind_bits];
    SqnArray::with_seq_ms(profile, &array).map_err(|e| e.to_string())
}

fn plus(imsi: &Imsi, n: usize) -> Result<Imsi, String> {
    let digits = imsi.as_str();
    let next = digits
        .parse::<u64>()
        .ok()
        .zip(u64::try_from(n).ok())
        .and_then(|(number, n)| number.checked_add(n))
        .map(|number| format!("{number:0width$}", width = digits.len()))
        .filter(|next| next.len() == digits.len())
        .ok_or_else(|| format!("no IMSI is {n} after {digits}: take a smaller --imsi or --count"))?;
    parse(&next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imsis_follow_each_other_in_their_length() {
        let imsi: Imsi = "001010123456789".parse().unwrap();
        assert_eq!(plus(&imsi, 11).unwrap().as_str(), "001010123456800");
        let last: Imsi = "999999".parse().unwrap();
        assert!(plus(&last, 1).unwrap_err().contains("smaller --imsi"));
    }

    #[test]
    fn an_unknown_profile_is_told() {
        let why = one("nope", &SoftArgs::default()).err().unwrap();
        assert!(why.contains("nope") && why.contains("gba"), "{why}");
    }
}
