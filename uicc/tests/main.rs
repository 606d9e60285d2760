//! The card against the vectors of `vectors/tlv_apdu.json` and `vectors/gba_u_mac.json`, by APDUs.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use aka::{
    AlgorithmSet, Milenage, Rand, Sqn, Tuak, Xor,
    sqn::{SqnArray, SqnProfile},
    tuak::Lengths,
};
use base::{Secret, SecretBytes, hex};
use gba::{ids::MncLength, keys::Ks};
use serde_json::Value;
use uicc::{
    ef::{GbaBp, NafRecord},
    fcp::Fcp,
    software::{GbaRun, GbaU, MacForm, Profile, ResForm, SoftCard},
};

fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

fn of_kind(kind: &str) -> Vec<Value> {
    let all: Vec<_> = vectors("tlv_apdu.json")
        .into_iter()
        .filter(|v| v["kind"] == kind)
        .collect();
    assert!(!all.is_empty(), "no vector of kind {kind}");
    all
}

fn text<'a>(v: &'a Value, name: &str) -> &'a str {
    v[name]
        .as_str()
        .unwrap_or_else(|| panic!("{}: no {name}", v["id"]))
}

fn octets(v: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(v, name)).unwrap()
}

fn secret<const N: usize>(v: &Value, name: &str) -> Secret<N> {
    Secret::from_slice(&octets(v, name)).unwrap()
}

fn algorithm(v: &Value) -> AlgorithmSet {
    match v["algorithm"].as_str().unwrap_or("milenage") {
        "milenage" => Milenage::new(&secret(v, "K"), &secret(v, "OPc")).into(),
        "xor" => Xor::new(&secret(v, "K")).into(),
        "tuak" => {
            let lengths = Lengths::new(8, 8, 16, 16, 1).unwrap();
            Tuak::new(&SecretBytes::new(octets(v, "K")), &secret(v, "TOPc"), lengths)
                .unwrap()
                .into()
        }
        other => panic!("algorithm {other}"),
    }
}

/// An array whose highest accepted number is that one.
fn array(sqn_ms: Sqn) -> SqnArray {
    let profile = SqnProfile::default();
    let mut seq_ms = vec![0; 1 << profile.ind_bits];
    seq_ms[usize::try_from(profile.ind(sqn_ms)).unwrap()] = profile.seq(sqn_ms);
    SqnArray::with_seq_ms(profile, &seq_ms).unwrap()
}

fn usim(profile: Profile) -> SoftCard {
    let mut card = SoftCard::new(profile);
    assert_eq!(
        card.exchange(&hex::decode("00a4040c07a0000000871002").unwrap()),
        [0x90, 0]
    );
    card
}

fn answer(card: &mut SoftCard, apdu: &[u8]) -> (String, u16) {
    let out = card.exchange(apdu);
    let (data, sw) = out.split_last_chunk::<2>().unwrap();
    (hex::encode(data), u16::from_be_bytes(*sw))
}

//= TS31.102-7.1.2-r1
//= TS31.102-7.1.2-r5
#[test]
fn authenticate() {
    for v in of_kind("authenticate") {
        let id = text(&v, "id");
        let sqn: Sqn = text(&v, "SQN").parse().unwrap();
        let sqn_ms = match v["SQN_MS"].as_str() {
            Some(ms) => ms.parse().unwrap(),
            // One SEQ below: acceptable, and within delta.
            None => Sqn::new(sqn.value() - 32).unwrap(),
        };
        let gba_u = GbaU {
            mac: if v["mac_form"] == "star" {
                MacForm::Star
            } else {
                MacForm::Plain
            },
            res: if v["res_form"] == "flipped" {
                ResForm::Flipped
            } else {
                ResForm::Plain
            },
            ..GbaU::default()
        };
        let mut card = usim(Profile {
            sqn: array(sqn_ms),
            gba_u: Some(gba_u),
            gsm: v["context"] == "GSM" || v["Kc"] == true,
            ..Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm(&v))
        });
        assert_eq!(
            answer(&mut card, &octets(&v, "C_APDU")),
            (text(&v, "R_data").to_owned(), 0x9000),
            "{id}"
        );
    }
}

//= TS31.102-7.1.2-r6
#[test]
fn gba_naf_derivation() {
    for v in of_kind("gba_naf_derivation") {
        let id = text(&v, "id");
        let gba_u = GbaU {
            wait_for_btid: false,
            run: Some(GbaRun {
                ks: Ks::new(secret(&v, "Ks")),
                rand: text(&v, "RAND").parse::<Rand>().unwrap(),
            }),
            ..GbaU::default()
        };
        let algorithm = Milenage::new(&Secret::new([1; 16]), &Secret::new([2; 16]));
        let mut card = usim(Profile {
            gba_u: Some(gba_u),
            ..Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm)
        });
        assert_eq!(
            answer(&mut card, &octets(&v, "C_APDU")),
            (text(&v, "R_data").to_owned(), 0x9000),
            "{id}"
        );
        assert!(
            card.holds_ks_int_naf(&octets(&v, "NAF_Id"), &secret(&v, "Ks_int_NAF")),
            "{id}"
        );
    }
}

