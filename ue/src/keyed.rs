//! A request to a NAF with a B-TID and a key at hand, without a device: for those who build a NAF and have the key from
//! elsewhere. No bootstrapping, so the NAF's refusal is final.

use base::Secret;
use bytes::Bytes;
use gba::{
    ids::{Btid, Fqdn},
    keys::{KeyKind, KsNaf},
    ua::client::{Channel, Input, Output, UaClient, UaError, UaRequest, describe},
    ub::client::Mode,
};
use http::Response;
use net::{
    clock,
    entropy::OsEntropy,
    http::Client as HttpClient,
    tap::{Message, SharedTap},
};

use crate::{
    client::{Answer, ClientError, USE},
    device::DeviceError,
    wire,
};

/// What stands in for a bootstrapping.
pub struct Keyed {
    /// The B-TID.
    pub btid: Btid,
    /// Ks_NAF, or Ks_ext_NAF, for HTTP digest and the NAF that is asked.
    pub key: Secret<32>,
    /// True to accept a successful answer without `Authentication-Info`.
    pub without_proof: bool,
}

impl Keyed {
    /// Fetches a URL and answers the NAF's challenge with the key. `resolve` gives `host:port` of a name's socket.
    ///
    /// # Errors
    /// [`ClientError`]; [`UaError::NoKey`] if the NAF refuses the key.
    pub async fn fetch(
        &self,
        request: UaRequest,
        resolve: impl Fn(&Fqdn, u16) -> String,
        tap: &SharedTap,
    ) -> Result<Answer, ClientError> {
        let mut exchange = UaClient::new(request, Mode::Me, None);
        if self.without_proof {
            exchange = exchange.without_proof();
        }
        let mut connection: Option<(String, HttpClient)> = None;
        let mut last: Option<Response<Bytes>> = None;
        exchange.handle_input(clock::now(), &mut OsEntropy, Input::Start)?;
        loop {
            match exchange.poll_output() {
                Output::Send(request) => {
                    tap.message(Message {
                        interface: "Ua",
                        from: "UE",
                        to: "NAF",
                        summary: wire::summary(describe(&request)),
                        clause: Some(USE),
                    });
                    let at = resolve(&request.host, request.port.unwrap_or(80));
                    let client = match connection.take() {
                        Some((address, client)) if address == at => client,
                        _ => HttpClient::new(at.clone()).with_tap(tap.clone()),
                    };
                    let request = wire::request(request).map_err(DeviceError::Misuse)?;
                    let response = client.send(request).await.map_err(ClientError::Unreachable)?;
                    connection = Some((at, client));
                    let headers = wire::headers(&response);
                    let input = Input::Http(wire::response(&response, &headers), Channel::Plain);
                    exchange.handle_input(clock::now(), &mut OsEntropy, input)?;
                    last = Some(response);
                }
                Output::NeedKey { fresh: true, .. } => {
                    return Err(UaError::NoKey(
                        "it refuses this B-TID with this key, and there is no device to bootstrap again"
                            .into(),
                    )
                    .into());
                }
                Output::NeedKey { naf_id, fresh: false } => {
                    let ks_naf = KsNaf::from_parts(self.key.duplicate(), naf_id, KeyKind::Me);
                    let input = Input::Key {
                        btid: &self.btid,
                        ks_naf: &ks_naf,
                    };
                    exchange.handle_input(clock::now(), &mut OsEntropy, input)?;
                }
                Output::Done(fetched) => {
                    let (headers, body) = last.map_or_else(Default::default, |response| {
                        let (head, body) = response.into_parts();
                        (head.headers, body)
                    });
                    return Ok(Answer {
                        status: fetched.status,
                        headers,
                        body,
                        proven: fetched.proven,
                        url: fetched.url,
                    });
                }
                Output::Failed(e) => return Err(e.into()),
                // Each output above ends with an input, so there is nothing to wait for.
                Output::Wait(_) => return Err(UaError::Timeout("the NAF").into()),
            }
        }
    }
}
