//! ARA-M (GPD_SPE_013): an applet that holds who may use which applications of the card, for a terminal's Open Mobile
//! API to enforce. It answers GET DATA; its rules come with the profile.

use base::{apdu::Command, tlv};

use crate::{Sw, names};

use super::{
    Answer, SoftCard,
    arr::Access,
    profile::{Content, FilePath, FileSpec, Profile},
};

/// One rule: an application of the terminal and an application of the card.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessRule {
    /// AID of the application on the card, 5 to 16 octets; `None`: every one that no other rule names.
    pub aid: Option<Vec<u8>>,
    /// Hash of the certificate that signed the terminal's application, 20 or 32 octets; `None`: every application.
    pub device: Option<Vec<u8>>,
    /// Which commands.
    pub apdu: ApduAccess,
    /// Whether NFC events are told; `None`: not said.
    pub nfc: Option<bool>,
}

/// Which commands an application may send (APDU-AR-DO).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ApduAccess {
    /// None.
    Never,
    /// All.
    Always,
    /// Those whose header (CLA INS P1 P2), masked, is one of these: header, then mask.
    Filters(Vec<[u8; 8]>),
}

impl AccessRule {
    /// Everybody may send everything to every application that no other rule names.
    pub const ALL: Self = Self {
        aid: None,
        device: None,
        apdu: ApduAccess::Always,
        nfc: None,
    };

    /// REF-DO (E1): the two applications.
    fn reference(&self) -> Vec<u8> {
        let mut inner = tlv::object(0x4f, self.aid.as_deref().unwrap_or_default());
        tlv::write(&mut inner, 0xc1, self.device.as_deref().unwrap_or_default());
        inner
    }

    /// AR-DO (E3): what is allowed.
    fn rights(&self) -> Vec<u8> {
        let apdu = match &self.apdu {
            ApduAccess::Never => vec![0],
            ApduAccess::Always => vec![1],
            ApduAccess::Filters(filters) => filters.concat(),
        };
        let mut inner = tlv::object(0xd0, &apdu);
        if let Some(nfc) = self.nfc {
            tlv::write(&mut inner, 0xd1, &[u8::from(nfc)]);
        }
        inner
    }
}

/// The applet's rules, as GET DATA gives them.
pub(super) struct Rules {
    /// REF-DO and AR-DO of each.
    list: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Rules {
    pub(super) fn new(rules: &[AccessRule]) -> Self {
        Self {
            list: rules.iter().map(|r| (r.reference(), r.rights())).collect(),
        }
    }

    /// Response-ALL-REF-AR-DO (FF40).
    fn all(&self) -> Vec<u8> {
        let mut inner = Vec::new();
        for (reference, rights) in &self.list {
            let mut pair = tlv::object(0xe1, reference);
            tlv::write(&mut pair, 0xe3, rights);
            tlv::write(&mut inner, 0xe2, &pair);
        }
        tlv::object(0xff40, &inner)
    }

    /// Response-Refresh-Tag-DO (DF20): another one for other rules (FNV-1a of them: nothing secret hangs on it).
    fn refresh_tag(&self) -> Vec<u8> {
        let hash = self.all().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
        });
        tlv::object(0xdf20, &hash.to_be_bytes())
    }
}

/// The applet's place among the applications. It isn't in EF_DIR, as on real cards.
pub(super) fn files(profile: &Profile) -> Vec<FileSpec> {
    let place = || {
        FileSpec::new(
            FilePath::in_adf(&names::ARA_M_AID, &[]),
            names::EF_ARR_MF,
            Access::Directory.record(),
            Content::Directory,
        )
    };
    profile.access_rules.iter().map(|_| place()).collect()
}

impl SoftCard {
    /// GET DATA (GPD_SPE_013 4.1): `FF40` all rules, `FF60` what is left of them, `FF50` those of one pair of
    /// applications, `DF20` the refresh tag.
    pub(super) fn get_data(&mut self, c: &Command) -> Answer {
        let here = self.current_application().and_then(|a| self.state.files.aid(a));
        let rules = self.rules.as_ref().filter(|_| here == Some(&names::ARA_M_AID));
        let rules = rules.ok_or(Sw::INSTRUCTION)?;
        let tag = u32::from(u16::from_be_bytes([c.p1, c.p2]));
        if (tag == 0xff50) == c.data().is_empty() {
            return Err(if matches!(tag, 0xff40 | 0xff50 | 0xff60 | 0xdf20) {
                Sw::WRONG_LENGTH
            } else {
                Sw::REFERENCE
            });
        }
        match tag {
            0xff40 => {
                let all = rules.all();
                Ok(self.piece(&all, 0))
            }
            0xff60 => {
                let all = rules.all();
                let from = self.channel.retrieving.filter(|(tag, _)| *tag == 0xff40);
                let (_, from) = from.filter(|(_, from)| *from < all.len()).ok_or(Sw::CONDITIONS)?;
                Ok(self.piece(&all, from))
            }
            0xff50 => {
                let wanted = tlv::read_all(c.data()).map_err(|_| Sw::DATA)?;
                let [wanted] = wanted[..] else {
                    return Err(Sw::DATA);
                };
                if wanted.tag != 0xe1 {
                    return Err(Sw::DATA);
                }
                let found = rules.list.iter().find(|(reference, _)| reference == wanted.value);
                let (_, rights) = found.ok_or(Sw::REFERENCE)?;
                Ok(tlv::object(0xff50, &tlv::object(0xe3, rights)))
            }
            0xdf20 => Ok(rules.refresh_tag()),
            _ => Err(Sw::REFERENCE),
        }
    }

    /// At most 255 octets of the rules; GET DATA FF60 goes on behind them.
    fn piece(&mut self, all: &[u8], from: usize) -> Vec<u8> {
        let rest = all.get(from..).unwrap_or_default();
        let piece = rest.get(..255).unwrap_or(rest);
        self.channel.retrieving = Some((0xff40, from + piece.len()));
        piece.to_vec()
    }
}
