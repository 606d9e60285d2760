//! A tower layer that authenticates HTTP requests with NAF keys (TS 24.109 clause 5).
