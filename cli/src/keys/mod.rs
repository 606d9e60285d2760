//! `gba keys`: the calculator, from a SIM's key or from CK and IK to every key of GBA. It prints keys; that is what it
//! is for.
//!
//! * `derive`: one use of the KDF with all that went into it
//! * `sheet`: what was found, for people and as JSON

mod derive;
mod sheet;

use std::io::{ErrorKind, Write as _};

use aka::{Algorithm as _, Amf, Autn, F2345, Rand, Sqn, gba_u};
use base::{Entropy, NoEntropy, Secret};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use clap::Args as ClapArgs;
use gba::{
    ids::{Btid, Fqdn, Impi, Imsi, MncLength, NafId, UaId},
    keys::{KeyKind, Ks, KsNaf},
};
use uicc::terminal::Mnc;

use self::{
    derive::{Derivation, param},
    sheet::{NafSheet, Sheet, octets, text},
};
use crate::{
    Failure, advice,
    input::KeyText,
    sim::{Shape, SimArgs, mnc_length, no_bare_keys, parse, source},
};

/// The options of `gba keys`.
#[derive(ClapArgs)]
#[command(
    after_help = "Examples: gba keys --k @k.hex --opc env:OPC --rand 23553cbe9637a89d218ae64dae47bf35 --sqn 000000000020 \\\n\
                  \u{20}           --imsi 001010123456789 --naf naf.example.org --naf maf.example.org:PSK-AES128-CBC-SHA256 --explain\n\
                  \u{20}         gba keys --ck @ck --ik @ik --rand 23553cbe9637a89d218ae64dae47bf35 --impi user@example.org --bsf bsf.example.org\n\
                  Keys are hex, @FILE, env:NAME, or - for standard input. The result holds keys: mind who reads it.\n\
                  Status: 0 done, 2 usage."
)]
pub(crate) struct Args {
    #[command(flatten)]
    sim: SimArgs,
    /// Octets of RES [default: 8, with XOR 16].
    #[arg(long, value_name = "N")]
    res_length: Option<usize>,
    /// Keccak permutations of TUAK [default: 1].
    #[arg(long, value_name = "N")]
    iterations: Option<u8>,
    /// CK, 16 octets, where it is known without K.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source, requires = "ik")]
    ck: Option<KeyText>,
    /// IK, 16 octets.
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source, requires = "ck")]
    ik: Option<KeyText>,
    /// RAND, 16 octets.
    #[arg(long, value_parser = parse::<Rand>)]
    rand: Option<Rand>,
    /// SQN, 6 octets: for MAC-A and AUTN.
    #[arg(long, value_parser = parse::<Sqn>)]
    sqn: Option<Sqn>,
    /// AMF, 2 octets [default: 0000, the separation bit cleared for GBA].
    #[arg(long, value_parser = parse::<Amf>)]
    amf: Option<Amf>,
    /// IMSI, from which IMPI and BSF name are made.
    #[arg(long, value_parser = parse::<Imsi>, conflicts_with = "impi")]
    imsi: Option<Imsi>,
    /// Digits of the MNC, 2 or 3 [default: by the MCC].
    #[arg(long, value_name = "2|3", value_parser = mnc_length)]
    mnc_length: Option<MncLength>,
    /// IMPI, for the keys of NAFs.
    #[arg(long, value_parser = parse::<Impi>)]
    impi: Option<Impi>,
    /// The BSF's name in the B-TID [default: made of the IMSI or IMPI].
    #[arg(long, value_name = "NAME", value_parser = parse::<Fqdn>)]
    bsf: Option<Fqdn>,
    /// The forms of GBA_U as well: AUTN*, flipped RES, Ks_ext_NAF and Ks_int_NAF.
    #[arg(long)]
    gba_u: bool,
    /// A NAF, with the Ua protocol: digest, tls13-psk, tmpi, a TLS suite by name, or ten hex digits
    /// [default: digest]. Repeatable.
    #[arg(long, value_name = "NAME[:UA]", value_parser = naf)]
    naf: Vec<NafId>,
    /// K_AUSF, 32 octets: K_AKMA, A-TID, and K_AF for each --naf (TS 33.535).
    #[arg(long, value_name = "HEX|@FILE|env:NAME|-", value_parser = source)]
    akma: Option<KeyText>,
    /// SUPI for --akma [default: the digits of --imsi].
    #[arg(long)]
    supi: Option<String>,
    /// Show each string S that goes into the KDF: every FC, Pi and Li on a line of its own.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object instead.
    #[arg(long)]
    json: bool,
}

