//! What each command wants (RFC 6733 3.2: the ABNF as a table), and the fault that a request gets for not
//! giving it.
//!
//! Only requests are checked here: nobody can be told of a bad answer, so its reader takes what it needs and
//! passes over the rest (a relay may add Route-Record to answers).

use base::Clause;

use crate::{
    avp::{Avp, Value},
    dictionary::{self as d, AvpDef, Kind},
    fault::Fault,
    identity::Identity,
    message::Message,
    result::ResultCode,
};

/// An AVP of a command or group: how often it has to and may come.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Which.
    pub avp: &'static AvpDef,
    /// At least.
    pub min: usize,
    /// At most.
    pub max: usize,
}

/// A command of an application.
#[derive(Debug)]
pub struct Grammar {
    /// Command Code.
    pub command: u32,
    /// Application-Id.
    pub application: u32,
    /// Name without -Request or -Answer.
    pub name: &'static str,
    /// Short name of request and answer, such as MAR and MAA.
    pub short: (&'static str, &'static str),
    /// Whether the P flag has to be set.
    pub proxiable: bool,
    /// The request's AVPs. Others may come, with the M flag only if the dictionary knows them.
    pub request: &'static [Rule],
    /// Where it is defined.
    pub clause: Clause,
}

/// Capabilities-Exchange (RFC 6733 5.3).
pub const CAPABILITIES_EXCHANGE: u32 = 257;
/// Device-Watchdog (RFC 6733 5.5).
pub const DEVICE_WATCHDOG: u32 = 280;
/// Disconnect-Peer (RFC 6733 5.4).
pub const DISCONNECT_PEER: u32 = 282;
/// Multimedia-Auth (TS 29.229 6.1.7, TS 29.109 4).
pub const MULTIMEDIA_AUTH: u32 = 303;
/// Bootstrapping-Info (TS 29.109 5).
pub const BOOTSTRAPPING_INFO: u32 = 310;

const MANY: usize = usize::MAX;

const fn one(avp: &'static AvpDef) -> Rule {
    Rule { avp, min: 1, max: 1 }
}

const fn opt(avp: &'static AvpDef) -> Rule {
    Rule { avp, min: 0, max: 1 }
}

const fn some(avp: &'static AvpDef) -> Rule {
    Rule {
        avp,
        min: 1,
        max: MANY,
    }
}

/// The commands, sorted by application and code.
pub static COMMANDS: &[Grammar] = &[
    Grammar {
        command: CAPABILITIES_EXCHANGE,
        application: d::BASE,
        name: "Capabilities-Exchange",
        short: ("CER", "CEA"),
        proxiable: false,
        request: &[
            one(&d::ORIGIN_HOST),
            one(&d::ORIGIN_REALM),
            some(&d::HOST_IP_ADDRESS),
            one(&d::VENDOR_ID),
            one(&d::PRODUCT_NAME),
            opt(&d::ORIGIN_STATE_ID),
            opt(&d::FIRMWARE_REVISION),
        ],
        clause: Clause::new("RFC 6733", "5.3.1"),
    },
    Grammar {
        command: DEVICE_WATCHDOG,
        application: d::BASE,
        name: "Device-Watchdog",
        short: ("DWR", "DWA"),
        proxiable: false,
        request: &[
            one(&d::ORIGIN_HOST),
            one(&d::ORIGIN_REALM),
            opt(&d::ORIGIN_STATE_ID),
        ],
        clause: Clause::new("RFC 6733", "5.5.1"),
    },
    Grammar {
        command: DISCONNECT_PEER,
        application: d::BASE,
        name: "Disconnect-Peer",
        short: ("DPR", "DPA"),
        proxiable: false,
        request: &[
            one(&d::ORIGIN_HOST),
            one(&d::ORIGIN_REALM),
            one(&d::DISCONNECT_CAUSE),
        ],
        clause: Clause::new("RFC 6733", "5.4.1"),
    },
    Grammar {
        command: BOOTSTRAPPING_INFO,
        application: d::ZN,
        name: "Bootstrapping-Info",
        short: ("BIR", "BIA"),
        proxiable: true,
        request: &[
            one(&d::SESSION_ID),
            one(&d::VENDOR_SPECIFIC_APPLICATION_ID),
            one(&d::ORIGIN_HOST),
            one(&d::ORIGIN_REALM),
            one(&d::DESTINATION_REALM),
            opt(&d::DESTINATION_HOST),
            one(&d::TRANSACTION_IDENTIFIER),
            one(&d::NAF_ID),
            opt(&d::GBA_U_AWARENESS_INDICATOR),
        ],
        clause: Clause::new("TS 29.109", "5.2"),
    },
    Grammar {
        command: MULTIMEDIA_AUTH,
        application: d::ZH,
        name: "Multimedia-Auth",
        short: ("MAR", "MAA"),
        proxiable: true,
        request: &[
            one(&d::SESSION_ID),
            one(&d::VENDOR_SPECIFIC_APPLICATION_ID),
            one(&d::AUTH_SESSION_STATE),
            one(&d::ORIGIN_HOST),
            one(&d::ORIGIN_REALM),
            one(&d::DESTINATION_REALM),
            opt(&d::DESTINATION_HOST),
            one(&d::USER_NAME),
            opt(&d::PUBLIC_IDENTITY),
            opt(&d::SIP_AUTH_DATA_ITEM),
            opt(&d::SIP_NUMBER_AUTH_ITEMS),
            opt(&d::GUSS_TIMESTAMP),
        ],
        clause: Clause::new("TS 29.109", "4.2"),
    },
];

