//! The software card: a UICC with a USIM, reached only by APDUs.
//!
//! - [`profile`]: what the card is made of; [`SoftCard`]: the card; [`store`]: how its state outlasts a power cut
//! - `files`: the file system as data; `access`: rules as EF_ARR has them; `arr`: the ones of built-in profiles;
//!   `keys`: PINs and codes
//! - `channel`: logical channels; `select`: SELECT and STATUS; `io`: READ and UPDATE BINARY; `record`: records; `data`:
//!   data objects; `pin`: PIN commands; `manage`: TS 102 222
//! - `t0`: 61xx, 6Cxx and GET RESPONSE
//! - `authenticate`: AUTHENTICATE in its contexts; `gba_u`: Ks and NAF keys, which never leave
//! - [`toolkit`]: what the card asks of the terminal
//! - `guard`: what limits the AUTS that a rogue reader can collect
//! - `mf`, `usim`, `isim`, `m2m`: the files of built-in profiles, made with `folder`; [`Batch`]: many cards share them
//! - `ara`: access rules for a terminal's applications; `client`: what the card does with Ks_int_NAF itself
//!
//! [`SoftCard::transmit`] finds the command and its class, and does what T=0 does with lengths. A command gives
//! `Result<Vec<u8>, Sw>`: it either answers or changes nothing, since all that it touched is given back otherwise.
//!
//! # To add an instruction
//!
//! Write `fn(&mut self, c: &Command) -> Answer` in an `impl SoftCard`, give its number in `ins` and its row in
//! `command`. `self.channel` is the channel that the class names. A success ends with 9000, or with what the command
//! puts into `self.ending` (a warning with data). A command without data that may only happen once asks
//! `self.expects(c, length)` first, since a wrong Le makes it come again.
//!
//! # To add files to the built-in profiles
//!
//! A module has `fn files(profile: &Profile) -> Vec<FileSpec>`, and is named in `built_in`, directories before what
//! lies in them; its application is one more record of EF_DIR in `mf`. A rule that `arr` lacks is one more record there.
//!
//! # To change what lasts
//!
//! Files by `self.state.files.edit(id)` (or `transparent_mut`, `records_mut`), a key by `self.state.keys.edit(…)`,
//! anything else in a `Tracked` of `State` by `edit()`. That is all: the change is recorded, kept by the [`Store`]
//! before the answer leaves, and given back if that fails (6581) or the command does. A new kind of state is a
//! `Tracked` field, a [`Change`] variant, and a line each in `State::changes`, `snapshot`, `apply`, `keep` and
//! `roll_back`. What has to be kept in the middle of a command (a counter, before its code is compared) calls
//! `self.commit()?`.

mod access;
pub(crate) mod ara;
mod arr;
mod authenticate;
mod batch;
mod channel;
mod client;
mod data;
mod durable;
mod files;
mod folder;
mod gba_u;
mod guard;
mod io;
mod isim;
pub mod journal;
mod keys;
mod m2m;
mod manage;
mod mf;
mod pin;
pub mod profile;
mod record;
mod select;
mod state;
pub mod store;
mod t0;
#[cfg(test)]
mod tests;
pub mod toolkit;
mod usim;

pub use batch::Batch;
pub use files::{FileError, FileSystem};
pub use isim::ISIM_AID;
pub use m2m::M2MSM_AID;
pub use profile::{GbaRun, GbaU, MacForm, Profile, ResForm};
pub use store::{Change, Store, StoreError};
pub use usim::USIM_AID;

use aka::AlgorithmSet;
use base::{
    Entropy, Secret,
    apdu::{Command, Response},
    tlv,
};

use crate::{Card, CardError, Sw};
use channel::{CHANNELS, Channel, Class};
use data::Setting;
use files::NodeId;
use state::State;
use toolkit::Toolkit;

