//! TLS with a NAF key as the pre-shared key (TS 33.222 5.4).
