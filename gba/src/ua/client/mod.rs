//! Ua at the UE (TS 24.109 5): one request, from the first try to the proven answer, without sockets.
//!
//! ```text
//!  Start ─▶ Send ──401 GBA──▶ NeedKey(fresh = false) ─▶ Send with digest ──2xx, rspauth right──▶ Done
//!            ▲                                              │  │  │
//!            ├──────3xx: checked afresh, at most 5──────────┘  │  └─401 stale: same key, new nonce
//!            └──────────────────────────── NeedKey(fresh) ◀────┘ 401 again: at most once a request
//! ```
//!
//! * this file: inputs, outputs, the machine;
//! * `choose`: which challenge is answered (ruling 16): [`choose`], [`Chosen`], [`Channel`];
//! * `session`: a nonce in use, with its counter, and the proof of the answer: [`Session`];
//! * `limit`: at most one new bootstrapping a minute for each NAF: [`RebootstrapLimit`];
//! * `error`: [`UaError`].

mod choose;
mod error;
mod limit;
mod session;
#[cfg(test)]
mod tests;

use core::time::Duration;

use base::{Entropy, Mono, Now};

pub use self::{
    choose::{Channel, Chosen, choose},
    error::UaError,
    limit::RebootstrapLimit,
    session::{Expected, Session},
};
use crate::{
    digest::Credentials,
    http::{HttpRequest, HttpResponse},
    ids::{Btid, NafId},
    keys::KsNaf,
    ua::Url,
    ub::client::Mode,
};

/// How long an answer of the NAF is awaited; the NAF may have to ask its BSF.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a key may take: it may need a bootstrapping run with a real card.
pub const KEY_TIMEOUT: Duration = Duration::from_secs(90);
/// Most redirects that are followed.
pub const MAX_REDIRECTS: u8 = 5;
/// Most stale nonces that are replaced in one request.
const MAX_STALE: u8 = 2;

/// What the caller wants fetched.
#[derive(Clone, Debug)]
pub struct UaRequest {
    /// The method, such as `GET`.
    pub method: String,
    /// Where.
    pub url: Url,
    /// Header fields of the caller. To another host or port only those follow that say what is wanted or what the body
    /// is, such as `Accept`: any other may be a secret of the first. `Host` and framing are not to be given.
    pub headers: Vec<(String, String)>,
    /// The body's exact octets.
    pub body: Vec<u8>,
}

impl UaRequest {
    /// `GET url`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            method: "GET".to_owned(),
            url,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// What happens to the machine.
pub enum Input<'a> {
    /// Begin.
    Start,
    /// The NAF answered, over this channel.
    Http(HttpResponse<'a>, Channel<'a>),
    /// Here is the key that [`Output::NeedKey`] asked for.
    Key {
        /// Its name.
        btid: &'a Btid,
        /// The key.
        ks_naf: &'a KsNaf,
    },
    /// There is no key; the text says why, without secrets.
    NoKey(String),
    /// [`RebootstrapLimit`] does not allow a new bootstrapping for this NAF yet.
    TooSoon,
    /// The time that [`Output::Wait`] named has come; also: the connection is lost.
    Timeout,
}

/// What the machine wants done.
pub enum Output {
    /// Send this and bring back the answer.
    Send(HttpRequest),
    /// Bring the key for this NAF_Id. With `fresh`, bootstrap first: the NAF refuses the present B-TID; but ask
    /// [`RebootstrapLimit`] before (ruling 16).
    NeedKey {
        /// Whose key.
        naf_id: NafId,
        /// Whether the present Ks is of no more use.
        fresh: bool,
    },
    /// The last response is the caller's answer.
    Done(Fetched),
    /// There is no answer that may be believed. The connection is to be closed.
    Failed(UaError),
    /// Nothing to do until an input, or until that time; `None` if the machine has ended or hasn't begun.
    Wait(Option<Mono>),
}

/// How a request ended.
pub struct Fetched {
    /// The status code.
    pub status: u16,
    /// True if `rspauth` proved that this very body comes from who has the NAF key.
    pub proven: bool,
    /// The address that answered in the end.
    pub url: Url,
    /// The digest session, to be used for the next request to the same origin.
    pub session: Option<Session>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Idle,
    AwaitResponse,
    AwaitKey,
    Ended,
}

