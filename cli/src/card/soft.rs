//! Software cards of a profile and options: what `gba card serve` serves and what `--card software:PROFILE` opens.

use std::path::PathBuf;

use aka::{AlgorithmSet, Amf, Sqn};
use clap::Args;
use gba::ids::{Imsi, MncLength};
use uicc::Pin;

use super::profile::{self, Over};
pub(crate) use super::profile::{DEFAULT, Made, NAMES};
use crate::sim::{SimArgs, mnc_length, no_bare_keys, parse};

/// What stands above the profile.
#[derive(Args, Default)]
pub(crate) struct SoftArgs {
    /// IMSI of the first card, 6 to 15 digits; each further one has the next [default: the profile's, else 001010123456789].
    #[arg(long, value_parser = parse::<Imsi>)]
    pub(crate) imsi: Option<Imsi>,
    /// Digits of the MNC, 2 or 3 [default: by the MCC].
    #[arg(long, value_name = "2|3", value_parser = mnc_length)]
    pub(crate) mnc_length: Option<MncLength>,
    /// Keys of the algorithm set; the profile's, else random ones, where none is given.
    #[command(flatten)]
    pub(crate) sim: SimArgs,
    /// Checked and left aside: a card takes every AMF, but so the options of its subscriber at the HSS fit here too.
    #[arg(long, value_parser = parse::<Amf>)]
    pub(crate) amf: Option<Amf>,
    /// The highest SQN that the card has accepted, 6 octets in hex [default: the profile's].
    #[arg(long, value_parser = parse::<Sqn>)]
    pub(crate) sqn: Option<Sqn>,
    /// PIN 1, 4 to 8 digits, or off [default: the profile's].
    #[arg(long, value_name = "off|PIN", value_parser = PinArg::parse)]
    pub(crate) pin: Option<PinArg>,
    /// The algorithm set, where its keys were read already.
    #[arg(skip)]
    pub(crate) algorithm: Option<AlgorithmSet>,
    /// Keep what the cards become here, a file each: numbers, counters and files outlast the end and a power cut.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
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

/// One card.
pub(crate) fn one(name: &str, args: &SoftArgs) -> Result<Made, String> {
    let mut cards = several(name, args, 1)?;
    cards.pop().ok_or_else(|| "no card was made".into())
}

/// Cards of one profile, with IMSIs that follow each other and the same keys, each as its state has it.
pub(crate) fn several(name: &str, args: &SoftArgs, count: usize) -> Result<Vec<Made>, String> {
    no_bare_keys(args.sim.keys())?;
    let profile = profile::load(name)?;
    // Options say all about the keys, or nothing; cards of one call have the same, also random ones.
    let said = args.has_keys() || args.sim.has_operator_key();
    let random = args.algorithm.is_none() && !said && (args.sim.algorithm.is_some() || !profile.has_keys());
    let algorithm = match &args.algorithm {
        Some(read) => Some(read.duplicate()),
        None if said || random => Some(args.sim.algorithm(&mut net::entropy::OsEntropy)?),
        None => None,
    };
    let over = (0..count).map(|n| {
        let imsi = match (&args.imsi, n) {
            (None, 0) => None,
            (Some(first), n) => Some(plus(first, n)?),
            (None, n) => Some(plus(&profile.imsi()?, n)?),
        };
        Ok(Over {
            imsi,
            mnc_length: args.mnc_length,
            algorithm: algorithm.as_ref().map(AlgorithmSet::duplicate),
            sqn: args.sqn,
            pin: args.pin.as_ref().map(|pin| match pin {
                PinArg::Off => None,
                PinArg::On(pin) => Some(pin.duplicate()),
            }),
        })
    });
    let mut cards = profile.cards(&over.collect::<Result<Vec<_>, String>>()?)?;
    cards.iter_mut().for_each(|card| card.random_keys = random);
    match &args.state {
        None => Ok(cards),
        Some(directory) => {
            if random {
                return Err(
                    "--state: the card has random keys, so its state would belong to no card after this run: give the \
                     profile its [keys], or --k and --opc"
                        .into(),
                );
            }
            cards
                .into_iter()
                .map(|card| profile::with_state(card, directory))
                .collect()
        }
    }
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