fn naf(text: &str) -> Result<NafId, String> {
    let (name, ua) = text.split_once(':').unwrap_or((text, "digest"));
    let fqdn = parse::<Fqdn>(name)?;
    Ok(NafId::new(fqdn, UaId::by_name(ua).map_err(|e| e.to_string())?))
}

/// A calculator invents no key.
struct Nothing;

impl Entropy for Nothing {
    fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

/// Computes and prints.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let sheet = compute(args).map_err(Failure::Unable)?;
    let mut out = anstream::stdout().lock();
    let printed = if args.json {
        writeln!(out, "{}", sheet.json(args.explain))
    } else {
        sheet.print(&mut out, args.explain)
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads has had enough.
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::Unable(format!("cannot print: {e}"))),
        _ => Ok(()),
    }
}

fn compute(args: &Args) -> Result<Sheet, String> {
    let more = [("--ck", &args.ck), ("--ik", &args.ik), ("--akma", &args.akma)];
    no_bare_keys(args.sim.keys().into_iter().chain(more))?;
    if args.amf.is_some_and(Amf::separation_bit) {
        advice::warn("--amf: the separation bit is set; for GBA it is cleared (TS 33.102 Annex H)");
    }
    let mut sheet = Sheet::default();
    let has_sim = args.sim.k.is_some() || args.sim.has_operator_key();
    match (has_sim, &args.ck, &args.akma) {
        (true, Some(_), _) => return Err("give K, or CK and IK, not both".into()),
        (false, None, None) => {
            return Err(
                "nothing to compute from: give --k with --opc or the like, --ck with --ik, or --akma".into(),
            );
        }
        (false, None, Some(_)) => {}
        _ => {
            let (ck, ik) = match (&args.ck, &args.ik, &args.rand) {
                (Some(ck), Some(ik), _) => (ck.read("--ck")?, ik.read("--ik")?),
                (.., Some(rand)) => vector(&mut sheet, args, rand)?,
                _ => return Err("--rand is missing: the RAND of the vector, 32 hex digits".into()),
            };
            bootstrapped(&mut sheet, args, &Ks::from_ck_ik(&ck, &ik))?;
        }
    }
    if let Some(k_ausf) = &args.akma {
        akma(&mut sheet, args, &k_ausf.read("--akma")?)?;
    }
    Ok(sheet)
}

