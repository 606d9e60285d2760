//! What is wrong with a message, as the answer to it will say.

use std::borrow::Cow;

use core::fmt;

use crate::{
    avp::Avp,
    dictionary::{self, AvpDef, Kind},
    identity::Origin,
    message::{Header, Message},
    result::ResultCode,
};

/// A fault of a request (RFC 6733 7): result code, the AVP at fault, and words for a human.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct Fault {
    /// Goes into Result-Code or Experimental-Result.
    pub result: ResultCode,
    /// Code and vendor (0 = none) of the AVP at fault.
    pub failed_avp: Option<(u32, u32)>,
    /// Goes into Error-Message (281). Never holds octets of the message.
    pub text: Cow<'static, str>,
    copy: Option<Box<Avp>>,
}

impl Fault {
    /// A fault that no single AVP causes.
    #[must_use]
    pub fn new(result: ResultCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            result,
            failed_avp: None,
            text: text.into(),
            copy: None,
        }
    }

    /// A fault of an AVP of which only the head could be read (5014).
    #[must_use]
    pub fn of(result: ResultCode, code: u32, vendor: u32, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            failed_avp: Some((code, vendor)),
            ..Self::new(result, text)
        }
    }

    /// A fault of an AVP that was received; the answer will hold a copy of it (RFC 6733 7.5).
    #[must_use]
    pub fn in_avp(result: ResultCode, avp: &Avp, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            copy: Some(Box::new(avp.clone())),
            ..Self::of(result, avp.code(), avp.vendor(), text)
        }
    }

    /// 5004: the value of a received AVP isn't allowed.
    #[must_use]
    pub fn value(avp: &Avp, text: impl Into<Cow<'static, str>>) -> Self {
        Self::in_avp(ResultCode::INVALID_AVP_VALUE, avp, text)
    }

    /// 5005: an AVP is missing.
    #[must_use]
    pub fn missing(def: &AvpDef) -> Self {
        Self::of(
            ResultCode::MISSING_AVP,
            def.code,
            def.vendor,
            format!("{} ({}) is missing", def.name, def.clause),
        )
    }

    /// The AVP to put into Failed-AVP: the received one, or an empty one of the smallest length its type
    /// allows (RFC 6733 7.5).
    #[must_use]
    pub fn offending(&self) -> Option<Avp> {
        if let Some(copy) = &self.copy {
            return Some(copy.as_ref().clone());
        }
        let (code, vendor) = self.failed_avp?;
        Some(match dictionary::find(vendor, code) {
            Some(def) => Avp::octets(def, vec![0; def.kind.min_len()]),
            None => Avp::raw(code, vendor, 0, Vec::new()),
        })
    }

    /// The result AVP of an answer: Result-Code or Experimental-Result.
    #[must_use]
    pub fn result_avp(&self) -> Avp {
        result_avp(self.result)
    }

    /// Failed-AVP (279), if an AVP is at fault.
    #[must_use]
    pub fn failed_avp_avp(&self) -> Option<Avp> {
        self.offending()
            .map(|avp| Avp::group(&dictionary::FAILED_AVP, vec![avp]))
    }

    /// The bare error answer that fits any command (RFC 6733 7.2). `session` is the request's Session-Id.
    #[must_use]
    pub fn answer(&self, request: &Header, session: Option<&[u8]>, origin: &Origin) -> Message {
        let mut answer = Message::answer_to_header(request);
        if self.result.is_protocol_error() {
            answer.flags |= Message::ERROR;
        }
        answer
            .avps
            .extend(session.map(|id| Avp::octets(&dictionary::SESSION_ID, id)));
        answer.avps.push(self.result_avp());
        answer.push_origin(origin);
        answer
            .avps
            .push(Avp::utf8(&dictionary::ERROR_MESSAGE, &self.text));
        answer.avps.extend(self.failed_avp_avp());
        answer
    }
}

/// Result-Code or Experimental-Result (RFC 6733 7.1, 7.6).
#[must_use]
pub fn result_avp(result: ResultCode) -> Avp {
    match result {
        ResultCode::Base(code) => Avp::u32(&dictionary::RESULT_CODE, code),
        ResultCode::Experimental { vendor, code } => Avp::group(
            &dictionary::EXPERIMENTAL_RESULT,
            vec![
                Avp::u32(&dictionary::VENDOR_ID, vendor),
                Avp::u32(&dictionary::EXPERIMENTAL_RESULT_CODE, code),
            ],
        ),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.result, self.text)?;
        match self.failed_avp {
            Some((code, 0)) => write!(f, " (AVP {code})"),
            Some((code, vendor)) => write!(f, " (AVP {code} of vendor {vendor})"),
            None => Ok(()),
        }
    }
}

impl Kind {
    /// The smallest length of a value of this type, in octets.
    #[must_use]
    pub const fn min_len(self) -> usize {
        match self {
            Self::OctetString | Self::Utf8 | Self::Identity | Self::Grouped => 0,
            Self::Unsigned32 | Self::Enumerated(_) | Self::Time => 4,
            Self::Address => 6,
        }
    }
}
