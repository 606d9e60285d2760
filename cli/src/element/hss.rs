//! `gba hss serve`.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use aka::Amf;
use base::Utc;
use diameter::Origin;
use hss::{
    Auc, FileSqnStore, Subscribers, hostapd,
    sqn::{NotAScheme, scheme_of},
    subscribers::{DomainRules, OsKeys},
};
use net::{clock, entropy::OsEntropy};

use super::{
    hss_wifi::{One, Wifi, line},
    listen,
    running::Running,
    say, say_configuration,
    watch::{Watch, Watching},
};
use crate::{
    Failure, advice, audit,
    config::{Config, again::Again, flags::Table, inds},
};

/// `[hss]`.
pub(crate) struct Hss;

impl Table for Hss {
    const NAME: &'static str = "hss";
}

/// All that the HSS needs before it opens a socket.
pub(super) struct Plan {
    path: Option<PathBuf>,
    ops: Option<SocketAddr>,
    audit: Option<audit::Settings>,
    /// Zh; `None` where only Wi-Fi is served.
    listen: Option<SocketAddr>,
    wifi: Wifi,
    config: hss::Config,
    subscribers: Subscribers,
    sqn_file: PathBuf,
    production: bool,
}

impl Plan {
    /// `one`: a subscriber from the command line, instead of those of the configuration.
    pub(super) fn of(c: &Config, one: Option<&One>) -> Result<Self, String> {
        let origin = Origin {
            host: c.get("hss", "origin_host")?,
            realm: c.get("hss", "origin_realm")?,
        };
        let mut config = hss::Config::new(origin, c.list("hss", "bsfs")?);
        config.relays = c.list("hss", "relays")?.into_iter().collect();
        config.security = c.security("hss")?;
        config.limits = c.diameter_limits("hss")?;
        let wifi = Wifi::of(c)?;
        let alone = one.is_some() && wifi.is_wanted() && c.is_default("hss", "listen");
        if !alone {
            c.keep_on_loopback("hss", "listen", &config.security)?;
        }
        let all = match one {
            Some(one) => one.subscribers(&wifi),
            None => subscribers(c)?,
        };
        let subscribers = all
            .in_domain(&domain(c)?)
            .map_err(|e| c.error("hss", "sqn.ind", &e.to_string()))?;
        wifi.fits(c, &subscribers)?;
        let sqn_file = c.file("hss", "sqn_file");
        Ok(Self {
            path: c.path.clone(),
            ops: c.maybe("hss", "ops.listen")?,
            audit: audit::Settings::of(c, "hss")?,
            listen: (!alone).then(|| c.get("hss", "listen")).transpose()?,
            wifi,
            config,
            subscribers,
            sqn_file: sqn_file.ok_or_else(|| c.error("hss", "sqn_file", "missing"))?,
            production: c.production(),
        })
    }

    pub(super) async fn serve(
        self,
        watching: Watching,
        again: Again,
        new_sqn_file: bool,
        one: Option<One>,
    ) -> Result<(), Failure> {
        let store = if new_sqn_file {
            FileSqnStore::create(&self.sqn_file)
        } else if self.production {
            FileSqnStore::open(&self.sqn_file)
        } else {
            FileSqnStore::open_or_create(&self.sqn_file)
        };
        let store = store.map_err(|e| Failure::Unable(format!("hss: {e}")))?;
        say_configuration("hss", self.path.as_deref());
        let (count, sqn_file) = (self.subscribers.len(), self.sqn_file.display());
        say(&format!(
            "hss: subscribers {count}, sequence numbers in {sqn_file}"
        ));
        let audit = audit::begin("hss", self.audit)?;
        let running = Running::new("hss", Watch::new(watching, Some("HSS")));
        let mut running = running.operated_at(self.ops).await?;
        let zh = match self.listen {
            Some(address) => Some(listen("hss", address).await?),
            None => None,
        };
        let (sockets, settings) = self
            .wifi
            .open()
            .map_err(|e| Failure::Unable(format!("hss: {e}")))?;
        let hss = hss::Hss::new(self.config, self.subscribers, Auc::new(store, OsEntropy)).with_audit(audit);
        let hss = Arc::new(hss.with_tap(running.watch().tap()));
        if let Some((listener, address)) = zh {
            running.endpoint(address, "HSS Zh");
            running.serve(hss::serve(listener, Arc::clone(&hss), running.stop()));
            say(&format!("hss: Zh on {address}"));
        }
        for (access, socket) in sockets {
            say(&line(access, &socket));
            let serving = hostapd::serve(socket, Arc::clone(&hss), access, settings, running.stop());
            running.serve(async move {
                serving.await;
                Ok(())
            });
        }
        let take = async |c: Config| {
            let plan = Self::of(&c, one.as_ref())?;
            let (subscribers, peers) = hss.reload(plan.config, plan.subscribers, clock::now());
            Ok(format!("subscribers: {subscribers}; BSFs and relays: {peers}"))
        };
        running.until_signal(again, take).await
    }
}

/// What holds for all vectors over Zh (ruling 2, TS 33.102 annex C.3).
fn domain(c: &Config) -> Result<DomainRules, String> {
    let text = |key| c.maybe::<String>("hss", key);
    let start = text("sqn.start")?.and_then(|t| Utc::parse(&t).ok());
    let scheme = match scheme_of(&text("sqn.scheme")?.unwrap_or_default(), start) {
        Ok(scheme) => scheme,
        Err(NotAScheme::NoStart) => {
            return Err(c.error("hss", "sqn.start", &NotAScheme::NoStart.to_string()));
        }
        Err(e) => return Err(c.error("hss", "sqn.scheme", &e.to_string())),
    };
    let amf: Option<Amf> = c.maybe("hss", "sqn.amf")?;
    if amf.is_some_and(Amf::separation_bit) {
        let what = "its separation bit (8000) belongs to EPS: a terminal may refuse such vectors over Zh";
        let what = c.error("hss", "sqn.amf", what);
        if c.production() {
            return Err(format!("{what}; not allowed with production = true"));
        }
        advice::warn(&what);
    }
    Ok(DomainRules {
        scheme,
        inds: text("sqn.ind")?.and_then(|t| inds(&t)),
        amf,
    })
}

fn subscribers(c: &Config) -> Result<Subscribers, String> {
    let now = clock::now();
    let mut keys = OsKeys {
        directory: c.directory(),
    };
    let file = c
        .path
        .as_deref()
        .unwrap_or_else(|| std::path::Path::new(""))
        .display();
    let within = Subscribers::parse_within(c.text(), "hss", c.production(), &mut keys, now.utc)
        .map_err(|e| format!("{file}, {}: {}: {}", e.place, e.key, e.what))?;
    let Some(path) = c.file("hss", "subscribers") else {
        return if within.is_empty() {
            let what = "there is no subscriber: name a file here, or write [[hss.subscriber]] as `gba config example` does";
            Err(c.error("hss", "subscribers", what))
        } else {
            Ok(within)
        };
    };
    if !within.is_empty() {
        return Err(c.error(
            "hss",
            "subscribers",
            "either a file or [[hss.subscriber]] expected, not both",
        ));
    }
    Subscribers::load_as(&path, now, c.production()).map_err(|e| e.to_string())
}
