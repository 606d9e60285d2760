//! `gba card auth`, `derive` and `sqn`: what takes RAND and AUTN, or the card's keys to make them.
//!
//! Ruling 3: before the first vector the card's own SQN is asked for by an AUTS; then the smallest step that it accepts,
//! in the highest IND; SQN before and after are shown; no jump over 2^20 without `--force`.

use std::fmt::Write as _;

use aka::{
    Algorithm as _, AlgorithmSet, Amf, Autn, Rand, Sqn, auts,
    gba_u::mac_star,
    gsm::{c2, c3},
    sqn::SqnProfile,
};
use base::{Entropy as _, Utc, hex};
use clap::{Args, ValueEnum};
use gba::{
    ids::{Btid, Fqdn, NafId, UaId},
    keys::{KeyKind, Ks, KsNaf},
};
use serde_json::json;
use uicc::{
    ef::services,
    software::MacForm,
    terminal::{AkaOutcome, Answer, Context, GbaOutcome, Mode, Path, SqnState, Usim, is_a_jump, next_sqn},
};

use super::{
    Action,
    at::{CardAt, probe_refused, refused},
};
use crate::{
    Failure, advice,
    sim::{SimArgs, no_bare_keys, parse},
};

/// Bits of IND: the usual profile (TS 33.102 annex C.3).
fn profile() -> SqnProfile {
    SqnProfile::default()
}

/// The card's keys: those that it was opened with, else those of the command.
fn keys_of(at: &CardAt, sim: &SimArgs) -> Result<AlgorithmSet, Failure> {
    match &at.keys {
        Some(keys) => Ok(keys.duplicate()),
        None => read(sim),
    }
}

/// Reads keys that must be there.
pub(super) fn read(sim: &SimArgs) -> Result<AlgorithmSet, Failure> {
    if sim.k.is_none() {
        return Err(Failure::Unable(
            "the card's keys are needed: --k, and --opc or --op (for TUAK --topc or --top)".into(),
        ));
    }
    no_bare_keys(sim.keys()).map_err(Failure::Unable)?;
    sim.algorithm(&mut net::entropy::OsEntropy)
        .map_err(Failure::Unable)
}

fn fresh_rand() -> Result<Rand, Failure> {
    let octets: [u8; 16] = net::entropy::OsEntropy
        .array()
        .map_err(|e| Failure::Unable(e.to_string()))?;
    Ok(Rand::from(octets))
}

fn sqn_text(sqn: Sqn) -> String {
    let p = profile();
    format!("{sqn} (SEQ {}, IND {})", p.seq(sqn), p.ind(sqn))
}

pub(crate) fn state_text(state: SqnState) -> String {
    match state {
        SqnState::At(sqn) => sqn_text(sqn),
        SqnState::Unchecked => "not checked by this card".into(),
    }
}

/// Where the card stands, and what to use for it: `wanted`, or the smallest step.
pub(super) fn choose(
    at: &mut CardAt,
    keys: &AlgorithmSet,
    wanted: Option<Sqn>,
) -> Result<(SqnState, Sqn), Failure> {
    let before = at
        .session
        .probe_sqn(keys, &fresh_rand()?)
        .map_err(|e| probe_refused(&e))?;
    let sqn = match wanted {
        Some(sqn) => sqn,
        None => next_sqn(before, profile())
            .ok_or_else(|| Failure::Refused("the card's SQN has run out: it needs new keys".into()))?,
    };
    if is_a_jump(before, sqn, profile()) && !at.force {
        return Err(Failure::Refused(format!(
            "SQN {sqn} is more than 2^20 beyond the card's {}: a jump can't be taken back, and its own network may be \
             left behind; --force does it",
            state_text(before)
        )));
    }
    Ok((before, sqn))
}

/// Where the USIM's SQN stands, and with GBA_U which form of AUTN it takes.
pub(super) fn forms(
    at: &mut CardAt,
    sim: &SimArgs,
    gba_u: bool,
) -> Result<(SqnState, Option<MacForm>), Failure> {
    let keys = keys_of(at, sim)?;
    at.session.select(&Path::usim()).map_err(|e| refused(&e))?;
    let state = at
        .session
        .probe_sqn(&keys, &fresh_rand()?)
        .map_err(|e| probe_refused(&e))?;
    let form = match state {
        SqnState::At(_) if gba_u => at
            .session
            .probe_gba_form(&keys, &fresh_rand()?)
            .map_err(|e| probe_refused(&e))?,
        _ => None,
    };
    Ok((state, form))
}

