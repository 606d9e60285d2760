//! The audit log: each key that leaves an element stands in it once, with whose it is, and no key does.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use aka::Rand;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use gba::ids::{Impi, NafId, UaId};
use serde_json::Value;
use tests::{canary::Canaries, scene::Sim};

use crate::{Element, LIMIT, Said, alone::key_of, folder, program, said};

const IMPI: &str = "001010123456789@ims.mnc001.mcc001.3gppnetwork.org";
const BSF: &str = "bsf.mnc001.mcc001.pub.3gppnetwork.org";
const NAF: &str = "naf.m2m.example";
const FREE: &str = "127.0.0.1:0";

/// HSS, BSF and NAF with what the example says, and its audit logs and operators' listeners.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) hss: Element,
    pub(crate) bsf: Element,
    pub(crate) naf: Element,
    pub(crate) ub: String,
    pub(crate) zn: String,
    pub(crate) digest: String,
    pub(crate) tls: String,
    /// Of HSS, BSF and NAF.
    pub(crate) ops: [String; 3],
}

impl Scene {
    pub(crate) fn start() -> Self {
        Self::with(&[], |_| {})
    }

    /// With arguments for each element; `change` may change the configuration and the BSF's command.
    fn with(arguments: &[&str], change: impl Fn(&mut Command)) -> Self {
        let folder = folder();
        let file = folder.path().join("gba.toml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace("# audit = ", "audit = ");
        let ports = ["19464", "19465", "19466"];
        let text = ports.iter().fold(text, |text, port| {
            let (off, on) = (
                format!("# ops.listen = \"127.0.0.1:{port}\""),
                format!("ops.listen = \"{FREE}\""),
            );
            assert!(text.contains(&off));
            text.replace(&off, &on)
        });
        fs::write(file, text).unwrap();
        let serve = |name: &str, listen: &[&str], change: &dyn Fn(&mut Command)| {
            let mut command = program(folder.path());
            command.args([name, "serve", "--log", "trace", "--log-format", "json"]);
            command.args(listen).args(arguments);
            command.stderr(fs::File::create(folder.path().join(format!("{name}.log"))).unwrap());
            change(&mut command);
            let mut element = Element::start(&mut command);
            let ops = element.wait(&format!("{name}: /livez, /readyz and /metrics on "));
            (element, ops)
        };
        let (mut hss, hss_ops) = serve("hss", &["--listen", FREE], &|_| {});
        let zh = hss.wait("hss: Zh on ");
        let listen = [
            "--listen-ub",
            FREE,
            "--listen-zn",
            FREE,
            "--hss",
            &zh,
            "--vectors-per-minute",
            "0",
        ];
        let (mut bsf, bsf_ops) = serve("bsf", &listen, &change);
        let (ub, zn) = (bsf.wait("bsf: Ub on "), bsf.wait("bsf: Zn on "));
        let (mut naf, naf_ops) = serve(
            "naf",
            &["--listen", FREE, "--listen-tls", FREE, "--bsf", &zn],
            &|_| {},
        );
        let (digest, tls) = (naf.wait("naf: HTTP digest on "), naf.wait("naf: TLS-PSK on "));
        bsf.wait("bsf: Zh to ");
        naf.wait("naf: Zn to ");
        let ops = [hss_ops, bsf_ops, naf_ops];
        Self {
            folder,
            hss,
            bsf,
            naf,
            ub,
            zn,
            digest,
            tls,
            ops,
        }
    }

    pub(crate) fn ue(&self, arguments: &[&str]) -> Said {
        ue(self.folder.path(), &self.ub, arguments)
    }

    /// The whole story: a bootstrapping, a page behind HTTP digest, one behind TLS-PSK.
    pub(crate) fn play(&self) -> String {
        let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
        let digest = format!("http://{NAF}:{}/hello", port(&self.digest));
        let tls = format!("https://{NAF}:{}/hello", port(&self.tls));
        let bootstrap = self.ue(&["bootstrap", "--json"]);
        for said in [
            &bootstrap,
            &self.ue(&["get", &digest]),
            &self.ue(&["get", "--tls-psk", &tls]),
        ] {
            assert_eq!(said.status, 0, "{}", said.err);
        }
        let object: Value = serde_json::from_str(&bootstrap.out).unwrap();
        object["btid"].as_str().unwrap().to_owned()
    }

    fn events(&self, element: &str) -> Vec<Value> {
        events(&self.folder.path().join(format!("{element}-audit.jsonl")))
    }

    /// The keys that nobody may find, of all bootstrappings that the BSF has recorded.
    pub(crate) fn canaries(&self) -> Canaries {
        let key = |name| *key_of(self.folder.path(), name).expose();
        let sim = Sim {
            k: key("k"),
            opc: key("opc"),
        };
        let mut canaries = Canaries::of(&sim);
        let impi: Impi = IMPI.parse().unwrap();
        let naf_id = |ua| NafId::new(NAF.parse().unwrap(), ua);
        let naf_ids = [naf_id(UaId::HTTP_DIGEST), naf_id(UaId::tls(0x00ae))];
        let mut bootstrapped = 0;
        for event in self
            .events("bsf")
            .iter()
            .filter(|e| e["event"] == "bootstrapping" && e["outcome"] == "done")
        {
            let (rand, _) = event["btid"].as_str().unwrap().split_once('@').unwrap();
            let rand: [u8; 16] = BASE64_STANDARD.decode(rand).unwrap().try_into().unwrap();
            canaries.add_run(&sim, &Rand::new(rand), &impi, &naf_ids);
            bootstrapped += 1;
        }
        assert!(bootstrapped > 0);
        canaries
    }
}

fn ue(folder: &Path, ub: &str, arguments: &[&str]) -> Said {
    said(program(folder).arg("ue").args(arguments).env("GBA_UE_BSF", ub))
}

/// Every line of an audit log: whole and a JSON object.
fn events(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let object = |line: &str| -> Value {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
        assert!(value.is_object(), "{line}");
        value
    };
    text.lines().map(object).collect()
}

/// How many there are of each kind and outcome.
fn counts(events: &[Value]) -> HashMap<(&str, &str), usize> {
    let mut counts = HashMap::new();
    for event in events {
        let of = (
            event["event"].as_str().unwrap(),
            event["outcome"].as_str().unwrap(),
        );
        *counts.entry(of).or_default() += 1;
    }
    counts
}

#[test]
fn each_vector_bootstrapping_key_and_session_is_recorded_once_and_no_key_is() {
    let scene = Scene::start();
    let btid = scene.play();
    let (hss, bsf, naf) = (scene.events("hss"), scene.events("bsf"), scene.events("naf"));
    assert_eq!(counts(&hss), [(("vector", "done"), 3)].into());
    assert_eq!(
        counts(&bsf),
        [(("bootstrapping", "done"), 3), (("key-delivery", "done"), 2)].into()
    );
    assert_eq!(counts(&naf), [(("session", "done"), 2)].into());

    for event in &hss {
        assert_eq!(event["element"], "hss.mnc001.mcc001.3gppnetwork.org");
        assert_eq!((&event["peer"], &event["impi"]), (&BSF.into(), &IMPI.into()));
        assert_eq!(event["imsi"], "001010123456789");
    }
    let first = &bsf[0];
    assert_eq!(
        (&first["event"], &first["btid"]),
        (&"bootstrapping".into(), &Value::from(btid))
    );
    for event in &bsf {
        assert_eq!((&event["element"], &event["impi"]), (&BSF.into(), &IMPI.into()));
        assert_eq!(event["imsi"], "001010123456789");
        let times = ["time", "bootstrapped", "key_expiry"].map(|name| event[name].as_str().unwrap());
        let times = times.map(|text| base::Utc::parse(text).unwrap().0);
        assert!(times[1] <= times[0] && times[2] == times[1] + 3600, "{event}");
        assert_eq!(event["key_lifetime"], times[2] - times[0]);
    }
    // Each key is that of a bootstrapping before it, and the NAF has used it.
    let given: Vec<_> = bsf.iter().filter(|e| e["event"] == "key-delivery").collect();
    for ((given, used), ua) in given.iter().zip(&naf).zip(["0100000002", "01000100ae"]) {
        for event in [*given, used] {
            assert_eq!((&event["naf"], &event["ua"]), (&NAF.into(), &ua.into()));
        }
        assert_eq!((&given["peer"], &used["element"]), (&NAF.into(), &NAF.into()));
        assert_eq!(
            (&given["btid"], &given["key_expiry"]),
            (&used["btid"], &used["key_expiry"])
        );
        assert!(
            bsf.iter()
                .any(|e| e["event"] == "bootstrapping" && e["btid"] == given["btid"])
        );
        // Ruling 22: this NAF may not know whose it is, so its log doesn't either.
        assert!(
            used["impi"].is_null() && used["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{used}"
        );
    }
    let canaries = scene.canaries();
    for element in ["hss", "bsf", "naf"] {
        let text = fs::read(scene.folder.path().join(format!("{element}-audit.jsonl"))).unwrap();
        assert_eq!(canaries.found_in(&text), Vec::<String>::new(), "{element}");
    }
}

#[test]
fn a_log_is_shown_to_people_and_in_parts_to_programs() {
    let scene = Scene::start();
    scene.play();
    let path = scene.folder.path().join("bsf-audit.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"time\":\"20");
    fs::write(&path, &text).unwrap();
    let show = |arguments: &[&str]| {
        let shown = said(
            program(scene.folder.path())
                .args(["audit", "show", "bsf-audit.jsonl"])
                .args(arguments),
        );
        assert_eq!(shown.status, 0, "{}", shown.err);
        assert!(shown.err.contains("line 6 isn't whole"), "{}", shown.err);
        shown.out
    };
    let all = show(&[]);
    assert_eq!(all.lines().count(), 6, "{all}");
    assert!(all.trim_start().starts_with("time "), "{all}");
    let keys: Vec<_> = all.lines().filter(|line| line.contains("key-delivery")).collect();
    assert!(
        keys.len() == 2 && keys[0].contains("001010123456789") && keys[0].ends_with("done"),
        "{all}"
    );
    let of_naf = show(&["--naf", NAF, "--json"]);
    let given: Vec<_> = text
        .lines()
        .filter(|line| line.contains("key-delivery"))
        .collect();
    assert_eq!(of_naf.lines().collect::<Vec<_>>(), given);
    assert_eq!(show(&["--imsi", "001010000000001", "--json"]), "");
    assert_eq!(show(&["--imsi", "001010000000001"]), "");
    let wrong = |arguments: &[&str], expected: &str| {
        let wrong = said(
            program(scene.folder.path())
                .args(["audit", "show"])
                .args(arguments),
        );
        assert!(wrong.status == 2 && wrong.err.contains(expected), "{}", wrong.err);
        assert!(wrong.err.lines().count() < 8, "{}", wrong.err);
    };
    wrong(&["gba.toml"], "gba.toml is no audit log");
    wrong(&["bsf-audit.jsonl", "--event", "keydelivery"], "key-delivery");
}

#[test]
fn refusals_are_recorded_with_their_reason() {
    let scene = Scene::start();
    // This NAF has no right to that name.
    let mut other = program(scene.folder.path());
    other.args([
        "naf",
        "serve",
        "--name",
        "other.m2m.example",
        "--listen",
        FREE,
        "--listen-tls",
        FREE,
    ]);
    other.args(["--bsf", &scene.zn, "--audit", "other.jsonl"]);
    let mut other = Element::start(&mut other);
    let digest = other.wait("naf: HTTP digest on ");
    other.wait("naf: Zn to ");
    let url = format!("http://other.m2m.example:{}/", digest.rsplit(':').next().unwrap());
    let refused = scene.ue(&["get", &url, "--hosts", "other.m2m.example=127.0.0.1"]);
    assert_eq!(refused.status, 1, "{}", refused.err);
    let bsf = scene.events("bsf");
    let asked: Vec<_> = bsf.iter().filter(|e| e["event"] == "key-delivery").collect();
    assert_eq!(asked.len(), 1, "{bsf:?}");
    assert_eq!(
        (&asked[0]["outcome"], &asked[0]["code"]),
        (&"refused".into(), &5402.into())
    );
    assert_eq!(
        (&asked[0]["peer"], &asked[0]["naf"]),
        (&NAF.into(), &"other.m2m.example".into())
    );
    assert!(
        asked[0]["reason"]
            .as_str()
            .unwrap()
            .contains("may not have a key"),
        "{asked:?}"
    );
    assert!(asked[0]["key_expiry"].is_null(), "{asked:?}");
    let sessions = events(&scene.folder.path().join("other.jsonl"));
    assert_eq!(counts(&sessions), [(("session", "refused"), 1)].into());
    assert_eq!(
        (&sessions[0]["code"], &sessions[0]["btid"]),
        (&403.into(), &asked[0]["btid"])
    );

    // A subscriber that nobody knows, and a card with another K.
    let unknown = scene.ue(&["bootstrap", "--imsi", "001010000000001"]);
    assert_eq!(unknown.status, 1, "{}", unknown.err);
    let other_k = scene.ue(&["bootstrap", "--k", "00112233445566778899aabbccddeeff"]);
    assert_eq!(other_k.status, 1, "{}", other_k.err);
    let (hss, bsf) = (scene.events("hss"), scene.events("bsf"));
    let last = hss.iter().rev().find(|e| e["outcome"] == "refused").unwrap();
    assert_eq!(
        (&last["code"], &last["imsi"]),
        (&5401.into(), &"001010000000001".into())
    );
    let refused: Vec<_> = bsf
        .iter()
        .filter(|e| e["event"] == "bootstrapping" && e["outcome"] == "refused")
        .collect();
    assert_eq!(refused.len(), 2, "{bsf:?}");
    assert_eq!(
        (&refused[0]["code"], &refused[0]["imsi"]),
        (&403.into(), &"001010000000001".into())
    );
    assert_eq!(
        (&refused[1]["reason"], &refused[1]["impi"]),
        (&"the card refused the MAC".into(), &IMPI.into())
    );
}

#[test]
fn what_was_answered_before_kill_9_is_in_the_file() {
    let mut scene = Scene::start();
    let done = scene.ue(&["bootstrap", "--json"]);
    scene.bsf.end("KILL");
    scene.hss.end("KILL");
    assert_eq!(done.status, 0, "{}", done.err);
    let btid: Value = serde_json::from_str(&done.out).unwrap();
    let bsf = scene.events("bsf");
    assert_eq!((bsf.len(), &bsf[0]["btid"]), (1, &btid["btid"]));
    assert_eq!(counts(&scene.events("hss")), [(("vector", "done"), 1)].into());
}

#[test]
fn elements_that_share_a_file_do_not_mix_their_lines() {
    const DEVICES: usize = 24;
    let scene = Scene::with(&["--audit", "all.jsonl"], |_| {});
    let (folder, ub) = (scene.folder.path(), scene.ub.as_str());
    let done = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..DEVICES {
            threads.spawn(|| match ue(folder, ub, &["bootstrap"]).status {
                0 => done.fetch_add(1, Ordering::Relaxed),
                // They are one subscriber at one address, and may spoil each other's run.
                _ => 0,
            });
        }
    });
    let (all, done) = (events(&folder.join("all.jsonl")), done.into_inner());
    let counts = counts(&all);
    assert!(done > 0 && counts[&("vector", "done")] >= done, "{counts:?}");
    assert_eq!(counts[&("bootstrapping", "done")], done);
}