/// f1 to f5 and what is made of them; gives CK and IK.
fn vector(sheet: &mut Sheet, args: &Args, rand: &Rand) -> Result<(Secret<16>, Secret<16>), String> {
    let shape = Shape {
        res_length: args.res_length,
        iterations: args.iterations,
    };
    if args.sim.k.is_none() {
        return Err("--k is missing: the subscriber's key".into());
    }
    let made = args.sim.make(&mut Nothing, shape)?;
    let algorithm = made.set;
    sheet.push(text("algorithm", "algorithm", algorithm.name(), ""));
    if let Some(opc) = made.opc {
        sheet.push(octets(
            "OPc",
            "opc",
            opc.expose(),
            "OP xor E_K(OP), TS 35.206 4.1",
        ));
    }
    if let Some(topc) = made.topc {
        sheet.push(octets("TOPc", "topc", topc.expose(), "TS 35.231 6.1"));
    }
    let F2345 { res, ck, ik, ak } = algorithm.f2345(rand);
    sheet.push(octets("RAND", "rand", rand.octets(), ""));
    sheet.push(octets("RES", "res", res.expose(), "f2"));
    sheet.push(octets("CK", "ck", ck.expose(), "f3"));
    sheet.push(octets("IK", "ik", ik.expose(), "f4"));
    sheet.push(octets("AK", "ak", ak, "f5"));
    sheet.push(octets("AK*", "ak_star", algorithm.f5_star(rand), "f5*, for AUTS"));
    if args.gba_u {
        let flipped = res.flipped_lsb();
        sheet.push(octets(
            "RES GBA_U",
            "res_gba_u",
            flipped.expose(),
            "lowest bit flipped, TS 31.102 7.1.1",
        ));
    }
    let Some(sqn) = args.sqn else {
        sheet.notes.push("AUTN needs --sqn.");
        return Ok((ck, ik));
    };
    let amf = args.amf.unwrap_or(Amf::RESYNC);
    let mac = algorithm.f1(rand, sqn, amf).0;
    let autn = Autn::from_parts(sqn.xor(ak), amf, mac);
    sheet.push(octets(
        "SQN xor AK",
        "sqn_xor_ak",
        autn.sqn_xor_ak(),
        "TS 33.102 6.3.2",
    ));
    sheet.push(octets("AMF", "amf", amf.octets(), "TS 33.102 Annex H"));
    sheet.push(octets("MAC-A", "mac_a", mac, "f1 over RAND, SQN, AMF"));
    sheet.push(octets("AUTN", "autn", autn.octets(), "TS 33.102 6.3.2"));
    if args.gba_u {
        let star = gba_u::mac_star(&autn, &ik);
        sheet.push(octets(
            "AUTN*",
            "autn_gba_u",
            star.octets(),
            "MAC xor SHA-1(IK), TS 33.220 5.3.2",
        ));
    }
    let nonce = BASE64_STANDARD.encode([rand.octets().as_slice(), autn.octets()].concat());
    sheet.push(text(
        "nonce",
        "nonce",
        nonce,
        "base64 of RAND and AUTN, RFC 3310 3.2",
    ));
    Ok((ck, ik))
}

fn identity(sheet: &mut Sheet, args: &Args) -> Result<(Option<Impi>, Option<Fqdn>), String> {
    let (impi, bsf) = match (&args.imsi, &args.impi) {
        (Some(imsi), _) => {
            let chosen = Mnc::choose(imsi, args.mnc_length, None);
            sheet.push(text("MNC", "mnc", chosen, "TS 23.003 2.2"));
            let mnc = chosen.length;
            (
                Some(Impi::from_imsi(imsi, mnc)),
                Some(Fqdn::bsf_for_imsi(imsi, mnc)),
            )
        }
        (None, Some(impi)) => {
            let bsf = Fqdn::bsf_for_impi(impi);
            if args.bsf.is_none() && bsf.is_err() {
                return Err("--impi: no BSF name can be made of it (TS 23.003 16.2): give --bsf".into());
            }
            (Some(impi.clone()), bsf.ok())
        }
        (None, None) => (None, None),
    };
    Ok((impi, args.bsf.clone().or(bsf)))
}

