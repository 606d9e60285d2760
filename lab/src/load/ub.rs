//! One bootstrapping of a device whose card is a [`Sim`] (TS 24.109 4), with everything that a UE checks.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use base::Entropy;
use gba::{
    ids::{Fqdn, Impi},
    ub::client::{Bootstrapped, Config, Input, Mode, Output, UbClient},
};
use net::{clock, entropy::OsEntropy};

use super::{engine::Client, failed::Failed, http::Connection, sim::Sim};

/// The BSF under load.
#[derive(Clone, Debug)]
pub struct Bsf {
    /// Where it listens.
    pub at: SocketAddr,
    /// Its name.
    pub name: Fqdn,
    /// The port in `Host`, where it isn't 80.
    pub port: Option<u16>,
    /// The request target.
    pub target: String,
}

/// A session that a device has.
pub struct Session {
    /// Whose.
    pub impi: Impi,
    /// Its name and its key.
    pub bootstrapped: Bootstrapped,
}

/// Where sessions are kept for what comes after.
pub type Sessions = Arc<Mutex<Vec<Session>>>;

/// Devices that take turns on one connection.
pub struct Devices<E = OsEntropy> {
    bsf: Bsf,
    sims: Vec<Sim>,
    turn: usize,
    connection: Connection,
    new_connection: bool,
    entropy: E,
    keep: Option<Sessions>,
}

impl Devices {
    /// With at least one card; with `new_connection` each bootstrapping opens one of its own.
    #[must_use]
    pub fn new(bsf: Bsf, sims: Vec<Sim>, new_connection: bool) -> Self {
        Self {
            connection: Connection::new(bsf.at),
            bsf,
            sims,
            turn: 0,
            new_connection,
            entropy: OsEntropy,
            keep: None,
        }
    }

    /// Keeps the sessions.
    #[must_use]
    pub fn keeping(mut self, sessions: Sessions) -> Self {
        self.keep = Some(sessions);
        self
    }
}

impl<E: Entropy> Devices<E> {
    /// With other randomness for cnonce: a server with canned answers can prove only one.
    #[must_use]
    pub fn with_entropy<F: Entropy>(self, entropy: F) -> Devices<F> {
        let Self {
            bsf,
            sims,
            turn,
            connection,
            new_connection,
            keep,
            ..
        } = self;
        Devices {
            bsf,
            sims,
            turn,
            connection,
            new_connection,
            entropy,
            keep,
        }
    }

    async fn bootstrap(&mut self) -> Result<(), Failed> {
        let count = self.sims.len().max(1);
        self.turn = (self.turn + 1) % count;
        let Some(sim) = self.sims.get_mut(self.turn) else {
            return Ok(());
        };
        let mut config = Config::new(sim.impi.clone(), self.bsf.name.clone(), Mode::Me);
        config.port = self.bsf.port;
        config.target.clone_from(&self.bsf.target);
        let mut run = UbClient::new(config);
        run.handle_input(clock::now(), &mut self.entropy, Input::Start)?;
        loop {
            match run.poll_output() {
                Output::Send(request) => {
                    let entropy = &mut self.entropy;
                    self.connection
                        .exchange(&request, |response| {
                            run.handle_input(clock::now(), entropy, Input::Http(response))
                        })
                        .await??;
                }
                Output::RunAka(rand, autn) => {
                    let outcome = sim.authenticate(&rand, &autn);
                    run.handle_input(clock::now(), &mut self.entropy, Input::Aka(outcome))?;
                }
                Output::Done(bootstrapped) => {
                    if let Some(keep) = &self.keep {
                        let impi = sim.impi.clone();
                        let mut keep = keep.lock().unwrap_or_else(PoisonError::into_inner);
                        keep.push(Session { impi, bootstrapped });
                    }
                    return Ok(());
                }
                Output::Failed(e) => return Err(e.into()),
                // Each output above ends with an input, so there is nothing to wait for.
                Output::Wait(_) => return Err(gba::ub::client::UbError::Timeout("the BSF").into()),
            }
        }
    }
}

impl<E: Entropy + Send + 'static> Client for Devices<E> {
    async fn run(&mut self) -> Result<(), Failed> {
        let result = self.bootstrap().await;
        if self.new_connection || result.is_err() {
            self.connection.close();
        }
        result
    }

    fn given_up(&mut self) {
        self.connection.close();
    }
}