/// Instructions (TS 102 221 table 10.5).
mod ins {
    pub(super) const DEACTIVATE_FILE: u8 = 0x04;
    pub(super) const TERMINAL_PROFILE: u8 = 0x10;
    pub(super) const FETCH: u8 = 0x12;
    pub(super) const TERMINAL_RESPONSE: u8 = 0x14;
    pub(super) const VERIFY: u8 = 0x20;
    pub(super) const CHANGE_PIN: u8 = 0x24;
    pub(super) const DISABLE_PIN: u8 = 0x26;
    pub(super) const ENABLE_PIN: u8 = 0x28;
    pub(super) const UNBLOCK_PIN: u8 = 0x2c;
    pub(super) const INCREASE: u8 = 0x32;
    pub(super) const ACTIVATE_FILE: u8 = 0x44;
    pub(super) const MANAGE_CHANNEL: u8 = 0x70;
    pub(super) const GET_CHALLENGE: u8 = 0x84;
    pub(super) const AUTHENTICATE: u8 = 0x88;
    pub(super) const AUTHENTICATE_TAGGED: u8 = 0x89;
    pub(super) const SEARCH_RECORD: u8 = 0xa2;
    pub(super) const SELECT: u8 = 0xa4;
    pub(super) const TERMINAL_CAPABILITY: u8 = 0xaa;
    pub(super) const READ_BINARY: u8 = 0xb0;
    pub(super) const READ_RECORD: u8 = 0xb2;
    pub(super) const GET_RESPONSE: u8 = 0xc0;
    pub(super) const GET_DATA: u8 = 0xca;
    pub(super) const ENVELOPE: u8 = 0xc2;
    pub(super) const RETRIEVE_DATA: u8 = 0xcb;
    pub(super) const RESIZE_FILE: u8 = 0xd4;
    pub(super) const UPDATE_BINARY: u8 = 0xd6;
    pub(super) const SET_DATA: u8 = 0xdb;
    pub(super) const UPDATE_RECORD: u8 = 0xdc;
    pub(super) const CREATE_FILE: u8 = 0xe0;
    pub(super) const DELETE_FILE: u8 = 0xe4;
    pub(super) const TERMINATE_DF: u8 = 0xe6;
    pub(super) const TERMINATE_EF: u8 = 0xe8;
    pub(super) const STATUS: u8 = 0xf2;
    pub(super) const TERMINATE_CARD: u8 = 0xfe;
}

/// What a command ends with: data with 9000 (or [`SoftCard::ending`]), or another status word.
type Answer = Result<Vec<u8>, Sw>;

/// An instruction's class and what carries it out.
type Row = (Class, fn(&mut SoftCard, &Command) -> Answer);

/// The command of an instruction.
fn command(ins: u8) -> Option<Row> {
    use Class::{Etsi, Interindustry};
    Some(match ins {
        ins::SELECT => (Interindustry, SoftCard::select),
        ins::STATUS => (Etsi, SoftCard::status),
        ins::READ_BINARY => (Interindustry, SoftCard::read_binary),
        ins::UPDATE_BINARY => (Interindustry, SoftCard::update_binary),
        ins::READ_RECORD => (Interindustry, SoftCard::read_record),
        ins::UPDATE_RECORD => (Interindustry, SoftCard::update_record),
        ins::SEARCH_RECORD => (Interindustry, SoftCard::search_record),
        ins::INCREASE => (Etsi, SoftCard::increase),
        ins::RETRIEVE_DATA => (Etsi, SoftCard::retrieve_data),
        ins::SET_DATA => (Etsi, SoftCard::set_data),
        ins::VERIFY => (Interindustry, SoftCard::verify),
        ins::CHANGE_PIN => (Interindustry, SoftCard::change_pin),
        ins::DISABLE_PIN => (Interindustry, SoftCard::disable_pin),
        ins::ENABLE_PIN => (Interindustry, SoftCard::enable_pin),
        ins::UNBLOCK_PIN => (Interindustry, SoftCard::unblock_pin),
        ins::DEACTIVATE_FILE => (Interindustry, SoftCard::deactivate_file),
        ins::ACTIVATE_FILE => (Interindustry, SoftCard::activate_file),
        ins::AUTHENTICATE => (Interindustry, SoftCard::authenticate),
        ins::AUTHENTICATE_TAGGED => (Interindustry, SoftCard::authenticate_tagged),
        ins::GET_DATA => (Etsi, SoftCard::get_data),
        ins::GET_CHALLENGE => (Interindustry, SoftCard::get_challenge),
        ins::MANAGE_CHANNEL => (Interindustry, SoftCard::manage_channel),
        ins::TERMINAL_CAPABILITY => (Etsi, SoftCard::terminal_capability),
        ins::TERMINAL_PROFILE => (Etsi, SoftCard::terminal_profile),
        ins::FETCH => (Etsi, SoftCard::fetch),
        ins::TERMINAL_RESPONSE => (Etsi, SoftCard::terminal_response),
        ins::ENVELOPE => (Etsi, SoftCard::envelope),
        ins::CREATE_FILE => (Interindustry, SoftCard::create_file),
        ins::DELETE_FILE => (Interindustry, SoftCard::delete_file),
        ins::RESIZE_FILE => (Etsi, SoftCard::resize_file),
        ins::TERMINATE_DF => (Interindustry, SoftCard::terminate_df),
        ins::TERMINATE_EF => (Interindustry, SoftCard::terminate_ef),
        ins::TERMINATE_CARD => (Interindustry, SoftCard::terminate_card),
        _ => return None,
    })
}

