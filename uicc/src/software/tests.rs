//! Tests of the card by APDUs.
