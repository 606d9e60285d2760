//! `gba bsf serve`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use bsf::{
    MemorySessions, Ub, ZhSource,
    rights::{MAX_FILE, Rights},
    serve_ub,
    zn::{ZnConfig, ZnServer, serve_zn},
};
use diameter::{
    Identity, Origin, dictionary,
    peer::{Role, Rule},
};
use gba::{ids::Fqdn, ub::server::Config as UbConfig};
use net::{
    diameter::{self as node, Failover},
    http::Limits,
};

use super::{
    fixed::Laboratory,
    listen, rate,
    running::Running,
    say, say_configuration,
    watch::{Watch, Watching},
};
use crate::{
    Failure, audit,
    config::{Config, again::Again, file::with_the_key_meant, flags::Table},
};

/// `[bsf]`.
pub(crate) struct Bsf;

impl Table for Bsf {
    const NAME: &'static str = "bsf";
}

/// All that the BSF needs before it opens a socket.
pub(super) struct Plan {
    path: Option<PathBuf>,
    ops: Option<SocketAddr>,
    audit: Option<audit::Settings>,
    listen_ub: SocketAddr,
    listen_zn: SocketAddr,
    ub: UbConfig,
    origin: Origin,
    rights: Rights,
    /// Address and Diameter name of each, in order of preference.
    hss: Vec<(String, Identity)>,
    security: node::Security,
    http: Limits,
    zn: node::Limits,
    laboratory: Laboratory,
}

impl Plan {
    pub(super) fn of(c: &Config) -> Result<Self, String> {
        Self::in_laboratory(c, Laboratory::default())
    }

    pub(super) fn in_laboratory(c: &Config, laboratory: Laboratory) -> Result<Self, String> {
        let name: Fqdn = c.get("bsf", "name")?;
        let origin = Origin {
            host: c.get("bsf", "name")?,
            realm: c.get("bsf", "origin_realm")?,
        };
        let security = c.security("bsf")?;
        c.keep_on_loopback("bsf", "listen_zn", &security)?;
        c.keep_on_loopback("bsf", "hss", &security)?;
        let mut ub = UbConfig::new(name);
        ub.lifetime = c.get("bsf", "lifetime")?;
        ub.max_lifetime = ub.max_lifetime.max(ub.lifetime);
        ub.hide_unknown = c.get("bsf", "hide_unknown")?;
        let rate = rate(c.get("bsf", "vectors_per_minute")?);
        (ub.per_impi, ub.per_address) = (rate, rate);
        Ok(Self {
            path: c.path.clone(),
            ops: c.maybe("bsf", "ops.listen")?,
            audit: audit::Settings::of(c, "bsf")?,
            listen_ub: c.get("bsf", "listen_ub")?,
            listen_zn: c.get("bsf", "listen_zn")?,
            ub,
            origin,
            rights: rights(c, laboratory.anybody)?,
            hss: hss(c)?,
            security,
            http: c.http_limits("bsf")?,
            zn: c.diameter_limits("bsf")?,
            laboratory,
        })
    }

