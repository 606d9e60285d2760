//! Ub at the UE (TS 24.109 4, TS 33.220 4.5.2): a state machine without sockets, clock or card.
//!
//! ```text
//!  Idle ──Start──▶ AwaitChallenge ──401──▶ AwaitAka ──RES──▶ AwaitFinal ──200──▶ Done
//!                    ▲      ▲                │   │               │
//!                    │      └──AUTS (once)───┘   │               │
//!                    │                           └─MAC wrong─▶ AwaitReport ─▶ Failed
//!                    └────────────401 (at most twice)────────────┘
//! ```
//!
//! * this file: configuration, inputs, outputs, the machine;
//! * `exchange`: one challenge: reading it, answering it, checking the proof of success;
//! * `error`: [`UbError`], [`AkaOutcome`].

mod error;
mod exchange;
#[cfg(test)]
mod tests;

use core::time::Duration;

use aka::{Autn, Rand};
use base::{Entropy, Mono, Now, Utc};

pub use self::error::{AkaOutcome, UbError, Unproven};
use self::{
    error::UB,
    exchange::{Exchange, read_challenge},
};
use crate::{
    digest::Credentials,
    http::{HttpRequest, HttpResponse},
    ids::{Btid, Fqdn, Impi},
    keys::Ks,
};

/// How long an answer of the BSF is awaited: it may have to ask its HSS.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the card may take: real cards need up to some seconds.
pub const CARD_TIMEOUT: Duration = Duration::from_secs(30);
/// Most new challenges that are answered after a refused response.
pub const MAX_RETRIES: u8 = 2;
/// Longest lifetime that is believed; a longer one is cut (ruling 37).
pub const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 3600);

/// Where the bootstrapping key will live (ruling 11: the card's service table decides).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// GBA_ME: the terminal has Ks.
    Me,
    /// GBA_U: the card has Ks and never gives it away.
    U,
}

impl Mode {
    /// The product token in `User-Agent` (TS 24.109 4, 5).
    #[must_use]
    pub const fn product(self) -> &'static str {
        match self {
            Self::Me => "3gpp-gba",
            Self::U => "3gpp-gba-uicc",
        }
    }

    /// The whole `User-Agent` of our UE.
    #[must_use]
    pub fn user_agent(self) -> String {
        concat!("gba-ue/", env!("CARGO_PKG_VERSION"), " ").to_owned() + self.product()
    }
}

/// Who bootstraps, and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// The private identity: digest user name, and input of every key derivation.
    pub impi: Impi,
    /// The BSF's host name (TS 23.003 16.2).
    pub bsf: Fqdn,
    /// The BSF's port, where it isn't 80.
    pub port: Option<u16>,
    /// The request target, normally `/`.
    pub target: String,
    /// GBA_ME or GBA_U.
    pub mode: Mode,
}

impl Config {
    /// `GET /` at the BSF's port 80.
    #[must_use]
    pub fn new(impi: Impi, bsf: Fqdn, mode: Mode) -> Self {
        Self {
            impi,
            bsf,
            port: None,
            target: "/".to_owned(),
            mode,
        }
    }
}

/// What happens to the machine.
pub enum Input<'a> {
    /// Begin.
    Start,
    /// The BSF answered.
    Http(HttpResponse<'a>),
    /// The card answered.
    Aka(AkaOutcome),
    /// The time that [`Output::Wait`] named has come; also: the connection is lost.
    Timeout,
}

impl Input<'_> {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Start => "a start",
            Self::Http(_) => "an HTTP response",
            Self::Aka(_) => "an answer of the card",
            Self::Timeout => "a timeout",
        }
    }
}

/// What the machine wants done.
pub enum Output {
    /// Send this to the BSF and bring back its answer.
    Send(HttpRequest),
    /// Have the card authenticate: P2 = 81 in mode `me`, P2 = 84 in mode `u`, and nothing else (ruling 11).
    RunAka(Rand, Autn),
    /// There is a new Ks, proven to be shared with the BSF. It replaces the old one.
    Done(Bootstrapped),
    /// There is none. The old Ks, if any, stands.
    Failed(UbError),
    /// Nothing to do until an input, or until that time; `None` if the machine has ended or hasn't begun.
    Wait(Option<Mono>),
}

