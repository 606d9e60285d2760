//! What the machine must have: how to see that it is missing, what it is for, and its package's name on each
//! family of systems. As root on Debian and its relatives it is installed; elsewhere the exact line is printed.

use std::{path::Path, process::Command};

use crate::run::{Failure, program, read, shown, succeeds, which};

/// Families of systems by their package manager.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Debian,
    Fedora,
    Arch,
    Alpine,
    Suse,
    MacOs,
}

const FAMILIES: [Family; 6] = [
    Family::Debian,
    Family::Fedora,
    Family::Arch,
    Family::Alpine,
    Family::Suse,
    Family::MacOs,
];

impl Family {
    /// By /etc/os-release (`ID`, `ID_LIKE`), or macOS.
    fn here() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return Some(Self::MacOs);
        }
        Self::from_os_release(&std::fs::read_to_string("/etc/os-release").ok()?)
    }

    fn from_os_release(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(k, _)| *k == key)
                .map(|(_, v)| v.trim_matches('"'))
        };
        let names = [value("ID"), value("ID_LIKE")]
            .into_iter()
            .flatten()
            .flat_map(str::split_whitespace);
        names.into_iter().find_map(|name| match name {
            "debian" | "ubuntu" => Some(Self::Debian),
            "fedora" | "rhel" | "centos" => Some(Self::Fedora),
            "arch" | "archlinux" => Some(Self::Arch),
            "alpine" => Some(Self::Alpine),
            "suse" | "opensuse" | "sles" => Some(Self::Suse),
            other if other.starts_with("opensuse") => Some(Self::Suse),
            _ => None,
        })
    }

    fn install(self) -> &'static str {
        match self {
            Self::Debian => "apt-get install --no-install-recommends -y",
            Self::Fedora => "dnf install -y",
            Self::Arch => "pacman -S --needed --noconfirm",
            Self::Alpine => "apk add",
            Self::Suse => "zypper install -y",
            Self::MacOs => "brew install",
        }
    }
}

