//! AUTHENTICATE from the terminal's side (TS 31.102 7.1), and the run in EF_GBABP.

use aka::{Autn, Auts, Rand, Res};
use base::{
    DecodeError, Reader, Secret, Utc,
    apdu::{Command, Response},
};
use gba::{
    ids::{Btid, Impi, NafId},
    keys::Ks,
    ub,
};

use crate::{
    Card, Sw,
    ef::{
        GbaBp,
        gbabp::{BTID_OFFSET, NotUsable},
        services,
    },
    names,
};

use super::{Mode, Usim, UsimError, describe};

/// Security contexts as P2 names them.
const UMTS: u8 = 0x81;
const GBA: u8 = 0x84;

/// The lifetime of a run that is over for good.
const ENDED: Utc = Utc(0);

/// What a card makes of RAND and AUTN in the 3G context. Outcomes of the protocol, not errors.
pub enum AkaOutcome {
    /// The network is genuine.
    Success {
        /// RES, 4 to 16 octets.
        res: Res,
        /// CK.
        ck: Secret<16>,
        /// IK.
        ik: Secret<16>,
    },
    /// SQN isn't acceptable: AUTS goes to the home side.
    SyncFailure(Auts),
    /// 9862: see [`mac_failure_advice`].
    MacFailure,
}

/// What a card makes of RAND and AUTN* in the GBA context: Ks stays in the card.
pub enum GbaOutcome {
    /// The network is genuine, and the card has a new Ks.
    Success {
        /// RES as the card gives it (ruling 12: with its last bit inverted).
        res: Res,
    },
    /// SQN isn't acceptable: AUTS goes to the home side.
    SyncFailure(Auts),
    /// 9862: see [`mac_failure_advice`].
    MacFailure,
}

/// What to look at after a 9862, which says no more than that a MAC was wrong.
#[must_use]
pub const fn mac_failure_advice(mode: Mode) -> &'static str {
    match mode {
        Mode::Me => {
            "the card refuses AUTN (9862, wrong MAC): K, OPc (or OP given as OPc) or AMF of card and HSS differ; \
             check K, then OPc, then AMF"
        }
        Mode::U => {
            "the card refuses AUTN (9862, wrong MAC): HSS uiccType and card disagree (this card has GBA_U and takes \
             AUTN* only), or K, OPc or AMF of card and HSS differ; check uiccType in the GUSS, then K, OPc, AMF"
        }
    }
}

impl<C: Card> Usim<C> {
    /// A GBA run in the card's own mode (ruling 11), as the Ub client wants its outcome: P2 = 84 on a card with GBA_U,
    /// P2 = 81 on others. What the card refuses becomes [`ub::client::AkaOutcome::Refused`] with its reason.
    pub fn run(&mut self, rand: &Rand, autn: &Autn) -> ub::client::AkaOutcome {
        use ub::client::AkaOutcome as Outcome;
        let outcome = match self.mode() {
            Mode::U => self.gba_bootstrap(rand, autn).map(|o| match o {
                GbaOutcome::Success { res } => Outcome::Success { res, ks: None },
                GbaOutcome::SyncFailure(auts) => Outcome::SyncFailure(auts),
                GbaOutcome::MacFailure => Outcome::MacFailure,
            }),
            Mode::Me => self.authenticate_3g(rand, autn).map(|o| match o {
                AkaOutcome::Success { res, ck, ik } => Outcome::Success {
                    res,
                    ks: Some(Ks::from_ck_ik(&ck, &ik)),
                },
                AkaOutcome::SyncFailure(auts) => Outcome::SyncFailure(auts),
                AkaOutcome::MacFailure => Outcome::MacFailure,
            }),
        };
        outcome.unwrap_or_else(|e| Outcome::Refused(e.to_string()))
    }

    /// AUTHENTICATE in the 3G context for a GBA_ME run: `10 RAND 10 AUTN`.
    ///
    /// # Errors
    /// [`UsimError::GbaUOnly`] on a card with service 68, without asking it (ruling 11): the command would hand CK and
    /// IK out. [`super::Options::force_me`] overrides it in a laboratory. Otherwise [`UsimError`] of the card.
    pub fn authenticate_3g(&mut self, rand: &Rand, autn: &Autn) -> Result<AkaOutcome, UsimError> {
        if self.mode() == Mode::U {
            return Err(UsimError::GbaUOnly);
        }
        let Some(response) = self.authenticate(UMTS, &[], rand, autn)? else {
            return Ok(AkaOutcome::MacFailure);
        };
        read_3g(response.data()).map_err(UsimError::malformed("answer to AUTHENTICATE"))
    }

