//! Zh (BSF to HSS, TS 29.109 4): Multimedia-Auth, typed.
//!
//! [`MultimediaAuthRequest`] and [`MultimediaAuthAnswer`] on one side, [`diameter::Message`] on the other.
//! Requests are read strictly: what is wrong becomes the [`Fault`] to answer ([`fault_answer`]). Answers are
//! read tolerantly: what isn't needed (such as the Route-Record that a relay adds) is passed over.

use aka::{Autn, Auts, Rand, Res, Vector};
use base::{Secret, Utc};
use diameter::{
    Avp, Fault, Identity, Message, Origin, ResultCode,
    dictionary::{self as d, ZH},
    fault::result_avp,
    grammar,
};

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
    /// 30 octets long; 5401 for a User-Name that can't be anybody's IMPI.
    pub fn parse(message: &Message) -> Result<Self, Fault> {
        expect(message, grammar::MULTIMEDIA_AUTH, ZH)?;
        let origin = message.origin()?;
        let item = message.find(&d::SIP_AUTH_DATA_ITEM);
        let in_item = |def| item.and_then(|item| item.find(def));
        let user = message.need(&d::USER_NAME)?;
        Ok(Self {
            session_id: message.need(&d::SESSION_ID)?.as_utf8()?.to_owned(),
            origin_host: origin.host,
            origin_realm: origin.realm,
            destination_realm: message.need(&d::DESTINATION_REALM)?.as_identity()?,
            destination_host: message
                .find(&d::DESTINATION_HOST)
                .map(Avp::as_identity)
                .transpose()?,
            impi: user
                .as_utf8()?
                .parse()
                .map_err(|e| Fault::new(ResultCode::IDENTITY_UNKNOWN, format!("User-Name: {e}")))?,
            public_identity: optional_text(message.find(&d::PUBLIC_IDENTITY))?,
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
        m.avps = vec![
            Avp::utf8(&d::SESSION_ID, &self.session_id),
            vendor_specific_application(ZH),
            Avp::u32(&d::AUTH_SESSION_STATE, NO_STATE_MAINTAINED),
            Avp::identity(&d::ORIGIN_HOST, &self.origin_host),
            Avp::identity(&d::ORIGIN_REALM, &self.origin_realm),
            Avp::identity(&d::DESTINATION_REALM, &self.destination_realm),
        ];
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

/// MAA (303, TS 29.109 4.2).
pub enum MultimediaAuthAnswer {
    /// Result-Code 2001.
    Ok(Authentication),
    /// Any other result.
    Err(Failure),
}

/// What a successful MAA brings.
pub struct Authentication {
    /// User-Name, which should be the one asked for.
    pub impi: Option<Impi>,
    /// Vectors in the order in which they are to be used: at least one.
    pub vectors: Vec<Vector>,
    /// GBA-UserSecSettings: the GUSS in XML; `None` where the BSF's copy is up to date or there is none.
    pub guss: Option<Vec<u8>>,
}

/// What an answer without success says.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Result-Code or Experimental-Result.
    pub result: ResultCode,
    /// Error-Message, at most what fits a log line; from the peer, so not to be trusted.
    pub text: Option<String>,
    /// The AVP that the peer complains of.
    pub failed_avp: Option<Avp>,
}

impl Failure {
    /// A result without explanation.
    #[must_use]
    pub const fn new(result: ResultCode) -> Self {
        Self {
            result,
            text: None,
            failed_avp: None,
        }
    }

    pub(crate) fn read(message: &Message, result: ResultCode) -> Self {
        let text = message.find(&d::ERROR_MESSAGE).and_then(|avp| avp.as_utf8().ok());
        let clean = |text: &str| text.chars().filter(|c| !c.is_control()).take(200).collect();
        Self {
            result,
            text: text.map(clean),
            failed_avp: message
                .find(&d::FAILED_AVP)
                .and_then(|avp| avp.as_group().first().cloned()),
        }
    }

    /// Error-Message and Failed-AVP.
    pub(crate) fn avps(&self) -> impl Iterator<Item = Avp> {
        let text = self.text.as_ref().map(|text| Avp::utf8(&d::ERROR_MESSAGE, text));
        let failed = self
            .failed_avp
            .clone()
            .map(|avp| Avp::group(&d::FAILED_AVP, vec![avp]));
        text.into_iter().chain(failed)
    }
}

impl From<&Fault> for Failure {
    fn from(fault: &Fault) -> Self {
        Self {
            result: fault.result,
            text: Some(fault.text.to_string()),
            failed_avp: fault.offending(),
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.result)?;
        match &self.text {
            Some(text) => write!(f, ": {text:?}"),
            None => Ok(()),
        }
    }
}

impl MultimediaAuthAnswer {
    /// Reads an answer. AVPs that aren't needed are passed over.
    ///
    /// # Errors
    /// A fault that says what is wrong with the answer: no result; success without a vector, or with one whose
    /// parts have wrong lengths (RAND ‖ AUTN 32, XRES 4 to 16, CK and IK 16 octets).
    pub fn parse(message: &Message) -> Result<Self, Fault> {
        expect_answer(message, grammar::MULTIMEDIA_AUTH, ZH)?;
        let result = message.result()?;
        if !result.is_success() {
            return Ok(Self::Err(Failure::read(message, result)));
        }
        let mut items = message
            .all(&d::SIP_AUTH_DATA_ITEM)
            .map(|item| {
                let number = item.find(&d::SIP_ITEM_NUMBER).map(Avp::as_u32).transpose()?;
                Ok((number, vector(item)?))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        if items.is_empty() {
            return Err(Fault::missing(&d::SIP_AUTH_DATA_ITEM));
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(Self::Ok(Authentication {
            impi: optional_impi(message)?,
            vectors: items.into_iter().map(|(_, vector)| vector).collect(),
            guss: message
                .find(&d::GBA_USER_SEC_SETTINGS)
                .map(|avp| avp.as_octets().to_vec()),
        }))
    }

    /// The answer to `request`, for the wire.
    #[must_use]
    pub fn to_message(&self, request: &Message, origin: &Origin) -> Message {
        let mut m = Message::answer_to(request);
        m.avps.push(vendor_specific_application(ZH));
        m.avps.push(result_avp(match self {
            Self::Ok(_) => ResultCode::SUCCESS,
            Self::Err(failure) => failure.result,
        }));
        m.avps.push(Avp::u32(&d::AUTH_SESSION_STATE, NO_STATE_MAINTAINED));
        m.push_origin(origin);
        match self {
            Self::Err(failure) => m.avps.extend(failure.avps()),
            Self::Ok(ok) => {
                m.avps.extend(
                    ok.impi
                        .as_ref()
                        .map(|impi| Avp::utf8(&d::USER_NAME, impi.as_str())),
                );
                let several = ok.vectors.len() > 1;
                if several {
                    let count = u32::try_from(ok.vectors.len()).unwrap_or(u32::MAX);
                    m.avps.push(Avp::u32(&d::SIP_NUMBER_AUTH_ITEMS, count));
                }
                m.avps.extend(
                    ok.vectors
                        .iter()
                        .zip(1..)
                        .map(|(v, n)| item(v, several.then_some(n))),
                );
                m.avps.extend(
                    ok.guss
                        .as_ref()
                        .map(|xml| Avp::octets(&d::GBA_USER_SEC_SETTINGS, xml.as_slice())),
                );
            }
        }
        m.copy_proxy_info(request);
        m
    }
}

fn vector(item: &Avp) -> Result<Vector, Fault> {
    let need = |def| item.find(def).ok_or_else(|| Fault::missing(def));
    let challenge = need(&d::SIP_AUTHENTICATE)?;
    let both: &[u8; 32] = challenge.as_array()?;
    let (rand, autn) = match both.as_chunks::<16>().0 {
        [rand, autn] => (*rand, *autn),
        _ => {
            return Err(Fault::value(
                challenge,
                "RAND and AUTN of 16 octets each expected",
            ));
        }
    };
    let xres = need(&d::SIP_AUTHORIZATION)?;
    Ok(Vector {
        rand: Rand::from(rand),
        autn: Autn::from(autn),
        xres: Res::new(xres.as_octets()).map_err(|e| Fault::value(xres, e.to_string()))?,
        ck: Secret::new(*need(&d::CONFIDENTIALITY_KEY)?.as_array()?),
        ik: Secret::new(*need(&d::INTEGRITY_KEY)?.as_array()?),
    })
}

fn item(vector: &Vector, number: Option<u32>) -> Avp {
    let mut avps: Vec<Avp> = number
        .map(|n| Avp::u32(&d::SIP_ITEM_NUMBER, n))
        .into_iter()
        .collect();
    avps.extend([
        Avp::utf8(&d::SIP_AUTHENTICATION_SCHEME, Scheme::DigestAkaV1Md5.as_str()),
        Avp::octets(
            &d::SIP_AUTHENTICATE,
            [vector.rand.octets().as_slice(), vector.autn.octets()].concat(),
        ),
        Avp::octets(&d::SIP_AUTHORIZATION, vector.xres.expose()),
        Avp::octets(&d::CONFIDENTIALITY_KEY, vector.ck.expose().as_slice()),
        Avp::octets(&d::INTEGRITY_KEY, vector.ik.expose().as_slice()),
    ]);
    Avp::group(&d::SIP_AUTH_DATA_ITEM, avps)
}

/// The answer to a request that [`MultimediaAuthRequest::parse`] or the HSS refuses.
#[must_use]
pub fn fault_answer(request: &Message, origin: &Origin, fault: &Fault) -> Message {
    if fault.result.is_protocol_error() {
        let session = request.find(&d::SESSION_ID).map(Avp::as_octets);
        return fault.answer(&request.header(), session, origin);
    }
    MultimediaAuthAnswer::Err(Failure::from(fault)).to_message(request, origin)
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
    Ok(())
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
