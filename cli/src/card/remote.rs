//! Cards at the other end of a socket: `tcp:ADDR`, which `gba card serve --tcp` serves, and `vpcd:ADDR`, where we are
//! the virtual reader and a card process connects.
//!
//! After an error the next command connects anew, so that a retry begins on a fresh card.

use std::{
    io,
    net::{TcpListener, TcpStream, ToSocketAddrs as _},
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::Duration,
};

use base::{
    SecretBytes,
    apdu::{Command, Response},
};
use uicc::{Card, CardError};

use super::{
    frames::{self, ANSWER, Control},
    token::{BUSY, End, GREETING, NONCE, PROOF, Token, WRONG_TOKEN, nonce},
};
use crate::advice;

/// How long a card may think; TS 102 221 sets no limit, but nothing thinks so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest ATR (ISO 7816-3 8.2.1).
const ATR: usize = 33;

fn broken(reason: String) -> CardError {
    CardError::Transport { reason }
}

fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

fn exchange(stream: &mut TcpStream, command: &Command) -> io::Result<SecretBytes> {
    frames::write(stream, SecretBytes::new(command.octets()).expose())?;
    frames::read(stream, ANSWER)
}

fn timed_out(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A card that another `gba` serves.
pub(crate) struct TcpCard {
    address: String,
    token: Token,
    link: Option<TcpStream>,
    atr: Vec<u8>,
}

impl TcpCard {
    /// Connects, and shows and sees that both ends have the token.
    pub(crate) fn connect(address: &str, token: Token) -> Result<Self, CardError> {
        let mut card = Self {
            address: address.into(),
            token,
            link: None,
            atr: Vec::new(),
        };
        card.link = Some(card.dial()?);
        Ok(card)
    }

    pub(crate) fn atr(&self) -> &[u8] {
        &self.atr
    }

    /// Any octets as one frame.
    #[cfg(test)]
    pub(super) fn send_raw(&mut self, payload: &[u8]) {
        if let Some(stream) = &mut self.link {
            frames::write(stream, payload).unwrap();
        }
    }

    fn dial(&mut self) -> Result<TcpStream, CardError> {
        let address = &self.address;
        let down = |e: &dyn std::fmt::Display| {
            broken(format!(
                "{address}: {e}: see that `gba card serve --tcp` runs there"
            ))
        };
        let mut stream = Err(io::Error::new(io::ErrorKind::NotFound, "no address of this name"));
        for to in address.to_socket_addrs().map_err(|e| down(&e))? {
            stream = TcpStream::connect_timeout(&to, CONNECT);
            if stream.is_ok() {
                break;
            }
        }
        let mut stream = stream.map_err(|e| down(&e))?;
        ready(&stream).map_err(|e| down(&e))?;
        self.atr = self.shake_hands(&mut stream)?;
        Ok(stream)
    }

    fn shake_hands(&self, stream: &mut TcpStream) -> Result<Vec<u8>, CardError> {
        let address = &self.address;
        let no_card = |_| broken(format!("what listens at {address} is no `gba card serve --tcp`"));
        let greeting = frames::read(stream, GREETING.len() + NONCE).map_err(no_card)?;
        let theirs = greeting
            .expose()
            .strip_prefix(GREETING)
            .filter(|nonce| nonce.len() == NONCE)
            .ok_or(())
            .map_err(|()| no_card(io::Error::from(io::ErrorKind::InvalidData)))?;
        let ours = nonce().map_err(broken)?;
        let proof = self.token.proof(End::Terminal, theirs, &ours);
        frames::write(stream, &[&ours[..], &proof].concat()).map_err(no_card)?;
        let answer = frames::read(stream, PROOF + ATR).map_err(no_card)?;
        if answer.expose() == [BUSY] {
            return Err(CardError::InUse);
        }
        if answer.expose() == [WRONG_TOKEN] {
            return Err(broken(format!(
                "{address} has another token: give its file with --card-token"
            )));
        }
        match answer.expose().split_at_checked(PROOF) {
            Some((proof, atr)) if self.token.accepts(End::Card, theirs, &ours, proof) => Ok(atr.to_vec()),
            _ => Err(broken(format!(
                "{address} doesn't have the token: nothing was sent to it"
            ))),
        }
    }
}

impl Card for TcpCard {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        let mut stream = match self.link.take() {
            Some(stream) => stream,
            None => self.dial()?,
        };
        let answer = exchange(&mut stream, command).map_err(|e| {
            let address = &self.address;
            broken(if timed_out(&e) {
                format!("{address} was silent for {} s", PATIENCE.as_secs())
            } else {
                format!(
                    "the connection to {address} ended; see that `gba card serve` runs there and try again"
                )
            })
        })?;
        self.link = Some(stream);
        Ok(Response::parse(answer.expose())?)
    }
}

/// A virtual reader: card processes connect to it as to vpcd.
pub(crate) struct VpcdReader {
    coming: Receiver<TcpStream>,
    link: Option<TcpStream>,
    atr: Vec<u8>,
}

impl VpcdReader {
    /// Listens, and waits for a card.
    pub(crate) fn listen(address: &str) -> Result<Self, CardError> {
        let cannot = |e: io::Error| broken(format!("cannot listen on {address}: {e}"));
        // Whoever connects is the card, and is told PINs: vpcd's protocol has no way to know him (ruling 36).
        let here: Vec<_> = address
            .to_socket_addrs()
            .map_err(cannot)?
            .filter(|a| a.ip().is_loopback())
            .collect();
        if here.is_empty() {
            return Err(broken(format!(
                "{address} isn't loopback, and vpcd's protocol has no token: use vpcd:127.0.0.1:PORT here, and tcp:ADDR \
                 for a card of another host"
            )));
        }
        let listener = TcpListener::bind(&here[..]).map_err(cannot)?;
        let at = listener.local_addr().map_err(cannot)?;
        // One may wait for its turn.
        let (tell, coming) = sync_channel(1);
        thread::Builder::new()
            .name("virtual reader".into())
            .spawn(move || listener.incoming().flatten().try_for_each(|card| tell.send(card)))
            .map_err(cannot)?;
        advice::note(&format!("waiting for a card: gba card serve --vpcd {at}"));
        let mut reader = Self {
            coming,
            link: None,
            atr: Vec::new(),
        };
        reader.link = Some(reader.insert()?);
        Ok(reader)
    }

    pub(crate) fn atr(&self) -> &[u8] {
        &self.atr
    }

    /// The next card, powered on.
    fn insert(&mut self) -> Result<TcpStream, CardError> {
        let mut stream = self
            .coming
            .recv_timeout(PATIENCE)
            .map_err(|_| CardError::Absent)?;
        let powered = ready(&stream).and_then(|()| {
            frames::write(&mut stream, &[Control::PowerOn.octet()])?;
            frames::write(&mut stream, &[Control::Atr.octet()])?;
            frames::read(&mut stream, ATR)
        });
        let atr = powered.map_err(|e| broken(format!("the card process gives no ATR: {e}")))?;
        self.atr = atr.expose().to_vec();
        Ok(stream)
    }
}

impl Card for VpcdReader {
    fn transmit(&mut self, command: &Command) -> Result<Response, CardError> {
        let mut stream = match self.link.take() {
            Some(stream) => stream,
            None => self.insert()?,
        };
        let answer = exchange(&mut stream, command).map_err(|e| {
            if timed_out(&e) {
                broken(format!(
                    "the card process was silent for {} s",
                    PATIENCE.as_secs()
                ))
            } else {
                CardError::Absent
            }
        })?;
        self.link = Some(stream);
        Ok(Response::parse(answer.expose())?)
    }
}
