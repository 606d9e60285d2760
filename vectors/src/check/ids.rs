//! B-TID and Ub nonce; IMPI and BSF name of an IMSI or an ISIM.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gba::ids::{Btid, Fqdn, Impi, Imsi, MncLength};

use crate::fields::{Checked, Fields};

pub(super) fn btid(f: &Fields<'_>) -> Checked {
    let (rand, bsf) = (f.rand("RAND")?, f.parsed::<Fqdn>("BSF_name")?);
    f.same_text("B_TID", Btid::issue(&rand, &bsf));
    // And back.
    if f.has("B_TID") {
        let read: Btid = f.parsed("B_TID")?;
        let octets = read.rand().map(|r| *r.octets()).unwrap_or_default();
        f.same("RAND", octets);
        f.same_text("BSF_name", read.bsf());
    }
    if !f.has("nonce") {
        return Ok(());
    }
    let whole = [
        &rand.octets()[..],
        &f.array::<16>("AUTN")?,
        &f.octets_or_none("server_data")?,
    ]
    .concat();
    f.same_text("nonce", STANDARD.encode(whole));
    Ok(())
}

pub(super) fn imsi(f: &Fields<'_>) -> Checked {
    let imsi: Imsi = f.parsed("IMSI")?;
    let length = match f.int("MNC_len")? {
        2 => MncLength::Two,
        3 => MncLength::Three,
        n => return Err(f.problem("MNC_len", "2 or 3", n)),
    };
    let impi = Impi::from_imsi(&imsi, length);
    f.same_text("IMPI", &impi);
    f.same_text("BSF_name", Fqdn::bsf_for_imsi(&imsi, length));
    Ok(())
}

pub(super) fn isim(f: &Fields<'_>) -> Checked {
    let impi: Impi = f.parsed("IMPI")?;
    f.same_text("BSF_name", Fqdn::bsf_for_impi(&impi).map_err(f.refused("IMPI"))?);
    Ok(())
}
