//! The rows, sorted by vendor and code.

use base::Clause;

use super::{AvpDef, Kind, TGPP};

macro_rules! flag {
    (M) => {
        true
    };
    (o) => {
        false
    };
    (secret) => {
        true
    };
    (plain) => {
        false
    };
}

macro_rules! avps {
    ($($konst:ident = $vendor:tt, $code:literal, $name:literal, $kind:expr, $m:ident $secret:ident, $spec:literal $clause:literal;)*) => {
        $(
            #[doc = concat!($name, " (", stringify!($code), "), ", $spec, " ", $clause, ".")]
            pub const $konst: AvpDef = AvpDef {
                code: $code,
                vendor: $vendor,
                name: $name,
                kind: $kind,
                mandatory: flag!($m),
                secret: flag!($secret),
                clause: Clause::new($spec, $clause),
            };
        )*
        /// Every row, sorted by vendor and code.
        pub static TABLE: &[&AvpDef] = &[$(&$konst),*];

        /// The row of (vendor, code). A jump, not a search: each received AVP is looked up.
        #[must_use]
        pub const fn find(vendor: u32, code: u32) -> Option<&'static AvpDef> {
            match (vendor, code) {
                $(($vendor, $code) => Some(&$konst),)*
                _ => None,
            }
        }
    };
}

use Kind::{Address, Enumerated, Grouped, Identity, OctetString, Time, Unsigned32, Utf8};

