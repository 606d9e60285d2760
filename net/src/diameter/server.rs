//! The side that is called.

use std::{future::Future, sync::Arc};

use ::diameter::{Message, peer::Peer};
use base::Entropy;
use tokio::net::TcpListener;

use super::{
    Config, Error, PeerIdentity,
    connection::{Clock, Handler, Side, run},
};
use crate::{
    accept::{self, Stop},
    entropy::OsEntropy,
    wire::Wire,
};

/// Takes connections until `stop`, and answers requests by `handler`.
///
/// Only configured peers get past the capabilities exchange; each request's Origin-Host has been compared with
/// its peer when the handler sees it, and its command is one of the applications served. Its AVPs are the
/// handler's to check, by the typed messages of crate `gba`. Handlers of one connection run side by side, so
/// answers may overtake each other. At the stop each connection finishes its requests and says goodbye (DPR).
///
/// # Errors
/// [`Error::Insecure`] if the listener isn't on loopback and the configuration doesn't allow that.
pub async fn serve<H, F>(listener: TcpListener, config: Config, stop: Stop, handler: H) -> Result<(), Error>
where
    H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
    F: Future<Output = Message> + Send + 'static,
{
    // A listener without an address isn't bound; nothing will connect to it.
    if let Ok(address) = listener.local_addr() {
        config.may_use(address)?;
    }
    let known = Arc::new(config.known());
    let handler: Handler = Arc::new(move |from, request| Box::pin(handler(from, request)));
    let limits = config.limits;
    accept::serve(listener, limits.accept, stop, move |socket, connection, stop| {
        let (config, known, handler) = (config.clone(), Arc::clone(&known), Arc::clone(&handler));
        async move {
            let clock = Clock::start();
            let local = Arc::new(config.local(connection.local));
            let machine = Peer::responder(local, known, limits.timers, clock.now(), seed());
            let name = connection.peer.to_string();
            let side = Side {
                name: &name,
                limits,
                handler: Some(handler),
                opened: &mut |peer| tracing::info!(address = %connection.peer, host = %peer.host, "Diameter peer open"),
            };
            let wire = Wire::new(socket, Some((config.tap, connection)), limits.stall);
            let end = run(wire, machine, clock, side, None, stop).await;
            tracing::info!(address = %connection.peer, reason = %end, "Diameter connection ended");
        }
    })
    .await;
    Ok(())
}

/// A start for identifiers that differs from run to run.
pub(super) fn seed() -> u32 {
    OsEntropy.array().map_or(0, u32::from_be_bytes)
}
