//! Ua at the NAF (TS 24.109 5): challenging and verifying.
