//! The side that is called.

use std::{future::Future, sync::Arc};

use ::diameter::{
    Message,
    layout::Out,
    peer::{Closed, Peer},
};
use base::Entropy;
use tokio::net::TcpListener;

use super::{
    Config, Error, PeerIdentity, Roster, Security,
    connection::{Clock, Handler, Side, Standing, run},
    end::End,
};
use crate::{
    accept::{self, Stop},
    entropy::OsEntropy,
    tap::{Incident, Measure, Stopwatch},
    tls::cert::Endpoint,
    wire::Wire,
};

/// Takes connections until `stop`, and answers requests by `handler`.
///
/// Only configured peers get past the capabilities exchange; each request's Origin-Host has been compared with
/// its peer when the handler sees it, and its command is one of the applications served. Its AVPs are the
/// handler's to check, by the typed messages of crate `gba`. Handlers of one connection run side by side, so
/// answers may overtake each other. A handler may give `None`, and then the request has no answer at all, which is for
/// laboratories: a peer takes it for a failure of ours. At the stop each connection finishes its requests and says goodbye (DPR).
///
/// # Errors
/// [`Error::Insecure`] if the listener isn't on loopback and the configuration doesn't allow that;
/// [`Error::Credentials`] if our certificate isn't for our Origin-Host or is out of its time.
pub async fn serve<H, F>(listener: TcpListener, config: Config, stop: Stop, handler: H) -> Result<(), Error>
where
    H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
    F: Future<Output: Into<Option<Message>>> + Send + 'static,
{
    let roster = Roster::new(config.peers.iter().cloned(), config.strangers);
    serve_roster(listener, config, roster, stop, handler).await
}

/// As [`serve`], but the peers are those of `roster`, which may change meanwhile; those of `config` don't count.
///
/// # Errors
/// As [`serve`].
pub async fn serve_roster<H, F>(
    listener: TcpListener,
    config: Config,
    roster: Roster,
    stop: Stop,
    handler: H,
) -> Result<(), Error>
where
    H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
    F: Future<Output: Into<Option<Message>>> + Send + 'static,
{
    let nothing = |_: &PeerIdentity, _: &[u8]| None::<std::future::Ready<fn(&mut Out)>>;
    serve_usual(listener, config, roster, stop, nothing, handler).await
}

/// As [`serve_roster`], where `usual` is shown the octets of each request first. What it answers, by writing one message
/// to the octets that go out, `handler` doesn't see; what it can't read, or would refuse, it leaves to `handler`.
///
/// Of the octets nothing is known but the head, whose application is served, and that Origin-Host is the peer's.
///
/// # Errors
/// As [`serve`].
pub async fn serve_usual<U, W, A, H, F>(
    listener: TcpListener,
    config: Config,
    roster: Roster,
    stop: Stop,
    usual: U,
    handler: H,
) -> Result<(), Error>
where
    U: Fn(&PeerIdentity, &[u8]) -> Option<W> + Send + Sync + 'static,
    W: Future<Output = A> + Send + 'static,
    A: FnOnce(&mut Out),
    H: Fn(PeerIdentity, Message) -> F + Send + Sync + 'static,
    F: Future<Output: Into<Option<Message>>> + Send + 'static,
{
    // A listener without an address isn't bound; nothing will connect to it.
    if let Ok(address) = listener.local_addr() {
        config.may_use(address)?;
    }
    let handler = Handler {
        usual: Arc::new(move |from, octets, sender| {
            let (work, sender) = (usual(from, octets)?, sender.clone());
            Some(Box::pin(async move {
                // Who can't send any more has nobody to tell.
                let _ = sender.write(work.await);
                None
            }))
        }),
        general: Arc::new(move |from, request| {
            let work = handler(from, request);
            Box::pin(async move { work.await.into() })
        }),
    };
    let limits = config.limits;
    let tls = match &config.security {
        Security::Tls(credentials) => Some(Endpoint::server(
            credentials,
            Arc::clone(&config.tap),
            limits.handshake,
        )?),
        Security::PlainOnLoopbackOnly | Security::InsecureAwayFromLoopback => None,
    };
    let counts = Some(Arc::clone(&config.tap));
    accept::serve_tapped(
        listener,
        limits.accept,
        counts,
        stop,
        move |socket, connection, stop| {
            let (config, mut known, handler) = (config.clone(), roster.subscribe(), handler.clone());
            let tls = tls.clone();
            async move {
                let address = connection.peer;
                let local = Arc::new(config.local(connection.local));
                let tap = config.tap;
                let wire = Wire::new(socket, Some((Arc::clone(&tap), connection)), limits.stall);
                let protected = match tls {
                    None => Err(wire),
                    Some(tls) => {
                        let watch = Stopwatch::begin(&tap);
                        let shaken = tls.handshake(wire, None).await;
                        let done = shaken.is_ok();
                        watch.end(&tap, |took| Measure::Handshake { done, took });
                        match shaken {
                            Ok(protected) => Ok(protected),
                            Err(reason) => {
                                tracing::warn!(%address, %reason, "Diameter peer refused");
                                tap.incident(Incident::PeerRefused);
                                return;
                            }
                        }
                    }
                };
                let clock = Clock::start();
                let knows = Arc::clone(&known.borrow_and_update());
                let machine = Peer::responder(local, knows, limits.timers, clock.now(), seed());
                let name = address.to_string();
                let side = Side {
                    name: &name,
                    limits,
                    handler: Some(handler),
                    known: Some(known),
                    tap,
                    stands: &mut |standing, peer| match standing {
                        Standing::Suspect => {
                            tracing::warn!(%address, host = %peer.host, "Diameter peer silent")
                        }
                        _ => tracing::info!(%address, host = %peer.host, "Diameter peer open"),
                    },
                };
                let end = match protected {
                    Err(clear) => run(clear, machine, clock, side, None, stop).await,
                    Ok((stream, names)) => {
                        run(stream, machine.with_certificate(names), clock, side, None, stop).await
                    }
                };
                if matches!(end, End::Machine(Closed::Refusing(_))) {
                    tracing::warn!(%address, reason = %end, "Diameter peer refused");
                } else {
                    tracing::info!(%address, reason = %end, "Diameter connection ended");
                }
            }
        },
    )
    .await;
    Ok(())
}

/// A start for identifiers that differs from run to run.
pub(super) fn seed() -> u32 {
    OsEntropy.array().map_or(0, u32::from_be_bytes)
}