/// A successful run.
pub struct Bootstrapped {
    /// The name of Ks.
    pub btid: Btid,
    /// When Ks ends, on the BSF's clock, as it said.
    pub lifetime: Utc,
    /// When Ks ends on our clocks: corrected by the BSF's `currenttime`, cut at [`MAX_LIFETIME`].
    pub expires: Now,
    /// RAND of the run, which enters every key.
    pub rand: Rand,
    /// Ks in mode `me`; `None` in mode `u`.
    pub ks: Option<Ks>,
}

/// Where the machine stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum State {
    /// Not begun.
    Idle,
    /// A request is on its way that a 401 with a challenge will answer.
    AwaitChallenge,
    /// The card is at work.
    AwaitAka,
    /// The response is on its way that a 200 will answer.
    AwaitFinal,
    /// The report of a wrong MAC is on its way (ruling 7); whatever comes ends the run.
    AwaitReport,
    /// Ended well.
    Done,
    /// Ended without a Ks.
    Failed,
}

/// The UE's side of one bootstrapping run.
///
/// After each [`handle_input`](Self::handle_input) call [`poll_output`](Self::poll_output) until it gives
/// [`Output::Wait`]; only then put in the next input. `Done` or `Failed` come once; afterwards only `Wait(None)`.
pub struct UbClient {
    config: Config,
    state: State,
    /// The challenge being answered.
    exchange: Option<Exchange>,
    /// Ks of a run in mode `me` that the BSF hasn't confirmed yet.
    unproven: Option<Ks>,
    resynchronised: bool,
    responses: u8,
    deadline: Option<Mono>,
    output: Option<Output>,
}