//= TS31.102-4.2.79-r1
#[test]
fn ef_gbabp() {
    for v in of_kind("EF_GBABP") {
        let bp = GbaBp::parse(&octets(&v, "hex")).unwrap();
        assert_eq!(bp.rand().unwrap().to_string(), text(&v, "RAND"));
        assert_eq!(bp.btid().unwrap().as_str(), text(&v, "B_TID"));
        assert_eq!(bp.lifetime().unwrap().to_string(), text(&v, "key_lifetime"));
        let again = GbaBp::new(&bp.rand().unwrap(), &bp.btid().unwrap(), bp.lifetime().unwrap());
        assert_eq!(
            hex::encode(again.encode().unwrap()),
            text(&v, "hex"),
            "{}",
            v["id"]
        );
    }
}

//= TS31.102-4.2.83-r1
#[test]
fn ef_gbanl() {
    for v in of_kind("EF_GBANL") {
        let entry = NafRecord::parse(&octets(&v, "hex")).unwrap().unwrap();
        assert_eq!(hex::encode(&entry.naf_id), text(&v, "NAF_Id"));
        assert_eq!(entry.btid, text(&v, "B_TID").as_bytes());
        let length = u8::try_from(v["record_length"].as_u64().unwrap()).unwrap();
        assert_eq!(
            hex::encode(entry.encode(length).unwrap()),
            text(&v, "hex"),
            "{}",
            v["id"]
        );
    }
}

//= TS102221-11.1.1.3-r1
#[test]
fn fcp() {
    for v in of_kind("fcp") {
        let fcp = Fcp::parse(&octets(&v, "hex")).unwrap_or_else(|e| panic!("{}: {e}", v["id"]));
        assert_eq!(hex::encode(fcp.encode()), text(&v, "hex"), "{}", v["id"]);
    }
}

//= TS33.220-5.3.2-r1
//= TS33.220-5.3.2-r2
#[test]
fn gba_u() {
    for v in vectors("gba_u_mac.json") {
        let id = text(&v, "id");
        let sqn: Sqn = text(&v, "SQN").parse().unwrap();
        let mut card = usim(Profile {
            sqn: array(Sqn::new(sqn.value() - 32).unwrap()),
            ..Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm(&v)).with_gba_u()
        });
        let rand = text(&v, "RAND");
        let mut bootstrap = |autn: &str| {
            answer(
                &mut card,
                &hex::decode(&format!("0088008423dd10{rand}10{autn}00")).unwrap(),
            )
        };
        assert_eq!(bootstrap(text(&v, "AUTN")).1, 0x9862, "{id}: ruling 12");
        let want = format!("db08{}", text(&v, "RES_lsb_inverted"));
        assert_eq!(bootstrap(text(&v, "AUTN_star")), (want, 0x9000), "{id}");
    }
}

/// TS 33.102 annex C.2 as the card carries it out: SQN arrays, AUTS, and that a refusal changes nothing.
//= TS33.102-6.3.3-r1
//= TS33.102-C.2-r1
//= TS33.102-C.2-r4
//= TS31.102-7.1.2-r2
#[test]
fn sqn_sequences() {
    let mut checked = 0;
    for v in vectors("sqn_sequences.json") {
        let params = &v["params"];
        let profile = SqnProfile {
            ind_bits: u8::try_from(params["IND_bits"].as_u64().unwrap()).unwrap(),
            delta: params["delta"].as_u64().unwrap(),
            l: params["L"].as_u64(),
        };
        let sqn = match v["SEQ_MS_init"].as_array() {
            None => SqnArray::new(profile),
            Some(init) => {
                let init: Vec<u64> = init.iter().map(|s| s.as_u64().unwrap()).collect();
                SqnArray::with_seq_ms(profile, &init).unwrap()
            }
        };
        let mut card = usim(Profile {
            sqn,
            ..Profile::new("001010123456789".parse().unwrap(), MncLength::Two, algorithm(&v))
        });
        for (i, step) in v["steps"].as_array().unwrap().iter().enumerate() {
            let (rand, autn, expect) = (text(step, "RAND"), text(step, "AUTN"), &step["expect"]);
            let apdu = hex::decode(&format!("008800812210{rand}10{autn}00")).unwrap();
            let want = match text(expect, "result") {
                "accept" => {
                    let res = text(expect, "RES");
                    let length = res.len() / 2;
                    let (ck, ik) = (text(expect, "CK"), text(expect, "IK"));
                    (format!("db{length:02x}{res}10{ck}10{ik}"), 0x9000)
                }
                "sync_failure" => (format!("dc0e{}", text(expect, "AUTS")), 0x9000),
                "mac_failure" => (String::new(), 0x9862),
                other => panic!("{}: result {other}", v["id"]),
            };
            assert_eq!(answer(&mut card, &apdu), want, "{} step {i}", v["id"]);
            checked += 1;
        }
    }
    assert!(checked > 18);
}
