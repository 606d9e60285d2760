//! MAA, and what an answer without success says.

use aka::{Autn, Rand, Res, Vector};
use base::Secret;
use diameter::{
    Avp, Fault, Message, Origin, ResultCode,
    dictionary::{self as d, ZH},
    fault::result_avp,
    grammar,
};

use super::{NO_STATE_MAINTAINED, Scheme, expect_answer, optional_impi, vendor_specific_application};
use crate::ids::Impi;

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
        let clean = |text: &str| {
            text.chars()
                .filter(|c| !base::text::steers(*c))
                .take(200)
                .collect()
        };
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
    let mut challenge = [0; 32];
    let (rand, autn) = challenge.split_at_mut(16);
    rand.copy_from_slice(vector.rand.octets());
    autn.copy_from_slice(vector.autn.octets());
    let mut avps = Vec::with_capacity(6);
    avps.extend(number.map(|n| Avp::u32(&d::SIP_ITEM_NUMBER, n)));
    avps.extend([
        Avp::utf8(&d::SIP_AUTHENTICATION_SCHEME, Scheme::DigestAkaV1Md5.as_str()),
        Avp::octets(&d::SIP_AUTHENTICATE, challenge),
        Avp::octets(&d::SIP_AUTHORIZATION, vector.xres.expose()),
        Avp::octets(&d::CONFIDENTIALITY_KEY, vector.ck.expose().as_slice()),
        Avp::octets(&d::INTEGRITY_KEY, vector.ik.expose().as_slice()),
    ]);
    Avp::group(&d::SIP_AUTH_DATA_ITEM, avps)
}

/// The answer to a request that [`MultimediaAuthRequest::parse`](super::MultimediaAuthRequest::parse) or the HSS refuses.
#[must_use]
pub fn fault_answer(request: &Message, origin: &Origin, fault: &Fault) -> Message {
    if fault.result.is_protocol_error() {
        let session = request.find(&d::SESSION_ID).map(Avp::as_octets);
        return fault.answer(&request.header(), session, origin);
    }
    MultimediaAuthAnswer::Err(Failure::from(fault)).to_message(request, origin)
}
