//! What every algorithm set offers: f1, f1*, f2 to f5, f5* (TS 33.102 6.3.2, 6.3.3) and the vector of them.

use base::Secret;
use zeroize::Zeroize;

use crate::{Amf, Autn, MacA, MacS, Milenage, Rand, Res, Sqn, Tuak, Xor};

/// What f2, f3, f4 and f5 give for one RAND.
pub struct F2345 {
    /// f2: RES or XRES, 4 to 16 octets.
    pub res: Res,
    /// f3: CK.
    pub ck: Secret<16>,
    /// f4: IK.
    pub ik: Secret<16>,
    /// f5: AK, which conceals SQN in AUTN.
    pub ak: [u8; 6],
}

/// An authentication vector, or quintet (TS 33.102 6.3.2): RAND, AUTN, XRES, CK, IK.
///
/// ```compile_fail
/// fn show(vector: &aka::Vector) {
///     println!("{vector:?}"); // no Debug: it holds keys
/// }
/// ```
pub struct Vector {
    /// RAND.
    pub rand: Rand,
    /// AUTN.
    pub autn: Autn,
    /// XRES.
    pub xres: Res,
    /// CK.
    pub ck: Secret<16>,
    /// IK.
    pub ik: Secret<16>,
}

impl Vector {
    /// A second copy, for a second owner.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self {
            rand: self.rand,
            autn: self.autn,
            xres: self.xres.duplicate(),
            ck: self.ck.duplicate(),
            ik: self.ik.duplicate(),
        }
    }
}

/// An algorithm set with one subscriber's key in it.
pub trait Algorithm: Send + Sync {
    /// f1: MAC-A over RAND, SQN and AMF.
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA;

    /// f1*: MAC-S over RAND, SQN_MS and AMF* = 0000 (give [`Amf::RESYNC`]).
    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS;

    /// f2 to f5: RES, CK, IK and AK.
    fn f2345(&self, rand: &Rand) -> F2345;

    /// f5*: AK of a resynchronisation, 6 octets.
    fn f5_star(&self, rand: &Rand) -> [u8; 6];

    /// The vector for a RAND and an SQN that the home side has just taken (TS 33.102 6.3.2).
    fn vector(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> Vector {
        let F2345 {
            res: xres,
            ck,
            ik,
            mut ak,
        } = self.f2345(rand);
        let autn = Autn::from_parts(sqn.xor(ak), amf, self.f1(rand, sqn, amf).0);
        ak.zeroize();
        Vector {
            rand: *rand,
            autn,
            xres,
            ck,
            ik,
        }
    }
}

/// An algorithm set chosen at run time.
pub enum AlgorithmSet {
    /// Milenage, TS 35.206.
    Milenage(Milenage),
    /// The test algorithm of TS 34.108 8.1.2: no protection at all, for test cards only.
    Xor(Xor),
    /// TUAK, TS 35.231.
    Tuak(Tuak),
}

impl AlgorithmSet {
    /// A second copy, for a second owner: HSS and card of a laboratory.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Milenage(a) => Self::Milenage(a.duplicate()),
            Self::Xor(a) => Self::Xor(a.duplicate()),
            Self::Tuak(a) => Self::Tuak(a.duplicate()),
        }
    }

    /// `Milenage`, `TUAK` or `XOR`, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Milenage(_) => "Milenage",
            Self::Xor(_) => "XOR",
            Self::Tuak(_) => "TUAK",
        }
    }

    fn inner(&self) -> &dyn Algorithm {
        match self {
            Self::Milenage(a) => a,
            Self::Xor(a) => a,
            Self::Tuak(a) => a,
        }
    }
}

impl From<Milenage> for AlgorithmSet {
    fn from(a: Milenage) -> Self {
        Self::Milenage(a)
    }
}

impl From<Xor> for AlgorithmSet {
    fn from(a: Xor) -> Self {
        Self::Xor(a)
    }
}

impl From<Tuak> for AlgorithmSet {
    fn from(a: Tuak) -> Self {
        Self::Tuak(a)
    }
}

impl Algorithm for AlgorithmSet {
    fn f1(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacA {
        self.inner().f1(rand, sqn, amf)
    }

    fn f1_star(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> MacS {
        self.inner().f1_star(rand, sqn, amf)
    }

    fn f2345(&self, rand: &Rand) -> F2345 {
        self.inner().f2345(rand)
    }

    fn f5_star(&self, rand: &Rand) -> [u8; 6] {
        self.inner().f5_star(rand)
    }

    fn vector(&self, rand: &Rand, sqn: Sqn, amf: Amf) -> Vector {
        self.inner().vector(rand, sqn, amf)
    }
}
