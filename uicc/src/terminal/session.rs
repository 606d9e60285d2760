//! [`Session`]: a card driven file by file, as a person asks for it. [`super::Usim`] is the device's view of a card.

use base::{
    apdu::{Command, Response},
    tlv,
};

use crate::{
    Card, Sw,
    ef::DirEntry,
    fcp::{Fcp, Structure},
    names,
};

use super::{
    Observer, UsimError, describe,
    link::{Link, refused},
    path::{Path, Root},
};

/// Most octets of a file that are read: an offset has 15 bits.
const MOST: usize = 0x8000;
/// Most octets in one UPDATE.
const CHUNK: usize = 255;
/// Most objects of a BER-TLV file that are read.
const MOST_OBJECTS: usize = 256;
/// Most octets of all of them, and blocks of one: with 255 octets each these are as many.
const MOST_OF_OBJECTS: usize = 0x0010_0000;
const MOST_BLOCKS: usize = MOST_OF_OBJECTS / 255 + 1;

/// What an elementary file holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// Octets.
    Transparent(Vec<u8>),
    /// Records, from number 1; of a cyclic file the newest is first.
    Records(Vec<Vec<u8>>),
    /// Data objects of a BER-TLV file, by tag.
    Objects(Vec<(u32, Vec<u8>)>),
}

/// An open card: what is selected, and commands on it.
///
/// The selection belongs to this value. After [`Session::apdu`] with a SELECT the next file is looked for from its root.
pub struct Session<C> {
    pub(super) link: Link<C>,
    /// AID of the application that was selected last, as asked for.
    application: Option<Vec<u8>>,
}

impl<C: Card> Session<C> {
    /// Nothing is sent yet.
    pub const fn new(card: C) -> Self {
        Self {
            link: Link { card, observer: None },
            application: None,
        }
    }

    /// Shows each command with its whole answer to somebody.
    pub fn observe(&mut self, observer: Observer) {
        self.link.observer = Some(observer);
    }

    /// Gives the card back.
    pub fn into_card(self) -> C {
        self.link.card
    }

    /// The card, for those who know more of it. Whoever selects has to [`Self::forget`].
    pub const fn card_mut(&mut self) -> &mut C {
        &mut self.link.card
    }

    /// The card was reset, or somebody else selected: select from the root next time.
    pub fn forget(&mut self) {
        self.application = None;
    }

    /// Any command, with the whole answer: `61xx` is fetched and `6Cxx` asked again.
    ///
    /// # Errors
    /// [`UsimError`] where no answer comes. A status word that says no is an answer.
    pub fn apdu(&mut self, command: &Command) -> Result<Response, UsimError> {
        if command.ins == 0xa4 {
            self.forget();
        }
        self.link.transmit(command)
    }

    /// One command and one answer, as it comes.
    ///
    /// # Errors
    /// As [`Self::apdu`].
    pub fn apdu_once(&mut self, command: &Command) -> Result<Response, UsimError> {
        if command.ins == 0xa4 {
            self.forget();
        }
        Ok(self.link.card.transmit(command)?)
    }

    /// Selects a file and gives its FCP.
    ///
    /// # Errors
    /// [`UsimError::Missing`] where the card has no such file, otherwise [`UsimError`] of the card.
    pub fn select(&mut self, path: &Path) -> Result<Fcp, UsimError> {
        let root = self.select_root(&path.root, path.fids.is_empty());
        let mut fcp = root.map_err(|e| missing(e, path))?;
        for (i, fid) in path.fids.iter().enumerate() {
            let command = super::link::select(0x00, &fid.to_be_bytes())?;
            // What a DF on the way says isn't looked at.
            if i + 1 < path.fids.len() {
                self.link.command(&command).map_err(|e| missing(e, path))?;
            } else {
                fcp = Some(self.link.select(*fid).map_err(|e| missing(e, path))?);
            }
        }
        fcp.ok_or(UsimError::Missing {
            file: path.to_string(),
        })
    }

