//! libosmocore's `osmo-auc-gen` against `aka`: another author's Milenage, resynchronisation and 2G conversion.
//!
//! Both directions: its vectors are accepted by our card; our card's AUTS is understood by its home side.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use aka::{Algorithm, Amf, Autn, Check, Milenage, Rand, Sqn, authenticate, auts, gsm, sqn};
use base::{Entropy, Secret, SeededEntropy, hex};
use tests::peer;

const VECTORS: u32 = 300;
const RESYNCS: u32 = 150;

/// One random subscriber and one challenge.
struct Case {
    k: [u8; 16],
    op: [u8; 16],
    rand: Rand,
    amf: Amf,
    sqn: Sqn,
}

impl Case {
    fn random(entropy: &mut SeededEntropy) -> Self {
        let amf = Amf::new(entropy.array().unwrap());
        let [a, b, c, d, e, f] = entropy.array().unwrap();
        let sqn = Sqn::new(u64::from_be_bytes([0, 0, a, b, c, d, e, f])).unwrap();
        let rand = Rand::new(entropy.array().unwrap());
        Self {
            k: entropy.array().unwrap(),
            op: entropy.array().unwrap(),
            rand,
            amf,
            sqn,
        }
    }

    fn opc(&self) -> Secret<16> {
        Milenage::opc(&Secret::new(self.k), &Secret::new(self.op))
    }

    fn milenage(&self) -> Milenage {
        Milenage::new(&Secret::new(self.k), &self.opc())
    }

    /// The arguments that tell the peer who the subscriber is: by OP or by OPc.
    fn subscriber(&self, by_op: bool) -> Vec<String> {
        let mut args: Vec<String> = ["-3", "-a", "milenage", "-k"].map(str::to_owned).into();
        args.push(hex::encode(self.k));
        if by_op {
            args.extend(["-O".to_owned(), hex::encode(self.op)]);
        } else {
            args.extend(["-o".to_owned(), hex::encode(self.opc().expose())]);
        }
        args.extend([
            "-f".to_owned(),
            self.amf.to_string(),
            "-r".to_owned(),
            self.rand.to_string(),
        ]);
        args
    }
}

