//! Ua at the UE (TS 24.109 5): answering a NAF's challenge.
