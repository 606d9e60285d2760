//! Every setting once: its place in the file, its variable, its flag, its default, and what may stand in it. The
//! example, the help texts and all three sources are made of this table.

use std::net::SocketAddr;

use aka::Amf;
use base::Utc;
use diameter::Identity;
use gba::ids::{Fqdn, Imsi};
use net::tls::suite::Suite;

use crate::{
    audit::OnFailure,
    log::{self, Filter, Format as LogFormat},
};

/// How a value is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// A text in quotes.
    Text,
    /// A file's name; relative ones lie beside the configuration.
    File,
    /// A key, or where it is; never shown.
    Key,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A list of texts; in variables and flags separated by commas.
    List,
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its table; empty for the top of the file.
    pub(crate) table: &'static str,
    /// Its name there.
    pub(crate) key: &'static str,
    pub(crate) form: Form,
    /// What it is where nobody says; `None`: absent.
    pub(crate) default: Option<&'static str>,
    /// What may stand there, for errors.
    pub(crate) expected: &'static str,
    /// One item; the reason is never the text itself.
    pub(crate) check: fn(&str) -> bool,
    /// For the example and `--help`.
    pub(crate) help: &'static str,
    /// What the example shows where there is no default.
    pub(crate) example: &'static str,
}

impl Setting {
    /// `hss.listen`.
    pub(crate) fn name(&self) -> String {
        if self.table.is_empty() {
            self.key.into()
        } else {
            format!("{}.{}", self.table, self.key)
        }
    }

    /// `GBA_HSS_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        let name = if self.table == LOG {
            self.flag()
        } else {
            self.name()
        };
        format!("GBA_{}", name.replace(['.', '-'], "_").to_uppercase())
    }

    /// `listen-ub`, without the dashes; of the log, which every element has: `log` and `log-format`.
    pub(crate) fn flag(&self) -> String {
        match (self.table, self.key) {
            (LOG, "filter") => LOG.into(),
            (LOG, key) => format!("{LOG}-{key}"),
            (_, key) => key.replace(['_', '.'], "-"),
        }
    }
}

/// The tables, in the order of the example.
pub(crate) const TABLES: [&str; 6] = ["", LOG, "hss", "bsf", "naf", "ue"];

/// The table of the log.
pub(crate) const LOG: &str = "log";

/// Lists of tables that other readers read: they belong to their elements.
pub(crate) const FOREIGN: [(&str, &str); 2] = [("hss", "subscriber"), ("bsf", "naf")];

/// What an element that runs takes from a file that it reads again (SIGHUP), besides the lists of [`FOREIGN`] and their
/// files; all else needs a restart.
pub(crate) const RELOADED: [(&str, &str); 14] = [
    ("hss", "bsfs"),
    ("hss", "relays"),
    ("hss", "subscribers"),
    ("hss", "sqn.scheme"),
    ("hss", "sqn.start"),
    ("hss", "sqn.ind"),
    ("hss", "sqn.amf"),
    ("bsf", "hss"),
    ("bsf", "hss_host"),
    ("bsf", "rights"),
    ("bsf", "relays"),
    ("naf", "bsf"),
    ("naf", "bsf_name"),
    ("naf", "bsf_realm"),
];

fn is<T: std::str::FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && is::<u16>(port) && !text.contains(char::is_whitespace)
    })
}

fn filled(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn yes_or_no(text: &str) -> bool {
    is::<bool>(text)
}

fn seconds(text: &str) -> bool {
    text.parse::<u32>()
        .is_ok_and(|n| (1..=366 * 24 * 3600).contains(&n))
}

fn patience(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|n| (1..=300).contains(&n))
}

fn rate(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|n| n <= 1_000_000)
}

fn short(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|n| n <= 3600)
}

fn mnc_length(text: &str) -> bool {
    matches!(text, "2" | "3")
}

fn res_length(text: &str) -> bool {
    text.parse::<usize>().is_ok_and(|n| (4..=16).contains(&n))
}

fn mode(text: &str) -> bool {
    matches!(text, "me" | "u")
}

fn algorithm(text: &str) -> bool {
    matches!(text, "milenage" | "tuak" | "xor")
}

fn sqn_scheme(text: &str) -> bool {
    hss::sqn::scheme_of(text, Some(Utc(0))).is_ok()
}

fn moment(text: &str) -> bool {
    Utc::parse(text).is_ok()
}

fn inds(text: &str) -> bool {
    super::inds(text).is_some()
}

fn host_line(text: &str) -> bool {
    super::host_line(text).is_some()
}

