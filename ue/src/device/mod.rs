//! [`Device`]: a card, who it says it is, and the bootstrapping session.
//!
//! * this file: opening, bootstrapping, NAF keys;
//! * `session`: Ks and when it ends (ruling 10);
//! * `card`: the card's thread, and what the tap sees of it;
//! * `error`: [`DeviceError`].
//!
//! The run itself is [`gba::ub::client::UbClient`]; here are its socket, its card and its clock.

mod card;
mod error;
mod session;
#[cfg(test)]
mod tests;

use base::{Clause, Now, Utc};
use gba::{
    ids::{Btid, Fqdn, Impi, Imsi, NafId},
    keys::{KeyKind, KsNaf},
    ub::client::{self as ub, CARD_TIMEOUT, Config, Input, Mode, Output, State, UbClient, UbError, describe},
};
use net::{
    entropy::OsEntropy,
    http::{Client as HttpClient, ClientLimits},
    tap::{Message, SharedTap},
};
use uicc::{
    Card, Pin,
    ef::Iccid,
    terminal::{Mnc, Options, UsimError},
};

use self::{card::CardThread, session::Session};
pub use self::{error::DeviceError, session::Bootstrapped};
use crate::wire;

const BOOTSTRAPPING: Clause = Clause::new("TS 24.109", "4.2");

/// Names on the ladder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Labels {
    /// The device.
    pub ue: String,
    /// Its card.
    pub card: String,
    /// The BSF it asks.
    pub bsf: String,
    /// The NAFs it asks over HTTP.
    pub naf: String,
}

impl Default for Labels {
    /// `UE`, `UICC`, `BSF`, `NAF`.
    fn default() -> Self {
        Self {
            ue: "UE".to_owned(),
            card: "UICC".to_owned(),
            bsf: "BSF".to_owned(),
            naf: "NAF".to_owned(),
        }
    }
}

/// How to open a device.
pub struct DeviceOptions {
    /// PIN 1, for a card that has it switched on.
    pub pin: Option<Pin>,
    /// Length of the MNC; stands above the card's EF_AD (ruling 4).
    pub mnc_length: Option<gba::ids::MncLength>,
    /// Another IMPI than the one made of the IMSI.
    pub impi: Option<Impi>,
    /// Laboratory: GBA_ME although the card has GBA_U (ruling 11).
    pub force_me: bool,
    /// Sees the messages on Ub and Ua, and the card's authentications.
    pub tap: SharedTap,
    /// Names for the tap.
    pub labels: Labels,
    /// Timers and caps of HTTP.
    pub http: ClientLimits,
    /// What time it is; another clock for tests.
    pub clock: fn() -> Now,
}

impl Default for DeviceOptions {
    /// No PIN, no tap, the system's clock, and the card's own word for everything else.
    fn default() -> Self {
        Self {
            pin: None,
            mnc_length: None,
            impi: None,
            force_me: false,
            tap: net::tap::none(),
            labels: Labels::default(),
            http: ClientLimits::default(),
            clock: net::clock::now,
        }
    }
}

/// Who the card says it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Serial number of the card.
    pub iccid: Iccid,
    /// IMSI.
    pub imsi: Imsi,
    /// Length of the MNC, and who said so (ruling 4).
    pub mnc: Mnc,
    /// Private identity.
    pub impi: Impi,
    /// The name of its home BSF (TS 23.003 16.2).
    pub bsf: Fqdn,
    /// GBA_U or GBA_ME, by the card's service table (ruling 11).
    pub mode: Mode,
}

/// Where a BSF is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BsfAddress {
    /// `host:port` of its socket.
    pub addr: String,
    /// Its name, which goes into `Host`, and which the first realm repeats.
    pub name: Fqdn,
    /// The port that `Host` tells, where it isn't 80.
    pub port: Option<u16>,
}

impl BsfAddress {
    /// A BSF of that name behind that socket.
    #[must_use]
    pub fn new(addr: impl ToString, name: Fqdn) -> Self {
        Self {
            addr: addr.to_string(),
            name,
            port: None,
        }
    }
}

/// A device: its card on a thread of its own, and at most one bootstrapping session.
///
/// In mode `me` Ks is here, in memory only; in mode `u` it is in the card. NAF keys are kept nowhere: they are
/// derived each time they are asked for, many from one Ks, without another run of AKA.
pub struct Device {
    card: CardThread,
    identity: Identity,
    session: Option<Session>,
    vectors_used: u32,
    tap: SharedTap,
    labels: Labels,
    http: ClientLimits,
    clock: fn() -> Now,
    /// The latest UTC that was seen, and when.
    latest: Now,
}

