//! A BSF for those who build NAFs: `gba bsf serve --static FILE` answers on Zn from a file, without HSS and UE; and the
//! laboratory modes of a BSF, `--allow-any-naf` and `--inject`.

pub(crate) mod file;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use base::Now;
use bsf::{
    fixed::FixedSessions,
    inject::{Injections, NotAnInjection, Rule},
    rights::NafRights,
    zn::{Given, Keys, ZnConfig, ZnServer, serve_zn},
};
use clap::Args;
use diameter::{Fault, Origin};
use gba::{ids::Fqdn, zn::BootstrappingInfoRequest};
use net::clock;

use super::{
    bsf::rights,
    listen,
    running::Running,
    say, say_configuration,
    watch::{Watch, Watching},
};
use crate::{
    Failure, audit,
    config::{Config, again::Again},
};

pub(super) use file::EXAMPLE;

/// Most B-TIDs that are named at the start.
const NAMED: usize = 20;

/// Options of a BSF for NAF developers.
#[derive(Args)]
pub(super) struct LaboratoryArgs {
    /// Answer NAFs from a file of sessions, without HSS and Ub (`gba bsf static-example` prints one).
    #[arg(long = "static", value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Laboratory: every NAF may have every key, every setting and the IMPI.
    #[arg(long)]
    allow_any_naf: bool,
    /// Laboratory: make answers on Zn wrong in one way (repeatable).
    ///
    /// expired: the key's end lies in the past; 5401, 5402, 5403: refused with that code; slow=3s: later; no-uss:
    /// without settings; key-flip: one bit of the key differs; drop: no answer. @ and the begin of a B-TID limits it to
    /// those.
    #[arg(long, value_name = "KIND[@B-TID]", value_parser = rule)]
    inject: Vec<Rule>,
}

fn rule(text: &str) -> Result<Rule, NotAnInjection> {
    text.parse()
}

/// What a BSF does only in a laboratory.
#[derive(Clone, Default)]
pub(super) struct Laboratory {
    pub(super) anybody: bool,
    pub(super) injections: Injections,
}

impl LaboratoryArgs {
    /// Refused in production.
    pub(super) fn laboratory(&self, production: bool) -> Result<Laboratory, String> {
        let modes = [
            ("--allow-any-naf", self.allow_any_naf),
            ("--inject", !self.inject.is_empty()),
        ];
        match modes.iter().find(|(_, wanted)| *wanted && production) {
            Some((name, _)) => Err(format!(
                "{name} is a laboratory mode: not allowed with production = true"
            )),
            None => Ok(Laboratory {
                anybody: self.allow_any_naf,
                injections: Injections(self.inject.clone()),
            }),
        }
    }
}

impl Laboratory {
    /// Names each mode, so that nobody takes this BSF for a real one.
    pub(super) fn say(&self) {
        if self.anybody {
            say("bsf: laboratory mode: every NAF may have every key (--allow-any-naf)");
            tracing::warn!("laboratory mode: every NAF may have every key");
        }
        for rule in &self.injections.0 {
            say(&format!(
                "bsf: laboratory mode: answers on Zn are wrong on purpose (--inject {rule})"
            ));
            tracing::warn!(%rule, "laboratory mode: answers on Zn are wrong on purpose");
        }
    }
}

/// All that it needs before it opens a socket.
pub(super) struct Plan {
    path: Option<PathBuf>,
    ops: Option<SocketAddr>,
    audit: Option<audit::Settings>,
    file: PathBuf,
    listen: SocketAddr,
    zn: ZnConfig,
    sessions: FixedSessions,
    laboratory: Laboratory,
}

impl Plan {
    pub(super) fn of(c: &Config, file: PathBuf, laboratory: Laboratory) -> Result<Self, String> {
        let name: Fqdn = c.get("bsf", "name")?;
        let origin = Origin {
            host: c.get("bsf", "name")?,
            realm: c.get("bsf", "origin_realm")?,
        };
        let security = c.security("bsf")?;
        c.keep_on_loopback("bsf", "listen_zn", &security)?;
        let sessions = file::load(&file, c.production(), &name, clock::now())?;
        let mut zn = ZnConfig::new(origin, rights(c, laboratory.anybody)?);
        zn.security = security;
        zn.limits = c.diameter_limits("bsf")?;
        zn.injections = laboratory.injections.clone();
        Ok(Self {
            path: c.path.clone(),
            ops: c.maybe("bsf", "ops.listen")?,
            audit: audit::Settings::of(c, "bsf")?,
            file,
            listen: c.get("bsf", "listen_zn")?,
            zn,
            sessions,
            laboratory,
        })
    }

    pub(super) async fn serve(self, watching: Watching, again: Again) -> Result<(), Failure> {
        say_configuration("bsf", self.path.as_deref());
        let audit = audit::begin("bsf", self.audit)?;
        let running = Running::new("bsf", Watch::new(watching, Some("BSF")));
        let mut running = running.operated_at(self.ops).await?;
        let (listener, address) = listen("bsf", self.listen).await?;
        running.endpoint(address, "BSF Zn");
        let all = self.sessions.len();
        say(&format!(
            "bsf: static sessions of {}: {all}, no Ub",
            self.file.display()
        ));
        for (btid, end) in self.sessions.list().into_iter().take(NAMED) {
            say(&format!("bsf: B-TID {btid} until {end}"));
        }
        if all > NAMED {
            say(&format!("bsf: and {} more", all - NAMED));
        }
        self.laboratory.say();
        let (host, realm) = (&self.zn.origin.host, &self.zn.origin.realm);
        say(&format!("bsf: Zn on {address} as {host}, realm {realm}"));
        let sessions = Arc::new(OfFile(RwLock::new(Arc::new(self.sessions))));
        let zn = ZnServer::new(self.zn, Arc::clone(&sessions))
            .with_audit(audit)
            .with_tap(running.watch().tap());
        let zn = Arc::new(zn);
        running.serve(serve_zn(listener, Arc::clone(&zn), running.stop()));
        let take = async |c: Config| {
            let plan = Self::of(&c, self.file.clone(), self.laboratory.clone())?;
            let count = plan.sessions.len();
            sessions.set(plan.sessions);
            let (nafs, relays) = zn.reload(plan.zn.rights);
            Ok(format!(
                "static sessions: {count}; NAFs: {nafs}; relays: {relays}"
            ))
        };
        running.until_signal(again, take).await
    }
}

/// The sessions of the file as it was last read.
struct OfFile(RwLock<Arc<FixedSessions>>);

impl OfFile {
    fn set(&self, sessions: FixedSessions) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sessions);
    }
}

impl Keys for OfFile {
    async fn info(&self, bir: &BootstrappingInfoRequest, naf: &NafRights, now: Now) -> Result<Given, Fault> {
        let sessions = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        sessions.info(bir, naf, now).await
    }
}