/// What a group wants.
fn group_rules(def: &AvpDef) -> &'static [Rule] {
    static VSAI: &[Rule] = &[
        some(&d::VENDOR_ID),
        opt(&d::AUTH_APPLICATION_ID),
        opt(&d::ACCT_APPLICATION_ID),
    ];
    static RESULT: &[Rule] = &[one(&d::VENDOR_ID), one(&d::EXPERIMENTAL_RESULT_CODE)];
    static PROXY: &[Rule] = &[one(&d::PROXY_HOST), one(&d::PROXY_STATE)];
    static ITEM: &[Rule] = &[
        opt(&d::SIP_ITEM_NUMBER),
        opt(&d::SIP_AUTHENTICATION_SCHEME),
        opt(&d::SIP_AUTHENTICATE),
        opt(&d::SIP_AUTHORIZATION),
        opt(&d::SIP_AUTHENTICATION_CONTEXT),
        opt(&d::CONFIDENTIALITY_KEY),
        opt(&d::INTEGRITY_KEY),
        opt(&d::SIP_DIGEST_AUTHENTICATE),
    ];
    match (def.vendor, def.code) {
        (0, 260) => VSAI,
        (0, 284) => PROXY,
        (0, 297) => RESULT,
        (d::TGPP, 612) => ITEM,
        _ => &[],
    }
}

/// The command of an application.
#[must_use]
pub fn find(application: u32, command: u32) -> Option<&'static Grammar> {
    COMMANDS
        .iter()
        .find(|g| g.application == application && g.command == command)
}

/// True if any command of the application is known.
#[must_use]
pub fn knows_application(application: u32) -> bool {
    COMMANDS.iter().any(|g| g.application == application)
}

/// Checks flags, application and command of a request, not its AVPs.
///
/// # Errors
/// The fault to answer: 3008 flags, 3007 application, 3001 command.
pub fn check_head(message: &Message) -> Result<&'static Grammar, Fault> {
    if message.is_error() {
        return Err(Fault::new(
            ResultCode::INVALID_HDR_BITS,
            "a request with the E flag",
        ));
    }
    if !knows_application(message.application) {
        let text = format!("application {} isn't served here", message.application);
        return Err(Fault::new(ResultCode::APPLICATION_UNSUPPORTED, text));
    }
    let grammar = find(message.application, message.command).ok_or_else(|| {
        let text = format!(
            "command {} isn't one of application {}",
            message.command, message.application
        );
        Fault::new(ResultCode::COMMAND_UNSUPPORTED, text)
    })?;
    if grammar.proxiable != (message.flags & Message::PROXIABLE != 0) {
        let want = if grammar.proxiable { "set" } else { "clear" };
        let text = format!("{} must have the P flag {want}", grammar.short.0);
        return Err(Fault::new(ResultCode::INVALID_HDR_BITS, text));
    }
    Ok(grammar)
}

/// Checks a request against the table.
///
/// # Errors
/// The fault to answer: those of [`check_head`], 5001 unknown AVP with M, 5014 and 5004 length and value by
/// type, 5009 and 5005 number of AVPs.
pub fn check_request(message: &Message) -> Result<&'static Grammar, Fault> {
    let grammar = check_head(message)?;
    check_avps(&message.avps, grammar.request)?;
    Ok(grammar)
}

/// More rules than any command or group has.
const RULES: usize = 16;

