//! Which clauses a card keeps to: AKA, GBA and files against a card whose keys are known. It is asked as a terminal may
//! ask, so any card can be tested; its SQN moves by some steps, and GBA_U gets a new Ks.

use aka::{Algorithm, Amf, Rand, Sqn, auts, gba_u::mac_star, sqn::SqnProfile};
use base::{Utc, apdu::Command};
use gba::{
    ids::{Btid, Fqdn, Impi, NafId, UaId},
    keys::{KeyKind, Ks, KsNaf},
};

use crate::{
    Card, Sw,
    ef::{GbaBp, gbabp::BTID_OFFSET, services},
    names,
    software::{MacForm, ResForm},
};

use super::{
    Answer, Content, Context, Path, ProbeError, Session, SqnState, Usim, UsimError,
    authenticate::read_naf_key, next_sqn,
};

/// One check: a clause, what it asks, and whether the card does it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conformance {
    /// `files`, `aka` or `gba`.
    pub area: &'static str,
    /// The clause.
    pub clause: &'static str,
    /// What it asks, in a few words.
    pub name: &'static str,
    /// What was expected and what came, where the card doesn't do it.
    pub outcome: Result<(), (String, String)>,
}

/// What the checks need beside the card.
pub struct Known<'a> {
    /// Algorithm with the card's keys.
    pub keys: &'a dyn Algorithm,
    /// RANDs, each used once; nine are enough.
    pub rands: &'a [Rand],
    /// End of the key's life that is written into EF_GBABP.
    pub until: Utc,
}

/// Makes the checks on the card's first USIM. PINs must have been verified.
///
/// # Errors
/// [`ProbeError`] where nothing can be checked: no USIM, other keys, no answer.
pub fn conform<C: Card>(card: C, known: &Known<'_>) -> Result<Vec<Conformance>, ProbeError> {
    let usim = Usim::open(card)?;
    let (impi, bsf) = (usim.impi(), usim.bsf());
    let gba_u = usim.services().has(services::GBA);
    let gsm = usim.services().has(services::GSM_CONTEXT);
    let mut run = Run {
        session: Session::new(usim.into_card()),
        known,
        used: 0,
        out: Vec::new(),
    };
    run.session.select(&Path::usim())?;
    let rand = run.rand();
    let at = run.session.probe_sqn(known.keys, &rand)?;
    run.files()?;
    run.session.select(&Path::usim())?;
    run.aka(at, gsm)?;
    if gba_u {
        run.gba(&impi, &bsf)?;
    } else {
        run.session.select(&Path::usim())?;
        let rand = run.rand();
        let autn = run.vector(&rand, Sqn::default()).autn;
        let answer = run.session.authenticate(Context::Gba, &rand, Some(&autn));
        run.sw(
            "gba",
            "TS 31.102, 7.1.2",
            "no GBA context without service 68",
            &answer,
            &[0x9864, 0x6b00, 0x6a86],
        );
    }
    Ok(run.out)
}

struct Run<'a, C> {
    session: Session<C>,
    known: &'a Known<'a>,
    used: usize,
    out: Vec<Conformance>,
}

