//! Rules from the card: GET DATA to its ARA-M (GPD_SPE_013 4.2.1), kept until its refresh tag changes.

use base::{Reader, apdu::Command, tlv};
use uicc::Sw;

use super::{ARA_M, Access, Application, Rules, Target, Unruled, parse::MOST};
use crate::transport::{
    error::{Denial, Error},
    reader::{Opened, State},
};

const GET_DATA: u8 = 0xca;
/// Most GET DATA \[Next\]: 255 octets each, up to [`MOST`].
const ROUNDS: usize = 300;

/// The rules as they were read last.
#[derive(Default)]
pub(in crate::transport) enum Cache {
    /// Not read, or of another card.
    #[default]
    Unknown,
    /// The card has no ARA-M.
    Absent,
    /// With their refresh tag.
    Known([u8; 8], Rules),
}

impl Cache {
    /// What the rules say of two applications.
    pub(in crate::transport) fn find(
        &self,
        application: &Application,
        target: &Target,
        unruled: Unruled,
    ) -> Result<Access, Denial> {
        match (self, unruled) {
            (Self::Known(_, rules), _) => rules.find(application, target),
            (Self::Absent, Unruled::Allow) => Ok(Access::Always),
            (Self::Absent, Unruled::Refuse) => Err(Denial::NoRules),
            (Self::Unknown, _) => Err(Denial::Unreadable("not read since the card was reset".into())),
        }
    }

    /// Whether a rule is for an application whose AID begins so and goes on.
    pub(in crate::transport) fn speak_of_longer(&self, beginning: &[u8]) -> bool {
        let longer = |aid: &Vec<u8>| aid.len() > beginning.len() && aid.starts_with(beginning);
        match self {
            Self::Known(_, Rules(rules)) => rules
                .iter()
                .any(|rule| matches!(&rule.target, Target::Aid(aid) if longer(aid))),
            Self::Unknown | Self::Absent => false,
        }
    }
}

impl State {
    /// Brings the rules up to date. `false`: there is no channel to read them on, and so none to open either.
    pub(in crate::transport) fn refresh(&mut self) -> Result<bool, Error> {
        let Some(number) = self.manage_open()? else {
            return Ok(false);
        };
        let read = self.read_rules(number);
        let closed = self.manage_close(number);
        // Rules that couldn't be read hold for nobody.
        if read.is_err() {
            self.rules = Cache::Unknown;
        }
        read.and(closed).map(|()| true)
    }

    fn read_rules(&mut self, number: u8) -> Result<(), Error> {
        match self.select(number, &ARA_M, 0x00)? {
            Opened::Selected(_) => {}
            Opened::No(Sw::NOT_FOUND) => {
                self.rules = Cache::Absent;
                return Ok(());
            }
            // Present and silent: that it has no rules can't be concluded.
            Opened::No(sw) => return Err(unreadable(&sw)),
        }
        let tag = self.get_data(number, 0xdf20)?;
        let tag: [u8; 8] = tlv::find(&tag, 0xdf20)
            .ok()
            .flatten()
            .and_then(|t| t.value.try_into().ok())
            .ok_or_else(|| unreadable(&"a refresh tag of eight octets expected"))?;
        if matches!(&self.rules, Cache::Known(known, _) if *known == tag) {
            return Ok(());
        }
        let mut octets = self.get_data(number, 0xff40)?;
        let whole =
            whole(&octets).ok_or_else(|| unreadable(&"object FF40 of at most 65535 octets expected"))?;
        for _ in 0..ROUNDS {
            if octets.len() >= whole {
                break;
            }
            let more = self.get_data(number, 0xff60)?;
            if more.is_empty() {
                break;
            }
            octets.extend_from_slice(&more);
        }
        let rules = Rules::parse(&octets).map_err(|e| unreadable(&e))?;
        self.rules = Cache::Known(tag, rules);
        Ok(())
    }

    fn get_data(&mut self, number: u8, what: u16) -> Result<Vec<u8>, Error> {
        let [p1, p2] = what.to_be_bytes();
        let response = self.send(number, &Command::new(0x80, GET_DATA, p1, p2).with_le(0))?;
        if !response.is_success() {
            return Err(unreadable(&Sw(response.sw)));
        }
        Ok(response.data().to_vec())
    }
}

/// How many octets the object that begins here has, its head among them.
fn whole(octets: &[u8]) -> Option<usize> {
    let mut r = Reader::new(octets);
    let [0xff, 0x40] = r.array("tag").ok()? else {
        return None;
    };
    let length = match r.u8("length").ok()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(r.u8("length").ok()?),
        0x82 => usize::from(r.u16("length").ok()?),
        _ => return None,
    };
    Some(r.at() + length).filter(|n| *n <= MOST)
}

fn unreadable(why: &impl ToString) -> Error {
    Denial::Unreadable(why.to_string()).into()
}
