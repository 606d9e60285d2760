//! `gba vectors run --target card:SPEC`: which clauses a card with known keys keeps to.

use aka::Rand;
use base::Entropy as _;
use clap::Args;
use uicc::{
    Pin,
    terminal::{
        Options, Usim,
        conform::{Known, conform},
    },
};

use super::{
    at::{CardAt, probe_refused, refused},
    keyed,
    ready::PinArg,
};
use crate::{
    Failure,
    card::open::{Place, open},
    sim::SimArgs,
};

/// How long the run that the checks leave in EF_GBABP may be used: it is nobody's.
const LIFETIME: u32 = 1;

/// What is tested instead of this implementation.
#[derive(Args)]
pub(crate) struct TargetArgs {
    /// Test a card with known keys instead: card:pcsc:0, card:vpcd:ADDR, card:tcp:ADDR or card:software:PROFILE.
    #[arg(long, value_name = "card:CARD", value_parser = place, conflicts_with_all = ["files", "families", "known_only"])]
    pub(crate) target: Option<Place>,
    /// The file with the token of tcp:ADDR.
    #[arg(long, value_name = "FILE", requires = "target")]
    card_token: Option<std::path::PathBuf>,
    #[command(flatten)]
    sim: SimArgs,
    #[command(flatten)]
    pin: PinArg,
    /// Don't ask before the card's SQN moves and its Ks becomes new.
    #[arg(long, short, requires = "target")]
    yes: bool,
}

fn place(text: &str) -> Result<Place, String> {
    let card = text
        .strip_prefix("card:")
        .ok_or("card:pcsc:0, card:software:gba or another card expected")?;
    card.parse()
}

impl TargetArgs {
    /// Makes the checks on the card.
    pub(crate) fn report(&self, place: &Place) -> Result<vectors::Report, Failure> {
        let keys = keyed::read(&self.sim)?;
        let pin = self.pin.read()?;
        let mut at = CardAt::new(open(place, self.card_token.as_deref(), Some(&keys))?);
        at.yes = self.yes;
        at.confirm(&format!(
            "This tests the card in {}: its SQN moves by a few steps, and with GBA_U its Ks and EF_GBABP become new",
            at.place
        ))?;
        let rands = (0..16)
            .map(|_| net::entropy::OsEntropy.array::<16>().map(Rand::from))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Failure::Unable(e.to_string()))?;
        let known = Known {
            keys: &keys,
            rands: &rands,
            until: net::clock::now().utc.plus_secs(LIFETIME),
        };
        let found = at.with_card(|card| {
            let options = Options {
                pin: pin.as_ref().map(Pin::duplicate),
                ..Options::default()
            };
            Usim::open_with(&mut *card, options).map_err(|e| refused(&e))?;
            conform(card, &known).map_err(|e| probe_refused(&e))
        })?;
        let mut report = vectors::Report::default();
        for check in found {
            report.check((check.area, check.name), check.clause, check.name, check.outcome);
        }
        Ok(report)
    }
}