const ADDRESS: &str = "an address and port such as \"127.0.0.1:13868\" (port 0: any free one)";
const ENDPOINT: &str = "a host and port such as \"127.0.0.1:13868\"";
const NAME: &str = "a name such as \"hss.example.org\"";
const YES: &str = "true or false";
const KEY: &str = "32 hex digits, \"@FILE\" or \"env:NAME\"";
const LONG_KEY: &str = "64 hex digits, \"@FILE\" or \"env:NAME\"";
const SECONDS: &str = "seconds, from 1 to 31622400 (a year)";
const PATIENCE: &str = "seconds, from 1 to 300";
const RATE: &str = "a number from 0 to 1000000";

macro_rules! settings {
    ($($table:literal { $($key:literal: $form:ident = $default:expr, $check:expr, $expected:expr, $help:expr $(, $example:expr)?;)* })*) => {
        &[$($(Setting {
            table: $table,
            key: $key,
            form: Form::$form,
            default: $default,
            expected: $expected,
            check: $check,
            help: $help,
            example: concat!($($example)?),
        },)*)*]
    };
}

/// All of them.
pub(crate) const SETTINGS: &[Setting] = settings! {
    "" {
        "production": Flag = Some("false"), yes_or_no, YES,
            "Refuses what is for laboratories: bare or published keys, keys that others can read, Diameter in clear \
             away from loopback, a new SQN file";
    }
    "log" {
        "format": Text = Some("text"), is::<LogFormat>, "\"text\" or \"json\"",
            "How the log on standard error is written; json: one object a line";
        "filter": Text = Some(log::DEFAULT), is::<Filter>, "levels by target such as \"info\" or \"error,bsf=debug\"",
            "What is logged: error, warn, info, debug or trace, also for one target; never a key or a subscriber";
    }
    "hss" {
        "listen": Text = Some("127.0.0.1:13868"), is::<SocketAddr>, ADDRESS,
            "Zh: where BSFs connect";
        "origin_host": Text = Some("hss.mnc001.mcc001.3gppnetwork.org"), is::<Identity>, NAME,
            "The HSS's own Diameter name";
        "origin_realm": Text = Some("mnc001.mcc001.3gppnetwork.org"), is::<Identity>, NAME,
            "Its realm";
        "bsfs": List = Some("bsf.mnc001.mcc001.pub.3gppnetwork.org"), is::<Identity>, NAME,
            "Diameter names of the BSFs that may ask for vectors; nobody else gets one";
        "relays": List = Some(""), is::<Identity>, NAME,
            "Diameter agents that may bring their requests";
        "subscribers": File = None, filled, "a file's name",
            "A file of subscribers instead of [[hss.subscriber]] below", "subscribers.toml";
        "sqn_file": File = Some("hss.sqn"), filled, "a file's name",
            "Where sequence numbers survive a crash; made if it isn't there";
        "sqn.scheme": Text = Some("counter"), sqn_scheme, "\"counter\", \"partly-time\" or \"time\"",
            "How SEQ advances (TS 33.102 annex C.3), for subscribers without a `sqn_scheme`; a card can't tell them apart";
        "sqn.start": Text = None, moment, "a time such as \"2026-11-01T00:00:00Z\"",
            "When the clock of SEQ was zero; with time it has to be there and to stay", "2026-11-01T00:00:00Z";
        "sqn.ind": Text = None, inds, "two INDs such as \"28-31\", or one",
            "INDs of this domain, of which no other (CS, PS, EPS, IMS) has one; for subscribers without an `ind`", "28-31";
        "sqn.amf": Text = Some("0000"), is::<Amf>, "4 hex digits",
            "AMF of this domain's vectors, for subscribers without an `amf`; its separation bit (8000) belongs to EPS";
        "hostapd": File = None, filled, "a file's name",
            "Wi-Fi: the Unix socket where hostapd asks for vectors for EAP-AKA (its eap_sim_db=unix:FILE)", "hss.sock";
        "hostapd_prime": File = None, filled, "a file's name",
            "The same for EAP-AKA', whose vectors have the separation bit of AMF; hostapd doesn't say which it wants", "hss-prime.sock";
        "hostapd_group": Text = None, filled, "a group's name or number",
            "Who may use these sockets besides the user that runs this: the members of this group", "netdev";
        "hostapd_ind": Text = None, inds, "two INDs such as \"20-23\", or one",
            "INDs of vectors for Wi-Fi, whatever IND a subscriber has over Zh: the last for EAP-AKA, the one before for EAP-AKA'", "20-23";
        "hostapd_sim": Flag = Some("false"), yes_or_no, YES,
            "Also EAP-SIM, for devices that can't do better: with it a device can't tell a false network";
        "tls.ca": File = None, filled, "a file's name",
            "Diameter over TLS: certificates of the CAs that vouch for peers (PEM)", "pki/ca.pem";
        "tls.cert": File = None, filled, "a file's name",
            "Our certificate, with our Diameter name as dNSName", "pki/hss.pem";
        "tls.key": File = None, filled, "a file's name",
            "Its private key; only we may read it", "pki/hss.key";
        "insecure_diameter": Flag = Some("false"), yes_or_no, YES,
            "Laboratory: CK and IK in clear between machines";
        "ops.listen": Text = None, is::<SocketAddr>, ADDRESS,
            "For operators: /livez, /readyz and /metrics (HTTP, no keys, no subscribers)", "127.0.0.1:19464";
        "peer_timeout": Number = Some("10"), patience, PATIENCE,
            "Seconds that a peer has for each step: TLS handshake, first Diameter message, head or body of a request";
        "audit": File = None, filled, "a file's name",
            "The audit log, as JSON lines: vectors and resynchronisations, with whose they are, and no key", "hss-audit.jsonl";
        "audit_failure": Text = Some("refuse"), is::<OnFailure>, "\"refuse\" or \"go-on\"",
            "When the audit log can't be written: refuse to give out keys, or go on without";
    }
    "bsf" {
        "listen_ub": Text = Some("127.0.0.1:18080"), is::<SocketAddr>, ADDRESS,
            "Ub: where devices bootstrap (HTTP)";
        "listen_zn": Text = Some("127.0.0.1:13869"), is::<SocketAddr>, ADDRESS,
            "Zn: where NAFs ask for keys (Diameter)";
        "name": Text = Some("bsf.mnc001.mcc001.pub.3gppnetwork.org"), is::<Fqdn>, NAME,
            "The BSF's name: its realm on Ub, the right part of each B-TID, its Diameter name";
        "origin_realm": Text = Some("mnc001.mcc001.3gppnetwork.org"), is::<Identity>, NAME,
            "Its Diameter realm";
        "hss": List = Some("127.0.0.1:13868"), endpoint, ENDPOINT,
            "Where the HSS is; or several, of which the first that is up is asked";
        "hss_host": List = Some("hss.mnc001.mcc001.3gppnetwork.org"), is::<Identity>, NAME,
            "The HSS's Diameter name; of several in the same order";
        "lifetime": Number = Some("3600"), seconds, SECONDS,
            "Seconds that Ks lives where the subscriber's settings don't say";
        "hide_unknown": Flag = Some("false"), yes_or_no, YES,
            "Challenges also who isn't a subscriber, so that nobody learns who is one";
        "vectors_per_minute": Number = Some("6"), rate, RATE,
            "Vectors for one subscriber and for one address, with a burst of half of it; 0: no limit";
        "rights": File = None, filled, "a file's name",
            "A file with the rights of the NAFs instead of [[bsf.naf]] below", "rights.toml";
        "relays": List = Some(""), is::<Identity>, NAME,
            "Diameter agents that may bring requests of the NAFs";
        "tls.ca": File = None, filled, "a file's name",
            "Diameter over TLS: certificates of the CAs that vouch for peers (PEM)", "pki/ca.pem";
        "tls.cert": File = None, filled, "a file's name",
            "Our certificate, with our Diameter name as dNSName", "pki/bsf.pem";
        "tls.key": File = None, filled, "a file's name",
            "Its private key; only we may read it", "pki/bsf.key";
        "insecure_diameter": Flag = Some("false"), yes_or_no, YES,
            "Laboratory: keys in clear between machines";
        "ops.listen": Text = None, is::<SocketAddr>, ADDRESS,
            "For operators: /livez, /readyz and /metrics (HTTP, no keys, no subscribers)", "127.0.0.1:19465";
        "peer_timeout": Number = Some("10"), patience, PATIENCE,
            "Seconds that a peer has for each step: TLS handshake, first Diameter message, head or body of a request";
        "audit": File = None, filled, "a file's name",
            "The audit log, as JSON lines: bootstrappings and keys given to NAFs, with whose they are, and no key", "bsf-audit.jsonl";
        "audit_failure": Text = Some("refuse"), is::<OnFailure>, "\"refuse\" or \"go-on\"",
            "When the audit log can't be written: refuse to give out keys, or go on without";
    }
    "naf" {
        "listen": Text = Some("127.0.0.1:18081"), is::<SocketAddr>, ADDRESS,
            "Ua with HTTP digest";
        "listen_tls": Text = Some("127.0.0.1:18443"), is::<SocketAddr>, ADDRESS,
            "Ua with TLS-PSK";
        "name": Text = Some("naf.m2m.example"), is::<Fqdn>, NAME,
            "The name that devices use; it is part of every key";
        "suites": List = Some("PSK-AES128-CBC-SHA256"), is::<Suite>,
            "PSK-AES128-CBC-SHA256, PSK-AES128-GCM-SHA256 or PSK-AES128-CCM8",
            "TLS suites in order of preference; the suite is part of the key too";
        "refusals_per_minute": Number = Some("60"), rate, RATE,
            "B-TIDs unknown to the BSF that it is asked for, for one address, with a burst of half of it; 0: no limit";
        "refusals_remembered": Number = Some("10"), short, "seconds, from 0 to 3600",
            "Seconds in which the BSF is not asked again for a B-TID that it refused";
        "origin_host": Text = Some("naf.m2m.example"), is::<Identity>, NAME,
            "Diameter name, under which the BSF has this NAF's rights";
        "origin_realm": Text = Some("m2m.example"), is::<Identity>, NAME,
            "Its realm";
        "bsf": Text = Some("127.0.0.1:13869"), endpoint, ENDPOINT,
            "Where the BSF's Zn is";
        "bsf_name": Text = Some("bsf.mnc001.mcc001.pub.3gppnetwork.org"), is::<Fqdn>, NAME,
            "The BSF's name";
        "bsf_realm": Text = Some("mnc001.mcc001.3gppnetwork.org"), is::<Identity>, NAME,
            "The BSF's Diameter realm";
        "tls.ca": File = None, filled, "a file's name",
            "Diameter over TLS: certificates of the CAs that vouch for peers (PEM)", "pki/ca.pem";
        "tls.cert": File = None, filled, "a file's name",
            "Our certificate, with our Diameter name as dNSName", "pki/naf.pem";
        "tls.key": File = None, filled, "a file's name",
            "Its private key; only we may read it", "pki/naf.key";
        "insecure_diameter": Flag = Some("false"), yes_or_no, YES,
            "Laboratory: keys in clear between machines";
        "ops.listen": Text = None, is::<SocketAddr>, ADDRESS,
            "For operators: /livez, /readyz and /metrics (HTTP, no keys, no subscribers)", "127.0.0.1:19466";
        "peer_timeout": Number = Some("10"), patience, PATIENCE,
            "Seconds that a peer has for each step: TLS handshake, first Diameter message, head or body of a request";
        "audit": File = None, filled, "a file's name",
            "The audit log, as JSON lines: sessions admitted and refused, with whose they are, and no key", "naf-audit.jsonl";
        "audit_failure": Text = Some("refuse"), is::<OnFailure>, "\"refuse\" or \"go-on\"",
            "When the audit log can't be written: refuse to give out keys, or go on without";
    }
    "ue" {
        "imsi": Text = Some("001010123456789"), is::<Imsi>, "an IMSI of 6 to 15 digits",
            "The software card's IMSI";
        "mnc_length": Number = Some("2"), mnc_length, "2 or 3",
            "Digits of the MNC in it";
        "mode": Text = Some("me"), mode, "\"me\" or \"u\"",
            "Where Ks lives: in the device (me) or in the card (u); the subscriber's `uicc` has to agree";
        "algorithm": Text = Some("milenage"), algorithm, "\"milenage\", \"tuak\" or \"xor\"",
            "The card's algorithm";
        "res_length": Number = Some("8"), res_length, "octets, from 4 to 16",
            "Octets of RES, as the HSS has them";
        "k": Key = None, filled, KEY,
            "Subscriber key: hex, \"@FILE\" or \"env:NAME\"", "env:K";
        "opc": Key = None, filled, KEY,
            "Milenage OPc in the same forms", "env:OPC";
        "op": Key = None, filled, KEY,
            "Or OP, from which OPc is computed", "env:OP";
        "topc": Key = None, filled, LONG_KEY,
            "TOPc, with tuak", "env:TOPC";
        "top": Key = None, filled, LONG_KEY,
            "Or TOP, from which TOPc is computed", "env:TOP";
        "bsf": Text = Some("127.0.0.1:18080"), endpoint, ENDPOINT,
            "Where the BSF's Ub is";
        "bsf_name": Text = None, is::<Fqdn>, NAME,
            "The BSF's name, if it isn't the one made of the IMSI (TS 23.003 16.2)", "bsf.example.org";
        "hosts": List = Some("naf.m2m.example=127.0.0.1"), host_line, "NAME=ADDRESS",
            "Addresses of names that no DNS has";
    }
};

/// The setting of that name.
pub(crate) fn find(table: &str, key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.table == table && s.key == key)
}

/// Those of a table.
pub(crate) fn of(table: &str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(move |s| s.table == table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_examples_are_values_that_may_stand_there() {
        for s in SETTINGS {
            let items = s
                .default
                .unwrap_or(s.example)
                .split(',')
                .filter(|t| !t.is_empty());
            for item in items {
                assert!((s.check)(item), "{}: {item}", s.name());
            }
            assert!(s.default.is_some() || !s.example.is_empty(), "{}", s.name());
            assert!(TABLES.contains(&s.table) && find(s.table, s.key).is_some());
        }
        assert!(RELOADED.iter().all(|(table, key)| find(table, key).is_some()));
    }

    #[test]
    fn no_two_settings_share_a_variable() {
        let mut all: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        all.sort();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }
}