    /// AUTHENTICATE in the GBA context, bootstrapping: `DD 10 RAND 10 AUTN*`. The terminal is neutral to the form of
    /// AUTN.
    ///
    /// # Errors
    /// [`UsimError::NoGbaService`] on a card without service 68; otherwise [`UsimError`] of the card.
    pub fn gba_bootstrap(&mut self, rand: &Rand, autn: &Autn) -> Result<GbaOutcome, UsimError> {
        self.require_gba()?;
        let Some(response) = self.authenticate(GBA, &[0xdd], rand, autn)? else {
            return Ok(GbaOutcome::MacFailure);
        };
        read_gba(response.data()).map_err(UsimError::malformed("answer to GBA bootstrapping"))
    }

    /// Ks_ext_NAF of a NAF, derived in the card, which keeps Ks_int_NAF: `DE L NAF_Id L IMPI`.
    ///
    /// # Errors
    /// [`UsimError::NoKs`] before a run was finished with [`Self::write_gbabp`]; [`UsimError::TooLong`] where NAF_Id and
    /// IMPI have more than 252 octets; otherwise [`UsimError`] of the card.
    pub fn gba_naf_key(&mut self, naf_id: &NafId, impi: &Impi) -> Result<Secret<32>, UsimError> {
        const WHAT: &str = "answer to GBA NAF derivation";
        self.require_gba()?;
        let mut data = vec![0xde];
        for field in [naf_id.octets(), impi.kdf_octets()] {
            let length = u8::try_from(field.len()).unwrap_or(u8::MAX);
            data.push(length);
            data.extend_from_slice(field);
        }
        let octets = naf_id.octets().len() + impi.kdf_octets().len();
        let command = Command::new(0x00, 0x88, 0x00, GBA)
            .with_data(&data)
            .map_err(|_| UsimError::TooLong { octets })?
            .with_le(0);
        let response = self.link.transmit(&command)?;
        if Sw(response.sw) == Sw::CONDITIONS {
            return Err(UsimError::NoKs);
        }
        let response = check(&command, response)?;
        read_naf_key(response.data()).map_err(UsimError::malformed(WHAT))
    }

    /// EF_GBABP as it stands.
    ///
    /// # Errors
    /// [`UsimError::NoGbaService`], or [`UsimError`] of the card.
    pub fn read_gbabp(&mut self) -> Result<GbaBp, UsimError> {
        self.require_gba()?;
        let octets = self.link.read(names::EF_GBABP)?;
        GbaBp::parse(&octets).map_err(UsimError::malformed("EF_GBABP"))
    }

    /// Finishes a run: writes B-TID and lifetime behind the RAND that the card wrote. One UPDATE BINARY, so that a
    /// power cut leaves the run unfinished or finished.
    ///
    /// # Errors
    /// [`UsimError::OtherRun`] if the card's RAND isn't this one, [`UsimError::NoRoom`] if the file is too short,
    /// [`UsimError::NoGbaService`], or [`UsimError`] of the card.
    pub fn write_gbabp(&mut self, rand: &Rand, btid: &Btid, lifetime: Utc) -> Result<(), UsimError> {
        self.require_gba()?;
        let octets = self.link.read(names::EF_GBABP)?;
        let there = GbaBp::parse(&octets).map_err(UsimError::malformed("EF_GBABP"))?;
        if there.rand() != Some(*rand) {
            return Err(UsimError::OtherRun);
        }
        let run = GbaBp::new(rand, btid, lifetime);
        let need = usize::from(BTID_OFFSET) + 2 + run.btid.len() + run.lifetime.len();
        // One command writes at most 255 octets behind the RAND.
        let room = octets.len().min(usize::from(BTID_OFFSET) + 255);
        if need > room {
            return Err(UsimError::NoRoom { need, room });
        }
        let fields = run.encode_btid_and_lifetime();
        let command = fields.and_then(|f| Command::new(0x00, 0xd6, 0x00, BTID_OFFSET).with_data(&f));
        let command = command.map_err(|_| UsimError::NoRoom { need, room })?;
        self.link.command(&command)?;
        Ok(())
    }

    /// The run in the card, if it may be used (ruling 14): base64(RAND) is the local part of the B-TID, and the
    /// lifetime lies ahead of `now`. The inner error says why it may not; then bootstrap.
    ///
    /// A run that has ended gets a lifetime of 1970 in the card, so that a clock set back later doesn't revive it
    /// (ruling 37).
    ///
    /// # Errors
    /// As [`Self::read_gbabp`].
    pub fn stored_run(&mut self, now: Utc) -> Result<Result<(Rand, Btid, Utc), NotUsable>, UsimError> {
        match self.read_gbabp() {
            Ok(bp) => {
                let usable = bp.usable(now);
                if let (Err(NotUsable::Expired(end)), Some(rand), Some(btid)) =
                    (&usable, bp.rand(), bp.btid())
                    && *end > ENDED
                {
                    // Where the card doesn't let it be written, the run isn't used either.
                    let _ = self.write_gbabp(&rand, &btid, ENDED);
                }
                Ok(usable)
            }
            Err(UsimError::Malformed { .. }) => Ok(Err(NotUsable::Malformed)),
            Err(e) => Err(e),
        }
    }