/// One thing the machine must have.
struct Need {
    what: &'static str,
    why: &'static str,
    present: fn() -> bool,
    /// Package by family, in the order of [`FAMILIES`]; "" where that system has none.
    packages: [&'static str; 6],
}

/// To build and run `gba`.
const BUILD: &[Need] = &[
    Need {
        what: "C compiler",
        why: "links every Rust program",
        present: || ["cc", "gcc", "clang"].iter().any(|name| which(name).is_some()),
        packages: ["gcc libc6-dev", "gcc", "gcc", "build-base", "gcc", "llvm"],
    },
    Need {
        what: "pkg-config",
        why: "tells the build where OpenSSL is",
        present: || which("pkg-config").is_some() || which("pkgconf").is_some(),
        packages: [
            "pkg-config",
            "pkgconf-pkg-config",
            "pkgconf",
            "pkgconf",
            "pkg-config",
            "pkgconf",
        ],
    },
    Need {
        what: "OpenSSL headers",
        why: "TLS with pre-shared keys between the device and the servers",
        present: openssl_headers,
        packages: [
            "libssl-dev",
            "openssl-devel",
            "openssl",
            "openssl-dev",
            "libopenssl-devel",
            "openssl@3",
        ],
    },
];

/// To build `gba` with its default feature `pcsc`, as the tests do; the demo does without where this is missing.
const READERS: &[Need] = &[Need {
    what: "PC/SC library",
    why: "reaches cards in readers",
    present: pcsc_library,
    packages: [
        "libpcsclite-dev",
        "pcsc-lite-devel",
        "pcsclite",
        "pcsc-lite-dev",
        "pcsc-lite-devel",
        // A part of the system.
        "",
    ],
}];

/// To run the whole test suite with the peers nobody here wrote.
const PEERS: &[Need] = &[
    Need {
        what: "C++ compiler",
        why: "builds the fuzzing engine",
        present: || ["c++", "g++", "clang++"].iter().any(|name| which(name).is_some()),
        packages: ["g++", "gcc-c++", "gcc", "build-base", "gcc-c++", "llvm"],
    },
    Need {
        what: "openssl",
        why: "its s_client shakes hands with our TLS-PSK server",
        present: || which("openssl").is_some(),
        packages: ["openssl", "openssl", "openssl", "openssl", "openssl", "openssl@3"],
    },
    Need {
        what: "curl",
        why: "its --digest logs in at our NAF with B-TID and Ks_NAF",
        present: || which("curl").is_some(),
        packages: ["curl", "curl", "curl", "curl", "curl", "curl"],
    },
    Need {
        what: "osmo-auc-gen",
        why: "second opinion on Milenage vectors and resynchronisation",
        present: || which("osmo-auc-gen").is_some(),
        packages: [
            "libosmocore-utils",
            "libosmocore-utils",
            "",
            "",
            "libosmocore-utils",
            "",
        ],
    },
    Need {
        what: "tshark and editcap",
        why: "reads the capture of a demo and judges every packet",
        present: || which("tshark").is_some() && which("editcap").is_some(),
        packages: [
            "tshark wireshark-common",
            "wireshark-cli",
            "wireshark-cli",
            "tshark wireshark-common",
            "wireshark",
            "wireshark",
        ],
    },
    Need {
        what: "freeDiameter",
        why: "a Diameter peer and relay with its own TLS, between our BSF and our HSS",
        present: || which("freeDiameterd").is_some(),
        packages: ["freediameterd freediameter-extensions", "", "", "", "", ""],
    },
    Need {
        what: "unshare and ip",
        why: "give freeDiameter, which listens on every address, a network of its own",
        present: || cfg!(target_os = "macos") || (which("unshare").is_some() && which("ip").is_some()),
        packages: [
            "util-linux iproute2",
            "util-linux iproute",
            "util-linux iproute2",
            "util-linux iproute2",
            "util-linux iproute2",
            "",
        ],
    },
    Need {
        what: "pcscd and its virtual reader",
        why: "put the software card where every program looks for cards",
        present: || which("pcscd").is_some() && Path::new(VPCD).exists(),
        packages: ["pcscd vsmartcard-vpcd", "", "", "", "", ""],
    },
    Need {
        what: "opensc-tool and pcsc_scan",
        why: "read the software card and its ATR",
        present: || which("opensc-tool").is_some() && which("pcsc_scan").is_some(),
        packages: [
            "opensc pcsc-tools",
            "opensc pcsc-tools",
            "opensc pcsc-tools",
            "opensc pcsc-tools",
            "opensc pcsc-tools",
            "opensc",
        ],
    },
    Need {
        what: "hostapd",
        why: "asks our HSS for vectors, as an access point does",
        present: || which("hostapd").is_some(),
        packages: ["hostapd", "hostapd", "hostapd", "hostapd", "hostapd", ""],
    },
    Need {
        what: "wpa_supplicant and eapol_test",
        why: "do EAP-AKA and EAP-AKA' with the software card, as a device does",
        present: || which("wpa_supplicant").is_some() && which("eapol_test").is_some(),
        packages: ["wpasupplicant eapoltest", "", "", "", "", ""],
    },
    Need {
        what: "swig",
        why: "builds pyscard, whose scripts drive the software card",
        present: || which("swig").is_some(),
        packages: ["swig", "swig", "swig", "swig", "swig", "swig"],
    },
    Need {
        what: "Python's headers",
        why: "build pyscard",
        present: python_headers,
        packages: [
            "python3-dev",
            "python3-devel",
            "python",
            "python3-dev",
            "python3-devel",
            "python",
        ],
    },
    Need {
        what: "valgrind",
        why: "counts the instructions of one authentication vector",
        present: || which("valgrind").is_some(),
        packages: ["valgrind", "valgrind", "valgrind", "valgrind", "valgrind", ""],
    },
    Need {
        what: "Python 3 with venv",
        why: "runs python-diameter and requests as peers",
        present: || {
            which("python3").is_some() && succeeds(&mut program("python3", ["-c", "import venv, ensurepip"]))
        },
        packages: [
            "python3 python3-venv",
            "python3",
            "python",
            "python3",
            "python3",
            "python",
        ],
    },
];

/// The driver of the virtual reader.
const VPCD: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";

fn python_headers() -> bool {
    let script = "import os, sysconfig; open(os.path.join(sysconfig.get_path('include'), 'Python.h'))";
    succeeds(&mut program("python3", ["-c", script]))
}

/// OpenSSL 1.1.1 brought what the TLS code asks for.
fn openssl_headers() -> bool {
    std::env::var_os("OPENSSL_DIR").is_some()
        || ["pkg-config", "pkgconf"]
            .iter()
            .any(|tool| succeeds(&mut program(tool, ["--atleast-version=1.1.1", "openssl"])))
        || (cfg!(target_os = "macos")
            && succeeds(&mut program("brew", ["--prefix", "--installed", "openssl@3"])))
}

/// Whether `gba` can be linked with the library of card readers: as its build asks.
pub(crate) fn pcsc_library() -> bool {
    cfg!(any(target_os = "macos", target_os = "windows"))
        || std::env::var_os("PCSC_LIB_DIR").is_some()
        || ["pkg-config", "pkgconf"]
            .iter()
            .any(|tool| succeeds(&mut program(tool, ["--exists", "libpcsclite"])))
}

/// Makes sure that `gba` can be built and run.
pub(crate) fn ensure_build() -> Result<(), Failure> {
    ensure(&[BUILD], false)
}

/// Makes sure that everything can be built with its default features.
pub(crate) fn ensure_whole_build() -> Result<(), Failure> {
    ensure(&[BUILD, READERS], false)
}

/// Makes sure that the whole suite can run.
pub(crate) fn ensure_peers() -> Result<(), Failure> {
    ensure(&[BUILD, READERS, PEERS], false)
}

/// `cargo xtask setup [--print]`
pub(crate) fn setup(args: &[String]) -> Result<(), Failure> {
    match args {
        [] => ensure(&[BUILD, READERS, PEERS], false),
        [flag] if flag == "--print" => ensure(&[BUILD, READERS, PEERS], true),
        _ => Err(Failure::usage("setup takes only --print")),
    }
}

fn ensure(groups: &[&[Need]], only_print: bool) -> Result<(), Failure> {
    let missing: Vec<&Need> = groups
        .iter()
        .copied()
        .flatten()
        .filter(|need| !(need.present)())
        .collect();
    if missing.is_empty() {
        if only_print {
            println!("nothing is missing");
        }
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {} ({})", need.what, need.why);
    }
    let Some(family) = Family::here() else {
        return Err(Failure::usage(unknown_system(&missing)));
    };
    let packages = packages(&missing, family);
    let nowhere: Vec<&str> = missing
        .iter()
        .filter(|need| package(need, family).is_empty())
        .map(|need| need.what)
        .collect();
    if !nowhere.is_empty() {
        let what = nowhere.join(", ");
        return Err(Failure::usage(format!(
            "this system has no package for {what}: `cargo xtask test --quick` does without"
        )));
    }
    let line = format!("{} {}", family.install(), packages.join(" "));
    if only_print || family != Family::Debian || !is_root() {
        let sudo = if family == Family::MacOs || is_root() {
            ""
        } else {
            "sudo "
        };
        return Err(Failure::usage(format!(
            "install what is missing with this line, then try again:\n\n    {sudo}{line}\n"
        )));
    }
    quietly(&mut apt(["update", "-qq"]))?;
    let mut install = apt(["install", "--no-install-recommends", "-y", "-qq"]);
    install.args(&packages);
    quietly(&mut install)?;
    match missing.iter().find(|need| !(need.present)()) {
        None => Ok(()),
        Some(need) => Err(Failure::usage(format!(
            "{} is still missing after '{line}'",
            need.what
        ))),
    }
}

fn package(need: &Need, family: Family) -> &'static str {
    FAMILIES
        .iter()
        .zip(need.packages)
        .find(|(f, _)| **f == family)
        .map_or("", |(_, name)| name)
}

