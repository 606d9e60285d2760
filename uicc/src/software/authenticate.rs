//! AUTHENTICATE of a USIM (TS 31.102 7.1): GSM (P2 = 80), 3G (81) and GBA (84) contexts; of an ISIM (TS 31.103 7.1):
//! IMS AKA (81) and GBA (84).
//!
//! A status word other than 9000 and a DC (AUTS) leave the card as it was: no number accepted, no Ks replaced, no file
//! written.

use aka::{
    Algorithm, AlgorithmSet, Autn, Auts, Check, F2345, Rand, Res, gba_u::mac_star, gsm, sqn::SqnArray,
};
use base::{Reader, apdu::Command};

use crate::{
    Sw,
    ef::{GbaBp, NafRecord},
    names,
};

use super::{
    Answer, SoftCard,
    arr::PIN1,
    durable::Tracked,
    files::{Files, NodeId},
    gba_u::GbaContext,
    guard,
    profile::{MacForm, ResForm},
    store::Application,
};

/// Tag of a successful 3G or GBA answer.
const SUCCESS: u8 = 0xdb;
/// Tag of a synchronisation failure: AUTS follows.
const SYNC_FAILURE: u8 = 0xdc;
/// Tag of GBA bootstrapping: RAND and AUTN follow.
const BOOTSTRAP: u8 = 0xdd;
/// Tag of GBA NAF derivation: NAF_Id and IMPI follow.
const NAF_DERIVATION: u8 = 0xde;

/// What an application needs to authenticate.
struct Session<'a> {
    application: Application,
    adf: NodeId,
    algorithm: &'a AlgorithmSet,
    sqn: &'a mut Tracked<SqnArray>,
    gba: Option<&'a mut Tracked<GbaContext>>,
    files: &'a mut Files,
    gsm: bool,
}

impl SoftCard {
    /// With an even instruction (88).
    pub(super) fn authenticate(&mut self, c: &Command) -> Answer {
        let adf = self.current_application().ok_or(Sw::CONDITIONS)?;
        self.in_use(adf)?;
        let aid = self.state.files.aid(adf);
        if aid == Some(&names::CLIENT_AID) {
            return self.client(c);
        }
        // P2: bit 8 for a key of the application, the context in bits 3 to 1.
        if c.p1 != 0 || c.p2 & 0xf8 != 0x80 {
            return Err(Sw::P1_P2);
        }
        let mut session = self.session(adf)?;
        match (c.p2 & 0x07, session.application) {
            (0, Application::Usim) if session.gsm => session.gsm_context(c.data()),
            (1, _) => session.umts_context(c.data()),
            (4, _) if session.gba.is_some() => session.gba_context(c.data()),
            _ => Err(Sw::CONTEXT),
        }
    }

    /// With an odd instruction (89): MBMS and local keys, which this card doesn't have. P1 numbers the blocks.
    pub(super) fn authenticate_tagged(&mut self, c: &Command) -> Answer {
        let adf = self.current_application().ok_or(Sw::CONDITIONS)?;
        if !matches!(c.p1, 0x00 | 0x80 | 0xa0) || c.p2 & 0xf8 != 0x80 {
            return Err(Sw::P1_P2);
        }
        self.session(adf)?;
        Err(Sw::CONTEXT)
    }

    /// The session of the active application, if that is one of those that authenticate and its PIN is verified.
    fn session(&mut self, adf: NodeId) -> Result<Session<'_>, Sw> {
        let state = &mut self.state;
        let aid = state.files.aid(adf);
        let begins = |prefix: &[u8]| aid.is_some_and(|a| a.starts_with(prefix));
        let application = if begins(&names::USIM_AID_PREFIX) {
            Application::Usim
        } else if begins(&names::ISIM_AID_PREFIX) {
            Application::Isim
        } else {
            return Err(Sw::INSTRUCTION);
        };
        state.keys.require(PIN1, aid)?;
        let (sqn, algorithm, gba) = match (application, &mut state.isim_sqn, &self.isim_algorithm) {
            (Application::Usim, ..) => (&mut state.sqn, &self.algorithm, &mut state.gba),
            (Application::Isim, Some(sqn), Some(own)) => (sqn, own, &mut state.isim_gba),
            (Application::Isim, ..) => (&mut state.sqn, &self.algorithm, &mut state.isim_gba),
        };
        Ok(Session {
            application,
            adf,
            algorithm,
            sqn,
            gba: gba.as_mut(),
            files: &mut state.files,
            gsm: self.gsm,
        })
    }
}

