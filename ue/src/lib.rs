//! ue