fn packages(missing: &[&Need], family: Family) -> Vec<&'static str> {
    let mut names: Vec<&str> = missing
        .iter()
        .flat_map(|need| package(need, family).split_whitespace())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn unknown_system(missing: &[&Need]) -> String {
    let lines = FAMILIES.map(|family| {
        format!(
            "    {family:?}: {} {}",
            family.install(),
            packages(missing, family).join(" ")
        )
    });
    format!(
        "this system is not known here; on others the packages are\n\n{}\n",
        lines.join("\n")
    )
}

fn apt<const N: usize>(args: [&str; N]) -> Command {
    let mut command = program("apt-get", args);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Shows the line; what apt says, only where it fails. Standard output stays free: it may belong to `gba`.
fn quietly(command: &mut Command) -> Result<(), Failure> {
    eprintln!("$ {}", shown(command));
    read(command)
        .map(drop)
        .map_err(|failure| Failure::usage(failure.text))
}

fn is_root() -> bool {
    read(&mut program("id", ["-u"])).is_ok_and(|uid| uid.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_by_os_release() {
        for (text, family) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\n",
                Some(Family::Debian),
            ),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some(Family::Debian)),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                Some(Family::Fedora),
            ),
            ("ID=opensuse-tumbleweed\n", Some(Family::Suse)),
            ("ID=alpine\n", Some(Family::Alpine)),
            ("ID=plan9\n", None),
        ] {
            assert_eq!(Family::from_os_release(text), family, "{text}");
        }
    }

    #[test]
    fn what_builds_gba_has_a_package_everywhere() {
        for need in BUILD {
            for family in FAMILIES {
                assert!(!package(need, family).is_empty(), "{} on {family:?}", need.what);
            }
        }
    }

    #[test]
    fn packages_are_named_once() {
        let all: Vec<&Need> = BUILD.iter().chain(PEERS).collect();
        let names = packages(&all, Family::Alpine);
        assert_eq!(names.iter().filter(|name| **name == "build-base").count(), 1);
    }
}