impl Session<'_> {
    /// `10 RAND` → `04 SRES 08 Kc`, by c2 and c3 of TS 33.102 6.8.1.2.
    fn gsm_context(&self, data: &[u8]) -> Answer {
        let mut r = Reader::new(data);
        let rand = Rand::from(lv16(&mut r)?);
        end(&r)?;
        let F2345 { res, ck, ik, .. } = self.algorithm.f2345(&rand);
        let mut out = Vec::with_capacity(14);
        lv(&mut out, gsm::c2(&res).expose());
        lv(&mut out, gsm::c3(&ck, &ik).expose());
        Ok(out)
    }

    /// `10 RAND 10 AUTN` → `DB L RES 10 CK 10 IK [08 Kc]`.
    fn umts_context(&mut self, data: &[u8]) -> Answer {
        let (rand, autn) = rand_autn(data)?;
        match aka::authenticate(self.algorithm, self.sqn.edit(), &rand, &autn) {
            Check::Accept { res, ck, ik, .. } => {
                guard::accepted(self.files);
                // Room for everything: a vector that grows leaves octets behind that nobody wipes.
                let mut out = Vec::with_capacity(64);
                out.push(SUCCESS);
                lv(&mut out, res.expose());
                lv(&mut out, ck.expose());
                lv(&mut out, ik.expose());
                if self.gsm && self.application == Application::Usim {
                    lv(&mut out, gsm::c3(&ck, &ik).expose());
                }
                Ok(out)
            }
            Check::SyncFailure(auts) => {
                guard::sync_failure(self.files, &rand, auts).map(|a| sync_failure(&a))
            }
            Check::MacFailure => Err(Sw::MAC),
        }
    }

    fn gba_context(&mut self, data: &[u8]) -> Answer {
        match data.split_first() {
            Some((&BOOTSTRAP, rest)) => self.bootstrap(rest),
            Some((&NAF_DERIVATION, rest)) => self.naf_derivation(rest),
            Some(_) => Err(Sw::DATA),
            None => Err(Sw::WRONG_LENGTH),
        }
    }

    /// EF_GBABP and EF_GBANL.
    fn gba_files(&self) -> Result<(NodeId, NodeId), Sw> {
        let (gbabp, gbanl) = match self.application {
            Application::Usim => (names::EF_GBABP, names::EF_GBANL),
            Application::Isim => (names::EF_GBABP_ISIM, names::EF_GBANL_ISIM),
        };
        let find = |fid| self.files.find_ef(self.adf, fid).ok_or(Sw::CONTEXT);
        Ok((find(gbabp)?, find(gbanl)?))
    }

    /// `DD 10 RAND 10 AUTN*` → `DB L RES`. CK and IK become Ks; Ks, RAND and the emptied B-TID and lifetime are stored
    /// together (ruling 14).
    fn bootstrap(&mut self, data: &[u8]) -> Answer {
        let (rand, autn) = rand_autn(data)?;
        let (file, _) = self.gba_files()?;
        let gba = self.gba.as_mut().ok_or(Sw::CONTEXT)?;
        let autn = match gba.get().mac {
            MacForm::Plain => autn,
            MacForm::Star => mac_star(&autn, &self.algorithm.f2345(&rand).ik),
        };
        match aka::authenticate(self.algorithm, self.sqn.edit(), &rand, &autn) {
            Check::Accept { res, ck, ik, .. } => {
                guard::accepted(self.files);
                gba.edit().start(rand, &ck, &ik);
                let octets = self.files.transparent_mut(file)?;
                let size = octets.len();
                *octets = GbaBp::started(&rand).encode().map_err(|_| Sw::MEMORY)?;
                if octets.len() > size {
                    return Err(Sw::MEMORY);
                }
                octets.resize(size, 0xff);
                let res = form(gba.get(), &res);
                let mut out = Vec::with_capacity(32);
                out.push(SUCCESS);
                lv(&mut out, res.expose());
                Ok(out)
            }
            Check::SyncFailure(auts) => {
                guard::sync_failure(self.files, &rand, auts).map(|a| sync_failure(&a))
            }
            Check::MacFailure => Err(Sw::MAC),
        }
    }

    /// `DE L NAF_Id L IMPI` → `DB 20 Ks_ext_NAF`; Ks_int_NAF stays, named in EF_GBANL.
    fn naf_derivation(&mut self, data: &[u8]) -> Answer {
        let mut r = Reader::new(data);
        let naf_id = lv_any(&mut r)?;
        let impi = lv_any(&mut r)?;
        end(&r)?;
        // A NAF_Id has an FQDN before the five octets of its Ua security protocol identifier.
        if naf_id.len() < 6 || impi.is_empty() {
            return Err(Sw::DATA);
        }
        let (gbabp, gbanl) = self.gba_files()?;
        let tracked = self.gba.as_mut().ok_or(Sw::CONTEXT)?;
        let gba = tracked.get();
        let bp = GbaBp::parse(self.files.transparent(gbabp)?).unwrap_or_default();
        // No Ks, a RAND that isn't the one of Ks (the terminal may write the file), or a run without B-TID.
        if gba.rand().is_none() || bp.rand() != gba.rand() || (gba.wait_for_btid && !bp.is_finished()) {
            return Err(Sw::CONDITIONS);
        }
        let keys = gba.derive(naf_id, impi).ok_or(Sw::CONDITIONS)?;
        let entry = NafRecord {
            naf_id: naf_id.to_vec(),
            btid: bp.btid,
        };
        let slot = gba.slot_for(naf_id).ok_or(Sw::MEMORY)?;
        let list = self.files.records_mut(gbanl)?;
        let record = entry.encode(list.length).map_err(|_| Sw::MEMORY)?;
        let number = super::low_octet(slot + 1);
        let place = list.get_mut(number).ok_or(Sw::MEMORY)?;
        place.copy_from_slice(&record);
        tracked.edit().keep(slot, naf_id, &keys);
        let mut out = Vec::with_capacity(34);
        out.push(SUCCESS);
        lv(&mut out, keys.ext.expose());
        Ok(out)
    }
}

