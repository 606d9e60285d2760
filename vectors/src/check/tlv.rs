//! BER-TLV, good and bad; FCP templates, EF_GBABP and EF_GBANL.

use base::{hex, tlv};
use gba::ids::Btid;
use serde_json::{Map, Value};
use uicc::{
    ef::{GbaBp, NafRecord},
    fcp::Fcp,
};

use super::{Checker, checker};
use crate::fields::{Checked, Fields};

pub(super) fn find(kind: &str) -> Option<Checker> {
    Some(match kind {
        "ber_tlv" => checker("TS 101 220", "7.1", ber_tlv),
        "ber_tlv_error" => checker("TS 101 220", "7.1", ber_tlv_error),
        "fcp" => checker("TS 102 221", "11.1.1.3", fcp),
        "EF_GBABP" => checker("TS 31.102", "4.2.79", gbabp),
        "EF_GBANL" => checker("TS 31.102", "4.2.80", gbanl),
        _ => return None,
    })
}

/// Deeper nesting than any card has.
const MAX_DEPTH: usize = 16;

fn ber_tlv(f: &Fields<'_>) -> Checked {
    let expected = f.octets("hex")?;
    let mut written = Vec::new();
    write(f, f.list("tlvs")?, &mut written, 0)?;
    f.same("hex", &written);
    // The tree that the octets give, in the vector's own form.
    let tree = f.list("tlvs")?;
    let got = read_all(&expected, tree, 0).map_err(f.refused("hex"))?;
    let (tree, got) = (Value::Array(tree.to_vec()), Value::Array(got));
    f.equal("tlvs", &tree, &got, ToString::to_string);
    Ok(())
}

/// The objects in `octets`, each as `{tag, value | tlvs, length_form}`. Whether a value is to be read as objects says
/// `like`: templates such as C6 don't have the constructed bit.
fn read_all(octets: &[u8], like: &[Value], depth: usize) -> Result<Vec<Value>, base::DecodeError> {
    let mut r = base::Reader::new(octets);
    if depth > MAX_DEPTH {
        return Err(r.invalid("BER-TLV", "at most 16 levels"));
    }
    let mut all = Vec::new();
    while !r.is_empty() {
        let start = r.at();
        let object = tlv::read(&mut r)?;
        let octets = object.tag.to_be_bytes();
        let tag = octets
            .get(octets.iter().position(|b| *b != 0).unwrap_or(3)..)
            .unwrap_or_default();
        let mut map = Map::new();
        map.insert("tag".into(), hex::encode(tag).into());
        match like
            .get(all.len())
            .and_then(|v| v.get("tlvs"))
            .and_then(Value::as_array)
        {
            Some(like) => map.insert("tlvs".into(), read_all(object.value, like, depth + 1)?.into()),
            None => map.insert("value".into(), hex::encode(object.value).into()),
        };
        let shortest = tlv::object(object.tag, object.value).len();
        if r.at() - start > shortest {
            let length_octets = r.at() - start - object.value.len() - tag.len();
            map.insert("length_form".into(), format!("long{}", length_octets - 1).into());
        }
        all.push(Value::Object(map));
    }
    Ok(all)
}

