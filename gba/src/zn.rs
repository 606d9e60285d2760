//! Zn (NAF to BSF, TS 29.109 5): Bootstrapping-Info.
