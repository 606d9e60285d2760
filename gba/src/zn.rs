//! Zn (NAF to BSF, TS 29.109 5): Bootstrapping-Info, typed.
//!
//! [`BootstrappingInfoRequest`] and [`BootstrappingInfoAnswer`] on one side, [`diameter::Message`] on the other.
//! Requests are read strictly, answers tolerantly, as in [`crate::zh`].

use base::{Secret, Utc};
use diameter::{
    Avp, Fault, Identity, Message, Origin, ResultCode,
    dictionary::{self as d, AvpDef, ZN},
    fault::result_avp,
    grammar,
};

pub use crate::zh::Failure;
use crate::{
    ids::{Btid, Impi, NafId},
    zh::{expect, expect_answer, optional_impi, vendor_specific_application},
};

/// BIR (310, TS 29.109 5.2): a NAF asks for its key under a B-TID.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BootstrappingInfoRequest {
    /// Session-Id; see [`diameter::SessionIds`].
    pub session_id: String,
    /// Origin-Host: the NAF, as the BSF knows it.
    pub origin_host: Identity,
    /// Origin-Realm.
    pub origin_realm: Identity,
    /// Destination-Realm: of the BSF in the B-TID.
    pub destination_realm: Identity,
    /// Destination-Host: the BSF.
    pub destination_host: Option<Identity>,
    /// Transaction-Identifier.
    pub btid: Btid,
    /// NAF-Id: FQDN as the UE used it, and Ua security protocol id.
    pub naf_id: NafId,
    /// GBA_U-Awareness-Indicator; absent means no.
    pub gba_u_aware: bool,
    /// GAA-Service-Identifiers: of the USSs that the NAF wants.
    pub service_ids: Vec<String>,
}

