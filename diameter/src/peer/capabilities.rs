//! Who we are, whom we know, and what CER and CEA say of it (RFC 6733 5.3).

use core::net::IpAddr;
use std::collections::HashMap;

use crate::{
    avp::Avp,
    dictionary::{self as d, TGPP},
    fault::Fault,
    identity::{Identity, Origin},
    message::Message,
    result::ResultCode,
};

/// This node, as its CER or CEA tells it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Local {
    /// Origin-Host and Origin-Realm.
    pub origin: Origin,
    /// Host-IP-Address: at least one.
    pub addresses: Vec<IpAddr>,
    /// Product-Name.
    pub product: String,
    /// Origin-State-Id: higher after each restart; the time of the start will do.
    pub origin_state_id: u32,
    /// The 3GPP applications served, such as [`d::ZH`] and [`d::ZN`].
    pub applications: Vec<u32>,
}

impl Local {
    /// The AVPs that CER and CEA share.
    pub(super) fn capabilities(&self) -> Vec<Avp> {
        let mut avps = vec![
            Avp::identity(&d::ORIGIN_HOST, &self.origin.host),
            Avp::identity(&d::ORIGIN_REALM, &self.origin.realm),
        ];
        avps.extend(
            self.addresses
                .iter()
                .map(|ip| Avp::octets(&d::HOST_IP_ADDRESS, address(*ip))),
        );
        avps.push(Avp::u32(&d::VENDOR_ID, TGPP));
        avps.push(Avp::utf8(&d::PRODUCT_NAME, &self.product));
        avps.push(Avp::u32(&d::ORIGIN_STATE_ID, self.origin_state_id));
        avps.push(Avp::u32(&d::SUPPORTED_VENDOR_ID, TGPP));
        avps.extend(self.applications.iter().map(|application| {
            Avp::group(
                &d::VENDOR_SPECIFIC_APPLICATION_ID,
                vec![
                    Avp::u32(&d::VENDOR_ID, TGPP),
                    Avp::u32(&d::AUTH_APPLICATION_ID, *application),
                ],
            )
        }));
        avps
    }

    /// Our applications that a CER or CEA advertises too; a relay advertises all.
    ///
    /// # Errors
    /// 5010 if there is none; 5017 if the peer insists on TLS inside the connection; 5014 for a malformed id.
    pub(super) fn common_applications(&self, theirs: &Message) -> Result<Vec<u32>, Fault> {
        let security: Vec<u32> = theirs
            .all(&d::INBAND_SECURITY_ID)
            .map(Avp::as_u32)
            .collect::<Result<_, _>>()?;
        if !security.is_empty() && !security.contains(&0) {
            return Err(Fault::new(
                ResultCode::NO_COMMON_SECURITY,
                "TLS inside the connection isn't served",
            ));
        }
        let groups = theirs.all(&d::VENDOR_SPECIFIC_APPLICATION_ID).map(Avp::as_group);
        let advertised = core::iter::once(theirs.avps.as_slice())
            .chain(groups)
            .flatten()
            .filter(|avp| avp.is(&d::AUTH_APPLICATION_ID) || avp.is(&d::ACCT_APPLICATION_ID))
            .map(Avp::as_u32)
            .collect::<Result<Vec<_>, _>>()?;
        let common: Vec<u32> = self
            .applications
            .iter()
            .copied()
            .filter(|ours| advertised.contains(ours) || advertised.contains(&d::RELAY))
            .collect();
        if common.is_empty() {
            Err(Fault::new(
                ResultCode::NO_COMMON_APPLICATION,
                "no application in common",
            ))
        } else {
            Ok(common)
        }
    }
}

/// The value of an Address (RFC 6733 4.3.1).
fn address(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => [&[0, 1], ip.octets().as_slice()].concat(),
        IpAddr::V6(ip) => [&[0, 2], ip.octets().as_slice()].concat(),
    }
}

/// What a peer is to us. Rights hang on it: only a BSF gets vectors, only a NAF gets its own keys.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// A home subscriber server.
    Hss,
    /// A bootstrapping server function.
    Bsf,
    /// A network application function.
    Naf,
    /// Passes on the requests of other known nodes.
    Relay,
}

/// A node that is allowed to be our peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its Origin-Host.
    pub host: Identity,
    /// What it is to us.
    pub role: Role,
}

/// Whom we know. Nobody else gets past CER and CEA.
#[derive(Clone, Debug, Default)]
pub struct Known {
    hosts: HashMap<Identity, Role>,
    others: Option<Role>,
}

impl Known {
    /// From the configured nodes; a later rule for the same host replaces an earlier one.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self {
            hosts: rules.into_iter().map(|rule| (rule.host, rule.role)).collect(),
            others: None,
        }
    }

    /// Takes whoever isn't configured as one of that role; `None` keeps strangers out. For laboratories.
    #[must_use]
    pub const fn with_others(mut self, others: Option<Role>) -> Self {
        self.others = others;
        self
    }

    /// The role of a host.
    #[must_use]
    pub fn role(&self, host: &Identity) -> Option<Role> {
        self.hosts.get(host).copied().or(self.others)
    }

    /// The peer that a CER or CEA names, which a certificate has to prove where there is one (RFC 6733 13.1).
    pub(super) fn admit(
        &self,
        message: &Message,
        certificate: Option<&[Identity]>,
    ) -> Result<PeerIdentity, Fault> {
        let Origin { host, realm } = message.origin()?;
        let Some(role) = self.role(&host) else {
            let text = format!("Origin-Host {host} isn't configured here as a peer");
            return Err(Fault::new(ResultCode::UNKNOWN_PEER, text));
        };
        match certificate {
            Some(names) if !names.contains(&host) => {
                let names: Vec<_> = names.iter().map(Identity::as_str).collect();
                let text = format!(
                    "Origin-Host {host} isn't in the peer's certificate, which is for {}",
                    if names.is_empty() {
                        "no DNS name".to_owned()
                    } else {
                        names.join(", ")
                    }
                );
                Err(Fault::new(ResultCode::UNKNOWN_PEER, text))
            }
            _ => Ok(PeerIdentity { host, realm, role }),
        }
    }
}

impl FromIterator<Rule> for Known {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        Self::new(rules)
    }
}

/// Who is on the other side, or behind it where that is a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeerIdentity {
    /// Origin-Host.
    pub host: Identity,
    /// Origin-Realm.
    pub realm: Identity,
    /// What it is to us.
    pub role: Role,
}
