//! The laboratory: every element of the network in one process, over real sockets, and what is seen of it.
//!
//! * [`topology`]: HSS, BSF and three NAFs on loopback, wired to each other over Zh and Zn;
//! * [`demo`]: the story that `gba demo` tells: bootstrapping, a service, the M2M root key, the M2M session key;
//! * [`load`]: many runs against any server, counted and measured, for `gba load`;
//! * [`trace`]: the tap that collects each message for the ladder;
//! * [`pcap`]: the tap that writes each connection's octets to a capture file for Wireshark;
//! * [`tap`]: a tap between any two elements, also foreign ones, that shows and alters what passes;
//! * [`report`]: what a run ends with;
//! * [`card_state`]: the file that a software card keeps its state in;
//! * [`cse`]: the one oneM2M resource of the laboratory's IN-CSE.
#![forbid(unsafe_code)]

pub mod card_state;
pub mod cse;
pub mod demo;
mod keys;
pub mod load;
pub mod pcap;
pub mod report;
pub mod tap;
pub mod topology;
pub mod trace;
