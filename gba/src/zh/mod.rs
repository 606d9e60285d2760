//! Zh (BSF to HSS, TS 29.109 4): Multimedia-Auth, typed.
//!
//! [`MultimediaAuthRequest`] and [`MultimediaAuthAnswer`] on one side, [`diameter::Message`] on the other.
//! Requests are read strictly: what is wrong becomes the [`Fault`] to answer ([`fault_answer`]). Answers are
//! read tolerantly: what isn't needed (such as the Route-Record that a relay adds) is passed over. Where a message is as
//! usual, [`view`] has both as slices of its octets, which is what HSS and BSF read and write first.

mod answer;
pub mod view;

use aka::{Auts, Rand};
use base::Utc;
use diameter::{
    Avp, Fault, Identity, Message, ResultCode,
    dictionary::{self as d, ZH},
    grammar,
};

pub use answer::{Authentication, Failure, MultimediaAuthAnswer, fault_answer};

use crate::ids::Impi;

/// SIP-Authentication-Scheme (TS 29.229 6.3.9).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// `Digest-AKAv1-MD5`: the only one that GBA with AKA uses (TS 29.109 4.2).
    DigestAkaV1Md5,
    /// Any other, as it was written.
    Other(String),
}

impl Scheme {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::DigestAkaV1Md5 => "Digest-AKAv1-MD5",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Scheme {
    fn from(name: &str) -> Self {
        if name == Self::DigestAkaV1Md5.as_str() {
            Self::DigestAkaV1Md5
        } else {
            Self::Other(name.to_owned())
        }
    }
}

/// MAR (303, TS 29.109 4.2): the BSF asks for a vector, or reports a synchronisation failure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MultimediaAuthRequest {
    /// Session-Id; see [`diameter::SessionIds`].
    pub session_id: String,
    /// Origin-Host: the BSF.
    pub origin_host: Identity,
    /// Origin-Realm.
    pub origin_realm: Identity,
    /// Destination-Realm: the subscriber's home.
    pub destination_realm: Identity,
    /// Destination-Host: the HSS, where the BSF knows it.
    pub destination_host: Option<Identity>,
    /// User-Name.
    pub impi: Impi,
    /// Public-Identity, which a BSF rarely has.
    pub public_identity: Option<String>,
    /// SIP-Authentication-Scheme; absent leaves the choice to the HSS.
    pub scheme: Option<Scheme>,
    /// SIP-Authorization: RAND ‖ AUTS of 16 + 14 octets after a synchronisation failure (TS 33.102 6.3.5).
    pub resync: Option<(Rand, Auts)>,
    /// GUSS-Timestamp: of the GUSS that the BSF has; an unchanged one isn't sent again.
    pub guss_timestamp: Option<Utc>,
}

impl MultimediaAuthRequest {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// The fault to answer: those of [`grammar::check_request`]; 5004 for a SIP-Authorization that isn't
    /// 30 octets long or an Auth-Session-State that asks for a session; 5401 for a User-Name that can't be anybody's
    /// IMPI, or an empty Public-Identity.
    pub fn parse(message: &Message) -> Result<Self, Fault> {
        expect(message, grammar::MULTIMEDIA_AUTH, ZH)?;
        let origin = message.origin()?;
        let item = message.find(&d::SIP_AUTH_DATA_ITEM);
        let in_item = |def| item.and_then(|item| item.find(def));
        let user = message.need(&d::USER_NAME)?;
        let realm = message.need(&d::DESTINATION_REALM)?;
        // BSF and HSS are of one realm nearly always: one copy does for both.
        let destination_realm = if realm.as_octets() == origin.realm.as_str().as_bytes() {
            origin.realm.clone()
        } else {
            realm.as_identity()?
        };
        Ok(Self {
            session_id: message.need(&d::SESSION_ID)?.as_utf8()?.to_owned(),
            origin_host: origin.host,
            origin_realm: origin.realm,
            destination_realm,
            destination_host: message
                .find(&d::DESTINATION_HOST)
                .map(Avp::as_identity)
                .transpose()?,
            impi: user
                .as_utf8()?
                .parse()
                .map_err(|e| Fault::new(ResultCode::IDENTITY_UNKNOWN, format!("User-Name: {e}")))?,
            public_identity: public_identity(message)?,
            scheme: in_item(&d::SIP_AUTHENTICATION_SCHEME)
                .map(|avp| avp.as_utf8().map(Scheme::from))
                .transpose()?,
            resync: in_item(&d::SIP_AUTHORIZATION).map(resync).transpose()?,
            guss_timestamp: message.find(&d::GUSS_TIMESTAMP).map(Avp::as_time).transpose()?,
        })
    }

