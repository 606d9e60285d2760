//! A card that is given one AUTN after another: accepted, refused with AUTS, or a MAC failure.

use aka::{
    Algorithm, AlgorithmSet, Amf, Autn, Check, authenticate,
    sqn::{Refused, SqnArray, SqnProfile},
};

use super::{
    algorithm::{self, ResLength},
    auts::profile,
};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    let params = f.object("params")?;
    let profile = profile(&params)?;
    if params.has("a") {
        params.same_int("a", 1 << profile.ind_bits);
    }
    let mut array = if f.has("SEQ_MS_init") {
        SqnArray::with_seq_ms(profile, &numbers(f, "SEQ_MS_init")?).map_err(f.refused("SEQ_MS_init"))?
    } else {
        SqnArray::new(profile)
    };
    // RES may be cut; its length is that of the first one expected.
    let steps = f.objects("steps")?;
    let mut res = ResLength::ANY;
    for step in &steps {
        let expect = step.object("expect")?;
        if expect.has("RES") {
            res = ResLength::of(&expect, "RES");
            break;
        }
    }
    let alg = algorithm::read(f, res)?;
    for step in &steps {
        one(step, &alg, profile, &mut array)?;
    }
    if f.has("SEQ_MS_final") {
        let file = numbers(f, "SEQ_MS_final")?;
        f.equal("SEQ_MS_final", file.as_slice(), array.seq_ms(), list);
    }
    Ok(())
}

fn one(step: &Fields<'_>, alg: &AlgorithmSet, profile: SqnProfile, array: &mut SqnArray) -> Checked {
    let (sqn, rand) = (step.sqn("SQN")?, step.rand("RAND")?);
    step.same_int("SEQ", profile.seq(sqn));
    step.same_int("IND", profile.ind(sqn));
    let autn = Autn::new(step.array("AUTN")?);
    let expect = step.object("expect")?;
    let made = alg.vector(&rand, sqn, Amf::new(step.array("AMF")?)).autn;
    if expect.text("result")? == "mac_failure" {
        // Something in it was changed, so it is not the one that the home side makes.
        step.compare("AUTN", made != autn, "another AUTN than the genuine one", made);
    } else {
        step.same("AUTN", made.octets());
    }
    let before = array.clone();
    let refused = array.check(sqn).err();
    match authenticate(alg, array, &rand, &autn) {
        Check::Accept {
            res,
            ck,
            ik,
            sqn: accepted,
        } => {
            expect.same_text("result", "accept");
            step.same("SQN", accepted.octets());
            expect.same("RES", res.expose());
            expect.same("CK", ck.expose());
            expect.same("IK", ik.expose());
        }
        Check::SyncFailure(auts) => {
            expect.same_text("result", "sync_failure");
            expect.same("SQN_MS", before.highest().octets());
            expect.same("AUTS", auts.octets());
            expect.same_text("reason", refused.map_or("none", reason));
            unchanged(step, &before, array);
        }
        Check::MacFailure => {
            expect.same_text("result", "mac_failure");
            unchanged(step, &before, array);
        }
    }
    Ok(())
}

fn unchanged(step: &Fields<'_>, before: &SqnArray, after: &SqnArray) {
    step.compare(
        "expect",
        before == after,
        "no change of SEQ_MS",
        list(after.seq_ms()),
    );
}

const fn reason(refused: Refused) -> &'static str {
    match refused {
        Refused::TooFarAhead => "delta",
        Refused::NotFresh => "not_fresh",
        Refused::TooOld => "L",
        _ => "another test",
    }
}

fn numbers(f: &Fields<'_>, name: &str) -> Result<Vec<u64>, Problem> {
    f.list(name)?
        .iter()
        .map(|v| v.as_u64().ok_or_else(|| f.problem(name, "numbers from 0", v)))
        .collect()
}

/// The elements above zero, which are few.
fn list(seq_ms: &[u64]) -> String {
    let elements: Vec<String> = seq_ms
        .iter()
        .enumerate()
        .filter(|(_, seq)| **seq > 0)
        .map(|(ind, seq)| format!("SEQ_MS({ind}) {seq}"))
        .collect();
    if elements.is_empty() {
        "all zero".into()
    } else {
        elements.join(", ")
    }
}
