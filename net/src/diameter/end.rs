//! How a connection ends, in words.

use ::diameter::peer::Closed;

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The machine decided.
    Machine(Closed),
    /// The peer closed without a word.
    Eof,
    /// The peer closed before the capabilities exchange was done.
    EarlyEof,
    /// What speaks TLS closed: it sent us an alert.
    WantsTls,
    /// The socket, or TLS on it, failed.
    Socket(String),
    /// The peer doesn't read.
    NotReading,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Machine(why) => write!(f, "{why}"),
            Self::Eof => f.write_str("the peer closed the connection"),
            Self::EarlyEof => f.write_str(
                "the peer closed the connection without capabilities exchange: does it know us, and does it take TLS only?",
            ),
            Self::WantsTls => f.write_str("the peer takes TLS only, and we speak in clear: give us TLS too"),
            Self::Socket(why) => f.write_str(why),
            Self::NotReading => f.write_str("the peer doesn't read what we write"),
        }
    }
}
