//! Each form gives what is in it, each mistake is told with its place, and no text makes it panic or shows a key.

use aka::{Algorithm as _, Rand};
use base::{Utc, hex};
use proptest::prelude::*;

use super::{super::OnlyHex, *};

const OPEN5GS: &str = include_str!("../../../tests/data/open5gs.json");
const PYHSS: &str = include_str!("../../../tests/data/pyhss.json");
const PYHSS_CSV: &str = include_str!("../../../tests/data/pyhss.csv");
const SYSMOCOM: &str = include_str!("../../../tests/data/sysmocom.csv");
const SYSMOCOM_TSV: &str = include_str!("../../../tests/data/sysmocom.tsv");
const OURS: &str = include_str!("../../../tests/data/ours.csv");
const ALL: [&str; 6] = [OPEN5GS, PYHSS, PYHSS_CSV, SYSMOCOM, SYSMOCOM_TSV, OURS];

/// TS 35.208 test set 1.
const K: &str = "465b5ce8b199b49faa5f0a2ee238a6bc";
const OP: &str = "cdc202d5123e20f62b6d676ac72cb318";
const OPC: &str = "cd63cb71954a9f4e48a5994e37a02baf";

fn import(text: &str) -> Import {
    read(text, &Options::default(), &mut OnlyHex)
}

fn with(text: &str, operator_key: OperatorKey) -> Import {
    let options = Options {
        operator_key: Some(operator_key),
        ..Options::default()
    };
    read(text, &options, &mut OnlyHex)
}

fn good(text: &str) -> Import {
    let import = import(text);
    assert!(import.mistakes.is_empty(), "{:?}\n{text}", import.mistakes);
    import
}

fn toml(import: &Import) -> String {
    String::from_utf8(import.to_toml().expose().to_vec()).unwrap()
}

/// What the HSS makes of it.
fn load(import: &Import) -> Subscribers {
    Subscribers::parse(&toml(import), &mut OnlyHex, Utc(0)).unwrap()
}

fn first_sqn(all: &Subscribers, user: &str) -> String {
    let impi = format!("{user}@ims.mnc028.mcc901.3gppnetwork.org")
        .parse()
        .unwrap();
    all.get(&impi).unwrap().sqn_rules().first.to_string()
}

/// The only mistake, without its key: line, column, name, what.
fn mistake(text: &str) -> (usize, usize, String, String) {
    let import = import(text);
    assert_eq!(import.mistakes.len(), 1, "{:?}\n{text}", import.mistakes);
    let e = import.mistakes[0].clone();
    (e.place.line, e.place.column, e.key, e.what)
}

#[test]
fn each_form_is_found_out_and_read() {
    for (text, form, count) in [
        (OPEN5GS, Form::Open5gs, 3),
        (PYHSS, Form::Pyhss, 2),
        (PYHSS_CSV, Form::Pyhss, 2),
        (SYSMOCOM, Form::Sysmocom, 2),
        (SYSMOCOM_TSV, Form::Sysmocom, 2),
        (OURS, Form::Csv, 2),
        (
            &super::super::EXAMPLE
                .replace("@keys/1.k", K)
                .replace("env:OPC", OPC),
            Form::Toml,
            1,
        ),
    ] {
        let import = good(text);
        assert_eq!(
            (import.form, import.rows, import.entries.len()),
            (form, count, count)
        );
        assert!(import.because.is_some());
    }
    assert_eq!(toml(&import(PYHSS)), toml(&import(PYHSS_CSV)));
    assert_eq!(toml(&import(SYSMOCOM)), toml(&import(SYSMOCOM_TSV)));
    let list = format!("[{}]", OPEN5GS.trim().replace('\n', ","));
    assert_eq!(toml(&import(OPEN5GS)), toml(&import(&list)));
}

#[test]
fn what_is_written_is_what_the_hss_loads_and_what_is_read_again() {
    for text in ALL {
        let import = good(text);
        assert_eq!(load(&import).len(), import.entries.len());
        let again = good(&toml(&import));
        assert_eq!(again.form, Form::Toml);
        assert_eq!(toml(&again), toml(&import));
        let csv = String::from_utf8(import.to_csv().unwrap().expose().to_vec()).unwrap();
        let again = good(&csv);
        assert_eq!(again.form, Form::Csv, "{}", csv.lines().next().unwrap());
        assert_eq!(toml(&again), toml(&import));
    }
}

