//! `gba card info`: who a card is.

use std::fmt::Write as _;

use base::hex;
use clap::Args;
use gba::ids::Imsi;
use serde_json::json;
use uicc::{
    ef::{DirEntry, Iccid, ServiceTable, ad, imsi, services},
    names,
    terminal::{Content, KeyRef, Mnc, Path, PinState, UsimError, application_name, atr::Atr},
};

use super::{
    Action,
    at::{CardAt, refused},
};
use crate::Failure;

#[derive(Args)]
pub(crate) struct Info {}

/// What one USIM or ISIM says of itself.
pub(super) struct Application {
    pub(super) path: Path,
    pub(super) aid: Vec<u8>,
    pub(super) label: Option<String>,
    pub(super) name: Option<&'static str>,
    pub(super) services: Option<ServiceTable>,
    pub(super) imsi: Result<Option<(Imsi, Mnc)>, UsimError>,
    pub(super) pins: Vec<(KeyRef, PinState)>,
    /// Reaches the application at all.
    pub(super) selected: Result<(), UsimError>,
}

impl Application {
    pub(super) fn is_isim(&self) -> bool {
        self.name == Some("ISIM")
    }

    /// Which form of GBA, by the service table (ruling 11).
    pub(super) fn gba(&self) -> Option<&'static str> {
        let table = self.services.as_ref()?;
        let service = if self.is_isim() { ISIM_GBA } else { services::GBA };
        Some(if table.has(service) { "GBA_U" } else { "GBA_ME" })
    }
}

/// GBA in EF_IST (TS 31.103 4.2.7).
const ISIM_GBA: u16 = 2;

/// What is read of the whole card.
pub(super) struct Known {
    pub(super) iccid: Result<Iccid, UsimError>,
    pub(super) atr: Option<Atr>,
    pub(super) applications: Vec<Application>,
}

fn transparent(at: &mut CardAt, path: &Path) -> Result<Vec<u8>, UsimError> {
    match at.session.read(path)?.1 {
        Content::Transparent(octets) => Ok(octets),
        _ => Err(UsimError::Missing {
            file: path.to_string(),
        }),
    }
}

/// Reads it. Only a card that doesn't answer at all is an error.
pub(super) fn known(at: &mut CardAt) -> Result<Known, Failure> {
    let iccid = transparent(at, &Path::MF.child(names::EF_ICCID)).and_then(|octets| {
        Iccid::parse(&octets).map_err(|why| UsimError::Malformed {
            what: "EF_ICCID",
            why,
        })
    });
    if let Err(e @ UsimError::Card(_)) = &iccid {
        return Err(refused(e));
    }
    let mut entries = at.session.applications().map_err(|e| refused(&e))?;
    if entries.is_empty() && at.session.select(&Path::usim()).is_ok() {
        entries.push(DirEntry {
            aid: names::USIM_AID_PREFIX.to_vec(),
            label: None,
        });
    }
    let mut applications = Vec::new();
    for entry in entries {
        applications.push(application(at, entry)?);
    }
    Ok(Known {
        iccid,
        atr: Atr::parse(&at.atr).ok(),
        applications,
    })
}

fn application(at: &mut CardAt, entry: DirEntry) -> Result<Application, Failure> {
    let path = Path::application(&entry.aid);
    let name = application_name(&entry.aid);
    let selected = at.session.select(&path);
    let mut found = Application {
        imsi: Ok(None),
        services: None,
        pins: Vec::new(),
        selected: Ok(()),
        path,
        aid: entry.aid,
        label: entry.label,
        name,
    };
    let fcp = match selected {
        Ok(fcp) => fcp,
        Err(e @ UsimError::Card(_)) => return Err(refused(&e)),
        Err(e) => {
            found.selected = Err(e);
            return Ok(found);
        }
    };
    let mut keys: Vec<KeyRef> = fcp
        .pins
        .iter()
        .flat_map(|p| p.iter())
        .map(|p| KeyRef(p.reference))
        .collect();
    if keys.is_empty() {
        keys = KeyRef::ALL.to_vec();
    }
    for key in keys {
        match at.session.pin_state(key).map_err(|e| refused(&e))? {
            PinState::Absent => {}
            state => found.pins.push((key, state)),
        }
    }
    match name {
        Some("USIM") => {
            found.services = transparent(at, &found.path.child(names::EF_UST))
                .ok()
                .map(|o| ServiceTable::parse(&o));
            let ad = transparent(at, &found.path.child(names::EF_AD));
            let length = ad.ok().and_then(|o| ad::mnc_length(&o));
            found.imsi = transparent(at, &found.path.child(names::EF_IMSI)).and_then(|o| {
                let imsi = imsi::parse(&o).map_err(|why| UsimError::Malformed { what: "EF_IMSI", why })?;
                let mnc = Mnc::choose(&imsi, length, None);
                Ok(Some((imsi, mnc)))
            });
        }
        Some("ISIM") => {
            found.services = transparent(at, &found.path.child(EF_IST))
                .ok()
                .map(|o| ServiceTable::parse(&o));
        }
        _ => {}
    }
    Ok(found)
}

