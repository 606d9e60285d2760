//! A card in another command's hands: `gba demo --card`, with keys that are known; `gba ue … --card`, without.

use std::path::PathBuf;

use aka::Sqn;
use clap::Args;
use gba::ids::{Imsi, MncLength};
use uicc::{
    Card, Pin,
    ef::services,
    terminal::{KeyRef, MncSource, Mode, Options, Path, Usim},
};

use super::{
    at::{CardAt, refused},
    keyed,
    secret::Code,
};
use crate::{
    Failure,
    card::open::{Place, open},
    sim::SimArgs,
};

/// The options that name a card where a command can do without one.
#[derive(Args, Clone)]
pub(crate) struct OtherCard {
    /// Use this card instead of a fresh one in software: in a PC/SC reader, behind vpcd, or over TCP.
    #[arg(long, value_name = "pcsc:N|pcsc:NAME|vpcd:ADDR|tcp:ADDR|software:PROFILE")]
    pub(crate) card: Option<Place>,
    /// The file with the token of tcp:ADDR.
    #[arg(long, value_name = "FILE", requires = "card")]
    card_token: Option<PathBuf>,
    #[command(flatten)]
    pin: PinArg,
}

/// The PIN of a card that another command uses.
#[derive(Args, Clone)]
pub(crate) struct PinArg {
    /// The card's PIN 1: digits, or where they are; - asks. It is tried once, and not if one try or none is left.
    #[arg(long, value_name = "DIGITS|@FILE|env:NAME|-", value_parser = Code::parse)]
    card_pin: Option<Code>,
}

impl PinArg {
    pub(super) fn read(&self) -> Result<Option<Pin>, Failure> {
        let read = |code: &Code| code.read("--card-pin", KeyRef::PIN1);
        self.card_pin.as_ref().map(read).transpose()
    }
}

/// A card, and the PIN that it may ask for.
pub(crate) type WithPin = (Box<dyn Card>, Option<Pin>);

/// A card whose keys are known, and where it stands.
pub(crate) struct Ready {
    pub(crate) card: Box<dyn Card>,
    pub(crate) pin: Option<Pin>,
    pub(crate) imsi: Imsi,
    /// As EF_AD says; `None` where it doesn't.
    pub(crate) mnc_length: Option<MncLength>,
    pub(crate) mode: Mode,
    /// The first SQN to use: the smallest step.
    pub(crate) first: Sqn,
    /// Where the SQN stands, in words.
    pub(crate) before: String,
    pub(crate) place: String,
}

impl OtherCard {
    /// The card and its PIN, without a command sent; `None` where none was named.
    pub(crate) fn open(&self) -> Result<Option<WithPin>, Failure> {
        let Some(place) = &self.card else {
            return Ok(None);
        };
        let pin = self.pin.read()?;
        let opened = open(place, self.card_token.as_deref(), None)?;
        Ok(Some((opened.card, pin)))
    }

    /// The card with its identity and the SQN to begin with (ruling 3), after a question; `None` where none was named.
    pub(crate) fn ready(
        &self,
        sim: &SimArgs,
        wanted: Option<Sqn>,
        yes: bool,
        force: bool,
    ) -> Result<Option<Ready>, Failure> {
        let Some(place) = &self.card else {
            return Ok(None);
        };
        let keys = keyed::read(sim)?;
        let pin = self.pin.read()?;
        let mut at = CardAt::new(open(place, self.card_token.as_deref(), Some(&keys))?);
        (at.yes, at.force) = (yes, force);
        // Opening verifies the PIN and reads who it is.
        let (imsi, mnc_length, mode) = at.with_card(|card| {
            let options = Options {
                pin: pin.as_ref().map(Pin::duplicate),
                ..Options::default()
            };
            let usim = Usim::open_with(card, options).map_err(|e| refused(&e))?;
            let mnc = usim.mnc();
            let told = (mnc.source == MncSource::EfAd).then_some(mnc.length);
            let mode = if usim.services().has(services::GBA) {
                Mode::U
            } else {
                Mode::Me
            };
            Ok::<_, Failure>((usim.imsi().clone(), told, mode))
        })?;
        at.session.select(&Path::usim()).map_err(|e| refused(&e))?;
        let (before, first) = keyed::choose(&mut at, &keys, wanted)?;
        at.confirm(&format!(
            "This bootstraps with the card in {}: its SQN moves on from {}{}",
            at.place,
            keyed::state_text(before),
            if mode == Mode::U {
                ", and its Ks and EF_GBABP become new"
            } else {
                ""
            }
        ))?;
        Ok(Some(Ready {
            place: at.place.clone(),
            card: at.session.into_card(),
            pin,
            imsi,
            mnc_length,
            mode,
            first,
            before: keyed::state_text(before),
        }))
    }
}
