//! Result codes: the base protocol's in Result-Code, the applications' in Experimental-Result.

use core::fmt;

use crate::dictionary::TGPP;

/// What an answer reports (RFC 6733 7.1, TS 29.109 6.2). Unknown numbers survive.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ResultCode {
    /// In Result-Code (268).
    Base(u32),
    /// In Experimental-Result (297) under a vendor.
    Experimental {
        /// Vendor-Id, 10415 for 3GPP.
        vendor: u32,
        /// Experimental-Result-Code.
        code: u32,
    },
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $make:expr, $text:literal;)*) => {
        impl ResultCode {
            $($(#[$doc])* pub const $name: Self = $make;)*

            /// The name in its specification, if this crate knows it.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                $(if self.same(Self::$name) { return Some($text); })*
                None
            }
        }
    };
}

const fn base(code: u32) -> ResultCode {
    ResultCode::Base(code)
}

const fn tgpp(code: u32) -> ResultCode {
    ResultCode::Experimental { vendor: TGPP, code }
}

codes! {
    /// RFC 6733 7.1.2.
    SUCCESS = base(2001), "DIAMETER_SUCCESS";
    /// RFC 6733 7.1.3: the command isn't known for this application.
    COMMAND_UNSUPPORTED = base(3001), "DIAMETER_COMMAND_UNSUPPORTED";
    /// RFC 6733 7.1.3: no connection towards the destination.
    UNABLE_TO_DELIVER = base(3002), "DIAMETER_UNABLE_TO_DELIVER";
    /// RFC 6733 7.1.3: not our realm.
    REALM_NOT_SERVED = base(3003), "DIAMETER_REALM_NOT_SERVED";
    /// RFC 6733 7.1.3: ask somebody else or later.
    TOO_BUSY = base(3004), "DIAMETER_TOO_BUSY";
    /// RFC 6733 7.1.3: the application isn't served here.
    APPLICATION_UNSUPPORTED = base(3007), "DIAMETER_APPLICATION_UNSUPPORTED";
    /// RFC 6733 7.1.3: header flags contradict the command.
    INVALID_HDR_BITS = base(3008), "DIAMETER_INVALID_HDR_BITS";
    /// RFC 6733 7.1.3: AVP flags contradict the dictionary.
    INVALID_AVP_BITS = base(3009), "DIAMETER_INVALID_AVP_BITS";
    /// RFC 6733 7.1.3: this node doesn't know the peer.
    UNKNOWN_PEER = base(3010), "DIAMETER_UNKNOWN_PEER";
    /// RFC 6733 7.1.5: an AVP with the M flag isn't known.
    AVP_UNSUPPORTED = base(5001), "DIAMETER_AVP_UNSUPPORTED";
    /// RFC 6733 7.1.5.
    AUTHORIZATION_REJECTED = base(5003), "DIAMETER_AUTHORIZATION_REJECTED";
    /// RFC 6733 7.1.5.
    INVALID_AVP_VALUE = base(5004), "DIAMETER_INVALID_AVP_VALUE";
    /// RFC 6733 7.1.5.
    MISSING_AVP = base(5005), "DIAMETER_MISSING_AVP";
    /// RFC 6733 7.1.5.
    AVP_OCCURS_TOO_MANY_TIMES = base(5009), "DIAMETER_AVP_OCCURS_TOO_MANY_TIMES";
    /// RFC 6733 7.1.5: CER and CEA share no application.
    NO_COMMON_APPLICATION = base(5010), "DIAMETER_NO_COMMON_APPLICATION";
    /// RFC 6733 7.1.5.
    UNSUPPORTED_VERSION = base(5011), "DIAMETER_UNSUPPORTED_VERSION";
    /// RFC 6733 7.1.5: for a reason that no other code names.
    UNABLE_TO_COMPLY = base(5012), "DIAMETER_UNABLE_TO_COMPLY";
    /// RFC 6733 7.1.5.
    INVALID_AVP_LENGTH = base(5014), "DIAMETER_INVALID_AVP_LENGTH";
    /// RFC 6733 7.1.5.
    INVALID_MESSAGE_LENGTH = base(5015), "DIAMETER_INVALID_MESSAGE_LENGTH";
    /// RFC 6733 7.1.5: the peer wants TLS inside the connection, which RFC 6733 13.1 abandoned.
    NO_COMMON_SECURITY = base(5017), "DIAMETER_NO_COMMON_SECURITY";
    /// TS 29.109 6.2: the HSS doesn't know the IMPI.
    IDENTITY_UNKNOWN = tgpp(5401), "DIAMETER_ERROR_IDENTITY_UNKNOWN";
    /// TS 29.109 6.2: this NAF may not have this key.
    NOT_AUTHORIZED = tgpp(5402), "DIAMETER_ERROR_NOT_AUTHORIZED";
    /// TS 29.109 6.2: the B-TID is unknown or has expired.
    TRANSACTION_IDENTIFIER_INVALID = tgpp(5403), "DIAMETER_ERROR_TRANSACTION_IDENTIFIER_INVALID";
}

impl ResultCode {
    const fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Base(a), Self::Base(b)) => a == b,
            (Self::Experimental { vendor: v, code: a }, Self::Experimental { vendor: w, code: b }) => {
                v == w && a == b
            }
            _ => false,
        }
    }

    /// The number, whichever AVP carries it.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Base(code) | Self::Experimental { code, .. } => code,
        }
    }

    /// 2xxx (RFC 6733 7.1.2).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.number() / 1000 == 2
    }

    /// 3xxx of the base protocol: answered with the E flag (RFC 6733 7.1.3).
    #[must_use]
    pub const fn is_protocol_error(self) -> bool {
        matches!(self, Self::Base(3000..=3999))
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => write!(f, "{} {name}", self.number()),
            (None, Self::Base(code)) => write!(f, "{code}"),
            (None, Self::Experimental { vendor, code }) => write!(f, "{code} of vendor {vendor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    //= RFC6733-7.1-r1
    #[test]
    fn a_number_means_something_only_with_its_vendor() {
        assert_eq!(ResultCode::Base(5401).name(), None);
        assert_eq!(
            ResultCode::IDENTITY_UNKNOWN.to_string(),
            "5401 DIAMETER_ERROR_IDENTITY_UNKNOWN"
        );
        assert!(
            !ResultCode::Experimental {
                vendor: TGPP,
                code: 3001
            }
            .is_protocol_error()
        );
        assert!(ResultCode::COMMAND_UNSUPPORTED.is_protocol_error());
    }
}
