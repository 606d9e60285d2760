//! `gba ue get URL --btid B-TID --ks-naf KEY`: no device and no bootstrapping.

use std::{collections::HashMap, net::IpAddr};

use gba::{
    ids::{Btid, Fqdn, NafId},
    keys::{KeyKind, KsNaf},
};
use net::{http::Bytes, tap::SharedTap};
use ue::{DeviceError, Keyed};

use super::{Plan, Target, failure, hosts, over_psk, request, resolve};
use crate::{Failure, advice, config::Config, input::KeyText};

/// Who fetches.
pub(super) enum Who {
    /// A device, which bootstraps.
    Device(Box<Plan>),
    /// Nobody but a B-TID and its key; and addresses of names.
    Keyed(Keyed, HashMap<Fqdn, IpAddr>),
}

impl Who {
    pub(super) fn keyed(c: &Config, btid: Btid, key: &KeyText, without_proof: bool) -> Result<Self, String> {
        if key.is_bare_on_command_line() {
            if c.production() {
                return Err(
                    "--ks-naf: a bare key isn't allowed with production = true: use @FILE or env:NAME".into(),
                );
            }
            advice::warn("--ks-naf: a key on the command line is seen by others; use @FILE, env:NAME or -");
        }
        let key = key.read("--ks-naf")?;
        let keyed = Keyed {
            btid,
            key,
            without_proof,
        };
        Ok(Self::Keyed(keyed, hosts(c)?))
    }
}

/// The status and the body, by a key at hand.
pub(super) async fn get_keyed(
    keyed: &Keyed,
    hosts: &HashMap<Fqdn, IpAddr>,
    tap: SharedTap,
    target: Target,
) -> Result<(u16, Bytes), Failure> {
    if target.tls_psk {
        let at = resolve(hosts, target.url.host(), target.url.port());
        let derive = async |naf_id: NafId| -> Result<_, DeviceError> {
            Ok(KsNaf::from_parts(keyed.key.duplicate(), naf_id, KeyKind::Me))
        };
        let until = net::clock::now().utc.plus_secs(3600);
        return over_psk(&keyed.btid, until, derive, tap, target, at).await;
    }
    let request = request(target.url, &target.headers)?;
    let resolve = |name: &Fqdn, port| resolve(hosts, name, port);
    let answer = keyed.fetch(request, resolve, &tap).await;
    let answer = answer.map_err(|e| failure(e.into()))?;
    Ok((answer.status, answer.body))
}