fn form(gba: &GbaContext, res: &Res) -> Res {
    match gba.res {
        ResForm::Plain => res.duplicate(),
        ResForm::Flipped => res.flipped_lsb(),
    }
}

/// `DC 0E AUTS`: the same in both contexts and both forms.
fn sync_failure(auts: &Auts) -> Vec<u8> {
    let mut out = vec![SYNC_FAILURE];
    lv(&mut out, auts.octets());
    out
}

/// Length octet and value. Values here have at most 32 octets.
fn lv(out: &mut Vec<u8>, value: &[u8]) {
    out.push(super::low_octet(value.len()));
    out.extend_from_slice(value);
}

/// `10 RAND 10 AUTN` and nothing behind.
fn rand_autn(data: &[u8]) -> Result<(Rand, Autn), Sw> {
    let mut r = Reader::new(data);
    let rand = lv16(&mut r)?;
    let autn = lv16(&mut r)?;
    end(&r)?;
    Ok((Rand::from(rand), Autn::from(autn)))
}

/// 16 octets with their length: a missing octet is 6700, another length 6A80.
fn lv16(r: &mut Reader<'_>) -> Result<[u8; 16], Sw> {
    let value = lv_any(r)?;
    value.try_into().map_err(|_| Sw::DATA)
}

fn lv_any<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], Sw> {
    let length = r.u8("length").map_err(|_| Sw::WRONG_LENGTH)?;
    r.take(usize::from(length), "value").map_err(|_| Sw::WRONG_LENGTH)
}

fn end(r: &Reader<'_>) -> Result<(), Sw> {
    if r.is_empty() {
        Ok(())
    } else {
        Err(Sw::WRONG_LENGTH)
    }
}