    pub(super) async fn serve(self, watching: Watching, again: Again) -> Result<(), Failure> {
        say_configuration("bsf", self.path.as_deref());
        let audit = audit::begin("bsf", self.audit)?;
        let running = Running::new("bsf", Watch::new(watching, Some("BSF")));
        let mut running = running.operated_at(self.ops).await?;
        let tap = running.watch().tap();
        let (ub_listener, ub_address) = listen("bsf", self.listen_ub).await?;
        let (zn_listener, zn_address) = listen("bsf", self.listen_zn).await?;
        running.endpoint(ub_address, "BSF Ub");
        running.endpoint(zn_address, "BSF Zn");

        let (origin, security) = (self.origin.clone(), self.security.clone());
        let zh_tap = Arc::clone(&tap);
        let connect = move |address: &str, host: &Identity| {
            let peer = Rule {
                host: host.clone(),
                role: Role::Hss,
            };
            let mut config = node::Config::new(origin.clone(), vec![dictionary::ZH], vec![peer]);
            config.tap = Arc::clone(&zh_tap);
            config.security = security.clone();
            if let Ok(address) = address.parse() {
                zh_tap.endpoint(address, "HSS Zh");
            }
            node::Client::connect(address, config)
        };
        let peers = running.peers();
        let clients = Failover::new(peers.set("Zh", &self.hss, &connect).clients);
        let source = ZhSource::new(clients.clone(), self.origin.clone(), self.origin.realm.clone());
        let source = Arc::new(source.with_tap(Arc::clone(&tap)));
        source.set_host(only(&self.hss));

        let sessions = Arc::new(MemorySessions::default());
        let ub = Ub::new(self.ub, Arc::clone(&sessions), Arc::clone(&source)).with_audit(audit.clone());
        let ub = Arc::new(ub.with_tap(Arc::clone(&tap)));
        let stop = running.stop();
        running.serve(async move {
            serve_ub(ub_listener, self.http, ub, stop).await;
            Ok(())
        });
        let mut zn = ZnConfig::new(self.origin, self.rights);
        zn.security = self.security;
        zn.limits = self.zn;
        self.laboratory.say();
        zn.injections = self.laboratory.injections.clone();
        let zn = Arc::new(ZnServer::new(zn, sessions).with_audit(audit).with_tap(tap));
        running.serve(serve_zn(zn_listener, Arc::clone(&zn), running.stop()));
        say(&format!("bsf: Ub on {ub_address}"));
        say(&format!("bsf: Zn on {zn_address}"));
        let take = async |c: Config| {
            let plan = Self::in_laboratory(&c, self.laboratory.clone())?;
            let (nafs, relays) = zn.reload(plan.rights);
            let turn = peers.set("Zh", &plan.hss, &connect);
            let changes = turn.changes;
            if !changes.is_empty() {
                source.set_host(None);
                // Those that leave serve until one of the others does, if that is soon.
                let _ = Failover::new(turn.clients.clone()).ready().await;
            }
            // Also where only their order is new.
            clients.replace(turn.clients.clone());
            source.set_host(only(&plan.hss));
            turn.leave();
            Ok(format!("NAFs: {nafs}; relays: {relays}; HSS: {changes}"))
        };
        running.until_signal(again, take).await
    }
}

/// Without a host in its requests each HSS of the realm may answer.
fn only(hss: &[(String, Identity)]) -> Option<Identity> {
    match hss {
        [(_, host)] => Some(host.clone()),
        _ => None,
    }
}

fn hss(c: &Config) -> Result<Vec<(String, Identity)>, String> {
    let (addresses, hosts): (Vec<String>, Vec<Identity>) =
        (c.list("bsf", "hss")?, c.list("bsf", "hss_host")?);
    if addresses.is_empty() {
        return Err(c.error("bsf", "hss", "at least one HSS expected"));
    }
    if addresses.len() != hosts.len() {
        let what = format!("{} names expected, one for each address in hss", addresses.len());
        return Err(c.error("bsf", "hss_host", &what));
    }
    Ok(addresses.into_iter().zip(hosts).collect())
}

/// What each NAF may have; with `anybody`, a laboratory mode, those that aren't named may have everything.
pub(super) fn rights(c: &Config, anybody: bool) -> Result<Rights, String> {
    let file = c
        .path
        .as_deref()
        .unwrap_or_else(|| std::path::Path::new(""))
        .display();
    let within = Rights::parse_within(c.text())
        .map_err(|e| format!("{file}, {}", with_the_key_meant(&e.to_string())))?;
    let is_empty = within.hosts().next().is_none();
    let mut rights = match c.file("bsf", "rights") {
        None if is_empty && !anybody => {
            let what = "no NAF may have a key: name a file here, or write [[bsf.naf]] as `gba config example` does, or in a laboratory give --allow-any-naf";
            return Err(c.error("bsf", "rights", what));
        }
        None => within,
        Some(_) if !is_empty => {
            return Err(c.error("bsf", "rights", "either a file or [[bsf.naf]] expected, not both"));
        }
        Some(path) => {
            let shown = path.display();
            let cannot = |e: std::io::Error| format!("cannot read {shown}: {e}");
            let octets = net::file::read(&path, MAX_FILE as u64).map_err(cannot)?;
            let text = String::from_utf8(octets).map_err(|_| format!("{shown} isn't a text in UTF-8"))?;
            Rights::parse(&text).map_err(|e| format!("{shown}: {}", with_the_key_meant(&e.to_string())))?
        }
    };
    if anybody {
        rights.allow_anybody();
    }
    for relay in c.list("bsf", "relays")? {
        rights.add_relay(relay);
    }
    Ok(rights)
}
