//! A BSF whose sessions stand in a file, its laboratory modes as a NAF sees them, and a page fetched with a key at hand.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Element, Said, folder, program, said};

/// The key that the example gives `naf.m2m.example` for HTTP digest under the second B-TID.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const BTID: &str = "a-device@bsf.mnc001.mcc001.pub.3gppnetwork.org";
/// The example's Ks, RAND and IMPI, and `naf.m2m.example` with 0100000002, by Python's hmac.
const DERIVED: &str = "31c6cf84334899c7e26e8d440f62d05404634e86b2c647d959d0a82950415fb2";
const DERIVED_BTID: &str = "I1U8vpY3qJ0hiuZNrke/NQ==@bsf.mnc001.mcc001.pub.3gppnetwork.org";

/// A NAF of ours beside a static BSF.
struct Pair {
    folder: tempfile::TempDir,
    bsf: Element,
    naf: Element,
    page: String,
    tls: String,
}

fn example(folder: &Path) {
    let example = said(program(folder).args(["bsf", "static-example"]));
    assert_eq!((example.status, example.err.as_str()), (0, ""));
    std::fs::write(folder.join("static.toml"), example.out).unwrap();
}

impl Pair {
    fn start(more: &[&str]) -> Self {
        let folder = folder();
        example(folder.path());
        let mut bsf = program(folder.path());
        bsf.args([
            "bsf",
            "serve",
            "--static",
            "static.toml",
            "--listen-zn",
            "127.0.0.1:0",
        ]);
        let mut bsf = Element::start(bsf.args(more));
        let zn = bsf.wait("bsf: Zn on ");
        let mut naf = program(folder.path());
        naf.args([
            "naf",
            "serve",
            "--bsf",
            &zn,
            "--listen",
            "127.0.0.1:0",
            "--listen-tls",
            "127.0.0.1:0",
        ]);
        let mut naf = Element::start(&mut naf);
        let (page, tls) = (naf.wait("naf: HTTP digest on "), naf.wait("naf: TLS-PSK on "));
        naf.wait("naf: Zn to ");
        let at = |scheme, address: &str| {
            format!(
                "{scheme}://naf.m2m.example:{}/x",
                address.rsplit(':').next().unwrap()
            )
        };
        Self {
            page: at("http", &page),
            tls: at("https", &tls),
            folder,
            bsf,
            naf,
        }
    }

    /// A page with that B-TID and key.
    fn get(&self, btid: &str, key: &str) -> Said {
        said(
            program(self.folder.path())
                .args(["ue", "get", &self.page, "--btid", btid, "--ks-naf", "env:KS_NAF"])
                .env("KS_NAF", key),
        )
    }

    fn stop(mut self) {
        assert_eq!(self.naf.end("TERM").code(), Some(0));
        assert_eq!(self.bsf.end("TERM").code(), Some(0));
    }
}

#[test]
fn a_naf_gets_given_and_derived_keys_without_hss_and_ue() {
    let pair = Pair::start(&[]);
    for (btid, key) in [(BTID, KEY), (DERIVED_BTID, DERIVED)] {
        let page = pair.get(btid, key);
        assert_eq!(page.status, 0, "{}", page.err);
        assert!(
            page.out.contains(btid) && page.out.contains("Ua id 0100000002"),
            "{}",
            page.out
        );
        // Ruling 22: the configuration doesn't let this NAF know who it is.
        assert!(!page.out.contains("IMPI"), "{}", page.out);
    }
    // Another key is refused, and what to do is said.
    let wrong = pair.get(BTID, &KEY.replace("1f", "1e"));
    assert_eq!((wrong.status, wrong.out.as_str()), (1, ""));
    assert!(
        wrong.err.contains("refuses this B-TID with this key"),
        "{}",
        wrong.err
    );
    // A key of the file is for one protocol: this B-TID has none for TLS.
    let tls = said(
        program(pair.folder.path())
            .args([
                "ue",
                "get",
                "--tls-psk",
                &pair.tls,
                "--btid",
                BTID,
                "--ks-naf",
                "env:KS_NAF",
            ])
            .env("KS_NAF", KEY),
    );
    assert_eq!(tls.status, 1, "{}", tls.err);
    pair.stop();
}

