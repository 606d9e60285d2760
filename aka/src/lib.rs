//! aka
