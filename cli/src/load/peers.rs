//! What `gba load` needs before a load of Ua, Zh or Zn can begin: devices that have bootstrapped, Diameter connections.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bsf::ZhSource;
use clap::Args;
use diameter::{Identity, Origin, SessionIds, dictionary};
use lab::load::{
    End, Pace, Place, Plan,
    sim::Sim,
    ub::{Bsf, Devices, Session, Sessions},
};
use naf::{Route, ZnClient, ZnConfig};
use net::{
    clock,
    diameter::{Client, Config, Role, Rule},
};

use super::{Shares, apply, hint};
use crate::{Failure, sim::parse};

/// Whose name the generator bears on a Diameter connection, and whom it asks.
#[derive(Args)]
pub(super) struct DiameterArgs {
    /// Our Diameter name, which the peer must know.
    #[arg(long, value_name = "NAME", value_parser = parse::<Identity>)]
    origin_host: Identity,
    /// Our Diameter realm [default: what follows the first dot of the name].
    #[arg(long, value_name = "NAME", value_parser = parse::<Identity>)]
    origin_realm: Option<Identity>,
    /// The peer's Diameter name.
    #[arg(long, value_name = "NAME", value_parser = parse::<Identity>)]
    peer_host: Identity,
    /// The peer's Diameter realm [default: what follows the first dot of its name].
    #[arg(long, value_name = "NAME", value_parser = parse::<Identity>)]
    peer_realm: Option<Identity>,
}

/// The realm that was given, or the rest of the name.
fn realm(given: Option<&Identity>, host: &Identity, option: &str) -> Result<Identity, String> {
    let rest = || host.as_str().split_once('.')?.1.parse().ok();
    given
        .cloned()
        .or_else(rest)
        .ok_or_else(|| format!("{host} has no domain: give {option}"))
}

/// What tells the Session-Ids of one start from those of another (RFC 6733 8.8).
fn start() -> u32 {
    u32::try_from(clock::now().utc.0).unwrap_or(0)
}

/// A node that can open connections to its peer.
pub(super) struct Node {
    at: SocketAddr,
    origin: Origin,
    peer: Identity,
    peer_realm: Identity,
    clients: Mutex<Vec<Option<Client>>>,
    /// Of all MARs, so that none comes twice.
    zh_sessions: Arc<SessionIds>,
    timeout: Duration,
    in_flight: usize,
}

impl DiameterArgs {
    /// Our name.
    pub(super) fn origin_host(&self) -> &str {
        self.origin_host.as_str()
    }

    /// The node, if its peer takes it: a first connection is made for that and said goodbye to.
    pub(super) fn node(
        &self,
        at: SocketAddr,
        plan: &Plan,
        application: u32,
        role: Role,
    ) -> Result<Node, Failure> {
        let unable = Failure::Unable;
        let origin = Origin {
            host: self.origin_host.clone(),
            realm: realm(self.origin_realm.as_ref(), &self.origin_host, "--origin-realm").map_err(unable)?,
        };
        let node = Node {
            at,
            zh_sessions: Arc::new(SessionIds::new(self.origin_host.clone(), start())),
            origin,
            peer: self.peer_host.clone(),
            peer_realm: realm(self.peer_realm.as_ref(), &self.peer_host, "--peer-realm").map_err(unable)?,
            clients: Mutex::new(vec![None; plan.threads]),
            timeout: plan.timeout,
            in_flight: plan.clients,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::Unable(format!("cannot start the runtime: {e}")))?;
        runtime.block_on(async {
            let client = node.connect(application, role);
            let ready = client.ready().await;
            client.close().await;
            ready.map_err(|e| Failure::Unable(e.to_string()))
        })?;
        Ok(node)
    }
}

impl Node {
    fn connect(&self, application: u32, role: Role) -> Client {
        let rule = Rule {
            host: self.peer.clone(),
            role,
        };
        let mut config = Config::new(self.origin.clone(), vec![application], vec![rule]);
        config.limits.request = self.timeout;
        config.limits.in_flight = self.in_flight;
        Client::connect(self.at.to_string(), config)
    }

    /// The connection that the clients of a thread share.
    fn of(&self, place: Place, application: u32, role: Role) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = clients.get_mut(place.thread) else {
            return self.connect(application, role);
        };
        slot.get_or_insert_with(|| self.connect(application, role))
            .clone()
    }

    /// As a BSF that asks its HSS.
    pub(super) fn zh(&self, place: Place) -> ZhSource {
        let client = self.of(place, dictionary::ZH, Role::Hss);
        ZhSource::new(client, self.origin.clone(), self.peer_realm.clone())
            .with_host(self.peer.clone())
            .with_session_ids(Arc::clone(&self.zh_sessions))
    }

    /// As a NAF that asks the BSF.
    pub(super) fn zn(&self, place: Place) -> ZnClient<Client> {
        let route = Route {
            domain: None,
            realm: self.peer_realm.clone(),
            host: Some(self.peer.clone()),
            transport: self.of(place, dictionary::ZN, Role::Bsf),
        };
        // And from client to client.
        let number = u32::try_from(place.client).unwrap_or(0);
        ZnClient::new(
            ZnConfig::new(self.origin.clone()),
            start().wrapping_add(number.wrapping_mul(86_400)),
            vec![route],
        )
    }
}

/// Each SIM bootstraps once; each client's share of what came of it.
pub(super) fn bootstrapped(
    bsf: &Bsf,
    sims: Vec<Sim>,
    plan: &Plan,
) -> Result<Mutex<Vec<Vec<Session>>>, Failure> {
    let count = sims.len();
    let first = Plan {
        pace: Pace::Closed,
        // Each client goes once round its own.
        end: End::Count(u64::try_from(count).unwrap_or(u64::MAX)),
        clients: 1,
        threads: 1,
        timeout: plan.timeout,
    };
    let sessions = Sessions::default();
    let shares = Shares::of(sims, first.clients);
    let make = |place| Devices::new(bsf.clone(), shares.take(place), false).keeping(Arc::clone(&sessions));
    let report = apply(&first, make)?;
    hint(&report);
    if let Some((kind, (count, why))) = report.failures.iter().next() {
        return Err(Failure::Refused(format!(
            "{count} device(s) could not bootstrap with {} ({kind}): {why}",
            bsf.at
        )));
    }
    let mut all = sessions.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() < count {
        return Err(Failure::Unable(format!(
            "interrupted: {} of {count} devices have bootstrapped",
            all.len()
        )));
    }
    let mut shares: Vec<Vec<Session>> = (0..plan.clients).map(|_| Vec::new()).collect();
    for (n, session) in all.drain(..).enumerate() {
        if let Some(share) = shares.get_mut(n % plan.clients) {
            share.push(session);
        }
    }
    Ok(Mutex::new(shares))
}