impl Device {
    /// Opens the card's USIM and reads who it is.
    ///
    /// # Errors
    /// [`DeviceError::Card`] if there is no USIM to be used, [`DeviceError::CardThread`].
    pub async fn open(card: Box<dyn Card>, options: DeviceOptions) -> Result<Self, DeviceError> {
        let DeviceOptions {
            pin,
            mnc_length,
            impi,
            force_me,
            tap,
            labels,
            http,
            clock,
        } = options;
        let observer = Some(card::observer(tap.clone(), labels.clone()));
        let options = Options {
            pin,
            mnc_length,
            force_me,
            observer,
            ..Options::default()
        };
        let (card, identity) = CardThread::open(card, options, move |usim| Identity {
            iccid: usim.iccid().clone(),
            imsi: usim.imsi().clone(),
            mnc: usim.mnc(),
            impi: impi.unwrap_or_else(|| usim.impi()),
            bsf: usim.bsf(),
            mode: usim.mode(),
        })
        .await?;
        Ok(Self {
            card,
            identity,
            session: None,
            vectors_used: 0,
            tap,
            labels,
            http,
            clock,
            latest: clock(),
        })
    }

    /// What time it is at least, though the clock was set back since the device was opened (ruling 37).
    fn utc(&mut self, now: Now) -> Utc {
        let passed = now.mono.since(self.latest.mono);
        let utc = now.utc.max((self.latest + passed).utc);
        // Only with a whole second more, or the parts of seconds would be lost.
        if utc > self.latest.utc {
            self.latest = Now { utc, ..now };
        }
        utc
    }

    /// Who the card says it is.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How many authentication vectors this device has made the network spend.
    #[must_use]
    pub const fn vectors_used(&self) -> u32 {
        self.vectors_used
    }

    /// The bootstrapping session, if there is one that has not ended. One that has is deleted here (ruling 10).
    pub fn bootstrapped(&mut self) -> Option<&Bootstrapped> {
        let now = (self.clock)();
        self.utc(now);
        self.session = self.session.take().filter(|s| s.is_live(now));
        self.session.as_ref().map(Session::public)
    }

    /// Deletes the session: Ks in mode `me`, what is known of the card's in mode `u`.
    pub fn forget(&mut self) {
        self.session = None;
    }

    /// Runs the bootstrapping procedure (TS 33.220 4.5.2) with a BSF. The new session replaces the old one only after
    /// the BSF has proved itself (ruling 8); in mode `u` the card drops its old Ks with the run itself.
    ///
    /// # Errors
    /// [`DeviceError`]; an old session of mode `me` then still stands.
    pub async fn bootstrap(&mut self, bsf: &BsfAddress) -> Result<Bootstrapped, DeviceError> {
        let mut config = Config::new(self.identity.impi.clone(), bsf.name.clone(), self.identity.mode);
        config.port = bsf.port;
        let mut run = UbClient::new(config);
        let http = HttpClient::new(&bsf.addr)
            .with_limits(self.http)
            .with_tap(self.tap.clone());
        run.handle_input((self.clock)(), &mut OsEntropy, Input::Start)?;
        loop {
            match run.poll_output() {
                Output::Send(request) => {
                    self.tell(describe(&request));
                    let request = wire::request(request).map_err(DeviceError::Misuse)?;
                    match http.send(request).await {
                        Ok(response) => {
                            let headers = wire::headers(&response);
                            let response = Input::Http(wire::response(&response, &headers));
                            run.handle_input((self.clock)(), &mut OsEntropy, response)?;
                        }
                        // The run has ended anyway, and its own reason says more.
                        Err(_) if run.state() == State::AwaitReport => {
                            run.handle_input((self.clock)(), &mut OsEntropy, Input::Timeout)?;
                        }
                        Err(e) => return Err(DeviceError::Unreachable(e)),
                    }
                }
                Output::RunAka(rand, autn) => {
                    self.vectors_used = self.vectors_used.saturating_add(1);
                    let outcome = self
                        .card
                        .run(CARD_TIMEOUT, move |usim| usim.run(&rand, &autn))
                        .await?;
                    // From here on the card has another Ks than the one of the old session.
                    let replaced = !matches!(
                        outcome,
                        Some(
                            ub::AkaOutcome::SyncFailure(_)
                                | ub::AkaOutcome::MacFailure
                                | ub::AkaOutcome::Refused(_)
                        )
                    );
                    if replaced && self.identity.mode == Mode::U {
                        self.session = None;
                    }
                    let input = outcome.map_or(Input::Timeout, Input::Aka);
                    run.handle_input((self.clock)(), &mut OsEntropy, input)?;
                }
                Output::Done(result) => return self.keep(result).await,
                Output::Failed(e) => return Err(e.into()),
                // Each send and each run above ends with an input, so there is nothing to wait for.
                Output::Wait(_) => return Err(UbError::Timeout("the BSF").into()),
            }
        }
    }

