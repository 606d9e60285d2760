//! `gba hss serve --hostapd`: what hostapd needs of an HSS, and one subscriber from the command line.

use std::path::PathBuf;

use aka::{AlgorithmSet, Amf, Sqn};
use clap::Args;
use gba::ids::{Impi, Imsi, MncLength};
use hss::{
    Subscriber, Subscribers,
    hostapd::{self, Access, Settings, socket},
};
use net::entropy::OsEntropy;

use crate::{
    advice,
    config::{Config, inds},
    input::KeyText,
    sim::{SimArgs, mnc_length, no_bare_keys, parse},
};

/// One subscriber from the command line.
#[derive(Args, Default)]
#[command(next_help_heading = "One subscriber, instead of those of the configuration")]
pub(crate) struct OneArgs {
    /// Its IMSI, 6 to 15 digits. With --hostapd, Zh is served only where `listen` is set.
    #[arg(long, value_parser = parse::<Imsi>)]
    imsi: Option<Imsi>,
    /// Digits of the MNC, 2 or 3 [default: by the MCC, else 2]; for Zh only.
    #[arg(long, value_name = "2|3", value_parser = mnc_length, requires = "imsi")]
    mnc_length: Option<MncLength>,
    /// Its keys.
    #[command(flatten)]
    sim: SimArgs,
    /// AMF of all its vectors, as it is [default: 0000, and 8000 for EAP-AKA'].
    #[arg(long, value_parser = parse::<Amf>, requires = "imsi")]
    amf: Option<Amf>,
    /// The first SQN ever, 6 octets in hex; afterwards the SQN file counts.
    #[arg(long, value_parser = parse::<Sqn>, requires = "imsi")]
    sqn: Option<Sqn>,
}

/// What [`OneArgs`] are, once their keys are read.
pub(super) struct One {
    impi: Impi,
    algorithm: AlgorithmSet,
    amf: Option<Amf>,
    sqn: Option<Sqn>,
}

impl OneArgs {
    /// Reads the keys, of which one may come from standard input: once.
    pub(super) fn read(self, production: bool) -> Result<Option<One>, String> {
        let some_key = self.sim.keys().iter().any(|(_, key)| key.is_some());
        let Some(imsi) = self.imsi else {
            return if some_key || self.sim.algorithm.is_some() {
                Err("--imsi: missing: whose keys are these?".into())
            } else {
                Ok(None)
            };
        };
        if !some_key {
            return Err(format!(
                "--k: missing: with --imsi {imsi} give its keys, --k and --opc"
            ));
        }
        no_bare_keys(self.sim.keys())?;
        let bare = |key: &Option<KeyText>| key.as_ref().is_some_and(KeyText::is_bare_on_command_line);
        if let (true, Some((option, _))) = (production, self.sim.keys().iter().find(|(_, key)| bare(key))) {
            return Err(format!(
                "{option}: a bare key isn't allowed with production = true: use @FILE, env:NAME or -"
            ));
        }
        let mnc = self.mnc_length.or_else(|| MncLength::usual_for(&imsi));
        Ok(Some(One {
            impi: Impi::from_imsi(&imsi, mnc.unwrap_or(MncLength::Two)),
            algorithm: self.sim.algorithm(&mut OsEntropy)?,
            amf: self.amf,
            sqn: self.sqn,
        }))
    }
}

impl One {
    /// As the only subscriber.
    pub(super) fn subscribers(&self, wifi: &Wifi) -> Subscribers {
        let subscriber = Subscriber::new(self.impi.clone(), self.algorithm.duplicate());
        let subscriber = match self.sqn {
            Some(sqn) => subscriber.with_first_sqn(sqn),
            None => subscriber,
        };
        let subscriber = match self.amf {
            // Each socket gives its own bit to it.
            Some(amf) if wifi.agrees_with(amf) => subscriber.with_amf(amf),
            Some(amf) => subscriber.with_amf_as_is(amf),
            None => subscriber,
        };
        Subscribers::from_iter([subscriber])
    }
}

/// hostapd's sockets.
#[derive(Default)]
pub(super) struct Wifi {
    sockets: Vec<(Access, PathBuf)>,
    group: Option<u32>,
    settings: Settings,
}

impl Wifi {
    pub(super) fn of(c: &Config) -> Result<Self, String> {
        let sockets = [
            (Access::Aka, c.file("hss", "hostapd")),
            (Access::AkaPrime, c.file("hss", "hostapd_prime")),
        ];
        let group: Option<String> = c.maybe("hss", "hostapd_group")?;
        let sim: bool = c.get("hss", "hostapd_sim")?;
        if sockets.iter().all(|(_, path)| path.is_none()) {
            let without = [("hostapd_sim", sim), ("hostapd_group", group.is_some())];
            if let Some((key, _)) = without.iter().find(|(_, given)| *given) {
                let what = "there is no socket for hostapd: give hostapd or hostapd_prime as well";
                return Err(c.error("hss", key, what));
            }
        }
        let group = group.map(|name| socket::group(&name));
        let inds = c
            .maybe::<String>("hss", "hostapd_ind")?
            .and_then(|text| inds(&text));
        Ok(Self {
            sockets: sockets
                .into_iter()
                .filter_map(|(access, path)| Some((access, path?)))
                .collect(),
            group: group
                .transpose()
                .map_err(|e| c.error("hss", "hostapd_group", &e.to_string()))?,
            settings: Settings { inds, sim },
        })
    }

    /// True if there is any.
    pub(super) const fn is_wanted(&self) -> bool {
        !self.sockets.is_empty()
    }

    /// Whether the cards of all of them have the INDs.
    pub(super) fn fits(&self, c: &Config, subscribers: &Subscribers) -> Result<(), String> {
        hostapd::check(subscribers, self.settings).map_err(|e| c.error("hss", "hostapd_ind", &e.to_string()))
    }

    /// Whether that AMF has the bit of what is served; else it is warned of (ruling 2).
    fn agrees_with(&self, amf: Amf) -> bool {
        let wrong = |access: &Access| amf.separation_bit() != (*access == Access::AkaPrime);
        let mut all = self.sockets.iter().map(|(access, _)| access);
        let Some(access) = all.find(|access| wrong(access)) else {
            // Over Zh the bit is cleared.
            return self.is_wanted() || !amf.separation_bit();
        };
        let what = match access {
            Access::Aka => {
                "its separation bit (8000) belongs to EPS and EAP-AKA': a device may refuse EAP-AKA"
            }
            Access::AkaPrime => "without its separation bit (8000) devices refuse EAP-AKA'",
        };
        advice::warn(&format!("--amf {amf}: {what}; taken as it is"));
        false
    }

    /// Opens the sockets.
    pub(super) fn open(self) -> Result<(Vec<(Access, socket::Socket)>, Settings), String> {
        let group = self.group;
        let open = |(access, path): (Access, PathBuf)| {
            let socket = socket::Socket::open(&path, group);
            socket.map(|socket| (access, socket)).map_err(|e| e.to_string())
        };
        let sockets = self.sockets.into_iter().map(open);
        Ok((sockets.collect::<Result<_, _>>()?, self.settings))
    }
}

/// What is said of an open one: hostapd has another working directory, so its line has the whole name.
pub(super) fn line(access: Access, socket: &socket::Socket) -> String {
    let method = match access {
        Access::Aka => "EAP-AKA",
        Access::AkaPrime => "EAP-AKA'",
    };
    let path = std::path::absolute(socket.path()).unwrap_or_else(|_| socket.path().into());
    let path = path.display();
    format!("hss: {method} on {path} ; hostapd.conf: eap_sim_db=unix:{path}")
}
