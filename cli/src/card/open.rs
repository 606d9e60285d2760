//! `--card`: a card in software, in a PC/SC reader, behind a virtual reader's protocol, or on another host; whoever
//! drives it sees a [`Card`] only.

use std::{fmt, path::PathBuf, str::FromStr};

use aka::AlgorithmSet;
use clap::Args;
use uicc::{Card, CardError};

use super::{
    remote::{TcpCard, VpcdReader},
    soft::{self, SoftArgs},
    token::Token,
};
use crate::Failure;

/// Where a card is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A software card in this process, of a profile.
    Software(String),
    /// In a PC/SC reader: its number, or its name or an unmistakable part of it.
    Pcsc(String),
    /// A card process that speaks vpcd's protocol and connects to us, who listen there.
    Vpcd(String),
    /// A card that `gba card serve --tcp` serves.
    Tcp(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let of = |make: fn(String) -> Self, what: &str| {
            if rest.is_empty() {
                Err(format!("{kind}:{what} expected"))
            } else {
                Ok(make(rest.into()))
            }
        };
        match kind {
            "software" if rest.is_empty() => Ok(Self::Software(soft::DEFAULT.into())),
            "software" => of(Self::Software, "PROFILE"),
            "pcsc" => of(Self::Pcsc, "0 or pcsc:NAME"),
            "vpcd" => of(Self::Vpcd, "HOST:PORT"),
            "tcp" => of(Self::Tcp, "HOST:PORT"),
            _ => Err("software:PROFILE, pcsc:0, pcsc:NAME, vpcd:HOST:PORT or tcp:HOST:PORT expected".into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, rest) = match self {
            Self::Software(rest) => ("software", rest),
            Self::Pcsc(rest) => ("pcsc", rest),
            Self::Vpcd(rest) => ("vpcd", rest),
            Self::Tcp(rest) => ("tcp", rest),
        };
        write!(f, "{kind}:{rest}")
    }
}

/// The options by which every command of a card says which one.
#[derive(Args, Clone, Debug)]
pub(crate) struct CardArgs {
    /// Which card: in software, in a PC/SC reader (its number, or its name or a part of it), a card process that
    /// connects to this address as to a virtual reader, or one that `gba card serve --tcp` serves.
    #[arg(
        long,
        value_name = "software:PROFILE|pcsc:N|pcsc:NAME|vpcd:ADDR|tcp:ADDR",
        default_value = "pcsc:0"
    )]
    pub(crate) card: Place,
    /// Where a card in software keeps what it becomes, as for `gba card serve --state`.
    #[arg(long, value_name = "DIR")]
    pub(crate) card_state: Option<PathBuf>,
    /// The file with the token of tcp:ADDR.
    #[arg(long, value_name = "FILE")]
    pub(crate) card_token: Option<PathBuf>,
}

/// A card that answers.
pub(crate) struct Opened {
    pub(crate) card: Box<dyn Card>,
    /// Its answer to reset.
    pub(crate) atr: Vec<u8>,
    /// Where it is, in words: the reader's name, the address.
    pub(crate) place: String,
}

impl CardArgs {
    /// Opens the card; one in software gets these keys, if some are given.
    pub(crate) fn open(&self, keys: Option<&AlgorithmSet>) -> Result<Opened, Failure> {
        match (&self.card, &self.card_state) {
            (_, None) => open(&self.card, self.card_token.as_deref(), keys),
            (Place::Software(profile), Some(_)) => software(profile, keys, self.card_state.clone()),
            _ => Err(Failure::Unable(
                "--card-state is for --card software:PROFILE only".into(),
            )),
        }
    }
}

/// Opens a card; one in software gets these keys, if some are given. No command was sent to it yet.
pub(crate) fn open(
    place: &Place,
    token: Option<&std::path::Path>,
    keys: Option<&AlgorithmSet>,
) -> Result<Opened, Failure> {
    if token.is_some() && !matches!(place, Place::Tcp(_)) {
        return Err(Failure::Unable("--card-token is for --card tcp:ADDR only".into()));
    }
    let unable = |e: CardError| Failure::Unable(format!("{place}: {e}"));
    match place {
        Place::Software(profile) => software(profile, keys, None),
        Place::Pcsc(reader) => pcsc(reader).map_err(unable),
        Place::Vpcd(address) => {
            let reader = VpcdReader::listen(address).map_err(unable)?;
            Ok(Opened {
                atr: reader.atr().to_vec(),
                place: place.to_string(),
                card: Box::new(reader),
            })
        }
        Place::Tcp(address) => {
            let token = Token::read(token).map_err(Failure::Unable)?;
            let card = TcpCard::connect(address, token).map_err(unable)?;
            Ok(Opened {
                atr: card.atr().to_vec(),
                place: place.to_string(),
                card: Box::new(card),
            })
        }
    }
}

fn software(profile: &str, keys: Option<&AlgorithmSet>, state: Option<PathBuf>) -> Result<Opened, Failure> {
    let args = SoftArgs {
        algorithm: keys.map(AlgorithmSet::duplicate),
        state,
        ..SoftArgs::default()
    };
    let card = soft::one(profile, &args).map_err(Failure::Unable)?;
    Ok(Opened {
        card: Box::new(card.card),
        atr: uicc::atr::SOFTWARE.to_vec(),
        place: Place::Software(profile.into()).to_string(),
    })
}

#[cfg(feature = "pcsc")]
fn pcsc(reader: &str) -> Result<Opened, CardError> {
    use uicc::pcsc::{Choice, Reader};

    let choice = reader
        .parse()
        .map_or_else(|_| Choice::Name(reader.into()), Choice::Number);
    let reader = Reader::open(&choice)?;
    Ok(Opened {
        atr: reader.atr().to_vec(),
        place: reader.name(),
        card: Box::new(reader),
    })
}

#[cfg(not(feature = "pcsc"))]
fn pcsc(_: &str) -> Result<Opened, CardError> {
    Err(CardError::Transport {
        reason:
            "this gba was built without card readers: install libpcsclite-dev and build with the feature pcsc"
                .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_read_and_written() {
        for text in [
            "software:gba",
            "software:cards/my.toml",
            "pcsc:0",
            "pcsc:Virtual PCD 00 00",
            "vpcd:127.0.0.1:35963",
            "tcp:[::1]:9000",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert_eq!("software".parse(), Ok(Place::Software("gba".into())));
        for (text, why) in [
            ("pcsc", "pcsc:0 or pcsc:NAME expected"),
            ("tcp:", "tcp:HOST:PORT expected"),
            ("usb:1", "software:PROFILE, pcsc:0"),
        ] {
            let told = text.parse::<Place>().unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
    }

    #[test]
    fn a_software_card_answers() {
        let mut opened = open(&Place::Software("gba".into()), None, None).ok().unwrap();
        let select = base::apdu::Command::new(0, 0xa4, 0, 4)
            .with_data(&[0x3f, 0])
            .unwrap();
        let answer = opened.card.transmit(&select).unwrap();
        assert_eq!(answer.sw >> 8, 0x61, "FCP waits");
        assert_eq!(opened.atr.first(), Some(&0x3b));
    }
}