#[test]
fn a_file_that_is_moved_away_is_followed_by_a_new_one() {
    let scene = Scene::start();
    let path = scene.folder.path().join("bsf-audit.jsonl");
    for (signal, old) in [("USR1", "old"), ("HUP", "older")] {
        assert_eq!(scene.ue(&["bootstrap"]).status, 0);
        let moved = scene.folder.path().join(old);
        fs::rename(&path, &moved).unwrap();
        scene.bsf.signal(signal);
        let begun = Instant::now();
        while !path.exists() {
            assert!(begun.elapsed() < LIMIT, "{signal}: not opened anew");
            std::thread::yield_now();
        }
        assert_eq!(events(&moved).len(), 1, "{signal}");
    }
    assert_eq!(scene.ue(&["bootstrap"]).status, 0);
    assert_eq!(scene.events("bsf").len(), 1);
}

/// A disk that is full, as far as one process can tell: no file may grow.
fn full(command: &mut Command) {
    let gba = command.get_program().to_owned();
    let arguments: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let folder = command.get_current_dir().unwrap().to_owned();
    let log = fs::File::create(folder.join("full.log")).unwrap();
    let environment: Vec<_> = command
        .get_envs()
        .map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned)))
        .collect();
    *command = Command::new("sh");
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\" 2>/dev/null"]);
    command.arg(gba).args(arguments).current_dir(folder).stderr(log);
}

