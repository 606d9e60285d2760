//! The one call to OpenSSL that rust-openssl lacks, and the only unsafe code of this crate.
#![allow(unsafe_code, reason = "rust-openssl has no call to set the PSK identity hint")]

use core::ffi::{c_char, c_int, c_void};
use std::ffi::CStr;

use openssl::ssl::SslContextBuilder;

unsafe extern "C" {
    // ssl.h: int SSL_CTX_use_psk_identity_hint(SSL_CTX *ctx, const char *identity_hint);
    // libssl is linked by openssl-sys. SSL_CTX is opaque, so a pointer to void has the same form.
    fn SSL_CTX_use_psk_identity_hint(context: *mut c_void, hint: *const c_char) -> c_int;
}

/// Sets the psk_identity_hint that a server sends in its ServerKeyExchange (RFC 4279 2). False if OpenSSL refuses
/// it: more than 256 octets.
#[must_use]
pub(super) fn set_identity_hint(context: &mut SslContextBuilder, hint: &CStr) -> bool {
    // SAFETY: `context.as_ptr()` is the SSL_CTX that the builder owns: valid and not yet shared, as `context` is
    // borrowed mutably for the whole call and a builder has no other owner. `hint` is a string that ends with NUL
    // and lives for the whole call; OpenSSL copies it (OPENSSL_strdup in ssl_lib.c) and keeps no pointer to it.
    // The prototype above is that of ssl.h in OpenSSL 1.0.0 to 3.x.
    let done = unsafe { SSL_CTX_use_psk_identity_hint(context.as_ptr().cast(), hint.as_ptr()) };
    done == 1
}
