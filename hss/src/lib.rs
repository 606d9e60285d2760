//! hss
