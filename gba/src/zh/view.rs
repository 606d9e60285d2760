//! MAR and MAA as they usually come, as slices of their octets: what HSS and BSF read and write without
//! [`diameter::Avp`]s between. Whatever has no view is read as [`MultimediaAuthRequest`] and
//! [`MultimediaAuthAnswer`](super::MultimediaAuthAnswer), which say what is wrong with it.

use aka::{Autn, Auts, Rand, Res, Vector};
use base::{Secret, Utc};
use diameter::{
    Identity, Origin,
    dictionary::{self as d, TGPP, ZH},
    grammar::MULTIMEDIA_AUTH,
    layout::{
        self, ANSWER, Any, Ascii, Block, Command, Exactly, Fields, Ids, Name, REQUEST, Value, Visit,
        fixed_head, fixed_u32,
    },
};

use super::{Authentication, MultimediaAuthRequest, NO_STATE_MAINTAINED, Scheme};
use crate::ids::Impi;

/// A MAR. It asks for Digest-AKAv1-MD5, or leaves the choice to the HSS.
#[derive(Clone, Copy, Default)]
pub struct Mar<'a> {
    /// Session-Id.
    pub session_id: Ascii<'a>,
    /// What a BSF says in each MAR.
    pub route: Block<'a, Route<'a>>,
    /// User-Name.
    pub impi: UserName<'a>,
    /// The scheme, and RAND and AUTS after a synchronisation failure.
    pub item: Option<Asked<'a>>,
    /// GUSS-Timestamp.
    pub guss_timestamp: Option<u32>,
}

impl<'a> Command<'a> for Mar<'a> {
    const FLAGS: u8 = REQUEST;
    const COMMAND: u32 = MULTIMEDIA_AUTH;
    const APPLICATION: u32 = ZH;
}

impl<'a> Fields<'a> for Mar<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.one(&d::SESSION_ID, &mut self.session_id)?;
        v.block(&mut self.route)?;
        v.one(&d::USER_NAME, &mut self.impi)?;
        v.maybe_group(&d::SIP_AUTH_DATA_ITEM, &mut self.item)?;
        v.maybe(&d::GUSS_TIMESTAMP, &mut self.guss_timestamp)
    }
}

impl<'a> Mar<'a> {
    /// Reads a MAR with every check of [`MultimediaAuthRequest::parse`]; `None` for one that isn't as usual.
    #[must_use]
    pub fn read(octets: &'a [u8]) -> Option<(Ids, Self)> {
        layout::read(octets)
    }

    /// RAND and AUTS after a synchronisation failure.
    #[must_use]
    pub fn resync(&self) -> Option<(Rand, Auts)> {
        let Exactly(both) = self.item?.resync?;
        let (rand, auts) = both.split_first_chunk::<16>()?;
        Some((Rand::from(*rand), auts.try_into().ok()?))
    }

    /// GUSS-Timestamp.
    #[must_use]
    pub fn guss_timestamp(&self) -> Option<Utc> {
        self.guss_timestamp.map(Utc::from_ntp)
    }

    /// The same as a message that owns what it says; `None` never, for what was read.
    #[must_use]
    pub fn to_owned(&self) -> Option<MultimediaAuthRequest> {
        let name = |name: Name<'_>| Identity::from_octets(name.octets()).ok();
        let from = self.route.fields;
        Some(MultimediaAuthRequest {
            session_id: core::str::from_utf8(self.session_id.octets()).ok()?.to_owned(),
            origin_host: name(from.origin_host)?,
            origin_realm: name(from.origin_realm)?,
            destination_realm: name(from.destination_realm)?,
            destination_host: match from.destination_host {
                Some(host) => Some(name(host)?),
                None => None,
            },
            impi: self.impi.impi()?,
            public_identity: None,
            scheme: self.item.map(|_| Scheme::DigestAkaV1Md5),
            resync: self.resync(),
            guss_timestamp: self.guss_timestamp(),
        })
    }
}

/// From whom and to whom a MAR goes.
#[derive(Clone, Copy, Default)]
pub struct Route<'a> {
    /// Origin-Host: the BSF.
    pub origin_host: Name<'a>,
    /// Origin-Realm.
    pub origin_realm: Name<'a>,
    /// Destination-Realm: the subscriber's home.
    pub destination_realm: Name<'a>,
    /// Destination-Host: the HSS, where the BSF knows it.
    pub destination_host: Option<Name<'a>>,
}

impl<'a> Route<'a> {
    /// From this node, to a realm and perhaps a host of it.
    #[must_use]
    pub fn between(origin: &'a Origin, realm: &'a Identity, host: Option<&'a Identity>) -> Self {
        let name = |name: &'a Identity| Name::of(name.as_str().as_bytes());
        Self {
            origin_host: name(&origin.host),
            origin_realm: name(&origin.realm),
            destination_realm: name(realm),
            destination_host: host.map(name),
        }
    }