impl UbClient {
    /// A machine that hasn't begun.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Idle,
            exchange: None,
            unproven: None,
            resynchronised: false,
            responses: 0,
            deadline: None,
            output: None,
        }
    }

    /// Where the machine stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Takes in what happened. A protocol failure isn't an error here but [`Output::Failed`].
    ///
    /// # Errors
    /// [`UbError::Unexpected`] if the input doesn't fit the state: the machine is then unchanged.
    pub fn handle_input(
        &mut self,
        now: Now,
        entropy: &mut dyn Entropy,
        input: Input<'_>,
    ) -> Result<(), UbError> {
        let kind = input.kind();
        let next = match (self.state, input) {
            (State::Idle, Input::Start) => Ok(self.first_request()),
            (State::AwaitChallenge, Input::Http(r)) => self.on_challenge(&r),
            (State::AwaitAka, Input::Aka(outcome)) => self.on_aka(outcome, entropy),
            (State::AwaitFinal, Input::Http(r)) => self.on_final(now, &r),
            (State::AwaitReport, Input::Http(_) | Input::Timeout) => Err(UbError::MacFailure),
            (State::AwaitChallenge | State::AwaitFinal, Input::Timeout) => Err(UbError::Timeout("the BSF")),
            (State::AwaitAka, Input::Timeout) => Err(UbError::Timeout("the card")),
            (state, _) => return Err(UbError::Unexpected { state, got: kind }),
        };
        let (state, output) = next.unwrap_or_else(|error| (State::Failed, Output::Failed(error)));
        self.deadline = match state {
            State::AwaitChallenge | State::AwaitFinal | State::AwaitReport => Some(now.mono + HTTP_TIMEOUT),
            State::AwaitAka => Some(now.mono + CARD_TIMEOUT),
            State::Idle | State::Done | State::Failed => {
                self.exchange = None;
                self.unproven = None;
                None
            }
        };
        self.state = state;
        self.output = Some(output);
        Ok(())
    }

    /// What to do next.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.output.take().unwrap_or(Output::Wait(self.deadline))
    }

    fn first_request(&self) -> (State, Output) {
        let authorization = exchange::first_authorization(&self.config);
        (State::AwaitChallenge, Output::Send(self.request(authorization)))
    }

    fn on_challenge(&mut self, response: &HttpResponse<'_>) -> Result<(State, Output), UbError> {
        match response.status {
            401 => self.take_challenge(response),
            403 if self.resynchronised => Err(UbError::AutsRefused),
            403 => Err(UbError::Forbidden {
                impi: self.config.impi.to_string(),
            }),
            200 => Err(UbError::PeerBroke {
                clause: UB,
                rule: "200 came before any authentication",
            }),
            status => Err(refusal(status, response, "401 with a challenge")),
        }
    }

    fn take_challenge(&mut self, response: &HttpResponse<'_>) -> Result<(State, Output), UbError> {
        let exchange = read_challenge(&self.config, response)?;
        if self
            .exchange
            .as_ref()
            .is_some_and(|old| old.rand() == exchange.rand())
        {
            return Err(UbError::PeerBroke {
                clause: UB,
                rule: "a RAND came again that has been answered",
            });
        }
        let output = Output::RunAka(*exchange.rand(), *exchange.autn());
        self.exchange = Some(exchange);
        Ok((State::AwaitAka, output))
    }

    fn on_aka(&mut self, outcome: AkaOutcome, entropy: &mut dyn Entropy) -> Result<(State, Output), UbError> {
        let Some(exchange) = self.exchange.as_mut() else {
            return Err(UbError::Unexpected {
                state: self.state,
                got: "an answer of the card",
            });
        };
        let (state, authorization) = match outcome {
            AkaOutcome::Success { res, ks } => {
                if ks.is_some() != (self.config.mode == Mode::Me) {
                    return Err(UbError::Card("its answer does not fit the mode".to_owned()));
                }
                self.unproven = ks;
                self.responses += 1;
                (State::AwaitFinal, exchange.respond(res.expose(), entropy)?)
            }
            AkaOutcome::SyncFailure(_) if self.resynchronised => return Err(UbError::SqnRefused),
            AkaOutcome::SyncFailure(auts) => {
                self.resynchronised = true;
                (State::AwaitChallenge, exchange.resynchronise(&auts, entropy)?)
            }
            AkaOutcome::MacFailure => (State::AwaitReport, exchange.report_wrong_mac()),
            AkaOutcome::Refused(reason) => return Err(UbError::Card(reason)),
        };
        Ok((state, Output::Send(self.request(authorization))))
    }

    fn on_final(&mut self, now: Now, response: &HttpResponse<'_>) -> Result<(State, Output), UbError> {
        match response.status {
            200 => {
                let Some(exchange) = &self.exchange else {
                    return Err(UbError::Unexpected {
                        state: self.state,
                        got: "an HTTP response",
                    });
                };
                let (btid, lifetime, expires) = exchange.prove(now, response)?;
                let rand = *exchange.rand();
                let ks = self.unproven.take();
                Ok((
                    State::Done,
                    Output::Done(Bootstrapped {
                        btid,
                        lifetime,
                        expires,
                        rand,
                        ks,
                    }),
                ))
            }
            401 if self.responses <= MAX_RETRIES => {
                self.unproven = None;
                self.take_challenge(response)
            }
            401 if read_challenge(&self.config, response).is_ok_and(|next| next.follows_stale()) => {
                Err(UbError::AlreadyAnswered {
                    tries: self.responses,
                })
            }
            401 | 403 => Err(UbError::WrongResponse {
                tries: self.responses,
            }),
            status => Err(refusal(status, response, "200 with a B-TID")),
        }
    }

    fn request(&self, authorization: String) -> HttpRequest {
        HttpRequest {
            method: "GET".to_owned(),
            host: self.config.bsf.clone(),
            port: self.config.port,
            target: self.config.target.clone(),
            headers: vec![
                ("User-Agent".to_owned(), self.config.mode.user_agent()),
                (
                    "Accept".to_owned(),
                    "application/vnd.3gpp.bsf+xml, */*;q=0.1".to_owned(),
                ),
                ("Authorization".to_owned(), authorization),
            ],
            body: Vec::new(),
        }
    }
}

/// What a request of a run is, in a few words without secrets, for a ladder.
#[must_use]
pub fn describe(request: &HttpRequest) -> String {
    let start = format!("{} {}", request.method, request.target);
    let Some(c) = request
        .header("authorization")
        .and_then(|text| text.parse::<Credentials>().ok())
    else {
        return start;
    };
    match (c.nonce.is_empty(), c.auts.is_some(), c.response.is_empty()) {
        (true, _, _) => format!("{start} as {}", c.username),
        (false, true, _) => format!("{start} with AUTS: SQN out of range"),
        (false, false, true) => format!("{start} without response: AUTN's MAC is wrong"),
        (false, false, false) => {
            let qop = c.qop.map_or("no qop", |q| q.as_str());
            format!(
                "{start} with response (RES), {qop}, nc {}",
                c.nc.unwrap_or_default()
            )
        }
    }
}

fn refusal(status: u16, response: &HttpResponse<'_>, expected: &'static str) -> UbError {
    match status {
        429 | 503 => UbError::Busy {
            status,
            retry_after: response.retry_after(),
        },
        _ => UbError::Status { status, expected },
    }
}