    fn select_root(&mut self, root: &Root, wanted: bool) -> Result<Option<Fcp>, UsimError> {
        let (p1, data) = match root {
            Root::Mf => (0x00, names::MF.to_be_bytes().to_vec()),
            // Selected already: its session goes on.
            Root::Application(aid) if self.application.as_ref() == Some(aid) => {
                (0x00, names::ADF.to_be_bytes().to_vec())
            }
            Root::Application(aid) => (0x04, aid.clone()),
        };
        let command = super::link::select(p1, &data)?;
        let response = match self.link.command(&command) {
            // A card that was reset in between doesn't know 7FFF.
            Err(UsimError::Refused { .. }) if data == names::ADF.to_be_bytes() => {
                self.forget();
                return self.select_root(root, wanted);
            }
            other => other?,
        };
        if let Root::Application(aid) = root {
            self.application = Some(aid.clone());
        }
        if wanted {
            return Fcp::parse(response.data())
                .map(Some)
                .map_err(UsimError::malformed("FCP of the card"));
        }
        Ok(None)
    }

    /// The applications of EF_DIR, in order; records that can't be read are left out. None where the card has no EF_DIR.
    ///
    /// # Errors
    /// [`UsimError`] of the card.
    pub fn applications(&mut self) -> Result<Vec<DirEntry>, UsimError> {
        match self.read(&Path::MF.child(names::EF_DIR)) {
            Ok((_, Content::Records(records))) => Ok(records
                .iter()
                .filter_map(|r| DirEntry::parse(r).ok().flatten())
                .collect()),
            Ok(_) | Err(UsimError::Missing { .. }) => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Selects a file and reads all of it.
    ///
    /// # Errors
    /// [`UsimError::Missing`], [`UsimError::Refused`] where the access rule isn't met, otherwise [`UsimError`].
    pub fn read(&mut self, path: &Path) -> Result<(Fcp, Content), UsimError> {
        let fcp = self.select(path)?;
        let content = match fcp.structure {
            Structure::Directory => {
                return Err(UsimError::Directory {
                    file: path.to_string(),
                });
            }
            Structure::Transparent => {
                let size = fcp.size.map_or(MOST, |s| usize::try_from(s).unwrap_or(MOST));
                Content::Transparent(self.link.read_selected(size)?)
            }
            Structure::LinearFixed {
                record_length,
                records,
            }
            | Structure::Cyclic {
                record_length,
                records,
            } => Content::Records(self.link.records_selected(record_length, records)?),
            Structure::BerTlv => Content::Objects(self.objects()?),
        };
        Ok((fcp, content))
    }

    /// At most `size` octets of the selected transparent file.
    ///
    /// # Errors
    /// [`UsimError`] of the card.
    pub fn read_selected(&mut self, size: usize) -> Result<Vec<u8>, UsimError> {
        self.link.read_selected(size)
    }

    /// One record of the selected file.
    ///
    /// # Errors
    /// [`UsimError`] of the card.
    pub fn read_record(&mut self, number: u8, length: u16) -> Result<Vec<u8>, UsimError> {
        let le = length.to_be_bytes()[1];
        let response = self
            .link
            .command(&Command::new(0x00, 0xb2, number, 0x04).with_le(le))?;
        Ok(response.data().to_vec())
    }

    /// Objects of the selected BER-TLV file: the list of tags (tag 5C), then each (TS 102 221 11.3.1).
    fn objects(&mut self) -> Result<Vec<(u32, Vec<u8>)>, UsimError> {
        let list = self.object(&[0x5c])?;
        let value = tlv::find(&list, 0x5c).map_err(UsimError::malformed("list of tags"))?;
        let mut out = Vec::new();
        let mut left = MOST_OF_OBJECTS;
        for tag in tags(value.map_or(&list[..], |t| t.value))
            .into_iter()
            .take(MOST_OBJECTS)
        {
            let octets = self.object(&tag)?;
            left = left.checked_sub(octets.len()).ok_or_else(endless)?;
            for object in tlv::read_all(&octets).map_err(UsimError::malformed("data object"))? {
                out.push((object.tag, object.value.to_vec()));
            }
        }
        Ok(out)
    }

    /// RETRIEVE DATA of one tag, block by block: 62F1 says that more follows.
    fn object(&mut self, tag: &[u8]) -> Result<Vec<u8>, UsimError> {
        let mut out = Vec::new();
        let mut command = Command::new(0x80, 0xcb, 0x00, 0x80)
            .with_data(tag)
            .map_err(UsimError::malformed("tag"))?
            .with_le(0);
        for _ in 0..MOST_BLOCKS {
            let response = self.link.transmit(&command)?;
            let more = response.sw == 0x62f1;
            if !response.is_success() && !more {
                return Err(refused(&command, Sw(response.sw)));
            }
            out.extend_from_slice(response.data());
            if !more || response.data().is_empty() {
                return Ok(out);
            }
            command = Command::new(0x80, 0xcb, 0x00, 0x00).with_le(0);
        }
        Err(endless())
    }

    /// UPDATE BINARY at an offset of the selected transparent file, in pieces where it is long.
    ///
    /// # Errors
    /// [`UsimError`] of the card; what was written before stays.
    pub fn update_binary(&mut self, offset: u16, octets: &[u8]) -> Result<(), UsimError> {
        let mut at = usize::from(offset);
        for piece in octets.chunks(CHUNK) {
            let place = u16::try_from(at).ok().filter(|at| *at < 0x8000);
            let [high, low] = place
                .ok_or(UsimError::NoRoom {
                    need: at + piece.len(),
                    room: MOST,
                })?
                .to_be_bytes();
            let command = Command::new(0x00, 0xd6, high, low)
                .with_data(piece)
                .map_err(UsimError::malformed("UPDATE BINARY"))?;
            self.link.command(&command)?;
            at += piece.len();
        }
        Ok(())
    }

    /// UPDATE RECORD of the selected file: a record by its number, or with 0 the oldest of a cyclic file, which becomes
    /// number 1.
    ///
    /// # Errors
    /// [`UsimError`] of the card.
    pub fn update_record(&mut self, number: u8, octets: &[u8]) -> Result<(), UsimError> {
        let mode = if number == 0 { 0x03 } else { 0x04 };
        let command = Command::new(0x00, 0xdc, number, mode)
            .with_data(octets)
            .map_err(UsimError::malformed("UPDATE RECORD"))?;
        self.link.command(&command)?;
        Ok(())
    }

    /// SEARCH RECORD of the selected file, simple, forward from record 1: the numbers of those that hold the octets.
    ///
    /// # Errors
    /// [`UsimError`] of the card.
    pub fn search(&mut self, octets: &[u8]) -> Result<Vec<u8>, UsimError> {
        let command = Command::new(0x00, 0xa2, 0x01, 0x04)
            .with_data(octets)
            .map_err(UsimError::malformed("SEARCH RECORD"))?
            .with_le(0);
        let response = self.link.transmit(&command)?;
        match Sw(response.sw) {
            Sw::NO_RECORD => Ok(Vec::new()),
            // Nothing found, as some cards say it.
            Sw(0x6282) => Ok(Vec::new()),
            _ if response.is_success() => Ok(response.data().to_vec()),
            sw => Err(refused(&command, sw)),
        }
    }
}

/// A card that has ever more of an object.
fn endless() -> UsimError {
    UsimError::Endless {
        command: describe::command(&Command::new(0x80, 0xcb, 0x00, 0x00)),
    }
}

fn missing(e: UsimError, path: &Path) -> UsimError {
    match e {
        UsimError::Refused { sw, .. } if sw == Sw::NOT_FOUND => UsimError::Missing {
            file: path.to_string(),
        },
        e => e,
    }
}

/// Tags one behind the other, as BER writes them.
fn tags(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((first, rest)) = octets.split_first() {
        let more = if first & 0x1f == 0x1f {
            1 + rest.iter().take_while(|o| **o & 0x80 != 0).count()
        } else {
            0
        };
        let (tag, rest) = octets.split_at((1 + more).min(octets.len()));
        out.push(tag.to_vec());
        octets = rest;
    }
    out
}
