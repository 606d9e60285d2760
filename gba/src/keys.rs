//! Ks and the keys under it (TS 33.220 Annex B).
