//! The vectors that come with the program.

use std::collections::BTreeMap;

use vectors::{Filter, MANIFEST, embedded, run};

/// Families that the product implements whole, and kinds of `tlv_apdu`.
const OWNED: &[&str] = &[
    "milenage",
    "auts",
    "sqn_sequences",
    "kdf",
    "gba_ids",
    "gba_u_mac",
    "gba_flow",
    "digest",
    "diameter",
    "tuak",
    "xor3g",
    "gsm",
];
const OWNED_KINDS: &[&str] = &[
    "authenticate",
    "gba_naf_derivation",
    "EF_GBABP",
    "EF_GBANL",
    "ber_tlv",
    "ber_tlv_error",
    "fcp",
];

//= TS33.102-6.8.1.2-r1
//= TS33.102-6.8.2.3-r1
//= TS35.206-4.1-r1
//= TS35.206-4.1-r2
//= TS35.208-4-r1
//= TS35.231-6-r1
//= TS35.231-6-r2
//= TS35.233-4-r1
//= TS34.108-8.1.2-r1
//= TS55.205-4-r1
//= TS33.220-B.2-r1
//= TS33.220-B.3-r1
//= TS33.220-B.4-r1
//= TS33.220-B.5-r1
//= TS33.220-I-r1
//= RFC7616-3.3-r2
#[test]
fn owned_families_pass_with_every_field_looked_at() {
    let filter = Filter {
        families: OWNED.iter().map(ToString::to_string).collect(),
        known_only: false,
    };
    let report = run(&embedded().unwrap(), &filter);
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(report.unread.is_empty(), "{:#?}", report.unread);
    assert!(report.is_success());
    // A result that is lost from a vector would only not be compared.
    assert_eq!(
        report.comparisons(),
        3956,
        "values of the vectors that come with the program"
    );
    for row in &report.rows {
        assert!(row.comparisons >= u64::try_from(row.passed).unwrap(), "{row:?}");
        assert!(!row.clause.is_empty(), "{row:?}");
    }
}

#[test]
fn owned_kinds_of_tlv_apdu_pass_and_the_others_have_no_checker() {
    let report = run(&embedded().unwrap(), &Filter::family("tlv_apdu"));
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(report.unread.is_empty(), "{:#?}", report.unread);
    for row in &report.rows {
        let owned = OWNED_KINDS.contains(&row.kind.as_str());
        assert_eq!(row.no_checker == 0, owned, "{row:?}");
    }
    assert!(!report.is_success(), "a kind without a checker is a failure");
    let lenient = Filter {
        known_only: true,
        ..Filter::family("tlv_apdu")
    };
    assert!(run(&embedded().unwrap(), &lenient).is_success());
}

#[test]
fn none_is_lost() {
    let manifest: toml::Table = MANIFEST.parse().unwrap();
    let listed: BTreeMap<&str, &toml::Value> = manifest["file"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["name"].as_str().unwrap(), f))
        .collect();
    let files = embedded().unwrap();
    assert_eq!(files.len(), listed.len());
    for file in &files {
        let entry = listed[file.name.as_str()];
        let mut kinds: BTreeMap<String, i64> = BTreeMap::new();
        for v in &file.vectors {
            *kinds.entry(format!("{}/{}", v.family, v.kind)).or_default() += 1;
        }
        let wanted: BTreeMap<String, i64> = entry["kinds"]
            .as_table()
            .unwrap()
            .iter()
            .map(|(k, n)| (k.clone(), n.as_integer().unwrap()))
            .collect();
        assert_eq!(kinds, wanted, "{}", file.name);
        let count = i64::try_from(file.vectors.len()).unwrap();
        assert_eq!(entry["count"].as_integer(), Some(count), "{}", file.name);
    }
    // Every JSON file beside the manifest is embedded.
    let folder = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let on_disk = folder
        .filter_map(|e| e.unwrap().file_name().into_string().ok())
        .filter(|n| n.ends_with(".json"))
        .count();
    assert_eq!(on_disk, files.len());
}

#[test]
fn ids_are_unique_within_a_file() {
    for file in embedded().unwrap() {
        let mut ids: Vec<&str> = file.vectors.iter().map(|v| v.id.as_str()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", file.name);
    }
}

/// The claims of `README.md` about where the values come from.
#[test]
fn the_readme_counts_what_is_published_and_what_is_not() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for vector in embedded().unwrap().iter().flat_map(|f| &f.vectors) {
        let confidence = vector.confidence.as_deref().unwrap();
        let has = |words: &str| confidence.contains(words);
        let class = match () {
            () if confidence.starts_with("published; recomputed by ") => "published",
            () if has("recomputed by 2 ") || has("recomputed by 3 ") => "two or three",
            () if has("recomputed by 1 ") => "one",
            () if has("own encoder") => "own encoder",
            () if has("one validator") => "one validator",
            () if has("computed once, formula unconfirmed") => "once",
            () => panic!("{}: {confidence}", vector.id),
        };
        *counts.entry(class).or_default() += 1;
    }
    let readme = include_str!("../README.md");
    let of = |class: &str| counts[class];
    for words in [
        format!("{} vectors, all of them", counts.values().sum::<usize>()),
        format!("- {} are published", of("published")),
        format!("- {} were recomputed by two or three", of("two or three")),
        format!("and {} by one;", of("one")),
        format!("- {} are Diameter messages of our own encoder", of("own encoder")),
        format!("{} are malformed ones", of("one validator")),
        format!("- {} were computed once", of("once")),
    ] {
        assert!(readme.contains(&words), "no {words:?} in README.md");
    }
    let front = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let all = counts.values().sum::<usize>();
    let words = format!("{all} test vectors, {} of them published", of("published"));
    assert!(front.contains(&words), "no {words:?} in the front page");
}

/// By the specification that publishes them, each with how many of its sets could be read anywhere.
//= TS35.208-4-r1
//= TS35.233-4-r1
//= TS34.108-8.1.2-r1
//= TS55.205-4-r1
#[test]
fn the_published_sets_of_35_208_35_233_34_108_and_55_205_pass() {
    let all = embedded().unwrap();
    for (specification, file, family, sets) in [
        ("TS 35.208", "milenage", "milenage", 14),
        ("TS 35.232 and 35.233", "tuak", "tuak", 4),
        ("TS 35.232, Keccak", "tuak", "keccak", 4),
        ("TS 34.108", "xor3g", "xor", 1),
        ("TS 55.205", "gsm", "gsm_milenage", 12),
    ] {
        let report = run(&all, &Filter::family(file));
        let published = report
            .rows
            .iter()
            .find(|row| row.family == family && row.kind == "published");
        let row = published.unwrap_or_else(|| panic!("{specification}: no sets in {:?}", report.rows));
        assert_eq!(
            (row.passed, row.failed, row.no_checker),
            (sets, 0, 0),
            "{specification}"
        );
    }
}
