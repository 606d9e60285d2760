//! The home subscriber server as far as GBA needs it: subscribers, the authentication centre, and Zh.
//!
//! | module | what it holds |
//! |---|---|
//! | [`subscribers`] | who there is, from a TOML file or built in code; keys never show |
//! | [`sqn`] | sequence numbers, in memory or in a file that survives a crash |
//! | [`auc`] | vectors: RAND, then a stored SQN, then the vector; resynchronisation |
//! | [`hostapd`] | vectors for Wi-Fi, asked for by hostapd over a Unix socket |
//! | [`zh`] | MAR to MAA: who may ask, what is answered; pure decisions, [`Hss`], and [`serve`] over connections |
//!
//! [`Hss::answer`] takes and gives Diameter messages, [`Hss::authenticate`] the same without Diameter; neither needs a
//! socket.
#![forbid(unsafe_code)]

pub mod auc;
pub mod hostapd;
pub mod sqn;
pub mod subscribers;
pub mod zh;

pub use auc::Auc;
pub use sqn::{FileSqnStore, MemorySqnStore, SqnStore};
pub use subscribers::{Subscriber, Subscribers};
pub use zh::{Config, Hss, serve};
