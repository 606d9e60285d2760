//! Zh (BSF to HSS, TS 29.109 4): Multimedia-Auth.
