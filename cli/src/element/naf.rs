//! `gba naf serve`: a small page behind HTTP digest and behind TLS-PSK.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use base::Utc;
use diameter::{
    Identity, Origin, dictionary,
    peer::{Role, Rule},
};
use gba::ids::{Btid, Fqdn, Impi, NafId};
use http::{HeaderValue, Request, Response, header};
use naf::{
    authenticate::{Authenticated, Gate},
    psk::{PskConfig, PskPeer, PskServer},
    zn::{Cached, Route, Strangers, ZnClient, ZnConfig},
};
use net::{
    clock,
    diameter::{self as node, Failover},
    http::{Bytes, Limits, PeerInfo},
    tls::suite::Suite,
};

use super::{
    listen,
    peers::Turn,
    rate,
    running::Running,
    say, say_configuration,
    watch::{Watch, Watching},
};
use crate::{
    Failure, audit,
    config::{Config, again::Again, flags::Table},
};

/// Keys kept until they expire.
const CACHED_KEYS: usize = 4096;

/// `[naf]`.
pub(crate) struct Naf;

impl Table for Naf {
    const NAME: &'static str = "naf";
}

/// All that the NAF needs before it opens a socket.
pub(super) struct Plan {
    path: Option<PathBuf>,
    ops: Option<SocketAddr>,
    audit: Option<audit::Settings>,
    listen: SocketAddr,
    listen_tls: SocketAddr,
    name: Fqdn,
    suites: Vec<Suite>,
    strangers: Strangers,
    origin: Origin,
    bsf: Bsf,
    security: node::Security,
    http: Limits,
}

/// The BSF that it asks.
struct Bsf {
    address: String,
    name: Fqdn,
    host: Identity,
    realm: Identity,
}

impl Bsf {
    fn peers(&self) -> [(String, Identity); 1] {
        [(self.address.clone(), self.host.clone())]
    }

    fn routes(&self, turn: &Turn) -> Vec<Route<node::Client>> {
        let route = |transport: &node::Client| Route {
            domain: Some(self.name.clone()),
            realm: self.realm.clone(),
            host: Some(self.host.clone()),
            transport: transport.clone(),
        };
        turn.clients.iter().map(route).collect()
    }
}

impl Plan {
    pub(super) fn of(c: &Config) -> Result<Self, String> {
        let security = c.security("naf")?;
        c.keep_on_loopback("naf", "bsf", &security)?;
        let suites: Vec<Suite> = c.list("naf", "suites")?;
        if suites.is_empty() {
            return Err(c.error("naf", "suites", "at least one suite expected"));
        }
        Ok(Self {
            path: c.path.clone(),
            ops: c.maybe("naf", "ops.listen")?,
            audit: audit::Settings::of(c, "naf")?,
            listen: c.get("naf", "listen")?,
            listen_tls: c.get("naf", "listen_tls")?,
            name: c.get("naf", "name")?,
            suites,
            strangers: Strangers {
                per_address: rate(c.get("naf", "refusals_per_minute")?),
                remember: Duration::from_secs(c.get("naf", "refusals_remembered")?),
                ..Strangers::default()
            },
            origin: Origin {
                host: c.get("naf", "origin_host")?,
                realm: c.get("naf", "origin_realm")?,
            },
            bsf: Bsf {
                address: c.get("naf", "bsf")?,
                name: c.get("naf", "bsf_name")?,
                host: c.get("naf", "bsf_name")?,
                realm: c.get("naf", "bsf_realm")?,
            },
            security,
            http: c.http_limits("naf")?,
        })
    }