/// A UICC in software. Give it to whatever drives a [`Card`].
pub struct SoftCard {
    algorithm: AlgorithmSet,
    /// Of an ISIM with keys of its own.
    isim_algorithm: Option<AlgorithmSet>,
    gsm: bool,
    t0: bool,
    /// Rules of the ARA-M.
    rules: Option<ara::Rules>,
    state: State,
    store: Option<Box<dyn Store + Send>>,
    entropy: Option<Box<dyn Entropy + Send>>,
    /// Logical channels that are open. The one of the command that runs is in `channel`.
    channels: [Option<Channel>; CHANNELS],
    /// Number of the channel of the command that runs.
    number: usize,
    channel: Channel,
    /// The command that runs closed its own channel.
    closed: bool,
    /// SET DATA in blocks, with its channel.
    setting: Option<(usize, Setting)>,
    /// Waits for GET RESPONSE on its channel; wiped with the response, since it may hold CK and IK.
    pending: Vec<(usize, Response)>,
    /// What a success ends with.
    ending: Sw,
    toolkit: Toolkit,
}

impl SoftCard {
    /// A card, as if just put into a reader. Files of [`Profile::files`] that fit nowhere are left out; to hear of
    /// them use [`SoftCard::build`].
    #[must_use]
    pub fn new(mut profile: Profile) -> Self {
        let mut specs = built_in(&profile);
        specs.append(&mut profile.files);
        let files = FileSystem::lenient(&specs);
        Self::with_files(profile, files)
    }

    /// A card with the files of its profile, those of [`Profile::files`] included.
    ///
    /// # Errors
    /// [`FileError`] with the first file that doesn't fit.
    pub fn build(mut profile: Profile) -> Result<Self, FileError> {
        let mut specs = built_in(&profile);
        specs.append(&mut profile.files);
        Ok(Self::with_files(profile, FileSystem::new(&specs)?))
    }

    /// The files that the other fields of a profile make, without [`Profile::files`].
    #[must_use]
    pub fn files_of(profile: &Profile) -> Vec<profile::FileSpec> {
        built_in(profile)
    }

    /// A card with these files and no others; many cards may share them. What one card has of its own (EF_ICCID,
    /// EF_IMSI) comes by [`SoftCard::apply`].
    #[must_use]
    pub fn with_files(mut profile: Profile, files: FileSystem) -> Self {
        let state = State::new(&mut profile, files);
        let mut channels = [None; CHANNELS];
        channels[0] = Some(Channel::default());
        Self {
            algorithm: profile.algorithm,
            isim_algorithm: profile.isim.and_then(|i| i.keys).map(|(algorithm, _)| algorithm),
            gsm: profile.gsm,
            t0: profile.t0,
            rules: profile.access_rules.as_deref().map(ara::Rules::new),
            state,
            store: None,
            entropy: None,
            channels,
            number: 0,
            channel: Channel::default(),
            closed: false,
            setting: None,
            pending: Vec::new(),
            ending: Sw::OK,
            toolkit: Toolkit::new(core::mem::take(&mut profile.toolkit)),
        }
    }

    /// With a store: from now on each command's changes are kept before its answer leaves.
    #[must_use]
    pub fn with_store(mut self, store: Box<dyn Store + Send>) -> Self {
        self.store = Some(store);
        self
    }

    /// With a source of randomness for GET CHALLENGE, which is refused (6A81) without.
    #[must_use]
    pub fn with_entropy(mut self, entropy: Box<dyn Entropy + Send>) -> Self {
        self.entropy = Some(entropy);
        self
    }

    /// Puts recorded changes in, in their order: a card from its profile and what its store kept. Nothing goes to the
    /// store.
    ///
    /// # Errors
    /// [`FileError`] with the first file whose directory isn't there: the changes belong to another profile.
    pub fn apply(&mut self, changes: &[Change]) -> Result<(), FileError> {
        let applied = changes.iter().try_for_each(|change| self.state.apply(change));
        self.state.keep();
        applied
    }

