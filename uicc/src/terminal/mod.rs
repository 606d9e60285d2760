//! The terminal side: [`Usim`] drives any [`Card`], software or in a reader, as a device does; [`Session`] drives it file
//! by file, as a person does.
//!
//! - [`Usim::open`] finds the USIM and reads who it is; [`Options`] has PIN, MNC length and laboratory modes
//! - [`Usim::authenticate_3g`], [`Usim::gba_bootstrap`], [`Usim::gba_naf_key`], [`Usim::run`]
//! - EF_GBABP: [`Usim::read_gbabp`], [`Usim::write_gbabp`], [`Usim::stored_run`]
//! - [`Session`] by [`Path`]s: files, [`Session::tree`], PINs ([`KeyRef`]), AUTHENTICATE in each [`Context`], where the SQN
//!   stands ([`Session::probe_sqn`]); [`rules`] and [`atr`] as a person reads them
//! - [`describe()`]: commands and answers in words; [`Mnc`]: where the MNC's length comes from

pub mod atr;
mod authenticate;
mod client;
pub mod conform;
pub mod describe;
mod error;
mod known;
mod link;
pub mod lint;
mod mnc;
pub mod ota;
mod path;
mod pins;
mod probe;
pub mod rules;
mod session;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests;
pub mod toolkit;
mod tree;

pub use authenticate::{AkaOutcome, GbaOutcome, mac_failure_advice};
pub use client::MasterSecret;
pub use describe::describe;
pub use error::UsimError;
pub use gba::ub::client::Mode;
pub use known::application as application_name;
pub use link::Observer;
pub use mnc::{Mnc, MncSource};
pub use path::{Path, PathError, Root};
pub use pins::{KeyRef, PinAction, PinState};
pub use probe::{Answer, Context, MAX_STEP, ProbeError, SqnState, is_a_jump, next_sqn};
pub use session::{Content, Session};
pub use tree::{Node, Search};

use base::apdu::Command;
use gba::ids::{Fqdn, Impi, Imsi, MncLength};

use crate::{
    Card, Pin, Sw,
    ef::{DirEntry, Iccid, ServiceTable, ad, imsi, services},
    fcp::Fcp,
    names,
};
use link::Link;

/// Key reference of PIN 1 (TS 102 221 table 9.3).
const PIN1: u8 = 0x01;

/// How to open a card.
#[derive(Default)]
pub struct Options {
    /// PIN 1, for a card that has it switched on.
    pub pin: Option<Pin>,
    /// Verifies the PIN even if only one try is left.
    pub force_pin: bool,
    /// Length of the MNC; stands above EF_AD (ruling 4).
    pub mnc_length: Option<MncLength>,
    /// Laboratory: a GBA run at P2 = 81 although the card has GBA_U (ruling 11). Hands CK and IK to the terminal.
    pub force_me: bool,
    /// Sees each command and its whole answer.
    pub observer: Option<Observer>,
}

/// An opened USIM: who it is, and its authentication functions.
///
/// The card's selection belongs to this value: whoever sends commands past it has to open it again.
pub struct Usim<C> {
    link: Link<C>,
    iccid: Iccid,
    aid: Vec<u8>,
    label: Option<String>,
    imsi: Imsi,
    mnc: Mnc,
    services: ServiceTable,
    force_me: bool,
}

impl<C: Card> Usim<C> {
    /// Opens the card's first USIM without a PIN, and takes the card's word for everything.
    ///
    /// # Errors
    /// [`UsimError`]; [`UsimError::PinNeeded`] if PIN 1 is on.
    pub fn open(card: C) -> Result<Self, UsimError> {
        Self::open_with(card, Options::default())
    }

    /// Opens the card's first USIM: SELECT MF, EF_ICCID, EF_DIR, the ADF by its AID, the PIN if it is on, then EF_IMSI,
    /// EF_AD and EF_UST.
    ///
    /// # Errors
    /// [`UsimError`]. A wrong PIN is tried once only, and not at all if it would be the last try.
    pub fn open_with(card: C, options: Options) -> Result<Self, UsimError> {
        let mut link = Link {
            card,
            observer: options.observer,
        };
        link.select(names::MF)?;
        let iccid = Iccid::parse(&link.read(names::EF_ICCID)?).map_err(UsimError::malformed("EF_ICCID"))?;
        let entry = find_usim(&mut link)?;
        let fcp = link.select_application(&entry.aid).map_err(no_usim)?;
        let unverified = verify_pin(&mut link, &fcp, options.pin.as_ref(), options.force_pin)?;
        let imsi = match (link.read(names::EF_IMSI), unverified) {
            (Err(UsimError::Refused { sw: Sw::SECURITY, .. }), Some(tries)) => {
                return Err(UsimError::PinNeeded { tries });
            }
            (read, _) => read?,
        };
        let imsi = imsi::parse(&imsi).map_err(UsimError::malformed("EF_IMSI"))?;
        let ad = ad::mnc_length(&link.read(names::EF_AD)?);
        let services = ServiceTable::parse(&link.read(names::EF_UST)?);
        Ok(Self {
            link,
            iccid,
            aid: entry.aid,
            label: entry.label,
            mnc: Mnc::choose(&imsi, ad, options.mnc_length),
            imsi,
            services,
            force_me: options.force_me,
        })
    }

