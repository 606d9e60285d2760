//! The TOML that makes the same card.

use std::fmt::Write as _;

use aka::sqn::SqnProfile;
use base::hex;
use gba::ids::MncLength;
use uicc::{
    Pin,
    fcp::Security,
    software::{
        MacForm, ResForm,
        profile::{AccessRule, ApduAccess, KeySpec, LifeCycle},
        store::{Application, Change},
    },
};

use super::{
    Profile,
    draft::{GbaDraft, Keys, M2m, Operator, OtaKey, SqnDraft},
    files::{FileDraft, Fill, Structure, key_name},
    read::REDACTED,
    toolkit,
};
use crate::sim;

/// The profile as a file of its own, with what a card's state has changed. Secrets only where they are asked for.
pub(crate) fn export(profile: &Profile, secrets: bool, state: Option<&[Change]>) -> String {
    let mut w = Writer {
        text: String::new(),
        secrets,
    };
    let draft = &profile.draft;
    w.line(format_args!(
        "# A card's profile, exported by gba; see `gba card profile example`."
    ));
    if !secrets {
        w.line(format_args!(
            "# Without its secrets: put them in where it says {REDACTED}."
        ));
    }
    // All that a built-in says is here, so what is below must say nothing.
    w.line(format_args!("base = \"none\""));
    if let Some(imsi) = &draft.imsi {
        w.line(format_args!("imsi = \"{}\"", imsi.as_str()));
    }
    if let Some(mnc) = draft.mnc_length {
        w.line(format_args!("mnc_length = {}", mnc.map_or(0, MncLength::digits)));
    }
    if let Some(iccid) = &draft.iccid {
        w.line(format_args!("iccid = \"{iccid}\""));
    }
    if let Some(msisdn) = &draft.msisdn {
        w.line(format_args!("msisdn = \"+{msisdn}\""));
    }
    if let Some(name) = &draft.name {
        w.line(format_args!("name = {}", quoted(name)));
    }
    let flags = [
        ("gsm", draft.gsm),
        ("t0", draft.t0),
        ("isim", draft.isim),
        ("guard_auts", draft.guard_auts),
        ("ara_m", draft.ara_m),
    ];
    for (name, value) in flags {
        if let Some(value) = value {
            w.line(format_args!("{name} = {value}"));
        }
    }
    if let Some(keys) = &draft.keys {
        w.keys(keys);
    }
    let mut pins: Vec<KeySpec> = draft.pins.iter().map(KeySpec::duplicate).collect();
    let mut sqn = draft.sqn.clone();
    let mut files = draft.files.clone();
    for change in state.unwrap_or_default() {
        match change {
            Change::Key(key) => {
                let same = |k: &KeySpec| (k.reference, &k.application) == (key.reference, &key.application);
                pins.retain(|k| !same(k));
                pins.push(key.duplicate());
            }
            Change::Sqn(Application::Usim, seq_ms) => {
                let profile = sqn.unwrap_or_default().profile;
                let array = aka::sqn::SqnArray::with_seq_ms(profile, seq_ms);
                sqn = Some(array.map_or_else(|_| SqnDraft::default(), |a| SqnDraft::of(&a)));
            }
            Change::File(spec) => {
                files.retain(|f| f.path != spec.path);
                files.push(FileDraft::of(spec));
            }
            // Ks and NAF keys are no part of a profile.
            _ => {}
        }
    }
    if let Some(sqn) = &sqn {
        w.sqn(sqn);
    }
    w.gba(draft.gba_u.unwrap_or_default());
    if let Some(m2m) = &draft.m2m {
        w.m2m(m2m);
    }
    draft.access_rules.iter().for_each(|rule| w.access_rule(rule));
    for scripted in &draft.toolkit {
        w.line(format_args!("{}", toolkit::written(scripted)));
    }
    pins.iter().for_each(|pin| w.pin(pin));
    for set in &draft.ota {
        w.line(format_args!("\n[[ota]]\nversion = {}", set.version));
        w.ota_key("kic", &set.kic);
        w.ota_key("kid", &set.kid);
        let counter = set.counter.to_be_bytes();
        w.line(format_args!(
            "counter = \"{}\"",
            hex::encode(counter.get(3..).unwrap_or_default())
        ));
        let tars: Vec<_> = set
            .tars
            .iter()
            .map(|tar| format!("\"{}\"", hex::encode(tar)))
            .collect();
        w.line(format_args!(
            "tars = [{}]\nmsl = \"{:02x}\"",
            tars.join(", "),
            set.msl
        ));
    }
    files.iter().for_each(|file| w.file(file));
    w.text
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

struct Writer {
    text: String,
    secrets: bool,
}

impl Writer {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text doesn't fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn secret(&self, octets: &[u8]) -> String {
        if self.secrets {
            hex::encode(octets)
        } else {
            REDACTED.into()
        }
    }

    fn keys(&mut self, keys: &Keys) {
        let name = match keys.name {
            sim::Name::Milenage => "milenage",
            sim::Name::Tuak => "tuak",
            sim::Name::Xor => "xor",
        };
        let k = self.secret(keys.k.expose());
        self.line(format_args!("\n[keys]\nalgorithm = \"{name}\"\nk = \"{k}\""));
        let operator = match &keys.operator {
            Operator::None => None,
            Operator::Opc(key) => Some(("opc", self.secret(key.expose()))),
            Operator::Op(key) => Some(("op", self.secret(key.expose()))),
            Operator::Topc(key) => Some(("topc", self.secret(key.expose()))),
            Operator::Top(key) => Some(("top", self.secret(key.expose()))),
        };
        if let Some((name, key)) = operator {
            self.line(format_args!("{name} = \"{key}\""));
        }
        if let Some(length) = keys.res_length {
            self.line(format_args!("res_length = {length}"));
        }
        if let Some(iterations) = keys.iterations {
            self.line(format_args!("iterations = {iterations}"));
        }
    }

    fn sqn(&mut self, sqn: &SqnDraft) {
        let SqnProfile { ind_bits, delta, l } = sqn.profile;
        self.line(format_args!("\n[sqn]\nind_bits = {ind_bits}\ndelta = {delta}"));
        if let Some(l) = l {
            self.line(format_args!("l = {l}"));
        }
        let accepted: Vec<_> = sqn.accepted.iter().map(|sqn| format!("\"{sqn}\"")).collect();
        self.line(format_args!("accepted = [{}]", accepted.join(", ")));
    }

    fn gba(&mut self, gba: GbaDraft) {
        let mac = match gba.mac {
            MacForm::Star => "star",
            MacForm::Plain => "plain",
        };
        let res = match gba.res {
            ResForm::Flipped => "flipped",
            ResForm::Plain => "plain",
        };
        self.line(format_args!(
            "\n[gba_u]\nenabled = {}\nmac = \"{mac}\"\nres = \"{res}\"\nwait_for_btid = {}\nnaf_records = {}",
            gba.enabled, gba.wait_for_btid, gba.naf_records
        ));
    }

    fn m2m(&mut self, m2m: &M2m) {
        let s = &m2m.subscription;
        self.line(format_args!(
            "\n[m2m]\nframework = {}\nmodule = {}",
            m2m.framework, m2m.module
        ));
        let texts = [
            ("subscription_id", Some(&s.subscription_id)),
            ("provider", Some(&s.provider)),
            ("node", s.node.as_ref()),
            ("cse", s.cse.as_ref()),
            ("maf", s.maf.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                self.line(format_args!("{name} = {}", quoted(text)));
            }
        }
        for (name, list) in [
            ("entities", &s.entities),
            ("enrolment", &s.enrolment),
            ("in_cses", &s.in_cses),
        ] {
            let list: Vec<_> = list.iter().map(|text| quoted(text)).collect();
            self.line(format_args!("{name} = [{}]", list.join(", ")));
        }
    }

    fn access_rule(&mut self, rule: &AccessRule) {
        self.line(format_args!("\n[[access_rule]]"));
        for (name, octets) in [("aid", &rule.aid), ("device", &rule.device)] {
            if let Some(octets) = octets {
                self.line(format_args!("{name} = \"{}\"", hex::encode(octets)));
            }
        }
        match &rule.apdu {
            ApduAccess::Never => self.line(format_args!("apdu = \"never\"")),
            ApduAccess::Always => self.line(format_args!("apdu = \"always\"")),
            ApduAccess::Filters(filters) => {
                let all: Vec<_> = filters
                    .iter()
                    .map(|f| format!("\"{}\"", hex::encode(f)))
                    .collect();
                self.line(format_args!("filters = [{}]", all.join(", ")));
            }
        }
        if let Some(nfc) = rule.nfc {
            self.line(format_args!("nfc = {nfc}"));
        }
    }

    fn code(&self, pin: &Pin) -> String {
        let octets = pin.expose();
        let digits = octets.iter().take_while(|o| o.is_ascii_digit()).count();
        let is_digits = digits >= 4
            && octets
                .get(digits..)
                .is_some_and(|rest| rest.iter().all(|o| *o == 0xff));
        match (self.secrets, octets.get(..digits)) {
            (false, _) => REDACTED.into(),
            (true, Some(text)) if is_digits => String::from_utf8_lossy(text).into_owned(),
            (true, _) => hex::encode(octets),
        }
    }

    fn pin(&mut self, key: &KeySpec) {
        let (name, value) = (key_name(key.reference), self.code(&key.value));
        self.line(format_args!("\n[[pin]]\nkey = \"{name}\"\nvalue = \"{value}\""));
        if let Some(aid) = &key.application {
            self.line(format_args!("application = \"{}\"", hex::encode(aid)));
        }
        self.line(format_args!(
            "max_tries = {}\ntries = {}\nenabled = {}\nreplaced = {}",
            key.max_tries, key.tries, key.enabled, key.replaced
        ));
        if let Some(puk) = &key.unblock {
            let value = self.code(&puk.value);
            self.line(format_args!(
                "puk = \"{value}\"\npuk_max_tries = {}\npuk_tries = {}",
                puk.max_tries, puk.tries
            ));
        }
    }

    fn ota_key(&mut self, name: &str, key: &OtaKey) {
        let octets = self.secret(key.key.expose());
        let algorithm = key.algorithm.name();
        self.line(format_args!(
            "{name} = {{ algorithm = \"{algorithm}\", key = \"{octets}\" }}"
        ));
    }

    fn file(&mut self, file: &FileDraft) {
        self.line(format_args!("\n[[file]]\npath = \"{}\"", file.path));
        if let Some(structure) = file.structure {
            self.line(format_args!("structure = \"{}\"", structure.name()));
        }
        let numbers = [
            (
                "size",
                file.size.filter(|_| file.structure != Some(Structure::Directory)),
            ),
            ("record_length", file.record_length.map(u32::from)),
            ("record_count", file.record_count.map(u32::from)),
            ("sfi", file.sfi.map(u32::from)),
        ];
        for (name, value) in numbers {
            if let Some(value) = value {
                self.line(format_args!("{name} = {value}"));
            }
        }
        match &file.security {
            None => {}
            Some(Security::Referenced { arr, record }) => {
                self.line(format_args!("rule = \"{arr:04X}:{record}\""))
            }
            Some(Security::Other { tag, value }) => {
                self.line(format_args!("security = \"{tag:02X}:{}\"", hex::encode(value)));
            }
        }
        if let Some(state) = file.life_cycle {
            let state = match state {
                LifeCycle::Creation => "creation",
                LifeCycle::Initialisation => "initialisation",
                LifeCycle::Activated => "activated",
                LifeCycle::Deactivated => "deactivated",
                LifeCycle::Terminated => "terminated",
            };
            self.line(format_args!("life_cycle = \"{state}\""));
        }
        if let Some(shareable) = file.shareable {
            self.line(format_args!("shareable = {shareable}"));
        }
        let list = |items: Vec<String>| {
            let items: Vec<_> = items.into_iter().map(|i| format!("\n  \"{i}\",")).collect();
            format!("[{}\n]", items.concat())
        };
        match &file.fill {
            None => {}
            Some(Fill::Octets(octets)) => self.line(format_args!("hex = \"{}\"", hex::encode(octets))),
            Some(Fill::Records(records)) => {
                let records = list(records.iter().map(hex::encode).collect());
                self.line(format_args!("records = {records}"));
            }
            Some(Fill::Objects(objects)) => {
                let object = |(tag, value): &(u32, Vec<u8>)| hex::encode(base::tlv::object(*tag, value));
                let objects = list(objects.iter().map(object).collect());
                self.line(format_args!("objects = {objects}"));
            }
        }
    }
}