/// Checks what each AVP says by itself, then how often each came.
fn check_avps(avps: &[Avp], rules: &[Rule]) -> Result<(), Fault> {
    let mut counts = [0_usize; RULES];
    let mut next = 0;
    for avp in avps {
        // Most come in the order of the rules.
        let (before, after) = rules.split_at_checked(next).unwrap_or((rules, &[]));
        let is = |rule: &Rule| avp.is(rule.avp);
        let at = after.iter().position(is).map(|at| at + before.len());
        let at = at.or_else(|| before.iter().position(is));
        let rule = at.and_then(|at| rules.get(at));
        if let Some(at) = at {
            next = at + 1;
            if let Some(count) = counts.get_mut(at) {
                *count += 1;
            }
        }
        match rule.map(|rule| rule.avp).or_else(|| avp.def()) {
            Some(def) => check_avp(def, avp)?,
            None if avp.is_mandatory() => {
                return Err(Fault::in_avp(
                    ResultCode::AVP_UNSUPPORTED,
                    avp,
                    "not known here, and has the M flag",
                ));
            }
            None => {}
        }
    }
    // One look at each AVP tells whether all is well; which rule is broken first is worth a second one.
    let kept = |(rule, count): (&Rule, usize)| (rule.min..=rule.max).contains(&count);
    if rules.len() <= RULES && rules.iter().zip(counts).all(kept) {
        return Ok(());
    }
    check_counts(avps, rules)
}

fn check_avp(def: &AvpDef, avp: &Avp) -> Result<(), Fault> {
    match def.kind {
        Kind::OctetString => Ok(()),
        // Quicker than to ask for UTF-8, and nearly always so.
        Kind::Utf8 if avp.as_octets().is_ascii() => Ok(()),
        Kind::Utf8 => avp.as_utf8().map(drop),
        Kind::Identity if Identity::fits(avp.as_octets()) => Ok(()),
        Kind::Identity => avp.as_identity().map(drop),
        Kind::Unsigned32 | Kind::Time => avp.as_u32().map(drop),
        Kind::Enumerated(names) => {
            let value = avp.as_u32()?;
            if names.is_empty() || names.iter().any(|(n, _)| *n == value) {
                Ok(())
            } else {
                Err(Fault::value(avp, format!("{} has no value {value}", def.name)))
            }
        }
        Kind::Address => match avp.as_octets() {
            [0, 1, v4 @ ..] if v4.len() == 4 => Ok(()),
            [0, 2, v6 @ ..] if v6.len() == 16 => Ok(()),
            [0, 1 | 2, ..] => Err(Fault::value(avp, "length doesn't fit the address family")),
            // The only Address here is Host-IP-Address.
            _ => Err(Fault::value(avp, "an IPv4 or IPv6 address expected")),
        },
        Kind::Grouped if avp.is(&d::FAILED_AVP) => Ok(()),
        Kind::Grouped => match avp.value() {
            Value::Group(inner) => {
                check_avps(inner, group_rules(def))?;
                if avp.is(&d::VENDOR_SPECIFIC_APPLICATION_ID)
                    && avp.find(&d::AUTH_APPLICATION_ID).is_none()
                    && avp.find(&d::ACCT_APPLICATION_ID).is_none()
                {
                    return Err(Fault::missing(&d::AUTH_APPLICATION_ID));
                }
                Ok(())
            }
            Value::Octets(_) => Err(Fault::value(avp, "not a group")),
        },
    }
}

/// Names the first rule that is broken.
#[cold]
fn check_counts(avps: &[Avp], rules: &[Rule]) -> Result<(), Fault> {
    for rule in rules {
        let mut found = avps.iter().filter(|avp| avp.is(rule.avp));
        // The first one too many is named (RFC 6733 7.1.5).
        if let Some(extra) = found.clone().nth(rule.max) {
            let text = format!("{} may come {} times", rule.avp.name, rule.max);
            return Err(Fault::in_avp(ResultCode::AVP_OCCURS_TOO_MANY_TIMES, extra, text));
        }
        if rule.min > 0 && found.next().is_none() {
            return Err(Fault::missing(rule.avp));
        }
    }
    Ok(())
}

/// [`Message::parse`] and, for a request, [`check_request`].
///
/// # Errors
/// The fault to answer.
pub fn parse_and_check(octets: &[u8]) -> Result<Message, Fault> {
    let message = Message::parse(octets)?;
    if message.is_request() {
        check_request(&message)?;
    }
    Ok(message)
}