#[derive(Args)]
pub(crate) struct SqnCommand {
    #[command(flatten)]
    sim: SimArgs,
    /// The application to ask.
    #[arg(long, value_name = "PATH", default_value = "ADF.USIM")]
    application: String,
}

impl Action for SqnCommand {
    fn keys(&self) -> Option<&SimArgs> {
        Some(&self.sim)
    }

    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let keys = keys_of(at, &self.sim)?;
        let path = at.path(&self.application)?;
        at.session.select(&path).map_err(|e| refused(&e))?;
        let state = at
            .session
            .probe_sqn(&keys, &fresh_rand()?)
            .map_err(|e| probe_refused(&e))?;
        let next = next_sqn(state, profile());
        let SqnState::At(sqn) = state else {
            return at.print(
                "SQN          not checked: the card took SQN 0, so its HSS may have any\n",
                &json!({"checked": false}),
            );
        };
        let mut text = String::new();
        let _ = writeln!(
            text,
            "SQN_MS       {}: the highest that the card has accepted",
            sqn_text(sqn)
        );
        if let Some(next) = next {
            let _ = writeln!(
                text,
                "a test       {}: the smallest step in the highest IND, which leaves the other IND to the HSS",
                sqn_text(next)
            );
        }
        let _ = writeln!(
            text,
            "its HSS      must stand at {sqn} or above, at most {} SEQ ahead; an AUTS brings it there by itself",
            profile().delta
        );
        let _ = writeln!(text, "nothing moved: SQN 0 was offered, which no card accepts");
        at.print(
            &text,
            &json!({
                "checked": true,
                "sqn_ms": sqn.to_string(),
                "seq": profile().seq(sqn),
                "ind": profile().ind(sqn),
                "next": next.map(|n| n.to_string()),
                "hss_at_least": sqn.to_string(),
            }),
        )
    }
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum ContextArg {
    /// P2 = 80: RAND gives SRES and Kc.
    Gsm,
    /// P2 = 81: RES, CK and IK leave the card.
    #[value(name = "3g")]
    Umts,
    /// P2 = 84: RES only; the card begins a new bootstrapping run.
    Gba,
}

#[derive(Args)]
pub(crate) struct Auth {
    /// The security context.
    #[arg(long, value_enum, default_value = "3g")]
    context: ContextArg,
    /// The application.
    #[arg(long, value_name = "PATH", default_value = "ADF.USIM")]
    application: String,
    /// RAND, 16 octets [default with keys: a random one].
    #[arg(long, value_parser = parse::<Rand>)]
    rand: Option<Rand>,
    /// AUTN, 16 octets; made of the keys where it is left out.
    #[arg(long, value_parser = parse::<Autn>, requires = "rand", conflicts_with = "sqn")]
    autn: Option<Autn>,
    #[command(flatten)]
    sim: SimArgs,
    /// SQN of the vector [default: the smallest step from where the card stands].
    #[arg(long, value_parser = parse::<Sqn>)]
    sqn: Option<Sqn>,
    /// AMF of the vector [default: 0000].
    #[arg(long, value_parser = parse::<Amf>)]
    amf: Option<Amf>,
    /// Print RES, CK, IK and Kc.
    #[arg(long)]
    show_secrets: bool,
}