impl<C: Card> Run<'_, C> {
    /// The next RAND; the first again where there are none left.
    fn rand(&mut self) -> Rand {
        let rands = self.known.rands;
        let rand = rands.get(self.used % rands.len().max(1)).copied();
        self.used += 1;
        rand.unwrap_or(Rand::from([0x5a; 16]))
    }

    fn vector(&self, rand: &Rand, sqn: Sqn) -> aka::Vector {
        self.known.keys.vector(rand, sqn, Amf::from([0, 0]))
    }

    fn note(
        &mut self,
        area: &'static str,
        clause: &'static str,
        name: &'static str,
        outcome: Result<(), (String, String)>,
    ) {
        self.out.push(Conformance {
            area,
            clause,
            name,
            outcome,
        });
    }

    fn holds(
        &mut self,
        area: &'static str,
        clause: &'static str,
        name: &'static str,
        holds: bool,
        got: &str,
    ) {
        let outcome = if holds {
            Ok(())
        } else {
            Err((name.to_owned(), got.to_owned()))
        };
        self.note(area, clause, name, outcome);
    }

    /// A status word out of a set.
    fn sw<T>(
        &mut self,
        area: &'static str,
        clause: &'static str,
        name: &'static str,
        answer: &Result<T, UsimError>,
        wanted: &[u16],
    ) {
        let expected = || {
            let all: Vec<String> = wanted.iter().map(|sw| format!("{sw:04X}")).collect();
            all.join(" or ")
        };
        let outcome = match answer {
            Err(UsimError::Refused { sw, .. }) if wanted.contains(&sw.0) => Ok(()),
            Err(UsimError::Missing { .. }) if wanted.contains(&Sw::NOT_FOUND.0) => Ok(()),
            Err(e) => Err((expected(), e.to_string())),
            Ok(_) => Err((expected(), "success".to_owned())),
        };
        self.note(area, clause, name, outcome);
    }

    fn files(&mut self) -> Result<(), UsimError> {
        const AREA: &str = "files";
        let mf = self.session.select(&Path::MF);
        self.holds(
            AREA,
            "TS 102 221, 11.1.1.3",
            "SELECT MF gives an FCP",
            mf.as_ref().is_ok_and(|f| f.fid == Some(names::MF)),
            "another answer",
        );
        let iccid = self.session.read(&Path::MF.child(names::EF_ICCID));
        let digits = match &iccid {
            Ok((_, Content::Transparent(octets))) => crate::ef::Iccid::parse(octets).is_ok(),
            _ => false,
        };
        self.holds(
            AREA,
            "TS 102 221, 13.2",
            "EF_ICCID holds 18 to 20 digits, readable by everybody",
            digits,
            &told(&iccid),
        );
        let usims = self.session.applications()?;
        let named = usims.iter().any(|a| a.aid.starts_with(&names::USIM_AID_PREFIX));
        self.holds(
            AREA,
            "TS 102 221, 13.1",
            "EF_DIR names the USIM",
            named,
            "it doesn't",
        );
        let nothing = self.session.select(&Path::MF.child(0x2fee));
        self.sw(
            AREA,
            "TS 102 221, 11.1.1",
            "no such file: 6A82",
            &nothing,
            &[0x6a82],
        );
        self.session.select(&Path::usim())?;
        let imsi = self.session.read(&Path::usim().child(names::EF_IMSI));
        self.holds(
            AREA,
            "TS 31.102, 4.2.2",
            "EF_IMSI can be read with the PIN",
            imsi.is_ok(),
            &told(&imsi),
        );
        let no_record = self.session.read_record(0xfe, 1);
        self.sw(
            AREA,
            "TS 102 221, 11.1.5",
            "READ RECORD of a transparent file: 6981",
            &no_record,
            &[0x6981],
        );
        let far = self
            .session
            .apdu(&Command::new(0x00, 0xb0, 0x7f, 0xff).with_le(1))
            .map(|r| r.sw);
        let wanted = matches!(far, Ok(0x6b00));
        self.holds(
            AREA,
            "TS 102 221, 11.1.3",
            "READ BINARY behind the end: 6B00",
            wanted,
            &far.map_or_else(|e| e.to_string(), |sw| format!("{sw:04X}")),
        );
        // 02 is given to nothing by ISO 7816-4, TS 102 221, TS 102 222 and TS 31.102; one of the others could harm.
        let unknown = self.session.apdu(&Command::new(0x00, 0x02, 0, 0)).map(|r| r.sw);
        self.holds(
            AREA,
            "TS 102 221, 10.2.1.5",
            "unknown instruction: 6D00",
            matches!(unknown, Ok(0x6d00)),
            &unknown.map_or_else(|e| e.to_string(), |sw| format!("{sw:04X}")),
        );
        Ok(())
    }

    fn aka(&mut self, at: SqnState, gsm: bool) -> Result<(), ProbeError> {
        const AREA: &str = "aka";
        let keys = self.known.keys;
        let profile = SqnProfile::default();
        let sqn = next_sqn(at, profile).unwrap_or_default();

        // Wrong MAC.
        let rand = self.rand();
        let autn = self.vector(&rand, sqn).autn;
        let mut mac = autn.mac();
        if let Some(first) = mac.first_mut() {
            *first ^= 1;
        }
        let answer = self
            .session
            .authenticate(Context::Umts, &rand, Some(&autn.with_mac(mac)))?;
        let is_mac = matches!(answer, Answer::MacFailure);
        self.holds(
            AREA,
            "TS 31.102, 7.1.2.1",
            "a wrong MAC is answered 9862",
            is_mac,
            word(&answer),
        );

        // A good one.
        let rand = self.rand();
        let (autn, computed) = (self.vector(&rand, sqn).autn, keys.f2345(&rand));
        let answer = self.session.authenticate(Context::Umts, &rand, Some(&autn))?;
        let same = match &answer {
            Answer::Umts { res, ck, ik } => {
                res.ct_eq(&computed.res) && ck.ct_eq(&computed.ck) && ik.ct_eq(&computed.ik)
            }
            _ => false,
        };
        self.holds(
            AREA,
            "TS 33.102, 6.3.3",
            "RES, CK and IK are those of the keys",
            same,
            word(&answer),
        );

        // The same again: not fresh, and AUTS tells where the card stands.
        let answer = self.session.authenticate(Context::Umts, &rand, Some(&autn))?;
        let (stale, verified) = match &answer {
            Answer::SyncFailure(found) => (true, auts::verify(keys, &rand, found)),
            _ => (false, None),
        };
        self.holds(
            AREA,
            "TS 33.102, C.2.2",
            "an SQN that was used is answered with AUTS",
            stale,
            word(&answer),
        );
        let got = verified.map_or_else(|| "none".to_owned(), |v| v.to_string());
        self.holds(
            AREA,
            "TS 33.102, 6.3.3",
            "AUTS verifies and carries SQN_MS",
            verified == Some(sqn),
            &got,
        );

        // A lower SEQ in another IND, which the array of C.2.2 takes.
        let lower = Sqn::from_parts(profile.seq(sqn), 30, profile.ind_bits).filter(|s| *s != sqn);
        if let Some(lower) = lower {
            let rand = self.rand();
            let autn = self.vector(&rand, lower).autn;
            let answer = self.session.authenticate(Context::Umts, &rand, Some(&autn))?;
            self.holds(
                AREA,
                "TS 33.102, C.2.2",
                "the same SEQ in another IND is accepted",
                matches!(answer, Answer::Umts { .. }),
                word(&answer),
            );
        }

        // A jump.
        let far = profile.seq(sqn).checked_add(profile.delta + 2);
        if let Some(far) = far.and_then(|seq| Sqn::from_parts(seq, 31, profile.ind_bits)) {
            let rand = self.rand();
            let autn = self.vector(&rand, far).autn;
            // A card without the limit would take it and stand there for ever: asked with a MAC that fits no key.
            let mut mac = autn.mac();
            mac.reverse();
            let answer = self
                .session
                .authenticate(Context::Umts, &rand, Some(&autn.with_mac(mac)))?;
            self.holds(
                AREA,
                "TS 33.102, 6.3.3",
                "the MAC is checked before the SQN",
                matches!(answer, Answer::MacFailure),
                word(&answer),
            );
        }

        let rand = self.rand();
        let computed = keys.f2345(&rand);
        let answer = self.session.authenticate(Context::Gsm, &rand, None);
        if gsm {
            let same = match &answer {
                Ok(Answer::Gsm { sres, kc }) => {
                    sres.ct_eq(&aka::gsm::c2(&computed.res))
                        && kc.ct_eq(&aka::gsm::c3(&computed.ck, &computed.ik))
                }
                _ => false,
            };
            let got = answer
                .as_ref()
                .map_or_else(ToString::to_string, |a| word(a).to_owned());
            self.holds(
                AREA,
                "TS 33.102, 6.8.1.2",
                "GSM context: SRES by c2, Kc by c3",
                same,
                &got,
            );
        } else {
            self.sw(
                AREA,
                "TS 31.102, 7.1.2",
                "no GSM context without service 38",
                &answer,
                &[0x9864, 0x6b00, 0x6a86],
            );
        }
        Ok(())
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one story from the vector to the NAF's key, told in its order"
    )]
    fn gba(&mut self, impi: &Impi, bsf: &Fqdn) -> Result<(), ProbeError> {
        const AREA: &str = "gba";
        let keys = self.known.keys;
        let file = Path::usim().child(names::EF_GBABP);
        let before = self.session.read(&file);
        self.session.select(&Path::usim())?;
        let rand = self.rand();
        let form = self.session.probe_gba_form(keys, &rand)?;
        self.holds(
            AREA,
            "TS 33.220, 5.3.2",
            "the GBA context takes AUTN*",
            form == Some(MacForm::Star),
            match form {
                Some(MacForm::Plain) => "plain AUTN",
                _ => "neither form",
            },
        );
        // AUTN* is nothing to the other context: no CK, no IK.
        let star = mac_star(&self.vector(&rand, Sqn::default()).autn, &keys.f2345(&rand).ik);
        let answer = self.session.authenticate(Context::Umts, &rand, Some(&star))?;
        self.holds(
            AREA,
            "TS 33.220, 5.3.2",
            "AUTN* in the 3G context is answered 9862",
            matches!(answer, Answer::MacFailure),
            word(&answer),
        );
        let after = self.session.read(&file);
        self.holds(
            AREA,
            "TS 31.102, 7.1.2",
            "refused vectors change nothing in EF_GBABP",
            before == after,
            "it changed",
        );

        self.session.select(&Path::usim())?;
        let at = self.session.probe_sqn(keys, &rand)?;
        let sqn = next_sqn(at, SqnProfile::default()).unwrap_or_default();
        let rand = self.rand();
        let (vector, computed) = (self.vector(&rand, sqn), keys.f2345(&rand));
        let autn = match form {
            Some(MacForm::Plain) => vector.autn,
            _ => mac_star(&vector.autn, &computed.ik),
        };
        let answer = self.session.authenticate(Context::Gba, &rand, Some(&autn))?;
        let res = match &answer {
            Answer::Gba { res } if res.ct_eq(&computed.res.flipped_lsb()) => Some(ResForm::Flipped),
            Answer::Gba { res } if res.ct_eq(&computed.res) => Some(ResForm::Plain),
            _ => None,
        };
        self.holds(
            AREA,
            "TS 31.102, 7.1.2.2",
            "bootstrapping gives RES with its lowest bit inverted, and nothing else",
            res == Some(ResForm::Flipped),
            if res == Some(ResForm::Plain) {
                "plain RES"
            } else {
                word(&answer)
            },
        );
        if res.is_none() {
            return Ok(());
        }
        let bp = match self.session.read(&file)? {
            (_, Content::Transparent(octets)) => GbaBp::parse(&octets).unwrap_or_default(),
            _ => GbaBp::default(),
        };
        self.holds(
            AREA,
            "TS 31.102, 4.2.79",
            "EF_GBABP holds the RAND of the run",
            bp.rand() == Some(rand),
            "another one",
        );
        self.holds(
            AREA,
            "TS 31.102, 4.2.79",
            "the B-TID of the run before is gone",
            bp.btid.is_empty() && bp.lifetime.is_empty(),
            "it is still there",
        );
        let btid = Btid::issue(&rand, bsf);
        let fields = GbaBp::new(&rand, &btid, self.known.until).encode_btid_and_lifetime();
        let fields = fields.map_err(UsimError::malformed("EF_GBABP"))?;
        let written = self.session.update_binary(u16::from(BTID_OFFSET), &fields);
        self.holds(
            AREA,
            "TS 31.102, 5.2.32",
            "B-TID and lifetime can be written with the PIN",
            written.is_ok(),
            &written.err().map(|e| e.to_string()).unwrap_or_default(),
        );

        self.session.select(&Path::usim())?;
        let Ok(fqdn) = "naf.example.org".parse::<Fqdn>() else {
            return Ok(());
        };
        let naf = NafId::new(fqdn, UaId::HTTP_DIGEST);
        let fields = [naf.octets(), impi.kdf_octets()];
        let command = super::authenticate::challenge(0x84, &[0xde], &fields)?;
        let response = self.session.apdu(&command)?;
        let ours = Ks::from_ck_ik(&computed.ck, &computed.ik).naf_key(KeyKind::Ext, &rand, impi, &naf);
        let same = read_naf_key(response.data())
            .is_ok_and(|key| KsNaf::from_parts(key, naf.clone(), KeyKind::Ext).ct_eq(&ours));
        self.holds(
            AREA,
            "TS 33.220, 5.3.3, B.3",
            "NAF derivation gives Ks_ext_NAF of the run",
            same,
            &format!("{} octets, {:04X}", response.data().len(), response.sw),
        );
        let list = self.session.read(&Path::usim().child(names::EF_GBANL));
        let kept = match &list {
            Ok((_, Content::Records(records))) => records.iter().any(|record| {
                crate::ef::NafRecord::parse(record)
                    .ok()
                    .flatten()
                    .is_some_and(|r| r.naf_id == naf.octets() && r.btid == btid.octets())
            }),
            _ => false,
        };
        self.holds(
            AREA,
            "TS 31.102, 4.2.83",
            "EF_GBANL names the NAF and the run whose Ks_int_NAF is kept",
            kept,
            &told(&list),
        );
        Ok(())
    }
}

fn told<T>(result: &Result<T, UsimError>) -> String {
    match result {
        Ok(_) => "another content".to_owned(),
        Err(e) => e.to_string(),
    }
}

/// An answer in a word, without what is in it.
const fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Gsm { .. } => "SRES and Kc",
        Answer::Umts { .. } => "RES, CK and IK",
        Answer::Gba { .. } => "another RES",
        Answer::SyncFailure(_) => "AUTS",
        Answer::MacFailure => "9862",
    }
}
