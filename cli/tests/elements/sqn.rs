//! The schemes of TS 33.102 annex C.3, chosen in the configuration of an HSS.

use std::{fs, path::Path};

use aka::Milenage;
use diameter::SessionIds;
use gba::zh::MultimediaAuthAnswer;

use crate::{
    Element,
    alone::key_of,
    folder,
    kill::{client, request, sqn_of},
    program, said,
};

/// Asks so many times; the SQNs that came, each with its IND and AMF.
fn vectors(zh: &str, milenage: &Milenage, count: usize) -> Vec<(u64, u64, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = client(zh);
        let ids = SessionIds::new("bsf.mnc001.mcc001.pub.3gppnetwork.org".parse().unwrap(), 1);
        let mut all = Vec::new();
        for _ in 0..count {
            let answer = client.request(request(&ids)).await.unwrap();
            let Ok(MultimediaAuthAnswer::Ok(ok)) = MultimediaAuthAnswer::parse(&answer) else {
                panic!("refused: {}", answer.summary());
            };
            let vector = &ok.vectors[0];
            let sqn = sqn_of(milenage, &vector.rand, &vector.autn);
            all.push((sqn >> 5, sqn & 31, vector.autn.amf().to_string()));
        }
        client.close().await;
        all
    })
}

fn hss(folder: &Path) -> (Element, String) {
    let mut hss = Element::start(program(folder).args(["hss", "serve", "--listen", "127.0.0.1:0"]));
    let zh = hss.wait("hss: Zh on ");
    hss.wait("hss: ready");
    (hss, zh)
}

/// Counter, then each clock, then the counter again over one file, with an HSS killed in between: always rising.
#[test]
fn each_scheme_gives_rising_numbers_over_one_file_and_its_clock_tells() {
    let folder = folder();
    let folder = folder.path();
    let milenage = Milenage::new(&key_of(folder, "k"), &key_of(folder, "opc"));
    let example = fs::read_to_string(folder.join("gba.toml")).unwrap();
    // A card takes a first number of at most Δ, which is 310 days in tenths of a second.
    let start = base::Utc(net::clock::now().utc.0 - 2_000_000);
    let write = |scheme: &str| {
        let other = format!("sqn.scheme = \"{scheme}\"\nsqn.start = \"{start}\"\nsqn.ind = \"4-6\"");
        let text = example.replace("sqn.scheme = \"counter\"", &other);
        assert_ne!(text, example);
        fs::write(
            folder.join("gba.toml"),
            text.replace("sqn.amf = \"0000\"", "sqn.amf = \"0123\""),
        )
        .unwrap();
    };
    let since = || u64::try_from(net::clock::now().utc.0 - start.0).unwrap();
    let mut last = 0;
    for scheme in ["counter", "partly-time", "time", "counter"] {
        write(scheme);
        let (mut hss, zh) = hss(folder);
        let begun = since();
        let all = vectors(&zh, &milenage, 100);
        let ended = since();
        for (seq, ind, amf) in &all {
            assert!(*seq > last, "{scheme}: {seq} after {last}");
            assert_eq!((*ind, amf.as_str()), (6, "0123"));
            last = *seq;
        }
        let first = all[0].0;
        match scheme {
            "partly-time" => assert!((begun..=ended).contains(&(first & 0xff_ffff)), "{first}"),
            "time" => assert!((10 * begun..=10 * ended + 9).contains(&first), "{first}"),
            _ => assert_eq!(last - first, 99),
        }
        hss.end("KILL");
    }
}

#[test]
fn a_scheme_is_checked_with_its_place_and_a_separation_bit_is_warned_of() {
    let folder = folder();
    let folder = folder.path();
    let example = fs::read_to_string(folder.join("gba.toml")).unwrap();
    let check = |from: &str, to: &str| {
        let text = example.replace(from, to);
        assert_ne!(text, example);
        fs::write(folder.join("other.toml"), text).unwrap();
        said(program(folder).args(["config", "check", "other.toml"]))
    };
    let scheme = "sqn.scheme = \"counter\"";
    for (to, part) in [
        (
            "sqn.scheme = \"clock\"",
            "hss.sqn.scheme: \"counter\", \"partly-time\" or \"time\" expected",
        ),
        ("sqn.scheme = \"time\"", "hss.sqn.start: missing"),
        (
            "sqn.ind = \"31-28\"",
            "hss.sqn.ind: two INDs such as \"28-31\", or one expected",
        ),
        ("sqn.ind = \"30-40\"", "hss.sqn.ind: 001010123456789@"),
    ] {
        let said = check(scheme, to);
        assert_eq!(said.status, 2, "{to}");
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    // Ruling 2.
    let amf = "sqn.amf = \"0000\"";
    let warned = check(amf, "sqn.amf = \"8000\"");
    assert_eq!(warned.status, 0, "{}", warned.err);
    assert!(
        warned.err.contains("warning:") && warned.err.contains("separation bit"),
        "{}",
        warned.err
    );
    fs::write(
        folder.join("other.toml"),
        example
            .replace(amf, "sqn.amf = \"8000\"")
            .replace("production = false", "production = true"),
    )
    .unwrap();
    let refused = said(program(folder).args(["config", "check", "other.toml"]));
    assert_eq!(refused.status, 2);
}
