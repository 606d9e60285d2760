//! Ub at the BSF: one request, one decision.