    /// As a request says it.
    #[must_use]
    pub fn of(request: &'a MultimediaAuthRequest) -> Self {
        let name = |name: &'a Identity| Name::of(name.as_str().as_bytes());
        Self {
            origin_host: name(&request.origin_host),
            origin_realm: name(&request.origin_realm),
            destination_realm: name(&request.destination_realm),
            destination_host: request.destination_host.as_ref().map(name),
        }
    }
}

impl<'a> Fields<'a> for Route<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.group(&d::VENDOR_SPECIFIC_APPLICATION_ID, &mut Application)?;
        v.fixed(const { &fixed_u32(&d::AUTH_SESSION_STATE, NO_STATE_MAINTAINED) })?;
        v.one(&d::ORIGIN_HOST, &mut self.origin_host)?;
        v.one(&d::ORIGIN_REALM, &mut self.origin_realm)?;
        v.one(&d::DESTINATION_REALM, &mut self.destination_realm)?;
        v.maybe(&d::DESTINATION_HOST, &mut self.destination_host)
    }
}

/// Inside of Vendor-Specific-Application-Id: Zh.
struct Application;

impl<'a> Fields<'a> for Application {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.fixed(const { &fixed_u32(&d::VENDOR_ID, TGPP) })?;
        v.fixed(const { &fixed_u32(&d::AUTH_APPLICATION_ID, ZH) })
    }
}

const DIGEST_AKA_V1_MD5: &[u8; 16] = b"Digest-AKAv1-MD5";

/// SIP-Authentication-Scheme: Digest-AKAv1-MD5.
struct AkaV1;

impl<'a> Fields<'a> for AkaV1 {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.fixed(const { &fixed_head(&d::SIP_AUTHENTICATION_SCHEME, 16) })?;
        v.fixed(DIGEST_AKA_V1_MD5)
    }
}

/// Inside of SIP-Auth-Data-Item of a MAR.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// SIP-Authorization: RAND ‖ AUTS.
    pub resync: Option<Exactly<'a, 30>>,
}

impl<'a> Fields<'a> for Asked<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        AkaV1.lay(v)?;
        v.maybe(&d::SIP_AUTHORIZATION, &mut self.resync)
    }
}

/// A MAA of one vector.
#[derive(Clone, Copy, Default)]
pub struct Maa<'a> {
    /// Session-Id, which is the request's.
    pub session_id: Any<'a>,
    /// What an HSS says in each MAA.
    pub from: Block<'a, Success<'a>>,
    /// User-Name.
    pub impi: Option<UserName<'a>>,
    /// The vector.
    pub item: Item<'a>,
    /// GBA-UserSecSettings.
    pub guss: Option<Any<'a>>,
}

impl<'a> Command<'a> for Maa<'a> {
    const FLAGS: u8 = ANSWER;
    const COMMAND: u32 = MULTIMEDIA_AUTH;
    const APPLICATION: u32 = ZH;
}

impl<'a> Fields<'a> for Maa<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.one(&d::SESSION_ID, &mut self.session_id)?;
        v.block(&mut self.from)?;
        v.maybe(&d::USER_NAME, &mut self.impi)?;
        v.group(&d::SIP_AUTH_DATA_ITEM, &mut self.item)?;
        v.maybe(&d::GBA_USER_SEC_SETTINGS, &mut self.guss)
    }
}

impl<'a> Maa<'a> {
    /// Reads a MAA with every check of [`MultimediaAuthAnswer::parse`](super::MultimediaAuthAnswer::parse); `None` for
    /// one that isn't as usual, as one without success.
    #[must_use]
    pub fn read(octets: &'a [u8]) -> Option<(Ids, Self)> {
        layout::read(octets)
    }

    /// The same as a message that owns what it says; `None` never, for what was read.
    #[must_use]
    pub fn to_owned(&self) -> Option<Authentication> {
        Some(Authentication {
            impi: match self.impi {
                Some(impi) => Some(impi.impi()?),
                None => None,
            },
            vectors: vec![self.vector()?],
            guss: self.guss.map(|xml| xml.octets().to_vec()),
        })
    }

    /// The vector, for whoever keeps it.
    #[must_use]
    pub fn vector(&self) -> Option<Vector> {
        let Challenge(rand, autn) = self.item.challenge;
        Some(Vector {
            rand: Rand::from(*rand),
            autn: Autn::from(*autn),
            xres: Res::new(self.item.xres.0).ok()?,
            ck: Secret::new(*self.item.ck.0),
            ik: Secret::new(*self.item.ik.0),
        })
    }
}

/// That a MAA is a success, and from whom.
#[derive(Clone, Copy, Default)]
pub struct Success<'a> {
    /// Origin-Host: the HSS.
    pub host: Any<'a>,
    /// Origin-Realm.
    pub realm: Any<'a>,
}