    pub(super) async fn serve(self, watching: Watching, again: Again) -> Result<(), Failure> {
        say_configuration("naf", self.path.as_deref());
        let audit = audit::begin("naf", self.audit.clone())?;
        let running = Running::new("naf", Watch::new(watching, Some("NAF")));
        let mut running = running.operated_at(self.ops).await?;
        let tap = running.watch().tap();
        let (listener, address) = listen("naf", self.listen).await?;
        let (tls_listener, tls_address) = listen("naf", self.listen_tls).await?;
        running.endpoint(address, "NAF Ua");
        running.endpoint(tls_address, "NAF Ua over TLS-PSK");

        let (origin, security, zn_tap) = (self.origin.clone(), self.security.clone(), Arc::clone(&tap));
        let connect = move |address: &str, host: &Identity| {
            let peer = Rule {
                host: host.clone(),
                role: Role::Bsf,
            };
            let mut config = node::Config::new(origin.clone(), vec![dictionary::ZN], vec![peer]);
            config.tap = Arc::clone(&zn_tap);
            config.security = security.clone();
            if let Ok(address) = address.parse() {
                zn_tap.endpoint(address, "BSF Zn");
            }
            node::Client::connect(address, config)
        };
        let peers = running.peers();
        let routes = self.bsf.routes(&peers.set("Zn", &self.bsf.peers(), &connect));
        let start = u32::try_from(clock::now().utc.0).unwrap_or(u32::MAX);
        let zn = ZnClient::new(ZnConfig::new(self.origin), start, routes);
        let keys = Arc::new(
            Cached::new(zn.with_tap(Arc::clone(&tap), "NAF", "BSF"), CACHED_KEYS)
                .with_strangers(self.strangers),
        );

        let config = gba::ua::server::Config::new(vec![self.name.clone()]);
        let gate = Gate::new(Arc::clone(&keys), config)
            .map_err(|e| Failure::Unable(format!("naf: {e}")))?
            .with_audit(audit.clone())
            .with_tap(Arc::clone(&tap), "NAF", "UE");
        let service = move |mut request: Request<Bytes>, peer: PeerInfo| {
            let gate = gate.clone();
            request.extensions_mut().insert(peer);
            async move { gate.guard(request, |r| std::future::ready(digest_page(&r))).await }
        };
        let stop = running.stop();
        let serving = net::http::serve_tapped(listener, self.http, Arc::clone(&tap), service, stop);
        running.serve(async move {
            serving.await;
            Ok(())
        });

        let mut psk = PskConfig::new(self.name.clone());
        (psk.http, psk.tls.handshake_timeout) = (self.http, self.http.header_timeout);
        psk.tls.write_timeout = self.http.write_timeout;
        psk.tls.suites = self.suites;
        psk.story.tells_peer = true;
        let story = psk.story.clone();
        let server = PskServer::new(psk, Arc::clone(&keys), Arc::clone(&tap))
            .map_err(|e| Failure::Unable(format!("naf: {e}")))?;
        let server = server.with_audit(audit);
        let stop = running.stop();
        let page = move |request: Request<Bytes>, peer: Arc<PskPeer>| {
            // Within TLS, where nobody else hears it.
            story.tell_request(&tap, &request);
            std::future::ready(psk_page(&request, &peer))
        };
        let serving = server.serve(tls_listener, page, stop);
        running.serve(async move {
            serving.await;
            Ok(())
        });
        say(&format!("naf: HTTP digest on {address} as {}", self.name));
        say(&format!("naf: TLS-PSK on {tls_address} as {}", self.name));
        let take = async |c: Config| {
            let plan = Self::of(&c)?;
            let turn = peers.set("Zn", &plan.bsf.peers(), &connect);
            let changes = turn.changes;
            if !changes.is_empty() {
                // The other one serves until this one does, if that is soon.
                let _ = Failover::new(turn.clients.clone()).ready().await;
            }
            keys.source().set_routes(plan.bsf.routes(&turn));
            if !changes.is_empty() {
                // What the other one gave counts no more, nor what it is asked for still.
                keys.clear();
            }
            turn.leave();
            Ok(format!("BSF: {changes}"))
        };
        running.until_signal(again, take).await
    }
}

/// What a page tells.
struct Page<'a> {
    btid: &'a Btid,
    naf_id: &'a NafId,
    impi: Option<&'a Impi>,
    expiry: Utc,
    how: &'a str,
}

fn digest_page(request: &Request<Bytes>) -> Response<Bytes> {
    let Some(who) = request.extensions().get::<Authenticated>() else {
        // The gate lets nobody through without.
        return Response::default();
    };
    page(
        request,
        &Page {
            btid: &who.btid,
            naf_id: &who.naf_id,
            impi: who.impi.as_ref(),
            expiry: who.expiry,
            how: "HTTP digest",
        },
    )
}

fn psk_page(request: &Request<Bytes>, peer: &PskPeer) -> Response<Bytes> {
    page(
        request,
        &Page {
            btid: &peer.btid,
            naf_id: peer.key.ks_naf.naf_id(),
            impi: peer.key.impi.as_ref(),
            expiry: peer.key.expiry,
            how: "TLS with a pre-shared key",
        },
    )
}

fn page(request: &Request<Bytes>, page: &Page<'_>) -> Response<Bytes> {
    let mut text = format!(
        "{} knows you by GBA.\n\nB-TID    {}\n",
        page.naf_id.fqdn(),
        page.btid
    );
    if let Some(impi) = page.impi {
        let _ = writeln!(text, "IMPI     {impi}");
    }
    let _ = write!(
        text,
        "key      Ks_NAF for {} and Ua id {}, until {}\nproof    {}\nrequest  {} {}\n",
        page.naf_id.fqdn(),
        page.naf_id.ua(),
        page.expiry,
        page.how,
        request.method(),
        request.uri().path(),
    );
    let mut response = Response::new(Bytes::from(text));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
