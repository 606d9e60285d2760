//! Wi-Fi with SIMs: `gba hss serve` behind hostapd, whose devices are eapol_test and wpa_supplicant with our card in a virtual
//! reader. None of the three was written here, and both ends derive the keys of EAP from what our card and our HSS say.
//!
//! * `socket`: hostapd's socket as a plain client sees it: its mode, a stale one, its end, limits, audit log, metrics;
//! * `radius`: hostapd as RADIUS server, eapol_test;
//! * `wired`: hostapd as authenticator of IEEE 802.1X on a wire, wpa_supplicant;
//! * `network`: what they share.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on may panic"
)]

mod network;
mod radius;
mod socket;
mod wired;
