//! Ub at the UE (TS 24.109 4): a state machine without sockets.
