//! Both answers of one real bootstrap, to be sent again and again.

use std::sync::Arc;

use bsf::{MemorySessions, Ub};
use bytes::Bytes;
use gba::{
    http::HttpResponse,
    ub::client::{Config, Input, Mode, Output, UbClient},
};
use http::{Extensions, Request, Response, header};
use net::{clock, http::PeerInfo, tap::Connection};

use crate::{Same, network, servers, sim};

/// What the BSF answered.
#[derive(Clone)]
pub(crate) struct Canned {
    /// 401 with a challenge.
    pub(crate) challenge: Response<Bytes>,
    /// 200 with a B-TID.
    pub(crate) success: Response<Bytes>,
}

impl Canned {
    /// The answer to a request with these credentials: a response (RES) has a nonce count.
    pub(crate) fn answer(&self, credentials: &[u8]) -> &Response<Bytes> {
        let has_response = credentials.windows(4).any(|w| w == b" nc=");
        if has_response {
            &self.success
        } else {
            &self.challenge
        }
    }
}

/// The octets of an answer, as hyper writes them.
pub(crate) fn octets(response: &Response<Bytes>) -> Vec<u8> {
    let mut octets = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            octets.extend_from_slice(part);
        }
    }
    let length = response.body().len();
    octets.extend_from_slice(
        format!("content-length: {length}\r\ndate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n").as_bytes(),
    );
    octets.extend_from_slice(response.body());
    octets
}

/// One bootstrap of subscriber 0 with the cnonce of [`Same`].
pub(crate) fn record() -> Canned {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let ub = Ub::new(
        network::ub_config(),
        Arc::new(MemorySessions::default()),
        servers::Source::new(),
    );
    let nowhere = ([127, 0, 0, 1], 1).into();
    let peer = PeerInfo::new(Connection::new(nowhere, nowhere), Extensions::new());
    let config = Config::new(servers::impi(0), network::name(network::BSF), Mode::Me);
    let (mut run, mut sim, mut answers) = (UbClient::new(config), sim(0), Vec::new());
    run.handle_input(clock::now(), &mut Same, Input::Start)
        .expect("a start");
    loop {
        match run.poll_output() {
            Output::Send(sent) => {
                let mut request = Request::get("/").header(header::HOST, sent.host_header());
                for (name, value) in &sent.headers {
                    request = request.header(name, value);
                }
                let request = request.body(Bytes::new()).expect("a request");
                let answer = runtime.block_on(ub.handle(request, peer.clone()));
                let fields = answer.headers().iter();
                let headers: Vec<_> = fields
                    .map(|(n, v)| (n.as_str(), v.to_str().expect("text")))
                    .collect();
                let response = HttpResponse {
                    status: answer.status().as_u16(),
                    headers: &headers,
                    body: answer.body(),
                };
                run.handle_input(clock::now(), &mut Same, Input::Http(response))
                    .expect("an answer");
                answers.push(answer.clone());
            }
            Output::RunAka(rand, autn) => {
                let outcome = sim.authenticate(&rand, &autn);
                run.handle_input(clock::now(), &mut Same, Input::Aka(outcome))
                    .expect("a card");
            }
            Output::Done(_) => break,
            _ => panic!("the BSF serves its subscriber"),
        }
    }
    let success = answers.pop().expect("two answers");
    let challenge = answers.pop().expect("two answers");
    Canned { challenge, success }
}