impl BootstrappingInfoRequest {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// The fault to answer: those of [`grammar::check_request`]; 5004 for a NAF-Id without FQDN or Ua id
    /// (ruling 22) or a service id that is no text; 5403 for a B-TID that nobody can have issued.
    pub fn parse(message: &Message) -> Result<Self, Fault> {
        expect(message, grammar::BOOTSTRAPPING_INFO, ZN)?;
        let origin = message.origin()?;
        let naf_id = message.need(&d::NAF_ID)?;
        let btid = message.need(&d::TRANSACTION_IDENTIFIER)?;
        Ok(Self {
            session_id: message.need(&d::SESSION_ID)?.as_utf8()?.to_owned(),
            origin_host: origin.host,
            origin_realm: origin.realm,
            destination_realm: message.need(&d::DESTINATION_REALM)?.as_identity()?,
            destination_host: message
                .find(&d::DESTINATION_HOST)
                .map(Avp::as_identity)
                .transpose()?,
            naf_id: NafId::parse(naf_id.as_octets()).map_err(|e| Fault::value(naf_id, e.to_string()))?,
            btid: Btid::parse(btid.as_octets())
                .map_err(|e| Fault::new(ResultCode::TRANSACTION_IDENTIFIER_INVALID, e.to_string()))?,
            gba_u_aware: match message.find(&d::GBA_U_AWARENESS_INDICATOR) {
                Some(avp) => avp.as_u32()? == 1,
                None => false,
            },
            service_ids: message
                .all(&d::GAA_SERVICE_IDENTIFIER)
                .map(|avp| avp.as_utf8().map(str::to_owned))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The request for the wire, without hop-by-hop and end-to-end identifiers.
    #[must_use]
    pub fn to_message(&self) -> Message {
        let mut m = Message::request(grammar::BOOTSTRAPPING_INFO, ZN, true);
        m.avps = vec![
            Avp::utf8(&d::SESSION_ID, &self.session_id),
            vendor_specific_application(ZN),
            Avp::identity(&d::ORIGIN_HOST, &self.origin_host),
            Avp::identity(&d::ORIGIN_REALM, &self.origin_realm),
            Avp::identity(&d::DESTINATION_REALM, &self.destination_realm),
        ];
        m.avps.extend(
            self.destination_host
                .as_ref()
                .map(|host| Avp::identity(&d::DESTINATION_HOST, host)),
        );
        m.avps.extend(
            self.service_ids
                .iter()
                .map(|id| Avp::utf8(&d::GAA_SERVICE_IDENTIFIER, id)),
        );
        m.avps
            .push(Avp::octets(&d::TRANSACTION_IDENTIFIER, self.btid.octets()));
        m.avps.push(Avp::octets(&d::NAF_ID, self.naf_id.octets()));
        if self.gba_u_aware {
            m.avps.push(Avp::u32(&d::GBA_U_AWARENESS_INDICATOR, 1));
        }
        m
    }
}

/// GBA-Type (410): how the Ks came about. Unknown numbers survive.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum GbaType {
    /// 3G AKA; also where the AVP is absent.
    #[default]
    ThreeG,
    /// 2G GBA (TS 33.220 annex I).
    TwoG,
    /// GBA_Digest (TS 33.220 annex M).
    Digest,
    /// Another number.
    Other(u32),
}

impl From<u32> for GbaType {
    fn from(n: u32) -> Self {
        match n {
            0 => Self::ThreeG,
            1 => Self::TwoG,
            2 => Self::Digest,
            n => Self::Other(n),
        }
    }
}

impl From<GbaType> for u32 {
    fn from(t: GbaType) -> Self {
        match t {
            GbaType::ThreeG => 0,
            GbaType::TwoG => 1,
            GbaType::Digest => 2,
            GbaType::Other(n) => n,
        }
    }
}

/// BIA (310, TS 29.109 5.2).
pub enum BootstrappingInfoAnswer {
    /// Result-Code 2001.
    Ok(BootstrappingInfo),
    /// Any other result; 5402 and 5403 are those a NAF has to tell apart.
    Err(Failure),
}

/// What a successful BIA brings.
pub struct BootstrappingInfo {
    /// User-Name: only for a NAF that may know it (ruling 22).
    pub impi: Option<Impi>,
    /// ME-Key-Material: Ks_NAF, or Ks_ext_NAF of GBA_U.
    pub me_key: Secret<32>,
    /// UICC-Key-Material: Ks_int_NAF, only for a NAF that knows GBA_U.
    pub uicc_key: Option<Secret<32>>,
    /// Key-ExpiryTime.
    pub expiry: Utc,
    /// BootstrapInfoCreationTime.
    pub created: Utc,
    /// GBA-UserSecSettings: `ussList` in XML, only what the NAF may see.
    pub uss: Option<Vec<u8>>,
    /// GBA-Type.
    pub gba_type: GbaType,
}

impl BootstrappingInfoAnswer {
    /// Reads an answer. AVPs that aren't needed are passed over.
    ///
    /// # Errors
    /// A fault that says what is wrong with the answer: no result; success without key, expiry or creation
    /// time; a key that isn't 32 octets long.
    pub fn parse(message: &Message) -> Result<Self, Fault> {
        expect_answer(message, grammar::BOOTSTRAPPING_INFO, ZN)?;
        let result = message.result()?;
        if !result.is_success() {
            return Ok(Self::Err(Failure::read(message, result)));
        }
        let key = |avp: &Avp| avp.as_array().map(|octets| Secret::new(*octets));
        Ok(Self::Ok(BootstrappingInfo {
            impi: optional_impi(message)?,
            me_key: key(message.need(&d::ME_KEY_MATERIAL)?)?,
            uicc_key: message.find(&d::UICC_KEY_MATERIAL).map(key).transpose()?,
            expiry: message.need(&d::KEY_EXPIRY_TIME)?.as_time()?,
            created: message.need(&d::BOOTSTRAP_INFO_CREATION_TIME)?.as_time()?,
            uss: message
                .find(&d::GBA_USER_SEC_SETTINGS)
                .map(|avp| avp.as_octets().to_vec()),
            gba_type: match message.find(&d::GBA_TYPE) {
                Some(avp) => GbaType::from(avp.as_u32()?),
                None => GbaType::ThreeG,
            },
        }))
    }

    /// The answer to `request`, for the wire.
    #[must_use]
    pub fn to_message(&self, request: &Message, origin: &Origin) -> Message {
        let mut m = Message::answer_to(request);
        m.avps.push(vendor_specific_application(ZN));
        m.avps.push(result_avp(match self {
            Self::Ok(_) => ResultCode::SUCCESS,
            Self::Err(failure) => failure.result,
        }));
        m.push_origin(origin);
        match self {
            Self::Err(failure) => m.avps.extend(failure.avps()),
            Self::Ok(info) => {
                let key = |def: &AvpDef, key: &Secret<32>| Avp::octets(def, key.expose().as_slice());
                m.avps.extend(
                    info.impi
                        .as_ref()
                        .map(|impi| Avp::utf8(&d::USER_NAME, impi.as_str())),
                );
                m.avps.push(key(&d::ME_KEY_MATERIAL, &info.me_key));
                m.avps
                    .extend(info.uicc_key.as_ref().map(|k| key(&d::UICC_KEY_MATERIAL, k)));
                m.avps.push(Avp::time(&d::KEY_EXPIRY_TIME, info.expiry));
                m.avps
                    .push(Avp::time(&d::BOOTSTRAP_INFO_CREATION_TIME, info.created));
                m.avps.extend(
                    info.uss
                        .as_ref()
                        .map(|xml| Avp::octets(&d::GBA_USER_SEC_SETTINGS, xml.as_slice())),
                );
                m.avps.push(Avp::u32(&d::GBA_TYPE, info.gba_type.into()));
            }
        }
        m.copy_proxy_info(request);
        m
    }
}

/// The answer to a request that [`BootstrappingInfoRequest::parse`] or the BSF refuses.
#[must_use]
pub fn fault_answer(request: &Message, origin: &Origin, fault: &Fault) -> Message {
    if fault.result.is_protocol_error() {
        let session = request.find(&d::SESSION_ID).map(Avp::as_octets);
        return fault.answer(&request.header(), session, origin);
    }
    BootstrappingInfoAnswer::Err(Failure::from(fault)).to_message(request, origin)
}