#[test]
fn each_injection_is_what_the_naf_sees() {
    // 5403 and what is over: the device has to bootstrap. 5402: never. No answer: perhaps later.
    for (injection, status, words) in [
        ("5403", 1, "refuses this B-TID"),
        ("expired", 1, "refuses this B-TID"),
        ("key-flip", 1, "refuses this B-TID"),
        ("5402", 1, "HTTP 403"),
        ("5401", 1, "HTTP 503"),
        ("no-uss", 0, ""),
        ("slow=10ms", 0, ""),
        ("drop@another", 0, ""),
    ] {
        let mut pair = Pair::start(&["--inject", injection]);
        let told = format!("bsf: laboratory mode: answers on Zn are wrong on purpose (--inject {injection})");
        assert!(pair.bsf.seen.contains(&told), "{:?}", pair.bsf.seen);
        let page = pair.get(BTID, KEY);
        assert_eq!(page.status, status, "{injection}: {}", page.err);
        assert!(page.err.contains(words), "{injection}: {}", page.err);
        pair.bsf.wait("bsf: ready");
        pair.stop();
    }
}

#[test]
fn a_bsf_that_is_silent_or_too_slow_is_503_at_the_naf() {
    let silent = |injection: &'static str| {
        let pair = Pair::start(&["--inject", injection]);
        let page = pair.get(BTID, KEY);
        assert_eq!(page.status, 1, "{injection}: {}", page.err);
        assert!(page.err.contains("HTTP 503"), "{injection}: {}", page.err);
    };
    // Each waits for the NAF's own timer.
    std::thread::scope(|scope| {
        scope.spawn(|| silent("drop"));
        scope.spawn(|| silent("slow=30s"));
    });
}

/// python-diameter, which has its own codec and peer code, as a NAF that the file of rights doesn't know.
#[test]
fn a_python_naf_gets_key_settings_and_impi_of_a_laboratory() {
    let Some(python) = tests::peer::python("diameter", "python-diameter") else {
        return;
    };
    let folder = folder();
    example(folder.path());
    let mut bsf = program(folder.path());
    bsf.args([
        "bsf",
        "serve",
        "--static",
        "static.toml",
        "--listen-zn",
        "127.0.0.1:0",
        "--allow-any-naf",
    ]);
    bsf.args([
        "--name",
        "bsf.home.test",
        "--origin-realm",
        "home.test",
        "--inject",
        "key-flip@a-device",
    ]);
    let mut bsf = Element::start(&mut bsf);
    let zn = bsf.wait("bsf: Zn on ");
    let hex = |octets: &[u8]| json!({ "hex": base::hex::encode(octets) });
    let naf_id = [b"naf.m2m.example".as_slice(), &[1, 0, 0, 0, 2]].concat();
    let bir = |btid: &str, more: Option<Value>| {
        let mut avps = vec![
            json!([263, 0, { "text": "any.home.test;7;7" }]),
            json!([260, 0, [[266, 0, 10415], [258, 0, 16_777_220]]]),
            json!([277, 0, 1]),
            json!([264, 0, hex(b"any.home.test")]),
            json!([296, 0, hex(b"home.test")]),
            json!([283, 0, hex(b"home.test")]),
            json!([401, 10415, hex(btid.as_bytes())]),
            json!([402, 10415, hex(&naf_id)]),
        ];
        avps.extend(more);
        json!({ "command": 310, "avps": avps })
    };
    let service = json!([403, 10415, hex(b"1")]);
    let argument = json!({
        "port": zn.rsplit(':').next().unwrap().parse::<u16>().unwrap(),
        "us": "any.home.test",
        "them": "bsf.home.test",
        "application": 16_777_220,
        "requests": [bir(DERIVED_BTID, Some(service)), bir(BTID, None), bir("nobody@bsf.home.test", None)],
    });
    let script = tests::peer::root().join("tests/peers/diameter_ask.py");
    let mut ask = std::process::Command::new(python);
    let told = said(ask.arg("-B").arg(script).arg(argument.to_string()));
    let lines: Vec<Value> = told
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 4, "{}{}", told.out, told.err);
    let avp = |n: usize, code: &str| lines[n]["answer"]["avps"][code][0].clone();
    assert_eq!(avp(0, "405/10415"), DERIVED);
    let impi = base::hex::encode("001010123456789@ims.mnc001.mcc001.3gppnetwork.org");
    assert_eq!(avp(0, "1/0"), impi);
    assert!(
        avp(0, "400/10415")
            .as_str()
            .unwrap()
            .contains(&base::hex::encode("<uss "))
    );
    // Only the B-TID that the injection is for: its last bit differs.
    assert_eq!(avp(1, "405/10415"), KEY.replace("1e1f", "1e1e"));
    assert_eq!(avp(2, "297/0")["298/0"][0], format!("{:08x}", 5403));
    assert_eq!(bsf.end("TERM").code(), Some(0));
}

