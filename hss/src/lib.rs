//! hss
pub mod auc;
pub mod sqn;
pub mod subscribers;
