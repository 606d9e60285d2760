//! Why a device could not do what it was asked.

use gba::ub::client::UbError;
use uicc::terminal::UsimError;

/// Sorted by who has to act: network, BSF, card, ourselves.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The BSF can't be reached.
    #[error("no answer from the BSF: {0}")]
    Unreachable(net::Error),
    /// The bootstrapping run failed.
    #[error("bootstrapping failed: {0}")]
    Bootstrap(#[from] UbError),
    /// There is no Ks, or it has ended.
    #[error("there is no bootstrapped key, or it has expired: bootstrap first")]
    NotBootstrapped,
    /// The card can't be used.
    #[error(transparent)]
    Card(#[from] UsimError),
    /// The card was taken out, changed or reset: its keys are gone with it (ruling 10).
    #[error("the card was taken out, changed or reset: its keys are deleted; open it and bootstrap again")]
    CardChanged,
    /// The card needs longer than any card should.
    #[error("the card does not answer")]
    CardSilent,
    /// The card's thread has ended.
    #[error("the card's thread has ended: open the card again")]
    CardThread,
    /// A request can't be sent as it is.
    #[error("request not sendable: {0}")]
    Misuse(&'static str),
    /// No randomness.
    #[error(transparent)]
    NoEntropy(#[from] base::NoEntropy),
}
