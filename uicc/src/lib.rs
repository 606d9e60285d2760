//! uicc