impl Action for Auth {
    fn keys(&self) -> Option<&SimArgs> {
        Some(&self.sim)
    }

    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let path = at.path(&self.application)?;
        at.session.select(&path).map_err(|e| refused(&e))?;
        let context = match self.context {
            ContextArg::Gsm => Context::Gsm,
            ContextArg::Umts => Context::Umts,
            ContextArg::Gba => Context::Gba,
        };
        let known = if self.sim.k.is_some() {
            Some(keys_of(at, &self.sim)?)
        } else {
            None
        };
        let mut report = Report::default();
        let rand = match (self.rand, &known) {
            (Some(rand), _) => rand,
            (None, Some(_)) => fresh_rand()?,
            (None, None) => {
                return Err(Failure::Unable(
                    "give --rand and --autn, or the card's keys to make them: --k and --opc".into(),
                ));
            }
        };
        let mut moved = None;
        let autn = match (self.autn, &known, context) {
            (_, _, Context::Gsm) => None,
            (Some(autn), ..) => Some(autn),
            (None, Some(keys), _) => {
                let (before, sqn) = choose(at, keys, self.sqn)?;
                report.line("SQN before", &state_text(before));
                report.line("SQN used", &sqn_text(sqn));
                moved = Some(sqn);
                Some(self.autn_for(at, keys, context, before, &rand, sqn)?)
            }
            (None, None, _) => {
                return Err(Failure::Unable(
                    "give --autn as well, or the card's keys to make it: --k and --opc".into(),
                ));
            }
        };
        if context != Context::Gsm {
            at.confirm(match context {
                Context::Gba => "This moves the card's SQN, and replaces its Ks and EF_GBABP",
                _ => "This moves the card's SQN",
            })?;
        }
        let answer = at
            .session
            .authenticate(context, &rand, autn.as_ref())
            .map_err(|e| refused(&e))?;
        let refusal = report.answer(&answer, known.as_ref(), &rand, self.show_secrets);
        if let (Some(keys), Some(_)) = (&known, moved) {
            let after = at.session.probe_sqn(keys, &fresh_rand()?);
            report.line("SQN after", &after.map_or_else(|e| e.to_string(), state_text));
        }
        at.print(&report.text, &report.json)?;
        match refusal {
            None => Ok(()),
            Some(why) if at.json => Err(Failure::Refused(why)),
            Some(_) => Err(Failure::Shown),
        }
    }
}

impl Auth {
    fn autn_for(
        &self,
        at: &mut CardAt,
        keys: &AlgorithmSet,
        context: Context,
        before: SqnState,
        rand: &Rand,
        sqn: Sqn,
    ) -> Result<Autn, Failure> {
        let autn = keys.vector(rand, sqn, self.amf.unwrap_or(Amf::from([0, 0]))).autn;
        if context != Context::Gba {
            return Ok(autn);
        }
        // A card that doesn't check SQN would begin a run with each question.
        let form = match before {
            SqnState::At(_) => at
                .session
                .probe_gba_form(keys, &fresh_rand()?)
                .map_err(|e| probe_refused(&e))?,
            SqnState::Unchecked => None,
        };
        Ok(match form {
            Some(MacForm::Plain) => autn,
            _ => mac_star(&autn, &keys.f2345(rand).ik),
        })
    }
}

/// What is told of a run, as lines and as JSON.
#[derive(Default)]
struct Report {
    text: String,
    json: serde_json::Value,
}

impl Report {
    fn line(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "{name:<12} {value}");
        self.set(name, json!(value));
    }

    fn set(&mut self, name: &str, value: serde_json::Value) {
        if self.json.is_null() {
            self.json = json!({});
        }
        if let Some(object) = self.json.as_object_mut() {
            object.insert(name.replace(' ', "_"), value);
        }
    }

    fn secret(&mut self, name: &str, octets: &[u8], fits: Option<bool>, show: bool) -> bool {
        let shown = if show {
            hex::encode(octets)
        } else {
            format!("<{} octets>", octets.len())
        };
        let verdict = match fits {
            Some(true) => ", as the keys give it",
            Some(false) => ", NOT as the keys give it",
            None => "",
        };
        self.line(name, &format!("{shown}{verdict}"));
        fits != Some(false)
    }

    /// Tells the answer; why it is a failure, if it is one.
    fn answer(
        &mut self,
        answer: &Answer,
        keys: Option<&AlgorithmSet>,
        rand: &Rand,
        show: bool,
    ) -> Option<String> {
        let computed = keys.map(|k| k.f2345(rand));
        let same = match answer {
            Answer::Gsm { sres, kc } => {
                let sres_fits = computed.as_ref().map(|c| c2(&c.res).ct_eq(sres));
                let kc_fits = computed.as_ref().map(|c| c3(&c.ck, &c.ik).ct_eq(kc));
                self.secret("SRES", sres.expose(), sres_fits, show)
                    & self.secret("Kc", kc.expose(), kc_fits, show)
            }
            Answer::Umts { res, ck, ik } => {
                let c = computed.as_ref();
                self.secret("RES", res.expose(), c.map(|c| c.res.ct_eq(res)), show)
                    & self.secret("CK", ck.expose(), c.map(|c| c.ck.ct_eq(ck)), show)
                    & self.secret("IK", ik.expose(), c.map(|c| c.ik.ct_eq(ik)), show)
            }
            Answer::Gba { res } => {
                let flipped = computed.as_ref().map(|c| c.res.flipped_lsb().ct_eq(res));
                let plain = computed.as_ref().map(|c| c.res.ct_eq(res));
                match (flipped, plain) {
                    (Some(true), _) => self.line("RES form", "flipped, as the standard has it"),
                    (_, Some(true)) => self.line("RES form", "plain: the BSF must be told (gba_u.res)"),
                    _ => {}
                }
                let fits = flipped.zip(plain).map(|(f, p)| f || p);
                self.secret("RES", res.expose(), fits, show)
            }
            Answer::SyncFailure(found) => {
                self.line("answer", "synchronisation failure: SQN is not fresh to this card");
                self.line("AUTS", &hex::encode(found.octets()));
                if let Some(keys) = keys {
                    match auts::verify(keys, rand, found) {
                        Some(sqn) => self.line("SQN_MS", &sqn_text(sqn)),
                        None => self.line("SQN_MS", "unknown: MAC-S does not verify with these keys"),
                    }
                }
                return Some("the card answered with AUTS".into());
            }
            Answer::MacFailure => {
                self.line(
                    "answer",
                    "9862: the MAC does not fit this card's keys, or not this context",
                );
                return Some("the card answered 9862 (wrong MAC)".into());
            }
        };
        if same {
            None
        } else {
            self.line("answer", "the card computes something else than these keys");
            Some("the card computes something else than these keys".into())
        }
    }
}