    /// The card's whole state as changes to its profile, one an item: [`SoftCard::apply`] makes the same card of it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Change> {
        self.state.snapshot()
    }

    /// Power off and on: files, keys, sequence numbers and Ks stay; selection, channels and verified PINs don't.
    pub fn reset(&mut self) {
        self.state.keys.reset();
        self.state.keep();
        self.channels = [None; CHANNELS];
        self.channels[0] = Some(Channel::default());
        self.number = 0;
        self.channel = Channel::default();
        self.setting = None;
        self.pending.clear();
        self.toolkit.reset();
    }

    /// Whether the card holds this Ks_int_NAF for this NAF_Id, so that a laboratory can compare both ends.
    ///
    /// No command tells it: a real card has nothing of the kind (ruling 13), and the key itself never comes out.
    #[must_use]
    pub fn holds_ks_int_naf(&self, naf_id: &[u8], key: &Secret<32>) -> bool {
        let both = [&self.state.gba, &self.state.isim_gba];
        both.into_iter().flatten().any(|g| g.get().holds(naf_id, key))
    }

    /// One APDU as octets, for a reader's driver or a fuzzer; a malformed one gets 6700.
    #[must_use]
    pub fn exchange(&mut self, octets: &[u8]) -> Vec<u8> {
        match Command::parse(octets) {
            Ok(command) => self.answer(&command).octets(),
            Err(_) => {
                self.pending.clear();
                Response::status(Sw::WRONG_LENGTH.0).octets()
            }
        }
    }

    fn answer(&mut self, c: &Command) -> Response {
        let row = command(c.ins);
        let class = row.map_or(Class::Any, |(class, _)| class);
        let number = match channel::channel_of(c.cla, class) {
            Ok(number) => number,
            Err(sw) => return Response::status(sw.0),
        };
        let Some(before) = self.channels.get(number).copied().flatten() else {
            return Response::status(Sw::CHANNEL.0);
        };
        if c.ins == ins::GET_RESPONSE {
            return self.get_response(number, c);
        }
        self.pending.retain(|(n, _)| *n != number);
        let Some((_, run)) = row else {
            return Response::status(Sw::INSTRUCTION.0);
        };
        self.number = number;
        self.channel = before;
        self.closed = false;
        self.ending = Sw::OK;
        if *self.state.terminated.get() && !matches!(c.ins, ins::SELECT | ins::STATUS) {
            return Response::status(Sw::CONDITIONS.0);
        }
        let answer = run(self, c).and_then(|data| self.commit().map(|()| data));
        match answer {
            Ok(data) => {
                // The toolkit speaks on the basic channel only.
                if number == 0 && self.ending == Sw::OK {
                    self.ending = self.toolkit.ending();
                }
                if before.application != self.channel.application {
                    self.leave(before.application);
                    // A power cut ends what was verified anyway.
                    self.state.keep();
                }
                let response = self.deliver(c, data);
                // With 6Cxx the command comes again: what it selects or moves must happen once.
                if !self.closed && Sw(response.sw).sw1() != 0x6c {
                    self.channels[number] = Some(self.channel);
                }
                response
            }
            Err(sw) => {
                self.state.roll_back();
                Response::status(sw.0)
            }
        }
    }

    /// Keeps what the command has changed so far.
    ///
    /// # Errors
    /// 6581 if the store can't: the command must end with it, and its changes are given back.
    fn commit(&mut self) -> Result<(), Sw> {
        if let Some(store) = &mut self.store {
            let changes = self.state.changes();
            if !changes.is_empty() && store.commit(&changes).is_err() {
                return Err(Sw::MEMORY_PROBLEM);
            }
        }
        self.state.keep();
        Ok(())
    }

    /// GET CHALLENGE (TS 102 221 11.1.18): as many random octets as Le says.
    fn get_challenge(&mut self, c: &Command) -> Answer {
        if (c.p1, c.p2) != (0, 0) {
            return Err(Sw::P1_P2);
        }
        let Some(le) = c.le.filter(|_| c.data().is_empty()) else {
            return Err(Sw::WRONG_LENGTH);
        };
        let entropy = self.entropy.as_mut().ok_or(Sw::FUNCTION)?;
        let mut challenge = vec![0; if le == 0 { 256 } else { usize::from(le) }];
        entropy.fill(&mut challenge).map_err(|_| Sw::CONDITIONS)?;
        Ok(challenge)
    }

    /// TERMINAL CAPABILITY (TS 102 221 11.1.19): what the terminal can do changes nothing here.
    fn terminal_capability(&mut self, c: &Command) -> Answer {
        if (c.p1, c.p2) != (0, 0) {
            return Err(Sw::P1_P2);
        }
        if c.data().is_empty() || c.le.is_some() {
            return Err(Sw::WRONG_LENGTH);
        }
        match tlv::read_all(c.data()).as_deref() {
            Ok([template]) if template.tag == 0xa9 && tlv::read_all(template.value).is_ok() => Ok(Vec::new()),
            _ => Err(Sw::DATA),
        }
    }

    /// The application whose session is open and in which the current directory lies.
    fn current_application(&self) -> Option<NodeId> {
        let application = self.channel.application?;
        self.state
            .files
            .is_within(self.channel.dir, application)
            .then_some(application)
    }
}

/// The files of built-in profiles: modules in an order in which directories come first.
fn built_in(profile: &Profile) -> Vec<profile::FileSpec> {
    [
        mf::files(profile),
        usim::telecom(),
        usim::files(profile),
        isim::files(profile),
        m2m::module(profile),
        ara::files(profile),
        client::files(profile),
    ]
    .concat()
}

impl Card for SoftCard {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        Ok(self.answer(command))
    }
}

/// A length of at most 256 as SW2 and Le write it.
fn low_octet(length: usize) -> u8 {
    length.to_le_bytes()[0]
}