/// How the request that is on its way was authenticated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    /// Not, or with the nonce of an earlier request.
    Unasked,
    /// As the NAF's last challenge asked.
    Answer,
}

/// The UE's side of one request to a NAF.
///
/// After each [`handle_input`](Self::handle_input) call [`poll_output`](Self::poll_output) until it gives
/// [`Output::Wait`]. `Done` or `Failed` come once; afterwards only `Wait(None)`.
pub struct UaClient {
    request: UaRequest,
    mode: Mode,
    require_proof: bool,
    state: State,
    sent: Sent,
    session: Option<Session>,
    expected: Option<Expected>,
    chosen: Option<Chosen>,
    stale: u8,
    redirects: u8,
    renewed: bool,
    deadline: Option<Mono>,
    output: Option<Output>,
}

impl UaClient {
    /// A request, with the session that an earlier one to the same origin left, if any.
    #[must_use]
    pub fn new(request: UaRequest, mode: Mode, session: Option<Session>) -> Self {
        let session = session.filter(|s| s.fits(&request.url));
        Self {
            request,
            mode,
            require_proof: true,
            state: State::Idle,
            sent: Sent::Unasked,
            session,
            expected: None,
            chosen: None,
            stale: 0,
            redirects: 0,
            renewed: false,
            deadline: None,
            output: None,
        }
    }

    /// Accepts a successful answer without `Authentication-Info`, for a NAF that sends none. What it does send is
    /// checked all the same.
    #[must_use]
    pub const fn without_proof(mut self) -> Self {
        self.require_proof = false;
        self
    }

