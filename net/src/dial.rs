//! Opening a TCP connection, in time and with an error in words.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::{error::Error, tap::Connection};

/// Connects to `host:port` within a time, with TCP_NODELAY.
///
/// # Errors
/// [`Error::Refused`], [`Error::Unreachable`] or [`Error::TimedOut`].
pub async fn dial(peer: &str, within: Duration) -> Result<(TcpStream, Connection), Error> {
    let socket = tokio::time::timeout(within, TcpStream::connect(peer))
        .await
        .map_err(|_| Error::TimedOut {
            peer: peer.to_owned(),
            what: "the connection",
            after: within,
        })?
        .map_err(|e| Error::connecting(peer, &e))?;
    let connection = Connection::of(&socket).map_err(|e| Error::connecting(peer, &e))?;
    let _ = socket.set_nodelay(true);
    Ok((socket, connection))
}
