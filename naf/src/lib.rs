//! naf
