//! AUTHENTICATE (TS 31.102 7.1): GSM (P2 = 80), 3G (81) and GBA (84) contexts.
//!
//! A status word other than 9000 and a DC (AUTS) leave the card as it was: no number accepted, no Ks replaced, no file
//! written.

use aka::{Algorithm, Autn, Auts, Check, F2345, Rand, Res, gba_u::mac_star, gsm};
use base::{Reader, apdu::Command};

use crate::{
    Sw,
    ef::{GbaBp, NafRecord},
    names,
};

use super::{
    Answer, SoftCard,
    arr::PIN1,
    files::{Files, NodeId},
    gba_u::GbaContext,
    profile::{MacForm, ResForm},
    usim::{GBANL_RECORD, gbabp_file},
};

/// Tag of a successful 3G or GBA answer.
const SUCCESS: u8 = 0xdb;
/// Tag of a synchronisation failure: AUTS follows.
const SYNC_FAILURE: u8 = 0xdc;
/// Tag of GBA bootstrapping: RAND and AUTN follow.
const BOOTSTRAP: u8 = 0xdd;
/// Tag of GBA NAF derivation: NAF_Id and IMPI follow.
const NAF_DERIVATION: u8 = 0xde;

impl SoftCard {
    pub(super) fn authenticate(&mut self, c: &Command) -> Answer {
        // P2: bit 8 for a key of the application, the context in bits 3 to 1.
        if c.p1 != 0 || c.p2 & 0xf8 != 0x80 {
            return Err(Sw::P1_P2);
        }
        let usim = self.current_application().ok_or(Sw::CONDITIONS)?;
        self.state.keys.require(PIN1, self.state.files.aid(usim))?;
        match c.p2 & 0x07 {
            0 if self.gsm => self.gsm_context(c.data()),
            1 => self.umts_context(c.data()),
            4 if self.state.gba.is_some() => self.gba_context(usim, c.data()),
            _ => Err(Sw::CONTEXT),
        }
    }

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
        match aka::authenticate(&self.algorithm, self.state.sqn.edit(), &rand, &autn) {
            Check::Accept { res, ck, ik, .. } => {
                // Room for everything: a vector that grows leaves octets behind that nobody wipes.
                let mut out = Vec::with_capacity(64);
                out.push(SUCCESS);
                lv(&mut out, res.expose());
                lv(&mut out, ck.expose());
                lv(&mut out, ik.expose());
                if self.gsm {
                    lv(&mut out, gsm::c3(&ck, &ik).expose());
                }
                Ok(out)
            }
            Check::SyncFailure(auts) => Ok(sync_failure(&auts)),
            Check::MacFailure => Err(Sw::MAC),
        }
    }

    fn gba_context(&mut self, usim: NodeId, data: &[u8]) -> Answer {
        match data.split_first() {
            Some((&BOOTSTRAP, rest)) => self.bootstrap(usim, rest),
            Some((&NAF_DERIVATION, rest)) => self.naf_derivation(usim, rest),
            Some(_) => Err(Sw::DATA),
            None => Err(Sw::WRONG_LENGTH),
        }
    }

    /// `DD 10 RAND 10 AUTN*` → `DB L RES`. CK and IK become Ks; Ks, RAND and the emptied B-TID and lifetime are stored
    /// together (ruling 14).
    fn bootstrap(&mut self, usim: NodeId, data: &[u8]) -> Answer {
        let (rand, autn) = rand_autn(data)?;
        let state = &mut self.state;
        let gba = state.gba.as_mut().ok_or(Sw::CONTEXT)?;
        let file = gbabp(&state.files, usim)?;
        let autn = match gba.get().mac {
            MacForm::Plain => autn,
            MacForm::Star => mac_star(&autn, &self.algorithm.f2345(&rand).ik),
        };
        match aka::authenticate(&self.algorithm, state.sqn.edit(), &rand, &autn) {
            Check::Accept { res, ck, ik, .. } => {
                gba.edit().start(rand, &ck, &ik);
                *state.files.transparent_mut(file)? = gbabp_file(Some(GbaBp::started(&rand)));
                let res = form(gba.get(), &res);
                let mut out = Vec::with_capacity(32);
                out.push(SUCCESS);
                lv(&mut out, res.expose());
                Ok(out)
            }
            Check::SyncFailure(auts) => Ok(sync_failure(&auts)),
            Check::MacFailure => Err(Sw::MAC),
        }
    }

    /// `DE L NAF_Id L IMPI` → `DB 20 Ks_ext_NAF`; Ks_int_NAF stays, named in EF_GBANL.
    fn naf_derivation(&mut self, usim: NodeId, data: &[u8]) -> Answer {
        let mut r = Reader::new(data);
        let naf_id = lv_any(&mut r)?;
        let impi = lv_any(&mut r)?;
        end(&r)?;
        // A NAF_Id has an FQDN before the five octets of its Ua security protocol identifier.
        if naf_id.len() < 6 || impi.is_empty() {
            return Err(Sw::DATA);
        }
        let state = &mut self.state;
        let tracked = state.gba.as_mut().ok_or(Sw::CONTEXT)?;
        let gba = tracked.get();
        let bp = GbaBp::parse(state.files.transparent(gbabp(&state.files, usim)?)?).unwrap_or_default();
        // No Ks, a RAND that isn't the one of Ks (the terminal may write the file), or a run without B-TID.
        if gba.rand().is_none() || bp.rand() != gba.rand() || (gba.wait_for_btid && !bp.is_finished()) {
            return Err(Sw::CONDITIONS);
        }
        let keys = gba.derive(naf_id, impi).ok_or(Sw::CONDITIONS)?;
        let entry = NafRecord {
            naf_id: naf_id.to_vec(),
            btid: bp.btid,
        };
        let record = entry.encode(GBANL_RECORD).map_err(|_| Sw::MEMORY)?;
        let slot = gba.slot_for(naf_id).ok_or(Sw::MEMORY)?;
        let list = state.files.find_ef(usim, names::EF_GBANL).ok_or(Sw::CONTEXT)?;
        let number = super::low_octet(slot + 1);
        let place = state.files.records_mut(list)?.get_mut(number).ok_or(Sw::MEMORY)?;
        place.copy_from_slice(&record);
        tracked.edit().keep(slot, naf_id, &keys);
        let mut out = Vec::with_capacity(34);
        out.push(SUCCESS);
        lv(&mut out, keys.ext.expose());
        Ok(out)
    }
}

fn gbabp(files: &Files, usim: NodeId) -> Result<NodeId, Sw> {
    files.find_ef(usim, names::EF_GBABP).ok_or(Sw::CONTEXT)
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