/// Ks and what follows from it.
fn bootstrapped(sheet: &mut Sheet, args: &Args, ks: &Ks) -> Result<(), String> {
    sheet.push(octets(
        "Ks",
        "ks",
        ks.expose(),
        "CK and IK joined, TS 33.220 4.4.5",
    ));
    let Some(rand) = &args.rand else {
        if !args.naf.is_empty() {
            return Err("--naf needs --rand: the RAND goes into every NAF's key".into());
        }
        sheet.notes.push("The B-TID and the keys of NAFs need --rand.");
        return Ok(());
    };
    let (impi, bsf) = identity(sheet, args)?;
    match &bsf {
        Some(bsf) => sheet.push(text("B-TID", "btid", Btid::issue(rand, bsf), "TS 33.220 4.4.5")),
        None => sheet.notes.push("The B-TID needs --imsi, --impi or --bsf."),
    }
    let Some(impi) = impi else {
        if !args.naf.is_empty() {
            return Err("--naf needs --imsi or --impi: the IMPI goes into every NAF's key".into());
        }
        sheet
            .notes
            .push("The keys of NAFs need --imsi or --impi, and --naf NAME[:UA].");
        return Ok(());
    };
    sheet.push(text("IMPI", "impi", &impi, "TS 23.003 13.3"));
    if let Some(bsf) = &bsf {
        let bsf_id = NafId::new(bsf.clone(), UaId::TMPI);
        let key = sheet.derived(of_ks("TMPI", KeyKind::Me, ks, rand, &impi, &bsf_id)?);
        let head = BASE64_STANDARD.encode(key.get(..24).unwrap_or_default());
        sheet.push(text(
            "TMPI",
            "tmpi",
            format!("{head}@tmpi.bsf.3gppnetwork.org"),
            "TS 33.220 B.4",
        ));
    }
    for naf in &args.naf {
        let mut entries = vec![octets("NAF_Id", "naf_id", naf.octets(), "TS 33.220 4.5.2")];
        let kinds: &[_] = if args.gba_u {
            &[
                ("Ks_ext_NAF", "ks_ext_naf", KeyKind::Ext),
                ("Ks_int_NAF", "ks_int_naf", KeyKind::Int),
            ]
        } else {
            &[("Ks_NAF", "ks_naf", KeyKind::Me)]
        };
        for (n, (label, name, kind)) in kinds.iter().enumerate() {
            let key = sheet.derived(of_ks(label, *kind, ks, rand, &impi, naf)?);
            entries.push(octets(label, name, key, "TS 33.220 B.3"));
            let key = KsNaf::from_parts(Secret::new(key), naf.clone(), *kind);
            // The terminal's key is a password in digest only (ruling 17); the card's key is none of the terminal's.
            if let (0, Ok(password)) = (n, key.password()) {
                let password = String::from_utf8_lossy(password.expose());
                entries.push(text("password", "password", password, "base64, TS 24.109 5.2"));
            }
        }
        push_naf(sheet, naf, entries);
    }
    Ok(())
}

fn push_naf(sheet: &mut Sheet, naf: &NafId, entries: Vec<sheet::Entry>) {
    sheet.push_naf(NafSheet {
        fqdn: naf.fqdn().to_string(),
        ua: naf.ua().to_string(),
        ua_name: naf.ua().describe(),
        entries,
    });
}

fn of_naf(naf: &NafId) -> String {
    format!("{}, Ua {}", naf.fqdn(), naf.ua())
}

fn of_ks(
    name: &'static str,
    kind: KeyKind,
    ks: &Ks,
    rand: &Rand,
    impi: &Impi,
    naf: &NafId,
) -> Result<Derivation, String> {
    let params = vec![
        param("label", kind.label().octets()),
        param("RAND", rand.octets()),
        param("IMPI", impi.kdf_octets()),
        param(if name == "TMPI" { "BSF_Id" } else { "NAF_Id" }, naf.octets()),
    ];
    Derivation::new(name, of_naf(naf), ("Ks", ks.expose()), 1, params)
}

/// K_AKMA, A-TID and K_AF (TS 33.535 Annex A).
fn akma(sheet: &mut Sheet, args: &Args, k_ausf: &Secret<32>) -> Result<(), String> {
    let supi = match (&args.supi, &args.imsi) {
        (Some(supi), _) => supi.clone(),
        (None, Some(imsi)) => imsi.to_string(),
        (None, None) => return Err("--akma needs --supi or --imsi".into()),
    };
    let root = ("K_AUSF", k_ausf.expose().as_slice());
    let of_supi = |label| vec![param("label", label), param("SUPI", &supi)];
    let k_akma = sheet.derived(Derivation::new("K_AKMA", &supi, root, 0x80, of_supi("AKMA"))?);
    sheet.push(octets("K_AKMA", "k_akma", k_akma, "TS 33.535 A.2"));
    let a_tid = sheet.derived(Derivation::new("A-TID", &supi, root, 0x81, of_supi("A-TID"))?);
    sheet.push(octets("A-TID", "a_tid", a_tid, "TS 33.535 A.3"));
    for af in &args.naf {
        let params = vec![param("AF_ID", af.octets())];
        let key = Derivation::new("K_AF", of_naf(af), ("K_AKMA", &k_akma), 0x82, params)?;
        let k_af = sheet.derived(key);
        push_naf(sheet, af, vec![octets("K_AF", "k_af", k_af, "TS 33.535 A.4")]);
    }
    Ok(())
}