#[derive(Args)]
pub(crate) struct Derive {
    #[command(flatten)]
    sim: SimArgs,
    /// FQDNs of NAFs whose keys are derived (repeatable).
    #[arg(long = "naf", value_name = "FQDN", value_parser = parse::<Fqdn>, default_value = "naf.example.org")]
    nafs: Vec<Fqdn>,
    /// Ua protocol of the keys: digest, tls13-psk, a TLS suite, or ten hex digits.
    #[arg(long, value_name = "UA", value_parser = ua, default_value = "digest")]
    ua: UaId,
    /// Name of the BSF, in the B-TID [default: made of the IMSI].
    #[arg(long, value_parser = parse::<Fqdn>)]
    bsf: Option<Fqdn>,
    /// Seconds that the key lives.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    lifetime: u32,
    /// SQN of the vector [default: the smallest step from where the card stands].
    #[arg(long, value_parser = parse::<Sqn>)]
    sqn: Option<Sqn>,
    /// Print the keys instead of their fingerprints.
    #[arg(long)]
    show_secrets: bool,
}

fn ua(text: &str) -> Result<UaId, String> {
    UaId::by_name(text).map_err(|e| e.to_string())
}

impl Action for Derive {
    fn keys(&self) -> Option<&SimArgs> {
        Some(&self.sim)
    }

    fn run(&self, at: &mut CardAt) -> Result<(), Failure> {
        let keys = keys_of(at, &self.sim)?;
        if self.show_secrets {
            advice::warn("--show-secrets: keys are printed; keep the output to yourself");
        }
        at.session.select(&Path::usim()).map_err(|e| refused(&e))?;
        let (before, sqn) = choose(at, &keys, self.sqn)?;
        let form = match before {
            // Without GBA the question is refused, which says enough.
            SqnState::At(_) => at.session.probe_gba_form(&keys, &fresh_rand()?).ok().flatten(),
            SqnState::Unchecked => None,
        };
        at.confirm("This moves the card's SQN, and a card with GBA_U gets a new Ks and EF_GBABP")?;
        let rand = fresh_rand()?;
        let run = Run {
            keys: &keys,
            rand,
            sqn,
            form: form.unwrap_or(MacForm::Star),
            lifetime: net::clock::now().utc.plus_secs(self.lifetime),
            args: self,
        };
        let mut report = Report::default();
        report.line("SQN before", &state_text(before));
        report.line("SQN used", &sqn_text(sqn));
        let wrong = at.with_card(|card| {
            let mut usim = Usim::open(card).map_err(|e| refused(&e))?;
            run.go(&mut usim, &mut report)
        })?;
        at.session.select(&Path::usim()).map_err(|e| refused(&e))?;
        let after = at.session.probe_sqn(&keys, &fresh_rand()?);
        report.line("SQN after", &after.map_or_else(|e| e.to_string(), state_text));
        at.print(&report.text, &report.json)?;
        match wrong {
            None => Ok(()),
            Some(why) => Err(Failure::Refused(why)),
        }
    }
}

/// One bootstrapping run in which this program is the BSF.
struct Run<'a> {
    keys: &'a AlgorithmSet,
    rand: Rand,
    sqn: Sqn,
    form: MacForm,
    lifetime: Utc,
    args: &'a Derive,
}