    fn require_gba(&self) -> Result<(), UsimError> {
        if self.services().has(services::GBA) {
            Ok(())
        } else {
            Err(UsimError::NoGbaService)
        }
    }

    /// Sends RAND and AUTN; `None` for 9862.
    fn authenticate(
        &mut self,
        context: u8,
        tag: &[u8],
        rand: &Rand,
        autn: &Autn,
    ) -> Result<Option<Response>, UsimError> {
        let command = challenge(context, tag, &[rand.octets(), autn.octets()])?;
        let response = self.link.transmit(&command)?;
        if Sw(response.sw) == Sw::MAC {
            return Ok(None);
        }
        check(&command, response).map(Some)
    }
}

/// AUTHENTICATE: a tag, then each field behind its length.
pub(super) fn challenge(p2: u8, tag: &[u8], fields: &[&[u8]]) -> Result<Command, UsimError> {
    let mut data = tag.to_vec();
    for field in fields {
        data.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
        data.extend_from_slice(field);
    }
    let command = Command::new(0x00, 0x88, 0x00, p2).with_data(&data);
    Ok(command.map_err(UsimError::malformed("AUTHENTICATE"))?.with_le(0))
}

fn check(command: &Command, response: Response) -> Result<Response, UsimError> {
    if response.is_success() {
        return Ok(response);
    }
    Err(UsimError::Refused {
        command: describe::command(command),
        sw: Sw(response.sw),
    })
}

/// `DB L RES 10 CK 10 IK [08 Kc]` or `DC 0E AUTS`. Kc is of no use to GBA.
pub(super) fn read_3g(octets: &[u8]) -> Result<AkaOutcome, DecodeError> {
    let mut r = Reader::new(octets);
    match r.u8("tag")? {
        0xdb => {
            let res = res(&mut r)?;
            let ck = key(&mut r, "CK")?;
            let ik = key(&mut r, "IK")?;
            if !r.is_empty() {
                sized(&mut r, "Kc", 8)?;
            }
            r.finish("answer to AUTHENTICATE")?;
            Ok(AkaOutcome::Success { res, ck, ik })
        }
        0xdc => auts(&mut r).map(AkaOutcome::SyncFailure),
        _ => Err(Reader::new(octets).invalid("tag", "DB or DC")),
    }
}

/// `DB L RES` or `DC 0E AUTS`. More is refused: a card that adds CK and IK is none for GBA_U (TS 33.220 5.2.1).
pub(super) fn read_gba(octets: &[u8]) -> Result<GbaOutcome, DecodeError> {
    let mut r = Reader::new(octets);
    match r.u8("tag")? {
        0xdb => {
            let res = res(&mut r)?;
            r.finish("RES")?;
            Ok(GbaOutcome::Success { res })
        }
        0xdc => auts(&mut r).map(GbaOutcome::SyncFailure),
        _ => Err(Reader::new(octets).invalid("tag", "DB or DC")),
    }
}

/// `DB 20 Ks_ext_NAF`.
pub(super) fn read_naf_key(octets: &[u8]) -> Result<Secret<32>, DecodeError> {
    let mut r = Reader::new(octets);
    let start = r;
    if r.array("tag and length")? != [0xdb, 0x20] {
        return Err(start.invalid("Ks_ext_NAF", "tag DB and 32 octets"));
    }
    let key = r.array("Ks_ext_NAF").map(Secret::new)?;
    r.finish("Ks_ext_NAF")?;
    Ok(key)
}

fn sized<'a>(r: &mut Reader<'a>, what: &'static str, length: u8) -> Result<&'a [u8], DecodeError> {
    let start = *r;
    if r.u8(what)? != length {
        return Err(start.invalid(what, "a length that its clause fixes"));
    }
    r.take(usize::from(length), what)
}

fn res(r: &mut Reader<'_>) -> Result<Res, DecodeError> {
    let start = *r;
    let length = r.u8("RES")?;
    let octets = r.take(usize::from(length), "RES")?;
    Res::new(octets).map_err(|_| start.invalid("RES", "4 to 16 octets"))
}

fn key(r: &mut Reader<'_>, what: &'static str) -> Result<Secret<16>, DecodeError> {
    let start = *r;
    Secret::from_slice(sized(r, what, 16)?).ok_or(start.invalid(what, "16 octets"))
}

fn auts(r: &mut Reader<'_>) -> Result<Auts, DecodeError> {
    let start = *r;
    let auts = Auts::try_from(sized(r, "AUTS", 14)?).map_err(|_| start.invalid("AUTS", "14 octets"))?;
    r.finish("AUTS")?;
    Ok(auts)
}