/// ISIM service table (TS 31.103 4.2.7).
const EF_IST: u16 = 0x6f07;

impl Action for Info {
    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let known = known(at)?;
        let (text, json) = (text(at, &known), json(at, &known));
        at.print(&text, &json)
    }
}

fn text(at: &CardAt, known: &Known) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<13} {value}");
    };
    line("card", &at.place);
    line("ATR", &atr_text(&at.atr, known.atr.as_ref()));
    match &known.iccid {
        Ok(iccid) => line("ICCID", iccid.as_str()),
        Err(e) => line("ICCID", &e.to_string()),
    }
    for a in &known.applications {
        let title = a
            .name
            .map_or_else(|| "application".into(), |n| format!("ADF.{n}"));
        let label = a.label.as_ref().map(|l| format!("  {}", crate::escape::text(l)));
        line(
            &title,
            &format!(
                "{}{}",
                hex::encode(&a.aid).to_uppercase(),
                label.unwrap_or_default()
            ),
        );
        if let Err(e) = &a.selected {
            line("", &e.to_string());
            continue;
        }
        match &a.imsi {
            Ok(None) => {}
            Ok(Some((imsi, mnc))) => {
                line("  IMSI", imsi.as_str());
                line("  MNC", &format!("{} ({mnc})", imsi.mnc(mnc.length)));
                line("  IMPI", gba::ids::Impi::from_imsi(imsi, mnc.length).as_str());
            }
            Err(e) => line("  IMSI", &e.to_string()),
        }
        if let Some(gba) = a.gba() {
            line("  GBA", &gba_text(a, gba));
        }
        if let Some(table) = &a.services {
            line("  services", &super::decode::services(table, a.is_isim()));
        }
        for (key, state) in &a.pins {
            line(&format!("  {key}"), &state.to_string());
        }
    }
    if known.applications.is_empty() {
        line("applications", "none: EF_DIR names none, and no USIM answers");
    }
    out
}

fn gba_text(a: &Application, gba: &str) -> String {
    let service = if a.is_isim() {
        format!("IST service {ISIM_GBA}")
    } else {
        format!("UST service {}", services::GBA)
    };
    match gba {
        "GBA_U" => format!("GBA_U: Ks stays in the card ({service})"),
        _ => format!("GBA_ME: CK and IK go to the device (no {service})"),
    }
}

/// `3B9F… (T=0, 16 clock cycles per bit, 1.8 V, 3 V, "JLu04")`.
pub(super) fn atr_text(octets: &[u8], atr: Option<&Atr>) -> String {
    use uicc::terminal::atr::Checksum;
    let shown = hex::encode(octets).to_uppercase();
    let Some(atr) = atr else {
        return format!("{shown} (can't be read)");
    };
    let mut parts = vec![atr.protocols()];
    parts.extend(
        atr.cycles_per_etu
            .map(|n| format!("{n} clock cycles a bit at best")),
    );
    parts.extend(atr.voltages());
    parts.extend(atr.text().map(|t| format!("{t:?}")));
    match atr.checksum {
        Checksum::Wrong => parts.push("its check octet is wrong".into()),
        Checksum::Missing => parts.push("its check octet is missing".into()),
        Checksum::Right | Checksum::NotNeeded => {}
    }
    format!("{shown} ({})", parts.join(", "))
}

fn json(at: &CardAt, known: &Known) -> serde_json::Value {
    let applications: Vec<_> = known
        .applications
        .iter()
        .map(|a| {
            let pins: Vec<_> = a
                .pins
                .iter()
                .map(|(key, state)| json!({"key": key.to_string(), "reference": key.0, "state": state.to_string()}))
                .collect();
            let imsi = a.imsi.as_ref().ok().and_then(Option::as_ref);
            json!({
                "aid": hex::encode(&a.aid),
                "name": a.name,
                "label": a.label,
                "imsi": imsi.map(|(imsi, _)| imsi.as_str()),
                "mnc_digits": imsi.map(|(_, mnc)| mnc.length.digits()),
                "mnc_from": imsi.map(|(_, mnc)| mnc.to_string()),
                "impi": imsi.map(|(imsi, mnc)| gba::ids::Impi::from_imsi(imsi, mnc.length).as_str().to_owned()),
                "gba": a.gba(),
                "services": a.services.as_ref().map(super::decode::service_numbers),
                "pins": pins,
                "error": a.selected.as_ref().err().or(a.imsi.as_ref().err()).map(ToString::to_string),
            })
        })
        .collect();
    json!({
        "card": at.place,
        "atr": hex::encode(&at.atr),
        "iccid": known.iccid.as_ref().ok().map(Iccid::as_str),
        "applications": applications,
    })
}