    /// Serial number of the card: keys are bound to it (ruling 10).
    pub const fn iccid(&self) -> &Iccid {
        &self.iccid
    }

    /// AID of the USIM, as EF_DIR has it.
    pub fn aid(&self) -> &[u8] {
        &self.aid
    }

    /// Label of the USIM in EF_DIR.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// IMSI.
    pub const fn imsi(&self) -> &Imsi {
        &self.imsi
    }

    /// Length of the MNC and who said so (ruling 4).
    pub const fn mnc(&self) -> Mnc {
        self.mnc
    }

    /// The IMPI made of the IMSI (TS 23.003 13.3).
    pub fn impi(&self) -> Impi {
        Impi::from_imsi(&self.imsi, self.mnc.length)
    }

    /// The BSF's name made of the IMSI (TS 23.003 16.2).
    pub fn bsf(&self) -> Fqdn {
        Fqdn::bsf_for_imsi(&self.imsi, self.mnc.length)
    }

    /// The USIM service table.
    pub const fn services(&self) -> &ServiceTable {
        &self.services
    }

    /// GBA_U or GBA_ME: service 68 of the card decides, once (ruling 11), unless the laboratory forces GBA_ME.
    pub fn mode(&self) -> Mode {
        if self.services.has(services::GBA) && !self.force_me {
            Mode::U
        } else {
            Mode::Me
        }
    }

    /// Gives the card back.
    pub fn into_card(self) -> C {
        self.link.card
    }

    /// Asks the card where it is, to learn that it is still there and still in this USIM.
    ///
    /// # Errors
    /// [`UsimError::Card`] if it doesn't answer, [`UsimError::Refused`] if it was reset.
    pub fn check(&mut self) -> Result<(), UsimError> {
        let status = Command::new(0x80, 0xf2, 0x00, 0x01).with_le(0);
        let response = self.link.command(&status)?;
        let aid = base::tlv::find(response.data(), 0x84).map_err(UsimError::malformed("STATUS"))?;
        // A card may give the AID longer than EF_DIR has it.
        if aid.is_some_and(|t| t.value.starts_with(&self.aid)) {
            Ok(())
        } else {
            Err(crate::CardError::Reset.into())
        }
    }
}

/// The first USIM of EF_DIR; on a card without a good EF_DIR, what answers to the beginning of every USIM's AID.
fn find_usim<C: Card>(link: &mut Link<C>) -> Result<DirEntry, UsimError> {
    let records = match link.records(names::EF_DIR) {
        Ok(records) => records,
        Err(UsimError::Refused { sw, .. }) if sw == Sw::NOT_FOUND => Vec::new(),
        Err(e) => return Err(e),
    };
    let entry = records
        .iter()
        // A record that can't be read is another application's trouble.
        .filter_map(|r| DirEntry::parse(r).ok().flatten())
        .find(|e| e.aid.starts_with(&names::USIM_AID_PREFIX));
    Ok(entry.unwrap_or(DirEntry {
        aid: names::USIM_AID_PREFIX.to_vec(),
        label: None,
    }))
}

fn no_usim(e: UsimError) -> UsimError {
    match e {
        UsimError::Refused { sw, .. } if sw == Sw::NOT_FOUND => UsimError::NoUsim,
        e => e,
    }
}

/// Verifies PIN 1 where the application's FCP says that it is on, and it isn't verified yet. Where none was given, the
/// tries that the card tells: it may tell them of a PIN that is verified as well, which only its files show.
fn verify_pin<C: Card>(
    link: &mut Link<C>,
    fcp: &Fcp,
    pin: Option<&Pin>,
    force: bool,
) -> Result<Option<u8>, UsimError> {
    let mut pins = fcp.pins.iter().flat_map(|template| template.iter());
    if !pins.any(|p| p.reference == PIN1 && p.enabled) {
        return Ok(None);
    }
    let question = Command::new(0x00, 0x20, 0x00, PIN1);
    let sw = Sw(link.transmit(&question)?.sw);
    let tries = match (sw, sw.tries_left()) {
        (Sw::BLOCKED, _) | (_, Some(0)) => return Err(UsimError::PinBlocked),
        (_, Some(tries)) => tries,
        // Verified already, or switched off after all.
        (Sw::OK | Sw::DISABLED, _) => return Ok(None),
        _ => {
            return Err(UsimError::Refused {
                command: describe::command(&question),
                sw,
            });
        }
    };
    let Some(pin) = pin else {
        return Ok(Some(tries));
    };
    if tries <= 1 && !force {
        return Err(UsimError::PinLastTry { tries });
    }
    let verify = question
        .with_data(pin.expose())
        .map_err(UsimError::malformed("VERIFY"))?;
    let sw = Sw(link.transmit(&verify)?.sw);
    match (sw, sw.tries_left()) {
        (Sw::OK, _) => Ok(None),
        (Sw::BLOCKED, _) | (_, Some(0)) => Err(UsimError::PinBlocked),
        (_, Some(tries)) => Err(UsimError::PinWrong { tries }),
        _ => Err(UsimError::Refused {
            command: describe::command(&verify),
            sw,
        }),
    }
}