impl Run<'_> {
    /// Tells what came; why the card is wrong, if it is.
    fn go<C: uicc::Card>(&self, usim: &mut Usim<C>, report: &mut Report) -> Result<Option<String>, Failure> {
        let vector = self.keys.vector(&self.rand, self.sqn, Amf::from([0, 0]));
        let computed = self.keys.f2345(&self.rand);
        let ks = Ks::from_ck_ik(&computed.ck, &computed.ik);
        let btid = Btid::issue(&self.rand, &self.args.bsf.clone().unwrap_or_else(|| usim.bsf()));
        let impi = usim.impi();
        report.line("IMPI", impi.as_str());
        let sync = |found: &aka::Auts| {
            Failure::Refused(match auts::verify(self.keys, &self.rand, found) {
                Some(at) => format!("the card refuses SQN {} and stands at {}", self.sqn, sqn_text(at)),
                None => "the card answers with an AUTS that these keys don't verify".into(),
            })
        };
        let mac = || Failure::Refused("the card answers 9862 (wrong MAC): its keys are others".into());
        let mut wrong = None;
        match usim.mode() {
            Mode::U => {
                let service = services::GBA;
                report.line(
                    "mode",
                    &format!("GBA_U (UST service {service}): Ks stays in the card"),
                );
                let autn = match self.form {
                    MacForm::Star => mac_star(&vector.autn, &computed.ik),
                    MacForm::Plain => vector.autn,
                };
                report.line(
                    "AUTN",
                    match self.form {
                        MacForm::Star => "AUTN*, as the standard has it",
                        MacForm::Plain => "plain: the BSF must be told (gba_u.mac)",
                    },
                );
                match usim.gba_bootstrap(&self.rand, &autn).map_err(|e| refused(&e))? {
                    GbaOutcome::Success { res } if computed.res.flipped_lsb().ct_eq(&res) => {
                        report.line("RES", "flipped, as the standard has it");
                    }
                    GbaOutcome::Success { res } if computed.res.ct_eq(&res) => {
                        report.line("RES", "plain: the BSF must be told (gba_u.res)");
                    }
                    GbaOutcome::Success { .. } => wrong = Some("the card's RES is another one".to_owned()),
                    GbaOutcome::SyncFailure(found) => return Err(sync(&found)),
                    GbaOutcome::MacFailure => return Err(mac()),
                }
                usim.write_gbabp(&self.rand, &btid, self.lifetime)
                    .map_err(|e| refused(&e))?;
            }
            Mode::Me => {
                report.line("mode", "GBA_ME: the card hands out CK and IK");
                match usim
                    .authenticate_3g(&self.rand, &vector.autn)
                    .map_err(|e| refused(&e))?
                {
                    AkaOutcome::Success { res, ck, ik } => {
                        if !(computed.res.ct_eq(&res) && computed.ck.ct_eq(&ck) && computed.ik.ct_eq(&ik)) {
                            wrong = Some("the card's RES, CK or IK are others".into());
                        }
                    }
                    AkaOutcome::SyncFailure(found) => return Err(sync(&found)),
                    AkaOutcome::MacFailure => return Err(mac()),
                }
            }
        }
        report.line("B-TID", btid.as_str());
        report.line("valid until", &self.lifetime.to_string());
        for fqdn in &self.args.nafs {
            let naf = NafId::new(fqdn.clone(), self.args.ua);
            let kind = if usim.mode() == Mode::U {
                KeyKind::Ext
            } else {
                KeyKind::Me
            };
            let ours = ks.naf_key(kind, &self.rand, &impi, &naf);
            let fits = if kind == KeyKind::Ext {
                let card = usim.gba_naf_key(&naf, &impi).map_err(|e| refused(&e))?;
                KsNaf::from_parts(card, naf.clone(), kind).ct_eq(&ours)
            } else {
                wrong.is_none()
            };
            let shown = if self.args.show_secrets {
                ours.key_for(&self.args.ua)
                    .map(|k| hex::encode(k.expose()))
                    .unwrap_or_default()
            } else {
                ours.fingerprint()
            };
            let verdict = if fits {
                "card and network have the same"
            } else {
                wrong = Some(format!("{kind} of {fqdn} differs between card and network"));
                "card and network DIFFER"
            };
            report.line(
                &kind.to_string(),
                &format!("{shown}  {fqdn} {}: {verdict}", self.args.ua),
            );
        }
        Ok(wrong)
    }
}