    /// The address the machine is busy with.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.request.url
    }

    /// Takes in what happened. A protocol failure isn't an error here but [`Output::Failed`].
    ///
    /// # Errors
    /// [`UaError::Unexpected`] if the input doesn't fit the state: the machine is then unchanged.
    pub fn handle_input(
        &mut self,
        now: Now,
        entropy: &mut dyn Entropy,
        input: Input<'_>,
    ) -> Result<(), UaError> {
        let next = match (self.state, input) {
            (State::Idle, Input::Start) => self.send(Sent::Unasked, entropy),
            (State::AwaitResponse, Input::Http(response, channel)) => {
                self.on_response(&response, channel, entropy)
            }
            (State::AwaitKey, Input::Key { btid, ks_naf }) => self.on_key(btid, ks_naf, entropy),
            (State::AwaitKey, Input::NoKey(reason)) => Err(UaError::NoKey(reason)),
            (State::AwaitKey, Input::TooSoon) => Err(UaError::TooSoon),
            (State::AwaitResponse, Input::Timeout) => Err(UaError::Timeout("the NAF")),
            (State::AwaitKey, Input::Timeout) => Err(UaError::Timeout("the key")),
            _ => return Err(UaError::Unexpected),
        };
        let output = next.unwrap_or_else(Output::Failed);
        (self.state, self.deadline) = match &output {
            Output::Send(_) => (State::AwaitResponse, Some(now.mono + HTTP_TIMEOUT)),
            Output::NeedKey { .. } => (State::AwaitKey, Some(now.mono + KEY_TIMEOUT)),
            Output::Done(_) | Output::Failed(_) | Output::Wait(_) => (State::Ended, None),
        };
        self.output = Some(output);
        Ok(())
    }

    /// What to do next.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.output.take().unwrap_or(Output::Wait(self.deadline))
    }

    fn on_response(
        &mut self,
        response: &HttpResponse<'_>,
        channel: Channel<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Output, UaError> {
        match response.status {
            401 => self.on_challenge(response, channel, entropy),
            // A NAF key is never shown to a proxy (ruling 16).
            407 => Err(UaError::ProxyAsks),
            301 | 302 | 303 | 307 | 308 => match response.header("location") {
                Some(location) => self.on_redirect(response.status, location, entropy),
                None => self.finish(response),
            },
            _ => self.finish(response),
        }
    }

    fn on_challenge(
        &mut self,
        response: &HttpResponse<'_>,
        channel: Channel<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Output, UaError> {
        let chosen = choose(self.request.url.host(), channel, response.all("www-authenticate"))?;
        let Some(chosen) = chosen else {
            // Some other kind of authentication: the caller's business.
            self.session = None;
            self.expected = None;
            return self.finish(response);
        };
        let naf_id = chosen.naf_id().clone();
        if let Some(session) = self
            .session
            .as_mut()
            .filter(|_| chosen.stale() && self.stale < MAX_STALE)
        {
            self.stale += 1;
            session.renew(chosen)?;
            return self.send(Sent::Answer, entropy);
        }
        match self.sent {
            Sent::Unasked => {
                self.chosen = Some(chosen);
                Ok(Output::NeedKey { naf_id, fresh: false })
            }
            Sent::Answer if !self.renewed => {
                self.renewed = true;
                self.session = None;
                self.chosen = Some(chosen);
                Ok(Output::NeedKey { naf_id, fresh: true })
            }
            Sent::Answer => Err(UaError::Refused),
        }
    }

    fn on_key(&mut self, btid: &Btid, ks_naf: &KsNaf, entropy: &mut dyn Entropy) -> Result<Output, UaError> {
        let chosen = self.chosen.take().ok_or(UaError::Unexpected)?;
        self.session = Some(Session::new(self.request.url.clone(), chosen, btid, ks_naf)?);
        self.send(Sent::Answer, entropy)
    }

    fn on_redirect(
        &mut self,
        status: u16,
        location: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Output, UaError> {
        self.redirects += 1;
        if self.redirects > MAX_REDIRECTS {
            return Err(UaError::TooManyRedirects);
        }
        let next = self.request.url.join(location)?;
        if status == 303 && self.request.method != "HEAD"
            || matches!(status, 301 | 302) && self.request.method == "POST"
        {
            self.request.method = "GET".to_owned();
            self.request.body.clear();
            self.request
                .headers
                .retain(|(n, _)| !is_any(n, &["content-type", "content-encoding"]));
        }
        if !next.same_origin(&self.request.url) {
            self.session = None;
            self.request.headers.retain(|(n, _)| is_any(n, FOLLOWING));
        }
        self.request.url = next;
        self.send(Sent::Unasked, entropy)
    }

    fn finish(&mut self, response: &HttpResponse<'_>) -> Result<Output, UaError> {
        let mut proven = false;
        if let (Some(session), Some(expected)) = (&mut self.session, self.expected.take()) {
            match response.header("authentication-info") {
                Some(info) => {
                    session.prove(&expected, info, response.body)?;
                    proven = true;
                }
                // An error may come from something before the NAF; a success must be the NAF's own.
                None if (200..300).contains(&response.status) && self.require_proof => {
                    return Err(UaError::NotProven("no Authentication-Info with rspauth"));
                }
                None => {}
            }
        }
        Ok(Output::Done(Fetched {
            status: response.status,
            proven,
            url: self.request.url.clone(),
            session: self.session.take(),
        }))
    }

    fn send(&mut self, sent: Sent, entropy: &mut dyn Entropy) -> Result<Output, UaError> {
        let r = &self.request;
        let mut headers = r.headers.clone();
        if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("user-agent")) {
            headers.push(("User-Agent".to_owned(), self.mode.user_agent()));
        }
        self.expected = None;
        if let Some(session) = &mut self.session {
            let (authorization, expected) = session.authorize(&r.method, r.url.target(), &r.body, entropy)?;
            headers.retain(|(n, _)| !n.eq_ignore_ascii_case("authorization"));
            headers.push(("Authorization".to_owned(), authorization));
            self.expected = Some(expected);
        }
        self.sent = sent;
        Ok(Output::Send(HttpRequest {
            method: r.method.clone(),
            host: r.url.host().clone(),
            port: Some(r.url.port()),
            target: r.url.target().to_owned(),
            headers,
            body: r.body.clone(),
        }))
    }
}

/// What a request is, in a few words without secrets, for a ladder.
#[must_use]
pub fn describe(request: &HttpRequest) -> String {
    let start = format!("{} {}", request.method, request.target);
    match request
        .header("authorization")
        .and_then(|text| text.parse::<Credentials>().ok())
    {
        Some(c) => {
            // The first characters tell B-TIDs apart.
            let btid: String = c.username.chars().take(10).collect();
            let qop = c.qop.map_or("no qop", |q| q.as_str());
            format!("{start} as {btid}…, {qop}, nc {}", c.nc.unwrap_or_default())
        }
        None => start,
    }
}

/// Header fields of the caller that may be shown to any host.
const FOLLOWING: &[&str] = &[
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
    "user-agent",
];

fn is_any(name: &str, names: &[&str]) -> bool {
    names.iter().any(|n| name.eq_ignore_ascii_case(n))
}