impl<'a> Success<'a> {
    /// This node.
    #[must_use]
    pub fn origin(origin: &'a Origin) -> Self {
        Self {
            host: Any::of(origin.host.as_str().as_bytes()),
            realm: Any::of(origin.realm.as_str().as_bytes()),
        }
    }
}

impl<'a> Fields<'a> for Success<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        v.group(&d::VENDOR_SPECIFIC_APPLICATION_ID, &mut Application)?;
        v.fixed(const { &fixed_u32(&d::RESULT_CODE, 2001) })?;
        v.fixed(const { &fixed_u32(&d::AUTH_SESSION_STATE, NO_STATE_MAINTAINED) })?;
        v.one(&d::ORIGIN_HOST, &mut self.host)?;
        v.one(&d::ORIGIN_REALM, &mut self.realm)
    }
}

/// Inside of SIP-Auth-Data-Item of a MAA: a vector.
#[derive(Clone, Copy, Default)]
pub struct Item<'a> {
    /// SIP-Authenticate: RAND ‖ AUTN.
    pub challenge: Challenge<'a>,
    /// SIP-Authorization: XRES.
    pub xres: Xres<'a>,
    /// Confidentiality-Key: CK.
    pub ck: Exactly<'a, 16>,
    /// Integrity-Key: IK.
    pub ik: Exactly<'a, 16>,
}

impl<'a> Item<'a> {
    /// Of a vector.
    #[must_use]
    pub fn of(vector: &'a Vector) -> Self {
        Self {
            challenge: Challenge(vector.rand.octets(), vector.autn.octets()),
            xres: Xres(vector.xres.expose()),
            ck: Exactly(vector.ck.expose()),
            ik: Exactly(vector.ik.expose()),
        }
    }
}

impl<'a> Fields<'a> for Item<'a> {
    #[inline(always)]
    fn lay(&mut self, v: &mut impl Visit<'a>) -> Option<()> {
        AkaV1.lay(v)?;
        v.one(&d::SIP_AUTHENTICATE, &mut self.challenge)?;
        v.one(&d::SIP_AUTHORIZATION, &mut self.xres)?;
        v.one(&d::CONFIDENTIALITY_KEY, &mut self.ck)?;
        v.one(&d::INTEGRITY_KEY, &mut self.ik)
    }
}

/// RAND and AUTN.
#[derive(Clone, Copy)]
pub struct Challenge<'a>(&'a [u8; 16], &'a [u8; 16]);

impl Default for Challenge<'_> {
    fn default() -> Self {
        Self(&[0; 16], &[0; 16])
    }
}

impl<'a> Value<'a> for Challenge<'a> {
    const SIZE: Option<usize> = Some(32);

    #[inline(always)]
    fn read(octets: &'a [u8]) -> Option<Self> {
        let (rand, autn) = octets.split_first_chunk()?;
        Some(Self(rand, autn.try_into().ok()?))
    }

    #[inline(always)]
    fn size(&self) -> usize {
        32
    }

    #[inline(always)]
    fn write(&self, place: &mut [u8]) {
        if let Some((rand, autn)) = place.split_first_chunk_mut() {
            *rand = *self.0;
            Exactly(self.1).write(autn);
        }
    }
}

/// XRES, of 4 to 16 octets.
#[derive(Clone, Copy, Default)]
pub struct Xres<'a>(&'a [u8]);

impl<'a> Value<'a> for Xres<'a> {
    #[inline(always)]
    fn read(octets: &'a [u8]) -> Option<Self> {
        (Res::MIN..=Res::MAX)
            .contains(&octets.len())
            .then_some(Self(octets))
    }

    #[inline(always)]
    fn size(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn write(&self, place: &mut [u8]) {
        // The usual length needs no call.
        match self.0.try_into() {
            Ok(eight) => Exactly::<8>(eight).write(place),
            Err(_) => place.copy_from_slice(self.0),
        }
    }
}

/// An IMPI of ASCII.
#[derive(Clone, Copy, Default)]
pub struct UserName<'a>(&'a [u8]);

impl<'a> UserName<'a> {
    /// Of an IMPI.
    #[must_use]
    pub fn of(impi: &'a Impi) -> Self {
        Self(impi.as_str().as_bytes())
    }

    /// As it stands in the message.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.0
    }

    /// For whoever keeps it.
    #[must_use]
    pub fn impi(self) -> Option<Impi> {
        core::str::from_utf8(self.0).ok()?.parse().ok()
    }
}

impl<'a> Value<'a> for UserName<'a> {
    #[inline(always)]
    fn read(octets: &'a [u8]) -> Option<Self> {
        Impi::is_plain(octets).then_some(Self(octets))
    }

    #[inline(always)]
    fn size(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn write(&self, place: &mut [u8]) {
        layout::copy(place, self.0);
    }
}