#[test]
fn a_stored_sqn_is_the_next_one_and_zero_gives_way_to_the_first_of_ours() {
    let first = crate::sqn::SqnRules::default().first.to_string();
    let import = good(OPEN5GS);
    let all = load(&import);
    assert_eq!(first_sqn(&all, "901280000000101"), format!("{:012x}", 1184));
    assert_eq!(first_sqn(&all, "901280000000102"), first);
    assert_eq!(first_sqn(&all, "901280000000103"), first);
    assert!(
        import.notes.iter().any(|n| n.contains("SQN 0 left out")),
        "{:?}",
        import.notes
    );
    assert_eq!(
        first_sqn(&load(&good(PYHSS)), "901280000000201"),
        format!("{:012x}", 4100)
    );
    // Hex of ours under their names isn't taken for a decimal number.
    let (.., what) = mistake(&PYHSS_CSV.replace("4100", "000000000041"));
    assert!(what.contains("--from csv"), "{what}");
    let (.., key, what) = mistake(&PYHSS.replace("4100", "281474976710656"));
    assert!(
        key.ends_with(".sqn") && what.contains("to 281474976710655"),
        "{what}"
    );
}

/// One row for each way that the operator's key may be given.
#[test]
fn op_and_opc_are_told_apart_by_their_names_and_never_guessed() {
    let vector = |import: &Import| {
        let rand: Rand = "23553cbe9637a89d218ae64dae47bf35".parse().unwrap();
        let all = load(import);
        let res = all.iter().next().unwrap().algorithm.f2345(&rand).res;
        hex::encode(res.expose())
    };
    let right = "a54211d5e3ba50bf";
    let list = |name: &str, value: &str| format!("IMSI,ICCID,Ki,{name}\n901280000000001,8988,{K},{value}\n");
    assert_eq!(vector(&good(&list("OPC", OPC))), right);
    let computed = good(&list("OP", OP));
    assert_eq!(vector(&computed), right);
    assert!(
        computed.notes.iter().any(|n| n.contains("OPc computed")),
        "{:?}",
        computed.notes
    );
    assert!(!toml(&computed).contains(OP));

    let (line, column, key, what) = mistake(&list("OP/OPC", OPC));
    assert_eq!((line, column, key.as_str()), (2, 55, "row 1.op/opc"));
    assert!(what.contains("--operator-key op or --operator-key opc"), "{what}");
    assert_eq!(vector(&with(&list("OP/OPC", OPC), OperatorKey::Opc)), right);
    assert_eq!(vector(&with(&list("OP/OPC", OP), OperatorKey::Op)), right);
    // A column that carries the other one, as happens.
    assert_eq!(vector(&with(&list("OP", OPC), OperatorKey::Opc)), right);
    assert_eq!(vector(&with(&list("OPC", OP), OperatorKey::Op)), right);
    let typed = |value: &str, kind: &str| {
        format!("Name,IMSI,Key,OP_Type,OP/OPc\nue1,901280000000001,{K},{kind},{value}\n")
    };
    assert_eq!(vector(&good(&typed(OP, "OP"))), right);
    assert_eq!(vector(&good(&typed(OPC, "opc"))), right);
    assert!(mistake(&typed(OPC, "both")).3.contains("op or opc expected"));

    let both = |op: &str| {
        format!(
            "{{\"imsi\":\"901280000000001\",\"security\":{{\"k\":\"{K}\",\"op\":\"{op}\",\"opc\":\"{OPC}\"}}}}"
        )
    };
    assert_eq!(vector(&good(&both(OP))), right);
    assert!(mistake(&both(OPC)).3.contains("--operator-key"));
    assert_eq!(vector(&with(&both(OPC), OperatorKey::Opc)), right);
    // The same OPc under two keys can't be: it's OP, but the user has to say so.
    let two = format!("{}901280000000002,8988,{OP},{OPC}\n", list("OPC", OPC));
    let import = good(&two);
    assert!(
        import.notes.iter().any(|n| n.contains("--operator-key op")),
        "{:?}",
        import.notes
    );
}

