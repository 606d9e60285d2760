//! The two streams of a connection, and how each is protected.

use std::sync::Arc;

use base::Secret;
use gba::ids::{Btid, PskIdentity};
use net::{
    Wire, dial,
    diameter::Identity,
    tap::{Connection, SharedTap},
    tls::{
        cert::Endpoint,
        psk::{self, Lookup, PskInfo},
        suite::Suite,
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{Protocol, Proxy};

/// A stream of either kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A B-TID with its key, for both ends of TLS-PSK.
pub struct Keyed {
    btid: Btid,
    key: Secret<32>,
    server: psk::Server,
}

impl Keyed {
    /// For this B-TID and key, with any of our suites.
    ///
    /// # Errors
    /// If OpenSSL doesn't have them.
    pub fn new(btid: Btid, key: Secret<32>, tap: &SharedTap) -> Result<Self, net::Error> {
        let server = psk::Server::new(suites(Suite::ALL.to_vec()), psk::HINT, Some(tap.clone()))?;
        Ok(Self { btid, key, server })
    }
}

fn suites(suites: Vec<Suite>) -> psk::Config {
    psk::Config {
        suites,
        ..psk::Config::default()
    }
}

/// How connections to the listener are protected.
pub enum Listening {
    /// As they come: what is inside TLS isn't opened.
    AsItComes,
    /// TLS with certificates ends here (Diameter).
    Tls(Endpoint),
    /// TLS with this pre-shared key ends here, and begins anew towards the target.
    Psk(Arc<Keyed>),
}

/// How connections to the target are protected.
pub enum Calling {
    /// As the listener's; in clear where those end here.
    AsItComes,
    /// TLS with certificates (Diameter).
    Tls(Endpoint),
}

/// Both streams, open.
pub(super) struct Open {
    pub(super) protocol: Protocol,
    pub(super) listener: Box<dyn Io>,
    pub(super) target: Box<dyn Io>,
}

/// For another connection to the target, as the first one was.
#[derive(Clone, Default)]
pub(super) struct Again(Option<Arc<PskInfo>>);

impl Proxy {
    /// Opens both sides.
    pub(super) async fn open(
        &self,
        id: u64,
        socket: TcpStream,
        connection: Connection,
    ) -> Result<(Open, Again), String> {
        let mut protocol = if self.config.interface.is_diameter() {
            Protocol::Diameter
        } else {
            Protocol::Http
        };
        if protocol == Protocol::Http && matches!(self.config.listening, Listening::AsItComes) {
            let mut first = [0];
            let peeked = tokio::time::timeout(self.config.limits.handshake, socket.peek(&mut first)).await;
            // A record of TLS's handshake begins so.
            if matches!(peeked, Ok(Ok(1))) && first == [22] {
                protocol = Protocol::Tls;
            }
        }
        let mut again = Again::default();
        let listener: Box<dyn Io> = match &self.config.listening {
            Listening::AsItComes => Box::new(self.wire(socket, connection)),
            Listening::Tls(endpoint) => {
                let shaken = endpoint.handshake(self.wire(socket, connection), None).await;
                let (stream, names) = shaken.map_err(|e| format!("TLS with {}: {e}", connection.peer))?;
                self.note(id, format!("TLS with {}", listed(&names)));
                Box::new(stream)
            }
            Listening::Psk(keyed) => {
                let find = async |hello: psk::PskHello| match PskIdentity::parse(&hello.identity) {
                    Ok(identity) if identity.btid == keyed.btid => Lookup::Key(keyed.key.duplicate()),
                    _ => Lookup::Unknown,
                };
                let shaken = keyed.server.accept(socket, connection, find).await;
                let stream = shaken.map_err(|e| format!("TLS-PSK with {}: {e}", connection.peer))?;
                let info = stream.info().clone();
                self.note(id, format!("TLS-PSK with the device: {}", described(&info)));
                again = Again(Some(Arc::new(info)));
                Box::new(stream)
            }
        };
        let target = self.call(Some(id), &again).await?;
        let open = Open {
            protocol,
            listener,
            target,
        };
        Ok((open, again))
    }

    /// A connection to the target. Notes go to the connection of that number.
    pub(super) async fn call(&self, id: Option<u64>, again: &Again) -> Result<Box<dyn Io>, String> {
        let dialled = dial(&self.config.target, self.config.limits.connect).await;
        let (socket, connection) = dialled.map_err(|e| e.to_string())?;
        self.config.tap.endpoint(connection.peer, &self.label());
        let target = &self.config.target;
        Ok(match (&self.config.listening, &self.config.calling, &again.0) {
            (Listening::Psk(keyed), _, Some(info)) => {
                let key = async |_| Ok(keyed.key.duplicate());
                // The key belongs to the suite, so no other may be chosen.
                let suite = Suite::from_code(info.suite).into_iter().collect();
                let client = psk::Client::new(suites(suite), Some(self.config.tap.clone()));
                let client = client.map_err(|e| e.to_string())?;
                let shaken = client
                    .connect(socket, connection, &info.sni, &info.identity, key)
                    .await;
                let stream = shaken.map_err(|e| format!("TLS-PSK with {target}: {e}"))?;
                if let Some(id) = id {
                    self.note(id, format!("TLS-PSK with the NAF: {}", described(stream.info())));
                }
                Box::new(stream)
            }
            (_, Calling::Tls(endpoint), _) => {
                let shaken = endpoint.handshake(self.wire(socket, connection), None).await;
                let (stream, names) = shaken.map_err(|e| format!("TLS with {target}: {e}"))?;
                if let Some(id) = id {
                    self.note(id, format!("TLS with {}", listed(&names)));
                }
                Box::new(stream)
            }
            _ => Box::new(self.wire(socket, connection)),
        })
    }

    fn wire(&self, socket: TcpStream, connection: Connection) -> Wire<TcpStream> {
        let tap = (self.config.tap.clone(), connection);
        Wire::new(socket, Some(tap), self.config.limits.stall)
    }

    /// Who is called, for a capture.
    pub(super) fn label(&self) -> String {
        let interface = self.config.interface;
        format!("{} {}", interface.ends().1, interface.name())
    }
}

fn listed(names: &[Identity]) -> String {
    names.iter().map(Identity::as_str).collect::<Vec<_>>().join(", ")
}

fn described(info: &PskInfo) -> String {
    let suite = Suite::from_code(info.suite).map_or("another suite", |suite| suite.name());
    let hint = info
        .hint
        .as_ref()
        .map(|hint| format!(", hint {}", hint.escape_ascii()));
    format!(
        "SNI {}, {suite}, identity {}{}",
        info.sni,
        info.identity.escape_ascii(),
        hint.unwrap_or_default()
    )
}
