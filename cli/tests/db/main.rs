//! `gba db`, as a person types it: import, load, a vector; export and back; every mistake.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use hss::{Auc, MemorySqnStore, Subscribers};

/// TS 35.208 test set 1.
const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";

fn gba(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gba"))
        .args(["db"])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../hss/tests/data")
        .join(name);
    path.to_str().unwrap().to_owned()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn load(path: PathBuf) -> Subscribers {
    Subscribers::load(&path, net::clock::now()).unwrap()
}

#[test]
fn each_list_becomes_a_file_that_the_hss_loads() {
    let dir = tempfile::tempdir().unwrap();
    for (list, form, count) in [
        ("open5gs.json", "open5gs", 3),
        ("pyhss.json", "pyhss", 2),
        ("pyhss.csv", "pyhss", 2),
        ("sysmocom.csv", "sysmocom", 2),
        ("sysmocom.tsv", "sysmocom", 2),
        ("ours.csv", "csv", 2),
    ] {
        let out = format!("{list}.toml");
        let done = gba(&["import", &data(list), "--out", &out], dir.path());
        let (stdout, stderr) = (text(&done.stdout), text(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "{list}: {stderr}");
        assert!(stderr.contains(&format!("read as {form} (")), "{stderr}");
        assert!(
            stdout.contains(&format!("{count} subscribers in {out}")),
            "{stdout}"
        );
        let path = dir.path().join(&out);
        assert_eq!(load(path.clone()).len(), count);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        // And back: the table says the same.
        let csv = format!("{list}.out.csv");
        let done = gba(&["export", "--to", "csv", &out, "--out", &csv], dir.path());
        assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
        let again = gba(&["import", "--from", "csv", &csv, "--out", "-"], dir.path());
        assert_eq!(text(&again.stdout), text(&fs::read(&path).unwrap()));
    }
}

/// The card of TS 35.208 test set 1, listed with its OP, asks the AuC: what the list said is what the vector is of.
#[tokio::test]
async fn a_vector_of_an_imported_subscriber_is_the_cards() {
    let dir = tempfile::tempdir().unwrap();
    let list = format!(
        "{{\"imsi\":\"901280000000001\",\"security\":{{\"k\":\"{K}\",\"op\":\"{OP}\",\"opc\":null,\"amf\":\"8000\",\"sqn\":1184}}}}\n"
    );
    fs::write(dir.path().join("list.json"), list).unwrap();
    let done = gba(&["import", "list.json", "--json"], dir.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(report["form"], "open5gs");
    assert_eq!(report["written"], "subscribers.toml");
    assert!(report.to_string().contains("OPc computed"), "{report}");

    let subscribers = load(dir.path().join("subscribers.toml"));
    let subscriber = subscribers.iter().next().unwrap();
    let auc = Auc::new(MemorySqnStore::new(), net::entropy::OsEntropy);
    let vector = auc.vector(subscriber, None, net::clock::now()).await.unwrap();
    let card = aka::Milenage::new(
        &base::Secret::new(base::hex::array(K).unwrap()),
        &base::Secret::new(base::hex::array(OPC).unwrap()),
    );
    let mut array = aka::sqn::SqnArray::new(aka::sqn::SqnProfile::default());
    let check = aka::authenticate(&card, &mut array, &vector.rand, &vector.autn);
    let aka::Check::Accept { res, sqn, .. } = check else {
        panic!("the card refuses")
    };
    assert!(res.ct_eq(&vector.xres));
    // The first vector has the stored SQN itself.
    assert_eq!(sqn.to_string(), format!("{:012x}", 1184));
}

#[test]
fn nothing_is_overwritten_without_force_nor_written_with_a_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("subscribers.toml");
    fs::write(&out, "mine").unwrap();
    let list = data("sysmocom.csv");
    let refused = gba(&["import", &list], dir.path());
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("--force"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");

    let bad = fs::read_to_string(&list)
        .unwrap()
        .replace("901280000000302", "imsi-901280000000302");
    fs::write(dir.path().join("bad.csv"), bad).unwrap();
    let refused = gba(&["import", "bad.csv", "--force"], dir.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("bad.csv: line 3, column 1: row 2.imsi: digits only"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(fs::read_to_string(&out).unwrap(), "mine");

    let done = gba(&["import", &list, "--force"], dir.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert_eq!(load(out).len(), 2);
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    let missing = gba(&["check", "no-such.csv"], dir.path());
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn ruling_05_check_tells_every_mistake_and_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let list = format!(
        "imsi,mnc_length,k,opc\nimsi-001010000000001,2,{K},{OPC}\n001010000000002,2,{},{OPC}\n001010000000003,,{K},{OPC}0\n",
        &K[1..]
    );
    fs::write(dir.path().join("list.csv"), list).unwrap();
    let checked = gba(&["check", "list.csv"], dir.path());
    assert_eq!(checked.status.code(), Some(1));
    let told = text(&checked.stdout) + &text(&checked.stderr);
    for says in [
        "line 2, column 1: row 1.imsi",
        "line 3, column 19: row 2.k: an odd number of hex digits (31)",
        "line 4, column 1: row 3.mnc_length: missing",
        "line 4, column 51: row 3.opc: an odd number of hex digits (33)",
        "4 mistakes, 0 of 3 subscribers right",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
    for key in [K, OP, OPC] {
        assert!((0..24).all(|n| !told.contains(&key[n..n + 8])), "{told}");
    }
    let checked = gba(&["check", "list.csv", "--json"], dir.path());
    assert_eq!(checked.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(report["mistakes"].as_array().unwrap().len(), 4);
    assert_eq!(report["mistakes"][0]["line"], 2);

    let toml =
        format!("[[subscriber]]\nimsi = \"001010000000001\"\nk = \"{K}\"\nopc = \"{OPC}\"\nlifetim = 5\n");
    fs::write(dir.path().join("s.toml"), &toml).unwrap();
    let checked = gba(&["check", "s.toml"], dir.path());
    let told = text(&checked.stderr);
    assert!(
        told.contains("line 5, column 1: subscriber[1].this key: not known here"),
        "{told}"
    );
    assert!(told.contains("subscriber[1].mnc_length: missing"), "{told}");
    let right = toml.replace("lifetim = 5", "mnc_length = 2");
    fs::write(dir.path().join("s.toml"), right).unwrap();
    let checked = gba(&["check", "s.toml"], dir.path());
    assert_eq!(checked.status.code(), Some(0));
    assert!(text(&checked.stdout).contains("1 subscriber, no mistake"));
}

#[test]
fn what_is_named_after_both_op_and_opc_is_asked_back() {
    let dir = tempfile::tempdir().unwrap();
    let list = format!("IMSI,ICCID,Ki,OP/OPc\n901280000000001,8988,{K},{OP}\n");
    fs::write(dir.path().join("cards.csv"), list).unwrap();
    let asked = gba(&["import", "cards.csv"], dir.path());
    assert_eq!(asked.status.code(), Some(1));
    assert!(
        text(&asked.stderr).contains("give --operator-key op or --operator-key opc"),
        "{}",
        text(&asked.stderr)
    );
    let done = gba(&["import", "cards.csv", "--operator-key", "op"], dir.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let made = fs::read_to_string(dir.path().join("subscribers.toml")).unwrap();
    assert!(made.contains(OPC) && !made.contains(OP), "OPc expected");
}

/// A reference to a key file is for beside the file that it stands in.
#[test]
fn a_key_file_that_is_not_beside_the_new_file_is_told_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("new")).unwrap();
    let list = format!("imsi,mnc_length,k,opc\n001010000000001,2,@k.hex,{OPC}\n");
    fs::write(dir.path().join("list.csv"), list).unwrap();
    fs::write(dir.path().join("k.hex"), K).unwrap();
    let refused = gba(&["import", "list.csv", "--out", "new/s.toml"], dir.path());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("key file k.hex can't be read"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(fs::read_dir(dir.path().join("new")).unwrap().count(), 0);
    let done = gba(&["import", "list.csv"], dir.path());
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let made = fs::read_to_string(dir.path().join("subscribers.toml")).unwrap();
    assert!(made.contains("k = \"@k.hex\""), "the reference expected");
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_told_by_the_limit_and_utf_16_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let endless = gba(&["check", "/dev/zero"], dir.path());
    let err = text(&endless.stderr);
    assert_eq!(endless.status.code(), Some(2), "{err}");
    assert!(err.contains("/dev/zero is longer than"), "{err}");
    let utf_16: Vec<u8> = "imsi,k,opc".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(dir.path().join("list.csv"), utf_16).unwrap();
    let wide = gba(&["check", "list.csv"], dir.path());
    let err = text(&wide.stderr);
    assert_eq!(wide.status.code(), Some(1), "{err}");
    assert!(
        err.contains("list.csv is a text in UTF-16: save it in UTF-8"),
        "{err}"
    );
}