#[test]
fn every_mistake_of_a_table_is_told_with_line_and_column() {
    let text = format!(
        "imsi,mnc_length,k,opc,amf,sqn\n\
         imsi-901280000000001,2,{K},{OPC},8000,\n\
         901280000000002,4,{short},{OPC},80,12\n\
         \"901280000000003\",2,{K}\n\
         9.0128E+14,2,{K},0x{OPC},,\n\
         901280000000006,2,{K},{OPC},0000,\n\
         901280000000006,2,{K},{OPC},00,\n\
         001010000000007,,,,,\n",
        short = &K[..30],
    );
    let told: Vec<_> = import(&text).mistakes.iter().map(ToString::to_string).collect();
    let expected = [
        "line 2, column 1: row 1.imsi: digits only expected: leave out 'imsi-', which makes a SUPI of it",
        "line 3, column 17: row 2.mnc_length: 2 or 3 expected",
        "line 3, column 19: row 2.k: 16 octets (32 hex digits) expected, got 15 octets",
        "line 3, column 86: row 2.sqn: SQN: 6 octets (12 hex digits) expected, got 1 octets",
        "line 3, column 83: row 2.amf: AMF: 2 octets (4 hex digits) expected, got 1 octets",
        "line 4, column 1: row 3: 6 cells expected, as there are names of columns; got 3",
        "line 4, column 1: row 3.opc: missing: opc, or op, as 32 hex digits expected",
        "line 5, column 1: row 4.imsi: digits expected, but a spreadsheet has rounded them: format the column as text there",
        "line 5, column 47: row 4.opc: write the digits without 0x",
        "line 7, column 1: row 6.imsi: 901280000000006@ims.mnc028.mcc901.3gppnetwork.org is there already, in line 6: keep one of them",
        "line 7, column 85: row 6.amf: AMF: 2 octets (4 hex digits) expected, got 1 octets",
        "line 8, column 1: row 7.mnc_length: missing: 2 or 3 expected",
        "line 8, column 1: row 7.k: missing: the subscriber's key as 32 hex digits expected",
        "line 8, column 1: row 7.opc: missing: opc, or op",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for expected in expected {
        assert!(
            told.iter().any(|t| t.starts_with(expected)),
            "{expected}\n{told:#?}"
        );
    }
}

#[test]
fn every_mistake_of_our_own_file_is_told() {
    let text = format!(
        "productoin = true\n[[subscriber]]\nimsi = \"imsi-901280000000001\"\nk = \"{K}\"\nopc = 5\nlifetim = 3\n\
         [[subscriber.uss]]\nid = \"a\"\ntype = 1\n[[subscriber.uss]]\nid = \"1\"\n\
         [[subscriber]]\nimpi = \"a@b.c\"\nk = \"{K}\"\nopc = \"{OPC}\"\nind_bits = 2\nind = 9\n\
         [[subscriber]]\nimpi = \"a@b.c\"\nk = \"{K}\"\nopc = \"{OPC}\"\nlifetime = 0\n"
    );
    let import = import(&text);
    let lines: Vec<_> = import
        .mistakes
        .iter()
        .map(|m| (m.place.line, m.key.as_str()))
        .collect();
    for expected in [
        (1, "this key"),
        (3, "subscriber[1].imsi"),
        (5, "subscriber[1].opc"),
        (6, "subscriber[1].this key"),
        (8, "subscriber[1].uss[1].id"),
        (10, "subscriber[1].uss[2].type"),
        (17, "subscriber[2].ind"),
        (22, "subscriber[3].lifetime"),
    ] {
        assert!(lines.contains(&expected), "{expected:?} {lines:?}");
    }
    assert!(mistake("x = [").3.contains("not TOML"));
}

#[test]
fn what_a_table_cannot_hold_is_not_dropped() {
    let example = super::super::EXAMPLE
        .replace("@keys/1.k", K)
        .replace("env:OPC", OPC);
    let import = good(&example);
    let e = import.to_csv().err().unwrap();
    assert!(
        e.key == "subscriber[1].guss_changed" || e.key == "subscriber[1].uss",
        "{e}"
    );
}

#[test]
fn files_that_are_something_else_are_told() {
    for (text, says) in [
        ("", "at least one"),
        ("hello\n", "names of the columns"),
        ("[]", "JSON with a field"),
        ("{\"a\":1}", "JSON with a field security"),
        ("imsi,k,opc\n", "at least one"),
        (
            "901280000000001,465b5ce8b199b49faa5f0a2ee238a6bc\n",
            "names of the columns",
        ),
        ("imsi,k,k\n1,2,3\n", "second column for k"),
        ("imsi,k,opk\n1,2,3\n", "known are imsi"),
        ("imsi,k,\"opc\n1,2,3\n", "never closed"),
        ("[{\"security\": ObjectId(\"1\")}]", "mongoexport"),
        ("[{\"security\": 5}]", "an object"),
        ("[hss]\nlisten = \"127.0.0.1:1\"\n", "gba config check"),
        ("[{\"security\": {}}, 5]", "an object in braces"),
    ] {
        let told = format!("{:?}", import(text).mistakes);
        assert!(told.contains(says), "{text}: {told}");
    }
    let sheet = format!("901280000000001,{K},{OPC}\n");
    let forced = read(
        &sheet,
        &Options {
            form: Some(Form::Csv),
            ..Options::default()
        },
        &mut OnlyHex,
    );
    assert!(forced.mistakes[0].what.contains("put a line such as imsi,k,opc"));
    let huge = format!("imsi,k,opc\n{}", " ".repeat(MAX_FILE));
    assert!(import(&huge).mistakes[0].what.contains("at most 32 MiB"));
    let many = format!("imsi,k,opc\n{}", "1\n".repeat(5000));
    assert_eq!(import(&many).mistakes.len(), MAX_MISTAKES);
    let deep = format!("{{\"security\": {}", "[".repeat(200_000));
    assert!(!import(&deep).mistakes.is_empty());
}

#[test]
fn references_are_for_our_own_forms_only() {
    let ours = format!("imsi,mnc_length,k,opc\n901280000000001,2,@no/such,{OPC}\n");
    assert!(mistake(&ours).3.contains("can't be used here"));
    let theirs = format!("IMSI,ICCID,Ki,OPC\n901280000000001,1,@no/such,{OPC}\n");
    assert!(mistake(&theirs).3.contains("no references"));
}

/// True if the text holds eight digits of a key of the text in a row.
fn leaks(shown: &str, text: &str) -> bool {
    let shown = shown.to_ascii_lowercase();
    let mut words = text.split(|c: char| !c.is_ascii_hexdigit());
    words
        .any(|w| w.len() >= 30 && (0..w.len() - 8).any(|n| shown.contains(&w[n..n + 8].to_ascii_lowercase())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A file with something cut out, put in or moved: read or refused, and nothing that is said shows a key.
    #[test]
    fn ruling_05_no_mistake_and_no_note_shows_a_key(
        which in 0usize..6,
        cut in 0usize..1500,
        length in 0usize..60,
        put in prop_oneof![
            Just(String::new()), Just(",".to_owned()), Just("\"".to_owned()), Just("\n".to_owned()),
            Just(K.to_owned()), Just(format!("@{K}")), Just(format!("\"{K}\"")), Just("{[".to_owned()),
            "[\\PC\n]{0,12}",
        ],
    ) {
        let mut characters: Vec<char> = ALL[which].chars().collect();
        let cut = cut.min(characters.len());
        let end = (cut + length).min(characters.len());
        characters.splice(cut..end, put.chars());
        let text: String = characters.into_iter().collect();
        for form in [None, Some(Form::Csv), Some(Form::Sysmocom), Some(Form::Pyhss), Some(Form::Open5gs), Some(Form::Toml)] {
            let import = read(&text, &Options { form, ..Options::default() }, &mut OnlyHex);
            let told = format!("{:?} {:?}", import.mistakes, import.notes);
            prop_assert!(!leaks(&told, &text), "{}", told);
            if import.mistakes.is_empty() {
                prop_assert_eq!(load(&import).len(), import.rows);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[\\PC\n\t\"]{0,200}") {
        for (form, _) in Form::ALL {
            let import = read(&text, &Options { form: Some(form), ..Options::default() }, &mut OnlyHex);
            prop_assert!(!import.mistakes.is_empty());
        }
        let _ = import(&text);
    }
}