#[test]
fn on_a_full_disk_no_key_leaves_unless_the_operator_says_so() {
    let scene = Scene::with(&[], full);
    let refused = scene.ue(&["bootstrap"]);
    assert_ne!(refused.status, 0, "{}", refused.out);
    assert!(refused.err.contains("503"), "{}", refused.err);
    assert_eq!(counts(&scene.events("hss")), [(("vector", "done"), 1)].into());
    drop(scene);
    let scene = Scene::with(&["--audit-failure", "go-on"], full);
    assert_eq!(scene.ue(&["bootstrap"]).status, 0);
    assert!(scene.events("bsf").is_empty());
}

#[test]
fn gba_up_records_for_all_its_elements() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Element::start(program(folder.path()).args(["up", "--audit", "audit.jsonl"]));
    up.wait("up: ready");
    let commands: Vec<_> = up
        .seen
        .iter()
        .filter_map(|l| l.strip_prefix("  gba "))
        .map(str::to_owned)
        .collect();
    for command in &commands {
        let line = format!("{} {command}", env!("CARGO_BIN_EXE_gba"));
        let said = said(Command::new("sh").current_dir(folder.path()).args(["-c", &line]));
        assert_eq!(said.status, 0, "{line}\n{}", said.err);
    }
    assert_eq!(up.end("INT").code(), Some(0));
    let expected = [
        (("vector", "done"), 3),
        (("bootstrapping", "done"), 3),
        (("key-delivery", "done"), 2),
        (("session", "done"), 2),
    ];
    assert_eq!(
        counts(&events(&folder.path().join("audit.jsonl"))),
        expected.into()
    );
}