/// Writes the tree; lengths are the shortest unless `length_form` says otherwise.
fn write(f: &Fields<'_>, tree: &[Value], out: &mut Vec<u8>, depth: usize) -> Checked {
    let wrong = |what: &str| f.problem("tlvs", what.to_owned(), "something else");
    if depth > MAX_DEPTH {
        return Err(wrong("at most 16 levels"));
    }
    let text = |v: Option<&Value>| v.and_then(Value::as_str).and_then(|t| hex::decode(t).ok());
    for object in tree {
        let tag = text(object.get("tag")).ok_or_else(|| wrong("a tag in hex"))?;
        let value = match (object.get("value"), object.get("tlvs")) {
            (value @ Some(_), None) => text(value).ok_or_else(|| wrong("a value in hex"))?,
            (None, Some(Value::Array(inner))) => {
                let mut octets = Vec::new();
                write(f, inner, &mut octets, depth + 1)?;
                octets
            }
            _ => return Err(wrong("either value or tlvs in each object")),
        };
        let long = match object.get("length_form").map(|v| v.as_str().unwrap_or_default()) {
            None => {
                let number = tag
                    .iter()
                    .try_fold(0u32, |n, b| n.checked_mul(256)?.checked_add((*b).into()));
                tlv::write(
                    out,
                    number.ok_or_else(|| wrong("a tag of at most four octets"))?,
                    &value,
                );
                continue;
            }
            Some("long1") => 1,
            Some("long2") => 2,
            Some("long3") => 3,
            Some(_) => return Err(wrong("length_form long1, long2 or long3")),
        };
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
        let (dropped, kept) = length.split_at(4 - long);
        if dropped.iter().any(|b| *b != 0) {
            return Err(wrong("a value that fits its length form"));
        }
        out.extend_from_slice(&tag);
        out.push(0x80 | u8::try_from(long).unwrap_or_default());
        out.extend_from_slice(kept);
        out.extend_from_slice(&value);
    }
    Ok(())
}

fn ber_tlv_error(f: &Fields<'_>) -> Checked {
    let octets = f.octets("hex")?;
    let got = match tlv::read_all(&octets) {
        Ok(all) => format!("{} objects", all.len()),
        Err(e) => e.to_string(),
    };
    f.compare("hex", tlv::read_all(&octets).is_err(), "refused", got);
    Ok(())
}

fn fcp(f: &Fields<'_>) -> Checked {
    ber_tlv(f)?;
    let octets = f.octets("hex")?;
    let fcp = Fcp::parse(&octets).map_err(f.refused("hex"))?;
    f.same("hex", fcp.encode());
    Ok(())
}

fn gbabp(f: &Fields<'_>) -> Checked {
    let (btid, lifetime) = (f.text("B_TID")?, f.text("key_lifetime")?);
    let run = GbaBp {
        rand: f.array::<16>("RAND")?.to_vec(),
        btid: btid.as_bytes().to_vec(),
        lifetime: lifetime.as_bytes().to_vec(),
    };
    f.same("hex", run.encode().map_err(f.refused("B_TID"))?);
    let read = GbaBp::parse(&f.octets("hex")?).map_err(f.refused("hex"))?;
    f.same("RAND", &read.rand);
    f.same_text("B_TID", String::from_utf8_lossy(&read.btid));
    f.same_text("key_lifetime", String::from_utf8_lossy(&read.lifetime));
    // What the terminal makes of it.
    let typed: Btid = f.parsed("B_TID")?;
    let end = base::Utc::parse(lifetime).map_err(f.refused("key_lifetime"))?;
    let usable = read.usable(base::Utc(i64::MIN));
    let same = usable == Ok((f.rand("RAND")?, typed, end));
    f.compare("hex", same, "a run that may be used", format!("{usable:?}"));
    Ok(())
}

fn gbanl(f: &Fields<'_>) -> Checked {
    let record = NafRecord {
        naf_id: f.octets("NAF_Id")?,
        btid: f.text("B_TID")?.as_bytes().to_vec(),
    };
    let written = record
        .encode(f.small("record_length")?)
        .map_err(f.refused("record_length"))?;
    f.same("hex", &written);
    let octets = f.octets("hex")?;
    f.same_int("record_length", u64::try_from(octets.len()).unwrap_or(u64::MAX));
    let read = NafRecord::parse(&octets)
        .map_err(f.refused("hex"))?
        .ok_or_else(|| f.problem("hex", "a record", "an empty one"))?;
    f.same("NAF_Id", &read.naf_id);
    f.same_text("B_TID", String::from_utf8_lossy(&read.btid));
    Ok(())
}

/// For `card`: a response data field, compared after its status word.
pub(super) fn answered(f: &Fields<'_>, name: &str, response: &[u8], sw: u16) {
    let (data, status) = response.split_at(response.len().saturating_sub(2));
    f.compare(
        name,
        status == sw.to_be_bytes(),
        hex::encode(sw.to_be_bytes()),
        hex::encode(status),
    );
    if sw == 0x9000 {
        f.same(name, data);
    }
}