    /// Ks_NAF of a NAF (mode `me`) or Ks_ext_NAF (mode `u`) under the present session.
    ///
    /// # Errors
    /// [`DeviceError::NotBootstrapped`] without a live session; [`DeviceError::CardChanged`] if the card isn't there
    /// any more: the session is then deleted.
    pub async fn naf_key(&mut self, naf_id: &NafId) -> Result<KsNaf, DeviceError> {
        if self.bootstrapped().is_none() {
            return Err(DeviceError::NotBootstrapped);
        }
        let impi = self.identity.impi.clone();
        let wanted = naf_id.clone();
        let from_card = match self.identity.mode {
            Mode::U => {
                self.card
                    .run(CARD_TIMEOUT, move |usim| {
                        usim.gba_naf_key(&wanted, &impi).map(Some)
                    })
                    .await?
            }
            // Without its card a device has no key of that card (ruling 10).
            Mode::Me => {
                self.card
                    .run(CARD_TIMEOUT, |usim| usim.check().map(|()| None))
                    .await?
            }
        };
        let from_card = from_card
            .ok_or(DeviceError::CardSilent)?
            .map_err(|e| self.lost(e))?;
        let session = self.session.as_ref().ok_or(DeviceError::NotBootstrapped)?;
        match from_card {
            Some(key) => Ok(KsNaf::from_parts(key, naf_id.clone(), KeyKind::Ext)),
            None => session
                .naf_key(&self.identity.impi, naf_id)
                .ok_or(DeviceError::NotBootstrapped),
        }
    }

    /// Takes up the run that a card with GBA_U has from before, if it may be used (ruling 14); true if it is.
    ///
    /// # Errors
    /// [`DeviceError::Card`], [`DeviceError::CardSilent`], [`DeviceError::CardThread`].
    pub async fn resume(&mut self) -> Result<bool, DeviceError> {
        if self.identity.mode == Mode::Me {
            return Ok(false);
        }
        let now = (self.clock)();
        let utc = self.utc(now);
        let stored = self
            .card
            .run(CARD_TIMEOUT, move |usim| usim.stored_run(utc))
            .await?;
        let stored = stored.ok_or(DeviceError::CardSilent)?.map_err(|e| self.lost(e))?;
        self.session = stored
            .ok()
            .map(|(rand, btid, lifetime)| Session::stored(Now { utc, ..now }, rand, btid, lifetime));
        Ok(self.session.is_some())
    }

    async fn keep(&mut self, result: ub::Bootstrapped) -> Result<Bootstrapped, DeviceError> {
        if self.identity.mode == Mode::U {
            let (rand, btid, lifetime) = (result.rand, result.btid.clone(), result.lifetime);
            let written = self
                .card
                .run(CARD_TIMEOUT, move |usim| usim.write_gbabp(&rand, &btid, lifetime))
                .await?;
            written
                .ok_or(DeviceError::CardSilent)?
                .map_err(|e| self.lost(e))?;
        }
        let session = Session::new(result, self.identity.mode);
        let expires = session.public().expires.utc;
        tracing::info!(btid = %session.public().btid, %expires, vectors = self.vectors_used, "bootstrapped");
        let public = session.public().clone();
        self.session = Some(session);
        Ok(public)
    }

    /// A card that doesn't answer any more takes its keys with it.
    fn lost(&mut self, e: UsimError) -> DeviceError {
        match e {
            UsimError::Card(_) => {
                self.session = None;
                DeviceError::CardChanged
            }
            UsimError::NoKs => {
                self.session = None;
                DeviceError::Card(e)
            }
            e => DeviceError::Card(e),
        }
    }

    fn tell(&self, text: String) {
        self.tap.message(Message {
            interface: "Ub",
            from: &self.labels.ue,
            to: &self.labels.bsf,
            summary: wire::summary(text),
            clause: Some(BOOTSTRAPPING),
        });
    }

    pub(crate) const fn parts(&self) -> (&SharedTap, &Labels, ClientLimits, fn() -> Now) {
        (&self.tap, &self.labels, self.http, self.clock)
    }

    /// The name of the session, if there is one, live or not.
    #[must_use]
    pub fn btid(&self) -> Option<&Btid> {
        self.session.as_ref().map(|s| &s.public().btid)
    }
}
