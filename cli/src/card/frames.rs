//! vpcd's frames: a length of two octets, then as many. One octet alone is a control, all else an APDU or its answer.

use std::io::{self, Read, Write};

use base::SecretBytes;
use tokio::net::TcpStream;

/// Longest APDU with short lengths: header, Lc, 255 octets, Le.
pub(crate) const COMMAND: usize = 261;

/// Longest answer: 256 octets and the status word.
pub(crate) const ANSWER: usize = 258;

/// What a reader asks of a card beside APDUs. Only [`Control::Atr`] is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Control {
    PowerOff,
    PowerOn,
    Reset,
    Atr,
}

impl Control {
    pub(crate) const fn of(frame: &[u8]) -> Option<Self> {
        match frame {
            [0] => Some(Self::PowerOff),
            [1] => Some(Self::PowerOn),
            [2] => Some(Self::Reset),
            [4] => Some(Self::Atr),
            _ => None,
        }
    }

    pub(crate) const fn octet(self) -> u8 {
        match self {
            Self::PowerOff => 0,
            Self::PowerOn => 1,
            Self::Reset => 2,
            Self::Atr => 4,
        }
    }
}

/// Length and payload as one, so that they leave in one packet.
fn frame(payload: &[u8]) -> io::Result<SecretBytes> {
    let length = u16::try_from(payload.len()).map_err(|_| too_long(payload.len(), usize::from(u16::MAX)))?;
    Ok(SecretBytes::new([&length.to_be_bytes(), payload].concat()))
}

fn too_long(got: usize, limit: usize) -> io::Error {
    let why = format!("a frame of {got} octets came, at most {limit} expected");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Writes one frame.
pub(crate) fn write(to: &mut impl Write, payload: &[u8]) -> io::Result<()> {
    to.write_all(frame(payload)?.expose())
}

/// Reads one frame of at most `limit` octets.
pub(crate) fn read(from: &mut impl Read, limit: usize) -> io::Result<SecretBytes> {
    let mut length = [0; 2];
    from.read_exact(&mut length)?;
    let length = usize::from(u16::from_be_bytes(length));
    if length > limit {
        return Err(too_long(length, limit));
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok(SecretBytes::new(payload))
}

/// Writes one frame.
pub(crate) async fn send(to: &TcpStream, payload: &[u8]) -> io::Result<()> {
    let frame = frame(payload)?;
    let mut left = frame.expose();
    while !left.is_empty() {
        match to.try_write(left) {
            Ok(n) => left = left.get(n..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Frames as they come in on a connection.
pub(crate) struct Incoming {
    buffer: Box<[u8]>,
    filled: usize,
    limit: usize,
}

impl Incoming {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: vec![0; limit + 2].into(),
            filled: 0,
            limit,
        }
    }

    /// Waits for the next frame, hands it to `take` and wipes it. `None` at the orderly end of the connection.
    ///
    /// A reader's driver sends the length alone and its payload only once that is acknowledged: so Linux is told before
    /// each wait to acknowledge at once, which it forgets with each packet; else every frame takes 40 ms.
    pub(crate) async fn next<T>(
        &mut self,
        from: &TcpStream,
        take: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<Option<T>> {
        loop {
            if let Some(end) = self.whole()? {
                let taken = take(self.buffer.get(2..end).unwrap_or_default());
                self.buffer.copy_within(end..self.filled, 0);
                let left = self.filled - end;
                self.buffer[left..self.filled].fill(0);
                self.filled = left;
                return Ok(Some(taken));
            }
            acknowledge_at_once(from);
            from.readable().await?;
            match from.try_read(&mut self.buffer[self.filled..]) {
                Ok(0) if self.filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.filled += n,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Where the first frame ends, if it is there.
    fn whole(&self) -> io::Result<Option<usize>> {
        let Some((length, rest)) = self.buffer[..self.filled].split_first_chunk::<2>() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > self.limit {
            return Err(too_long(length, self.limit));
        }
        Ok((rest.len() >= length).then_some(2 + length))
    }
}

#[cfg(target_os = "linux")]
fn acknowledge_at_once(stream: &TcpStream) {
    // Slower without, and no more.
    let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
}

#[cfg(not(target_os = "linux"))]
const fn acknowledge_at_once(_: &TcpStream) {}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_longer_one_is_refused() {
        let mut wire = Vec::new();
        write(&mut wire, &[0, 0xa4, 0, 4]).unwrap();
        assert_eq!(wire, [0, 4, 0, 0xa4, 0, 4]);
        assert_eq!(read(&mut &wire[..], 4).unwrap().expose(), [0, 0xa4, 0, 4]);
        let why = read(&mut &wire[..], 3).err().unwrap().to_string();
        assert_eq!(why, "a frame of 4 octets came, at most 3 expected");
        assert!(read(&mut &wire[..5], 4).is_err());
        for control in [Control::PowerOff, Control::PowerOn, Control::Reset, Control::Atr] {
            assert_eq!(Control::of(&[control.octet()]), Some(control));
        }
        assert_eq!(Control::of(&[3]), None);
    }

    /// However the octets fall into packets, the same frames come out.
    #[tokio::test]
    async fn frames_come_out_whole_however_they_were_cut() {
        let frames: [&[u8]; 4] = [&[4], &[], &[0, 0xa4, 0, 4, 2, 0x3f, 0], &[7; 261]];
        let mut wire = Vec::new();
        for f in frames {
            write(&mut wire, f).unwrap();
        }
        for piece in [1, 2, 3, 7, 300] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut out = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            out.set_nodelay(true).unwrap();
            let (from, _) = listener.accept().await.unwrap();
            let wire = wire.clone();
            let sending = tokio::spawn(async move {
                for part in wire.chunks(piece) {
                    out.write_all(part).await.unwrap();
                }
            });
            let mut incoming = Incoming::new(COMMAND);
            for f in frames {
                assert_eq!(
                    incoming.next(&from, <[u8]>::to_vec).await.unwrap().as_deref(),
                    Some(f)
                );
            }
            sending.await.unwrap();
            assert!(incoming.next(&from, |_| ()).await.unwrap().is_none());
        }
    }
}
