//! The UE and the HSS of the benches: as little as a BSF needs in order to work.

use std::sync::atomic::{AtomicU64, Ordering};

use aka::{Auts, Rand, Res, Vector};
use base::Secret;
use bsf::VectorSource;
use bytes::Bytes;
use gba::{
    digest::{Algorithm, Challenge, Credentials, Qop, response},
    ids::Impi,
    ub::server::{Obtained, SourceFailure},
};
use http::header;

pub(crate) const RES: [u8; 8] = [0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf];

/// Vectors at once, each with a RAND of its own.
#[derive(Default)]
pub(crate) struct Source(AtomicU64);

impl VectorSource for Source {
    async fn fetch(&self, _: &Impi, _: Option<(Rand, Auts)>) -> Result<Obtained, SourceFailure> {
        let mut rand = [0; 16];
        rand[..8].copy_from_slice(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let vector = Vector {
            rand: Rand::from(rand),
            autn: [7; 16].into(),
            xres: Res::new(&RES).expect("eight octets"),
            ck: Secret::new([1; 16]),
            ik: Secret::new([2; 16]),
        };
        Ok(Obtained { vector, guss: None })
    }
}

pub(crate) fn get(authorization: &str) -> http::Request<Bytes> {
    http::Request::get("/")
        .header(header::HOST, "bsf.mnc001.mcc001.pub.3gppnetwork.org")
        .header(header::AUTHORIZATION, authorization)
        .body(Bytes::new())
        .expect("a request")
}

pub(crate) fn sign(challenge: &Challenge, username: &str) -> Credentials {
    let mut c = Credentials {
        username: username.to_owned(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: "/".into(),
        algorithm: Some(Algorithm::AkaV1Md5),
        qop: Some(Qop::AuthInt),
        nc: Some("00000001".into()),
        cnonce: Some("468f5b9d04a32d38".into()),
        opaque: challenge.opaque.clone(),
        ..Credentials::default()
    };
    let ha1 = c.ha1(Algorithm::AkaV1Md5, &RES);
    c.response = response(&ha1, &c.fields(Algorithm::AkaV1Md5), "GET", b"");
    c
}