// M: sent with the M flag, o: without. Flags and types of 3GPP rows: TS 29.109 V15 table 6.1, TS 29.229 V15
// table 6.3.1.
avps! {
    USER_NAME = 0, 1, "User-Name", Utf8, M plain, "RFC 6733" "8.14";
    PROXY_STATE = 0, 33, "Proxy-State", OctetString, M plain, "RFC 6733" "6.7.4";
    DIGEST_REALM = 0, 104, "Digest-Realm", Utf8, M plain, "RFC 4740" "9.5.2";
    DIGEST_QOP = 0, 110, "Digest-QoP", Utf8, M plain, "RFC 4740" "9.5.2";
    DIGEST_ALGORITHM = 0, 111, "Digest-Algorithm", Utf8, M plain, "RFC 4740" "9.5.2";
    DIGEST_HA1 = 0, 121, "Digest-HA1", OctetString, M secret, "RFC 4740" "9.5.2";
    HOST_IP_ADDRESS = 0, 257, "Host-IP-Address", Address, M plain, "RFC 6733" "5.3.5";
    AUTH_APPLICATION_ID = 0, 258, "Auth-Application-Id", Unsigned32, M plain, "RFC 6733" "6.8";
    ACCT_APPLICATION_ID = 0, 259, "Acct-Application-Id", Unsigned32, M plain, "RFC 6733" "6.9";
    VENDOR_SPECIFIC_APPLICATION_ID = 0, 260, "Vendor-Specific-Application-Id", Grouped, M plain, "RFC 6733" "6.11";
    REDIRECT_HOST_USAGE = 0, 261, "Redirect-Host-Usage", Enumerated(&[]), M plain, "RFC 6733" "6.13";
    SESSION_ID = 0, 263, "Session-Id", Utf8, M plain, "RFC 6733" "8.8";
    ORIGIN_HOST = 0, 264, "Origin-Host", Identity, M plain, "RFC 6733" "6.3";
    SUPPORTED_VENDOR_ID = 0, 265, "Supported-Vendor-Id", Unsigned32, M plain, "RFC 6733" "5.3.6";
    VENDOR_ID = 0, 266, "Vendor-Id", Unsigned32, M plain, "RFC 6733" "5.3.3";
    FIRMWARE_REVISION = 0, 267, "Firmware-Revision", Unsigned32, o plain, "RFC 6733" "5.3.4";
    RESULT_CODE = 0, 268, "Result-Code", Unsigned32, M plain, "RFC 6733" "7.1";
    PRODUCT_NAME = 0, 269, "Product-Name", Utf8, o plain, "RFC 6733" "5.3.7";
    DISCONNECT_CAUSE = 0, 273, "Disconnect-Cause", Enumerated(&[(0, "REBOOTING"), (1, "BUSY"), (2, "DO_NOT_WANT_TO_TALK_TO_YOU")]), M plain, "RFC 6733" "5.4.3";
    AUTH_SESSION_STATE = 0, 277, "Auth-Session-State", Enumerated(&[(0, "STATE_MAINTAINED"), (1, "NO_STATE_MAINTAINED")]), M plain, "RFC 6733" "8.11";
    ORIGIN_STATE_ID = 0, 278, "Origin-State-Id", Unsigned32, M plain, "RFC 6733" "8.16";
    FAILED_AVP = 0, 279, "Failed-AVP", Grouped, M plain, "RFC 6733" "7.5";
    PROXY_HOST = 0, 280, "Proxy-Host", Identity, M plain, "RFC 6733" "6.7.3";
    ERROR_MESSAGE = 0, 281, "Error-Message", Utf8, o plain, "RFC 6733" "7.3";
    ROUTE_RECORD = 0, 282, "Route-Record", Identity, M plain, "RFC 6733" "6.7.1";
    DESTINATION_REALM = 0, 283, "Destination-Realm", Identity, M plain, "RFC 6733" "6.6";
    PROXY_INFO = 0, 284, "Proxy-Info", Grouped, M plain, "RFC 6733" "6.7.2";
    REDIRECT_HOST = 0, 292, "Redirect-Host", Utf8, M plain, "RFC 6733" "6.12";
    DESTINATION_HOST = 0, 293, "Destination-Host", Identity, M plain, "RFC 6733" "6.5";
    ERROR_REPORTING_HOST = 0, 294, "Error-Reporting-Host", Identity, o plain, "RFC 6733" "7.4";
    ORIGIN_REALM = 0, 296, "Origin-Realm", Identity, M plain, "RFC 6733" "6.4";
    EXPERIMENTAL_RESULT = 0, 297, "Experimental-Result", Grouped, M plain, "RFC 6733" "7.6";
    EXPERIMENTAL_RESULT_CODE = 0, 298, "Experimental-Result-Code", Unsigned32, M plain, "RFC 6733" "7.7";
    INBAND_SECURITY_ID = 0, 299, "Inband-Security-Id", Enumerated(&[]), M plain, "RFC 6733" "6.10";

    GBA_USER_SEC_SETTINGS = TGPP, 400, "GBA-UserSecSettings", OctetString, M plain, "TS 29.109" "6.3.1.1";
    TRANSACTION_IDENTIFIER = TGPP, 401, "Transaction-Identifier", OctetString, M plain, "TS 29.109" "6.3.1.2";
    NAF_ID = TGPP, 402, "NAF-Id", OctetString, M plain, "TS 29.109" "6.3.1.3";
    GAA_SERVICE_IDENTIFIER = TGPP, 403, "GAA-Service-Identifier", OctetString, M plain, "TS 29.109" "6.3.1.4";
    KEY_EXPIRY_TIME = TGPP, 404, "Key-ExpiryTime", Time, M plain, "TS 29.109" "6.3.1.5";
    ME_KEY_MATERIAL = TGPP, 405, "ME-Key-Material", OctetString, M secret, "TS 29.109" "6.3.1.6";
    UICC_KEY_MATERIAL = TGPP, 406, "UICC-Key-Material", OctetString, M secret, "TS 29.109" "6.3.1.7";
    GBA_U_AWARENESS_INDICATOR = TGPP, 407, "GBA_U-Awareness-Indicator", Enumerated(&[(0, "NO"), (1, "YES")]), M plain, "TS 29.109" "6.3.1.8";
    BOOTSTRAP_INFO_CREATION_TIME = TGPP, 408, "BootstrapInfoCreationTime", Time, M plain, "TS 29.109" "6.3.1.9";
    GUSS_TIMESTAMP = TGPP, 409, "GUSS-Timestamp", Time, o plain, "TS 29.109" "6.3.1.10";
    GBA_TYPE = TGPP, 410, "GBA-Type", Enumerated(&[(0, "3G GBA"), (1, "2G GBA"), (2, "GBA Digest")]), M plain, "TS 29.109" "6.3.1.11";
    UE_ID = TGPP, 411, "UE-Id", OctetString, M plain, "TS 29.109" "6.3.1";
    UE_ID_TYPE = TGPP, 412, "UE-Id-Type", Enumerated(&[(0, "private"), (1, "public")]), M plain, "TS 29.109" "6.3.1";
    UICC_APP_LABEL = TGPP, 413, "UICC-App-Label", OctetString, M plain, "TS 29.109" "6.3.1";
    UICC_ME = TGPP, 414, "UICC-ME", Enumerated(&[(0, "GBA_ME"), (1, "GBA_U")]), M plain, "TS 29.109" "6.3.1";
    REQUESTED_KEY_LIFETIME = TGPP, 415, "Requested-Key-Lifetime", Time, M plain, "TS 29.109" "6.3.1";
    PRIVATE_IDENTITY_REQUEST = TGPP, 416, "Private-Identity-Request", Enumerated(&[(0, "requested"), (1, "not requested")]), M plain, "TS 29.109" "6.3.1";
    GBA_PUSH_INFO = TGPP, 417, "GBA-Push-Info", OctetString, M secret, "TS 29.109" "6.3.1";
    NAF_SA_IDENTIFIER = TGPP, 418, "NAF-SA-Identifier", OctetString, M plain, "TS 29.109" "6.3.1";
    SECURITY_FEATURE_REQUEST = TGPP, 419, "Security-Feature-Request", OctetString, M plain, "TS 29.109" "6.3.1";
    SECURITY_FEATURE_RESPONSE = TGPP, 420, "Security-Feature-Response", OctetString, M plain, "TS 29.109" "6.3.1";
    PUBLIC_IDENTITY = TGPP, 601, "Public-Identity", Utf8, M plain, "TS 29.229" "6.3.2";
    SIP_NUMBER_AUTH_ITEMS = TGPP, 607, "SIP-Number-Auth-Items", Unsigned32, M plain, "TS 29.229" "6.3.8";
    SIP_AUTHENTICATION_SCHEME = TGPP, 608, "SIP-Authentication-Scheme", Utf8, M plain, "TS 29.229" "6.3.9";
    SIP_AUTHENTICATE = TGPP, 609, "SIP-Authenticate", OctetString, M plain, "TS 29.229" "6.3.10";
    SIP_AUTHORIZATION = TGPP, 610, "SIP-Authorization", OctetString, M secret, "TS 29.229" "6.3.11";
    SIP_AUTHENTICATION_CONTEXT = TGPP, 611, "SIP-Authentication-Context", OctetString, M plain, "TS 29.229" "6.3.12";
    SIP_AUTH_DATA_ITEM = TGPP, 612, "SIP-Auth-Data-Item", Grouped, M plain, "TS 29.229" "6.3.13";
    SIP_ITEM_NUMBER = TGPP, 613, "SIP-Item-Number", Unsigned32, M plain, "TS 29.229" "6.3.14";
    CONFIDENTIALITY_KEY = TGPP, 625, "Confidentiality-Key", OctetString, M secret, "TS 29.229" "6.3.27";
    INTEGRITY_KEY = TGPP, 626, "Integrity-Key", OctetString, M secret, "TS 29.229" "6.3.28";
    SIP_DIGEST_AUTHENTICATE = TGPP, 635, "SIP-Digest-Authenticate", Grouped, o plain, "TS 29.229" "6.3.36";
}
