//! gba
