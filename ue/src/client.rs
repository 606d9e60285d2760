//! An HTTP client that answers `3GPP-bootstrapping` challenges (TS 24.109 clause 5).
