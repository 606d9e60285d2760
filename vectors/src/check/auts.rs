//! AUTS at home: whether MAC-S is right, SQN_MS, and whether SQN_HE moves (ruling 1).

use aka::{
    Auts, auts,
    sqn::{SqnProfile, home},
};

use super::algorithm::{self, ResLength};
use crate::fields::{Checked, Fields, Problem};

pub(super) fn check(f: &Fields<'_>) -> Checked {
    let (alg, rand) = (algorithm::read(f, ResLength::ANY)?, f.rand("RAND")?);
    let sqn_ms = auts::verify(&alg, &rand, &Auts::new(f.array("AUTS")?));
    f.same_flag("valid", sqn_ms.is_some());
    match sqn_ms {
        Some(sqn_ms) => {
            f.same("SQN_MS", sqn_ms.octets());
            f.same("AUTS", auts::build(&alg, &rand, sqn_ms).octets());
        }
        None if f.has("SQN_MS") => f.compare("SQN_MS", false, "no SQN_MS, as MAC-S is wrong", "one"),
        None => {}
    }
    if f.has("SQN_HE_before") {
        let (before, profile) = (f.sqn("SQN_HE_before")?, profile(&f.object("params")?)?);
        // A wrong AUTS moves nothing.
        let after = sqn_ms.and_then(|sqn_ms| home::resync(profile, before, sqn_ms));
        f.same_flag("reset", after.is_some());
        f.same("SQN_HE_after", after.unwrap_or(before).octets());
    }
    Ok(())
}

/// IND_bits, delta and L.
pub(super) fn profile(params: &Fields<'_>) -> Result<SqnProfile, Problem> {
    let ind_bits = params.small("IND_bits")?;
    if ind_bits > SqnProfile::MAX_IND_BITS {
        return Err(params.problem(
            "IND_bits",
            format!("at most {}", SqnProfile::MAX_IND_BITS),
            ind_bits,
        ));
    }
    Ok(SqnProfile {
        ind_bits,
        delta: params.int("delta")?,
        l: if params.has("L") {
            Some(params.int("L")?)
        } else {
            None
        },
    })
}