/// The program that docs/naf-developers.md gives NAF developers.
#[test]
fn the_python_of_the_documentation_gets_the_key() {
    let Some(python) = tests::peer::python("diameter", "python-diameter") else {
        return;
    };
    let page = std::fs::read_to_string(tests::peer::root().join("docs/naf-developers.md")).unwrap();
    let (_, code) = page.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let folder = folder();
    example(folder.path());
    let script = folder.path().join("bir.py");
    std::fs::write(&script, code).unwrap();
    let mut bsf = program(folder.path());
    bsf.args([
        "bsf",
        "serve",
        "--static",
        "static.toml",
        "--listen-zn",
        "127.0.0.1:0",
        "--allow-any-naf",
    ]);
    let mut bsf = Element::start(&mut bsf);
    let zn = bsf.wait("bsf: Zn on ");
    let mut ask = std::process::Command::new(python);
    let told = said(ask.arg("-B").arg(script).arg(zn.rsplit(':').next().unwrap()));
    assert!(told.out.contains("result 2001\n"), "{}{}", told.out, told.err);
    assert!(
        told.out.contains(&format!("Ks_NAF {KEY}\n")),
        "{}{}",
        told.out,
        told.err
    );
}

#[test]
fn production_takes_no_laboratory_mode_and_no_bare_key() {
    let folder = folder();
    example(folder.path());
    let serve = |more: &[&str]| {
        said(
            program(folder.path())
                .args(["bsf", "serve", "--static", "static.toml", "--production"])
                .args(more),
        )
    };
    for more in [&["--inject", "drop"][..], &["--allow-any-naf"]] {
        let refused = serve(more);
        assert_eq!(refused.status, 2);
        assert!(
            refused.err.contains("not allowed with production"),
            "{}",
            refused.err
        );
        assert!(refused.err.contains(more[0]), "{}", refused.err);
    }
    let bare = serve(&[]);
    assert_eq!(bare.status, 2);
    assert!(
        bare.err
            .contains("static.toml, line 9, column 6: session[1].ks: a bare key"),
        "{}",
        bare.err
    );
    assert!(!bare.err.contains("b40ba9a3"), "{}", bare.err);
    let twice = said(program(folder.path()).args(["bsf", "serve", "--inject", "5404"]));
    assert_eq!(twice.status, 2);
    assert!(twice.err.contains("slow=3s"), "{}", twice.err);
    // A B-TID without its key is a mistake of the command line.
    let alone = said(program(folder.path()).args(["ue", "get", "http://naf.m2m.example/", "--btid", BTID]));
    assert_eq!(alone.status, 2);
    assert!(alone.err.contains("--ks-naf"), "{}", alone.err);
}