    /// The request for the wire, without hop-by-hop and end-to-end identifiers.
    #[must_use]
    pub fn to_message(&self) -> Message {
        let mut m = Message::request(grammar::MULTIMEDIA_AUTH, ZH, true);
        // All that may come, and whatever the sender adds.
        m.avps.reserve(12);
        m.avps.extend([
            Avp::utf8(&d::SESSION_ID, &self.session_id),
            vendor_specific_application(ZH),
            Avp::u32(&d::AUTH_SESSION_STATE, NO_STATE_MAINTAINED),
            Avp::identity(&d::ORIGIN_HOST, &self.origin_host),
            Avp::identity(&d::ORIGIN_REALM, &self.origin_realm),
            Avp::identity(&d::DESTINATION_REALM, &self.destination_realm),
        ]);
        m.avps.extend(
            self.destination_host
                .as_ref()
                .map(|host| Avp::identity(&d::DESTINATION_HOST, host)),
        );
        m.avps.push(Avp::utf8(&d::USER_NAME, self.impi.as_str()));
        m.avps.extend(
            self.public_identity
                .as_ref()
                .map(|id| Avp::utf8(&d::PUBLIC_IDENTITY, id)),
        );
        let scheme = self
            .scheme
            .as_ref()
            .map(|s| Avp::utf8(&d::SIP_AUTHENTICATION_SCHEME, s.as_str()));
        let resync = self.resync.map(|(rand, auts)| {
            Avp::octets(
                &d::SIP_AUTHORIZATION,
                [rand.octets().as_slice(), auts.octets()].concat(),
            )
        });
        let item: Vec<Avp> = scheme.into_iter().chain(resync).collect();
        if !item.is_empty() {
            m.avps.push(Avp::group(&d::SIP_AUTH_DATA_ITEM, item));
        }
        m.avps
            .extend(self.guss_timestamp.map(|t| Avp::time(&d::GUSS_TIMESTAMP, t)));
        m
    }
}

/// Zh doesn't need it (TS 29.109 4.2), but an empty one is nobody's.
fn public_identity(message: &Message) -> Result<Option<String>, Fault> {
    let text = optional_text(message.find(&d::PUBLIC_IDENTITY))?;
    if text.as_deref() == Some("") {
        return Err(Fault::new(
            ResultCode::IDENTITY_UNKNOWN,
            "Public-Identity is empty",
        ));
    }
    Ok(text)
}

fn resync(avp: &Avp) -> Result<(Rand, Auts), Fault> {
    let both: &[u8; 30] = avp.as_array()?;
    match both
        .split_first_chunk::<16>()
        .map(|(rand, auts)| (Rand::from(*rand), Auts::try_from(auts)))
    {
        Some((rand, Ok(auts))) => Ok((rand, auts)),
        _ => Err(Fault::value(avp, "RAND and AUTS of 16 and 14 octets expected")),
    }
}

/// Auth-Session-State (RFC 6733 8.11): no session outlives its one exchange.
const NO_STATE_MAINTAINED: u32 = 1;

/// Vendor-Specific-Application-Id of 3GPP (RFC 6733 6.11).
pub(crate) fn vendor_specific_application(application: u32) -> Avp {
    Avp::group(
        &d::VENDOR_SPECIFIC_APPLICATION_ID,
        vec![
            Avp::u32(&d::VENDOR_ID, d::TGPP),
            Avp::u32(&d::AUTH_APPLICATION_ID, application),
        ],
    )
}

/// A checked request of exactly this command.
pub(crate) fn expect(message: &Message, command: u32, application: u32) -> Result<(), Fault> {
    let grammar = grammar::check_request(message)?;
    if !message.is_request() || grammar.command != command || grammar.application != application {
        let text = format!("command {command} of application {application} expected");
        return Err(Fault::new(ResultCode::COMMAND_UNSUPPORTED, text));
    }
    match message.find(&d::AUTH_SESSION_STATE) {
        Some(avp) if avp.as_u32()? != NO_STATE_MAINTAINED => Err(Fault::value(
            avp,
            "NO_STATE_MAINTAINED expected: there are no sessions",
        )),
        _ => Ok(()),
    }
}

/// An answer of exactly this command.
pub(crate) fn expect_answer(message: &Message, command: u32, application: u32) -> Result<(), Fault> {
    if message.is_request() || message.command != command || message.application != application {
        let text = format!("answer to command {command} of application {application} expected");
        return Err(Fault::new(ResultCode::COMMAND_UNSUPPORTED, text));
    }
    Ok(())
}

pub(crate) fn optional_text(avp: Option<&Avp>) -> Result<Option<String>, Fault> {
    avp.map(|avp| avp.as_utf8().map(str::to_owned)).transpose()
}

/// User-Name of an answer.
pub(crate) fn optional_impi(message: &Message) -> Result<Option<Impi>, Fault> {
    message
        .find(&d::USER_NAME)
        .map(|avp| {
            avp.as_utf8()?
                .parse()
                .map_err(|e| Fault::value(avp, format!("User-Name: {e}")))
        })
        .transpose()
}
