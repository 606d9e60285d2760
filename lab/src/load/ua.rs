//! One request to a NAF by a device that has bootstrapped (TS 24.109 5): challenge, answer with digest, proven answer.

use std::net::SocketAddr;

use gba::{
    keys::KeyKind,
    ua::{
        Url,
        client::{Channel, Input, Output, Session as Digest, UaClient, UaError, UaRequest},
    },
    ub::client::Mode,
};
use net::{clock, entropy::OsEntropy};

use super::{
    engine::Client,
    failed::{Failed, Kind},
    http::Connection,
    ub::Session,
};

/// A page of the NAF under load.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where the NAF listens.
    pub at: SocketAddr,
    /// What is fetched; its host is the NAF's name.
    pub url: Url,
}

/// How the requests are made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Habits {
    /// Each run opens a connection of its own.
    pub new_connection: bool,
    /// A NAF's nonce is used on, so that a run is one request; else each run begins with a challenge.
    pub keep_nonce: bool,
}

/// Devices that take turns on one connection, each with its B-TID.
pub struct Visitors {
    page: Page,
    habits: Habits,
    devices: Vec<(Session, Option<Digest>)>,
    turn: usize,
    connection: Connection,
}

impl Visitors {
    /// With at least one device.
    #[must_use]
    pub fn new(page: Page, sessions: Vec<Session>, habits: Habits) -> Self {
        Self {
            connection: Connection::new(page.at),
            page,
            habits,
            devices: sessions.into_iter().map(|session| (session, None)).collect(),
            turn: 0,
        }
    }

    async fn visit(&mut self) -> Result<(), Failed> {
        self.turn = (self.turn + 1) % self.devices.len().max(1);
        let Some((session, kept)) = self.devices.get_mut(self.turn) else {
            return Err(Failed::new(Kind::Own, "no device"));
        };
        let mut run = UaClient::new(UaRequest::get(self.page.url.clone()), Mode::Me, kept.take());
        run.handle_input(clock::now(), &mut OsEntropy, Input::Start)?;
        loop {
            match run.poll_output() {
                Output::Send(request) => {
                    self.connection
                        .exchange(&request, |response| {
                            run.handle_input(
                                clock::now(),
                                &mut OsEntropy,
                                Input::Http(response, Channel::Plain),
                            )
                        })
                        .await??;
                }
                Output::NeedKey { fresh: true, .. } => return Err(UaError::Refused.into()),
                Output::NeedKey { naf_id, fresh: false } => {
                    let of = &session.bootstrapped;
                    let Some(ks) = &of.ks else {
                        return Err(Failed::new(Kind::Own, "no Ks"));
                    };
                    let ks_naf = ks.naf_key(KeyKind::Me, &of.rand, &session.impi, &naf_id);
                    let input = Input::Key {
                        btid: &of.btid,
                        ks_naf: &ks_naf,
                    };
                    run.handle_input(clock::now(), &mut OsEntropy, input)?;
                }
                Output::Done(fetched) => {
                    if self.habits.keep_nonce {
                        *kept = fetched.session;
                    }
                    return match (fetched.status, fetched.proven) {
                        (200..=299, true) => Ok(()),
                        (200..=299, false) => Err(Failed::new(
                            Kind::Unproven,
                            "the NAF asked for no key: its page isn't protected",
                        )),
                        (status, _) => Err(Failed::new(Kind::Status(status), "the NAF refuses")),
                    };
                }
                Output::Failed(e) => return Err(e.into()),
                // Each output above ends with an input, so there is nothing to wait for.
                Output::Wait(_) => return Err(UaError::Timeout("the NAF").into()),
            }
        }
    }
}

impl Client for Visitors {
    async fn run(&mut self) -> Result<(), Failed> {
        let result = self.visit().await;
        if self.habits.new_connection || result.is_err() {
            self.connection.close();
        }
        result
    }

    fn given_up(&mut self) {
        self.connection.close();
    }
}