fn ask(peer: &Path, args: &[String]) -> HashMap<String, String> {
    let output = peer::run(Command::new(peer).args(args), Duration::from_secs(10));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{args:?}\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

fn osmo_auc_gen() -> Option<PathBuf> {
    peer::program("osmo-auc-gen", "libosmocore-utils")
}

//= TS33.102-6.3.2-r1
//= TS35.206-4.1-r1
#[test]
fn vectors_agree() {
    let Some(peer) = osmo_auc_gen() else { return };
    let mut entropy = SeededEntropy::new(1);
    for n in 0..VECTORS {
        let case = Case::random(&mut entropy);
        let mut args = case.subscriber(n % 2 == 0);
        args.extend(["-s".to_owned(), case.sqn.value().to_string()]);
        let theirs = ask(&peer, &args);
        let ours = case.milenage().vector(&case.rand, case.sqn, case.amf);
        let told = |name: &str| {
            theirs
                .get(name)
                .cloned()
                .unwrap_or_else(|| panic!("no {name}: {theirs:?}"))
        };
        assert_eq!(told("AUTN"), ours.autn.to_string(), "{args:?}");
        assert_eq!(told("RES"), hex::encode(ours.xres.expose()), "{args:?}");
        assert_eq!(told("CK"), hex::encode(ours.ck.expose()), "{args:?}");
        assert_eq!(told("IK"), hex::encode(ours.ik.expose()), "{args:?}");
        assert_eq!(
            told("SRES"),
            hex::encode(gsm::c2(&ours.xres).expose()),
            "{args:?}"
        );
        assert_eq!(
            told("Kc"),
            hex::encode(gsm::c3(&ours.ck, &ours.ik).expose()),
            "{args:?}"
        );
    }
}

#[test]
fn our_card_accepts_their_challenge() {
    let Some(peer) = osmo_auc_gen() else { return };
    let mut entropy = SeededEntropy::new(2);
    for n in 0..RESYNCS {
        let case = Case::random(&mut entropy);
        // A fresh card accepts what is at most delta ahead.
        let sqn = Sqn::from_parts(u64::from(n) + 1, u64::from(n) % 32, 5);
        let sqn = sqn.expect("a small SEQ and a five-bit IND make an SQN");
        let mut args = case.subscriber(false);
        args.extend(["-s".to_owned(), sqn.value().to_string()]);
        let theirs = ask(&peer, &args);
        let autn: Autn = theirs["AUTN"].parse().unwrap();
        let mut array = sqn::SqnArray::new(sqn::SqnProfile::default());
        match authenticate(&case.milenage(), &mut array, &case.rand, &autn) {
            Check::Accept {
                res, sqn: accepted, ..
            } => {
                assert_eq!(hex::encode(res.expose()), theirs["RES"]);
                assert_eq!(accepted, sqn);
            }
            _ => panic!("refused: {args:?}"),
        }
    }
}

//= TS33.102-6.3.3-r2
//= TS33.102-6.3.3-r3
#[test]
fn resynchronisation_goes_both_ways() {
    let Some(peer) = osmo_auc_gen() else { return };
    let mut entropy = SeededEntropy::new(3);
    for n in 0..RESYNCS {
        let case = Case::random(&mut entropy);
        let milenage = case.milenage();
        // The card is far ahead of the home side, anywhere in the range of 48 bits that leaves room to go on.
        let highest = case.sqn.value() >> 1;
        let ind = highest & 31;
        let mut seq_ms = vec![0; 32];
        seq_ms[usize::try_from(ind).unwrap()] = highest >> 5;
        let mut array = sqn::SqnArray::with_seq_ms(sqn::SqnProfile::default(), &seq_ms).unwrap();

        let stale = milenage.vector(&case.rand, Sqn::new(0).unwrap(), case.amf);
        let Check::SyncFailure(token) = authenticate(&milenage, &mut array, &case.rand, &stale.autn) else {
            panic!("a stale SQN was not refused");
        };
        assert_eq!(auts::verify(&milenage, &case.rand, &token), Some(array.highest()));

        let mut args = case.subscriber(n % 2 == 0);
        args.extend([
            "-A".to_owned(),
            token.to_string(),
            "-i".to_owned(),
            ind.to_string(),
        ]);
        let theirs = ask(&peer, &args);
        assert_eq!(theirs["SQN.MS"], array.highest().value().to_string(), "{args:?}");
        let autn: Autn = theirs["AUTN"].parse().unwrap();
        assert!(
            matches!(
                authenticate(&milenage, &mut array, &case.rand, &autn),
                Check::Accept { .. }
            ),
            "our card refuses the vector that follows its own AUTS: {args:?} {theirs:?}"
        );
    }
}

//= TS33.102-6.3.5-r1
#[test]
fn both_sides_refuse_an_auts_with_one_bit_flipped() {
    let Some(peer) = osmo_auc_gen() else { return };
    let mut entropy = SeededEntropy::new(4);
    for bit in 0..112 {
        let case = Case::random(&mut entropy);
        let good = auts::build(&case.milenage(), &case.rand, case.sqn);
        let mut octets = *good.octets();
        octets[bit / 8] ^= 1 << (bit % 8);
        let bad = aka::Auts::new(octets);
        assert_eq!(
            auts::verify(&case.milenage(), &case.rand, &bad),
            None,
            "bit {bit}"
        );
        let mut args = case.subscriber(false);
        args.extend(["-A".to_owned(), bad.to_string()]);
        let output = peer::run(Command::new(&peer).args(&args), Duration::from_secs(10));
        assert!(
            !String::from_utf8_lossy(&output.stdout).contains("AUTN"),
            "the peer took bit {bit}"
        );
    }
}
