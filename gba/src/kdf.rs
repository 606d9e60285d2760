//! The key derivation function of TS 33.220 Annex B.2.
